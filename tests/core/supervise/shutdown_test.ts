import assert from "node:assert/strict";
import { type ShutdownSteps, ShutdownTimeline, type ShutdownTimes } from "../../../src/core/supervise/shutdown.ts";
import { FakeClock } from "../../../src/testing/mod.ts";
import { test } from "../../harness.ts";

const TIMES: ShutdownTimes = { drainDelayMs: 10, timeoutMs: 20, forceTimeoutMs: 30, killTimeoutMs: 40 };
const STEPS = ["stop", "force", "kill", "giveUp"] as const;

class Timeline {
  readonly clock = new FakeClock();
  readonly steps: string[] = [];
  readonly timeline: ShutdownTimeline;
  readonly #startMs = this.clock.nowMs();
  /** Called within each step. */
  onStep: (step: string) => void = () => {};

  constructor(times: Partial<ShutdownTimes> = {}) {
    const step = (name: string) => () => {
      this.steps.push(`${name}@${this.clock.nowMs() - this.#startMs}`);
      this.onStep(name);
    };
    const steps = Object.fromEntries(STEPS.map((name) => [name, step(name)])) as unknown as ShutdownSteps;
    this.timeline = new ShutdownTimeline(this.clock, { ...TIMES, ...times }, steps);
  }
}

test("ShutdownTimeline calls its steps in order at their times, counted from the beginning", async () => {
  const rig = new Timeline();
  await rig.clock.advance(100);
  assert.deepEqual(rig.steps, []);
  assert.equal(rig.timeline.remainingMs(), undefined);
  rig.timeline.begin();
  for (const [ms, remainingMs] of [[0, 40], [5, 35], [34, 1], [1, 0], [60, 0]]) {
    await rig.clock.advance(ms);
    assert.equal(rig.timeline.remainingMs(), remainingMs);
  }
  assert.deepEqual(rig.steps, ["stop@110", "force@120", "kill@130", "giveUp@140"]);
  assert.equal(rig.clock.pendingTimers, 0);
});

test("ShutdownTimeline without a drain delay stops at once", () => {
  const rig = new Timeline({ drainDelayMs: 0 });
  rig.timeline.begin();
  assert.deepEqual(rig.steps, ["stop@0"]);
  rig.timeline.finish();
});

test("ShutdownTimeline.begin: a second one changes nothing, whenever it comes", async () => {
  const rig = new Timeline();
  assert.equal(rig.timeline.begin(), true);
  for (let ms = 0; ms < 60; ms += 5) {
    assert.equal(rig.timeline.begin(), false);
    await rig.clock.advance(5);
  }
  assert.deepEqual(rig.steps, ["stop@10", "force@20", "kill@30", "giveUp@40"]);
});

test("ShutdownTimeline.isForced from the end of the graceful time on", async () => {
  const rig = new Timeline();
  rig.timeline.begin();
  const forced: boolean[] = [];
  for (let step = 0; step < 4; step++) {
    forced.push(rig.timeline.isForced);
    await rig.clock.advance(10);
  }
  assert.deepEqual(forced, [false, false, true, true]);
});

test("ShutdownTimeline.hurry jumps to the killing from every phase, keeps its last time, and ends at the second", async () => {
  const rows: [number, string[]][] = [
    [0, ["stop@0", "force@0", "kill@0", "giveUp@10"]],
    [15, ["stop@10", "force@15", "kill@15", "giveUp@25"]],
    [25, ["stop@10", "force@20", "kill@25", "giveUp@35"]],
  ];
  for (const [atMs, steps] of rows) {
    const rig = new Timeline();
    rig.timeline.begin();
    await rig.clock.advance(atMs);
    rig.timeline.hurry();
    assert.deepEqual(rig.steps, steps.slice(0, 3));
    assert.equal(rig.timeline.remainingMs(), 10);
    await rig.clock.advance(100);
    assert.deepEqual(rig.steps, steps);
    assert.equal(rig.clock.pendingTimers, 0);

    const twice = new Timeline();
    twice.timeline.begin();
    await twice.clock.advance(atMs);
    for (let call = 0; call < 3; call++) twice.timeline.hurry();
    assert.deepEqual(twice.steps, [...steps.slice(0, 3), `giveUp@${atMs}`]);
    await twice.clock.advance(100);
    assert.equal(twice.steps.length, 4);
    assert.equal(twice.clock.pendingTimers, 0);
  }
});

test("ShutdownTimeline.hurry before the beginning and after the end does nothing", async () => {
  const rig = new Timeline();
  rig.timeline.hurry();
  rig.timeline.begin();
  rig.timeline.finish();
  rig.timeline.hurry();
  await rig.clock.advance(100);
  assert.deepEqual(rig.steps, []);
});

test("ShutdownTimeline.finish at any time: no step comes afterwards, and no timer is left", async () => {
  for (let atMs = 0; atMs <= 45; atMs += 5) {
    const rig = new Timeline();
    rig.timeline.begin();
    await rig.clock.advance(atMs);
    const before = [...rig.steps];
    rig.timeline.finish();
    assert.equal(rig.clock.pendingTimers, 0);
    await rig.clock.advance(100);
    assert.deepEqual(rig.steps, before);
  }
});

test("ShutdownTimeline.finish from within a step: no step comes afterwards, and no timer is left", async () => {
  for (const [index, last] of STEPS.entries()) {
    for (const isHurried of [false, true]) {
      const rig = new Timeline();
      rig.onStep = (step) => {
        if (step === last) rig.timeline.finish();
      };
      rig.timeline.begin();
      if (isHurried) rig.timeline.hurry();
      await rig.clock.advance(100);
      assert.deepEqual(rig.steps.map((step) => step.split("@")[0]), STEPS.slice(0, index + 1), `${last} ${isHurried}`);
      assert.equal(rig.clock.pendingTimers, 0);
    }
  }
});
