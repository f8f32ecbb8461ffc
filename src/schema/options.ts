/**
 * The door of code: options are checked by the same declaration as the table of a file, and a table of a file becomes options.
 *
 * @module
 */
import { checkKeys, checkObject } from "../core/values/options.ts";
import type { LeafNode, MapNode, Node, Of, TableNode, Takes } from "./node.ts";
import type { Breach, Problem } from "./problem.ts";
import { showValue } from "./show_value.ts";
import { keyName } from "./table.ts";
import { formatPath, isTable, type Path, put, type Tree, type Value } from "./tree.ts";

/** The values that code may give for a key. */
export function takenInCode({ facts, bases, accepts, inCode }: LeafNode): Takes {
  return inCode ?? { expects: facts.expects ?? "another value", bases, accepts };
}

/**
 * Refuses options that their declaration does not take; `action` begins the message, such as `add service "api"`. The value of a secret is in
 * no message.
 *
 * @throws {TypeError} for a key that there is none of, and a value of the wrong kind.
 * @throws {RangeError} for any other wrong value.
 */
export function checkOptions(action: string, options: unknown, { entries, options: names, facts }: TableNode, path: string = ""): void {
  checkObject(action, options, path);
  if (!facts.isOfNames) checkKeys(action, options, Object.values(names), path);
  for (const [name, value] of Object.entries(options)) {
    const key = keyName(name);
    if (names[key] !== name) throw unknownName(action, path, name, Object.values(names));
    if (value !== undefined) checkOption(action, value, entries[key], path + name);
  }
}

function checkOption(action: string, value: unknown, node: Node, path: string): void {
  if (node.type === "leaf") checkLeaf(action, value, node, path);
  else if (node.type === "map") checkMap(action, value, node, path);
  else {
    const { shorthand, isMade } = node.facts;
    if (isMade?.(value)) return;
    if (shorthand === undefined || typeof value !== "string") return checkOptions(action, value, node, `${path}.`);
    checkOption(action, value, node.entries[shorthand], `${path}.${node.options[shorthand]}`);
  }
}

function checkLeaf(action: string, value: unknown, node: LeafNode, path: string): void {
  const { expects, bases, accepts } = takenInCode(node);
  if (accepts(value)) return;
  const base = Array.isArray(value) ? "array" : isTable(value) ? "table" : typeof value;
  const found = node.facts.secret ? "its value is not shown" : shownIn(value, node);
  const advice = typeof value === "string" ? node.facts.advise?.(value) : undefined;
  const Refusal = (bases as ReadonlySet<string>).has(base) ? RangeError : TypeError;
  throw new Refusal(`Cannot ${action} as "${path}" must be ${expects}: ${found}${advice === undefined ? "" : `; ${advice}`}`);
}

function checkMap(action: string, value: unknown, { facts, value: node }: MapNode, path: string): void {
  checkObject(action, value, `${path}.`);
  for (const [name, each] of Object.entries(value)) {
    const problem = facts.nameProblem?.(name);
    if (problem !== undefined) throw new RangeError(`Cannot ${action} as a name in "${path}" ${problem}`);
    checkOption(action, each, node, `${path}.${name}`);
  }
}

function unknownName(action: string, path: string, name: string, known: readonly string[]): RangeError {
  return new RangeError(
    `Cannot ${action} as "${path.slice(0, -1)}" must be a table of ${known.join(", ")}: current value has ${JSON.stringify(name)}`,
  );
}

/** The wrong value; of a list the first item that is wrong. */
function shownIn(value: unknown, { item }: LeafNode): string {
  const wrong = item === undefined || !Array.isArray(value) ? -1 : value.findIndex((each) => !item.accepts(each));
  return wrong === -1 ? `current value is ${showValue(value)}` : `current value has ${showValue((value as unknown[])[wrong])}`;
}

/** The options that a checked table of a file stands for: the same values under their names in code. */
export function optionsOf<Options>(table: Tree, node: Of<Options, TableNode>): Options {
  const options: Tree = {};
  for (const [key, value] of Object.entries(table)) put(options, node.options[key], optionOf(value, node.entries[key]));
  return options as Options;
}

function optionOf(value: Value, node: Node): Value {
  return node.type === "table" && isTable(value) ? optionsOf(value, node) : value;
}

/** The error of a broken rule in code. */
export function asRefusal(action: string, { path, expected, must = expected, got }: Breach): RangeError {
  return new RangeError(`Cannot ${action} as "${formatPath(path)}" must be ${must}: current value is ${got}`);
}

/** The problem of a broken rule in a file, below the path of its table. */
export function asProblem(above: Path, { path, expected, got, hint, isMissing }: Breach): Problem {
  return {
    path: [...above, ...path.map((name) => typeof name === "string" ? keyName(name) : name)],
    message: `expected ${expected}, got ${got}`,
    ...(hint === undefined ? {} : { hint }),
    ...(isMissing === undefined ? {} : { isMissing }),
  };
}
