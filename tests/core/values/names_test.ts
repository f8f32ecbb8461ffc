import assert from "node:assert/strict";
import fc from "../../property.ts";
import { groupKey, nameKey, nameProblem, nearest } from "../../../src/core/values/names.ts";
import { test } from "../../harness.ts";

test("nameProblem accepts letters, digits, underscores and hyphens, 63 at most", () => {
  for (const name of ["a", "A", "7", "api", "api-2", "API_v2", "a-", "a_", "x".repeat(63), "alldaemon", "daemons"]) {
    assert.equal(nameProblem(name), undefined, name);
  }
});

test("nameProblem refuses what would hurt in paths, patterns and commands, and shows it", () => {
  const names = ["", " ", "-a", "_a", "a b", "a/b", "a.b", "a:b", "a@1", "a*", "a?", "é", "a\n", "../x", "x".repeat(64), "a\0"];
  for (const name of names) {
    assert.ok(nameProblem(name)?.endsWith(JSON.stringify(name)), name);
  }
  for (const name of ["all", "daemon", "ALL", "Daemon"]) assert.match(nameProblem(name)!, /reserved/);
  for (const value of [undefined, null, 7, {}]) assert.ok(nameProblem(value as unknown as string) !== undefined);
});

test("nameKey is the same for names that differ in case only", () => {
  assert.equal(nameKey("API"), nameKey("api"));
  assert.notEqual(nameKey("api"), nameKey("api2"));
});

test("nearest finds what was meant", () => {
  const keys = ["command", "cwd", "environment", "port", "after", "restart"];
  const rows: [string, string | undefined][] = [
    ["commnad", "command"],
    ["comand", "command"],
    ["COMMAND", "command"],
    ["enviroment", "environment"],
    ["prot", "port"],
    ["restarts", "restart"],
    ["colour", undefined],
    ["x", undefined],
    ["", undefined],
  ];
  for (const [word, meant] of rows) assert.equal(nearest(word, keys), meant, word);
  assert.equal(nearest("anything", []), undefined);
});

test("nearest takes the nearest, and the first of equals", () => {
  assert.equal(nearest("worker", ["workers2", "workers", "worked"]), "workers");
  assert.equal(nearest("abc", ["abx", "aby"]), "abx");
});

test("nearest finds a word again after any one edit of a word of three letters or more", () => {
  const word = fc.string({ unit: fc.constantFrom(..."abcdefgh"), minLength: 3, maxLength: 12 });
  fc.assert(fc.property(word, fc.nat(), fc.constantFrom("drop", "double", "change", "swap"), (text, at, edit) => {
    const index = at % text.length;
    const [before, letter, after] = [text.slice(0, index), text[index], text.slice(index + 1)];
    const edited = {
      drop: before + after,
      double: before + letter + letter + after,
      change: before + "z" + after,
      swap: before + after.slice(0, 1) + letter + after.slice(1),
    }[edit];
    assert.equal(nearest(edited, [text]), text);
  }));
});

test("nearest passes over what is far too long to be meant", () => {
  const candidates = Array.from({ length: 1_000 }, (_, index) => `service-with-a-long-name-${index}`);
  // To compare these letter by letter would take hours.
  assert.equal(nearest("x".repeat(1_000_000), candidates), undefined);
  assert.equal(nearest("servcie-with-a-long-name-7", candidates), "service-with-a-long-name-7");
});

test("groupKey: an instance counts under the name of its service, without case", () => {
  assert.deepEqual(["Api@12", "api", "DB"].map(groupKey), ["api", "api", "db"]);
});
