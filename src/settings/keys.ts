import * as v from "valibot";
import type { KeyFacts, ReloadClass } from "../core/values/config_key.ts";
import {
  type ConfigSchema,
  type Entries,
  formatPath,
  isTable,
  key,
  type Layer,
  type Node,
  nodeOf,
  type Problem,
  type Schema,
  type Settlement,
  table,
  type Tree,
} from "../config/mod.ts";
import { listenerSpecs, listenersTable, type ListenerTable } from "../control/keys.ts";
import type { ListenerSpec } from "../control/spec.ts";
import { durationMs } from "../core/values/duration.ts";
import { resolvePath } from "../core/values/paths.ts";
import { loggingTable } from "../log/keys.ts";
import { serviceSpecs, servicesTable, type ServiceTable, serviceTable } from "../service/keys.ts";
import type { ServiceSpec } from "../service/spec.ts";
import { DEADLINE_KEYS, longestStopOf, settleDeadlines, shortDeadlines, type ShutdownDeadlines } from "./shutdown_deadlines.ts";
import { isBusCapacity, isDaemonName, type Leaf, type LeafPath, LEAVES } from "./leaves.ts";

/** Tables of features beside those that are listed here, by the name of the feature; a key that is not `live` waits for a restart. */
export type FeatureTables = Readonly<Record<string, Schema>>;

/** The whole configuration: the seed's tables and those of the features. */
export const DAEMON_SCHEMA: Schema = daemonSchema();

/** Every place of {@linkcode DAEMON_SCHEMA}. */
export const DAEMON_PLACES: Node = nodeOf(DAEMON_SCHEMA);

