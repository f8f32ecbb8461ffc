import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "../harness.ts";
import { type Case, CASES } from "./cases.ts";

/** Numbers have gaps on purpose. */
const OWED: Record<Case["suite"], readonly number[]> = {
  library: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24, 25, 27, 28, 29, 30, 31, 32, 33],
  runner: [
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    11,
    13,
    14,
    15,
    17,
    18,
    19,
    20,
    22,
    23,
    25,
    26,
    27,
    29,
    30,
    31,
    34,
    35,
    36,
    39,
    40,
    42,
    43,
    46,
    47,
    48,
    49,
    50,
    51,
    53,
    54,
    55,
    56,
    57,
    59,
    60,
    61,
    62,
    64,
    65,
    78,
    79,
    81,
    82,
  ],
};

test("CASES lists every case that is owed, once", () => {
  for (const suite of ["library", "runner"] as const) {
    assert.deepEqual(CASES.filter((each) => each.suite === suite).map(({ number }) => number), OWED[suite]);
  }
});

test("CASES: each has tests that exist by that name, or a reason why it has none", () => {
  const missing: string[] = [];
  const texts = new Map<string, string>();
  for (const { suite, number, tests = [], reason } of CASES) {
    assert.notEqual(tests.length > 0, reason !== undefined, `${suite} ${number}`);
    for (const [file, name] of tests) {
      if (!texts.has(file)) texts.set(file, readFileSync(new URL(`../${file}`, import.meta.url), "utf8"));
      // A call with a long name goes on in the next line.
      const isThere = texts.get(file)!.split(JSON.stringify(name)).slice(0, -1).some((before) =>
        /\b(?:test|e2e|e2eOnce)\(\s*$/.test(before)
      );
      if (!isThere) missing.push(`${suite} ${number}: tests/${file} has no test named ${JSON.stringify(name)}`);
    }
  }
  assert.deepEqual(missing, []);
});
