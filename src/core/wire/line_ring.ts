import { linesOf, type NumberedBlock } from "./line_block.ts";
import type { LogLine } from "./line_block.ts";

/** Options of {@linkcode LineRing}. */
export interface LineRingOptions {
  /** Lines kept. @default {1_000} */
  maxLines?: number;
  /** Memory for their texts, at two bytes a character. The newest block stays even when it needs more. @default {1_048_576} */
  maxBytes?: number;
}

/**
 * Keeps the newest lines in bounded memory.
 *
 * It keeps them in the blocks in which they came, and takes these apart only for who asks: the oldest block goes when the others hold
 * enough lines without it.
 */
export class LineRing {
  readonly #maxLines: number;
  readonly #maxBytes: number;
  /** Blocks, oldest first; those before `#oldest` have gone. */
  #blocks: (NumberedBlock | undefined)[] = [];
  #oldest = 0;
  #lines = 0;
  #bytes = 0;
  #pushed = 0;

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

  /** Keeps a block, and drops the oldest ones as far as the limits ask for it. */
  push(block: NumberedBlock): void {
    this.#blocks.push(block);
    this.#pushed += block.count;
    this.#lines += block.count;
    this.#bytes += bytesOf(block);
    const newest = this.#blocks.length - 1;
    for (let oldest = this.#blocks[this.#oldest]!; this.#oldest < newest; oldest = this.#blocks[this.#oldest]!) {
      if (this.#lines - oldest.count < this.#maxLines && this.#bytes <= this.#maxBytes) break;
      this.#lines -= oldest.count;
      this.#bytes -= bytesOf(oldest);
      this.#blocks[this.#oldest++] = undefined;
    }
    // Removed blocks are cut off in one piece once they are half of the list.
    if (this.#oldest > 16 && this.#oldest * 2 > this.#blocks.length) {
      this.#blocks = this.#blocks.slice(this.#oldest);
      this.#oldest = 0;
    }
  }

  /** Time of the oldest line that is kept, once older ones are gone; null before that. */
  get keptFrom(): string | null {
    return this.#pushed > Math.min(this.#lines, this.#maxLines) ? this.#blocks[this.#oldest]!.time : null;
  }

  /** The newest `limit` lines, oldest first; never more than the ring is for. */
  last(limit: number): LogLine[] {
    const count = Math.min(Math.max(0, Math.floor(limit)), this.#maxLines);
    if (count === 0) return [];
    let from = this.#blocks.length;
    for (let lines = 0; from > this.#oldest && lines < count;) lines += this.#blocks[--from]!.count;
    return this.#blocks.slice(from).flatMap((block) => linesOf(block!)).slice(-count);
  }
}

function bytesOf(block: NumberedBlock): number {
  return block.text.length * 2;
}
