import * as v from "valibot";
import type { KeyFacts, TableFacts } from "../core/values/config_key.ts";
import { type Accepts, acceptsOf } from "./accepts.ts";
import type { Layer } from "./layer.ts";
import type { Path, Tree, Value } from "./tree.ts";

/** A valibot schema of any shape. */
export type Schema = v.GenericSchema;

/** A mistake that a rule over several keys found; the loader adds file, line and column. */
export interface Problem {
  /** Where it is in the merged tree. */
  path: Path;
  /** The expected and the found value. */
  message: string;
  /** Advice: how to mend it. */
  hint?: string;
  /** Something is missing below the path; not reported when something there is wrong already. @default {false} */
  isMissing?: boolean;
  /** Path that lacks something; not reported when something there is wrong already. @default {undefined} */
  about?: Path;
  /** The layer that holds the mistake, where it is not the one that won. */
  layer?: Layer;
}

/** Result of the rules over several keys of a tree. */
export interface Settlement {
  /** Mistakes. */
  problems: Problem[];
  /** Corrections that the user should know. */
  warnings?: string[];
  /** Values that follow from others, by path, with the reason for `explain`. */
  follow?: { path: Path; value: Value; note: string }[];
}

/** A configuration as the generic loader sees it. */
export interface ConfigSchema {
  /** Table of the root. */
  root: Schema;
  /** Its places: {@linkcode nodeOf} of the root. */
  places: Node;
  /** The path that an absent key takes its value from, such as `defaults.service.*` for `service.NAME.*`. */
  inheritedFrom?: (path: Path) => Path | undefined;
  /** Rules over several keys; gets the merged tree, without values that were wrong by themselves, and the layers, strongest first. */
  settle?: (tree: Tree, layers: readonly Layer[]) => Settlement;
}

/** A place of a schema: all that the loader asks of it, taken out of valibot's objects once. */
export type Node =
  | { type: "table"; facts: Partial<TableFacts>; entries: Readonly<Record<string, Node>> }
  | { type: "map"; facts: Partial<TableFacts>; value: Node }
  | LeafNode;

/** A place that holds a value, not further keys. */
export interface LeafNode {
  type: "leaf";
  facts: Partial<KeyFacts>;
  /** Types of its values, such as `string` and `array`. */
  bases: ReadonlySet<string>;
  /** Allowed values, where only some texts are right. */
  choices?: readonly string[];
  /** Node of the items, where it can be a list. */
  item?: LeafNode;
  /** The fast check of its values. */
  accepts: Accepts;
}

/** Keys of a table. None is required, so a tree without unknown keys is right when each value is. */
export type Entries = Record<string, v.OptionalSchema<Schema, undefined>>;

/** Makes a leaf of a table: optional, with what is known of it. */
export function key<const S extends Schema>(schema: S, facts: KeyFacts): v.OptionalSchema<Schema, undefined> {
  return v.optional(v.pipe(schema as Schema, v.metadata({ facts })));
}

/** Makes a table with fixed keys. */
export function table(entries: Entries, facts: TableFacts): Schema {
  return v.pipe(v.strictObject(entries), v.metadata({ facts })) as Schema;
}

/** Takes the places out of a schema. */
export function nodeOf(schema: Schema): Node {
  const inner = unwrap(schema);
  const facts = factsOf(inner);
  if (inner.type === "record") return { type: "map", facts, value: nodeOf(inner.value!) };
  if (inner.type !== "strict_object") return leafOf(inner);
  return { type: "table", facts, entries: Object.fromEntries(Object.entries(inner.entries!).map(([key, child]) => [key, nodeOf(child)])) };
}

/** The place of a key of a table or an item of a list, or undefined when there is none. */
export function childOf(node: Node, key: string | number): Node | undefined {
  if (node.type === "map") return node.value;
  if (node.type === "leaf") return typeof key === "number" ? node.item : undefined;
  return typeof key === "string" && Object.hasOwn(node.entries, key) ? node.entries[key] : undefined;
}

/** The place at a path, or undefined when no key is there. */
export function nodeAt(root: Node, path: Path): Node | undefined {
  let node: Node | undefined = root;
  for (const key of path) node = node && childOf(node, key);
  return node;
}

/** Every leaf that lies below fixed tables only: the keys that have a name in the environment. */
export function fixedLeaves(node: Node, path: Path = []): { path: Path; facts: Partial<KeyFacts> }[] {
  if (node.type === "map" || (node.type === "table" && node.facts.isTemplate)) return [];
  if (node.type === "leaf") return [{ path, facts: node.facts }];
  return Object.entries(node.entries).flatMap(([key, child]) => fixedLeaves(child, [...path, key]));
}

/** Returns the facts of the leaf at a path, or of the nearest one above it. */
export function factsAt(root: Node, path: Path): Partial<KeyFacts> {
  let facts: Partial<KeyFacts> = {};
  let node: Node | undefined = root;
  for (const key of path) {
    node = childOf(node, key);
    if (node === undefined) break;
    const { expects, ...others } = node.facts as Partial<KeyFacts>;
    facts = { ...(facts.secret ? { secret: true } : {}), ...others, ...(expects === undefined ? { expects: facts.expects } : { expects }) };
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

function factsOf(inner: Inner): Partial<KeyFacts & TableFacts> {
  return (v.getMetadata(inner) as { facts?: KeyFacts & TableFacts }).facts ?? {};
}

function leafOf(inner: Inner): LeafNode {
  const options = inner.type === "union" ? inner.options!.map((option) => unwrap(option as Schema)) : [inner];
  const list = options.find((option) => option.type === "array");
  return {
    type: "leaf",
    facts: factsOf(inner),
    bases: new Set(options.map(({ type }) => type === "picklist" ? "string" : type)),
    ...(inner.type === "picklist" ? { choices: inner.options as readonly string[] } : {}),
    ...(list === undefined ? {} : { item: leafOf(unwrap(list.item!)) }),
    accepts: acceptsOf(inner),
  };
}
