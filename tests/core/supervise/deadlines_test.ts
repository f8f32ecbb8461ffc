import assert from "node:assert/strict";
import { Deadlines } from "../../../src/core/supervise/deadlines.ts";
import { FakeClock } from "../../../src/testing/mod.ts";
import { test } from "../../harness.ts";
import { settle } from "./supervisor_driver.ts";

test("Deadlines: what settles at once never gets a timer", async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  for (let round = 0; round < 3; round++) {
    const some = Array.from({ length: 10 }, () => deadlines.after(10, () => assert.fail("was disposed")));
    await Promise.resolve();
    for (const deadline of some) deadline[Symbol.dispose]();
    assert.equal(clock.pendingTimers, 0);
    await settle();
    assert.equal(clock.pendingTimers, 0);
  }
});

test("Deadlines call in order of their times, each once, also when one was disposed before or after it was armed", async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const order: number[] = [];
  const add = (ms: number) => deadlines.after(ms, () => void order.push(ms));
  const [, before] = [add(30), add(20), add(10)];
  before[Symbol.dispose]();
  await settle();
  assert.equal(clock.pendingTimers, 2);
  const after = add(5);
  await settle();
  after[Symbol.dispose]();
  after[Symbol.dispose]();
  await clock.advance(100);
  assert.deepEqual(order, [10, 30]);
  assert.equal(clock.pendingTimers, 0);
});

test("Deadlines: one that is added while others settle comes as well", async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const order: string[] = [];
  const first = deadlines.after(10, () => void order.push("first"));
  await Promise.resolve();
  deadlines.after(10, () => void order.push("second"));
  first[Symbol.dispose]();
  await clock.advance(10);
  deadlines.after(0, () => void order.push("third"));
  await clock.advance(0);
  assert.deepEqual(order, ["second", "third"]);
});

test("Deadlines give a standstill of the program back, once: what has ended meanwhile is not late", async () => {
  const clock = new FakeClock();
  let standstillMs = 0;
  const deadlines = new Deadlines({
    nowMs: () => clock.nowMs() + standstillMs,
    wallMs: () => clock.wallMs(),
    schedule: (delayMs, fn) => clock.schedule(delayMs, fn),
  });
  const called: number[] = [];
  const heard = deadlines.after(1_000, () => assert.fail("it ended in time"));
  deadlines.after(1_000, () => void called.push(clock.nowMs()));
  const beganMs = clock.nowMs();
  await settle();
  standstillMs = 10_000;
  await clock.advance(1_000);
  heard[Symbol.dispose]();
  assert.deepEqual(called, []);
  standstillMs = 20_000;
  await clock.advance(2_000);
  assert.deepEqual([called, clock.pendingTimers], [[beganMs + 3_000], 0]);
});
