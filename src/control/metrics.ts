import { exitCodeOf } from "../core/values/exit_status.ts";
import type { DaemonMeasures, DaemonStatus, LineCounts, UnitStatus } from "../core/supervise/operations.ts";
import { isMissing } from "../core/supervise/readiness.ts";
import { type Exposition, labelText } from "../core/wire/exposition.ts";
import { STATES } from "../core/supervise/state.ts";

/** Source of all series: one look at the daemon. */
export interface MetricsSource {
  /** The daemon and its units. */
  status: DaemonStatus;
  /** Its other measures. */
  measures: DaemonMeasures;
  /** Lines that units printed. */
  lines: readonly LineCounts[];
}

/** A family of series. */
export interface Metric {
  /** Name of its series; that of a counter ends in `_total`, that of an info in `_info`. */
  readonly name: string;
  /** Kind of its value. */
  readonly type: "counter" | "gauge" | "info";
  /** Its meaning, in a sentence. */
  readonly help: string;
  /** Names of its labels, the same for every series. */
  readonly labels: readonly string[];
  /** Hands over each series: its value, and the values of its labels in their order. A value that is not known is left out. */
  readonly read: (source: MetricsSource, add: (value: number, ...labels: string[]) => void) => void;
}

const NO_LABELS: readonly string[] = [];
const UNIT = ["unit"] as const;
/** The label that the Rust crates use. */
const SERVICE = ["service"] as const;

