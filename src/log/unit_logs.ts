import type { Clock } from "../core/ports/clock.ts";
import { isDaemonError, messageOf } from "../core/values/errors.ts";
import type { Files } from "../core/ports/files.ts";
import type { LineBlock, LineFormat } from "../core/wire/line_block.ts";
import type { Logger } from "../core/ports/log.ts";
import { DropNotice } from "./drop_notice.ts";
import { formatLines, formatRemark } from "./line_format.ts";
import { RotatingFile, type RotationSettings } from "./rotating_file.ts";
import { type LogPort, MAX_LINE_BYTES, type UnitLines, type UnitLogSettings } from "../core/wire/unit_output.ts";

/** Options of {@linkcode UnitLogs}. */
export interface UnitLogsOptions {
  /** Where log files are kept. */
  files: Files;
  /** Times their flushing. */
  clock: Clock;
  /** The daemon's log, for what befalls the files. */
  log: Logger;
  /** Keeps the newest lines, and the counts. */
  lines: UnitLines;
  /** Shows lines as they come. */
  show: (block: LineBlock) => void;
  /** Resolves when who looks has caught up, within limits; undefined when there is nothing to wait for. @default there never is */
  room?: () => Promise<void> | undefined;
  /** Writes to stdout or stderr, for units whose log file that is. @default their lines go to the descriptor's own path */
  post?: (fd: 1 | 2, text: string | Uint8Array, count: number) => void;
  /** Whether a unit that is no longer in the configuration still stops. */
  isStopping: (unit: string) => boolean;
  /** Makes paths of a specification absolute. */
  resolve: (path: string) => string;
  /** Folder of the files of units that name none; undefined gives these none. */
  folder: string | undefined;
}

/** Files that are the daemon's own console. */
const DESCRIPTORS: Readonly<Record<string, 1 | 2 | undefined>> = { "/dev/stdout": 1, "/dev/fd/1": 1, "/dev/stderr": 2, "/dev/fd/2": 2 };

/** Units that a notice names. */
const MOST_NAMED = 3;

/** Log state of one unit. It outlives the unit's runs. */
interface UnitLog {
  format: LineFormat;
  maxLineBytes: number;
  file: RotatingFile | undefined;
  /** Its log file is what the daemon itself writes to. */
  fd: 1 | 2 | undefined;
  /** It is no longer in the configuration, and may still print its last lines. */
  isLeaving: boolean;
}

/**
 * The log files of the units: each belongs to its unit and lives as long as the configuration has it.
 *
 * - A file that can't be opened fails the start of its unit; later, when it can't be written, the unit runs on and its lines are counted as
 *   dropped, with one warning a minute over all units.
 * - Disposing writes everything that waits.
 */
export class UnitLogs implements LogPort, Disposable {
  readonly #options: UnitLogsOptions;
  readonly #units = new Map<string, UnitLog>();
  readonly #notice: DropNotice;
  readonly #failures: DropNotice;
  /** Units whose files have failed since the last warning of that. */
  readonly #failing = new Set<string>();
  /** Units whose files could not keep everything since the last warning. */
  readonly #troubled = new Set<string>();

