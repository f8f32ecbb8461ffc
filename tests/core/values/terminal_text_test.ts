import assert from "node:assert/strict";
import { harmlessJson, paint, plain, tame } from "../../../src/core/values/terminal_text.ts";
import { test } from "../../harness.ts";

const ESC = "\x1b";

test("tame lets colours through and ends them with the line", () => {
  assert.equal(tame("nothing"), "nothing");
  assert.equal(tame(`${paint("red", 31)} ${ESC}[1mbold\nnext`), `${paint("red", 31)} ${ESC}[1mbold${ESC}[0m\nnext`);
});

test("tame and plain let nothing else reach the terminal, however it is written or put together", () => {
  const rows: [text: string, shown: string][] = [
    [`a${ESC}[2Jb`, "ab"],
    [`a${ESC}]0;title\x07b`, "ab"],
    [`a${ESC}]8;;http://x${ESC}\\b`, "ab"],
    [`a${ESC}cb`, "ab"],
    [`a${ESC}7b${ESC}8c`, "abc"],
    [`a${ESC}(0b${ESC}#8c`, "abc"],
    [`a${ESC}=b${ESC}>c`, "abc"],
    [`a${ESC}`, "a"],
    [`a${ESC}[12`, "a12"],
    [`a${ESC}\x01[2Jb`, "a[2Jb"],
    [`a${ESC}[2\x00Jb`, "a2Jb"],
    [`a${ESC}${ESC}[2Jb`, "ab"],
    [`a${ESC}[${ESC}[2J2Jb`, "a2Jb"],
    ["a\x9b2Jb\x07\x08", "ab"],
    ["a\x9b2", "a2"],
    [`a${ESC}Pq#0${ESC}\\b${ESC}_Gi=1;AA==${ESC}\\c`, "abc"],
    [`a${ESC}\b[2Jb`, "[2Jb"],
    ["\ufeffa", "a"],
    ["a\u202ecod.exe\u202c\u2066b\u2069\u200e\u200f\u061c", "acod.exeb"],
  ];
  for (const [text, shown] of rows) {
    assert.equal(tame(text).replace(`${ESC}[0m`, ""), shown, JSON.stringify(text));
    assert.ok(!plain(text).includes(ESC), JSON.stringify(text));
  }
});

test("tame shows the last state of a line that was written over", () => {
  assert.equal(tame("10 %\r50 %\r100 %\r\ndone\r"), "100 %\ndone");
  assert.equal(tame("|\b/\b-\b"), "-");
  assert.equal(tame("10%\b\b\b\b\bready\nb\bo\bbo\bol\bld\bd"), "ready\nbold");
});

test("harmlessJson escapes what a terminal or a reader would heed, and stays the same JSON", () => {
  const value = { name: "a\x9b2J\u202eb", "\u2066key": "\u061c" };
  const json = harmlessJson(JSON.stringify(value));
  assert.match(json, /^[\x20-\x7e]*$/);
  assert.deepEqual(JSON.parse(json), value);
});
