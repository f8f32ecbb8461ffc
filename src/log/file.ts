import type { Clock } from "../core/clock.ts";
import { isDaemonError } from "../core/errors.ts";
import type { AppendFile, Files } from "../core/host.ts";
import type { LogRecord, LogSink } from "../core/log.ts";
import { formatJson, formatText } from "./format.ts";

/** Options of {@linkcode fileSink}. */
export interface FileSinkOptions {
  /** Where it is kept. */
  files: Files;
  /** Times the flushing. */
  clock: Clock;
  /** Absolute path. A missing folder is made. */
  path: string;
  /** One JSON object a line in place of text; never colours. @default {false} */
  json?: boolean;
  /** Bytes after which the file becomes `path.1` and a new one begins. @default {104_857_600} */
  maxFileSize?: number;
  /** Older files kept as `path.1` (the newest) to `path.maxFiles`; with 0 a full file is removed. @default {5} */
  maxFiles?: number;
  /** Told of records that were lost since the last call, and why: once a minute at most, and at the end. @default nobody is told */
  onDrop?: (dropped: number, error: unknown) => void;
}

/** Bytes and milliseconds that records wait at most for others. */
const FLUSH_BYTES = 65_536;
const FLUSH_MS = 1_000;
/** Bytes that wait at most while the file can't be written; what comes then is lost. */
const MAX_HELD_BYTES = 1_048_576;
/** How often a lasting failure is mentioned. */
const MENTION_MS = 60_000;

/**
 * Keeps records in a file: written after 64 KiB, after a second, and at once with an error.
 *
 * - A file that was moved or removed is made anew at the next write, with its folder.
 * - While the file can't be written (the disk is full), up to 1 MiB waits and is tried again every second; what comes then is dropped and
 *   counted. When it can be written again, a record in the file says how many were dropped.
 * - Throws nothing once it is open. Disposing writes what waits, and closes.
 *
 * @throws {IoError} if the file can't be opened.
 */
export function fileSink(options: FileSinkOptions): FileSink {
  return new FileSink(options);
}

/** A log file, made by {@linkcode fileSink}. */
export class FileSink implements Disposable {
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #format: (record: LogRecord) => string;
  readonly #maxFileSize: number;
  readonly #maxFiles: number;
  readonly #onDrop: ((dropped: number, error: unknown) => void) | undefined;
  readonly #encoder = new TextEncoder();
  /** Undefined while it is closed; then the next write opens it. */
  #file: AppendFile | undefined;
  #fileSize = 0;
  /** Records that wait, in order, and their size in all. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #timer: Disposable | undefined;
  /** What the last write failed with, as long as it does. */
  #failure: { error: unknown } | undefined;
  #dropped = 0;
  /** Drops that `onDrop` and the file itself do not know of yet. */
  #untold = 0;
  #unwritten = 0;
  #toldMs = -Infinity;
  /** After a rotation failed, the file grows beyond its limit until then. */
  #rotateAgainMs = -Infinity;
  #isDisposed = false;

  /** Opens the file. */
  constructor(options: FileSinkOptions) {
    const { files, clock, path, json = false, maxFileSize = 104_857_600, maxFiles = 5, onDrop } = options;
    if (!(Number.isSafeInteger(maxFileSize) && maxFileSize > 0)) {
      throw new RangeError(`Cannot create FileSink as "maxFileSize" must be a positive integer: current value is ${maxFileSize}`);
    }
    if (!(Number.isSafeInteger(maxFiles) && maxFiles >= 0)) {
      throw new RangeError(`Cannot create FileSink as "maxFiles" must be an integer of at least 0: current value is ${maxFiles}`);
    }
    this.#files = files;
    this.#clock = clock;
    this.#path = path;
    this.#format = json ? formatJson : formatText;
    this.#maxFileSize = maxFileSize;
    this.#maxFiles = maxFiles;
    this.#onDrop = onDrop;
    this.#open();
  }

