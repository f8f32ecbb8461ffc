/** A clock: the only door through which time enters the core. Every other file takes a {@linkcode Clock} or a `nowMs`. */
export interface Clock {
  /** Milliseconds on a monotonic scale with an arbitrary origin; never jumps with the wall clock. */
  nowMs(): number;
  /** Milliseconds since the Unix epoch, for timestamps only. */
  wallMs(): number;
  /**
   * Calls `fn` once after `delayMs` milliseconds; disposing the result before that cancels the call.
   *
   * Delays beyond the platform's 2^31 − 1 ms are honoured by re-arming. `fn` must not throw.
   */
  schedule(delayMs: number, fn: () => void): Disposable;
}

/** Longest delay that a platform timer honours. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * The clock of the running process: `performance.now()`, `Date.now()` and platform timers that keep the process alive.
 *
 * @example It is monotonic and cancels what it scheduled
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const before = systemClock.nowMs();
 * const timer = systemClock.schedule(60_000, () => assert.fail("was cancelled"));
 * timer[Symbol.dispose]();
 * assert.ok(systemClock.nowMs() >= before);
 * ```
 */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule: (delayMs, fn) => new SystemTimer(delayMs, fn),
};

class SystemTimer implements Disposable {
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #fn: () => void;

  constructor(delayMs: number, fn: () => void) {
    this.#fn = fn;
    this.#arm(delayMs);
  }

  #arm(delayMs: number): void {
    const thisTimeMs = Math.min(delayMs, MAX_TIMER_MS);
    this.#timer = setTimeout(() => {
      if (delayMs > MAX_TIMER_MS) return this.#arm(delayMs - MAX_TIMER_MS);
      this.#timer = undefined;
      this.#fn();
    }, thisTimeMs);
  }

  [Symbol.dispose](): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Options of {@linkcode sleep}. */
export interface SleepOptions {
  /** Ends the wait early: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Resolves after `delayMs` milliseconds of the given clock, or rejects with the reason of an aborted signal.
 *
 * The listener on the signal is removed on both paths.
 *
 * @example An aborted wait rejects with the reason
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const controller = new AbortController();
 * const wait = sleep(systemClock, 60_000, { signal: controller.signal });
 * controller.abort("changed my mind");
 * await assert.rejects(wait, (reason) => reason === "changed my mind");
 * ```
 */
export function sleep(clock: Clock, delayMs: number, options: SleepOptions = {}): Promise<void> {
  const { signal } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    function onAbort() {
      timer[Symbol.dispose]();
      reject(signal!.reason);
    }
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
