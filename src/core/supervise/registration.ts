import { type AfterEdge, parseAfter } from "./after.ts";
import { durationOption } from "../values/duration.ts";
import type { AddOptions } from "./children.ts";
import { messageOf } from "../values/errors.ts";
import { nameProblem } from "../values/names.ts";
import { checkBooleans, checkFunction, checkKeys, checkOneOf } from "../values/options.ts";
import { RestartPolicy } from "./restart.ts";
import type { Subsystem } from "./subsystem.ts";
import type { SubsystemSpec } from "./spec.ts";

/** How a subsystem is run, with every default filled in: see `SubsystemSpec`. */
export interface ResolvedSpec {
  restart: RestartPolicy;
  readiness: "auto" | "manual" | "none";
  readyTimeoutMs: number;
  /** Undefined: what a shutdown leaves, and what the daemon grants outside of one. */
  stopTimeoutMs: number | undefined;
  essential: boolean;
  stopLast: boolean;
  retryStart: boolean;
  significant: boolean;
  /** Its failure for good is none of the daemon: `significant` is false by its own words. */
  mayFail: boolean;
  /** It is forgotten at its end. */
  temporary: boolean;
}

const DEFAULT_SPEC: ResolvedSpec = {
  restart: RestartPolicy.OnFailure,
  readiness: "auto",
  readyTimeoutMs: 15_000,
  stopTimeoutMs: undefined,
  essential: false,
  stopLast: false,
  retryStart: false,
  significant: false,
  mayFail: false,
  temporary: false,
};

/** A subsystem as it was registered, checked and with every default filled in. */
export interface Registration {
  /** The subsystem to run. */
  readonly subsystem: Subsystem;
  /** Kind of unit, for `status`. */
  readonly kind: string;
  /** How it is run. */
  readonly spec: ResolvedSpec;
  /** Names and conditions of what comes first. */
  readonly after: readonly AfterEdge[];
}

const OPTIONS: readonly (keyof SubsystemSpec)[] = [
  "restart",
  "after",
  "readiness",
  "ready",
  "stop",
  "essential",
  "stopLast",
  "retryStart",
  "significant",
];
const ADD_OPTIONS: readonly (keyof AddOptions)[] = [...OPTIONS, "temporary"];

const OPTIONAL_FUNCTIONS = ["restartPolicy", "healthCheck", "stopIntake", "details"] as const satisfies readonly (keyof Subsystem)[];

const NO_EDGES: Registration["after"] = [];

/** Refuses what can't be run. */
export function checkSubsystem(subsystem: Subsystem): void {
  if (typeof subsystem?.run !== "function") {
    throw new TypeError(`Cannot add a subsystem as it must have a function "run": current value is of type ${typeof subsystem?.run}`);
  }
  for (const name of OPTIONAL_FUNCTIONS) {
    if (subsystem[name] !== undefined) checkFunction(`add ${JSON.stringify(subsystem.name)}`, name, subsystem[name]);
  }
}

/** Refuses a name that no unit may have. */
export function checkName(name: string): void {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new RangeError(`Cannot add a subsystem as its name ${problem}`);
}

/**
 * Checks a subsystem that is added to those that run, and how.
 *
 * @throws {TypeError | RangeError} if it can't be run, its name is bad, or an option is wrong.
 */
export function addition(subsystem: Subsystem, options?: AddOptions): Registration {
  checkSubsystem(subsystem);
  checkName(subsystem.name);
  if (options === undefined) return registration(subsystem, "subsystem");
  const action = `add ${JSON.stringify(subsystem.name)}`;
  checkKeys(action, options, ADD_OPTIONS);
  const { temporary = false, ...spec } = options;
  checkBooleans(action, { temporary });
  const restart = temporary && spec.restart === undefined && subsystem.restartPolicy === undefined && subsystem.spec?.restart === undefined
    ? RestartPolicy.Never
    : undefined;
  const given = registration(subsystem, "subsystem", restart === undefined ? spec : { ...spec, restart });
  return temporary ? { ...given, spec: { ...given.spec, temporary } } : given;
}

/**
 * Checks how a subsystem is to be run and fills in the defaults. What `spec` says wins over the subsystem's own `spec` and `restartPolicy()`.
 *
 * @throws {TypeError | RangeError} if a value is wrong.
 */
export function registration(subsystem: Subsystem, kind: string, spec?: SubsystemSpec): Registration {
  const own = subsystem.spec;
  if (spec === undefined && own === undefined && subsystem.restartPolicy === undefined) {
    return { subsystem, kind, spec: DEFAULT_SPEC, after: NO_EDGES };
  }
  const action = `register ${JSON.stringify(subsystem.name)}`;
  for (const given of [own, spec]) {
    if (given === undefined) continue;
    checkKeys(action, given, OPTIONS);
    if (given.ready !== undefined) checkKeys(action, given.ready, ["timeout"], "ready.");
    if (given.stop !== undefined) checkKeys(action, given.stop, ["timeout"], "stop.");
  }
  const {
    restart = subsystem.restartPolicy?.() ?? DEFAULT_SPEC.restart,
    after = [],
    readiness = DEFAULT_SPEC.readiness,
    ready: { timeout: readyTimeout = DEFAULT_SPEC.readyTimeoutMs } = {},
    stop: { timeout: stopTimeout } = {},
    essential = false,
    stopLast = false,
    retryStart = false,
    significant,
  } = { ...own, ...spec };
  if (!(restart instanceof RestartPolicy)) {
    throw new TypeError(`Cannot ${action} as "restart" must be a RestartPolicy: current value is ${messageOf(restart)}`);
  }
  checkOneOf(action, "readiness", readiness, ["auto", "manual", "none"]);
  checkBooleans(action, { essential, stopLast, retryStart, significant: significant ?? false });
  if (!Array.isArray(after) || !after.every((entry) => typeof entry === "string")) {
    const hint = typeof after === "string" ? `: write [${JSON.stringify(after)}]` : "";
    throw new TypeError(`Cannot ${action} as "after" must be a list of names${hint}`);
  }
  if (significant && restart.when === "always") {
    throw new RangeError(
      `Cannot ${action} as "significant" must not be combined with a restart policy of "always", under which it never ends by itself`,
    );
  }
  const readyTimeoutMs = readyTimeout === Infinity ? Infinity : durationOption(action, "ready.timeout", readyTimeout);
  const stopTimeoutMs = stopTimeout === undefined || stopTimeout === Infinity
    ? stopTimeout
    : durationOption(action, "stop.timeout", stopTimeout);
  return {
    subsystem,
    kind,
    spec: {
      restart,
      readiness,
      readyTimeoutMs,
      stopTimeoutMs,
      essential,
      stopLast,
      retryStart,
      significant: significant ?? false,
      mayFail: significant === false,
      temporary: false,
    },
    after: after.length === 0 ? NO_EDGES : after.map(parseAfter),
  };
}
