import type { ErrorCode } from "../core/values/error_codes.ts";
import { durationMs } from "../core/values/duration.ts";
import { nearest } from "../core/values/names.ts";
import { HIDDEN, type KeyFacts } from "../schema/facts.ts";
import { isWaiting, renameAdvice, tableMeantBy } from "./advice.ts";
import { expandVariables } from "./expand.ts";
import { isTooNestedJson } from "../core/values/nesting.ts";
import { PathMap } from "./path_map.ts";
import { showValue } from "../schema/show_value.ts";
import { childOf, type LeafNode, type Node } from "../schema/node.ts";
import { formatPath, isSame, isTable, type Path, put, type Tree, type Value } from "../schema/tree.ts";

/** A mistake within one source, at the path under which the source holds it. */
export interface Finding {
  /** Where it is. */
  path: Path;
  /** Whether the key or its value is wrong. */
  part: "key" | "value";
  /** The expected and the found value. */
  message: string;
  /** Advice: how to mend it. */
  hint?: string;
  /** `CONFIG_NOT_YET` for a key or value that is not supported yet. */
  code?: ErrorCode;
  /** Key that was probably meant; it is not reported as missing. */
  meant?: Path;
}

/** A source brought into the canonical shape. */
export interface Prepared {
  /** Its values without what was wrong. */
  tree: Tree;
  /** Paths of those of its values that their keys do not take. */
  wrong: Path[];
  /** Canonical path → path in the source, where they differ. */
  written: PathMap<Path>;
  /** Canonical path → text before its variables were replaced. */
  unexpanded: PathMap<string>;
  /** Mistakes found. */
  findings: Finding[];
}

/** How a source is read. */
export interface PrepareOptions {
  /** Values are texts, to be read by the type of their key. @default {false} */
  areTexts?: boolean;
  /** Variables for `${VAR}`; without them it stays as it is. @default {undefined} */
  variables?: Readonly<Record<string, string | undefined>>;
}

const NOT_LANDED = "remove it: its feature has not landed yet";

/** Whether a key would reach an object's prototype: it may be the name of a value, and never that of a table. */
export function isHostile(key: string | number): boolean {
  return key === "__proto__";
}

/**
 * Brings the values of one source into the canonical shape: unknown keys and those not landed are found and left out, variables replaced,
 * texts read by type, unit forms (`timeout = "30s"`) and shorthands (`restart = "always"`) turned into what they stand for.
 */
export function prepareTree(root: Node, raw: Tree, options: PrepareOptions = {}): Prepared {
  return new Preparation(root, options).run(raw);
}

/** One walk through one source. */
class Preparation {
  readonly #root: Node;
  readonly #areTexts: boolean;
  readonly #variables: PrepareOptions["variables"];
  readonly #written = new PathMap<Path>();
  readonly #unexpanded = new PathMap<string>();
  readonly #findings: Finding[] = [];
  /** Where the walk is: copied only where a path is kept. */
  readonly #path: (string | number)[] = [];
  readonly #wrong: Path[] = [];
  #raw: Tree = {};

  constructor(root: Node, { areTexts = false, variables }: PrepareOptions) {
    this.#root = root;
    this.#areTexts = areTexts;
    this.#variables = variables;
  }

  run(raw: Tree): Prepared {
    this.#raw = raw;
    const tree = this.#table(raw, this.#root);
    return { tree, wrong: this.#wrong, written: this.#written, unexpanded: this.#unexpanded, findings: this.#findings };
  }

  #table(raw: Tree, node: Node): Tree {
    // Plain objects: those of the parser have no prototype, which makes them slow to read.
    const tree: Tree = {};
    const path = this.#path;
    const depth = path.length;
    for (const key of Object.keys(raw)) {
      path[depth] = key;
      const kept = this.#entry(raw, key, node, tree);
      if (kept !== undefined) put(tree, key, kept);
    }
    path.length = depth;
    return tree;
  }

