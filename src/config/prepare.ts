import type { ErrorCode } from "../core/error_codes.ts";
import { durationMs } from "../core/duration.ts";
import { nearest } from "../core/names.ts";
import type { KeyFacts, TableFacts } from "../core/config_key.ts";
import { expandVariables } from "./expand.ts";
import { childOf, type LeafNode, type Node } from "./schema.ts";
import { formatPath, isSame, isTable, type Path, type Tree, type Value } from "./tree.ts";

/** A mistake within one source, at the path under which the source holds it. */
export interface Finding {
  /** Where it is. */
  path: Path;
  /** Whether the key or its value is wrong. */
  part: "key" | "value";
  /** What was expected and found. */
  message: string;
  /** What to do. */
  hint?: string;
  /** `CONFIG_NOT_YET` for what has not landed. */
  code?: ErrorCode;
  /** Key that was probably meant; it is not reported as missing. */
  meant?: Path;
}

/** A source brought into the canonical shape. */
export interface Prepared {
  /** Its values without what was wrong. */
  tree: Tree;
  /** Canonical path → path in the source, where they differ. */
  written: Map<string, Path>;
  /** Canonical path → text before its variables were replaced. */
  unexpanded: Map<string, string>;
  /** What was wrong. */
  findings: Finding[];
}

/** How a source is read. */
export interface PrepareOptions {
  /** Values are texts, to be read by the type of their key. @default {false} */
  areTexts?: boolean;
  /** Variables for `${VAR}`; without them it stays as it is. @default {undefined} */
  variables?: Readonly<Record<string, string | undefined>>;
}

/** Stands in messages for a value that is never shown. */
export const HIDDEN = "a value that is not shown";

const NOT_LANDED = "remove it: its feature has not landed yet";

/** Keys that would reach an object's prototype. */
const HOSTILE: readonly string[] = ["__proto__", "constructor", "prototype"];

/** Whether a key would reach an object's prototype. */
export function isHostile(key: string | number): boolean {
  return HOSTILE.includes(String(key));
}

/**
 * Brings the values of one source into the canonical shape: unknown keys and those not landed are found and left out, variables replaced,
 * texts read by type, unit forms (`timeout = "30s"`) and shorthands (`restart = "always"`) turned into what they stand for.
 */
export function prepare(root: Node, raw: Tree, options: PrepareOptions = {}): Prepared {
  return new Preparation(root, options).run(raw);
}

/** Writes a value for a message. */
export function showValue(value: Value): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (value instanceof Date) return `the date ${JSON.stringify(value).slice(1, -1)}`;
  if (typeof value === "object") return "a table";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** The table around a value: as the source holds it, and as the schema knows it. */
interface Siblings {
  raw: Tree;
  entries: Readonly<Record<string, Node>>;
}

class Preparation {
  readonly #root: Node;
  readonly #options: PrepareOptions;
  readonly #written = new Map<string, Path>();
  readonly #unexpanded = new Map<string, string>();
  readonly #findings: Finding[] = [];

  constructor(root: Node, options: PrepareOptions) {
    this.#root = root;
    this.#options = options;
  }

  run(raw: Tree): Prepared {
    const tree = this.#table(raw, this.#root, []);
    return { tree, written: this.#written, unexpanded: this.#unexpanded, findings: this.#findings };
  }

  #table(raw: Tree, node: Node, path: Path): Tree {
    const tree: Tree = {};
    for (const key of Object.keys(raw)) {
      const here = [...path, key];
      if (isHostile(key)) this.#find(here, "key", `expected another name, got ${JSON.stringify(key)}, which JavaScript reserves`);
      else if (node.type === "map") {
        const problem = node.facts.nameProblem?.(key);
        if (problem !== undefined) this.#find(here, "key", `the name ${problem}`);
        else this.#value(tree, key, raw[key], node.value, here);
      } else if (node.type === "table") {
        const child = Object.hasOwn(node.entries, key) ? node.entries[key] : undefined;
        if (child === undefined) this.#unknownKey(key, node.facts, Object.keys(node.entries), here);
        else this.#value(tree, key, raw[key], child, here, { raw, entries: node.entries });
      }
    }
    return tree;
  }

