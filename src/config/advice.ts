import { HIDDEN } from "../schema/facts.ts";
import { durationMs } from "../core/values/duration.ts";
import { nearest } from "../core/values/names.ts";
import { isTable, type Value } from "../schema/tree.ts";
import type { LeafNode, Node } from "../schema/node.ts";

/** Advice for a value of the wrong type, to follow which is enough: a value that the key would not take is never advised. */
export function adviceFor(node: LeafNode, name: string, value: Value): string | undefined {
  const { facts, bases, accepts } = node;
  const isPlain = typeof value === "number" || typeof value === "boolean" || typeof value === "bigint" || value instanceof Date;
  if (facts.secret) return isPlain && bases.has("string") ? "write it in quotes" : undefined;
  if (facts.kind === "duration" && typeof value === "number") {
    return accepts(`${value}s`) && accepts(`${value}ms`) ? `write "${value}s" for seconds or "${value}ms" for milliseconds` : undefined;
  }
  if (facts.kind === "milliseconds" && typeof value === "string") {
    return isDuration(value) ? `write ${name.replace(/_ms$/, "")} = ${JSON.stringify(value)}` : undefined;
  }
  const advice = typeof value === "string" ? facts.advise?.(value) : undefined;
  if (advice !== undefined) return advice;
  const meant = meantBy(node, value);
  if (meant === undefined) return undefined;
  if (node.choices !== undefined) {
    return typeof value === "string" ? `did you mean ${JSON.stringify(meant)}?` : `write ${JSON.stringify(meant)}`;
  }
  if (typeof meant === "string" && typeof value !== "string") return `write it in quotes: ${JSON.stringify(meant)}`;
  return Array.isArray(meant) ? `write ${JSON.stringify(meant)}` : `write it without quotes: ${String(meant)}`;
}

/** The value of the right type that another one most likely stands for; undefined where nothing is near. */
export function meantBy({ facts, bases, choices, accepts }: LeafNode, value: Value): Value {
  if (isTable(value) || value instanceof Date) return undefined;
  const candidates: Value[] = [];
  if (choices !== undefined) {
    const word = String(value);
    candidates.push(Object.hasOwn(facts.meant ?? {}, word.toLowerCase()) ? facts.meant![word.toLowerCase()] : undefined);
    if (typeof value === "string") candidates.push(nearest(word, choices), choices.find((each) => word.length > 2 && each.includes(word)));
  }
  if (typeof value === "string") {
    const plain = /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : /^(?:true|false)$/.test(value) ? value === "true" : undefined;
    if (!bases.has("string")) candidates.push(plain, [value], [plain]);
    else if (bases.has("array")) candidates.push([value]);
  } else if (typeof value === "number" || typeof value === "boolean") candidates.push(String(value), [value]);
  return candidates.find((candidate) => candidate !== undefined && accepts(candidate));
}

/** The table that a value in its place most likely stands for, as one writes it: `{ signal = "SIGINT" }`. */
export function tableMeantBy(node: Node, value: Value): string | undefined {
  if (node.type !== "table" || !["string", "number", "boolean"].includes(typeof value)) return undefined;
  const leaves = Object.entries(node.entries).filter((entry): entry is [string, LeafNode] => entry[1].type === "leaf");
  const short = leaves.find(([key]) => key === node.facts.shorthand)?.[1];
  const word = short === undefined ? undefined : meantBy(short, value);
  if (word !== undefined) return JSON.stringify(word);
  for (const isLikely of LIKELY) {
    for (const [key, leaf] of leaves) {
      if (leaf.facts.secret || isWaiting(leaf, node.entries) || !isLikely(leaf)) continue;
      const meant = leaf.accepts(value) ? value : meantBy(leaf, value);
      if (meant !== undefined) return `{ ${key} = ${JSON.stringify(meant)} }`;
    }
  }
  return undefined;
}

/** Whether the feature of a key, or of the sibling that it stands for, has not landed. */
export function isWaiting(node: Node | undefined, entries: Readonly<Record<string, Node>>): boolean {
  if (node?.type !== "leaf") return false;
  const { notYet = false, unitFormOf } = node.facts;
  return notYet || (unitFormOf !== undefined && isWaiting(entries[unitFormOf], entries));
}

/** Which keys of a table a text alone stands for, likeliest first; any text could be a command, so none stands for one. */
const LIKELY: readonly ((leaf: LeafNode) => boolean)[] = [
  ({ choices }) => choices !== undefined,
  ({ facts }) => facts.kind === "duration" || facts.kind === "size",
  ({ facts }) => facts.kind === "path",
];

/** Advice for a key of another name, with the value that stands at it. */
export function renameAdvice(
  meant: string,
  target: Node,
  value: Value,
  { isAlias, isThere }: { isAlias: boolean; isThere: boolean },
): string {
  if (isThere) return `remove it, as ${meant} is there`;
  const rename = isAlias ? `use ${meant}` : `did you mean ${meant}?`;
  if (fits(target, value)) return rename;
  const better = target.type === "leaf" ? shown(target, value) : tableMeantBy(target, value);
  return better === undefined ? `${rename.replace("?", "")}, ${target.facts.expects}` : `write ${meant} = ${better}`;
}

function shown(node: LeafNode, value: Value): string | undefined {
  if (node.facts.secret) return HIDDEN;
  const meant = node.facts.kind === "duration" && typeof value === "number" ? `${value}s` : meantBy(node, value);
  return meant !== undefined && node.accepts(meant) ? JSON.stringify(meant) : undefined;
}

function fits(node: Node, value: Value): boolean {
  // The value of a variable is not known here.
  if (typeof value === "string" && value.includes("${")) return true;
  if (node.type === "leaf") return node.accepts(value);
  if (isTable(value)) return true;
  const short = node.type === "table" && node.facts.shorthand !== undefined ? node.entries[node.facts.shorthand] : undefined;
  return short?.type === "leaf" && short.accepts(value);
}

function isDuration(text: string): boolean {
  try {
    return durationMs(text) >= 0;
  } catch {
    return false;
  }
}
