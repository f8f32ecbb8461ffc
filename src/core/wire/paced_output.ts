import type { PostOptions } from "../ports/terminal.ts";
import type { Clock } from "../ports/clock.ts";

/** Options of {@linkcode PacedOutput}. */
export interface PacedOutputOptions {
  /**
   * Writes some bytes, at least one, and returns how many: at once where nobody can hold it up, else as soon as the reader takes them.
   * One call at a time.
   */
  write: (bytes: Uint8Array) => number | Promise<number>;
  /** Whether what `write` failed with means that nobody reads any more. */
  isGone: (error: unknown) => boolean;
  /** Times the end. */
  clock: Clock;
  /** Characters that wait at most. @default {4_194_304} */
  maxLength?: number;
}

/** Options of {@linkcode PacedOutput.flush}. */
export interface FlushOptions {
  /** How long the reader may take nothing, in milliseconds. @default {1_000} */
  quietMs?: number;
  /** How long it may take in all, in milliseconds. @default {5_000} */
  timeoutMs?: number;
}

/** Text that waits, or is being written. */
interface Piece {
  text: string | Uint8Array;
  /** Lines in it. */
  count: number;
  /** Lines that it says are missing. */
  missing: number;
}

/** Characters that are written together. */
const CHUNK_LENGTH = 65_536;
/** How long a writer who can wait does so for room, and after what time without any reading it no longer does. */
const ROOM_MS = 100;
const QUIET_MS = 1_000;

/**
 * An output whose reader may be slow, stand still or be gone, and whose writer never waits for it.
 *
 * - Texts are written in order. Up to `maxLength` of them wait for the reader; what comes after that is dropped and counted, in one gap:
 *   once half of what waited is read, a line says how many are missing there.
 * - Once nobody reads any more, everything is thrown away.
 * - Nothing throws.
 */
export class PacedOutput {
  readonly #options: PacedOutputOptions;
  readonly #maxLength: number;
  readonly #encoder = new TextEncoder();
  #waiting: Piece[] = [];
  #length = 0;
  /** The piece that is being written, and how much of its bytes is left. */
  #current: Piece = { text: "", count: 0, missing: 0 };
  #bytes: Uint8Array = new Uint8Array();
  #isWriting = false;
  #isGone = false;
  #dropped = 0;
  /** Drops that the output itself does not tell of yet, and how it will. */
  #untold = 0;
  #noteDropped: (count: number) => string = noteDropped;
  /** When the reader took something last, or was first offered something. */
  #tookMs = 0;
  #room: PromiseWithResolvers<void> | undefined;
  /** Told of each piece that was read, and of the last one. */
  readonly #onProgress = new Set<() => void>();
  /** The reader let a flush wait in vain, and has taken nothing since. */
  #isStuck = false;

  /** Creates it with nothing to write. */
  constructor(options: PacedOutputOptions) {
    this.#options = options;
    this.#maxLength = options.maxLength ?? 4_194_304;
  }

  /** Lines lost so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether something waits for the reader. */
  get isBusy(): boolean {
    return this.#isWriting;
  }

