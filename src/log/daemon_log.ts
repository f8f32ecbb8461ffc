import type { Clock } from "../core/ports/clock.ts";
import { messageOf } from "../core/values/errors.ts";
import type { Host } from "../core/ports/host.ts";
import type { LineBlock } from "../core/wire/line_block.ts";
import type { Logger, LogSink } from "../core/ports/log.ts";
import { consoleLines, consoleSink } from "./console.ts";
import { type FileSink, fileSink } from "./file.ts";
import { createLogger, type RootLogger } from "./logger.ts";
import type { DaemonSettings } from "../core/supervise/program.ts";

/** Settings of a {@linkcode DaemonLog}: the table `[logging]`. */
export type DaemonLogSettings = DaemonSettings["logging"];

/** Options of {@linkcode DaemonLog}. */
export interface DaemonLogOptions {
  /** Name of the daemon, with which its records begin. */
  name: string;
  /** Terminal, files and environment. */
  host: Pick<Host, "terminal" | "files" | "env">;
  /** Dates the records. */
  clock: Clock;
  /** Takes the records in place of the console. */
  sink: LogSink | undefined;
  /** Whether records and lines go to the console. */
  hasConsole: boolean;
  /** Makes the path of the file absolute. */
  resolve: (path: string) => string;
  /** File where the configuration names none; undefined keeps none. */
  file: string | undefined;
  /** Names of units, for which the console makes room. */
  names: readonly string[];
}

/** The daemon's own log as `[logging]` says, and what it shows of its units: all of it can change while it is in use. */
export class DaemonLog implements AsyncDisposable {
  readonly #options: DaemonLogOptions;
  readonly #log: RootLogger;
  #toConsole: LogSink | undefined;
  #showLines: ((block: LineBlock) => void) | undefined;
  #file: FileSink | undefined;
  #path: string | undefined;

  /**
   * Opens it.
   *
   * @throws {IoError} if the file can't be opened.
   */
  constructor(options: DaemonLogOptions, settings: DaemonLogSettings) {
    const { name, clock, sink } = options;
    this.#options = options;
    const sinks: LogSink[] = [(record) => this.#toConsole?.(record), (record) => this.#file?.write(record)];
    if (sink !== undefined) sinks.unshift(sink);
    this.#log = createLogger({ level: settings.level, name, clock, sinks });
    this.#useConsole(settings);
    this.#useFile(settings);
  }

  /** Its root logger. */
  get log(): Logger {
    return this.#log;
  }

  /** Whether a record goes anywhere. */
  get isUsed(): boolean {
    return this.#options.sink !== undefined || this.#toConsole !== undefined || this.#file !== undefined;
  }

  /** Shows lines of units, where there is a console. */
  readonly showLines = (block: LineBlock): void => this.#showLines?.(block);

  /** Resolves when who reads the lines has caught up, after a tenth of a second at the latest; undefined when there is nothing to wait for. */
  readonly room = (): Promise<void> | undefined => this.#showLines && this.#options.host.terminal.room(1);

  /** Makes the settings of `[logging]` count from now on. A new file that can't be opened is a record; what was used before stays in use. */
  apply(settings: DaemonLogSettings): void {
    this.#log.level = settings.level;
    this.#useConsole(settings);
    try {
      this.#useFile(settings);
    } catch (error) {
      this.#log.error("the log file of the new configuration can't be used", { reason: messageOf(error), err: error });
    }
  }

  /** Says that its file can't be written now, and why; undefined while it can, or where there is none. */
  get notice(): string | undefined {
    const failure = this.#file?.failure;
    return failure && `the log file of the daemon can't be written: ${messageOf(failure.error)}`;
  }

  /** Writes what waits. */
  flush(): void {
    this.#file?.flush();
  }

  /** Writes what waits and goes on with the file that has the path now. */
  reopen(): void {
    this.#file?.reopen();
  }

  /** Gives whoever reads the console the time to do so, within limits; writes what waits for the file, and closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { host: { terminal }, hasConsole } = this.#options;
    if (hasConsole && !await terminal.flush()) this.#log.warn("the console was not read to its end");
    this.#file?.[Symbol.dispose]();
  }

  #useConsole({ json, color }: DaemonLogSettings): void {
    const { host: { terminal, env }, clock, sink, hasConsole, names } = this.#options;
    if (!hasConsole) return;
    const hasColor = (fd: 1 | 2) => color && terminal.isTerminal(fd) && !env.get("NO_COLOR");
    if (sink === undefined) this.#toConsole = consoleSink({ terminal, clock, fd: 2, json, color: hasColor(2) });
    this.#showLines = consoleLines({ terminal, clock, json, color: hasColor(1), names });
  }

  #useFile({ file: named, json, maxFileSize, maxFiles }: DaemonLogSettings): void {
    const { host: { files, terminal }, clock, hasConsole, resolve } = this.#options;
    const path = named === undefined ? this.#options.file : resolve(named);
    if (path === undefined) {
      this.#file?.[Symbol.dispose]();
      this.#file = undefined;
    } else if (path === this.#path) this.#file!.configure({ path, json, maxFileSize, maxFiles });
    else {
      const onDrop = (dropped: number, error: unknown) =>
        void (hasConsole && terminal.post(2, `daemonkit: ${dropped} log records were dropped: ${messageOf(error)}\n`));
      const onFail = (error: unknown) =>
        void (hasConsole && terminal.post(2, `daemonkit: the daemon's log file can't be written: ${messageOf(error)}\n`));
      const file = fileSink({ files, clock, path, json, maxFileSize, maxFiles, onDrop, onFail });
      if (this.#file === undefined) this.#file = file;
      else {
        // It can be opened; the one in use moves there, with what it still holds.
        file[Symbol.dispose]();
        this.#file.configure({ path, json, maxFileSize, maxFiles });
      }
    }
    this.#path = path;
  }
}
