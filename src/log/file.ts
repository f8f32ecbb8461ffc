import type { Clock } from "../core/ports/clock.ts";
import type { Files } from "../core/ports/files.ts";
import type { LogRecord, LogSink } from "../core/ports/log.ts";
import { DropNotice } from "./drop_notice.ts";
import { formatJson, formatText } from "./format.ts";
import { RotatingFile, type RotationSettings } from "./rotating_file.ts";

/** Settings of a {@linkcode FileSink} that can change while it is in use. */
export interface FileSinkSettings {
  /** Absolute path. A missing folder is made. */
  path: string;
  /** One JSON object a line in place of text; never colours. @default {false} */
  json?: boolean;
  /** Bytes after which the file becomes `path.1` and a new one begins. @default {104_857_600} */
  maxFileSize?: number;
  /** Older files kept as `path.1` (the newest) to `path.maxFiles`; with 0 a full file is removed. @default {5} */
  maxFiles?: number;
}

/** Options of {@linkcode fileSink}. */
export interface FileSinkOptions extends FileSinkSettings {
  /** Where it is kept. */
  files: Files;
  /** Times the flushing. */
  clock: Clock;
  /** Told of records that were lost since the last call, and why: once a minute at most, and at the end. @default nobody is told */
  onDrop?: (dropped: number, error: unknown) => void;
  /** Told when a write fails after one that did not, and why. @default nobody is told */
  onFail?: (error: unknown) => void;
}

/**
 * Keeps records in a {@linkcode RotatingFile}; an error is written at once. Mishaps of the file are recorded in it.
 *
 * @throws {IoError} if the file can't be opened.
 */
export function fileSink(options: FileSinkOptions): FileSink {
  return new FileSink(options);
}

/** A log file, made by {@linkcode fileSink}. */
export class FileSink implements Disposable {
  readonly #clock: Clock;
  readonly #file: RotatingFile;
  readonly #notice: DropNotice;
  #settings: FileSinkSettings;
  #format: (record: LogRecord) => string;

  /** Opens the file. */
  constructor(options: FileSinkOptions) {
    const { files, clock, onDrop = () => {}, onFail = () => {}, ...settings } = options;
    this.#clock = clock;
    this.#settings = settings;
    this.#format = formatOf(settings);
    this.#notice = new DropNotice(clock, onDrop);
    this.#file = new RotatingFile({
      files,
      clock,
      ...rotationOf(settings),
      noteDropped: (dropped) => this.#note("log records were dropped", { dropped }),
      onDrop: (dropped, error) => this.#notice.add(dropped, error),
      onFail,
      onStuck: (err) => this.#file.write(this.#note("log file can't be rotated and grows beyond its limit", { err }), 1),
    });
    this.#file.open();
  }

  /** Takes a record. */
  readonly write: LogSink = (record) => {
    const text = this.#format(record);
    if (record.level === "error") this.#file.writeNow(text, 1);
    else this.#file.write(text, 1);
  };

  /** Why the file can't be written at present; undefined while it can. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#file.failure;
  }

  /** Records lost so far. */
  get dropped(): number {
    return this.#file.dropped;
  }

  /** Writes what waits; false when that failed and will be tried again. */
  flush(): boolean {
    return this.#file.flush();
  }

  /** Writes what waits, and goes on with the file that has the path now. */
  reopen(): void {
    this.#file.reopen();
  }

  /**
   * Changes where it lies, how it is written and how much is kept.
   *
   * @throws {IoError} if the file can't be opened; then all stays as it was.
   */
  configure(settings: FileSinkSettings): void {
    this.#file.configure(rotationOf(settings));
    try {
      if (settings.path !== this.#settings.path) this.#file.open();
    } catch (error) {
      this.#file.configure(rotationOf(this.#settings));
      throw error;
    }
    this.#settings = settings;
    this.#format = formatOf(settings);
  }

  /** Writes what waits, and closes; records that come later are dropped. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
    this.#notice[Symbol.dispose]();
  }

  #note(message: string, fields: LogRecord["fields"]): string {
    return this.#format({ timeMs: this.#clock.wallMs(), level: "warn", message, logger: "log", fields });
  }
}

function rotationOf({ path, maxFileSize = 104_857_600, maxFiles = 5 }: FileSinkSettings): RotationSettings {
  return { path, maxSize: maxFileSize, keep: maxFiles };
}

function formatOf({ json = false }: FileSinkSettings): (record: LogRecord) => string {
  return json ? formatJson : formatText;
}
