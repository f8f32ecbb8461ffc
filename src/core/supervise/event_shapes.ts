import { type Shape, shape } from "../wire/shape.ts";
import { STATE } from "./answer_shapes.ts";
import type { DaemonEvent } from "./answers.ts";

const { byText, flag, integer, list, named, number, object, oneOf, optional, text, time, told } = shape;

const HEAD = {
  v: oneOf([1], "Version of the event's shape."),
  seq: integer("Rising number within one daemon, without gaps."),
  time: time("ISO 8601 time in UTC."),
};

const UNIT_STATE = object({
  ...HEAD,
  type: oneOf(["unit.state"], "Kind of the event."),
  name: text("Path of the subsystem."),
  run: integer("Number of the run, 0 before the first one."),
  from: told(STATE, "State before."),
  to: told(STATE, "State now."),
  reason: text("Why, in a few words."),
  error: optional(object({ name: text(), code: optional(text()), message: text() }, "The thrown error, if any.")),
  attempt: optional(integer("Which restart in a row this is, for `restarting`.")),
  delayMs: optional(number("How long the restart waits, in milliseconds, for `restarting`.")),
});

const UNIT_READY = object({
  ...HEAD,
  type: oneOf(["unit.ready"], "Kind of the event."),
  name: text("Path of the subsystem."),
  run: integer("Number of the run."),
  ready: flag("Whether it is ready now."),
});

const LIFE_TYPES = [
  "daemon.starting",
  "daemon.ready",
  "daemon.started",
  "daemon.restored",
  "daemon.stopping",
  "daemon.forced",
  "daemon.stopped",
] as const;

const DAEMON_LIFE = object({
  ...HEAD,
  // A newer daemon may know more steps of its life; all have a reason.
  type: oneOf(LIFE_TYPES, "Kind of the event.", { more: "daemon." }),
  reason: text("Why, in a few words."),
  killed: optional(list(text(), "Paths of the services that were killed during the shutdown, where there were any, for `daemon.stopped`.")),
  survivors: optional(
    list(
      object({ path: text(), pids: list(integer()) }),
      "Processes that could not be ended and live, with the path of their unit, where there are any, for `daemon.stopped`.",
    ),
  ),
});

const CONFIG_RELOAD = object({
  ...HEAD,
  type: oneOf(["config.reload"], "Kind of the event."),
  version: integer("Number of the configuration in force."),
  outcome: oneOf(["applied", "unchanged", "refused"], "Result of the reload: taken, the same as before, or refused."),
  changed: list(text(), "Names of what differs: settings, and tables such as `service.api`."),
  reason: text("Why, in a few words; the first mistake where it was refused."),
});

/** The type of an event that a newer daemon may have. */
const WORDS = /^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+$/;
const LATER = object({ ...HEAD, type: text(undefined, { isIt: (type) => WORDS.test(type), must: "that of an event" }) });

/** The shape of an event. One of a type that is not known here has to have what all have, and may have anything else. */
export const DAEMON_EVENT: Shape<DaemonEvent> = named(
  "DaemonEvent",
  byText("type", { "unit.state": UNIT_STATE, "unit.ready": UNIT_READY, "daemon.*": DAEMON_LIFE, "config.reload": CONFIG_RELOAD }, {
    about:
      "An event of a daemon, as data on its bus: a unit has changed its state or its readiness, the daemon has come to a step of its " +
      "life, or its configuration was read again. `type` says which.",
    otherwise: LATER,
  }),
);
