import type { ProcessUsage } from "../ports/own_process.ts";
import type { SignalName } from "../values/signal_name.ts";
import type { LogLine } from "../wire/log_line.ts";
import type { DaemonEvent, DaemonStatus, ReloadAnswer, UnitOutcome, UnitStatus } from "./answers.ts";

export type { DaemonStatus, ReloadAnswer, UnitOutcome, UnitStatus };

/**
 * Operations that the control plane may ask of a running daemon. Unknown names fail with `SUBSYSTEM_UNKNOWN`; without units yet, all names
 * fail with `RUNTIME_STATE`.
 */
export interface Operations {
  /** A snapshot. */
  status(): DaemonStatus;
  /** Resolves when there are units, or will be none any more; until then `notices` of the status say what is waited for. Rejects with the reason when the signal aborts. */
  prepared(options?: { signal?: AbortSignal }): Promise<void>;
  /** Measures for health and metrics beside the status. */
  measures(): {
    /** Whether every unit has started once. */
    hasStarted: boolean;
    /** Reloads of the configuration, by what became of them. */
    reloads: Readonly<Record<"applied" | "unchanged" | "refused", number>>;
    /** Events that were published, by the daemon and on its bus. */
    eventsPublished: number;
    /** Events that slow readers of the bus lost. */
    busLagged: number;
    /** Resource usage of the daemon's process. */
    process: ProcessUsage;
  };
  /**
   * Names of all units that a pattern with `*` and `?` matches; a plain name that does not exist fails. An instance group `api` means
   * `api@*`.
   */
  resolve(patterns: readonly string[]): string[];
  /** Starts units with what they come after. Resolves when each is up, failed for good or waits to be restarted. */
  start(names: readonly string[], options?: { signal?: AbortSignal }): Promise<UnitOutcome[]>;
  /** Stops units, what comes after them first. Resolves when each has ended or its time is up. */
  stop(names: readonly string[], options?: { signal?: AbortSignal }): Promise<UnitOutcome[]>;
  /** Stops and starts units; what comes after them stays as it is. */
  restart(names: readonly string[], options?: { signal?: AbortSignal }): Promise<UnitOutcome[]>;
  /** Sends a signal to the whole process group of each service that runs; units that have none say so in their outcome. */
  signal(names: readonly string[], signal: SignalName): UnitOutcome[];
  /**
   * Waits until all units are where `goal` says at one moment: `ready`, or completed where it has no readiness; `started`, be it ready or not;
   * `stopped`, for whatever reason, without a restart to come. Nothing is changed. When the signal aborts or the daemon stops before that, it
   * resolves with who is missing and why, and does not reject.
   */
  wait(names: readonly string[], goal: "ready" | "started" | "stopped", options?: { signal?: AbortSignal }): Promise<UnitOutcome[]>;
  /**
   * Reads the configuration file again and applies what differs, or only says what would be. Resolves when the units that it touches have
   * started or stopped. When it rejects, nothing has changed: with a `ConfigError` that holds every mistake of the file, with `RUNTIME_STATE`
   * where there is no file.
   */
  reload(options?: { dryRun?: boolean; signal?: AbortSignal }): Promise<ReloadAnswer>;
  /** Begins to stop the daemon and returns at once. */
  shutdown(reason: string): void;
  /** The newest `limit` lines of these units (all when empty) that `isWanted` (all when left out), oldest first. */
  lines(names: readonly string[], limit: number, isWanted?: (line: LogLine) => boolean): LogLine[];
  /** Calls `fn` for each new line of these units until disposed. */
  followLines(names: readonly string[], fn: (line: LogLine) => void): Disposable;
  /** How many lines each unit has printed since the start of the daemon; units that have printed none may be missing. */
  lineCounts(): readonly {
    /** Path of the unit. */
    name: string;
    /** Lines read of its output. */
    stdout: number;
    /** Lines read of its error output. */
    stderr: number;
    /** Lines that could not be kept in its log file. */
    dropped: number;
    /** How often its log file could no longer be written. */
    failures: number;
    /** Time of the oldest line that readers still get, once older ones are gone from memory; null before that. */
    keptFrom: string | null;
  }[];
  /** The newest events, at most 1,024, oldest first; a daemon of a library program keeps them once its operations were asked for. */
  events(): DaemonEvent[];
  /** Calls `fn` for each event until disposed, in the turn in which it happens. `fn` must not throw. */
  followEvents(fn: (event: DaemonEvent) => void): Disposable;
}

/** Measures of a daemon. */
export type DaemonMeasures = ReturnType<Operations["measures"]>;

/** Counts of the lines of a unit. */
export type LineCounts = ReturnType<Operations["lineCounts"]>[number];

/** Goals of a wait, in the words of `after`. */
export type WaitGoal = Parameters<Operations["wait"]>[1];

/** One difference between the configuration in force and the one that was read. */
export type ReloadChange = ReloadAnswer["changes"][number];

/** Something that must hold for the daemon to be ready. */
export type HealthCheck = NonNullable<DaemonStatus["health"]>[number];
