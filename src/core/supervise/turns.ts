import type { Clock } from "../ports/clock.ts";

/** Steps between two looks at the clock. */
const STEPS_PER_LOOK = 64;
/** After so long all supervisors of a tree let the rest of the program have its turn. */
const MOST_OF_A_TURN_MS = 3;

/**
 * Turns of the event loop as all supervisors of one tree share them: what one takes of a turn, the others don't have.
 *
 * Steps may come one by one in a row of microtasks, each in a call of its own, and still keep timers from running; so it is the steps that
 * are counted, not what one call does. A timer is armed only when a look at the clock finds that it might be time to pause.
 */
export class Turns implements Disposable {
  readonly #clock: Clock;
  #steps = 0;
  /** Not later than the beginning of the present turn; undefined where nobody looked since the last one. */
  #sinceMs: number | undefined;
  /** Tells when the present turn ends: while it is there, `#sinceMs` is its beginning. */
  #watch: Disposable | undefined;
  #paused: (() => void)[] = [];

  /** Creates it under a clock. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a step that is about to be taken; true when it must wait for the next turn: see {@linkcode Turns.pause}. */
  isOver(): boolean {
    if (this.#paused.length > 0) return true;
    if (++this.#steps < STEPS_PER_LOOK) return false;
    this.#steps = 0;
    const nowMs = this.#clock.nowMs();
    this.#sinceMs ??= nowMs;
    if (nowMs - this.#sinceMs <= MOST_OF_A_TURN_MS) return false;
    // Others may have had their turn since then. From now on it is known.
    if (this.#watch === undefined) this.#began(nowMs);
    return nowMs - this.#sinceMs > MOST_OF_A_TURN_MS;
  }

  /** Calls `resume` in the next turn of the event loop, after all who paused before. */
  pause(resume: () => void): void {
    this.#paused.push(resume);
    if (this.#paused.length > 1) return;
    this.#clock.schedule(0, () => {
      const paused = this.#paused;
      this.#paused = [];
      this.#steps = 0;
      this.#began(this.#clock.nowMs());
      for (const resume of paused) resume();
    });
  }

  /** Lets go of its timer, at the end of the tree; who is paused goes on. */
  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = this.#sinceMs = undefined;
  }

  #began(nowMs: number): void {
    this.#watch?.[Symbol.dispose]();
    this.#sinceMs = nowMs;
    this.#watch = this.#clock.schedule(0, () => this.#watch = this.#sinceMs = undefined);
  }
}
