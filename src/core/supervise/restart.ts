import { type Duration, durationOption } from "../values/duration.ts";
import { checkKeys, checkOneOf } from "../values/options.ts";

/** Options of {@linkcode RestartPolicy}. */
export interface RestartOptions {
  /** Wait before the first restart in a row. @default {"100ms"} */
  delay?: Duration;
  /** The wait grows by this factor with each restart in a row. @default {2} */
  factor?: number;
  /** Longest wait. @default {"30s"} */
  maxDelay?: Duration;
  /** Each wait is varied by up to this share, up or down, and never beyond `maxDelay`. @default {0.2} */
  jitter?: number;
  /** Restarts in a row, or within `within` where that is set; Infinity for no limit. @default {10} */
  maxRestarts?: number;
  /** Makes `maxRestarts` count in a sliding window of this length instead of in a row. @default {undefined} */
  within?: Duration;
  /** A run of at least this length is stable: the next restart is the first of a new row. No run is with 0. @default {"60s"} */
  resetAfter?: Duration;
  /** Effect when they are used up: end for good, wait until there is room again, or fail the supervisor. @default {"fatal"} */
  onExhausted?: "fatal" | "pause" | "escalate";
}

const OPTIONS: readonly (keyof RestartOptions)[] = [
  "delay",
  "factor",
  "maxDelay",
  "jitter",
  "maxRestarts",
  "within",
  "resetAfter",
  "onExhausted",
];
/**
 * When a subsystem is restarted, after what wait, and when that is over. Immutable; one policy may serve any number of subsystems.
 *
 * - The first wait is `delay`; the n-th in a row is `delay × factor^(n − 1)`, at most `maxDelay`, varied by `jitter`.
 * - A row ends with a run that lasted `resetAfter` on the monotonic clock; becoming ready does not end it.
 *
 * @example The waits of a row, without jitter
 * ```ts
 * import { RestartPolicy } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const policy = RestartPolicy.onFailure({ delay: "100ms", maxDelay: "1s", jitter: 0 });
 * assert.deepEqual([1, 2, 3, 4, 5].map((attempt) => policy.waitMs(attempt, 0.5)), [100, 200, 400, 800, 1_000]);
 * ```
 */
export class RestartPolicy {
  /** Which ends are followed by another run. */
  readonly when: "never" | "on-failure" | "always";
  /** Wait before the first restart in a row, in milliseconds. */
  readonly delayMs: number;
  /** Growth of the wait. */
  readonly factor: number;
  /** Longest wait in milliseconds. */
  readonly maxDelayMs: number;
  /** Share by which each wait varies. */
  readonly jitter: number;
  /** Limit of restarts. */
  readonly maxRestarts: number;
  /** Length of the sliding window in milliseconds; undefined counts in a row. */
  readonly withinMs: number | undefined;
  /** Length of a stable run in milliseconds. */
  readonly resetAfterMs: number;
  /** Effect when restarts are used up. */
  readonly onExhausted: "fatal" | "pause" | "escalate";

  /** Restarts after a failure, with the default limits; the policy of whoever names none. */
  static readonly OnFailure: RestartPolicy = new RestartPolicy("on-failure");
  /** Restarts after every end, with the default limits. */
  static readonly Always: RestartPolicy = new RestartPolicy("always");
  /** Never restarts. */
  static readonly Never: RestartPolicy = new RestartPolicy("never");

  /** Restarts after a failure. */
  static onFailure(options?: RestartOptions): RestartPolicy {
    return new RestartPolicy("on-failure", options);
  }

  /** Restarts after every end. */
  static always(options?: RestartOptions): RestartPolicy {
    return new RestartPolicy("always", options);
  }

  /** Creates a policy. */
  constructor(when: "never" | "on-failure" | "always", options: RestartOptions = {}) {
    checkKeys("create RestartPolicy", options, OPTIONS);
    const {
      delay = 100,
      factor = 2,
      maxDelay = 30_000,
      jitter = 0.2,
      maxRestarts = 10,
      within,
      resetAfter = 60_000,
      onExhausted = "fatal",
    } = options;
    checkOneOf("create RestartPolicy", "when", when, ["never", "on-failure", "always"]);
    checkOneOf("create RestartPolicy", "onExhausted", onExhausted, ["fatal", "pause", "escalate"]);
    if (typeof factor !== "number" || !(factor >= 1)) {
      throw new RangeError(`Cannot create RestartPolicy as "factor" must be >= 1: current value is ${factor}`);
    }
    if (typeof jitter !== "number" || !(jitter >= 0 && jitter < 1)) {
      throw new RangeError(`Cannot create RestartPolicy as "jitter" must be >= 0 and < 1: current value is ${jitter}`);
    }
    if (!(maxRestarts === Infinity || Number.isInteger(maxRestarts) && maxRestarts >= 0)) {
      throw new RangeError(
        `Cannot create RestartPolicy as "maxRestarts" must be an integer >= 0 or Infinity: current value is ${maxRestarts}`,
      );
    }
    this.when = when;
    const ms = (key: string, value: Duration) => durationOption("create RestartPolicy", key, value);
    this.delayMs = ms("delay", delay);
    this.factor = factor;
    this.maxDelayMs = Math.max(ms("maxDelay", maxDelay), this.delayMs);
    this.jitter = jitter;
    this.maxRestarts = maxRestarts;
    this.withinMs = within === undefined ? undefined : ms("within", within);
    if (this.withinMs === 0) throw new RangeError(`Cannot create RestartPolicy as "within" must be > 0: current value is ${within}`);
    this.resetAfterMs = ms("resetAfter", resetAfter);
    this.onExhausted = onExhausted;
  }

