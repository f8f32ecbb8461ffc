import assert from "node:assert/strict";
import fc from "../property.ts";
import { test } from "../harness.ts";
import { diff, formatPath, isSame, merge, parsePath, type Path, removeAt, setAt, type Tree, valueAt } from "../../src/schema/tree.ts";

const treeOf = fc.letrec((tie) => ({
  tree: fc.dictionary(fc.constantFrom("a", "b", "c", "d"), tie("value"), { noNullPrototype: true }),
  value: fc.oneof({ depthSize: "small" }, fc.integer(), fc.string(), fc.array(fc.integer()), tie("tree")),
})).tree as fc.Arbitrary<Tree>;

test("merge lays tables over one another and replaces everything else", () => {
  const base = { a: { x: 1, y: 2 }, list: [1, 2, 3], run: "old" };
  assert.deepEqual(merge(base, { a: { y: 3 }, list: [9], run: ["new"] }), { a: { x: 1, y: 3 }, list: [9], run: ["new"] });
  assert.deepEqual(base, { a: { x: 1, y: 2 }, list: [1, 2, 3], run: "old" });
  assert.deepEqual(merge({ a: 1 }, { a: { b: 2 } }), { a: { b: 2 } });
});

test("merge with an empty tree, and of a tree with itself, changes nothing", () => {
  fc.assert(fc.property(treeOf, (tree) => {
    assert.deepEqual(merge(tree, {}), tree);
    assert.deepEqual(merge({}, tree), tree);
    assert.deepEqual(merge(tree, tree), tree);
  }));
});

test("diff is empty exactly for the same trees", () => {
  fc.assert(fc.property(treeOf, treeOf, (a, b) => {
    assert.deepEqual(diff(a, structuredClone(a)), []);
    if (diff(a, b).length === 0) assert.ok(isSame(withoutEmptyTables(a), withoutEmptyTables(b)));
  }));
});

test("diff names what came, went and changed", () => {
  const before = { a: 1, t: { x: 1, y: [1] }, gone: { z: 1 }, was: { table: 1 } };
  const after = { a: 1, t: { x: 2, y: [1] }, fresh: {}, was: 5 };
  assert.deepEqual(diff(before, after).map(({ path, kind }) => `${kind} ${formatPath(path)}`), [
    "changed t.x",
    "removed gone.z",
    "added was",
    "removed was.table",
    "added fresh",
  ]);
});

test("parsePath reads what formatPath writes", () => {
  const key = fc.oneof(fc.string({ minLength: 1 }), fc.nat({ max: 99 }));
  fc.assert(fc.property(fc.string({ minLength: 1 }), fc.array(key), (first, rest) => {
    const path: Path = [first, ...rest];
    assert.deepEqual(parsePath(formatPath(path)), path);
  }));
});

test("parsePath refuses what is no path", () => {
  for (const text of ["", ".", ".a", "a.", "a..b", "a b", 'a"b"', "a[x]"]) assert.equal(parsePath(text), undefined, text);
});

test("setAt and removeAt: a value comes and goes with its whole list", () => {
  const tree: Tree = {};
  setAt(tree, ["a", "b", "c"], 1);
  setAt(tree, ["a", "list"], [1, 2]);
  assert.equal(valueAt(tree, ["a", "b", "c"]), 1);
  assert.equal(valueAt(tree, ["a", "list", 1]), 2);
  removeAt(tree, ["a", "list", 1]);
  removeAt(tree, ["a", "b", "c"]);
  assert.deepEqual(tree, { a: { b: {} } });
  assert.equal(valueAt(tree, ["constructor"]), undefined);
});

function withoutEmptyTables(tree: Tree): Tree {
  const kept: Tree = {};
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) kept[key] = value;
    else {
      const inner = withoutEmptyTables(value as Tree);
      if (Object.keys(inner).length > 0) kept[key] = inner;
    }
  }
  return kept;
}
