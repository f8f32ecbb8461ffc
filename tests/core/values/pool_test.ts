import assert from "node:assert/strict";
import { BufferPool, ObjectPool } from "../../../src/core/values/pool.ts";
import fc from "../../property.ts";
import { test } from "../../harness.ts";

test("ObjectPool lends the object that was given back last, and gives a lease back once", () => {
  let made = 0;
  const pool = new ObjectPool({ create: () => ({ id: ++made }), max: 2, initial: 1 });
  const leases = [pool.lease(), pool.lease(), pool.lease()];
  assert.deepEqual(leases.map(({ value }) => value.id), [1, 2, 3]);
  for (const lease of [...leases, ...leases]) lease[Symbol.dispose]();
  assert.deepEqual(pool.stats(), { idle: 2, inUse: 0, reused: 1, created: 3, dropped: 1 });
  assert.equal(pool.lease().value.id, 2);
  pool.clear();
  assert.equal(pool.lease().value.id, 4);
});

test("ObjectPool drops what can't be cleaned", () => {
  const pool = new ObjectPool({
    create: () => ({}),
    reset: () => {
      throw new Error("broken");
    },
  });
  pool.lease()[Symbol.dispose]();
  assert.deepEqual(pool.stats(), { idle: 0, inUse: 0, reused: 0, created: 1, dropped: 1 });
});

test("BufferPool never lends one buffer twice, nor holds more bytes than it may", () => {
  const step = fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.constant("return" as const));
  fc.assert(fc.property(fc.array(step), (steps) => {
    const pool = new BufferPool({ maxBytes: 8_192, minBytes: 64 });
    const out: ReturnType<BufferPool["lease"]>[] = [];
    for (const each of steps) {
      if (each === "return") out.shift()?.[Symbol.dispose]();
      else {
        const lease = pool.lease(each);
        assert.ok(lease.value.length >= each && lease.value.length <= Math.max(64, each * 2));
        assert.ok(out.every(({ value }) => value !== lease.value));
        out.push(lease);
      }
      const { idle, inUse, idleBytes, created, dropped } = pool.stats();
      assert.ok(idleBytes <= 8_192);
      assert.equal(inUse, out.length);
      assert.equal(idle + inUse, created - dropped);
    }
  }));
});

test("BufferPool drops a buffer whose bytes went to another thread", () => {
  const pool = new BufferPool();
  const lease = pool.lease(10);
  structuredClone(lease.value, { transfer: [lease.value.buffer] });
  lease[Symbol.dispose]();
  assert.equal(pool.stats().dropped, 1);
  assert.equal(pool.lease(10).value.length, 1_024);
});

test("pools refuse wrong options", () => {
  const rows: [() => unknown, RegExp][] = [
    [() => new ObjectPool({} as never), /"create" must be a function/],
    [() => new ObjectPool({ create: () => 1, max: -1 }), /"max" must be an integer >= 0: current value is -1/],
    [() => new ObjectPool({ create: () => 1, max: 1, initial: 2 }), /"initial" must be an integer from 0 to 1: current value is 2/],
    [() => new BufferPool({ maxBytes: NaN }), /"maxBytes" must be/],
    [() => new BufferPool({ size: 1 } as never), /"size" is no option/],
    [() => new BufferPool().lease(-1), /Cannot lend a buffer as "bytes" must be/],
  ];
  for (const [make, message] of rows) assert.throws(make, message);
});
