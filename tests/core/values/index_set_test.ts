import assert from "node:assert/strict";
import fc from "../../property.ts";
import { IndexSet } from "../../../src/core/values/index_set.ts";
import { test } from "../../harness.ts";

test("IndexSet knows its lowest and highest, whatever comes and goes", () => {
  const index = fc.oneof(fc.nat(100), fc.nat(2 ** 20));
  fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), index)), (steps) => {
    const set = new IndexSet();
    const model = new Set<number>();
    for (const [isAdded, at] of steps) {
      if (isAdded) set.add(at);
      else set.delete(at);
      if (isAdded) model.add(at);
      else model.delete(at);
      assert.equal(set.lowest, Math.min(...model));
      assert.equal(set.highest, Math.max(-1, ...model));
    }
    set.clear();
    assert.deepEqual([set.lowest, set.highest], [Infinity, -1]);
  }));
});
