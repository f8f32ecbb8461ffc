import type { Clock } from "../ports/clock.ts";

/** A timer that is later than this was kept by a program that stood still; and the longest time that this gives back. */
const STANDSTILL_MS = 250;
const MOST_GIVEN_BACK_MS = 2_000;

/** Turns of the microtask queue after which work that ends by itself at once has ended. */
const SETTLING_TURNS = 12;

const settled: Promise<void> = Promise.resolve();

/**
 * Deadlines that rarely come: a platform timer is armed only for those that still stand after a few turns of the microtask queue.
 *
 * A time in which the program stood still is given back once: what has ended meanwhile was not heard of yet, and is not late.
 *
 * Most daemons stop within a few turns, and on Deno arming one timer costs more than all the rest of their shutdown.
 */
export class Deadlines {
  readonly #clock: Clock;
  /** Those that came in the last turns. */
  #young: Deadline[] | undefined;
  #turnsLeft = 0;

  /** Creates an empty set of deadlines under a clock. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `fn` once after `delayMs` milliseconds, unless the result is disposed before. `fn` must not throw. */
  after(delayMs: number, fn: () => void): Disposable {
    const deadline = new Deadline(delayMs, fn);
    if (this.#young !== undefined) this.#young.push(deadline);
    else {
      this.#young = [deadline];
      this.#turnsLeft = SETTLING_TURNS;
      void settled.then(this.#watch);
    }
    return deadline;
  }

  readonly #watch = (): void => {
    const young = this.#young!;
    if (!young.every(isOver) && --this.#turnsLeft > 0) return void settled.then(this.#watch);
    this.#young = undefined;
    for (const deadline of young) deadline.arm(this.#clock);
  };
}

const isOver = (deadline: Deadline): boolean => deadline.isOver;

class Deadline implements Disposable {
  readonly #delayMs: number;
  readonly #fn: () => void;
  #timer: Disposable | undefined;
  isOver = false;

  constructor(delayMs: number, fn: () => void) {
    this.#delayMs = delayMs;
    this.#fn = fn;
  }

  arm(clock: Clock): void {
    if (this.isOver) return;
    const dueMs = clock.nowMs() + this.#delayMs;
    const end = () => {
      this.isOver = true;
      this.#fn();
    };
    this.#timer = clock.schedule(this.#delayMs, () => {
      const lateMs = clock.nowMs() - dueMs;
      if (lateMs > STANDSTILL_MS) this.#timer = clock.schedule(Math.min(lateMs, MOST_GIVEN_BACK_MS), end);
      else end();
    });
  }

  [Symbol.dispose](): void {
    this.isOver = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }
}
