import type { Tree } from "../schema/tree.ts";

/** Tables whose entries have names; each entry is one change. */
export const NAMED_TABLES = ["service", "listen"] as const;
/** Tables without an effect of their own: they show in the services that take from them. */
const TEMPLATES = ["defaults"];

/** The settings of a configuration: its tree without tables of named entries. */
export function settingsOf(tree: Tree): Tree {
  const named: readonly string[] = [...NAMED_TABLES, ...TEMPLATES];
  return Object.fromEntries(Object.entries(tree).filter(([key]) => !named.includes(key)));
}