function daemonSchema(tables: FeatureTables = {}): Schema {
  return table({
    ...Object.fromEntries(Object.entries(tables).map(([name, own]) => [name, v.optional(own)])) as Entries,
    name: leaf(
      "name",
      "The name of the daemon, in its log and in the names of its files.",
      v.pipe(v.string(), v.check((name) => isDaemonName(name))),
    ),
    work_dir: path(
      "work_dir",
      "The base of relative paths and the folder that services start in; by default that of the configuration file.",
    ),
    pid_file: path("pid_file", "A file that holds the process id while the daemon runs, for other programs; the lock is another one."),
    state_dir: path("state_dir", "The folder for logs and for what is remembered, in place of the usual one."),
    hot_reload: leaf("hot_reload", "Whether a change of the file, or of one that it names, is applied at once.", v.boolean(), "live"),
    logging: v.optional(loggingTable()),
    shutdown: v.optional(table({
      ...milliseconds(
        "shutdown",
        "drain_delay_ms",
        "How long the daemon goes on serving, no longer ready, before anything is told to stop.",
        0,
      ),
      ...milliseconds("shutdown", "timeout_ms", "The end of the graceful time.", 1),
      ...milliseconds("shutdown", "force_timeout_ms", "When whatever can be killed is killed.", 1),
      ...milliseconds("shutdown", "kill_timeout_ms", "When the daemon ends with what has not stopped.", 1),
      exit_code: leaf(
        "shutdown.exit_code",
        "The exit code after a stop by a signal: 0, or 128 and the number of the signal.",
        v.picklist(["zero", "signal"]),
        "live",
      ),
    }, { expects: "a table of shutdown keys" })),
    performance: v.optional(table({
      worker_threads: leaf(
        "performance.worker_threads",
        "How many workers may run at once; 0 stands for the number of cores.",
        integer(0, 1_024),
      ),
      thread_pinning: leaf("performance.thread_pinning", "Whether the processes of modules are pinned to cores.", v.boolean()),
      memory_pool_size: leaf("performance.memory_pool_size", "Bytes of buffers that are allocated beforehand.", integer(1)),
      numa_aware: leaf("performance.numa_aware", "Whether pinned processes are spread over the nodes of the machine.", v.boolean()),
      lock_free: leaf("performance.lock_free", "Whether worker threads are reached by shared memory.", v.boolean()),
      scheduler_hints: leaf("performance.scheduler_hints", "Whether niceness and affinity are applied.", v.boolean()),
      nice: leaf("performance.nice", "The niceness of the daemon itself.", integer(-20, 19)),
    }, { expects: "a table of performance keys" })),
    monitoring: v.optional(table({
      enable_metrics: leaf("monitoring.enable_metrics", "Whether /metrics is answered.", v.boolean(), "live"),
      ...milliseconds("monitoring", "metrics_interval_ms", "How often gauges are sampled.", 1),
      track_resources: leaf("monitoring.track_resources", "Whether memory and processor time of units are measured.", v.boolean()),
      health_checks: leaf("monitoring.health_checks", "Whether the health checks of units are called.", v.boolean()),
      ...milliseconds("monitoring", "health_check_interval_ms", "How often health checks are called.", 1),
    }, { expects: "a table of monitoring keys" })),
    bus: v.optional(table({
      capacity: leaf(
        "bus.capacity",
        "How many events a slow reader may be behind before it misses some.",
        v.pipe(v.number(), v.check((capacity) => isBusCapacity(capacity))),
      ),
    }, { expects: "a table of bus keys" })),
    defaults: v.optional(table({ service: v.optional(serviceTable()) }, {
      expects: "tables [defaults.service]",
      notYetKeys: ["job"],
      isTemplate: true,
    })),
    service: v.optional(servicesTable()),
    listen: v.optional(listenersTable()),
  }, {
    expects: "a table",
    notYetKeys: ["job", "workers", "store"],
    aliases: { services: "service", log: "logging", listener: "listen", workdir: "work_dir", pidfile: "pid_file" },
  });
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
  const isUsual = Object.keys(tables).length === 0;
  const root = isUsual ? DAEMON_SCHEMA : daemonSchema(tables);
  const schema: ConfigSchema = {
    root,
    places: isUsual ? DAEMON_PLACES : nodeOf(root),
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
      deadlines = { fixed, longestStopMs: longestStopOf(stops.map(({ stopMs }) => stopMs)) };
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
  const longestStopMs = longestStopOf(stops.map(({ stopMs }) => stopMs));
  const { deadlines, fixed, contradictions, lifted } = settleDeadlines(given, longestStopMs);
  const usual = settleDeadlines(given).deadlines;
  const longest = stops.find(({ stopMs }) => stopMs === longestStopMs);
  const problems = contradictions.map(({ source, key, earlier }): Problem => ({
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

function leaf(path: LeafPath, about: string, schema: Schema, reload: ReloadClass = "daemon"): ReturnType<typeof key> {
  return key(schema, { ...factsOf(path, reload), about });
}

function path(name: "work_dir" | "pid_file" | "state_dir", about: string): ReturnType<typeof key> {
  return key(v.pipe(v.string(), v.nonEmpty()), { ...factsOf(name, "daemon"), about, kind: "path" });
}

/** A key in milliseconds and its unit form, `timeout_ms = 30000` and `timeout = "30s"`. */
function milliseconds(tableName: "shutdown" | "monitoring", name: string, about: string, min: number): Entries {
  const facts = { ...factsOf(`${tableName}.${name}` as LeafPath, "live"), about };
  const expects = `an integer of milliseconds >= ${min}`;
  return {
    [name]: key(integer(min), { ...facts, expects, kind: "milliseconds" }),
    [name.replace(/_ms$/, "")]: key(v.pipe(v.string(), v.check((text) => isDurationFrom(text, min))), {
      about,
      expects: 'a duration such as "250ms", "1.5s" or "1h30m"',
      reload: facts.reload,
      kind: "duration",
      unitFormOf: name,
    }),
  };
}

function isDurationFrom(text: string, min: number): boolean {
  try {
    return Math.round(durationMs(text)) >= min;
  } catch {
    return false;
  }
}

function integer(min: number, max = Number.MAX_SAFE_INTEGER): Schema {
  return v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
}

function factsOf(path: LeafPath, reload: ReloadClass): KeyFacts {
  const { expects, default: standard, isNotYet }: Leaf = LEAVES[path];
  return {
    expects,
    reload,
    ...(standard === undefined ? {} : { default: standard }),
    ...(isNotYet ? { notYet: true } : {}),
  };
}