  #value(tree: Tree, key: string, value: Value, node: Node, path: Path, siblings?: Siblings): void {
    if (node.type !== "leaf") return this.#tableValue(tree, key, value, node, path);
    const { facts } = node;
    const plain = this.#read(value, node, path);
    if (plain === undefined) return;
    if (facts.unitFormOf === undefined) this.#keep(tree, key, plain, facts, path);
    else this.#unitForm(tree, facts.unitFormOf, plain, facts.expects!, path, siblings!);
  }

  #keep(tree: Tree, key: string, value: Value, facts: Partial<KeyFacts>, path: Path): void {
    if (!facts.notYet || isSame(value, facts.default)) return void (tree[key] = value);
    const message = `expected ${showValue(facts.default)}, the only value so far, got ${showValue(value)}`;
    this.#findings.push({ path, part: "value", message, hint: NOT_LANDED, code: "CONFIG_NOT_YET" });
  }

  #tableValue(tree: Tree, key: string, value: Value, node: Exclude<Node, LeafNode>, path: Path): void {
    const { shorthand, expects = "a table" } = node.facts;
    const table = this.#options.areTexts && typeof value === "string" ? fromJson(value, "{") : value;
    if (isTable(table)) tree[key] = this.#table(table, node, path);
    else if (shorthand !== undefined && typeof table === "string") {
      const short: Tree = {};
      this.#value(short, shorthand, table, childOf(node, shorthand)!, path);
      tree[key] = short;
      this.#written.set(formatPath([...path, shorthand]), path);
    } else this.#find(path, "value", `expected ${expects}, got ${showValue(table)}`);
  }

  /** Replaces variables and reads texts by type; undefined when that failed. */
  #read(value: Value, node: LeafNode, path: Path): Value {
    const { bases, facts, item } = node;
    if (Array.isArray(value)) {
      const itemNode = { ...(item ?? node), facts };
      const items = value.map((each, index) => this.#read(each, itemNode, [...path, index]));
      return items.includes(undefined) ? undefined : items;
    }
    if (typeof value !== "string") return value;
    const { variables, areTexts } = this.#options;
    if (variables === undefined || facts.verbatim) return areTexts ? readText(value, bases) : value;
    const { text, isExpanded, problems } = expandVariables(value, variables);
    for (const { name, kind } of problems) {
      if (kind === "undefined") {
        this.#find(
          path,
          "value",
          `expected the environment variable ${name} to be set, got nothing`,
          `set it, or write \${${name}:-default}`,
        );
      } else {this.#find(
          path,
          "value",
          `expected \${NAME} or \${NAME:-default}, got ${facts.secret ? HIDDEN : showValue(name)}`,
          "write $${ for a literal ${",
        );}
    }
    if (problems.length > 0) return undefined;
    if (isExpanded) this.#unexpanded.set(formatPath(path), value);
    return areTexts || isExpanded ? readText(text, bases) : text;
  }

  #unitForm(tree: Tree, sibling: string, value: Value, expects: string, path: Path, { raw, entries }: Siblings): void {
    const name = String(path[path.length - 1]);
    if (Object.hasOwn(raw, sibling)) {
      return this.#find(path, "key", `expected either ${name} or ${sibling}, got both`, "remove one of them");
    }
    let ms: number | undefined;
    try {
      ms = typeof value === "string" ? Math.round(durationMs(value)) : undefined;
    } catch { /* reported below, with the place */ }
    if (ms === undefined) {
      const hint = typeof value === "number" ? `write "${value}s" for seconds, or ${sibling} = ${value}` : undefined;
      return void this.#findings.push({ path, part: "value", message: `expected ${expects}, got ${showValue(value)}`, hint });
    }
    this.#keep(tree, sibling, ms, entries[sibling].facts as Partial<KeyFacts>, path);
    this.#written.set(formatPath([...path.slice(0, -1), sibling]), path);
  }

  #unknownKey(key: string, facts: Partial<TableFacts>, known: readonly string[], path: Path): void {
    const { notYetKeys = [], aliases = {} } = facts;
    if (notYetKeys.includes(key)) {
      const message = `expected a key that has landed, got ${JSON.stringify(key)}`;
      return void this.#findings.push({ path, part: "key", message, hint: NOT_LANDED, code: "CONFIG_NOT_YET" });
    }
    const message = `expected a known key, got ${JSON.stringify(key)}`;
    const above = childOf(this.#root, key);
    if (!Object.hasOwn(aliases, key) && path.length > 1 && above?.type === "leaf") {
      return void this.#findings.push({ path, part: "key", message, hint: "move it above the first table" });
    }
    const near = Object.hasOwn(aliases, key) ? key : nearest(key, [...known, ...Object.keys(aliases)]);
    const meant = near === undefined ? undefined : aliases[near] ?? near;
    const hint = meant === undefined
      ? `known keys are ${[...known].sort().join(", ")}`
      : near === key
      ? `use ${meant}`
      : `did you mean ${meant}?`;
    this.#findings.push({ path, part: "key", message, hint, meant: meant === undefined ? undefined : [...path.slice(0, -1), meant] });
  }

  #find(path: Path, part: Finding["part"], message: string, hint?: string): void {
    this.#findings.push({ path, part, message, hint });
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
  if (!text.trim().startsWith(opening)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
