import type { Clock } from "../core/ports/clock.ts";
import type { ChildProcess } from "../core/ports/processes.ts";
import type { LineBlock } from "../core/wire/line_block.ts";
import { LineSplitter } from "../core/wire/lines.ts";

/** Options of {@linkcode ServiceOutput} beside the program. */
export interface ServiceOutputOptions {
  /** Path of the unit, on each line. */
  name: string;
  /** Dates the lines. */
  clock: Clock;
  /** Longest line in bytes, as of now. */
  maxLineBytes: () => number;
  /** Asked before each read: resolves when it is better to read on. @default at once */
  room?: () => Promise<void> | undefined;
  /** Takes the bytes of the lines before `publish` takes these; they are valid during the call only. @default nobody wants them */
  keep?: (bytes: Uint8Array, count: number) => void;
  /** Takes the lines. */
  publish: (block: LineBlock) => void;
  /** Told of them as well, once they are handed on. */
  onLines?: (block: LineBlock) => void;
  /** Told when a stream can't be read, or a line not be handed on: the program would block as soon as the pipe is full. */
  onBroken: () => void;
}

/** Lines kept for whoever asks why a run failed, and the longest part of one. */
const LAST_LINES = 20;
const LAST_LINE_LENGTH = 512;

/** A line that does not go on for so long is handed on as far as it has come: a prompt has no end. One that trickles is, after the other time. */
const PAUSE_MS = 250;
const LONGEST_LINE_MS = 2_000;
/** The last part of either: where this process stood still, what had come meanwhile is read in it. */
const LAST_LOOK_MS = 10;

/** A pipe that outlived its program is looked at this often; it is waited for so many looks without news, or for so long in all. */
const LOOK_MS = 50;
const QUIET_LOOKS = 5;
/** Likewise where it is read on anyway. */
const QUIET_LOOKS_TO_GO_ON = 1;
const LONGEST_MS = 1_000;
const LEAST_LOOKS = 5;

/**
 * Reads what a program prints, line by line, with backpressure: it takes the next piece only when the one before it was handed on.
 */
export class ServiceOutput {
  readonly #options: ServiceOutputOptions;
  readonly #readers = new Set<ReadableStreamDefaultReader<Uint8Array>>();
  readonly #lastLines: string[] = [];
  readonly #ended: Promise<unknown>;
  #pieces = 0;

  /** Begins to read. */
  constructor(child: ChildProcess, options: ServiceOutputOptions) {
    this.#options = options;
    this.#ended = Promise.all([this.#read(child.stdout, "stdout"), this.#read(child.stderr, "stderr")]);
    // Drain reports the failure; until then it must not count as unhandled, and nobody reads the pipe any more.
    this.#ended.catch(options.onBroken);
  }

  /** The newest lines of both streams, oldest first. */
  get lastLines(): readonly string[] {
    return this.#lastLines.slice();
  }

  /** Resolves when nobody holds the streams any more, or they were let go; never rejects. */
  get ended(): Promise<void> {
    return this.#ended.then(() => {}, () => {});
  }

