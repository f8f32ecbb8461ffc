import { type ConfigSchema, formatPath, isTable, type Layer, type LayerProblem, type Settlement, type Tree } from "../config/mod.ts";
import { LISTENERS, listenerSpecs, type ListenerTable } from "../control/keys.ts";
import type { ListenerSpec } from "../control/spec.ts";
import { durationMs } from "../core/values/duration.ts";
import { resolvePath } from "../core/values/paths.ts";
import type { Node, TableNode } from "../schema/node.ts";
import { SERVICE, SERVICES, type ServiceTable } from "../service/keys.ts";
import { serviceSpecs } from "../service/service_tables.ts";
import type { ServiceSpec } from "../service/spec.ts";
import { DEADLINE_KEYS, longestStopOf, settleDeadlines, shortDeadlines, type ShutdownDeadlines } from "./shutdown_deadlines.ts";
import { SETTINGS } from "./leaves.ts";

/** Tables of features beside those that are listed here, by the name of the feature; a key that is not `live` waits for a restart. */
export type FeatureTables = Readonly<Record<string, Node>>;

/** Every place of a configuration file: the settings of the daemon and the tables of the features. */
export const DAEMON_PLACES: TableNode = daemonPlaces();

function daemonPlaces(tables: FeatureTables = {}): TableNode {
  const defaults: TableNode = {
    type: "table",
    facts: { expects: "tables [defaults.service]", notYetKeys: ["job"], isTemplate: true },
    entries: { service: SERVICE },
    options: {},
    defaults: {},
  };
  return {
    ...SETTINGS,
    facts: {
      expects: "a table",
      notYetKeys: ["job", "workers", "store"],
      aliases: { services: "service", log: "logging", listener: "listen", workdir: "work_dir", pidfile: "pid_file" },
    },
    entries: { ...tables, ...SETTINGS.entries, defaults, service: SERVICES, listen: LISTENERS },
  };
}

/** The services of a configuration: complete, and as the file has them with what they take from the defaults. */
export interface Services {
  /** Complete and checked. */
  readonly specs: readonly ServiceSpec[];
  /** In the spelling of the file, by name. */
  readonly tables: Readonly<Record<string, ServiceTable>>;
}

/** Input from which the deadlines of the shutdown follow. */
export interface GivenDeadlines {
  /** ShutdownDeadlines that are set. */
  readonly fixed: ShutdownDeadlines;
  /** The longest `stop.timeout` that a service sets, in milliseconds; 0 where none does. */
  readonly longestStopMs: number;
}

/** The schema with the rules that span several keys, and the services and listeners that these rules make. */
export function daemonConfigSchema(
  baseDirOf: (tree: Tree) => string,
  tables: FeatureTables = {},
): { schema: ConfigSchema; services: () => Services; listeners: () => ListenerSpec[]; deadlines: () => GivenDeadlines } {
  let services: Services = { specs: [], tables: {} };
  let deadlines: GivenDeadlines = { fixed: {}, longestStopMs: 0 };
  let listeners: ListenerSpec[] = [];
  const schema: ConfigSchema = {
    places: Object.keys(tables).length === 0 ? DAEMON_PLACES : daemonPlaces(tables),
    inheritedFrom: (path) => path[0] === "service" && path.length > 2 ? ["defaults", "service", ...path.slice(2)] : undefined,
    settle: (tree, layers) => {
      const baseDir = baseDirOf(tree);
      const { specs, tables, problems } = serviceSpecs(
        (isTable(tree.service) ? tree.service : {}) as Record<string, ServiceTable>,
        (isTable(tree.defaults) && isTable(tree.defaults.service) ? tree.defaults.service : {}) as ServiceTable,
        baseDir,
        isTable(tree.logging) && typeof tree.logging.file === "string"
          ? { [resolvePath(baseDir, tree.logging.file)]: "the daemon itself" }
          : {},
      );
      services = { specs, tables };
      const listening = listenerSpecs((isTable(tree.listen) ? tree.listen : {}) as Record<string, ListenerTable>, baseDirOf(tree));
      listeners = listening.specs;
      const stops = stopsOf(tables);
      const { fixed, settlement: { problems: contradictions, warnings = [], follow } } = settledDeadlines(layers, stops);
      deadlines = { fixed, longestStopMs: longestStopOf(stops) };
      return { problems: [...contradictions, ...problems, ...listening.problems], warnings, follow };
    },
  };
  return { schema, services: () => services, listeners: () => listeners, deadlines: () => deadlines };
}

