import assert from "node:assert/strict";
import fc from "../../property.ts";
import { afterProblems, parseAfter } from "../../../src/core/supervise/after.ts";
import { test } from "../../harness.ts";

/** Units from "a:b,c" as "a comes after b and c". */
const graph = (...units: string[]) =>
  units.map((text) => {
    const [name, after] = text.split("<");
    return { name, after: after ? after.split(",") : [] };
  });

test("parseAfter takes a name and a condition apart", () => {
  for (const condition of ["started", "ready", "exited-ok"] as const) {
    assert.deepEqual(parseAfter(`db:${condition}`), { name: "db", condition });
  }
  assert.deepEqual(parseAfter("db"), { name: "db", condition: "ready" });
});

test("parseAfter refuses any other condition, and shows what was written", () => {
  for (const entry of ["db:", "db:up", "db:Ready", "db:ready ", "db:ready:ready", ":x", "db::ready"]) {
    assert.throws(() => parseAfter(entry), (error) => error instanceof RangeError && error.message.includes(JSON.stringify(entry)), entry);
  }
});

test("afterProblems finds nothing wrong in chains, diamonds and pairs of conditions", () => {
  for (
    const units of [graph(), graph("a"), graph("a<b,c", "b<d", "c<d", "d"), graph("a<b:started,b:ready", "b"), graph("c<b", "b<a", "a")]
  ) {
    assert.deepEqual(afterProblems(units), []);
  }
});

test("afterProblems refuses to wait for the completion of what is always restarted, and only that", () => {
  const units = (
    restart: "always" | "on-failure" | undefined,
    after: string,
  ) => [{ name: "db", after: [], restart }, { name: "a", after: [after] }];
  const [problem, ...others] = afterProblems(units("always", "db:exited-ok"));
  assert.deepEqual([problem.name, problem.index, others], ["a", 0, []]);
  assert.match(problem.message, /must not wait until db has completed, as it is always restarted: current value is "db:exited-ok"$/);
  assert.equal(problem.hint, 'write restart = "on-failure" for db, or "db" in place of "db:exited-ok"');
  for (
    const [restart, after] of [["always", "db"], ["always", "db:started"], ["on-failure", "db:exited-ok"], [
      undefined,
      "db:exited-ok",
    ]] as const
  ) {
    assert.deepEqual(afterProblems(units(restart, after)), []);
  }
});

test("afterProblems names each entry that names nobody, and who was meant", () => {
  const [first, second] = afterProblems(graph("a<b,datbase:ready", "b<x", "database"));
  assert.deepEqual([first.name, first.index, second.name, second.index], ["a", 1, "b", 0]);
  assert.match(first.message, /current value is "datbase:ready" \(did you mean "database"\?\)$/);
  assert.match(second.message, /current value is "x"$/);
});

test("afterProblems shows circles as the way around, each once, at the entry that begins it", () => {
  const rows: [string[], [string, number, RegExp][]][] = [
    [["a<a"], [["a", 0, /a → a$/]]],
    [["a<b", "b<a"], [["a", 0, /path is a → b → a$/]]],
    [["x<a", "a<y,b", "b<c", "c<a:started", "y"], [["a", 1, /path is a → b → c → a$/]]],
    [["a<a", "b<b"], [["a", 0, /a → a$/], ["b", 0, /b → b$/]]],
    [["a<b,c", "b<a", "c<a"], [["a", 0, /a → b → a$/], ["a", 1, /a → c → a$/]]],
  ];
  for (const [units, expected] of rows) {
    const problems = afterProblems(graph(...units));
    assert.deepEqual(problems.map(({ name, index }) => [name, index]), expected.map(([name, index]) => [name, index]), units.join(" "));
    for (const [index, [, , message]] of expected.entries()) assert.match(problems[index].message, message);
  }
});

test("afterProblems finds a circle exactly when there is one", () => {
  const edges = fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 20 });
  fc.assert(fc.property(edges, (pairs) => {
    const units = Array.from({ length: 8 }, (_, index) => ({
      name: `u${index}`,
      after: pairs.filter(([from]) => from === index).map(([, to]) => `u${to}`),
    }));
    // The units that are left when those that come after nobody left are taken away, again and again.
    let left = units;
    for (let before = -1; before !== left.length;) {
      before = left.length;
      left = left.filter(({ after }) => after.some((name) => left.some((unit) => unit.name === name)));
    }
    assert.equal(afterProblems(units).length > 0, left.length > 0);
  }));
});

test("afterProblems goes through a chain of thousands, in time that grows with it and without a deep stack", () => {
  const chain = Array.from({ length: 20_000 }, (_, index) => ({ name: `s${index}`, after: index === 0 ? [] : [`s${index - 1}`] }))
    .reverse();
  assert.deepEqual(afterProblems(chain), []);
  const problems = afterProblems(chain.map((unit) => unit.name === "s0" ? { ...unit, after: ["s19999"] } : unit));
  assert.equal(problems.length, 1);
});

test("afterProblems never suggests the unit itself", () => {
  assert.doesNotMatch(afterProblems([{ name: "web", after: ["wed"] }, { name: "x", after: [] }])[0].message, /did you mean/);
});
