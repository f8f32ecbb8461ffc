/** Bytes that all readers of a {@linkcode ReadTurns} hand over before everything else that waits has its turn. */
const BYTES_A_TURN = 262_144;

/**
 * Lets timers, signals and sockets have their turn of the loop while streams never run dry.
 *
 * Both runtimes hand over bytes that are there already without going back to their loop, Bun without end and Deno many times in a row: one
 * program that printed all the time kept a daemon from a signal for minutes. `setImmediate` is not enough on Deno.
 */
export class ReadTurns {
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