  /** Creates them for the units of a configuration; no file is opened yet. */
  constructor(options: UnitLogsOptions, units: readonly UnitLogSettings[]) {
    const { clock, log } = options;
    this.#options = options;
    this.#notice = new DropNotice(clock, (dropped, error) => {
      const units = [...this.#troubled].join(" ");
      this.#troubled.clear();
      log.warn("lines of units were dropped", { dropped, units, reason: messageOf(error) });
    });
    this.#failures = new DropNotice(clock, (failures, error) => {
      const units = [...this.#failing].join(" ");
      this.#failing.clear();
      log.warn("log files can't be written: lines wait, and those that are too many will be dropped", {
        failures,
        units,
        reason: messageOf(error),
      });
    });
    this.apply(units);
  }

  /**
   * Makes the settings of these units count from now on, also for units that run. The file of a unit that is no longer among them is
   * written and closed; lines that it still prints are added. It is forgotten by a later call, once it has stopped.
   */
  apply(units: readonly UnitLogSettings[]): void {
    const { lines, isStopping, resolve, folder } = this.#options;
    const wanted = new Map(units.map(({ unit, log }) => [unit, log]));
    for (const [unit, known] of this.#units) {
      if (wanted.has(unit)) continue;
      if (!known.isLeaving) {
        known.isLeaving = true;
        known.file?.close();
      } else if (!isStopping(unit)) this.#forget(unit, known);
    }
    for (const [unit, { file, format, maxLineBytes, maxSizeBytes: maxSize, keep, maxTotalBytes: maxTotal }] of wanted) {
      let known = this.#units.get(unit);
      if (known === undefined) {
        this.#units.set(unit, known = { format, maxLineBytes, file: undefined, fd: undefined, isLeaving: false });
      }
      const path = file !== undefined ? resolve(file) : folder === undefined ? undefined : `${folder}/${unit.replaceAll("/", ".")}.log`;
      known.fd = this.#options.post && DESCRIPTORS[path ?? ""];
      if (path === undefined || path === "/dev/null" || known.fd !== undefined) {
        known.file?.[Symbol.dispose]();
        known.file = undefined;
      } else if (known.file === undefined) known.file = this.#create(unit, known, { path, maxSize, keep, maxTotal });
      else known.file.configure({ path, maxSize, keep, maxTotal });
      Object.assign(known, { format, maxLineBytes, isLeaving: false });
      lines.know(unit);
    }
  }

  open(unit: string): void {
    try {
      this.#units.get(unit)?.file?.open();
    } catch (error) {
      // A full disk, or too many open files, are no fault of the unit's and may pass: its lines wait, and are counted when they can't.
      if (!(isDaemonError(error) && error.code === "IO_NO_RESOURCES")) throw error;
    }
  }

  close(unit: string): void {
    this.#units.get(unit)?.file?.close();
  }

  publish(block: LineBlock): void {
    const { lines, show } = this.#options;
    lines.publish(block);
    const unit = this.#units.get(block.name);
    // A unit that itself writes to the console is not shown there a second time.
    if (unit?.fd === undefined) show(block);
    if (unit === undefined || unit.format === "raw" || (unit.file === undefined && unit.fd === undefined)) return;
    this.#write(unit, formatLines(block, unit.format), block.count);
  }

  keep(name: string, bytes: Uint8Array, count: number): void {
    const unit = this.#units.get(name);
    if (unit?.format === "raw" && (unit.file !== undefined || unit.fd !== undefined)) this.#write(unit, bytes.slice(), count);
  }

  #write({ fd, file, isLeaving }: UnitLog, lines: string | Uint8Array, count: number): void {
    if (fd !== undefined) return this.#options.post!(fd, lines, count);
    file!.write(lines, count);
    if (isLeaving) file!.close();
  }

  maxLineBytes(unit: string): number {
    return this.#units.get(unit)?.maxLineBytes ?? MAX_LINE_BYTES;
  }

  room(): Promise<void> | undefined {
    return this.#options.room?.();
  }

  /** Which units have a log file that can't be written now, and why; undefined when there is none. */
  get notice(): string | undefined {
    const failing = [...this.#units].filter(([, { file }]) => file?.failure !== undefined);
    if (failing.length === 0) return undefined;
    const named = failing.slice(0, MOST_NAMED).map(([name]) => name).join(", ");
    const more = failing.length > MOST_NAMED ? ` and ${failing.length - MOST_NAMED} more` : "";
    const dropped = failing.reduce((sum, [, { file }]) => sum + file!.dropped, 0);
    const lost = dropped === 0 ? "lines wait" : `${dropped} lines were dropped`;
    return `the log files of ${named}${more} can't be written, ${lost}: ${messageOf(failing[0][1].file!.failure!.error)}`;
  }

  /** Writes what waits. */
  flush(): void {
    for (const { file } of this.#units.values()) file?.flush();
  }

  /** Writes what waits and goes on with the files that have the paths now. */
  reopen(): void {
    for (const { file } of this.#units.values()) file?.reopen();
  }

  /** Writes what waits, and closes. */
  [Symbol.dispose](): void {
    for (const { file } of this.#units.values()) file?.[Symbol.dispose]();
    this.#failures[Symbol.dispose]();
    this.#notice[Symbol.dispose]();
  }

  #forget(unit: string, { file }: UnitLog): void {
    file?.[Symbol.dispose]();
    this.#units.delete(unit);
    this.#options.lines.forget(unit);
  }

  #create(name: string, unit: UnitLog, settings: RotationSettings): RotatingFile {
    const { files, clock, log, lines } = this.#options;
    return new RotatingFile({
      ...settings,
      files,
      clock,
      noteDropped: (dropped) => {
        const time = new Date(clock.wallMs()).toISOString();
        return formatRemark(`${dropped} lines were dropped here as this file could not be written`, { time, name }, unit.format);
      },
      onDrop: (dropped, error) => {
        lines.countDropped(name, dropped);
        this.#troubled.add(name);
        this.#notice.add(dropped, error);
      },
      onFail: (error) => {
        lines.countFailure(name);
        this.#failing.add(name);
        this.#failures.add(1, error);
      },
      onStuck: (err) => log.warn("a log file can't be rotated and grows beyond its limit", { service: name, reason: messageOf(err), err }),
    });
  }
}
