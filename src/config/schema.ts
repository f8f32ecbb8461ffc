import * as v from "valibot";
import type { KeyFacts, TableFacts } from "../core/config_key.ts";
import type { Layer } from "./layer.ts";
import type { Path, Tree, Value } from "./tree.ts";

/** A valibot schema of any shape. */
export type Schema = v.GenericSchema;

/** A mistake that a rule over several keys found; the loader adds file, line and column. */
export interface Problem {
  /** Where it is in the merged tree. */
  path: Path;
  /** What was expected and found. */
  message: string;
  /** What to do. */
  hint?: string;
  /** Something is missing below the path; not reported when something there is wrong already. @default {false} */
  isMissing?: boolean;
  /** The layer that holds the mistake, where it is not the one that won. */
  layer?: Layer;
}

/** What the rules over several keys make of a tree. */
export interface Settlement {
  /** Mistakes. */
  problems: Problem[];
  /** What was put right and should be known. */
  warnings?: string[];
  /** Values that follow from others, by path, with the reason for `explain`. */
  follow?: { path: Path; value: Value; note: string }[];
}

/** A configuration as the generic loader sees it. */
export interface ConfigSchema {
  /** Table of the root. */
  root: Schema;
  /** The path that an absent key takes its value from, such as `defaults.service.*` for `service.NAME.*`. */
  inheritedFrom?: (path: Path) => Path | undefined;
  /** Rules over several keys; gets the merged tree, without values that were wrong by themselves, and the layers, strongest first. */
  settle?: (tree: Tree, layers: readonly Layer[]) => Settlement;
}

/** What stands at one place of a schema. */
export type Node =
  | { type: "table"; facts: Partial<TableFacts>; entries: Readonly<Record<string, Schema>> }
  | { type: "map"; facts: Partial<TableFacts>; value: Schema }
  | { type: "list"; facts: Partial<KeyFacts>; item: Schema; bases: ReadonlySet<string> }
  | { type: "leaf"; facts: Partial<KeyFacts>; bases: ReadonlySet<string>; choices?: readonly string[] };

/** Makes a leaf of a table: optional, with what is known of it. */
export function key<const S extends Schema>(schema: S, facts: KeyFacts): v.OptionalSchema<Schema, undefined> {
  return v.optional(v.pipe(schema as Schema, v.metadata({ facts })));
}

/** Makes a table with fixed keys. */
export function table(entries: v.ObjectEntries, facts: TableFacts): Schema {
  return v.pipe(v.strictObject(entries), v.metadata({ facts })) as Schema;
}

/** Looks at a schema: what kind of place it is, and what is known of it. */
export function nodeOf(schema: Schema): Node {
  const inner = unwrap(schema);
  const facts = (v.getMetadata(inner) as { facts?: KeyFacts & TableFacts }).facts ?? {};
  if (inner.type === "strict_object") return { type: "table", facts, entries: inner.entries! };
  if (inner.type === "record") return { type: "map", facts, value: inner.value! };
  if (inner.type === "array") return { type: "list", facts, item: inner.item!, bases: new Set(["array"]) };
  const choices = inner.type === "picklist" ? inner.options as readonly string[] : undefined;
  return { type: "leaf", facts, bases: new Set(basesOf(inner)), choices };
}

/** The schema of a key of a table or an item of a list, or undefined when there is none. */
export function childOf(schema: Schema, key: string | number): Schema | undefined {
  const node = nodeOf(schema);
  if (node.type === "table") return typeof key === "string" && Object.hasOwn(node.entries, key) ? node.entries[key] : undefined;
  if (node.type === "map") return node.value;
  if (node.type === "list") return node.item;
  const list = (unwrap(schema).options ?? []).find((option) => unwrap(option as Schema).type === "array");
  return typeof key === "number" && list !== undefined ? unwrap(list as Schema).item : undefined;
}

/** The schema at a path, or undefined when no key is there. */
export function schemaAt(root: Schema, path: Path): Schema | undefined {
  let schema: Schema | undefined = root;
  for (const key of path) schema = schema && childOf(schema, key);
  return schema;
}

/** Every leaf that lies below fixed tables only: the keys that have a name in the environment. */
export function fixedLeaves(schema: Schema, path: Path = []): { path: Path; facts: Partial<KeyFacts>; bases: ReadonlySet<string> }[] {
  const node = nodeOf(schema);
  if (node.type === "map" || (node.type === "table" && node.facts.isTemplate)) return [];
  if (node.type !== "table") return [{ path, facts: node.facts, bases: node.bases }];
  return Object.entries(node.entries).flatMap(([key, child]) => fixedLeaves(child, [...path, key]));
}

/** What is known of the leaf at a path, or of the nearest one above it. */
export function factsAt(root: Schema, path: Path): Partial<KeyFacts> {
  let facts: Partial<KeyFacts> = {};
  let schema: Schema | undefined = root;
  for (const key of path) {
    schema = childOf(schema, key);
    if (schema === undefined) break;
    const node = nodeOf(schema);
    facts = { ...(facts.secret ? { secret: true } : {}), ...node.facts };
  }
  return facts;
}

/** The parts of valibot's schemas that are looked at here. */
type Inner = Schema & {
  wrapped?: Schema;
  entries?: Record<string, Schema>;
  value?: Schema;
  item?: Schema;
  options?: readonly unknown[];
};

function unwrap(schema: Schema): Inner {
  let inner = schema as Inner;
  while (inner.wrapped !== undefined) inner = inner.wrapped as Inner;
  return inner;
}

function basesOf(inner: Inner): string[] {
  if (inner.type === "union") return inner.options!.flatMap((option) => basesOf(unwrap(option as Schema)));
  if (inner.type === "picklist") return ["string"];
  return [inner.type];
}
