import type { Clock } from "../core/ports/clock.ts";

/** How often a lasting loss is mentioned. */
const MENTION_MS = 60_000;

/** Tells of what was lost: the first loss at once, what follows once a minute at most, and the rest at the end. */
export class DropNotice implements Disposable {
  readonly #clock: Clock;
  readonly #tell: (dropped: number, error: unknown) => void;
  /** Losses that were not told of yet, and why. */
  #untold = 0;
  #error: unknown;
  /** Runs while it is too early to tell of more. */
  #pause: Disposable | undefined;
  #isOver = false;

  /** Creates one that has nothing to tell. */
  constructor(clock: Clock, tell: (dropped: number, error: unknown) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Adds a loss. */
  add(dropped: number, error: unknown): void {
    this.#untold += dropped;
    this.#error = error;
    if (this.#pause === undefined) this.#mention();
  }

  /** Tells of the rest; what is lost later is told of at once, as no timer may be left behind. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#pause?.[Symbol.dispose]();
    this.#pause = undefined;
    this.#mention();
  }

  #mention(): void {
    if (this.#untold === 0) return;
    const dropped = this.#untold;
    this.#untold = 0;
    if (!this.#isOver) {
      this.#pause = this.#clock.schedule(MENTION_MS, () => {
        this.#pause = undefined;
        this.#mention();
      });
    }
    this.#tell(dropped, this.#error);
  }
}
