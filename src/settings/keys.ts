import { type ConfigSchema, formatPath, isTable, type Layer, type LayerProblem, type Settlement, type Tree } from "../config/mod.ts";
import { resolvePath } from "../core/values/paths.ts";
import type { FeatureTable, ReadTable } from "../schema/feature_table.ts";
import type { TableNode } from "../schema/node.ts";
import { FEATURE_TABLES } from "./feature_tables.ts";
import { DEADLINE_KEYS, longestStopOf, settleDeadlines, shortDeadlines, type ShutdownDeadlines } from "./shutdown_deadlines.ts";
import { SETTINGS } from "./leaves.ts";

/** Every place of a configuration file: the settings of the daemon and the tables of its features. */
export const DAEMON_PLACES: TableNode = placesOf(FEATURE_TABLES);

function placesOf(tables: readonly FeatureTable[]): TableNode {
  const templates = tables.filter(({ template }) => template !== undefined);
  const defaults: TableNode = {
    type: "table",
    facts: {
      expects: `tables ${templates.map(({ name }) => `[defaults.${name}]`).join(", ")}`,
      notYetKeys: ["job"],
      isTemplate: true,
    },
    entries: Object.fromEntries(templates.map(({ name, template }) => [name, template!])),
    options: {},
    defaults: {},
  };
  const aliases = tables.flatMap(({ name, aliases = [] }) => aliases.map((alias) => [alias, name]));
  return {
    ...SETTINGS,
    facts: {
      expects: "a table",
      notYetKeys: ["job", "workers", "store"],
      aliases: { ...Object.fromEntries(aliases), log: "logging", workdir: "work_dir", pidfile: "pid_file" },
    },
    entries: { ...SETTINGS.entries, defaults, ...Object.fromEntries(tables.map(({ name, node }) => [name, node])) },
  };
}

/** Tables of features as a file gives them. */
export interface ReadTables {
  /** The settings of each feature, by its name. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The entries of tables whose entries have names, with what they take from the defaults, by the names of both. */
  readonly entries: Readonly<Record<string, Readonly<Record<string, Tree>>>>;
}

/** Input from which the deadlines of the shutdown follow. */
export interface GivenDeadlines {
  /** ShutdownDeadlines that are set. */
  readonly fixed: ShutdownDeadlines;
  /** The longest time to stop that a unit sets, in milliseconds; 0 where none does. */
  readonly longestStopMs: number;
}

/** The schema with the rules that span several keys, and the settings of features that these rules make; `tables` are those of further ones. */
export function daemonConfigSchema(
  baseDirOf: (tree: Tree) => string,
  further: readonly FeatureTable[] = [],
): { schema: ConfigSchema; featuresOf: (tree: Tree) => ReadTables; deadlines: () => GivenDeadlines } {
  let settled: { tree: Tree; features: ReadTables } | undefined;
  let deadlines: GivenDeadlines = { fixed: {}, longestStopMs: 0 };
  const tables = [...FEATURE_TABLES, ...further];
  const inheriting = new Set(tables.filter(({ template }) => template !== undefined).map(({ name }) => name));
  const read = (tree: Tree) => tables.map((table) => ({ name: table.name, ...readTable(table, tree, baseDirOf(tree)) }));
  const schema: ConfigSchema = {
    places: further.length === 0 ? DAEMON_PLACES : placesOf(tables),
    inheritedFrom: (path) => inheriting.has(String(path[0])) && path.length > 2 ? ["defaults", path[0], ...path.slice(2)] : undefined,
    settle: (tree, layers) => {
      const parts = read(tree);
      settled = { tree, features: byName(parts) };
      const stops = parts.flatMap(({ stops = [] }) => stops);
      const { fixed, settlement: { problems, warnings = [], follow } } = settledDeadlines(layers, stops);
      deadlines = { fixed, longestStopMs: longestStopOf(stops) };
      return { problems: [...problems, ...parts.flatMap(({ problems }) => problems)], warnings, follow };
    },
  };
  // Where a reload holds a key back, the tree is another one.
  const featuresOf = (tree: Tree) => settled?.tree === tree ? settled.features : byName(read(tree));
  return { schema, featuresOf, deadlines: () => deadlines };
}

function byName(parts: readonly { name: string; settings: unknown; entries: Readonly<Record<string, Tree>> }[]): ReadTables {
  return {
    settings: Object.fromEntries(parts.map(({ name, settings }) => [name, settings])),
    entries: Object.fromEntries(parts.map(({ name, entries }) => [name, entries])),
  };
}

function readTable({ name, read }: FeatureTable, tree: Tree, baseDir: string): ReadTable & { entries: Readonly<Record<string, Tree>> } {
  const table = tableAt(tree, name);
  const file = tableAt(tree, "logging").file;
  const takenFiles = typeof file === "string" ? { [resolvePath(baseDir, file)]: "the daemon itself" } : {};
  const made = read?.({ table, defaults: tableAt(tableAt(tree, "defaults"), name), baseDir, takenFiles }) ??
    { settings: table, problems: [] };
  return { ...made, entries: made.entries ?? table as Record<string, Tree> };
}

function tableAt(tree: Tree, key: string): Tree {
  const table = tree[key];
  return isTable(table) ? table : {};
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

function settledDeadlines(
  layers: readonly Layer[],
  stops: readonly { readonly name: string; readonly stopMs: number }[],
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
