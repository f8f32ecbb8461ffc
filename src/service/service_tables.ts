import { afterProblems } from "../core/supervise/after.ts";
import { durationMs } from "../core/values/duration.ts";
import { nameKey, nameProblem } from "../core/values/names.ts";
import type { FeatureTable } from "../schema/feature_table.ts";
import { asProblem, optionsOf } from "../schema/options.ts";
import type { Problem } from "../schema/problem.ts";
import { keyName, map } from "../schema/table.ts";
import type { Tree } from "../schema/tree.ts";
import { SERVICE, type ServiceTable } from "./keys.ts";
import { sameFiles } from "./log.ts";
import { specOf } from "./make_spec.ts";
import { breachesOf } from "./rules.ts";
import type { ServiceSpec } from "./spec.ts";

/** The tables `[service.*]`. */
export const SERVICE_TABLE: FeatureTable = {
  name: "service",
  node: map(SERVICE, { expects: "tables [service.NAME]", nameProblem, isOfUnits: true }),
  template: SERVICE,
  aliases: ["services"],
  read: ({ table, defaults, baseDir, takenFiles }) => {
    const { specs, tables, problems } = serviceSpecs(table as Record<string, ServiceTable>, defaults, baseDir, takenFiles);
    return { settings: specs, problems, entries: tables as Record<string, Tree>, stops: stopsOf(tables) };
  },
};

/** How long the services have to stop that say it. */
function stopsOf(tables: Readonly<Record<string, ServiceTable>>): { name: string; stopMs: number }[] {
  return Object.entries(tables).flatMap(([name, { stop }]) =>
    stop?.timeout === undefined ? [] : [{ name: `service.${name}`, stopMs: durationMs(stop.timeout) }]
  );
}

/**
 * Makes the specs of all services out of a checked tree: `[defaults.service]` below `[service.NAME]`, paths from `baseDir`.
 *
 * A service with a problem is left out of the specs. `tables` are those of all services, with what they take from the defaults;
 * `takenFiles` are paths that no log may have, each with its writer.
 */
export function serviceSpecs(
  services: Readonly<Record<string, ServiceTable>>,
  defaults: ServiceTable,
  baseDir: string,
  takenFiles: Readonly<Record<string, string>> = {},
): { specs: ServiceSpec[]; tables: Record<string, ServiceTable>; problems: Problem[] } {
  const problems: Problem[] = sameNames(Object.keys(services));
  const specs: ServiceSpec[] = [];
  const hasDefaults = Object.keys(defaults).length > 0;
  const tables = Object.entries(services).map(([name, own]) => ({ name, table: hasDefaults ? withDefaults(own, defaults) : own }));
  for (const { name, table } of tables) {
    const options = optionsOf(table, SERVICE);
    const own = breachesOf(options, keyName).map((breach) => asProblem(["service", name], breach));
    problems.push(...own);
    if (own.length === 0) specs.push(specOf(name, options, baseDir));
  }
  problems.push(...logFileProblems(specs, takenFiles));
  const edges = tables.map(({ name, table }) => ({ name, after: table.after ?? [], restart: table.restart?.policy }));
  for (const { name, index, message, hint, unknown } of afterProblems(edges)) {
    problems.push({
      path: ["service", name, "after", index],
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(unknown === undefined ? {} : { about: ["service", unknown] }),
    });
  }
  return { specs, tables: Object.fromEntries(tables.map(({ name, table }) => [name, table])), problems };
}

/** Keys of a service that are tables of their own. */
const INNER = Object.entries(SERVICE.entries).filter(([, node]) => node.type !== "leaf").map(([key]) => key as keyof ServiceTable);

/** `[defaults.service]` below the table of one service: tables merge, `run` and lists replace. */
function withDefaults(own: ServiceTable, defaults: ServiceTable): ServiceTable {
  const merged: ServiceTable = { ...defaults, ...own };
  if (own.run !== undefined && own.module === undefined) delete merged.module;
  if (own.module !== undefined && own.run === undefined) delete merged.run;
  for (const key of INNER) {
    if (own[key] === undefined || defaults[key] === undefined) continue;
    Object.assign(merged, { [key]: { ...defaults[key] as object, ...own[key] as object } });
  }
  return merged;
}

function sameNames(names: readonly string[]): Problem[] {
  const seen = new Map<string, string>();
  const problems: Problem[] = [];
  for (const name of names) {
    const first = seen.get(nameKey(name));
    if (first === undefined) seen.set(nameKey(name), name);
    else {
      const message = `expected a name that differs from ${JSON.stringify(first)} by more than case, got ${JSON.stringify(name)}`;
      problems.push({ path: ["service", name], message });
    }
  }
  return problems;
}

/** Two who write one file would rotate it under each other's feet. */
function logFileProblems(specs: readonly ServiceSpec[], taken: Readonly<Record<string, string>>): Problem[] {
  return sameFiles(specs, taken).map(({ service, unit, other, file }) => ({
    path: ["service", service, "log", "file"],
    message: `expected a file of its own for ${unit}, got ${file}, which ${other} writes`,
    hint: unit.includes("@") && other.startsWith(`${service}@`) ? "write {instance} in its name" : "name another one",
  }));
}
