import assert from "node:assert/strict";
import type { Host } from "../../src/core/ports/host.ts";
import { test } from "../harness.ts";

/** Registers the tests that every real profiler has to pass. */
export function exerciseProfiler(name: string, makeHost: () => Promise<Host>): void {
  test(`${name}: a recording names the functions that took the time, and gives the same however often it is stopped`, async () => {
    const { profiler, clock } = await makeHost();
    const recording = await profiler.startCpu();
    await assert.rejects(profiler.startCpu(), { code: "PROFILING_FAILED" });
    (function burnsTime() {
      const endMs = clock.nowMs() + 100;
      while (clock.nowMs() < endMs);
    })();
    const [text, again] = await Promise.all([recording.stop(), recording.stop()]);
    assert.equal(again, text);
    const { nodes, samples, timeDeltas } = JSON.parse(text);
    const names = nodes.map(({ callFrame }: { callFrame: { functionName: string } }) => callFrame.functionName);
    assert.ok(names.includes("burnsTime"), names.join(" "));
    assert.equal(samples.length, timeDeltas.length);
    await (await profiler.startCpu()).stop();
  });

  test(`${name}: a picture of the heap comes in pieces, and may be broken off`, async () => {
    const { profiler } = await makeHost();
    assert.deepEqual(Object.keys(JSON.parse(await new Response(profiler.heap()).text())).slice(0, 3), ["snapshot", "nodes", "edges"]);
    const reader = profiler.heap().getReader();
    assert.equal((await reader.read()).done, false);
    await reader.cancel();
  });
}
