import { type Shape, shape } from "../wire/shape.ts";
import type { DaemonStatus, ReloadAnswer, UnitOutcome, UnitStatus } from "./answers.ts";
import type { HealthCheck } from "./operations.ts";
import { type State, STATES } from "./state.ts";

const { anything, flag, integer, list, map, named, nullable, object, oneOf, optional, text, time, told } = shape;

/** The version of a shape. */
export const V1: Shape<1> = oneOf([1], "Version of this shape.");

/** The shape of a {@linkcode State}. */
export const STATE: Shape<State> = named("State", oneOf(STATES, "Where a unit is in its life."));

/** The shape of the status of one unit. */
export const UNIT_STATUS: Shape<UnitStatus> = named(
  "UnitStatus",
  object({
    name: text("Path: its name, below the names of its supervisors."),
    kind: text("`service`, `task`, `subsystem` or `supervisor`."),
    state: told(STATE, "Where it is in its life."),
    ready: nullable(flag("Whether it is ready; null where readiness does not apply.")),
    desired: oneOf(["up", "down"], "State that the operator wants."),
    reason: text("Why it is in this state, in a few words."),
    run: integer("Number of the current or last run, 0 before the first."),
    restarts: integer("Restarts over the daemon's life."),
    startedAt: nullable(time("ISO 8601 time at which the current run began; null when there is none.")),
    details: map(anything(), "Facts of its kind: `pid`, `command`, `lastExit`, `lastLines`, …"),
  }, "Status of one unit, as every surface shows it."),
);

/** The shape of one thing that must hold for the daemon to be ready. */
export const HEALTH_CHECK: Shape<HealthCheck> = object({
  name: text("`daemon`, the path of a unit, or the name of a check of a feature, which is no path of a unit."),
  ok: flag("Whether it holds."),
  reason: text("Why not, in a few words; how it is where it holds: `starting`, `restarting: exited with code 1`, `completed`."),
});

/** The fields of {@linkcode DAEMON_STATUS}, for an answer that has more. */
export const STATUS_FIELDS = {
  v: V1,
  name: text("Name from the configuration."),
  id: text("Name and a hash of the configuration file's path."),
  version: text("Version of daemonkit."),
  runtime: text("Runtime and its version."),
  pid: integer("Its process."),
  config: nullable(text("Configuration file, null when there is none.")),
  configVersion: integer("Number of the configuration in force, from 1; a reload that changes something adds one."),
  state: oneOf(["starting", "running", "stopping"], "`starting` until every unit has started once, `running`, or `stopping`."),
  ready: flag("Whether every unit that should be is ready, and every check of a feature holds."),
  startedAt: time("ISO 8601 time of the start."),
  uptimeMs: integer("Milliseconds since the start."),
  residentBytes: integer("Resident memory of the daemon in bytes; 0 when the system does not tell."),
  notices: list(text(), "Notices for the operator, in sentences: the wait before the units start, or that the file can't be used."),
  features: optional(
    map(map(anything()), "Facts that features tell about themselves, by the name of the feature; missing where none does."),
  ),
  health: optional(
    list(HEALTH_CHECK, "Checks of features, which must hold for the daemon to be ready; missing where there are none."),
  ),
  units: list(UNIT_STATUS, "Every unit, in order of registration."),
};

/** The shape of the status of a daemon. */
export const DAEMON_STATUS: Shape<DaemonStatus> = named(
  "DaemonStatus",
  object(STATUS_FIELDS, "Status of the daemon, as every surface shows it."),
);

/** The shape of what a command has come to for one unit. */
export const UNIT_OUTCOME: Shape<UnitOutcome> = named(
  "UnitOutcome",
  object({
    name: text("Path of the unit."),
    state: told(STATE, "State when the command ended."),
    outcome: text(
      "Outcome: `started`, `already running`, `stopped`, `already stopped`, `restarted`, `removed`, `failed`, `timed out`; of a wait its " +
        "goal; of a signal `sent SIGHUP`, `not running`, `no service`.",
    ),
    ok: flag("Whether the unit is where the command wanted it."),
    reason: text("Why, where it is not."),
    note: optional(text("Further fact, such as that it will not be remembered.")),
  }, "Outcome of a command for one unit."),
);

/** The shape of the result of a reload. */
export const RELOAD_ANSWER: Shape<ReloadAnswer> = named(
  "ReloadAnswer",
  object({
    v: V1,
    ok: flag("Whether everything is as the new configuration wants it."),
    dryRun: flag("Whether nothing was applied on purpose."),
    version: integer("Number of the configuration in force, from 1; a reload that changes something adds one."),
    changes: list(
      object({
        kind: oneOf(["added", "removed", "changed"], "Kind of the change."),
        name: text("Name of the changed setting, such as `logging.level`, or table, such as `service.api`."),
        keys: list(text(), "Keys of that table that differ, such as `env.LOG`; empty for a setting, and for a table that came or went."),
        effect: oneOf(
          ["start", "stop", "restart", "scale", "live", "daemon"],
          "Effect of applying it: `start`, `stop` or `restart` units, change their number (`scale`), `live` without touching what runs, or " +
            "nothing before the `daemon` is restarted.",
        ),
        from: optional(text("The value of a setting before, as text; undefined for tables, secrets, and where there was none.")),
        to: optional(text("Its value now, likewise.")),
      }),
      "Differences between the configuration in force and the one that was read, services last.",
    ),
    unchanged: integer("Number of services that stay as they are."),
    units: list(UNIT_OUTCOME, "Outcomes of the units that were started, stopped and restarted."),
  }, "Result of a reload, or of a dry run."),
);
