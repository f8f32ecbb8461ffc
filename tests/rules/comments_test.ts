import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { ROOT } from "../tools/runtimes.ts";
import { sourcesOf } from "./circles.ts";

/** Comments that begin with a clause in place of a subject: a newcomer has to read them twice. */
const RIDDLE = /(?:\/\*\*|\/\/|^\s*\*) (?:What|Whatever|Who|Whoever|Whom)\b/;

/** Lines whose comment begins with such a clause. */
function riddlesIn(sources: ReadonlyMap<string, string>): string[] {
  return [...sources].flatMap(([path, text]) =>
    text.split("\n").flatMap((line, index) => RIDDLE.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])
  );
}

const CASES: [code: string, isRiddle: boolean][] = [
  ["/** What a unit asks of its supervisor. */", true],
  ["  // Who was overtaken says so.", true],
  [" * Whatever is left goes.", true],
  ["/** The questions of a unit to its supervisor. */", false],
  ["  // A command that was overtaken says what it was.", false],
  ["const what = 1; // Whatsoever", false],
];

for (const [code, isRiddle] of CASES) {
  test(`comments: ${code.trim()}`, () => assert.equal(riddlesIn(new Map([["a.ts", code]])).length > 0, isRiddle));
}

for (const folder of ["src", "bench", "examples", "tests"]) {
  test(`comments of ${folder} begin with their subject: say who or what does it, then what it does`, () => {
    const sources = new Map(sourcesOf(ROOT, folder));
    // Its cases are such comments.
    sources.delete("tests/rules/comments_test.ts");
    assert.deepEqual(riddlesIn(sources), []);
  });
}
