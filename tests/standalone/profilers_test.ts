import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { CpuProfiler, ResourceTracker, writeHeapSnapshot } from "../../mod.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { tempDir } from "../conformance/temp_dir.ts";
import { test } from "../harness.ts";

test("CpuProfiler writes once, for its owner only, and lets the next recording begin", async () => {
  using folder = tempDir();
  const path = `${folder.path}/a.cpuprofile`;
  writeFileSync(path, "old");
  const profiler = await CpuProfiler.start();
  await assert.rejects(CpuProfiler.start(), { code: "PROFILING_FAILED" });
  await profiler.stopToFile(path);
  assert.ok(Array.isArray(JSON.parse(readFileSync(path, "utf8")).nodes));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await assert.rejects(profiler.stopToFile(path), /this recording has ended/);
  await profiler[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(folder.path), ["a.cpuprofile"]);
});

test("CpuProfiler: a recording that was begun with a path is written when it is disposed", async () => {
  using folder = tempDir();
  {
    await using _profiler = await CpuProfiler.start(`${folder.path}/b.svg`);
  }
  {
    await using _profiler = await CpuProfiler.start();
  }
  assert.deepEqual(readdirSync(folder.path), ["b.svg"]);
});

test("CpuProfiler and writeHeapSnapshot say what keeps a file from being written, and leave no draft", async () => {
  using folder = tempDir();
  const profiler = await CpuProfiler.start();
  await assert.rejects(profiler.stopToFile(`${folder.path}/none/a.svg`), { code: "IO_NOT_FOUND" });
  await assert.rejects(writeHeapSnapshot(`${folder.path}/none/a`), { code: "IO_NOT_FOUND" });
  assert.deepEqual(readdirSync(folder.path), []);
  await assert.rejects(CpuProfiler.start(5 as never), /"path" must be a text: current value is 5/);
});

test("ResourceTracker reads this process where no other is named", async () => {
  using tracker = new ResourceTracker("1h");
  await tracker.start();
  assert.ok(tracker.currentUsage()!.memoryBytes > 1_000_000);
  const host = new FakeHost();
  using faked = new ResourceTracker("1s", { pid: 7 });
  host.resources.set(7, { residentBytes: 5 });
  await faked.start(host);
  assert.equal(faked.currentUsage()!.memoryBytes, 5);
});
