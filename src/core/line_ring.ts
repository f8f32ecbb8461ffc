import type { LogLine } from "./operations.ts";

/** Options of {@linkcode LineRing}. */
export interface LineRingOptions {
  /** Lines kept. @default {1_000} */
  maxLines?: number;
  /** Memory for their texts, at two bytes a character. The newest line stays even when it needs more. @default {1_048_576} */
  maxBytes?: number;
}

/** Keeps the newest lines in bounded memory. */
export class LineRing {
  readonly #maxLines: number;
  readonly #maxBytes: number;
  /** Slots, used round and round once there are `#maxLines` of them. */
  readonly #slots: (LogLine | undefined)[] = [];
  #oldest = 0;
  #count = 0;
  #bytes = 0;
  #dropped = 0;

  /**
   * Creates an empty ring.
   *
   * @throws {RangeError} if a limit is no positive integer.
   */
  constructor(options: LineRingOptions = {}) {
    const { maxLines = 1_000, maxBytes = 1_048_576 } = options;
    for (const [name, value] of Object.entries({ maxLines, maxBytes })) {
      if (!(Number.isSafeInteger(value) && value > 0)) {
        throw new RangeError(`Cannot create LineRing as "${name}" must be a positive integer: current value is ${value}`);
      }
    }
    this.#maxLines = maxLines;
    this.#maxBytes = maxBytes;
  }

  /** Lines kept now. */
  get size(): number {
    return this.#count;
  }

  /** Lines that had to make room so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Keeps a line, and drops the oldest ones as far as the limits ask for it. */
  push(line: LogLine): void {
    const bytes = bytesOf(line);
    while (this.#count > 0 && (this.#count === this.#maxLines || this.#bytes + bytes > this.#maxBytes)) this.#drop();
    this.#slots[(this.#oldest + this.#count) % this.#maxLines] = line;
    this.#count++;
    this.#bytes += bytes;
  }

  /** The newest `limit` lines, oldest first. */
  last(limit: number): LogLine[] {
    const count = Math.min(Math.max(0, Math.floor(limit)), this.#count);
    return Array.from({ length: count }, (_, index) => this.#slots[(this.#oldest + this.#count - count + index) % this.#maxLines]!);
  }

  #drop(): void {
    this.#bytes -= bytesOf(this.#slots[this.#oldest]!);
    this.#slots[this.#oldest] = undefined;
    this.#oldest = (this.#oldest + 1) % this.#maxLines;
    this.#count--;
    this.#dropped++;
  }
}

function bytesOf(line: LogLine): number {
  return line.text.length * 2;
}
