import assert from "node:assert/strict";
import { main } from "../../src/cli/main.ts";
import { controlHandler } from "../../src/control/mod.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { FakeOperations } from "../control/fake_operations.ts";
import { test } from "../harness.ts";
import { until } from "../until.ts";

const SOCKET = "/run/demo/admin.sock";

/** A user in a folder, and a daemon that profiles itself. */
async function fixture() {
  const host = new FakeHost();
  host.files.makeDir("/home/me");
  host.ownProcess.chdir("/home/me");
  const handler = controlHandler({
    operations: new FakeOperations([]),
    version: "0.1.0",
    protocol: 1,
    log: silentLogger,
    clock: host.clock,
    profiler: host.profiler,
  });
  const server = await host.http.serve({ unix: SOCKET }, handler);
  const cli = (...args: string[]) => main(["profile", ...args, "--socket", SOCKET], { host });
  /** Lets things happen until a recording is under way. */
  const recording = () => until(() => host.profiler.recordings > 0);
  return { host, server, cli, recording };
}

test("profile cpu writes a file whose name holds the daemon's and the time, readable for its owner", async () => {
  const { host, cli, recording } = await fixture();
  const done = cli("cpu", "--seconds", "3");
  await recording();
  await host.clock.advance(3_000);
  assert.equal(await done, 0);
  const path = "/home/me/demo-20260101-000000.cpuprofile";
  assert.equal(host.files.readText(path), '{"nodes":[]}');
  assert.equal(host.files.info(path)?.mode, 0o600);
  assert.match(host.terminal.stdout, new RegExp(`^wrote ${path} \\(12B\\)\\nnext: .*Performance`));
});

test("profile cpu draws a flame graph where -o names an .svg", async () => {
  const { host, cli, recording } = await fixture();
  host.profiler.cpuText = JSON.stringify({
    nodes: [{ id: 1, callFrame: { functionName: "(root)" }, children: [2] }, { id: 2, callFrame: { functionName: "busyWork" } }],
    startTime: 0,
    endTime: 5_000,
    samples: [2],
    timeDeltas: [4_000],
  });
  const done = cli("cpu", "--seconds", "1", "-o", "flame.svg");
  await recording();
  await host.clock.advance(1_000);
  assert.equal(await done, 0);
  assert.match(host.files.readText("/home/me/flame.svg"), /^<svg .*demo: where its time goes.*<title>busyWork\n/s);
  assert.match(host.terminal.stdout, /next: open it with a browser/);
});

test("profile cpu leaves no file when the recording can't be drawn", async () => {
  const { host, cli, recording } = await fixture();
  const done = cli("cpu", "--seconds", "1", "-o", "flame.svg");
  await recording();
  await host.clock.advance(1_000);
  assert.equal(await done, 1);
  assert.match(host.terminal.stderr, /Cannot read the profile as it lacks "nodes", "startTime" or "endTime"/);
  assert.deepEqual(host.files.list("/home/me"), []);
});

test("profile heap replaces the file that -o names, and warns that secrets are in it", async () => {
  const { host, cli } = await fixture();
  host.files.put("/home/me/x.heapsnapshot", "old");
  assert.equal(await cli("heap", "-o", "x.heapsnapshot"), 0);
  assert.equal(host.files.readText("/home/me/x.heapsnapshot"), '{"snapshot":{}}');
  assert.match(host.terminal.stdout, /secrets too/);
  assert.deepEqual(host.files.list("/home/me"), ["x.heapsnapshot"]);
});

test("profile leaves the old file and no draft when the transfer breaks off, the disk is full, or Ctrl+C comes", async () => {
  const { host, cli, recording } = await fixture();
  host.files.put("/home/me/old", "old");
  host.profiler.fail();
  assert.equal(await cli("heap", "-o", "old"), 1);
  assert.match(host.terminal.stderr, /the connection to .* broke off/);
  host.files.failWrites("IO_NO_RESOURCES");
  assert.equal(await cli("heap", "-o", "old"), 1);
  host.files.healWrites();
  const interrupted = cli("cpu", "-o", "old");
  await recording();
  host.signals.emit("SIGINT");
  assert.equal(await interrupted, 130);
  assert.deepEqual(host.files.list("/home/me"), ["old"]);
  assert.equal(host.files.readText("/home/me/old"), "old");
  assert.equal(host.signals.count(), 0);
});

test("profile refuses another kind, seconds of a heap, and a folder as its file", async () => {
  const { host, cli } = await fixture();
  assert.equal(await cli("gpu"), 2);
  assert.match(host.terminal.stderr, /must be cpu or heap: current value is gpu/);
  assert.equal(await cli("heap", "--seconds", "3"), 2);
  assert.equal(await cli("cpu", "-o", "/tmp"), 2);
  assert.equal(await cli("cpu", "--seconds", "ten"), 2);
});
