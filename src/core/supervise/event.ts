import type { State } from "./state.ts";

/**
 * An event of a daemon, as data on its bus: a unit has changed its state or its readiness, the daemon has come to a step of its life, or its
 * configuration was read again. `type` says which.
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
  & {
    /** Version of the event's shape. */
    v: 1;
    /** Rising number within one daemon, without gaps. */
    seq: number;
    /** ISO 8601 time in UTC. */
    time: string;
  }
  & (
    | {
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
    }
  );

/** Every type of event, and when it comes. */
export const EVENT_TYPES: Readonly<Record<DaemonEvent["type"], string>> = {
  "unit.state": "A unit has changed its state.",
  "unit.ready": "A unit has become ready, or is no longer.",
  "daemon.starting": "The start begins.",
  "daemon.ready": "Every unit has started and is ready.",
  "daemon.started": "Every unit has started once, and some are not ready.",
  "daemon.restored": "The daemon has made its own files anew, which somebody had removed.",
  "daemon.stopping": "A shutdown begins.",
  "daemon.forced": "The graceful time is over, or a second signal came.",
  "daemon.stopped": "Every unit is down, or was given up.",
  "config.reload": "The configuration was read again.",
};

/** Topics on the bus of a daemon. */
export interface DaemonTopics {
  /** Everything that happens. */
  event: DaemonEvent;
  /** A service or subsystem failed. */
  serviceCrashed: { service: string; reason: string; error: { name: string; code?: string; message: string } | undefined };
  /** The daemon became ready or stopped being so. */
  readiness: { ready: boolean; missing: string[] };
  /** A shutdown has begun. */
  shutdown: { reason: string };
  /** Another configuration is in force. */
  configUpdated: { version: number; changed: string[] };
}

/** The daemon as a whole has reached a step of its life. */
export type DaemonLifeEvent = Extract<DaemonEvent, { type: `daemon.${string}` }>;

/** Processes that a unit has started and that live on, as they can't be killed. */
export type Survivor = NonNullable<DaemonLifeEvent["survivors"]>[number];

/** The configuration was read again. */
export type ConfigReloadEvent = Extract<DaemonEvent, { type: "config.reload" }>;

/** A unit has changed its state. */
export type UnitStateEvent = Extract<DaemonEvent, { type: "unit.state" }>;

/** An event before the daemon has numbered and dated it. */
export type EventBody = DaemonEvent extends infer Each ? Each extends DaemonEvent ? Omit<Each, "v" | "seq" | "time"> : never : never;

/** Names processes that could not be ended, with their units. */
export function survivorsText(survivors: readonly Survivor[]): string {
  return survivors.map(({ path, pids }) => `${path} (pid ${pids.join(", ")})`).join(", ");
}
