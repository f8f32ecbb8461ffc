import assert from "node:assert/strict";
import { endingWith } from "../../src/platform/streams.ts";
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
