/** The same stream, with something that is let go of once, when the stream has ended, failed or been cancelled. */
export function endingWith(source: ReadableStream<Uint8Array>, release: () => void): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let isHeld = true;
  // A cancellation ends a pending read too, and a descriptor that is closed twice may be somebody else's the second time.
  const releaseOnce = () => {
    if (isHeld) release();
    isHeld = false;
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
      } catch (error) {
        releaseOnce();
        throw error;
      }
      if (!isHeld) return; // cancelled
      releaseOnce();
      controller.close();
    },
    async cancel(reason) {
      try {
        await reader.cancel(reason);
      } finally {
        releaseOnce();
      }
    },
  }, { highWaterMark: 0 });
}

/** Bytes that all readers of a {@linkcode Turns} hand over before everything else that waits has its turn. */
const BYTES_A_TURN = 262_144;

/**
 * Lets timers, signals and sockets have their turn of the loop while streams never run dry.
 *
 * Both runtimes hand over bytes that are there already without going back to their loop, Bun without end and Deno many times in a row: one
 * program that printed all the time kept a daemon from a signal for minutes. `setImmediate` is not enough on Deno.
 */
export class Turns {
  #bytes = 0;
  #next: Promise<void> | undefined;

  /** The same stream, whose reader waits for the next turn when this one has handed over enough. */
  of(source: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const reader = source.getReader();
    let isCancelled = false;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (this.#bytes >= BYTES_A_TURN) await this.#turn();
        const { done, value } = await reader.read();
        if (isCancelled) return;
        if (done) return controller.close();
        this.#bytes += value.length;
        controller.enqueue(value);
      },
      cancel: (reason) => {
        isCancelled = true;
        return reader.cancel(reason);
      },
    }, { highWaterMark: 0 });
  }

  #turn(): Promise<void> {
    return this.#next ??= new Promise((resolve) => {
      setTimeout(() => {
        this.#next = undefined;
        this.#bytes = 0;
        resolve();
      }, 0);
    });
  }
}
