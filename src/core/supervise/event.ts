import type { DaemonEvent } from "./answers.ts";

export type { DaemonEvent };

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

/** Whether an event is of a type that is known here; a newer daemon may have more. Steps in the life of a daemon are all alike. */
export function isKnownEvent({ type }: { readonly type: string }): boolean {
  return Object.hasOwn(EVENT_TYPES, type) || type.startsWith("daemon.");
}

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
