import { SIGNAL_NUMBERS, type SignalName } from "../core/values/signal_name.ts";
import { checkKeys } from "../core/values/options.ts";

/** Options of {@linkcode SignalConfig}. */
export interface SignalOptions {
  /** Signals that stop the daemon; a second one hurries, a third one ends at once. @default {["SIGTERM", "SIGINT", "SIGQUIT"]} */
  stop?: readonly SignalName[];
  /** Signals that reload the configuration; ignored while stopping. @default {["SIGHUP"]} */
  reload?: readonly SignalName[];
  /** Signals that reopen log files. @default {["SIGUSR2"]} */
  reopenLogs?: readonly SignalName[];
  /** Handlers of your own, by signal. One that throws, or whose promise rejects, is logged. @default {{}} */
  on?: Readonly<Partial<Record<SignalName, () => unknown>>>;
}

/**
 * Which signals do what. A signal that is not named keeps its default action.
 *
 * SIGUSR1 can't be used: Deno opens an inspector on it, whatever handlers there are.
 *
 * @example HUP keeps its default action, USR2 is handled here
 * ```ts
 * import { SignalConfig } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const signals = new SignalConfig({ reload: [], reopenLogs: [], on: { SIGUSR2: () => console.log("dump") } });
 * assert.deepEqual(signals.names(), ["SIGTERM", "SIGINT", "SIGQUIT", "SIGUSR2"]);
 * assert.throws(() => new SignalConfig({ stop: ["SIGUSR1"] }), RangeError);
 * ```
 */
export class SignalConfig {
  /** Signals that stop the daemon. */
  readonly stop: readonly SignalName[];
  /** Signals that reload the configuration. */
  readonly reload: readonly SignalName[];
  /** Signals that reopen log files. */
  readonly reopenLogs: readonly SignalName[];
  /** Further handlers. */
  readonly on: Readonly<Partial<Record<SignalName, () => unknown>>>;

  /**
   * Creates a configuration.
   *
   * @throws {RangeError} if a signal is named twice or can't be handled.
   * @throws {TypeError} if an option is unknown or of a wrong type.
   */
  constructor(options: SignalOptions = {}) {
    checkKeys("create SignalConfig", options, ["stop", "reload", "reopenLogs", "on"]);
    const { stop = ["SIGTERM", "SIGINT", "SIGQUIT"], reload = ["SIGHUP"], reopenLogs = ["SIGUSR2"], on = {} } = options;
    for (const [key, list] of Object.entries({ stop, reload, reopenLogs })) {
      if (!Array.isArray(list)) throw new TypeError(`Cannot create SignalConfig as "${key}" must be a list of signal names`);
    }
    for (const [signal, handler] of Object.entries(on)) {
      if (typeof handler !== "function") throw new TypeError(`Cannot create SignalConfig as "on.${signal}" must be a function`);
    }
    this.stop = stop;
    this.reload = reload;
    this.reopenLogs = reopenLogs;
    this.on = on;
    const names = this.names();
    for (const name of names) {
      if (!(name in SIGNAL_NUMBERS) || name === "SIGKILL" || name === "SIGSTOP" || name === "SIGUSR1") {
        throw new RangeError(
          `Cannot create SignalConfig as a signal must be one that can be handled: current value is ${JSON.stringify(name)}`,
        );
      }
      if (names.indexOf(name) !== names.lastIndexOf(name)) {
        throw new RangeError(`Cannot create SignalConfig as each signal must have one meaning: ${name} has two`);
      }
    }
  }

  /** Every signal that is handled. */
  names(): SignalName[] {
    return [...this.stop, ...this.reload, ...this.reopenLogs, ...Object.keys(this.on) as SignalName[]];
  }
}

const DESCRIPTIONS: Partial<Record<SignalName, string>> = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGQUIT: "quit",
  SIGABRT: "abort",
  SIGKILL: "kill",
  SIGTERM: "termination",
};

/**
 * Describes a signal number in words, as the Rust crate does.
 *
 * @example Known and unknown numbers
 * ```ts
 * import { signalDescription } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(signalDescription(15), "SIGTERM (termination)");
 * assert.equal(signalDescription(99), "signal 99");
 * ```
 */
export function signalDescription(number: number): string {
  const entry = Object.entries(SIGNAL_NUMBERS).find(([, each]) => each === number) as [SignalName, number] | undefined;
  if (entry === undefined) return `signal ${number}`;
  const words = DESCRIPTIONS[entry[0]];
  return words === undefined ? entry[0] : `${entry[0]} (${words})`;
}
