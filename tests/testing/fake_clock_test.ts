import assert from "node:assert/strict";
import fc from "../property.ts";
import { sleep } from "../../src/core/ports/clock.ts";
import { FakeClock } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

test("FakeClock: timers run in the order of their times, then of their making", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.nat(100), { maxLength: 30 }), async (delays) => {
    const clock = new FakeClock();
    const beginMs = clock.nowMs();
    const ran: [number, number][] = [];
    delays.forEach((delayMs, index) => clock.schedule(delayMs, () => ran.push([clock.nowMs() - beginMs, index])));
    await clock.advance(100);
    const expected = delays.map((delayMs, index): [number, number] => [delayMs, index]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    assert.deepEqual(ran, expected);
    assert.equal(clock.pendingTimers, 0);
  }));
});

test("FakeClock: what a timer starts happens within the same advance, at its own time", async () => {
  const clock = new FakeClock();
  const steps: string[] = [];
  const work = (async () => {
    await sleep(clock, 10);
    steps.push(`first at ${clock.nowMs() - 1_000}`);
    await sleep(clock, 10);
    steps.push(`second at ${clock.nowMs() - 1_000}`);
    await sleep(clock, 10);
    steps.push("third");
  })();
  await clock.advance(25);
  assert.deepEqual(steps, ["first at 10", "second at 20"]);
  assert.equal(clock.nowMs(), 1_025);
  await clock.advance(5);
  await work;
  assert.equal(steps.length, 3);
});

test("FakeClock: a disposed timer does not run, and a wall jump moves no timer", async () => {
  const clock = new FakeClock();
  const wallMs = clock.wallMs();
  clock.schedule(10, () => assert.fail("was disposed"))[Symbol.dispose]();
  let isDue = false;
  clock.schedule(20, () => isDue = true);
  clock.jumpWall(-3_600_000);
  await clock.advance(19);
  assert.equal(isDue, false);
  await clock.advance(1);
  assert.equal(isDue, true);
  assert.equal(clock.wallMs(), wallMs - 3_600_000 + 20);
});
