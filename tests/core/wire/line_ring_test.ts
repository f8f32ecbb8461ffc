import assert from "node:assert/strict";
import fc from "../../property.ts";
import type { NumberedBlock } from "../../../src/core/wire/line_block.ts";
import { LineRing } from "../../../src/core/wire/line_ring.ts";
import { test } from "../../harness.ts";

const block = (seq: number, ...texts: string[]): NumberedBlock => ({
  seq,
  time: "2026-01-01T00:00:00.000Z",
  name: "api",
  stream: "stdout",
  text: texts.join("\n"),
  count: texts.length,
});

test("LineRing: limits that are no positive integers are refused", () => {
  for (const bad of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => new LineRing({ maxLines: bad }), RangeError);
    assert.throws(() => new LineRing({ maxBytes: bad }), RangeError);
  }
});

test("LineRing: gives what an array of lines gives, and keeps no block that is not needed for that", () => {
  const blocks = fc.array(fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 5 }), { maxLength: 60 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 300 }), blocks, (maxLines, maxBytes, given) => {
    const ring = new LineRing({ maxLines, maxBytes });
    let model: NumberedBlock[] = [];
    let seq = 0;
    for (const lengths of given) {
      const next = block(seq + 1, ...lengths.map((length, index) => `${seq + 1 + index}`.padEnd(length, "x")));
      seq += next.count;
      ring.push(next);
      model.push(next);
      const lines = (from: number) => model.slice(from).reduce((sum, { count }) => sum + count, 0);
      while (model.length > 1 && (lines(1) >= maxLines || model.reduce((sum, { text }) => sum + text.length * 2, 0) > maxBytes)) {
        model = model.slice(1);
      }
      const texts = model.flatMap(({ text }) => text.split("\n")).slice(-maxLines);
      assert.deepEqual(ring.last(Infinity).map(({ text }) => text), texts);
      assert.deepEqual(ring.last(Infinity).map((line) => line.seq), texts.map((_, index) => seq - texts.length + 1 + index));
    }
  }));
});

test("LineRing: a great many blocks go through a little memory", () => {
  const ring = new LineRing({ maxLines: 10 });
  for (let seq = 1; seq <= 100_000; seq++) ring.push(block(seq, `line ${seq}`));
  assert.deepEqual(ring.last(2).map(({ text }) => text), ["line 99999", "line 100000"]);
});

test("LineRing.last: the newest lines, oldest first", () => {
  const ring = new LineRing({ maxLines: 3 });
  ring.push(block(1, "1", "2"));
  ring.push(block(3, "3", "4"));
  ring.push(block(5, "5"));
  const seqs = (limit: number) => ring.last(limit).map(({ seq }) => seq);
  assert.deepEqual([seqs(2), seqs(3), seqs(9), seqs(0), seqs(-1)], [[4, 5], [3, 4, 5], [3, 4, 5], [], []]);
});
