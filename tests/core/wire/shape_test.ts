import assert from "node:assert/strict";
import { type Infer, mismatchText, type Shape, shape } from "../../../src/core/wire/shape.ts";
import { test } from "../../harness.ts";

const { anything, byText, either, flag, integer, list, map, named, nullable, number, object, oneOf, optional, text, time, told } = shape;

const unit = named("Unit", object({ name: text("Path."), ready: nullable(flag()), note: optional(text()) }, "A unit."));
const status = object({ v: oneOf([1]), units: list(unit), facts: map(integer()) });
const event = byText("type", {
  "unit.ready": object({ type: oneOf(["unit.ready"]), ready: flag() }),
  "daemon.*": object({ type: text(), reason: text() }),
}, { otherwise: object({ seq: integer() }) });

const CASES: [what: string, shape: Shape<unknown>, value: unknown, problem: string | undefined][] = [
  ["a text", text(), "", undefined],
  ["no text", text(), 7, "it must be a text"],
  ["a text that must be more", text("", { isIt: (each) => each !== "", must: "a name" }), "", "it must be a name"],
  ["a time", time(), "2026-01-01T00:00:00.000Z", undefined],
  ["no time", time(), "soon", "it must be a time"],
  ["a number", number(), 1.5, undefined],
  ["a text of digits is no number", number(), "1", "it must be a number"],
  ["a whole number", integer("", { min: 1, max: 300 }), 300, undefined],
  ["a number beyond", integer("", { min: 1, max: 300 }), 301, "it must be a whole number from 1 to 300"],
  ["a half is no whole number", integer(), 0.5, "it must be a whole number"],
  ["no flag", flag(), "true", "it must be true or false"],
  ["one of two words", oneOf(["0", "1"]), "2", "it must be 0 or 1"],
  ["one of three words", oneOf(["a", "b", "c"]), "d", "it must be one of a, b, c"],
  ["a later word", oneOf(["daemon.ready"], "", { more: "daemon." }), "daemon.tired", undefined],
  ["whatever there is", anything(), null, undefined],
  ["no list", list(text()), { length: 1 }, "it must be a list"],
  ["an empty list where one is needed", list(text(), "", { isNotEmpty: true, must: "names" }), [], "it must be names"],
  ["a wrong item", list(list(text())), [["a"], ["b", 1]], "[1][1] must be a text"],
  ["a wrong value of a map", map(integer()), { a: 1, b: "2" }, "b must be a whole number"],
  ["a list is no object", object({}), [], "it must be an object"],
  ["null is no object", object({}), null, "it must be an object"],
  ["a field that is missing", object({ a: text() }), {}, "a must be a text"],
  ["a field that is inherited is missing", object({ constructor: anything(), toString: text() }), {}, "toString must be a text"],
  ["a field that may be missing", object({ a: optional(text()) }), {}, undefined],
  ["a field that may be missing and is wrong", object({ a: optional(text()) }), { a: 1 }, "a must be a text"],
  ["a field that is not known is passed over", object({ a: text() }), { a: "", b: [1] }, undefined],
  ["a whole value", status, { v: 1, units: [{ name: "a", ready: null }], facts: {} }, undefined],
  [
    "a path within",
    status,
    { v: 1, units: [{ name: "a", ready: true }, { name: "b", ready: 1 }], facts: {} },
    "units[1].ready must be true or false",
  ],
  ["a known case", event, { type: "unit.ready", ready: true }, undefined],
  ["a known case that is wrong", event, { type: "unit.ready", seq: 1 }, "ready must be true or false"],
  ["a case by its beginning", event, { type: "daemon.tired" }, "reason must be a text"],
  ["a case that only a newer side knows", event, { type: "job.done", seq: 1 }, undefined],
  ["such a case that is wrong", event, { type: "job.done" }, "seq must be a whole number"],
  ["a name that objects inherit is no case", event, { type: "__proto__" }, "seq must be a whole number"],
  ["the first of two", either(integer(), text()), 1, undefined],
  ["the second of two", either(integer(), text()), "1", undefined],
  ["neither of two", either(integer(), text()), true, "it must be a text"],
];

for (const [what, each, value, problem] of CASES) {
  test(`shape: ${what}`, () => {
    const mismatch = each.find(value, "");
    assert.equal(mismatch && mismatchText(mismatch), problem);
  });
}

test("shape prints JSON Schema, in which shapes with a name are referred to", () => {
  assert.deepEqual(status.schema, {
    type: "object",
    properties: {
      v: { enum: [1] },
      units: { type: "array", items: { $ref: "#/components/schemas/Unit" } },
      facts: { type: "object", additionalProperties: { type: "integer" } },
    },
    required: ["v", "units", "facts"],
  });
  assert.deepEqual(status.named, {
    Unit: {
      type: "object",
      properties: { name: { type: "string", description: "Path." }, ready: { type: ["boolean", "null"] }, note: { type: "string" } },
      required: ["name", "ready"],
      description: "A unit.",
    },
  });
  assert.deepEqual(told(unit, "The first one.").schema, { $ref: "#/components/schemas/Unit", description: "The first one." });
  assert.deepEqual(integer("How many.", { min: 0 }).schema, { type: "integer", minimum: 0, description: "How many." });
});

test("shape infers the type of what it accepts", () => {
  const good: Infer<typeof status> = { v: 1, units: [{ name: "a", ready: null }, { name: "b", ready: true, note: "" }], facts: { a: 1 } };
  // @ts-expect-error a field is missing
  const bad: Infer<typeof status> = { v: 1, units: [{ name: "a" }], facts: {} };
  assert.equal(status.find(good, ""), undefined);
  assert.notEqual(status.find(bad, ""), undefined);
});