/** The deadlines of the shutdown as each layer gives them, strongest first. */
export function deadlinesIn(layers: readonly Layer[]): ShutdownDeadlines[] {
  return layers.map(({ tree }) => {
    const shutdown = isTable(tree.shutdown) ? tree.shutdown : {};
    const deadlines: ShutdownDeadlines = {};
    for (const key of DEADLINE_KEYS) {
      const ms = shutdown[key];
      // A value of the wrong type is reported on its own.
      if (typeof ms === "number" && ms >= 0) deadlines[key] = ms;
    }
    return deadlines;
  });
}

/** How long the services have to stop that say it. */
function stopsOf(tables: Readonly<Record<string, ServiceTable>>): { name: string; stopMs: number }[] {
  return Object.entries(tables).flatMap(([name, { stop }]) => {
    const stopMs = stop?.timeout === undefined ? undefined : durationMs(stop.timeout);
    return stopMs === undefined ? [] : [{ name: `service.${name}`, stopMs }];
  });
}

function settledDeadlines(
  layers: readonly Layer[],
  stops: readonly { name: string; stopMs: number }[],
): { fixed: ShutdownDeadlines; settlement: Settlement } {
  const given = deadlinesIn(layers);
  const longestStopMs = longestStopOf(stops);
  const { deadlines, fixed, contradictions, lifted } = settleDeadlines(given, longestStopMs);
  const usual = settleDeadlines(given).deadlines;
  const longest = stops.find(({ stopMs }) => stopMs === longestStopMs);
  const problems = contradictions.map(({ source, key, earlier }): LayerProblem => ({
    path: ["shutdown", key],
    message: `expected more than shutdown.${earlier} (${given[source][earlier]}), got ${given[source][key]}`,
    hint: "the order is drain_delay < timeout < force_timeout < kill_timeout",
    layer: layers[source],
  }));
  const follow: NonNullable<Settlement["follow"]> = [];
  for (const key of DEADLINE_KEYS) {
    const path = ["shutdown", key];
    const way = lifted.find((each) => each.key === key && !given.slice(0, each.source).some((stronger) => stronger[key] !== undefined));
    const winner = given.find((each) => each[key] !== undefined)?.[key];
    if (way !== undefined) {
      follow.push({
        path,
        value: deadlines[key],
        note: `moved from ${way.from}, as shutdown.${way.by} of a stronger source leaves no room for it`,
      });
    } else if (winner === undefined) {
      const isFollowing = given.some((each) => Object.keys(each).length > 0) && deadlines[key] > 0;
      const note = deadlines[key] !== usual[key]
        ? `follows from the stop.timeout of ${longest?.name}`
        : isFollowing
        ? "follows from the deadlines that are set"
        : "nothing else is set";
      follow.push({ path, value: deadlines[key], note });
    }
  }
  const warnings = lifted.filter(({ key, source }) => !given.slice(0, source).some((stronger) => stronger[key] !== undefined)).map((
    { source, key, by, from, to },
  ) => {
    const stronger = layers[given.findIndex((each) => each[by] !== undefined)];
    return `${formatPath(["shutdown", key])} = ${from} of ${layers[source].name} becomes ${to}, as ${stronger.name} sets shutdown.${by} = ${
      deadlines[by]
    }`;
  });
  return { fixed, settlement: { problems, warnings: [...warnings, ...shortDeadlines(fixed, stops)], follow } };
}
