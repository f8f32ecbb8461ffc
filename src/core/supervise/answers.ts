// Made by `deno run -A tests/tools/wire_types.ts --write` out of the shapes beside it; do not edit.
import type { State } from "./state.ts";

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
  health?: {
    /** `daemon`, the path of a unit, or the name of a check of a feature, which is no path of a unit. */
    name: string;
    /** Whether it holds. */
    ok: boolean;
    /** Why not, in a few words; how it is where it holds: `starting`, `restarting: exited with code 1`, `completed`. */
    reason: string;
  }[];
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
   * Outcome: `started`, `already running`, `stopped`, `already stopped`, `restarted`, `removed`, `failed`, `timed out`; of a wait its goal;
   * of a signal `sent SIGHUP`, `not running`, `no service`.
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
     * Effect of applying it: `start`, `stop` or `restart` units, change their number (`scale`), `live` without touching what runs, or
     * nothing before the `daemon` is restarted.
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
 * An event of a daemon, as data on its bus: a unit has changed its state or its readiness, the daemon has come to a step of its life, or
 * its configuration was read again. `type` says which.
 *
 * @example The units that have failed
 * ```ts
 * import { Daemon, RestartPolicy } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const failed: string[] = [];
 * const builder = Daemon.builder().withTask("flaky", async (context) => {
 *   await context.sleep("1ms");
 *   throw new Error("boom");
 * }, { restart: RestartPolicy.Never });
 * builder.onEvent((event) => {
 *   if (event.type === "unit.state" && event.to === "failed") failed.push(`${event.name}: ${event.error?.message}`);
 * });
 * await builder.run({ ownsProcess: false });
 * assert.deepEqual(failed, ["flaky: boom"]);
 * ```
 */
export type DaemonEvent =
  | {
    /** Version of the event's shape. */
    v: 1;
    /** Rising number within one daemon, without gaps. */
    seq: number;
    /** ISO 8601 time in UTC. */
    time: string;
    /** Kind of the event. */
    type: "unit.state";
    /** Path of the subsystem. */
    name: string;
    /** Number of the run, 0 before the first one. */
    run: number;
    /** State before. */
    from: State;
    /** State now. */
    to: State;
    /** Why, in a few words. */
    reason: string;
    /** The thrown error, if any. */
    error?: { name: string; code?: string; message: string };
    /** Which restart in a row this is, for `restarting`. */
    attempt?: number;
    /** How long the restart waits, in milliseconds, for `restarting`. */
    delayMs?: number;
  }
  | {
    /** Version of the event's shape. */
    v: 1;
    /** Rising number within one daemon, without gaps. */
    seq: number;
    /** ISO 8601 time in UTC. */
    time: string;
    /** Kind of the event. */
    type: "unit.ready";
    /** Path of the subsystem. */
    name: string;
    /** Number of the run. */
    run: number;
    /** Whether it is ready now. */
    ready: boolean;
  }
  | {
    /** Version of the event's shape. */
    v: 1;
    /** Rising number within one daemon, without gaps. */
    seq: number;
    /** ISO 8601 time in UTC. */
    time: string;
    /** Kind of the event. */
    type:
      | "daemon.starting"
      | "daemon.ready"
      | "daemon.started"
      | "daemon.restored"
      | "daemon.stopping"
      | "daemon.forced"
      | "daemon.stopped";
    /** Why, in a few words. */
    reason: string;
    /** Paths of the services that were killed during the shutdown, where there were any, for `daemon.stopped`. */
    killed?: string[];
    /** Processes that could not be ended and live, with the path of their unit, where there are any, for `daemon.stopped`. */
    survivors?: { path: string; pids: number[] }[];
  }
  | {
    /** Version of the event's shape. */
    v: 1;
    /** Rising number within one daemon, without gaps. */
    seq: number;
    /** ISO 8601 time in UTC. */
    time: string;
    /** Kind of the event. */
    type: "config.reload";
    /** Number of the configuration in force. */
    version: number;
    /** Result of the reload: taken, the same as before, or refused. */
    outcome: "applied" | "unchanged" | "refused";
    /** Names of what differs: settings, and tables such as `service.api`. */
    changed: string[];
    /** Why, in a few words; the first mistake where it was refused. */
    reason: string;
  };
