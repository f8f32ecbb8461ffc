import assert from "node:assert/strict";
import fc from "../property.ts";
import { test } from "../harness.ts";
import type { JsonSchema, LeafNode, Node } from "../../src/schema/node.ts";
import { duration, either, flag, integer, list, milliseconds, number, oneOf, path, size, text } from "../../src/schema/shapes.ts";
import { isTable } from "../../src/schema/tree.ts";
import { DAEMON_PLACES } from "../../src/settings/keys.ts";
import { anyValue, POOL } from "./pool.ts";

test("each shape takes its values and no others, says so, and knows more in code where that is so", () => {
  const rows: [shape: LeafNode, expects: string, right: unknown[], wrong: unknown[], inCode?: unknown[]][] = [
    [text(), "a text", ["", "a"], [1, true, null, ["a"]]],
    [text({ notEmpty: true, expects: "a word" }), "a word", ["a"], ["", 1]],
    [text({ isGood: (each) => each.startsWith("a") }), "a text", ["ab"], ["b", "", 1]],
    [path(), "a path", ["a/b", "."], ["", 1]],
    [flag(), "true or false", [true, false], ["true", 1, 0, null]],
    [integer(1, 3), "an integer from 1 to 3", [1, 3], [0, 4, 1.5, "1", NaN, Infinity, 2n]],
    [integer(0), "an integer >= 0", [0, Number.MAX_SAFE_INTEGER], [-1, Number.MAX_SAFE_INTEGER + 1]],
    [number("a share", (share) => share < 1), "a share", [0.5, -1], [1, NaN, "0.5"]],
    [oneOf(["low", "high"]), "one of low, high", ["low", "high"], ["Low", "", 1, ["low"]]],
    [duration(), 'a duration such as "250ms", "1.5s" or "1h30m"', ["0s", "1h30m"], ["", "5", "-1s", 5, null], [5, 0]],
    [duration({ positive: true }), 'a duration such as "250ms", "1.5s" or "1h30m"', ["1ms"], ["0s", 1], [1]],
    [milliseconds(1), "an integer of milliseconds >= 1", [1, 5_000], [0, 1.5, "5s", NaN], ["5s", "1ms"]],
    [size(), 'a size above 0 such as 65536, "64KiB" or "20MB"', [1, "64KiB"], [0, "0B", "64", -1, 1.5, null]],
    [size({ least: 16 }), 'a size of at least 16 bytes such as 65536, "64KiB" or "20MB"', [16, "16B"], [15, "15B"]],
    [list(integer(0, 9)), "a list of an integer from 0 to 9", [[], [1, 2]], [1, [10], [1, "2"], {}]],
    [list(text(), { notEmpty: true, expects: "words" }), "words", [["a"]], [[], "a"]],
    [either(text(), integer(1), { expects: "a name or a number" }), "a name or a number", ["a", 1], [0, true, ["a"]]],
  ];
  for (const [shape, expects, right, wrong, inCode = []] of rows) {
    assert.equal(shape.facts.expects, expects);
    for (const value of right) assert.ok(shape.accepts(value), `${expects}: ${String(value)}`);
    for (const value of wrong) assert.ok(!shape.accepts(value), `${expects}: not ${String(value)}`);
    for (const value of [...inCode, ...inCode.length === 0 ? [] : right]) {
      assert.ok(shape.inCode!.accepts(value), `${expects}: ${String(value)}`);
    }
  }
  assert.equal(milliseconds(0).read!("1.6ms" as never), 2);
  assert.equal(duration().read!("1.5s" as never), 1_500);
  assert.equal(size().read!("64KiB" as never), 65_536);
});

/** Every leaf of the whole configuration, by its path. */
function leavesOf(node: Node, name: string): [name: string, leaf: LeafNode][] {
  if (node.type === "leaf") return [[name, node]];
  if (node.type === "map") return leavesOf(node.value, `${name}.*`);
  return Object.entries(node.entries).flatMap(([key, child]) => leavesOf(child, `${name}.${key}`));
}

const LEAVES = leavesOf(DAEMON_PLACES, "");

test("every key answers for any value without throwing, says no to some and yes to others, and takes in code what it takes in a file", () => {
  assert.ok(LEAVES.length > 50);
  for (const [name, { accepts, inCode }] of LEAVES) {
    fc.assert(
      fc.property(anyValue, (value) => {
        assert.equal(typeof accepts(value), "boolean", name);
        if (accepts(value) && inCode !== undefined) assert.ok(inCode.accepts(value), name);
      }),
      { numRuns: 100 },
    );
    assert.deepEqual(new Set(POOL.map(accepts)), new Set([true, false]), name);
  }
});

test("every key has a default or an example, and takes both; it says its kinds of values", () => {
  for (const [name, { facts, accepts, bases, item }] of LEAVES) {
    if (facts.default !== undefined) assert.ok(accepts(facts.default), name);
    if (facts.example !== undefined) assert.ok(accepts(facts.example), name);
    assert.ok(facts.default !== undefined || facts.example !== undefined, name);
    for (const value of POOL.filter(accepts)) {
      assert.ok(bases.has(Array.isArray(value) ? "array" : isTable(value) ? "table" : typeof value as "string"), name);
    }
    assert.equal(bases.has("array"), item !== undefined, name);
  }
});

/** Whether a value fits the words of JSON Schema that are used. */
function fits(value: unknown, schema: JsonSchema): boolean {
  const types = { string: "string", boolean: "boolean", number: "number", integer: "number" } as const;
  for (const [word, said] of Object.entries(schema) as [string, never][]) {
    if (word === "type" && said === "array" && !Array.isArray(value)) return false;
    if (word === "type" && said === "object" && !isTable(value)) return false;
    if (word === "type" && said in types && typeof value !== types[said as keyof typeof types]) return false;
    if (word === "type" && said === "integer" && !Number.isInteger(value)) return false;
    if (word === "anyOf" && !(said as JsonSchema[]).some((each) => fits(value, each))) return false;
    if (word === "enum" && !(said as unknown[]).includes(value)) return false;
    if (word === "minimum" && (value as number) < said || word === "maximum" && (value as number) > said) return false;
    if (word === "exclusiveMaximum" && (value as number) >= said) return false;
    if (word === "minLength" && (value as string).length < said || word === "minItems" && (value as unknown[]).length < said) return false;
    if (word === "items" && !(value as unknown[]).every((each) => fits(each, said))) return false;
    assert.ok(
      /^(?:type|anyOf|enum|minimum|maximum|exclusiveMaximum|minLength|minItems|items|properties|additionalProperties|description)$/.test(
        word,
      ),
      word,
    );
  }
  return true;
}

test("an editor marks nothing as wrong that loads", () => {
  for (const [name, { accepts, json }] of LEAVES) {
    for (const value of POOL.filter(accepts)) assert.ok(fits(value, json), `${name} ${String(value)}`);
  }
});
