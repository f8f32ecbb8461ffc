import type { Clock } from "../core/ports/clock.ts";

/** Turns of the microtask queue that let everything settle which is ready to. */
const SETTLING_TURNS = 50;

interface Timer {
  dueMs: number;
  order: number;
  fn: () => void;
}

/**
 * A clock that stands still until it is told to go on.
 *
 * @example Timers run in the order of their times
 * ```ts
 * import { FakeClock } from "@daemonkit/daemonkit/testing";
 * import assert from "node:assert/strict";
 *
 * const clock = new FakeClock();
 * const order: string[] = [];
 * clock.schedule(20, () => order.push("late"));
 * clock.schedule(10, () => order.push("early"));
 * await clock.advance(15);
 * assert.deepEqual(order, ["early"]);
 * assert.equal(clock.pendingTimers, 1);
 * ```
 */
export class FakeClock implements Clock {
  #nowMs = 1_000;
  #wallOffsetMs = Date.UTC(2026, 0, 1) - 1_000;
  #order = 0;
  readonly #timers = new Set<Timer>();

  /** Milliseconds on the monotonic scale; begins at 1,000. */
  nowMs(): number {
    return this.#nowMs;
  }

  /** Milliseconds since the Unix epoch; begins at 2026-01-01. */
  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  /** Calls `fn` when the clock was advanced by `delayMs`. */
  schedule(delayMs: number, fn: () => void): Disposable {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, fn };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Number of timers that have not run. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves the wall clock only, as an operator or a time server would. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Goes on by `ms`: runs each timer at its time, in order, and lets everything settle before and after each. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#timers.delete(next);
      next.fn();
      await settle();
    }
    this.#nowMs = endMs;
  }

  #next(endMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > endMs) continue;
      if (first === undefined || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order)) first = timer;
    }
    return first;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLING_TURNS; turn++) await Promise.resolve();
}
