import { HIDDEN } from "../schema/facts.ts";
import { ConfigError } from "../core/values/errors.ts";
import { nearest } from "../core/values/names.ts";
import { hasPath, type Layer, placeOf } from "./layer.ts";
import { factsAt, fixedLeaves, type Node, nodeAt } from "../schema/node.ts";
import type { ConfigSchema, Settlement } from "./config_schema.ts";
import { formatPath, isTable, parsePath, type Path, type Tree, type Value, valueAt } from "../schema/tree.ts";

/** Where the value of a key comes from. */
export interface Explanation {
  /** The key, in the spelling of the file. */
  key: string;
  /** The value; a text that says so for a secret. */
  value: unknown;
  /** `file:line:column`, `environment NAME`, `--set`, `Config.builder()` or `default`. */
  source: string;
  /** Values of weaker sources, strongest first. */
  overridden: { value: unknown; source: string }[];
  /** Why the value is another one than its source says, where that is so. */
  note?: string;
}

/** A value and where it stands. */
export type SourcedValue = Explanation["overridden"][number];

/** Input of {@linkcode explainKey}. */
export interface Explained {
  /** The result of the load. */
  tree: Tree;
  /** Its sources, strongest first. */
  layers: readonly Layer[];
  /** Values that follow from others. */
  follow: NonNullable<Settlement["follow"]>;
}

/**
 * Says where the value of a key comes from and what it overrides.
 *
 * @throws {ConfigError} if there is no such key, or it is a table.
 */
export async function explainKey(schema: ConfigSchema, explained: Explained, key: string): Promise<Explanation> {
  const { tree, layers, follow } = explained;
  const path = pathOf(schema.places, tree, key);
  const { secret, default: standard } = factsAt(schema.places, path);
  const rows: SourcedValue[] = [];
  const show = (value: Value): Value => secret ? HIDDEN : value;
  for (const from of [path, schema.inheritedFrom?.(path)]) {
    for (const layer of layers) {
      if (from === undefined || !hasPath(layer, from)) continue;
      rows.push({ value: show(valueAt(layer.tree, from)), source: (await placeOf(layer, from)).source });
    }
  }
  rows.push({ value: standard, source: "default" });
  const [{ value, source }, ...overridden] = rows;
  const followed = follow.find((each) => formatPath(each.path) === formatPath(path));
  return {
    key: formatPath(path),
    value: followed === undefined ? value : show(followed.value),
    source,
    overridden: overridden.filter((row) => row.value !== undefined),
    ...(followed === undefined ? {} : { note: followed.note }),
  };
}

/** The path of a key that exists; a unit form leads to the key that it sets. */
function pathOf(root: Node, tree: Tree, key: string): Path {
  const path = parsePath(key);
  const node = path && nodeAt(root, path);
  if (path === undefined || node === undefined || !isNamed(root, tree, path)) {
    throw new ConfigError(
      "CONFIG_INVALID",
      `Cannot explain ${JSON.stringify(key)} as there is no such key${hintFor(root, tree, key, path)}`,
    );
  }
  if (node.type === "table" || node.type === "map") {
    const keys = keysOf(root, tree, path).join(", ") || "of which it has none";
    throw new ConfigError("CONFIG_INVALID", `Cannot explain ${JSON.stringify(key)} as it is a table: name one of its keys, ${keys}`);
  }
  return node.facts.unitFormOf === undefined ? path : [...path.slice(0, -1), node.facts.unitFormOf];
}

/** The key that is most likely meant, or what there is in the table where the path leads nowhere. */
function hintFor(root: Node, tree: Tree, key: string, path: Path = []): string {
  const whole = nearest(key, fixedLeaves(root).map((each) => formatPath(each.path)));
  if (whole !== undefined) return `: did you mean ${whole}?`;
  const isThere = (end: number) => nodeAt(root, path.slice(0, end)) !== undefined && isNamed(root, tree, path.slice(0, end));
  let end = path.length;
  while (end > 0 && !isThere(end)) end--;
  const keys = keysOf(root, tree, path.slice(0, end));
  const near = nearest(String(path[end] ?? key), keys);
  if (near !== undefined) return `: did you mean ${formatPath([...path.slice(0, end), near, ...path.slice(end + 1)])}?`;
  if (keys.length === 0) return "";
  return end === 0 ? `; those at the top are ${keys.join(", ")}` : `; ${formatPath(path.slice(0, end))} has ${keys.join(", ")}`;
}

/** The keys of a table that there are, or may be. */
function keysOf(root: Node, tree: Tree, path: Path): string[] {
  const [node, value] = [nodeAt(root, path), valueAt(tree, path)];
  if (node?.type === "table") return Object.keys(node.entries);
  return node?.type === "map" && isTable(value) ? Object.keys(value) : [];
}

/** Whether every name on the way, of a service for instance, is there. */
function isNamed(root: Node, tree: Tree, path: Path): boolean {
  return path.every((_key, index) => {
    return nodeAt(root, path.slice(0, index))?.type !== "map" || valueAt(tree, path.slice(0, index + 1)) !== undefined;
  });
}