  /** The wait before restart number `attempt` (from 1) of a row, for a `random` number in [0, 1). */
  waitMs(attempt: number, random: number): number {
    if (this.delayMs === 0) return 0;
    const plainMs = Math.min(this.maxDelayMs, this.delayMs * this.factor ** (attempt - 1));
    return Math.min(this.maxDelayMs, plainMs * (1 + this.jitter * (2 * random - 1)));
  }
}

/** Which ends of a run are followed by another run. */
export type RestartWhen = RestartPolicy["when"];

/** Effect of used-up restarts: end for good, wait until there is room again, or fail the supervisor. */
export type OnExhausted = RestartPolicy["onExhausted"];

/** How long a policy with `onExhausted: "pause"` pauses that knows neither a window nor a stable run. */
const PAUSE_MS = 60_000;

/** Verdict on a run that ended without having been told to. */
export type RestartVerdict =
  | { kind: "end" }
  | { kind: "restart"; attempt: number; delayMs: number }
  | { kind: "pause"; attempt: number; delayMs: number }
  | { kind: "exhausted"; onExhausted: "fatal" | "escalate"; restarts: number; withinMs?: number };

/** How a start is put off that the daemon had no room for, whatever the policy of the subsystem says. */
const POSTPONE = new RestartPolicy("always", { maxDelay: "5s" });

/**
 * The restarts of one subsystem so far; the input of the next {@linkcode RestartVerdict}.
 *
 * @example The third restart in a row is one too many
 * ```ts
 * import { RestartPolicy } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const policy = RestartPolicy.onFailure({ delay: "1s", factor: 2, jitter: 0, maxRestarts: 2 });
 * const history = new RestartHistory();
 * const crash = () => history.judge(policy, { failed: true, ranMs: 5, nowMs: 0, random: 0.5 });
 * assert.deepEqual(crash(), { kind: "restart", attempt: 1, delayMs: 1_000 });
 * assert.deepEqual(crash(), { kind: "restart", attempt: 2, delayMs: 2_000 });
 * assert.deepEqual(crash(), { kind: "exhausted", onExhausted: "fatal", restarts: 2 });
 * ```
 */
export class RestartHistory {
  /** Restarts in a row. */
  #inARow = 0;
  /** Times of restarts within the policy's window, oldest first; never longer than `maxRestarts`. */
  readonly #admittedMs: number[] = [];
  /** Starts in a row that there was no room for. */
  #postponed = 0;

  /** Restarts in a row, 0 after a stable run. */
  get inARow(): number {
    return this.#inARow;
  }

  /** Forgets the row and the window, as after a manual start. */
  clear(): void {
    this.#inARow = 0;
    this.#admittedMs.length = 0;
    this.#postponed = 0;
  }

  /**
   * Puts off a start that the daemon had no room for: it is no restart and counts as none.
   *
   * The wait grows from 100 ms to 5 s until a run has taken place.
   */
  postpone(random: number): { attempt: number; delayMs: number } {
    const attempt = ++this.#postponed;
    return { attempt, delayMs: POSTPONE.waitMs(attempt, random) };
  }

  /**
   * Judges the end of a run and records the restart that it grants.
   *
   * A restart counts at the moment of the verdict, so a pause ends exactly when the oldest one leaves the window.
   */
  judge(policy: RestartPolicy, end: { failed: boolean; ranMs: number; nowMs: number; random: number }): RestartVerdict {
    const { failed, ranMs, nowMs, random } = end;
    this.#postponed = 0;
    if (policy.when === "never" || (policy.when === "on-failure" && !failed)) return { kind: "end" };
    // Were every run a stable one, the limit of restarts would never hold.
    if (policy.resetAfterMs > 0 && ranMs >= policy.resetAfterMs) this.#inARow = 0;
    const attempt = ++this.#inARow;
    const delayMs = policy.waitMs(attempt, random);
    const roomInMs = policy.withinMs === undefined ? this.#roomInARow(policy) : this.#roomInWindow(policy, policy.withinMs, nowMs);
    if (roomInMs === undefined) return { kind: "restart", attempt, delayMs };
    if (policy.onExhausted === "pause") return { kind: "pause", attempt, delayMs: Math.max(delayMs, roomInMs) };
    const { onExhausted, withinMs } = policy;
    // In a window it is the restarts within it that are used up, not those in a row.
    if (withinMs !== undefined) return { kind: "exhausted", onExhausted, restarts: this.#admittedMs.length, withinMs };
    return { kind: "exhausted", onExhausted, restarts: attempt - 1 };
  }

  /** How long until there is room for another restart; undefined when there is. */
  #roomInARow(policy: RestartPolicy): number | undefined {
    // Where no run is a stable one, nothing says how long a pause is but that it is one.
    return this.#inARow <= policy.maxRestarts ? undefined : policy.resetAfterMs || PAUSE_MS;
  }

  #roomInWindow(policy: RestartPolicy, withinMs: number, nowMs: number): number | undefined {
    const times = this.#admittedMs;
    while (times.length > 0 && nowMs - times[0] >= withinMs) times.shift();
    if (times.length < policy.maxRestarts) {
      times.push(nowMs);
      return undefined;
    }
    if (policy.onExhausted !== "pause" || times.length === 0) return withinMs;
    const roomInMs = times[0] + withinMs - nowMs;
    times.shift();
    times.push(nowMs + roomInMs);
    return roomInMs;
  }
}
