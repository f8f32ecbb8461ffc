import assert from "node:assert/strict";
import { type ResourceAlert, type ResourceTrackerOptions, Tracker } from "../../src/resource/tracker.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { FakeResources } from "../../src/testing/fake_resources.ts";
import { test } from "../harness.ts";

const MIB = 2 ** 20;

function tracked(options: ResourceTrackerOptions = {}) {
  const clock = new FakeClock();
  const resources = new FakeResources();
  const alerts: ResourceAlert[] = [];
  const tracker = new Tracker("1s", { onAlert: (alert) => alerts.push(alert), ...options });
  return { clock, resources, alerts, tracker, run: () => tracker.run({ clock, resources }) };
}

test("Tracker sums a process and all that it has started, in its group or below it", async () => {
  const { resources, tracker, run } = tracked({ pid: 10 });
  resources.set(10, { residentBytes: 4 * MIB, threads: 2, cpuSeconds: 1 });
  resources.set(11, { parent: 10, group: 11, residentBytes: MIB });
  resources.set(12, { parent: 11, group: 11, residentBytes: MIB });
  resources.set(13, { parent: 1, group: 11, residentBytes: MIB });
  resources.set(20, { residentBytes: 100 * MIB });
  resources.openFilesByPid.set(10, 7).set(12, 3);
  await run();
  const { memoryBytes, threads, processes, openFiles, cpuPercent, cpuSeconds } = tracker.currentUsage()!;
  assert.deepEqual({ memoryBytes, threads, processes, openFiles, cpuPercent, cpuSeconds }, {
    memoryBytes: 7 * MIB,
    threads: 5,
    processes: 4,
    openFiles: 10,
    // The first reading has nothing to compare with, and is no spike.
    cpuPercent: null,
    cpuSeconds: 1,
  });
  tracker.stop();
});

test("Tracker: processor time is that between two readings, and a child's counts once when its parent has waited for it", async () => {
  const { clock, resources, tracker, run } = tracked({ pid: 10 });
  resources.set(10, { cpuSeconds: 100 });
  resources.set(11, { parent: 10, cpuSeconds: 4 });
  await run();
  resources.set(10, { cpuSeconds: 100.5 });
  resources.set(11, { cpuSeconds: 4.25 });
  await clock.advance(1_000);
  assert.equal(tracker.currentUsage()!.cpuPercent, 75);
  resources.end(11);
  resources.set(10, { cpuSeconds: 104.75 });
  await clock.advance(1_000);
  assert.deepEqual([tracker.currentUsage()!.cpuPercent, tracker.currentUsage()!.cpuSeconds], [0, 104.75]);
  // The number has passed to another process, whose time begins anew.
  resources.end(10);
  resources.set(10, { startTicks: 2, cpuSeconds: 0.1 });
  await clock.advance(1_000);
  assert.equal(tracker.currentUsage()!.cpuSeconds, 104.75);
  tracker.stop();
});

test("Tracker alerts once when a limit is crossed, and again only after use has fallen clearly below it", async () => {
  const { clock, resources, alerts, tracker, run } = tracked({ pid: 10, memoryLimit: "100MiB" });
  const rows: [mib: number, expected: string[]][] = [
    [90, []],
    [101, ["over"]],
    [150, ["over"]],
    [99, ["over"]],
    [101, ["over"]],
    [89, ["over", "under"]],
    [99, ["over", "under"]],
    [101, ["over", "under", "over"]],
  ];
  resources.set(10, {});
  await run();
  for (const [mib, expected] of rows) {
    resources.set(10, { residentBytes: mib * MIB });
    await clock.advance(1_000);
    assert.deepEqual(alerts.map(({ state }) => state), expected, `${mib} MiB`);
  }
  assert.equal(alerts[0].message, "memory is above its limit: 101MiB of 100MiB");
  tracker.stop();
});

test("Tracker keeps a bounded history, and reads no more after its stop", async () => {
  const { clock, resources, tracker, run } = tracked({ pid: 10, maxHistory: 3 });
  resources.set(10, {});
  await run();
  for (let second = 1; second <= 5; second++) {
    resources.set(10, { residentBytes: second });
    await clock.advance(1_000);
  }
  assert.deepEqual(tracker.history().map(({ memoryBytes }) => memoryBytes), [3, 4, 5]);
  tracker.stop();
  resources.set(10, { residentBytes: 6 });
  await clock.advance(5_000);
  assert.equal(tracker.currentUsage()!.memoryBytes, 5);
  assert.equal(clock.pendingTimers, 0);
});

test("Tracker goes on after a reading that failed, and tells nothing where the system does not", async () => {
  const { clock, resources, tracker, run } = tracked({ pid: 10 });
  resources.set(10, { residentBytes: 1 });
  const read = resources.read;
  resources.read = () => Promise.reject(new Error("no file left"));
  await assert.rejects(run(), /no file left/);
  await clock.advance(1_000);
  resources.read = read;
  await clock.advance(1_000);
  assert.equal(tracker.history().length, 1);
  resources.readings = undefined;
  await clock.advance(1_000);
  assert.equal(tracker.history().length, 1);
  tracker.stop();
});

test("Tracker refuses wrong options", () => {
  const rows: [() => unknown, RegExp][] = [
    [() => new Tracker("0s"), /"interval" must be more than 0/],
    [() => new Tracker("1s", { pid: 0 }), /"pid" must be the number of a process: current value is 0/],
    [() => new Tracker("1s", { maxHistory: 1.5 }), /"maxHistory" must be an integer above 0/],
    [() => new Tracker("1s", { memoryLimit: "lots" as never }), /"memoryLimit" must be a size such as "200MB"/],
    [() => new Tracker("1s", { cpuLimit: -1 }), /"cpuLimit" must be percent/],
    [() => new Tracker("1s", { limit: 1 } as never), /"limit" is no option/],
  ];
  for (const [make, message] of rows) assert.throws(make, message);
});
