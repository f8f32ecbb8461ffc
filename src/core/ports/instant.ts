import { type Clock, systemClock } from "./clock.ts";

/** Looks at the clock until it has moved so often when its resolution is measured. */
const MOVES = 50;

/**
 * A length of time that was measured. {@linkcode now} shows its use.
 */
export class Elapsed {
  readonly #ms: number;

  /** Creates it from milliseconds. */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Whole nanoseconds. */
  asNanos(): number {
    return Math.round(this.#ms * 1e6);
  }

  /** Microseconds, with fractions. */
  asMicros(): number {
    return this.#ms * 1e3;
  }

  /** Milliseconds, with fractions. */
  asMillis(): number {
    return this.#ms;
  }

  /** Seconds, with fractions. */
  asSeconds(): number {
    return this.#ms / 1e3;
  }
}

/**
 * A moment on a monotonic clock, which setting the wall clock does not move. {@linkcode now} shows its use.
 */
export class Instant {
  readonly #ms: number;
  readonly #clock: Clock;

  /** Creates it from the time on a clock. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#ms = clock.nowMs();
  }

  /** Time from an earlier moment to this one; 0 where that one is later. Both must come from one clock. */
  durationSince(earlier: Instant): Elapsed {
    return new Elapsed(Math.max(0, this.#ms - earlier.#ms));
  }

  /** Time from this moment until now. */
  elapsed(): Elapsed {
    return new Elapsed(Math.max(0, this.#clock.nowMs() - this.#ms));
  }
}

/**
 * Takes the time, for measuring how long something takes.
 *
 * @example Time between two moments
 * ```ts
 * import { timing } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const before = timing.now();
 * const after = timing.now();
 * assert.ok(after.durationSince(before).asNanos() >= 0);
 * assert.equal(before.durationSince(after).asNanos(), 0);
 * ```
 */
export function now(clock: Clock = systemClock): Instant {
  return new Instant(clock);
}

/**
 * Measures the smallest step of a clock in nanoseconds: shorter times can't be told from 0. It takes a moment, so keep the answer.
 *
 * @example The clock of this runtime tells microseconds apart
 * ```ts
 * import { timing } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * assert.ok(timing.resolutionNs() < 1_000_000);
 * ```
 */
export function resolutionNs(clock: Clock = systemClock): number {
  let leastMs = Infinity;
  for (let move = 0; move < MOVES; move++) {
    const beforeMs = clock.nowMs();
    let nowMs = beforeMs;
    while (nowMs === beforeMs) nowMs = clock.nowMs();
    leastMs = Math.min(leastMs, nowMs - beforeMs);
  }
  return Math.max(1, Math.round(leastMs * 1e6));
}
