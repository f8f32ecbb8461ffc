import assert from "node:assert/strict";
import { endingWith, Turns } from "../../src/platform/streams.ts";
import { test } from "../harness.ts";

const bytes = new Uint8Array([1]);

/** A source under the control of a test, and how often it was let go of. */
function held() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const cancelled: unknown[] = [];
  const source = new ReadableStream<Uint8Array>({
    start: (given) => void (controller = given),
    cancel: (reason) => void cancelled.push(reason),
  });
  const state = { releases: 0, cancelled };
  return { controller, state, stream: endingWith(source, () => void state.releases++) };
}

test("endingWith: lets go once at the end, at a failure, and when it is cancelled, even while a read is pending", async () => {
  {
    const { controller, state, stream } = held();
    controller.enqueue(bytes);
    controller.close();
    assert.equal((await new Response(stream).bytes()).length, 1);
    assert.deepEqual(state, { releases: 1, cancelled: [] });
  }
  {
    const { controller, state, stream } = held();
    controller.error("broken");
    await assert.rejects(stream.getReader().read(), (reason) => reason === "broken");
    assert.deepEqual(state, { releases: 1, cancelled: [] });
  }
  for (const reads of [0, 1]) {
    const { state, stream } = held();
    const reader = stream.getReader();
    const pending = Array.from({ length: reads }, () => reader.read());
    await Promise.resolve();
    await reader.cancel("enough");
    for (const each of pending) assert.ok((await each).done);
    await reader.closed;
    assert.deepEqual(state, { releases: 1, cancelled: ["enough"] });
  }
});

/** Most pieces that are read while a timer waits for its turn. */
const MANY_PIECES = 10_000;

test("Turns: a timer has its turn while streams never run dry, every piece comes through, and a cancellation reaches the source", async () => {
  const turns = new Turns();
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
