import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { sourcesOf } from "../rules/circles.ts";
import { ROOT } from "../tools/runtimes.ts";

/** Numbers of the cases that hold, by suite: `library` is supervision, shutdown and signals; `runner` the executable and its services. */
const OWED: Readonly<Record<string, string>> = {
  library: "1 2 3 4 5 6 7 8 9 10 13 14 15 17 18 19 20 21 23 24 25 27 28 29 30 31 32 33",
  runner:
    "1 2 3 4 5 7 8 9 11 13 14 15 17 18 19 20 22 23 25 26 27 29 30 31 34 35 36 39 40 42 43 46 47 48 49 50 51 53 54 55 56 57 59 60 61 62 64 65 78 79 81 82",
};

/** A comment above a test that names the case that it shows. */
const NAMED = /^\s*\/\/ Acceptance (library|runner) (\d+): (.+)\.$/;
const CALL = /^\s*(?:test|e2e|e2eOnce)\(/;

/** Cases that tests name, with their titles, and comments that stand above no test. */
function namedIn(sources: ReadonlyMap<string, string>): { titles: Map<string, Set<string>>; strays: string[] } {
  const titles = new Map<string, Set<string>>();
  const strays: string[] = [];
  for (const [path, text] of sources) {
    const lines = text.split("\n");
    lines.forEach((line, index) => {
      const [, suite, number, title] = NAMED.exec(line) ?? [];
      if (suite === undefined) return;
      const key = `${suite} ${number}`;
      titles.set(key, (titles.get(key) ?? new Set()).add(title));
      const next = lines.slice(index + 1).find((each) => !NAMED.test(each)) ?? "";
      if (!CALL.test(next)) strays.push(`${path}:${index + 1}: ${line.trim()}`);
    });
  }
  return { titles, strays };
}

test("acceptance: a case is named by the comment above a test", () => {
  const text =
    "// Acceptance runner 7: it stops.\n// Acceptance runner 8: at once.\ntest(\n// Acceptance library 1: nothing.\nconst a = 1;\n";
  const { titles, strays } = namedIn(new Map([["a_test.ts", text]]));
  assert.deepEqual([...titles.keys()], ["runner 7", "runner 8", "library 1"]);
  assert.deepEqual(strays, ["a_test.ts:4: // Acceptance library 1: nothing."]);
});

test("acceptance: tests name every case that is owed, and each by one title", () => {
  const { titles, strays } = namedIn(sourcesOf(ROOT, "tests"));
  const owed = Object.entries(OWED).flatMap(([suite, numbers]) => numbers.split(" ").map((number) => `${suite} ${number}`));
  assert.deepEqual([...titles.keys()].sort(), owed.sort());
  assert.deepEqual(strays, []);
  assert.deepEqual([...titles].filter(([, each]) => each.size > 1).map(([key]) => key), []);
});
