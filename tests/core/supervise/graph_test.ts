import assert from "node:assert/strict";
import { Grade, type Knot, link, regrade, unlink, withDependents, withNeeds } from "../../../src/core/supervise/graph.ts";
import { test } from "../../harness.ts";

class Point {
  knot: Knot<Point> | undefined;
  constructor(readonly name: string) {}
}

const names = (points: Iterable<Point>) => [...points].map(({ name }) => name);
const to = (point: Point, grade = Grade.Coming) => ({ to: point, condition: "ready" as const, grade });

test("regrade keeps the counts of a vertex those of its edges", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => new Point(name));
  link(c, [to(a), to(b, Grade.Down)]);
  const counts = ({ knot }: Point) => [knot!.unmet, knot!.late, knot!.down, knot!.barred];
  assert.deepEqual(counts(c), [2, 1, 1, 0]);
  const [first, second] = c.knot!.after;
  for (
    const [grade, wanted] of [
      [Grade.Met, [1, 1, 1, 0]],
      [Grade.Late, [2, 2, 1, 0]],
      [Grade.Going, [2, 1, 2, 0]],
      [Grade.Barred, [2, 2, 1, 1]],
      [Grade.Met, [1, 1, 1, 0]],
    ] as const
  ) {
    regrade(first, grade);
    assert.deepEqual(counts(c), wanted);
  }
  regrade(second, Grade.Met);
  assert.deepEqual(counts(c), [0, 0, 0, 0]);
});

test("withDependents and withNeeds go as far as edges lead, nearest first, each vertex once, without recursion", () => {
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => new Point(name));
  link(b, [to(a)]);
  link(c, [to(a)]);
  link(d, [to(b), to(c)]);
  assert.deepEqual(names(withDependents([a])), ["a", "b", "c", "d"]);
  assert.deepEqual(names(withDependents([a], (point) => point === a)), ["a", "b", "c"]);
  assert.deepEqual(names(withNeeds([d])), ["d", "b", "c", "a"]);
  unlink(d);
  assert.deepEqual(names(withDependents([a])), ["a", "b", "c"]);
  const chain = Array.from({ length: 100_000 }, (_, index) => new Point(String(index)));
  chain.forEach((point, index) => index > 0 && link(point, [to(chain[index - 1])]));
  assert.equal(withDependents([chain[0]]).size, chain.length);
  assert.equal(withNeeds([chain.at(-1)!]).size, chain.length);
});
