import type { Clock } from "../core/ports/clock.ts";
import type { PostOptions, Terminal } from "../core/ports/terminal.ts";
import { PacedOutput } from "../core/wire/paced_output.ts";
import { FakeClock } from "./fake_clock.ts";

/** A terminal that remembers; a part of {@linkcode FakeHost}. */
export class FakeTerminal implements Terminal {
  /** Everything written to stdout. */
  stdout = "";
  /** Everything written to stderr. */
  stderr = "";
  /** Answer of {@linkcode FakeTerminal.isTerminal}. */
  isInteractive = false;
  /** Whether its loss would end this process, as that of a controlling terminal does. */
  isControlling = false;
  /** Width in characters. */
  width = 80;
  /** Height in lines. */
  height = 24;
  /** Whether the reader has gone away. */
  isClosed = false;
  readonly #outputs: Readonly<Record<1 | 2, PacedOutput>>;
  #reading: PromiseWithResolvers<void> | undefined;

  /** Creates one whose reader takes everything at once. */
  constructor(clock: Clock = new FakeClock()) {
    const open = (fd: 1 | 2) =>
      new PacedOutput({
        clock,
        isGone: () => true,
        write: (bytes) => {
          const take = () => {
            if (!this.write(fd, new TextDecoder().decode(bytes))) throw new Error("the reader has gone away");
            return bytes.length;
          };
          return this.#reading === undefined ? take() : this.#reading.promise.then(take);
        },
      });
    this.#outputs = { 1: open(1), 2: open(2) };
  }

  /** Lets the reader take nothing of what is posted until the result is disposed. */
  stall(): Disposable {
    const reading = Promise.withResolvers<void>();
    this.#reading = reading;
    return {
      [Symbol.dispose]: () => {
        if (this.#reading === reading) this.#reading = undefined;
        reading.resolve();
      },
    };
  }

  /** Remembers text as soon as the reader takes it; false once closed. */
  post(fd: 1 | 2, text: string | Uint8Array, options?: PostOptions): boolean {
    return this.#outputs[fd].post(text, options);
  }

  /** Resolves when the reader has caught up; undefined when it has, or has stopped reading. */
  room(fd: 1 | 2): Promise<void> | undefined {
    return this.#outputs[fd].room();
  }

  /** Whether posted text waits for the reader. */
  isBusy(fd: 1 | 2): boolean {
    return this.#outputs[fd].isBusy;
  }

  /** Waits for the reader. */
  async flush(): Promise<boolean> {
    return (await Promise.all([this.#outputs[1].flush(), this.#outputs[2].flush()])).every((isDone) => isDone);
  }

  /** Returns {@linkcode FakeTerminal.isControlling}. */
  canHangUp(): boolean {
    return this.isControlling;
  }

  /** Does nothing. */
  keepWriting(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  /** Whether it acts as a terminal. */
  isTerminal(): boolean {
    return this.isInteractive;
  }

  /** Width in characters. */
  columns(): number {
    return this.width;
  }

  /** Height in lines. */
  rows(): number {
    return this.height;
  }

  /** Remembers text; false once closed. */
  write(fd: 1 | 2, text: string): boolean {
    if (this.isClosed) return false;
    if (fd === 1) this.stdout += text;
    else this.stderr += text;
    return true;
  }
}