  /** Prepares the value at a key of a table; undefined to leave it out, as all methods below do. */
  #entry(raw: Tree, key: string, node: Node, tree: Tree): Value {
    if (isHostile(key) && !(node.type === "map" && node.value.type === "leaf")) {
      return this.#find("key", `expected another name, got ${JSON.stringify(key)}, which JavaScript reserves`);
    }
    if (node.type === "map") {
      const problem = node.facts.nameProblem?.(key);
      return problem === undefined ? this.#value(raw[key], node.value) : this.#find("key", `the name ${problem}`);
    }
    if (node.type === "leaf") return undefined;
    const child = Object.hasOwn(node.entries, key) ? node.entries[key] : undefined;
    if (child === undefined) return this.#unknownKey(key, raw, node);
    if (child.type === "leaf" && child.facts.unitFormOf !== undefined) {
      return this.#unitForm(raw, child, node.entries[child.facts.unitFormOf] as LeafNode, tree);
    }
    return this.#value(raw[key], child);
  }

  #value(value: Value, node: Node): Value {
    if (node.type !== "leaf") return this.#tableValue(value, node);
    const plain = this.#read(value, node, node.facts);
    return plain === undefined ? undefined : this.#checked(plain, node);
  }

  /** Notes a value that its key does not take; `at` is where it is to stand. */
  #checked(value: Value, { facts, bases, item, accepts }: LeafNode, at: Path = this.#path): Value {
    if (facts.notYet && !isSame(value, facts.default)) {
      return this.#find(
        "value",
        `expected ${showValue(facts.default)}, the only value so far, got ${showValue(value)}`,
        NOT_LANDED,
        "CONFIG_NOT_YET",
      );
    }
    if (accepts(value)) return value;
    const items = item !== undefined && bases.size === 1 && Array.isArray(value) ? value : [];
    const wrong = [...items.keys()].filter((index) => !item!.accepts(items[index]));
    if (wrong.length === 0) this.#wrong.push([...at]);
    for (const index of wrong) this.#wrong.push([...at, index]);
    return value;
  }

  #tableValue(value: Value, node: Exclude<Node, LeafNode>): Value {
    const { shorthand, expects = "a table" } = node.facts;
    const table = this.#areTexts && typeof value === "string" ? fromJson(value, "{") : value;
    if (isTable(table)) return this.#table(table, node);
    if (shorthand === undefined || typeof table !== "string") {
      return this.#find("value", `expected ${expects}, got ${showValue(table)}`, this.#tableHint(table, node));
    }
    const [path, leaf] = [[...this.#path, shorthand], childOf(node, shorthand) as LeafNode];
    const plain = this.#read(table, leaf, leaf.facts);
    this.#written.set(path, [...this.#path]);
    return plain === undefined ? {} : { [shorthand]: this.#checked(plain, leaf, path) };
  }

  /** Advises on the table to write in place of a list of tables, as other tools have them. */
  #tableHint(value: Value, node: Exclude<Node, LeafNode>): string | undefined {
    const meant = tableMeantBy(node, value);
    if (meant !== undefined) return `write ${meant}`;
    if (!Array.isArray(value) || node.type !== "map" || node.value.type === "leaf") return undefined;
    const [first] = value;
    const name = isTable(first) && typeof first.name === "string" && node.facts.nameProblem?.(first.name) === undefined
      ? first.name
      : "NAME";
    return `write [${formatPath([...this.#path, name])}] for each, without a key "name"`;
  }

  /** Replaces variables and reads texts by type; undefined when that failed. */
  #read(value: Value, node: LeafNode, facts: Partial<KeyFacts>): Value {
    if (Array.isArray(value)) return this.#readItems(value, node.item ?? node, facts);
    if (typeof value !== "string") return value;
    if (this.#variables !== undefined && !facts.verbatim && value.includes("${")) return this.#expand(value, this.#variables, node, facts);
    return this.#areTexts ? readText(value, node.bases) : value;
  }

  #readItems(list: readonly Value[], node: LeafNode, facts: Partial<KeyFacts>): Value {
    const depth = this.#path.length;
    const items: Value[] = [];
    for (let index = 0; index < list.length; index++) {
      this.#path[depth] = index;
      const read = this.#read(list[index], node, facts);
      const item = node.facts.notYetChoices?.includes(read as string)
        ? this.#find("value", `expected a value that has landed, got ${showValue(read)}`, NOT_LANDED, "CONFIG_NOT_YET")
        : read;
      if (item !== undefined) items.push(item);
    }
    this.#path.length = depth;
    return items.length === list.length ? items : undefined;
  }

  #expand(value: string, variables: NonNullable<PrepareOptions["variables"]>, { bases }: LeafNode, facts: Partial<KeyFacts>): Value {
    const { text, isExpanded, problems } = expandVariables(value, variables);
    for (const { name, kind } of problems) {
      if (kind === "undefined") {
        const message = `expected the environment variable ${name} to be set, got nothing`;
        this.#find("value", message, `set it, or write \${${name}:-default}`);
      } else {
        const shown = facts.secret ? HIDDEN : showValue(name);
        this.#find("value", `expected \${NAME} or \${NAME:-default}, got ${shown}`, "write $${ for a literal ${");
      }
    }
    if (problems.length > 0) return undefined;
    if (isExpanded) this.#unexpanded.set([...this.#path], value);
    return this.#areTexts || isExpanded ? readText(text, bases) : text;
  }

  /** Puts what a unit form says at the sibling that it stands for; nothing stands at its own key. */
  #unitForm(raw: Tree, node: LeafNode, siblingNode: LeafNode, tree: Tree): undefined {
    const path = [...this.#path];
    const name = path[path.length - 1];
    const sibling = node.facts.unitFormOf!;
    const value = this.#read(raw[name], node, node.facts);
    if (value === undefined) return;
    if (Object.hasOwn(raw, sibling)) {
      return this.#find("key", `expected either ${name} or ${sibling}, got both`, "remove one of them");
    }
    let ms: number | undefined;
    try {
      ms = typeof value === "string" ? Math.round(durationMs(value)) : undefined;
    } catch { /* reported below, with the place */ }
    if (ms === undefined) {
      const isRight = !siblingNode.facts.notYet && typeof value === "number" && node.accepts(`${value}s`) && siblingNode.accepts(value);
      const hint = isRight ? `write "${value}s" for seconds, or ${sibling} = ${value}` : undefined;
      return this.#find("value", `expected ${node.facts.expects}, got ${showValue(value)}`, hint);
    }
    const at = [...path.slice(0, -1), sibling];
    const kept = this.#checked(ms, siblingNode, at);
    if (kept !== undefined) tree[sibling] = kept;
    this.#written.set(at, path);
  }

  #unknownKey(key: string, raw: Tree, { facts, entries }: Extract<Node, { type: "table" }>): undefined {
    const { notYetKeys = [], aliases = {} } = facts;
    const known = Object.keys(entries);
    if (notYetKeys.includes(key)) {
      return this.#find("key", `expected a key that has landed, got ${JSON.stringify(key)}`, NOT_LANDED, "CONFIG_NOT_YET");
    }
    const message = `expected a known key, got ${JSON.stringify(key)}`;
    const above = childOf(this.#root, key);
    const isFree = !Object.hasOwn(this.#raw, key) && above?.type === "leaf" && (this.#areTexts || above.accepts(raw[key]));
    if (!Object.hasOwn(aliases, key) && this.#path.length > 1 && isFree) {
      return this.#find("key", message, "move it above the first table");
    }
    const near = Object.hasOwn(aliases, key) ? key : nearest(key, [...known, ...Object.keys(aliases)]);
    const meant = near === undefined ? undefined : aliases[near] ?? near;
    const hint = meant === undefined
      ? `known keys are ${[...known].sort().join(", ")}`
      : isWaiting(entries[meant], entries)
      ? `remove it: the feature of ${meant} has not landed yet`
      : renameAdvice(meant, entries[meant], raw[key], { isAlias: near === key, isThere: Object.hasOwn(raw, meant) });
    this.#find("key", message, hint);
    if (meant !== undefined) this.#findings[this.#findings.length - 1].meant = [...this.#path.slice(0, -1), meant];
  }

  #find(part: Finding["part"], message: string, hint?: string, code?: ErrorCode): undefined {
    this.#findings.push({ path: [...this.#path], part, message, hint, ...(code === undefined ? {} : { code }) });
  }
}

/** Reads a text as the type that its key has; what does not look like that type stays a text, for the check to find. */
function readText(text: string, bases: ReadonlySet<string>): Value {
  if (bases.has("boolean") && (text === "true" || text === "false")) return text === "true";
  if (bases.has("number") && /^[+-]?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  if (bases.has("array")) return fromJson(text, "[");
  return text;
}

function fromJson(text: string, opening: "[" | "{"): Value {
  if (!text.trim().startsWith(opening) || isTooNestedJson(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
