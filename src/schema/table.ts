import type { KeyFacts, ReloadClass, TableFacts } from "./facts.ts";
import type { LeafNode, MapNode, Node, Of, TableNode } from "./node.ts";
import { DURATION_TEXT, isWell, type Leaf } from "./shapes.ts";
import { durationMs, formatDuration } from "../core/values/duration.ts";

/** The declaration of options: for every one of them the node of its key, of the very type that the option has. */
export type KeysOf<Options> = { readonly [Name in keyof Options]-?: Of<NonNullable<Options[Name]>> };

/** A table as it stands in a file once it has been checked: the options under their names there. */
export type TableOf<Options> = { -readonly [Name in keyof Options & string as KeyName<Name>]?: InFile<NonNullable<Options[Name]>> };

type InFile<Value> = Value extends readonly unknown[] ? Value
  : Value extends object ? string extends keyof Value ? Value : TableOf<Value>
  : Value;

/** {@linkcode keyName} of a type. */
export type KeyName<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${KeyName<Rest>}`
  : "";

/** Makes keys of one reload class: what a key is for in one sentence, its values, and what else is known of it. */
export type KeyMaker = <T>(about: string, shape: Leaf<T>, facts?: Omit<Partial<KeyFacts>, "about" | "reload">) => Leaf<T>;

/** Makes keys whose change has this effect. */
export function keyOf(reload: ReloadClass): KeyMaker {
  return (about, shape, facts) => ({ ...shape, facts: { ...shape.facts, reload, about, ...facts } });
}

/**
 * A table with fixed keys, declared under the names that they have in code: in the file, `maxDelay` is `max_delay`.
 *
 * A key of milliseconds, which has a default or an example, gets its unit form as well: beside `timeout_ms = 5000` one can write `timeout = "5s"`.
 */
export function table<Options>(keys: KeysOf<Options>, facts: Partial<TableFacts> = {}): Of<Options, TableNode> {
  const entries: Record<string, Node> = {};
  const options: Record<string, string> = {};
  const defaults: Record<string, unknown> = {};
  for (const [option, node] of Object.entries<Node>(keys)) {
    const key = keyName(option);
    entries[key] = node;
    options[key] = option;
    if (node.type === "leaf" && node.facts.default !== undefined) defaults[option] = node.facts.default;
    if (node.type === "leaf" && node.facts.kind === "milliseconds") entries[key.replace(/_ms$/, "")] = unitForm(key, node);
  }
  return { type: "table", facts: { expects: "a table", ...facts }, entries, options, defaults };
}

/** The default of an option: its one source, also for code. */
export function defaultIn<Options, Name extends keyof Options & string>(
  node: Of<Options, TableNode>,
  name: Name,
): NonNullable<Options[Name]> {
  if (!Object.hasOwn(node.defaults, name)) throw new RangeError(`Cannot take a default as "${name}" must have one: it has none`);
  return node.defaults[name] as NonNullable<Options[Name]>;
}

/** A table whose keys are names that a user chooses. */
export function map<T>(value: Of<T>, facts: TableFacts): Of<Readonly<Record<string, T>>, MapNode> {
  return { type: "map", facts, value };
}

/** The name in the file of an option in code. */
export function keyName(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function unitForm(key: string, { facts: { about, reload, default: standard, example = standard }, inCode }: LeafNode): LeafNode {
  return {
    type: "leaf",
    facts: { about, reload, expects: DURATION_TEXT, kind: "duration", unitFormOf: key, example: formatDuration(example as number) },
    bases: new Set(["string"]),
    accepts: (value) => typeof value === "string" && isWell(() => durationMs(value) >= 0) && inCode!.accepts(value),
    json: { type: "string" },
  };
}
