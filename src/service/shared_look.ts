import { type Clock, sleep } from "../core/ports/clock.ts";

/** Beyond the first milliseconds, looking is followed by a rest of so many times its length, so that it takes a quarter of the time at most. */
const REST_FACTOR = 3;
/** A few looks in a row need no rest: a stop of some hundred services takes two or three, and would wait longer than it works. */
const FREE_MS = 50;

/**
 * Answers many questions by one look: each answer comes from a look that began after its question was asked, and whoever asks meanwhile
 * shares the next one. A thousand services that end at once do not read the process table a thousand times.
 *
 * Once it is disposed, a look that rests begins at once, so that nothing is left behind.
 */
export class SharedLook<Question, Answer> implements Disposable {
  readonly #clock: Clock;
  readonly #look: (questions: readonly Question[]) => Answer;
  #questions: Question[] = [];
  #next: Promise<Answer> | undefined;
  #patience = new AbortController();
  readonly #over = new AbortController();
  /** Time that looks took lately, as of the end of the last one; resting makes up for it. */
  #spentMs = 0;
  #lastMs = -Infinity;

  /** Creates it; `look` is synchronous, and what it throws rejects every question of that look. */
  constructor(clock: Clock, look: (questions: readonly Question[]) => Answer) {
    this.#clock = clock;
    this.#look = look;
  }

  /**
   * Resolves with the answer to all questions of one look, this one among them; it begins after `delayMs` unless somebody asks who wants to
   * know sooner.
   */
  ask(question: Question, { delayMs = 0 }: { delayMs?: number } = {}): Promise<Answer> {
    this.#questions.push(question);
    this.#next ??= this.#lookSoon(delayMs);
    if (delayMs === 0) this.#patience.abort();
    return this.#next;
  }

  async #lookSoon(delayMs: number): Promise<Answer> {
    // At least until `ask` has returned, so that whoever asks in the same turn is there.
    if (delayMs > 0) await this.#wait(delayMs, this.#patience.signal);
    await this.#wait((this.#spent(this.#clock.nowMs()) - FREE_MS) * REST_FACTOR, this.#over.signal);
    const questions = this.#questions;
    this.#questions = [];
    this.#next = undefined;
    if (!this.#over.signal.aborted) this.#patience = new AbortController();
    const startMs = this.#clock.nowMs();
    try {
      return this.#look(questions);
    } finally {
      const endMs = this.#clock.nowMs();
      this.#spentMs = this.#spent(startMs) + endMs - startMs;
      this.#lastMs = endMs;
    }
  }

  #spent(nowMs: number): number {
    return Math.max(0, this.#spentMs - (nowMs - this.#lastMs) / REST_FACTOR);
  }

  /** Ends the rest. */
  [Symbol.dispose](): void {
    this.#patience.abort();
    this.#over.abort();
  }

  async #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    if (delayMs <= 0) return;
    await sleep(this.#clock, delayMs, { signal }).catch(() => {/* disposed, or asked to hurry: the look begins */});
  }
}
