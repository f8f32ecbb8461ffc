import { showValue } from "../schema/show_value.ts";
import { childOf, factsAt, type Node } from "../schema/node.ts";
import { type Change, diff, formatPath, type Path, type Tree, type Value, valueAt } from "../schema/tree.ts";
import { HIDDEN } from "../schema/facts.ts";
import type { ReloadAnswer, ReloadChange } from "../core/supervise/operations.ts";
import { type LoadedSources, settingsOf } from "./load_sources.ts";

/** Effects of a reload. */
export type ReloadPlan = Pick<ReloadAnswer, "changes" | "unchanged">;

/**
 * Compares two configurations, the later of which was loaded in the place of the earlier one. `rewritten` are the files that entries
 * such as `service.api` name and that hold something else than when their units were started.
 */
export function reloadPlan(
  before: LoadedSources,
  after: LoadedSources,
  rewritten: ReadonlyMap<string, readonly string[]> = new Map(),
): ReloadPlan {
  const { places } = after;
  const settings = diff(settingsOf(before.tree, places), settingsOf(after.tree, places));
  const named = Object.keys(after.entries).filter((table) => childOf(places, table)?.type === "map");
  const entries = named.flatMap((table) => entryChanges(table, before.entries[table] ?? {}, after.entries[table], places));
  const units = named.filter((table) => isOfUnits(places, table)).flatMap((table) =>
    Object.keys(after.entries[table]).map((entry) => formatPath([table, entry]))
  );
  const changed = withRewritten(entries, rewritten);
  const touched = new Set(changed.map(({ name }) => name));
  return {
    changes: [
      ...after.heldBack.map((change) =>
        settingChange(change, valueAt(before.tree, change.path), change.value, { effect: "daemon", places })
      ),
      ...settings.map((change) =>
        settingChange(change, valueAt(before.tree, change.path), valueAt(after.tree, change.path), { effect: "live", places })
      ),
      ...changed,
    ],
    unchanged: units.filter((name) => !touched.has(name)).length,
  };
}

function isOfUnits(places: Node, table: string): boolean {
  const node = childOf(places, table);
  return node?.type === "map" && node.facts.isOfUnits === true;
}

/** Names of the entries whose units must run afresh, such as `service.api`. */
export function restartedEntries({ changes }: ReloadPlan): Set<string> {
  return new Set(changes.filter(({ effect }) => effect === "restart").map(({ name }) => name));
}

function settingChange(
  { path, kind }: Change,
  before: Value,
  after: Value,
  { effect, places }: { effect: "live" | "daemon"; places: Node },
): ReloadChange {
  const shown = (value: Value) => factsAt(places, path).secret ? HIDDEN : showValue(value);
  return {
    kind,
    name: formatPath(path),
    keys: [],
    effect,
    ...(before === undefined ? {} : { from: shown(before) }),
    ...(after === undefined ? {} : { to: shown(after) }),
  };
}

function entryChanges(
  table: string,
  before: Readonly<Record<string, Tree>>,
  after: Readonly<Record<string, Tree>>,
  places: Node,
): ReloadChange[] {
  const isUnit = isOfUnits(places, table);
  return [...new Set([...Object.keys(after), ...Object.keys(before)])].flatMap((entry): ReloadChange[] => {
    const name = formatPath([table, entry]);
    if (!Object.hasOwn(before, entry)) return [{ kind: "added", name, keys: [], effect: isUnit ? "start" : "live" }];
    if (!Object.hasOwn(after, entry)) return [{ kind: "removed", name, keys: [], effect: isUnit ? "stop" : "live" }];
    const paths = diff(before[entry], after[entry]).map(({ path }) => path);
    if (paths.length === 0) return [];
    const keys = paths.map((path) => formatPath(path));
    return [{ kind: "changed", name, keys, effect: effectOf(paths.map((path) => [table, entry, ...path]), places) }];
  });
}

/** Adds the files: what a unit was started with has changed, whatever else has. */
function withRewritten(changes: ReloadChange[], rewritten: ReadonlyMap<string, readonly string[]>): ReloadChange[] {
  const all = [...changes];
  for (const [name, paths] of rewritten) {
    const keys = paths.map((path) => `content of ${path}`);
    const at = all.findIndex((change) => change.name === name);
    if (at === -1) all.push({ kind: "changed", name, keys, effect: "restart" });
    else if (all[at].kind === "changed") all[at] = { ...all[at], keys: [...all[at].keys, ...keys], effect: "restart" };
  }
  return all;
}

/** A number of instances that changes leaves those alone that were there before. */
function effectOf(paths: readonly Path[], places: Node): ReloadChange["effect"] {
  const touching = paths.filter((path) => factsAt(places, path).reload === "unit");
  if (touching.length === 0) return "live";
  return touching.every((path) => path[2] === "instances") ? "scale" : "restart";
}
