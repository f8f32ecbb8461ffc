import type { Clock } from "../core/ports/clock.ts";

/** Looks again and again, each time as long after the end of the last look, until it is disposed. */
export class RepeatedLook implements Disposable {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #look: () => Promise<void>;
  #timer: Disposable | undefined;
  #isOver = false;

  /** Begins; the first look comes after `everyMs`. `look` must not reject. */
  constructor(clock: Clock, everyMs: number, look: () => Promise<void>) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#look = look;
    this.#lookLater();
  }

  /** Whether the looks have ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends it; a look that goes on is finished. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
  }

  #lookLater(): void {
    if (!this.#isOver) this.#timer = this.#clock.schedule(this.#everyMs, () => void this.#look().then(() => this.#lookLater()));
  }
}
