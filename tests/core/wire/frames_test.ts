import assert from "node:assert/strict";
import { IoError } from "../../../src/core/values/errors.ts";
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from "../../../src/core/wire/frames.ts";
import { test } from "../../harness.ts";

const isProtocolError = (error: unknown) => error instanceof IoError && error.code === "IPC_PROTOCOL";

/** Chance that is the same in every run. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

function joined(frames: Uint8Array[]): Uint8Array {
  return new Uint8Array(frames.flatMap((frame) => [...frame]));
}

test("FrameReader: whatever the stream is cut into, every value comes out once and in order", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const pick = chance(seed);
    const values = Array.from({ length: 1 + pick(8) }, () =>
      [
        null,
        true,
        pick(1_000),
        "",
        "grüße 🌍".repeat(pick(40)),
        { type: "log", fields: { list: [1, "2", { three: 3 }] } },
      ][pick(6)]);
    const bytes = joined(values.map((value) => encodeFrame(value)));
    const seen: unknown[] = [];
    const reader = new FrameReader((value) => void seen.push(value));
    for (let from = 0; from < bytes.length;) {
      const end = from + 1 + pick(seed % 3 === 0 ? 2 : 60);
      const piece = bytes.slice(from, end);
      reader.push(piece);
      // The bytes belong to the caller again.
      piece.fill(255);
      from = end;
    }
    assert.deepEqual(seen, values, `seed ${seed}`);
    assert.equal(reader.isPartial, false);
  }
});

test("FrameReader: a frame that is too long is refused by its head, before anything is kept of it", () => {
  for (const cuts of [[0], [0, 1, 2, 3]]) {
    const reader = new FrameReader(() => assert.fail("nothing is whole"), 10);
    const bytes = new Uint8Array([0, 0, 0, 11, 34]);
    assert.throws(() => cuts.forEach((from, index) => reader.push(bytes.subarray(from, cuts[index + 1] ?? bytes.length))), isProtocolError);
  }
  const seen: unknown[] = [];
  new FrameReader((value) => void seen.push(value), 10).push(encodeFrame("12345678", 10));
  assert.deepEqual(seen, ["12345678"]);
});

test("FrameReader: garbage is refused, and never more than an error comes of it", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const pick = chance(seed);
    const bytes = Uint8Array.from({ length: 1 + pick(64) }, () => pick(256));
    // Half of them with a length that fits, so that the body is what is wrong.
    if (seed % 2 === 0) bytes.set([0, 0, 0, Math.max(0, bytes.length - 4)].slice(0, bytes.length));
    const reader = new FrameReader(() => {}, 1_000);
    try {
      reader.push(bytes);
    } catch (error) {
      assert.ok(isProtocolError(error), `seed ${seed}: ${error}`);
    }
  }
  for (const body of [[], [123], [0xff], [34, 0xc3, 34]]) {
    const reader = new FrameReader(() => assert.fail("it is no JSON"));
    assert.throws(() => reader.push(new Uint8Array([0, 0, 0, body.length, ...body])), isProtocolError, String(body));
  }
});

test("FrameReader: values before the mistake have come out", () => {
  const seen: unknown[] = [];
  const reader = new FrameReader((value) => void seen.push(value));
  assert.throws(() => reader.push(joined([encodeFrame(1), encodeFrame(2), new Uint8Array([255, 255, 255, 255])])), isProtocolError);
  assert.deepEqual(seen, [1, 2]);
});

test("encodeFrame: what nobody could read is not written", () => {
  for (const value of [undefined, () => {}, "x".repeat(MAX_FRAME_BYTES)]) assert.throws(() => encodeFrame(value), isProtocolError);
});
