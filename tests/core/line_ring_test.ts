import assert from "node:assert/strict";
import fc from "fast-check";
import { LineRing } from "../../src/core/line_ring.ts";
import type { LogLine } from "../../src/core/operations.ts";
import { test } from "../harness.ts";

const line = (seq: number, text = `line ${seq}`): LogLine => ({
  seq,
  time: "2026-01-01T00:00:00.000Z",
  name: "api",
  stream: "stdout",
  text,
});

test("LineRing: limits that are no positive integers are refused", () => {
  for (const bad of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => new LineRing({ maxLines: bad }), RangeError);
    assert.throws(() => new LineRing({ maxBytes: bad }), RangeError);
  }
});

test("LineRing: keeps what an array that is cut at both limits keeps", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 60 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 100 }), sizes, (maxLines, maxBytes, lengths) => {
    const ring = new LineRing({ maxLines, maxBytes });
    let model: LogLine[] = [];
    for (const [seq, length] of lengths.entries()) {
      const next = line(seq, "x".repeat(length));
      ring.push(next);
      model.push(next);
      while (model.length > 1 && (model.length > maxLines || model.reduce((sum, { text }) => sum + text.length * 2, 0) > maxBytes)) {
        model = model.slice(1);
      }
      assert.deepEqual(ring.last(Infinity), model);
      assert.equal(ring.size, model.length);
      assert.equal(ring.dropped, seq + 1 - model.length);
    }
  }));
});

test("LineRing.last: the newest lines, oldest first", () => {
  const ring = new LineRing({ maxLines: 3 });
  for (let seq = 1; seq <= 5; seq++) ring.push(line(seq));
  const seqs = (limit: number) => ring.last(limit).map(({ seq }) => seq);
  assert.deepEqual([seqs(2), seqs(3), seqs(9), seqs(0), seqs(-1)], [[4, 5], [3, 4, 5], [3, 4, 5], [], []]);
});
