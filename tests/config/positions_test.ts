import assert from "node:assert/strict";
import fc from "../property.ts";
import { test } from "../harness.ts";
import { readJson } from "../../src/config/json_text.ts";
import { positionsOf } from "../../src/config/positions.ts";

test("positionsOf finds keys and values of every TOML shape", () => {
  const text = [
    'name = "x"',
    "[a.b]",
    'c = [1, "two",',
    "  3]",
    'd.e = { f = 1, "g h" = 2 }',
    "[[list]]",
    "x = 1",
    "[[list]]",
    "x = 2",
  ].join("\n");
  const positions = positionsOf("x.toml", text);
  const at = (path: string) => {
    const { key, value } = positions.get(path)!;
    return `${key.line}:${key.column} ${value.line}:${value.column}`;
  };
  assert.deepEqual(
    ["name", "a", "a.b", "a.b.c", "a.b.c[1]", "a.b.c[2]", "a.b.d", "a.b.d.e.f", 'a.b.d.e."g h"', "list", "list[1].x"].map((path) =>
      `${path} ${at(path)}`
    ),
    [
      "name 1:1 1:8",
      "a 2:2 2:2",
      "a.b 2:4 2:4",
      "a.b.c 3:1 3:5",
      "a.b.c[1] 3:9 3:9",
      "a.b.c[2] 4:3 4:3",
      "a.b.d 5:1 5:1",
      "a.b.d.e.f 5:9 5:13",
      'a.b.d.e."g h" 5:16 5:24',
      "list 6:3 6:3",
      "list[1].x 9:1 9:5",
    ],
  );
});

test("positionsOf finds keys and values of JSON", () => {
  const positions = positionsOf("x.json", '{\n  "a": {"b": [1, {"c": true}]}\n}');
  assert.deepEqual(positions.get("a.b"), { key: { line: 2, column: 9 }, value: { line: 2, column: 14 } });
  assert.deepEqual(positions.get("a.b[1].c"), { key: { line: 2, column: 19 }, value: { line: 2, column: 24 } });
});

test("positionsOf accepts every JSON text that JSON.parse accepts", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    positionsOf("x.json", JSON.stringify(value, undefined, 2));
  }));
});

test("readJson says what was expected and where", () => {
  const rows: [string, string][] = [
    ['{"a": 1,}', "1:9 expected a key in double quotes; remove the comma before it"],
    ['{"a": [1, ]}', "1:11 expected a value; remove the comma before it"],
    ['{ // why\n"a": 1}', "1:3 expected a key in double quotes; JSON has no comments: remove it, or write the configuration in TOML"],
    ['{"a": 1 /* why */}', '1:9 expected "," or "}"; JSON has no comments: remove it, or write the configuration in TOML'],
    ["{'a': 1}", "1:2 expected a key in double quotes; write double quotes"],
    ["{\n  a: 1}", "2:3 expected a key in double quotes"],
    ['{"a" 1}', '1:6 expected ":"'],
    ['{"a": 1 "b": 2}', '1:9 expected "," or "}"'],
    ['{"a": [1 2]}', '1:10 expected "," or "]"'],
    ['{"a": "x\n"}', "1:7 expected a text that ends on its line, with escapes of JSON"],
    ['{"a": 01}', "1:7 expected a value"],
    ['{"a": tru}', "1:7 expected a value"],
    ['{"a": 1', '1:8 expected "," or "}"'],
    ['{"a": 1} x', "1:10 expected the end of the file"],
  ];
  for (const [text, expected] of rows) {
    const { message, hint, position } = readJson(text).mistake!;
    assert.equal(`${position.line}:${position.column} ${message}${hint === undefined ? "" : `; ${hint}`}`, expected);
  }
});

test("readJson finds every key that an object has twice", () => {
  const { repeated } = readJson('{"a": 1, "b": {"x": 1, "x": 2},\n "a": 2, "a": [{"x": 1}, {"x": 1}], "\\u0062": 1}');
  const shown = repeated.map(({ path, position, first }) =>
    `${path.join(".")} ${position.line}:${position.column} ${first.line}:${first.column}`
  );
  assert.deepEqual(shown, ["b.x 1:24 1:16", "a 2:2 1:2", "a 2:10 1:2", "b 2:37 1:10"]);
});

test("readJson takes time in proportion to the text", () => {
  const text = `{${Array.from({ length: 20_000 }, (_, index) => `"key${index}":\n"${"x".repeat(20)}"`).join(",\n")}}`;
  const { positions, mistake } = readJson(text);
  assert.equal(mistake, undefined);
  assert.deepEqual(positions.get("key19999")!.key, { line: 39_999, column: 1 });
});

for (const quote of ['"', "'", '"""', "'''"]) {
  test(`positionsOf finds what stands beside and behind a text of a million characters in ${quote}`, () => {
    const long = quote.length === 3 ? `${"x".repeat(500_000)}\n${"# [y]\n".repeat(5)}${"x".repeat(500_000)}` : "x".repeat(1_000_000);
    const text = `a = 1 # it's "open\nb = { c = ${quote}${long}${quote}, d = ${quote}${long}${quote}, e = 5 }\nf = 6\n`;
    const lineOf = (needle: string) => text.slice(0, text.indexOf(needle)).split("\n");
    const placeOf = (needle: string) => ({ line: lineOf(needle).length, column: lineOf(needle).at(-1)!.length + 1 });
    const positions = positionsOf("daemon.toml", text);
    for (const [path, needle] of [["b.c", "c = "], ["b.d", "d = "], ["b.e", "e = 5"], ["f", "f = 6"]]) {
      assert.deepEqual(positions.get(path)?.key, placeOf(needle), path);
    }
  });
}

test("positionsOf finds nothing, and does not fail, where a text has more lines than its parser takes", () => {
  assert.deepEqual([...positionsOf("daemon.toml", `a = """${"\n".repeat(1_000_000)}"""\nb = 1\n`)], []);
});
