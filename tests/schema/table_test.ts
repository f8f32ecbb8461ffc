import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { jsonSchemaOf } from "../../src/schema/json_schema.ts";
import { factsAt, fixedLeaves, nodeAt } from "../../src/schema/node.ts";
import { flag, integer, milliseconds, oneOf, text } from "../../src/schema/shapes.ts";
import { keyName, keyOf, map, table, type TableOf } from "../../src/schema/table.ts";

interface Options {
  readonly isLoud?: boolean;
  readonly waitMs?: number | string;
  readonly inner?: { readonly word?: "low" | "high"; readonly secretName?: string };
}

const live = keyOf("live");
const OPTIONS = table<Options>({
  isLoud: live("Whether it is loud.", flag(), { default: false }),
  waitMs: keyOf("daemon")("How long it waits.", milliseconds(1), { example: 5 }),
  inner: table<NonNullable<Options["inner"]>>({
    word: live("A word.", oneOf(["low", "high"])),
    secretName: live("A name.", text({ secret: true })),
  }, { shorthand: "word" }),
});

test("table: keys are the options under one rule of names, and milliseconds have a unit form", () => {
  assert.deepEqual(["run", "envFile", "oomScoreAdj", "timeoutMs"].map(keyName), ["run", "env_file", "oom_score_adj", "timeout_ms"]);
  assert.deepEqual(Object.keys(OPTIONS.entries), ["is_loud", "wait_ms", "wait", "inner"]);
  assert.deepEqual(OPTIONS.options, { is_loud: "isLoud", wait_ms: "waitMs", inner: "inner" });
  const wait = nodeAt(OPTIONS, ["wait"]);
  assert.ok(wait?.type === "leaf");
  assert.deepEqual([wait.facts.unitFormOf, wait.facts.reload, wait.facts.about], ["wait_ms", "daemon", "How long it waits."]);
  assert.deepEqual(["1ms", "0s", 5, "5"].map(wait.accepts), [true, false, false, false]);
  assert.deepEqual(fixedLeaves(OPTIONS).map(({ path }) => path.join(".")), [
    "is_loud",
    "wait_ms",
    "wait",
    "inner.word",
    "inner.secret_name",
  ]);
  assert.equal(factsAt(OPTIONS, ["inner", "secret_name"]).secret, true);
});

test("table: an option that is missing, unknown or of another type breaks the build", () => {
  const word = live("A word.", oneOf(["low", "high"]));
  // @ts-expect-error: the option has no key.
  table<{ word: "low" | "high"; count: number }>({ word });
  // @ts-expect-error: the key has no option.
  table<{ word: "low" | "high" }>({ word, count: live("", integer(0)) });
  // @ts-expect-error: the option takes more than the key.
  table<{ word: "low" | "high" | "none" }>({ word });
  // @ts-expect-error: the key takes more than the option.
  table<{ word: "low" }>({ word });
  // @ts-expect-error: another kind of value.
  table<{ word: number }>({ word });
  const inFile: TableOf<Options> = { is_loud: true, wait_ms: 5, inner: { secret_name: "x" } };
  // @ts-expect-error: the file has other names.
  const other: TableOf<Options> = { isLoud: true };
  assert.ok(inFile && other);
});

test("jsonSchemaOf: descriptions, defaults, examples, shorthands, and maps of what has any name", () => {
  const { properties } = jsonSchemaOf(map(OPTIONS, { expects: "tables" })).additionalProperties as { properties: Record<string, unknown> };
  assert.deepEqual(properties.is_loud, { type: "boolean", description: "Whether it is loud. Expects true or false.", default: false });
  assert.deepEqual(properties.wait_ms, {
    type: "integer",
    minimum: 1,
    description: "How long it waits. Expects an integer of milliseconds >= 1.",
    examples: [5],
  });
  const { anyOf: [word, whole], description } = properties.inner as { anyOf: Record<string, unknown>[]; description: string };
  assert.deepEqual(word, (whole.properties as Record<string, unknown>).word);
  assert.deepEqual([whole.additionalProperties, description], [false, "a table"]);
});
