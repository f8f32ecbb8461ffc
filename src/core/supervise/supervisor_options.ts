import { durationOption } from "../values/duration.ts";
import { checkKeys, checkOneOf } from "../values/options.ts";
import type { SupervisorOptions } from "./supervisor.ts";

const OPTIONS: readonly (keyof SupervisorOptions)[] = ["strategy", "maxRestarts", "within", "onExhausted", "autoShutdown"];

/**
 * Refuses options of a supervisor that can't be.
 *
 * @throws {TypeError | RangeError} if one is unknown or wrong.
 */
export function checkSupervisorOptions(action: string, options: SupervisorOptions): void {
  checkKeys(action, options, OPTIONS);
  const { strategy = "oneForOne", maxRestarts = Infinity, within = 1, onExhausted = "escalate", autoShutdown = "never" } = options;
  checkOneOf(action, "strategy", strategy, ["oneForOne", "oneForAll", "restForOne"]);
  checkOneOf(action, "onExhausted", onExhausted, ["fatal", "pause", "escalate"]);
  checkOneOf(action, "autoShutdown", autoShutdown, ["never", "anySignificant", "allSignificant"]);
  if (!(maxRestarts === Infinity || (Number.isInteger(maxRestarts) && maxRestarts >= 0))) {
    throw new RangeError(`Cannot ${action} as "maxRestarts" must be an integer >= 0 or Infinity: current value is ${String(maxRestarts)}`);
  }
  if (durationOption(action, "within", within) === 0) {
    throw new RangeError(`Cannot ${action} as "within" must be > 0: current value is ${String(within)}`);
  }
}
