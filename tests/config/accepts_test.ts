import assert from "node:assert/strict";
import fc from "../property.ts";
import * as v from "valibot";
import { test } from "../harness.ts";
import { acceptsOf } from "../../src/config/accepts.ts";
import type { Schema } from "../../src/config/key_table.ts";
import { DAEMON_SCHEMA } from "../../src/settings/keys.ts";

/** Every schema of a value below a table, by name; items of lists are judged with their list. */
function leavesOf(schema: Schema, name: string): [name: string, leaf: Schema][] {
  const inner = schema as Schema & { wrapped?: Schema; entries?: Record<string, Schema>; value?: Schema };
  if (inner.wrapped !== undefined) return leavesOf(inner.wrapped, name);
  if (inner.type === "record") return leavesOf(inner.value!, `${name}.*`);
  if (inner.entries === undefined) return [[name, schema]];
  return Object.entries(inner.entries).flatMap(([key, child]) => leavesOf(child, `${name}.${key}`));
}

const LEAVES = leavesOf(DAEMON_SCHEMA, "");

/** Texts and numbers that are right for some key or nearly so, and whatever else there is. */
const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    ...["", " ", "info", "loud", "zero", "signal", "never", "always", "fatal", "pause", "SIGTERM", "SIGNOPE", "group", "process", "adopt"],
    ...[
      "250ms",
      "0s",
      "1.5h",
      "1s1s",
      "5",
      "64KiB",
      "8B",
      "0B",
      "http://127.0.0.1:{port}/",
      "http://[",
      "127.0.0.1:80",
      "[",
      "(a|b)",
      "db:ready",
      "raw",
      "660",
      "any",
    ],
    ...[0, -0, 1, -1, 0.2, 0.99, 1.5, 2, 3, 16, 255, 256, 1_000, 1_001, 4_096, 65_535, 65_536, 1e308, Infinity, -Infinity, NaN],
    ...[Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER + 1, 2n ** 60n, true, false, null, undefined, new Date(0), {}, []],
  ),
  fc.string({ maxLength: 5 }),
  fc.integer(),
  fc.double(),
);
const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.anything());

test("acceptsOf: for every key, yes and no are those of valibot", () => {
  assert.ok(LEAVES.length > 50);
  for (const [name, leaf] of LEAVES) {
    const accepts = acceptsOf(leaf);
    fc.assert(fc.property(value, (value) => assert.equal(accepts(value), v.is(leaf, value), name)), { numRuns: 150 });
  }
});

test("acceptsOf: every key has values of both kinds among those tried", () => {
  const samples = fc.sample(value, { numRuns: 4_000, seed: 1 });
  for (const [name, leaf] of LEAVES) {
    assert.deepEqual(new Set(samples.map(acceptsOf(leaf))), new Set([true, false]), name);
  }
});

test("acceptsOf: what is not known gets no yes", () => {
  for (const schema of [v.date(), v.pipe(v.string(), v.trim()), v.pipe(v.string(), v.email()), v.nullable(v.string())]) {
    assert.equal(acceptsOf(schema as Schema)("a@b.example"), false);
  }
});

test("DAEMON_SCHEMA: no table requires a key or checks more than its values, so values alone decide", () => {
  const check = (schema: Schema): void => {
    const inner = schema as Schema & { wrapped?: Schema; entries?: Record<string, Schema>; value?: Schema; pipe?: { kind: string }[] };
    if (inner.wrapped !== undefined) return check(inner.wrapped);
    if (inner.entries === undefined && inner.value === undefined) return;
    assert.deepEqual(inner.pipe!.map(({ kind }) => kind), ["schema", "metadata"]);
    for (const child of Object.values(inner.entries ?? {})) {
      assert.equal(child.type, "optional");
      check(child);
    }
    if (inner.value !== undefined) check(inner.value);
  };
  check(DAEMON_SCHEMA);
});
