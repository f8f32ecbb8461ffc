import type { EventBus } from "../messages/bus.ts";
import type { DaemonTopics } from "./event.ts";
import type { Meter } from "../ports/meter.ts";
import type { LogLevel } from "../ports/log.ts";

/** The settings in force, as a subsystem reads them; after a reload those of the new configuration. */
export interface DaemonSettings {
  /** Name of the daemon. */
  readonly name: string;
  /** Base of relative paths; undefined means the folder of the configuration file. */
  readonly workDir: string | undefined;
  /** Where the process number is written; undefined means nowhere. */
  readonly pidFile: string | undefined;
  /** Where the daemon keeps what it must not forget; undefined means the default place. */
  readonly stateDir: string | undefined;
  /** Whether a changed file is loaded again by itself. */
  readonly hotReload: boolean;
  /** The table `[logging]`. */
  readonly logging: {
    /** Least important level that is recorded. */
    readonly level: LogLevel;
    /** Whether records are lines of JSON. */
    readonly json: boolean;
    /** Whether terminals get colour. */
    readonly color: boolean;
    /** Path of the log file; undefined where there is none. */
    readonly file: string | undefined;
    /** Bytes after which the file is rotated. */
    readonly maxFileSize: number;
    /** Older files kept. */
    readonly maxFiles: number;
  };
  /** The table `[shutdown]`, in milliseconds. */
  readonly shutdown: {
    readonly drainDelayMs: number;
    readonly timeoutMs: number;
    readonly forceTimeoutMs: number;
    readonly killTimeoutMs: number;
  };
  /** The table `[performance]`. */
  readonly performance: { readonly workerThreads: number };
  /** The table `[monitoring]`. */
  readonly monitoring: { readonly enableMetrics: boolean };
  /** The table `[bus]`. */
  readonly bus: { readonly capacity: number };
}

/** The parts of a daemon that its subsystems may use. */
export interface Program {
  /** Everything that happens in the daemon, by topic. */
  readonly bus: EventBus<DaemonTopics>;
  /** The settings in force. */
  readonly config: DaemonSettings;
  /** Measurements of the program. */
  readonly metrics: Meter;
  /**
   * The instance of this class among the subsystems that run; with `name`, the one with that path.
   *
   * @throws {SubsystemError} if none runs, or several do and no name says which.
   */
  get<T extends object>(type: abstract new (...args: never[]) => T, name?: string): T;
}
