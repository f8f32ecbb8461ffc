import type { Clock } from "../core/ports/clock.ts";
import { isDaemonError } from "../core/values/errors.ts";
import type { AppendFile, Files } from "../core/ports/files.ts";
import { fileNameOf, folderOf, isDevicePath } from "../core/values/paths.ts";

/** Where a {@linkcode RotatingFile} lies and how much it keeps; all of it can change while it is in use. */
export interface RotationSettings {
  /** Absolute path. A missing folder is made. */
  readonly path: string;
  /** Bytes after which the file becomes `path.1` and a new one begins. */
  readonly maxSize: number;
  /** Older files kept as `path.1` (the newest) to `path.N`; with 0 a full file is removed. */
  readonly keep: number;
  /** Bytes that the file and its older ones may have together, at least `maxSize`; older files go earlier where they would be more. */
  readonly maxTotal?: number | undefined;
}

/** Options of {@linkcode RotatingFile}. */
export interface RotatingFileOptions extends RotationSettings {
  /** Where it is kept. */
  files: Files;
  /** Times the flushing. */
  clock: Clock;
  /** Makes the line that the file itself gets once it can be written again after so many lines were dropped. */
  noteDropped: (dropped: number) => string;
  /** Told of each loss, and why. */
  onDrop: (dropped: number, error: unknown) => void;
  /** Told when a write fails after one that did not, and why. @default nobody is told */
  onFail?: (error: unknown) => void;
  /** Told, once a minute at most, that the file grows beyond its limit, and why. */
  onStuck: (error: unknown) => void;
}

/** Bytes and milliseconds that lines wait at most for others. */
const FLUSH_BYTES = 65_536;
const FLUSH_MS = 250;
/** Bytes that wait at most while the file can't be written, and how often that is tried again. */
const MAX_HELD_BYTES = 262_144;
const RETRY_MS = 1_000;
/** How long a rotation that failed is left alone. */
const ROTATE_AGAIN_MS = 60_000;
const NEWLINE = 10;

/** Lines that are written together, as bytes. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly count: number;
}

/**
 * Appends lines to a file and rotates it by size, by renaming only: nothing is copied, lost or written twice.
 *
 * - Lines are written after 64 KiB or a quarter of a second, and at once when asked for.
 * - A file that was removed, renamed or replaced by somebody else is made anew at the next write, with its folder.
 * - While it can't be written (the disk is full), up to 256 KiB wait and are tried again every second; what comes after that is dropped
 *   and counted, in one gap: when it can be written again, a line in the file says how many are missing there.
 * - Pipes and devices are not rotated. A file that can't be grows beyond its limit, and is tried again after a minute.
 * - Nothing throws but `open`, and limits that can't be. Disposing writes what waits, and closes; what comes later is dropped.
 */
export class RotatingFile implements Disposable {
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #noteDropped: RotatingFileOptions["noteDropped"];
  readonly #onDrop: RotatingFileOptions["onDrop"];
  readonly #onFail: (error: unknown) => void;
  readonly #onStuck: RotatingFileOptions["onStuck"];
  readonly #encoder = new TextEncoder();
  #settings: RotationSettings;
  /** Undefined while it is closed; then the next write opens it. */
  #file: AppendFile | undefined;
  #fileSize = 0;
  /** It is a pipe or a device, which has no size. */
  #isEndless = false;
  /** Pieces not written yet, in order, and their size in all. */
  #held: Piece[] = [];
  #heldBytes = 0;
  #timer: Disposable | undefined;
  /** Error of the last write; undefined once a write succeeds. */
  #failure: { error: unknown } | undefined;
  #dropped = 0;
  /** Drops that the file itself does not tell of yet. */
  #unwritten = 0;
  #rotateAgainMs = -Infinity;
  #isDisposed = false;

  /** Creates it; nothing is opened yet. */
  constructor(options: RotatingFileOptions) {
    const { files, clock, noteDropped, onDrop, onFail = () => {}, onStuck, ...settings } = options;
    checkSettings(settings);
    this.#files = files;
    this.#clock = clock;
    this.#noteDropped = noteDropped;
    this.#onDrop = onDrop;
    this.#onFail = onFail;
    this.#onStuck = onStuck;
    this.#settings = settings;
  }

