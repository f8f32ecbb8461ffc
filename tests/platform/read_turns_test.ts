import assert from "node:assert/strict";
import { ReadTurns } from "../../src/platform/read_turns.ts";
import { test } from "../harness.ts";

/** Most pieces that are read while a timer waits for its turn. */
const MANY_PIECES = 10_000;

test("ReadTurns: a timer has its turn while streams never run dry, every piece comes through, and a cancellation reaches the source", async () => {
  const turns = new ReadTurns();
  const piece = new Uint8Array(65_536);
  const cancelled: unknown[] = [];
  const endless = () =>
    turns.of(new ReadableStream({ pull: (controller) => controller.enqueue(piece), cancel: (why) => void cancelled.push(why) }));
  let isFired = false;
  setTimeout(() => isFired = true, 0);
  const readers = [endless().getReader(), endless().getReader()];
  for (let read = 0; !isFired; read++) {
    assert.ok(read < MANY_PIECES, "no timer had its turn");
    for (const { done, value } of await Promise.all(readers.map((reader) => reader.read()))) assert.ok(!done && value === piece);
  }
  // While they wait for their turn, and before.
  const pending = readers[0].read();
  await Promise.all(readers.map((reader, index) => reader.cancel(index)));
  assert.ok((await pending).done);
  assert.deepEqual(cancelled, [0, 1]);

  const few = turns.of(new Blob(["one", "two"]).stream());
  assert.equal(await new Response(few).text(), "onetwo");
  const broken = turns.of(new ReadableStream({ start: (controller) => controller.error("broken") }));
  await assert.rejects(broken.getReader().read(), (reason) => reason === "broken");
});
