import type { ProcessUsage, SignalName } from "./host.ts";
import type { State } from "./state.ts";
import type { DaemonEvent } from "./event.ts";

/** What is known of one unit, as every surface shows it. */
export interface UnitStatus {
  /** Path: its name, below the names of its supervisors. */
  name: string;
  /** `service`, `task`, `subsystem` or `supervisor`. */
  kind: string;
  /** Where it is in its life. */
  state: State;
  /** Whether it is ready; null where readiness does not apply. */
  ready: boolean | null;
  /** What the operator wants. */
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

/** What is known of the daemon, as every surface shows it. */
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
  /** `starting` until every unit has started once, `running`, or `stopping`. */
  state: "starting" | "running" | "stopping";
  /** Whether every unit that should be is ready. */
  ready: boolean;
  /** ISO 8601 time of the start. */
  startedAt: string;
  /** Milliseconds since the start. */
  uptimeMs: number;
  /** Resident memory of the daemon in bytes; 0 when the system does not tell. */
  residentBytes: number;
  /** Every unit, in order of registration. */
  units: UnitStatus[];
}

/** A line that a unit printed. */
export interface LogLine {
  /** Rising number over all units of the daemon. */
  seq: number;
  /** ISO 8601 time in UTC at which the daemon read it. */
  time: string;
  /** Path of the unit. */
  name: string;
  /** Where it came from. */
  stream: "stdout" | "stderr";
  /** The text without its line end; a line longer than the limit comes in several pieces. */
  text: string;
}

/** How many lines a unit has printed. */
export interface LineCounts {
  /** Path of the unit. */
  name: string;
  /** Lines of its output. */
  stdout: number;
  /** Lines of its error output. */
  stderr: number;
  /** Lines that could not be written to its log. */
  dropped: number;
}

/** What health and metrics ask for beside the status. */
export interface DaemonMeasures {
  /** Whether every unit has started once. */
  hasStarted: boolean;
  /** Events that were published, by the daemon and on its bus. */
  eventsPublished: number;
  /** Events that slow readers of the bus lost. */
  busLagged: number;
  /** What the process of the daemon uses. */
  process: ProcessUsage;
}

/** What a command did to one unit. */
export interface UnitOutcome {
  /** Path of the unit. */
  name: string;
  /** State when the command ended. */
  state: State;
  /**
   * What happened: `started`, `already running`, `stopped`, `already stopped`, `restarted`, `failed`, `timed out`; of a wait its goal; of a
   * signal `sent SIGHUP`, `not running`, `no service`.
   */
  outcome: string;
  /** Whether the unit is where the command wanted it. */
  ok: boolean;
  /** Why, where it is not. */
  reason: string;
}

/**
 * What one can wait for, in the words of `after`: `ready`, or completed where it has no readiness; `started`, be it ready or not;
 * `stopped`, for whatever reason, without a restart to come.
 */
export type WaitGoal = "ready" | "started" | "stopped";

/** What the control plane may ask of a running daemon. Unknown names fail with `SUBSYSTEM_UNKNOWN`. */
export interface Operations {
  /** A snapshot. */
  status(): DaemonStatus;
  /** What health and metrics ask for beside the status. */
  measures(): DaemonMeasures;
  /** How many lines each unit has printed; units that have printed none may be missing. */
  lineCounts(): readonly LineCounts[];
  /** Names of all units that a pattern with `*` and `?` matches; a plain name that does not exist fails. An instance group `api` means `api@*`. */
  resolve(patterns: readonly string[]): string[];
  /** Starts units with what they come after. Resolves when each is up, failed for good or waits to be restarted. */
  start(names: readonly string[], options: { signal?: AbortSignal }): Promise<UnitOutcome[]>;
  /** Stops units, what comes after them first. Resolves when each has ended or its time is up. */
  stop(names: readonly string[], options: { signal?: AbortSignal }): Promise<UnitOutcome[]>;
  /** Stops and starts units; what comes after them stays as it is. */
  restart(names: readonly string[], options: { signal?: AbortSignal }): Promise<UnitOutcome[]>;
  /** Sends a signal to the whole process group of each service that runs; units that have none say so in their outcome. */
  signal(names: readonly string[], signal: SignalName): UnitOutcome[];
  /**
   * Waits until all units are where `goal` says at one moment; nothing is changed. When the signal aborts or the daemon stops before that,
   * it resolves with who is missing and why, and does not reject.
   */
  wait(names: readonly string[], goal: WaitGoal, options: { signal?: AbortSignal }): Promise<UnitOutcome[]>;
  /** Begins to stop the daemon and returns at once. */
  shutdown(reason: string): void;
  /** The newest `limit` lines of these units (all when empty) that `isWanted` (all when left out), oldest first. */
  lines(names: readonly string[], limit: number, isWanted?: (line: LogLine) => boolean): LogLine[];
  /** Calls `fn` for each new line of these units until disposed. */
  followLines(names: readonly string[], fn: (line: LogLine) => void): Disposable;
  /** The newest events, at most 1,024, oldest first; a daemon of a library program keeps them once its operations were asked for. */
  events(): DaemonEvent[];
  /** Calls `fn` for each event until disposed, in the turn in which it happens. `fn` must not throw. */
  followEvents(fn: (event: DaemonEvent) => void): Disposable;
}