  /** Lines lost so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Why it can't be written at present; undefined while it can. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /**
   * Opens the file, so that one that can't be shows before it is needed.
   *
   * @throws {IoError} if it can't be opened.
   */
  open(): void {
    this.#look();
    if (this.#file === undefined) this.#open();
  }

  /** Takes lines, the last line end included. Between them the file may rotate; what counts as one stays together. It keeps the bytes. */
  write(lines: string | Uint8Array, count: number): void {
    const bytes = typeof lines === "string" ? this.#encoder.encode(lines) : lines;
    const isFull = this.#failure !== undefined && (this.#unwritten > 0 || this.#heldBytes + bytes.length > MAX_HELD_BYTES);
    if (this.#isDisposed || isFull) return this.#drop(count);
    this.#hold({ bytes, count });
    // While writing fails, only the timer tries: every attempt costs, and the disk does not get better by itself.
    if (this.#failure === undefined && this.#heldBytes >= FLUSH_BYTES) this.flush();
    else this.#timer ??= this.#clock.schedule(FLUSH_MS, () => this.flush());
  }

  /** Takes lines that somebody may look for at once. */
  writeNow(text: string, count: number): void {
    this.write(text, count);
    if (this.#failure === undefined) this.flush();
  }

  /** Writes what waits; false when that failed and will be tried again. */
  flush(): boolean {
    this.#stopTimer();
    try {
      this.#append();
      this.#failure = undefined;
      this.#recordDrops();
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /** Writes what waits, and goes on with the file that has the path now. */
  reopen(): void {
    if (this.#isDisposed || !this.flush()) return;
    this.#close();
    try {
      this.#open();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Writes what waits, and closes until there is more. */
  close(): void {
    if (this.flush()) this.#close();
  }

  /** Changes where it lies and how much it keeps. Waiting lines go to the old place, if it can be written. */
  configure(settings: RotationSettings): void {
    const { path, maxSize, keep, maxTotal } = settings;
    const old = this.#settings;
    if (path === old.path && maxSize === old.maxSize && keep === old.keep && maxTotal === old.maxTotal) return;
    checkSettings(settings);
    if (path !== old.path) this.close();
    this.#settings = { path, maxSize, keep, maxTotal };
    this.#rotateAgainMs = -Infinity;
    try {
      this.#prune();
    } catch (error) {
      this.#getStuck(error);
    }
  }

  /** Writes what waits, and closes; what comes later is dropped. */
  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    const isWritten = this.flush();
    this.#isDisposed = true;
    // Notes about the last write were written with it, and nothing is tried again.
    this.#stopTimer();
    if (!isWritten) {
      const lost = this.#held.reduce((sum, { count }) => sum + count, 0);
      this.#held = [];
      this.#heldBytes = 0;
      if (lost > 0) this.#drop(lost);
    }
    this.#close();
  }

  #hold(piece: Piece): void {
    this.#held.push(piece);
    this.#heldBytes += piece.bytes.length;
  }

  #append(): void {
    if (this.#held.length > 0) this.#look();
    while (this.#held.length > 0) {
      if (this.#file === undefined) {
        // A note about the opening may be written in between.
        this.#open();
        continue;
      }
      const room = this.#isEndless || this.#clock.nowMs() < this.#rotateAgainMs ? Infinity : this.#settings.maxSize - this.#fileSize;
      if (this.#heldBytes <= room) this.#put(this.#held.length);
      else {
        const count = this.#fitting(room);
        if (count > 0) this.#put(count);
        else this.#rotate();
      }
    }
  }

  /** Closes the file when another one, or none, has its path by now: ours was moved away. */
  #look(): void {
    if (this.#file === undefined) return;
    const info = this.#files.info(this.#settings.path);
    if (info?.inode !== this.#file.inode) this.#close();
    else this.#fileSize = info.size;
  }

  /** How many of the pieces that wait go into the file, 0 when it is full. A line that is larger than a file gets its own. */
  #fitting(room: number): number {
    let size = 0;
    const fitting = this.#held.findIndex(({ bytes }) => (size += bytes.length) > room);
    if (fitting > 0) return fitting;
    const [first, ...others] = this.#held;
    if (first.count > 1) {
      let cut = room > 0 ? first.bytes.lastIndexOf(NEWLINE, room - 1) + 1 : 0;
      if (cut === 0 && this.#fileSize === 0) cut = first.bytes.indexOf(NEWLINE) + 1;
      if (cut === 0) return 0;
      const count = countLines(first.bytes.subarray(0, cut));
      const parts = [{ bytes: first.bytes.subarray(0, cut), count }, { bytes: first.bytes.subarray(cut), count: first.count - count }];
      this.#held = [...parts.filter(({ bytes }) => bytes.length > 0), ...others];
      return 1;
    }
    return this.#fileSize === 0 ? 1 : 0;
  }

  /** Writes the oldest pieces that wait. Only what was written whole stops waiting. */
  #put(count: number): void {
    const bytes = count === 1 ? this.#held[0].bytes : concat(this.#held.slice(0, count));
    this.#file!.write(bytes);
    this.#fileSize += bytes.length;
    this.#heldBytes -= bytes.length;
    if (count === this.#held.length) this.#held = [];
    else this.#held.splice(0, count);
  }

  #rotate(): void {
    const { path, keep } = this.#settings;
    this.#close();
    try {
      if (this.#files.info(path)?.kind !== "file") throw new Error("it is no regular file");
      // It may be another folder by now than the one in which it was opened.
      const why = this.#files.whyUntrusted(path);
      if (why !== undefined) throw new Error(why);
      if (keep === 0) this.#files.remove(path);
      else {
        // Renames only the files that exist, not all up to `keep`: with `maxTotal` as the real limit, `keep` may be in the millions.
        for (const number of this.#older().reverse()) {
          if (number < keep) this.#files.rename(`${path}.${number}`, `${path}.${number + 1}`);
        }
        this.#files.rename(path, `${path}.1`);
      }
      this.#prune();
    } catch (error) {
      this.#getStuck(error);
    }
  }

  #getStuck(error: unknown): void {
    this.#rotateAgainMs = this.#clock.nowMs() + ROTATE_AGAIN_MS;
    this.#onStuck(error);
  }

  /** Numbers of the older files, the newest first. */
  #older(): number[] {
    const { path } = this.#settings;
    const begin = `${fileNameOf(path)}.`;
    return this.#files.list(folderOf(path)).filter((name) => name.startsWith(begin)).map((name) => name.slice(begin.length))
      .filter((rest) => /^[1-9]\d{0,8}$/.test(rest)).map(Number).sort((one, other) => one - other);
  }

  /** Removes the older files that are too many, or too much. */
  #prune(): void {
    const { path, maxSize, keep, maxTotal = Infinity } = this.#settings;
    if (isDevicePath(path) || this.#files.info(folderOf(path)) === undefined) return;
    let left = maxTotal - maxSize;
    for (const number of this.#older()) {
      const older = `${path}.${number}`;
      left -= this.#files.info(older)?.size ?? 0;
      if (number > keep || left < 0) this.#files.remove(older);
    }
  }

  #open(): void {
    const { path, keep } = this.#settings;
    try {
      this.#file = this.#files.openAppend(path);
    } catch (error) {
      if (!(isDaemonError(error) && error.code === "IO_NOT_FOUND")) throw error;
      this.#files.makeDir(folderOf(path));
      this.#file = this.#files.openAppend(path);
    }
    this.#fileSize = this.#file.size;
    this.#isEndless = isDevicePath(path) || (this.#files.info(path)?.kind ?? "file") !== "file";
    if (this.#isEndless) return;
    // Removes files that an earlier daemon kept beyond our count; to list the folder each time would cost a thousand services a second.
    if (this.#clock.nowMs() < this.#rotateAgainMs || this.#files.info(`${path}.${keep + 1}`) === undefined) return;
    try {
      this.#prune();
    } catch (error) {
      // A file that can't be removed does not stop the writing.
      this.#getStuck(error);
    }
  }

  #close(): void {
    this.#file?.[Symbol.dispose]();
    this.#file = undefined;
  }

  #fail(error: unknown): void {
    const isFirst = this.#failure === undefined;
    this.#failure = { error };
    this.#close();
    if (isFirst) this.#onFail(error);
    if (!this.#isDisposed) this.#timer ??= this.#clock.schedule(RETRY_MS, () => this.flush());
  }

  #stopTimer(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #drop(count: number): void {
    this.#dropped += count;
    this.#unwritten += count;
    this.#onDrop(count, this.#failure?.error ?? new Error("the log file was closed"));
  }

  /** Says in the file itself what is missing from it. */
  #recordDrops(): void {
    if (this.#unwritten === 0) return;
    this.#hold({ bytes: this.#encoder.encode(this.#noteDropped(this.#unwritten)), count: 1 });
    this.#unwritten = 0;
    this.#append();
  }
}

function checkSettings({ maxSize, keep, maxTotal }: RotationSettings): void {
  const must = (isGood: boolean, what: string, value: unknown) => {
    if (!isGood) throw new RangeError(`Cannot keep a log file as ${what}: current value is ${value}`);
  };
  must(Number.isSafeInteger(maxSize) && maxSize > 0, "its size must be a positive integer", maxSize);
  must(Number.isSafeInteger(keep) && keep >= 0, "the number of older files must be an integer of at least 0", keep);
  must(maxTotal === undefined || maxTotal >= maxSize, `the size of all must be at least that of one (${maxSize})`, maxTotal);
}

function concat(pieces: readonly Piece[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let at = 0;
  for (const { bytes } of pieces) {
    whole.set(bytes, at);
    at += bytes.length;
  }
  return whole;
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
