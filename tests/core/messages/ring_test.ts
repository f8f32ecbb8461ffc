import assert from "node:assert/strict";
import fc from "../../property.ts";
import { Deque } from "../../../src/core/messages/deque.ts";
import { Ring } from "../../../src/core/messages/ring.ts";
import { test } from "../../harness.ts";

test("Ring: a capacity that is no power of two is refused", () => {
  for (const bad of [0, -2, 3, 6, 1_000, 1.5, NaN, Infinity, 2 ** 31, 2 ** 32]) assert.throws(() => new Ring(bad), RangeError, String(bad));
  for (const good of [1, 2, 4_096]) assert.equal(new Ring(good).capacity, good);
});

test("Ring: keeps the newest values at their positions", () => {
  fc.assert(fc.property(fc.constantFrom(1, 2, 8), fc.integer({ min: 0, max: 40 }), (capacity, count) => {
    const ring = new Ring<string>(capacity);
    for (let index = 0; index < count; index++) ring.push(`value ${index}`, index * 10);
    assert.deepEqual([ring.head, ring.oldest], [count, Math.max(0, count - capacity)]);
    for (let position = ring.oldest; position < ring.head; position++) {
      assert.deepEqual([ring.at(position), ring.seqAt(position)], [`value ${position}`, position * 10]);
    }
  }));
});

test("Deque: does what an array does", () => {
  fc.assert(fc.property(fc.array(fc.constantFrom("push", "push", "shift", "clear"), { maxLength: 200 }), (steps) => {
    const deque = new Deque<number>();
    const model: number[] = [];
    for (const [index, step] of steps.entries()) {
      if (step === "push") {
        deque.push(index);
        model.push(index);
      } else if (step === "clear" && index % 7 === 0) {
        deque.clear();
        model.length = 0;
      } else if (model.length > 0) {
        assert.equal(deque.shift(), model.shift());
      }
      assert.equal(deque.length, model.length);
    }
    while (model.length > 0) assert.equal(deque.shift(), model.shift());
  }));
});
