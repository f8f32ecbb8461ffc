import assert from "node:assert/strict";
import { controlHandler } from "../../src/control/mod.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import { FakeClock, FakeProfiler } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { FakeOperations } from "./fake_operations.ts";

function fixture() {
  const clock = new FakeClock();
  const profiler = new FakeProfiler();
  const handler = controlHandler({
    operations: new FakeOperations([]),
    version: "0.1.0",
    protocol: 1,
    log: silentLogger,
    clock,
    profiler,
  });
  const post = async (path: string) => await handler(new Request(`http://localhost/v1/profile/${path}`, { method: "POST" }));
  return { clock, profiler, handler, post };
}

test("POST /v1/profile/cpu records for as many seconds as asked, and 10 when nobody says", async () => {
  for (const [path, seconds] of [["cpu", 10], ["cpu?seconds=300", 300]] as const) {
    const { clock, profiler, post } = fixture();
    const response = await post(path);
    let isDone = false;
    const text = response.text().then((text) => {
      isDone = true;
      return text;
    });
    await clock.advance(seconds * 1_000 - 1);
    assert.deepEqual([profiler.recordings, isDone], [1, false]);
    await clock.advance(1);
    assert.equal(await text, '{"nodes":[]}');
    assert.equal(response.headers.get("content-disposition"), 'attachment; filename="daemon.cpuprofile"');
    assert.deepEqual([profiler.recordings, clock.pendingTimers], [0, 0]);
  }
});

test("POST /v1/profile/cpu refuses other times than 1 to 300 seconds", async () => {
  const { profiler, post } = fixture();
  for (const seconds of ["0", "301", "-1", "1.5", "many", ""]) {
    const response = await post(`cpu?seconds=${seconds}`);
    assert.equal(response.status, 400, seconds);
    assert.match((await response.json()).detail, /"seconds" must be a whole number from 1 to 300: current value is/);
  }
  assert.equal(profiler.recordings, 0);
});

test("POST /v1/profile/heap streams the pieces as they come", async () => {
  const { post } = fixture();
  const response = await post("heap");
  assert.equal(await response.text(), '{"snapshot":{}}');
  assert.equal(response.headers.get("content-disposition"), 'attachment; filename="daemon.heapsnapshot"');
});

test("only one profile is taken at a time, of whatever kind, and the next may follow", async () => {
  const { clock, post } = fixture();
  const cpu = await post("cpu");
  for (const kind of ["cpu", "heap"]) {
    const refused = await post(kind);
    assert.equal(refused.status, 409);
    assert.match((await refused.json()).detail, /another one is being taken/);
  }
  await clock.advance(10_000);
  await cpu.text();
  const heap = await post("heap");
  assert.equal((await post("cpu")).status, 409);
  await heap.text();
  assert.equal((await post("heap")).status, 200);
});

test("a reader who goes ends the recording, and the next profile may follow", async () => {
  const { clock, profiler, post } = fixture();
  await (await post("cpu")).body!.cancel();
  await clock.advance(0);
  assert.deepEqual([profiler.recordings, clock.pendingTimers], [0, 0]);
  await (await post("heap")).body!.cancel();
  assert.equal(await (await post("heap")).text(), '{"snapshot":{}}');
});

test("a daemon that stops hands over what was recorded until then", async () => {
  const { clock, profiler, handler, post } = fixture();
  const response = await post("cpu?seconds=300");
  handler.streams.end();
  assert.equal(await response.text(), '{"nodes":[]}');
  assert.deepEqual([profiler.recordings, clock.pendingTimers, handler.streams.size], [0, 0, 0]);
});

test("a runtime that refuses is a problem, not a file, and the next profile may follow", async () => {
  const { profiler, post } = fixture();
  profiler.fail();
  const response = await post("cpu");
  assert.equal(response.status, 500);
  assert.equal((await response.json()).code, "PROFILING_FAILED");
  profiler.heapPieces = [];
  assert.equal(await (await post("heap")).text(), "");
});

test("a heap that fails in the middle breaks the answer off, and the next profile may follow", async () => {
  const { profiler, post } = fixture();
  profiler.fail();
  await assert.rejects((await post("heap")).text(), /as the test wants it so/);
  assert.equal((await post("heap")).status, 200);
});