  /** Takes a record. */
  readonly write: LogSink = (record) => {
    const bytes = this.#encoder.encode(this.#format(record));
    if (this.#isDisposed || this.#heldBytes + bytes.length > MAX_HELD_BYTES && this.#failure !== undefined) return this.#drop(1);
    this.#hold(bytes);
    // While writing fails, only the timer tries: every attempt costs, and the disk does not get better by itself.
    if (this.#failure === undefined && (record.level === "error" || this.#heldBytes >= FLUSH_BYTES)) this.flush();
    else this.#timer ??= this.#clock.schedule(FLUSH_MS, () => this.flush());
  };

  /** Records lost so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Writes what waits; false when that failed and will be tried again. */
  flush(): boolean {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    try {
      this.#append();
      this.#failure = undefined;
      this.#recordDrops();
      return true;
    } catch (error) {
      this.#failure = { error };
      this.#close();
      if (!this.#isDisposed) this.#timer = this.#clock.schedule(FLUSH_MS, () => this.flush());
      return false;
    }
  }

  /** Writes what waits to the old file and goes on with the one that has the path now. */
  reopen(): void {
    if (this.#isDisposed || !this.flush()) return;
    this.#close();
    try {
      this.#open();
    } catch (error) {
      this.#failure = { error };
      this.#timer ??= this.#clock.schedule(FLUSH_MS, () => this.flush());
    }
  }

  /** Writes what waits, and closes; records that come later are dropped. */
  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    if (!this.flush()) {
      this.#drop(this.#held.length);
      this.#held = [];
      this.#heldBytes = 0;
    }
    this.#tell();
    this.#close();
  }

  #hold(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  #append(): void {
    // Another file at the path, or none, means that ours was moved away.
    if (this.#file !== undefined && this.#files.info(this.#path)?.size !== this.#fileSize) this.#close();
    while (this.#held.length > 0) {
      if (this.#file === undefined) this.#open();
      const count = this.#fitting();
      if (count === 0) this.#rotate();
      else this.#put(count);
    }
  }

  /** How many of the records that wait go into the file, 0 when it is full. One that is larger than a file gets its own. */
  #fitting(): number {
    if (this.#clock.nowMs() < this.#rotateAgainMs || this.#fileSize + this.#heldBytes <= this.#maxFileSize) return this.#held.length;
    let size = this.#fileSize;
    const beyond = this.#held.findIndex((bytes) => (size += bytes.length) > this.#maxFileSize);
    return this.#fileSize === 0 ? Math.max(1, beyond) : beyond;
  }

  /** Writes the oldest records that wait. Only what was written whole stops waiting. */
  #put(count: number): void {
    const records = this.#held.slice(0, count);
    const bytes = new Uint8Array(records.reduce((sum, record) => sum + record.length, 0));
    let at = 0;
    for (const record of records) {
      bytes.set(record, at);
      at += record.length;
    }
    this.#file!.write(bytes);
    this.#fileSize += bytes.length;
    this.#held.splice(0, count);
    this.#heldBytes -= bytes.length;
  }

  #rotate(): void {
    this.#close();
    try {
      if (this.#maxFiles === 0) return this.#files.remove(this.#path);
      for (let number = this.#maxFiles - 1; number >= 1; number--) this.#rename(`${this.#path}.${number}`, `${this.#path}.${number + 1}`);
      this.#rename(this.#path, `${this.#path}.1`);
    } catch (err) {
      this.#rotateAgainMs = this.#clock.nowMs() + MENTION_MS;
      this.#note("log file can't be rotated and grows beyond its limit", { err });
    }
  }

  #rename(from: string, to: string): void {
    if (this.#files.info(from) !== undefined) this.#files.rename(from, to);
  }

  #open(): void {
    try {
      this.#file = this.#files.openAppend(this.#path);
    } catch (error) {
      if (!(isDaemonError(error) && error.code === "IO_NOT_FOUND")) throw error;
      this.#files.makeDir(this.#path.slice(0, Math.max(1, this.#path.lastIndexOf("/"))));
      this.#file = this.#files.openAppend(this.#path);
    }
    this.#fileSize = this.#file.size;
  }

  #close(): void {
    this.#file?.[Symbol.dispose]();
    this.#file = undefined;
  }

  #drop(count: number): void {
    this.#dropped += count;
    this.#untold += count;
    this.#unwritten += count;
    if (this.#clock.nowMs() - this.#toldMs >= MENTION_MS) this.#tell();
  }

  #tell(): void {
    if (this.#untold === 0) return;
    const dropped = this.#untold;
    this.#untold = 0;
    this.#toldMs = this.#clock.nowMs();
    this.#onDrop?.(dropped, this.#failure?.error ?? new Error("the log file was closed"));
  }

  /** Says in the file itself what is missing from it. */
  #recordDrops(): void {
    if (this.#unwritten === 0) return;
    const dropped = this.#unwritten;
    this.#unwritten = 0;
    this.#note("log records were dropped", { dropped });
    this.#append();
  }

  #note(message: string, fields: LogRecord["fields"]): void {
    this.#hold(this.#encoder.encode(this.#format({ timeMs: this.#clock.wallMs(), level: "warn", message, logger: "log", fields })));
  }
}
