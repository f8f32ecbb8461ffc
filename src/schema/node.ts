import type { KeyFacts, TableFacts } from "./facts.ts";
import type { Path, Value } from "./tree.ts";

/** Fragment of a JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Kinds of plain values, as a source can hold them. */
export type Base = "string" | "number" | "boolean" | "array" | "table";

/** A declared place of a configuration: all that is known of it, for the file and for code. */
export type Node = TableNode | MapNode | LeafNode;

/** A node whose option in code is a `T`: neither wider nor narrower, so that a declaration can't drift from its option. */
export type Of<T, N extends Node = Node> = N & { readonly of?: (value: T) => T };

/** Which values a place takes. */
export interface Takes {
  /** Wording for a right value, to go on after "expected". */
  readonly expects: string;
  /** Kinds of its values. */
  readonly bases: ReadonlySet<Base>;
  /** Whether a value is right. */
  readonly accepts: (value: Value) => boolean;
}

/** A place that holds a value, not further keys. */
export interface LeafNode extends Omit<Takes, "expects"> {
  readonly type: "leaf";
  /** Its facts; for a value that stands at no key yet, those of its shape. */
  readonly facts: Partial<KeyFacts>;
  /** Allowed values, where only some texts are right. */
  readonly choices?: readonly string[];
  /** Node of the items, where it can be a list. */
  readonly item?: LeafNode;
  /** Values that code may give, where those are more than a file may hold. */
  readonly inCode?: Takes;
  /** The value as it is kept, of one that is accepted; the value itself without it. */
  readonly read?: (value: never) => unknown;
  /** Its shape for editors. */
  readonly json: JsonSchema;
}

/** A place with fixed keys; none is required, so a tree without unknown keys is right when each value is. */
export interface TableNode {
  readonly type: "table";
  /** Its facts. */
  readonly facts: TableFacts;
  /** Its keys in the spelling of the file. */
  readonly entries: Readonly<Record<string, Node>>;
  /** Name in code of each key that has one, by its name in the file. */
  readonly options: Readonly<Record<string, string>>;
  /** Default of each key that has one, by its name in code. */
  readonly defaults: Readonly<Record<string, unknown>>;
}

/** A place whose keys are names that a user chooses. */
export interface MapNode {
  readonly type: "map";
  /** Its facts. */
  readonly facts: TableFacts;
  /** The place at each name. */
  readonly value: Node;
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
export function fixedLeaves(node: Node, path: Path = []): { path: Path; leaf: LeafNode }[] {
  if (node.type === "map" || (node.type === "table" && node.facts.isTemplate)) return [];
  if (node.type === "leaf") return [{ path, leaf: node }];
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