  /** Takes lines, the last line end included, and keeps them where they are bytes; false once nobody reads any more. */
  post(text: string | Uint8Array, options: PostOptions = {}): boolean {
    const { count = 1, noteDropped: note = noteDropped } = options;
    if (this.#isGone) return false;
    if (this.#isWriting && (this.#untold > 0 || this.#length + text.length > this.#maxLength)) {
      this.#dropped += count;
      this.#untold += count;
      this.#noteDropped = note;
    } else {
      this.#tellOfDrops();
      this.#hold({ text, count, missing: 0 });
      if (this.#isWriting) return true;
      this.#tookMs = this.#options.clock.nowMs();
      this.#write();
    }
    return !this.#isGone;
  }

  /**
   * For a writer who can wait, so that a burst costs no lines: resolves once half of what may wait is read, and after a tenth of a second at
   * the latest. Undefined while there is room, and when the reader has taken nothing for a second.
   */
  room(): Promise<void> | undefined {
    const { clock } = this.#options;
    if (!this.#isFull() || clock.nowMs() - this.#tookMs >= QUIET_MS) return undefined;
    if (this.#room === undefined) {
      const room = this.#room = Promise.withResolvers<void>();
      const timer = clock.schedule(ROOM_MS, () => this.#endRoom());
      void room.promise.then(() => timer[Symbol.dispose]());
    }
    return this.#room.promise;
  }

  #isFull(): boolean {
    return this.#length > this.#maxLength / 2;
  }

  #endRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Resolves with true once everything is written or nobody reads any more, and with false when the reader takes too long. */
  async flush(options: FlushOptions = {}): Promise<boolean> {
    const { quietMs = QUIET_MS, timeoutMs = 5_000 } = options;
    if (!this.#isWriting) return true;
    if (this.#isStuck) return false;
    const { clock } = this.#options;
    const over = Promise.withResolvers<boolean>();
    const giveUp = () => {
      this.#isStuck = true;
      over.resolve(false);
    };
    using _all = clock.schedule(timeoutMs, giveUp);
    let quiet = clock.schedule(quietMs, giveUp);
    const onProgress = () => {
      quiet[Symbol.dispose]();
      if (this.#isWriting) quiet = clock.schedule(quietMs, giveUp);
      else over.resolve(true);
    };
    this.#onProgress.add(onProgress);
    try {
      return await over.promise;
    } finally {
      quiet[Symbol.dispose]();
      this.#onProgress.delete(onProgress);
    }
  }

  /** Short texts are put together, as a line for itself would cost more than its text. */
  #hold(piece: Piece): void {
    const last = this.#waiting.at(-1);
    this.#length += piece.text.length;
    if (typeof last?.text !== "string" || typeof piece.text !== "string" || last.text.length + piece.text.length > CHUNK_LENGTH) {
      return void this.#waiting.push(piece);
    }
    last.text += piece.text;
    last.count += piece.count;
    last.missing += piece.missing;
  }

  #tellOfDrops(): void {
    if (this.#untold === 0) return;
    const missing = this.#untold;
    this.#untold = 0;
    this.#hold({ text: this.#noteDropped(missing), count: 0, missing });
  }

  /** Writes what can be written at once, and goes on with the rest when its reader has taken what came before. */
  #write(): void {
    this.#isWriting = true;
    try {
      while (this.#next()) {
        const written = this.#options.write(this.#bytes);
        if (typeof written !== "number") return void written.then((count) => this.#took(count), (error) => this.#fail(error));
        this.#bytes = this.#bytes.subarray(written);
      }
      this.#isWriting = false;
      this.#tellProgress();
    } catch (error) {
      this.#fail(error);
    }
  }

  #took(count: number): void {
    this.#isStuck = false;
    this.#tookMs = this.#options.clock.nowMs();
    this.#bytes = this.#bytes.subarray(count);
    this.#tellProgress();
    this.#write();
    if (!this.#isFull()) this.#endRoom();
  }

  #tellProgress(): void {
    for (const fn of this.#onProgress) fn();
  }

  /** Takes up the next piece where none is left; false when there is nothing to write. */
  #next(): boolean {
    if (this.#bytes.length > 0) return true;
    // All that waits came before what was dropped.
    if (!this.#isFull()) this.#tellOfDrops();
    const next = this.#waiting.shift();
    if (next === undefined) return false;
    this.#length -= next.text.length;
    this.#current = next;
    this.#bytes = typeof next.text === "string" ? this.#encoder.encode(next.text) : next.text;
    return true;
  }

  /** Drops the text that could not be written; later text is tried, unless nobody reads any more. */
  #fail(error: unknown): void {
    this.#isWriting = false;
    this.#isGone = this.#options.isGone(error);
    for (const { count, missing } of [this.#current, ...this.#waiting]) {
      this.#dropped += count;
      this.#untold += count + missing;
    }
    this.#waiting = [];
    this.#length = 0;
    this.#bytes = new Uint8Array();
    this.#endRoom();
    this.#tellProgress();
  }
}

function noteDropped(count: number): string {
  return `daemonkit: ${count} lines are missing here as they were not read in time\n`;
}