/** Every series that `/metrics` shows. */
export const METRICS: readonly Metric[] = [
  {
    name: "daemonkit_up",
    type: "gauge",
    help: "Always 1: the daemon answers.",
    labels: NO_LABELS,
    read: (_source, add) => add(1),
  },
  {
    name: "daemonkit_info",
    type: "info",
    help: "What runs: name of the daemon, version of daemonkit, runtime.",
    labels: ["name", "version", "runtime"],
    read: ({ status: { name, version, runtime } }, add) => add(1, name, version, runtime),
  },
  {
    name: "daemonkit_start_time_seconds",
    type: "gauge",
    help: "When the daemon started, in seconds since the Unix epoch.",
    labels: NO_LABELS,
    read: ({ status }, add) => add(Date.parse(status.startedAt) / 1_000),
  },
  {
    name: "daemonkit_uptime_seconds",
    type: "gauge",
    help: "How long the daemon has run.",
    labels: NO_LABELS,
    read: ({ status }, add) => add(status.uptimeMs / 1_000),
  },
  {
    name: "daemonkit_ready",
    type: "gauge",
    help: "Whether the daemon runs and nothing is missing: what /readyz says.",
    labels: NO_LABELS,
    read: ({ status }, add) => add(toNumber(status.ready)),
  },
  {
    name: "daemonkit_started",
    type: "gauge",
    help: "Whether every unit has started once: what /startupz says.",
    labels: NO_LABELS,
    read: ({ measures }, add) => add(toNumber(measures.hasStarted)),
  },
  {
    name: "daemonkit_config_version",
    type: "gauge",
    help: "Number of the configuration in force; a reload that changes something adds one.",
    labels: NO_LABELS,
    read: ({ status }, add) => add(status.configVersion),
  },
  {
    name: "daemonkit_config_reloads_total",
    type: "counter",
    help: "Reloads of the configuration, by what became of them: applied, unchanged or refused.",
    labels: ["outcome"],
    read: ({ measures }, add) => {
      for (const [outcome, count] of Object.entries(measures.reloads)) add(count, outcome);
    },
  },
  {
    name: "daemonkit_unit_state",
    type: "gauge",
    help: "1 for the state that a unit is in, 0 for the others.",
    labels: ["unit", "state"],
    read: perUnit((unit, add) => {
      for (const state of STATES) add(state === unit.state ? 1 : 0, unit.name, state);
    }),
  },
  {
    name: "daemonkit_unit_ready",
    type: "gauge",
    help: "Whether a unit that should be there is, or has completed: what it counts for in /readyz.",
    labels: UNIT,
    read: perUnit((unit, add) => add(toNumber(unit.desired === "up" && !isMissing(unit)), unit.name)),
  },
  {
    name: "daemonkit_unit_readiness",
    type: "gauge",
    help: "Whether a unit says itself that it is ready; missing for units that are not asked.",
    labels: UNIT,
    read: perUnit((unit, add) => unit.ready !== null && add(toNumber(unit.ready), unit.name)),
  },
  {
    name: "daemonkit_unit_desired",
    type: "gauge",
    help: "1 for a unit that should be up, 0 for one that was stopped.",
    labels: UNIT,
    read: perUnit((unit, add) => add(toNumber(unit.desired === "up"), unit.name)),
  },
  {
    name: "daemonkit_unit_restarts_total",
    type: "counter",
    help: "Restarts of a unit.",
    labels: UNIT,
    read: perUnit((unit, add) => add(unit.restarts, unit.name)),
  },
  {
    name: "service_restarts_total",
    type: "counter",
    help: "The same as daemonkit_unit_restarts_total, under the name of the Rust crates.",
    labels: SERVICE,
    read: perUnit((unit, add) => add(unit.restarts, unit.name)),
  },
  {
    name: "daemonkit_unit_runs_total",
    type: "counter",
    help: "Runs of a unit, the first one included.",
    labels: UNIT,
    read: perUnit((unit, add) => add(unit.run, unit.name)),
  },
  {
    name: "daemonkit_unit_spawn_failures_total",
    type: "counter",
    help: "Runs of a unit whose program could not be started.",
    labels: UNIT,
    read: perUnit((unit, add) => addNumber(unit.details.spawnFailures, add, unit.name)),
  },
  {
    name: "daemonkit_unit_start_time_seconds",
    type: "gauge",
    help: "When the present run of a unit began, in seconds since the Unix epoch; missing while there is none.",
    labels: UNIT,
    read: perUnit((unit, add) => unit.startedAt !== null && add(Date.parse(unit.startedAt) / 1_000, unit.name)),
  },
  {
    name: "daemonkit_unit_last_exit_code",
    type: "gauge",
    help: "Exit code of the last run of a unit, 128 + n after signal n; missing before the first end.",
    labels: UNIT,
    read: perUnit((unit, add) => addNumber(lastExitCode(unit), add, unit.name)),
  },
  {
    name: "daemonkit_unit_lines_total",
    type: "counter",
    help: "Lines that a unit printed.",
    labels: ["unit", "stream"],
    read: ({ lines }, add) => {
      for (const { name, stdout, stderr } of lines) {
        add(stdout, name, "stdout");
        add(stderr, name, "stderr");
      }
    },
  },
  {
    name: "daemonkit_unit_log_dropped_total",
    type: "counter",
    help: "Lines of a unit that could not be written to its log.",
    labels: UNIT,
    read: ({ lines }, add) => {
      for (const { name, dropped } of lines) add(dropped, name);
    },
  },
  {
    name: "daemonkit_unit_log_failures_total",
    type: "counter",
    help: "How often the log of a unit could no longer be written.",
    labels: UNIT,
    read: ({ lines }, add) => {
      for (const { name, failures } of lines) add(failures, name);
    },
  },
  {
    name: "events_published_total",
    type: "counter",
    help: "Events that were published, by the daemon and on its bus.",
    labels: NO_LABELS,
    read: ({ measures }, add) => add(measures.eventsPublished),
  },
  {
    name: "bus_lagged_total",
    type: "counter",
    help: "Events that slow readers of the daemon's bus lost.",
    labels: NO_LABELS,
    read: ({ measures }, add) => add(measures.busLagged),
  },
  {
    name: "process_resident_memory_bytes",
    type: "gauge",
    help: "Resident memory of the daemon's process.",
    labels: NO_LABELS,
    read: ({ measures }, add) => addNumber(measures.process.residentBytes, add),
  },
  {
    name: "process_cpu_seconds_total",
    type: "counter",
    help: "Processor time of the daemon's process, user and system.",
    labels: NO_LABELS,
    read: ({ measures }, add) => addNumber(measures.process.cpuSeconds, add),
  },
  {
    name: "process_open_fds",
    type: "gauge",
    help: "Open file descriptors of the daemon's process.",
    labels: NO_LABELS,
    read: ({ measures }, add) => addNumber(measures.process.openFiles, add),
  },
  {
    name: "process_start_time_seconds",
    type: "gauge",
    help: "When the daemon's process started, in seconds since the Unix epoch.",
    labels: NO_LABELS,
    read: ({ measures }, add) => addNumber(measures.process.startSeconds, add),
  },
];

/** Writes every series of a catalogue. A family without a series is left out. */
export function writeMetrics(source: MetricsSource, exposition: Exposition, catalogue: readonly Metric[] = METRICS): void {
  for (const { name, type, help, labels, read } of catalogue) {
    exposition.family(name, type, help);
    read(source, (value, ...values) => exposition.sample(labelText(labels, values), value));
  }
}

function perUnit(read: (unit: UnitStatus, add: (value: number, ...labels: string[]) => void) => void): Metric["read"] {
  return ({ status }, add) => {
    for (const unit of status.units) read(unit, add);
  };
}

function toNumber(isSo: boolean): number {
  return isSo ? 1 : 0;
}

function addNumber(value: unknown, add: (value: number, ...labels: string[]) => void, ...labels: string[]): void {
  if (typeof value === "number") add(value, ...labels);
}

function lastExitCode({ details: { lastExit } }: UnitStatus): number | undefined {
  // Details are anybody's plain data, so it is looked at before it is believed.
  if (typeof lastExit !== "object" || lastExit === null) return undefined;
  const { code = null, signal = null } = lastExit as { code?: unknown; signal?: unknown };
  if (typeof signal === "string") return exitCodeOf({ code: null, signal });
  return typeof code === "number" ? code : undefined;
}
