import type { LogLine } from "../wire/line_block.ts";
import type { ProcessUsage } from "../ports/own_process.ts";
import type { SignalName } from "../values/signal_name.ts";
import type { State } from "./state.ts";
import type { DaemonEvent } from "./event.ts";

/** Status of one unit, as every surface shows it. */
export interface UnitStatus {
  /** Path: its name, below the names of its supervisors. */
  name: string;
  /** `service`, `task`, `subsystem` or `supervisor`. */
  kind: string;
  /** Where it is in its life. */
  state: State;
  /** Whether it is ready; null where readiness does not apply. */
  ready: boolean | null;
  /** State that the operator wants. */
  desired: "up" | "down";
  /** Why it is in this state, in a few words. */
  reason: string;
  /** Number of the current or last run, 0 before the first. */
  run: number;
  /** Restarts over the daemon's life. */
  restarts: number;
  /** ISO 8601 time at which the current run began; null when there is none. */
  startedAt: string | null;
  /** Facts of its kind: `pid`, `command`, `lastExit`, `lastLines`, … */
  details: Readonly<Record<string, unknown>>;
}

/** Status of the daemon, as every surface shows it. */
export interface DaemonStatus {
  /** Version of this shape. */
  v: 1;
  /** Name from the configuration. */
  name: string;
  /** Name and a hash of the configuration file's path. */
  id: string;
  /** Version of daemonkit. */
  version: string;
  /** Runtime and its version. */
  runtime: string;
  /** Its process. */
  pid: number;
  /** Configuration file, null when there is none. */
  config: string | null;
  /** Number of the configuration in force, from 1; a reload that changes something adds one. */
  configVersion: number;
  /** `starting` until every unit has started once, `running`, or `stopping`. */
  state: "starting" | "running" | "stopping";
  /** Whether every unit that should be is ready, and every check of a feature holds. */
  ready: boolean;
  /** ISO 8601 time of the start. */
  startedAt: string;
  /** Milliseconds since the start. */
  uptimeMs: number;
  /** Resident memory of the daemon in bytes; 0 when the system does not tell. */
  residentBytes: number;
  /** Notices for the operator, in sentences: the wait before the units start, or that the file can't be used. */
  notices: string[];
  /** Facts that features tell about themselves, by the name of the feature; missing where none does. */
  features?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Checks of features, which must hold for the daemon to be ready; missing where there are none. */
  health?: readonly { readonly name: string; readonly ok: boolean; readonly reason: string }[];
  /** Every unit, in order of registration. */
  units: UnitStatus[];
}

/** Outcome of a command for one unit. */
export interface UnitOutcome {
  /** Path of the unit. */
  name: string;
  /** State when the command ended. */
  state: State;
  /**
   * Outcome: `started`, `already running`, `stopped`, `already stopped`, `restarted`, `removed`, `failed`, `timed out`; of a wait its
   * goal; of a signal `sent SIGHUP`, `not running`, `no service`.
   */
  outcome: string;
  /** Whether the unit is where the command wanted it. */
  ok: boolean;
  /** Why, where it is not. */
  reason: string;
  /** Further fact, such as that it will not be remembered. */
  note?: string;
}

/** Result of a reload, or of a dry run. */
export interface ReloadAnswer {
  /** Version of this shape. */
  v: 1;
  /** Whether everything is as the new configuration wants it. */
  ok: boolean;
  /** Whether nothing was applied on purpose. */
  dryRun: boolean;
  /** Number of the configuration in force, from 1; a reload that changes something adds one. */
  version: number;
  /** Differences between the configuration in force and the one that was read, services last. */
  changes: {
    /** Kind of the change. */
    kind: "added" | "removed" | "changed";
    /** Name of the changed setting, such as `logging.level`, or table, such as `service.api`. */
    name: string;
    /** Keys of that table that differ, such as `env.LOG`; empty for a setting, and for a table that came or went. */
    keys: string[];
    /**
     * Effect of applying it: `start`, `stop` or `restart` units, change their number (`scale`), `live` without touching what runs, or nothing
     * before the `daemon` is restarted.
     */
    effect: "start" | "stop" | "restart" | "scale" | "live" | "daemon";
    /** The value of a setting before, as text; undefined for tables, secrets, and where there was none. */
    from?: string;
    /** Its value now, likewise. */
    to?: string;
  }[];
  /** Number of services that stay as they are. */
  unchanged: number;
  /** Outcomes of the units that were started, stopped and restarted. */
  units: UnitOutcome[];
}

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
