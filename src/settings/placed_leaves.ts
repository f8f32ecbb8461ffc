import type { Tree } from "../schema/tree.ts";
import type { LeafNode } from "../schema/node.ts";
import { type LeafPath, LEAVES } from "./leaves.ts";
import type { ShutdownDeadlines } from "./shutdown_deadlines.ts";

/** Every setting with the table and the key that it stands at; the table is empty for keys of the root. */
export const PLACED_LEAVES = (Object.entries(LEAVES) as [LeafPath, LeafNode][]).map(([path, leaf]) => {
  const dot = path.indexOf(".");
  return { path, table: path.slice(0, Math.max(dot, 0)), key: path.slice(dot + 1), leaf, isPath: leaf.facts.kind === "path" };
});

/** The values of a configuration that were given: the deadlines exactly, the others as far as they differ from the default. */
export function givenTree(config: Readonly<Record<string, unknown>>, deadlines: ShutdownDeadlines): Tree {
  const { shutdown, ...all } = config as { shutdown: Tree } & Tree;
  const tree: Tree = {};
  for (const { table, key, leaf } of PLACED_LEAVES) {
    const value = table === "" ? all[key] : (all[table] as Tree | undefined)?.[key];
    if (value === undefined || value === leaf.facts.default) continue;
    if (table === "") tree[key] = value;
    else tree[table] = { ...(tree[table] as Tree | undefined), [key]: value };
  }
  const given: Tree = { ...deadlines, ...(shutdown.exit_code === "zero" ? {} : { exit_code: shutdown.exit_code }) };
  return Object.keys(given).length === 0 ? tree : { ...tree, shutdown: given };
}
