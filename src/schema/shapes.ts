import { byteSize } from "../core/values/bytes.ts";
import { type Duration, durationMs } from "../core/values/duration.ts";
import type { KeyFacts } from "./facts.ts";
import type { Base, JsonSchema, LeafNode, Of, Takes } from "./node.ts";
import type { Value } from "./tree.ts";

/** A declared value: which ones are right, in which words, and the facts that follow from that. */
export type Leaf<T> = Of<T, LeafNode>;

/** Wording for a duration in a file. */
export const DURATION_TEXT = 'a duration such as "250ms", "1.5s" or "1h30m"';
const DURATION_IN_CODE: Pick<Takes, "expects" | "bases"> = {
  expects: 'a duration such as "250ms", "1.5s" or "1h30m", or a number of milliseconds',
  bases: new Set<Base>(["string", "number"]),
};

/** Wording of one use of a shape. */
export interface ShapeOptions {
  /** Wording for a right value, to go on after "expected". */
  readonly expects?: string;
}

/** Any value that passes a test, for what no other shape says. */
export function custom<T>(
  { bases, isGood, expects, json, ...more }:
    & { bases: readonly Base[]; isGood: (value: Value) => boolean; expects: string; json: JsonSchema }
    & Pick<LeafNode, "choices" | "item" | "inCode" | "read">
    & { facts?: Partial<KeyFacts> },
): Leaf<T> {
  const { facts, ...others } = more;
  return { type: "leaf", facts: { expects, ...facts }, bases: new Set(bases), accepts: isGood, json, ...others };
}

/** A text. */
export function text(
  { expects = "a text", isGood, notEmpty = false, json = {}, ...facts }:
    & ShapeOptions
    & { isGood?: (text: string) => boolean; notEmpty?: boolean; json?: JsonSchema }
    & Pick<KeyFacts, "kind" | "advise" | "secret"> = {},
): Leaf<string> {
  return custom({
    bases: ["string"],
    expects,
    isGood: (value) => typeof value === "string" && !(notEmpty && value === "") && (isGood === undefined || isGood(value)),
    json: { type: "string", ...(notEmpty ? { minLength: 1 } : {}), ...json },
    facts,
  });
}

/** The path of a file or a folder. */
export function path(expects: string = "a path"): Leaf<string> {
  return text({ expects, notEmpty: true, kind: "path" });
}

/** True or false. */
export function flag(): Leaf<boolean> {
  return custom({ bases: ["boolean"], expects: "true or false", isGood: (value) => typeof value === "boolean", json: { type: "boolean" } });
}

/** An integer from `least` to `most`. */
export function integer(least: number, most: number = Number.MAX_SAFE_INTEGER, { expects }: ShapeOptions = {}): Leaf<number> {
  const isOpen = most === Number.MAX_SAFE_INTEGER;
  return custom({
    bases: ["number"],
    expects: expects ?? (isOpen ? `an integer >= ${least}` : `an integer from ${least} to ${most}`),
    isGood: (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
    json: { type: "integer", minimum: least, ...(isOpen ? {} : { maximum: most }) },
  });
}

/** A number that passes a test. */
export function number(expects: string, isGood: (value: number) => boolean, json: JsonSchema = {}): Leaf<number> {
  return custom({
    bases: ["number"],
    expects,
    isGood: (value) => typeof value === "number" && !Number.isNaN(value) && isGood(value),
    json: { type: "number", ...json },
  });
}

/** One of some words. `meant` are the words that others use for them, in small letters; `notYet` those whose features have not landed. */
export function oneOf<const Word extends string>(
  words: readonly Word[],
  { expects = `one of ${words.join(", ")}`, meant, notYet }:
    & ShapeOptions
    & { meant?: Readonly<Record<string, NoInfer<Word>>>; notYet?: readonly string[] } = {},
): Leaf<Word> {
  return custom({
    bases: ["string"],
    expects,
    isGood: (value) => words.includes(value as Word),
    json: { type: "string", enum: words },
    choices: words,
    facts: { ...(meant === undefined ? {} : { meant }), ...(notYet === undefined ? {} : { notYetChoices: notYet }) },
  });
}

/** A length of time: in a file a text with its unit, in code also a number of milliseconds. */
export function duration({ positive = false }: { positive?: boolean } = {}): Leaf<Duration> {
  const isGood = (value: Value) => isWell(() => durationMs(value as Duration) > (positive ? 0 : -1));
  return custom({
    bases: ["string"],
    expects: DURATION_TEXT,
    isGood: (value) => typeof value === "string" && isGood(value),
    inCode: { ...DURATION_IN_CODE, accepts: isGood },
    read: durationMs,
    json: { type: "string" },
    facts: { kind: "duration" },
  });
}

/** A length of time that is kept as an integer of milliseconds: in a file a number, in code also a text with its unit. */
export function milliseconds(least: number): Leaf<Duration> {
  const read = (value: Duration) => typeof value === "string" ? Math.round(durationMs(value)) : value;
  const isGood = (value: Value) => isWell(() => Number.isSafeInteger(read(value as Duration)) && read(value as Duration) >= least);
  return custom({
    bases: ["number"],
    expects: `an integer of milliseconds >= ${least}`,
    isGood: (value) => typeof value === "number" && isGood(value),
    inCode: { ...DURATION_IN_CODE, accepts: isGood },
    read,
    json: { type: "integer", minimum: least },
    facts: { kind: "milliseconds" },
  });
}

/** A number of bytes, or a text with its unit. */
export function size(
  { least = 1, such = 'such as 65536, "64KiB" or "20MB"' }: { least?: number; such?: string } = {},
): Leaf<number | string> {
  return custom({
    bases: ["number", "string"],
    expects: `${least === 1 ? "a size above 0" : `a size of at least ${least} bytes`} ${such}`,
    isGood: (value) => isWell(() => byteSize(value as string) >= least),
    read: byteSize,
    json: { anyOf: [{ type: "integer", minimum: least }, { type: "string" }] },
    facts: { kind: "size" },
  });
}

/** A list. */
export function list<T>(item: Leaf<T>, { expects, notEmpty = false }: ShapeOptions & { notEmpty?: boolean } = {}): Leaf<readonly T[]> {
  const { accepts, facts } = item;
  return custom({
    bases: ["array"],
    expects: expects ?? `a list of ${facts.expects}`,
    isGood: (value) => Array.isArray(value) && !(notEmpty && value.length === 0) && value.every((each) => accepts(each)),
    item,
    json: { type: "array", items: { ...item.json, description: facts.expects }, ...(notEmpty ? { minItems: 1 } : {}) },
  });
}

/** A value that either of two shapes takes. */
export function either<A, B>(a: Leaf<A>, b: Leaf<B>, { expects }: { expects: string }): Leaf<A | B> {
  return custom({
    bases: [...a.bases, ...b.bases],
    expects,
    isGood: (value) => a.accepts(value) || b.accepts(value),
    ...(a.item ?? b.item) === undefined ? {} : { item: a.item ?? b.item },
    json: { anyOf: [a.json, b.json] },
  });
}

/** Whether a test passes; one that throws does not. */
export function isWell(test: () => boolean): boolean {
  try {
    return test();
  } catch {
    return false;
  }
}
