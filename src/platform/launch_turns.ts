import type { Clock } from "../core/ports/clock.ts";

/** Time that all launches of one turn of the loop may take together before everything else that waits has its turn. */
const MOST_OF_A_TURN_MS = 10;

interface Waiting {
  resolve(): void;
}

/**
 * Lets timers, signals and sockets have their turn of the loop while many programs are launched: a launch takes milliseconds in which nothing
 * else runs, and five hundred at once held a busy daemon for longer than a program has to stop.
 *
 * They are launched in the order in which they were asked for; those that are urgent, as others stop by them, come first.
 */
export class LaunchTurns {
  readonly #clock: Pick<Clock, "nowMs" | "schedule">;
  /** Since the last turn that had to be waited for. */
  #spentMs = 0;
  readonly #urgent: Waiting[] = [];
  readonly #others: Waiting[] = [];
  #next: Disposable | undefined;
  /** Whether one was let through and has not launched yet. */
  #isOneUnderWay = false;

  /** Creates it under a clock. */
  constructor(clock: Pick<Clock, "nowMs" | "schedule">) {
    this.#clock = clock;
  }

  /**
   * Runs `launch` when its turn has come, at once if this turn has time for it.
   *
   * @throws the reason of `signal`, which gives up waiting.
   */
  async take<T>(launch: () => Promise<T>, { isUrgent = false, signal }: { isUrgent?: boolean; signal?: AbortSignal }): Promise<T> {
    signal?.throwIfAborted();
    if (this.#spentMs >= MOST_OF_A_TURN_MS || this.#isOneUnderWay) await this.#turn(isUrgent ? this.#urgent : this.#others, signal);
    const beganMs = this.#clock.nowMs();
    try {
      // It holds the loop until its first wait, which is not waited for here.
      return launch();
    } finally {
      this.#isOneUnderWay = false;
      this.#spentMs += this.#clock.nowMs() - beganMs;
      this.#goOn();
    }
  }

  #turn(queue: Waiting[], signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        resolve() {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        queue.splice(queue.indexOf(waiting), 1);
        reject(signal!.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      queue.push(waiting);
      this.#goOn();
    });
  }

  /** Lets the next one through, in the next turn of the loop if this one has no time left; a timer is there only while somebody waits. */
  #goOn(): void {
    if (this.#isOneUnderWay || this.#next !== undefined) return;
    const queue = this.#urgent.length > 0 ? this.#urgent : this.#others;
    if (queue.length === 0) return;
    if (this.#spentMs >= MOST_OF_A_TURN_MS) {
      this.#next = this.#clock.schedule(0, () => {
        this.#next = undefined;
        this.#spentMs = 0;
        this.#goOn();
      });
      return;
    }
    this.#isOneUnderWay = true;
    queue.shift()!.resolve();
  }
}