  /**
   * Resolves when everything printed has been handed on; to be called when the program is gone. A process outside of its group may hold
   * the pipe for ever: the pipe is let go once nothing comes any more, or after a second. False in that case.
   *
   * With `readsOn` the pipe is not let go but read on, as long as somebody holds it, so that whoever prints to it is no worse off.
   *
   * @throws what `publish` threw.
   */
  async drain({ readsOn = false }: { readsOn?: boolean } = {}): Promise<boolean> {
    const quiet = Promise.withResolvers<boolean>();
    let isHeld = false;
    using _watch = this.#whenQuiet(readsOn ? QUIET_LOOKS_TO_GO_ON : QUIET_LOOKS, () => {
      isHeld = true;
      if (readsOn) quiet.resolve(false);
      else this.letGo();
    });
    void this.#ended.then(() => quiet.resolve(!isHeld), quiet.reject);
    return await quiet.promise;
  }

  /** Stops reading: who prints from now on gets SIGPIPE. */
  letGo(): void {
    for (const reader of this.#readers) reader.cancel().catch(this.#options.onBroken);
  }

  #whenQuiet(looksWithoutNews: number, fn: () => void): Disposable {
    const { clock } = this.#options;
    let pieces = this.#pieces;
    let quietLooks = 0;
    let looks = 0;
    const beganMs = clock.nowMs();
    const look = () => {
      quietLooks = this.#pieces === pieces ? quietLooks + 1 : 0;
      pieces = this.#pieces;
      // By the clock: what floods the pipe makes every look late. A daemon that stood still for as long has read nothing meanwhile.
      if (quietLooks === looksWithoutNews || (++looks >= LEAST_LOOKS && clock.nowMs() - beganMs >= LONGEST_MS)) return fn();
      timer = clock.schedule(LOOK_MS, look);
    };
    let timer = clock.schedule(LOOK_MS, look);
    return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
  }

  async #read(stream: ReadableStream<Uint8Array>, name: LineBlock["stream"]): Promise<void> {
    const { clock, maxLineBytes, room, keep, publish, onLines, name: unit } = this.#options;
    const reader = stream.getReader();
    this.#readers.add(reader);
    let time = "";
    const now = () => new Date(clock.wallMs()).toISOString();
    const splitter = new LineSplitter(maxLineBytes(), (text, count, edges) => {
      const block: LineBlock = { time, name: unit, stream: name, text, count, ...edges };
      publish(block);
      this.#keep(text);
      onLines?.(block);
      pauses.restart();
    }, keep);
    let broken: { error: unknown } | undefined;
    const pauses = new Pauses(clock, () => {
      try {
        time = now();
        splitter.flush();
      } catch (error) {
        broken = { error };
        void reader.cancel(error).catch(() => {/* the error before this one is the one to report */});
      }
    });
    const read = () => {
      pauses.isReading = true;
      return reader.read();
    };
    try {
      for (let piece = await read(); !piece.done; piece = await read()) {
        pauses.isReading = false;
        this.#pieces++;
        time = now();
        splitter.limit(maxLineBytes());
        splitter.push(piece.value);
        pauses.note(splitter.isHolding);
        await room?.();
      }
      if (broken !== undefined) throw broken.error;
      time = now();
      splitter.end();
    } catch (error) {
      reader.cancel(error).catch(() => {/* the error before this one is the one to report */});
      throw error;
    } finally {
      pauses[Symbol.dispose]();
      this.#readers.delete(reader);
    }
  }

  /** Keeps the newest of the lines, from the last one back: what came before would only be dropped again. */
  #keep(text: string): void {
    const lines: string[] = [];
    for (let end = text.length; lines.length < LAST_LINES && end >= 0;) {
      const start = end === 0 ? 0 : text.lastIndexOf("\n", end - 1) + 1;
      lines.unshift(end - start > LAST_LINE_LENGTH ? `${text.slice(start, start + LAST_LINE_LENGTH)}…` : text.slice(start, end));
      end = start - 1;
    }
    this.#lastLines.push(...lines);
    if (this.#lastLines.length > LAST_LINES) this.#lastLines.splice(0, this.#lastLines.length - LAST_LINES);
  }
}

/**
 * Tells when a line that has begun does not go on: one timer at a time, and none while nothing is held back. Time in which nothing was read, as
 * the console had no room or this process stood still, is no pause of the program.
 */
class Pauses implements Disposable {
  readonly #clock: Clock;
  readonly #onPause: () => void;
  #timer: Disposable | undefined;
  #lastMs = 0;
  /** When what is held back began. */
  #beganMs: number | undefined;
  /** Whether the next piece is waited for. */
  isReading = false;

  constructor(clock: Clock, onPause: () => void) {
    this.#clock = clock;
    this.#onPause = onPause;
  }

  /** Something was handed on: what comes now is a new beginning. */
  restart(): void {
    this.#beganMs = undefined;
  }

  /** Something has come, after which a part of a line is held back, or not. */
  note(isHolding: boolean): void {
    if (!isHolding) return this[Symbol.dispose]();
    this.#lastMs = this.#clock.nowMs();
    this.#beganMs ??= this.#lastMs;
    if (this.#timer === undefined) this.#lookIn(PAUSE_MS - LAST_LOOK_MS);
  }

  #lookIn(waitMs: number, isLast = false): void {
    this.#timer = this.#clock.schedule(waitMs, () => this.#look(isLast));
  }

  #look(isLast: boolean): void {
    this.#timer = undefined;
    if (!this.isReading) return this.#lookIn(PAUSE_MS - LAST_LOOK_MS);
    const nowMs = this.#clock.nowMs();
    const waitMs = Math.min(this.#lastMs + PAUSE_MS, (this.#beganMs ?? nowMs) + LONGEST_LINE_MS) - LAST_LOOK_MS - nowMs;
    if (waitMs > 0) this.#lookIn(waitMs);
    else if (!isLast) this.#lookIn(LAST_LOOK_MS, true);
    else this.#onPause();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }
}
