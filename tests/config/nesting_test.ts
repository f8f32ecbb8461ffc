import assert from "node:assert/strict";
import { isTooNestedJson, MAX_NESTING } from "../../src/core/values/nesting.ts";
import { tooNestedToml } from "../../src/config/nesting.ts";
import { test } from "../harness.ts";

const FAR = 50_000;

test("tooNestedToml finds brackets, inline tables, dotted keys and long headers, at their place", () => {
  const deep: [string, string][] = [
    [`a = 1\nb = ${"[".repeat(FAR)}`, `2:${5 + MAX_NESTING}`],
    [`a = ${"{ a = ".repeat(FAR)}`, `1:${5 + MAX_NESTING * 6}`],
    [`${"a.".repeat(FAR)}a = 1`, `1:${MAX_NESTING * 2}`],
    [`a = { ${"a.".repeat(FAR)}a = 1 }`, `1:${6 + MAX_NESTING * 2}`],
    [`[${"a.".repeat(FAR)}a]`, `1:${1 + MAX_NESTING * 2}`],
    [`[[${"a.".repeat(FAR)}a]]`, `1:${2 + MAX_NESTING * 2}`],
  ];
  for (const [text, place] of deep) {
    const { line, column } = tooNestedToml(text)!;
    assert.equal(`${line}:${column}`, place);
  }
});

test("tooNestedToml lets pass what only looks deep", () => {
  const brackets = "[".repeat(FAR);
  const flat = [
    `a = "${brackets}"`,
    `a = '${brackets}'`,
    `a = """\n${brackets}"\\"""${brackets}"""\nb = 1`,
    `a = '''${brackets}\n'${brackets}'''`,
    `# ${brackets}\na = 1 # ${brackets}`,
    `a = [${"[1.5], ".repeat(FAR)}]`,
    `"${".".repeat(FAR)}" = 1`,
    Array.from({ length: FAR }, (_, index) => `a${index}.b.c = 1.5`).join("\n"),
    `a = ${"[".repeat(MAX_NESTING)}${"]".repeat(MAX_NESTING)}`,
  ];
  for (const text of flat) assert.equal(tooNestedToml(text), undefined, text.slice(0, 40));
});

test("isTooNestedJson counts brackets outside of texts", () => {
  assert.ok(isTooNestedJson("[".repeat(FAR)));
  assert.ok(isTooNestedJson('{"a":'.repeat(FAR)));
  assert.ok(!isTooNestedJson(JSON.stringify({ a: "[".repeat(FAR), b: '"[{' })));
  assert.ok(!isTooNestedJson(`[${"[],".repeat(FAR)}[]]`));
});
