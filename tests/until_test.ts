import assert from "node:assert/strict";
import { FakeClock } from "../src/testing/mod.ts";
import { test } from "./harness.ts";
import { settled, until } from "./until.ts";

test("until looks until it sees what is right, and returns it", async () => {
  let looks = 0;
  const went: number[] = [];
  assert.equal(await until(() => ++looks, { isRight: (seen) => seen === 3, go: () => went.push(looks) }), 3);
  assert.deepEqual(went, [1, 2]);
  assert.equal(await until(() => Promise.resolve("there")), "there");
  assert.equal(await until(() => ++looks, { isRight: /^5$/, go: () => {} }), 5);
});

test("until has an end, and tells what it waited for, what it saw last and what else is known", async () => {
  const never = until(() => [1, 2], { isRight: (seen) => seen.length === 3, context: () => "the log says no", limitMs: 0 });
  await assert.rejects(never, /not so within 0 s: \(seen\) ?=> ?seen\.length === 3\nlast seen: \[ 1, 2 \]\nthe log says no$/);
  await assert.rejects(until(() => false, { limitMs: 0 }), /not so within 0 s: \(\) ?=> ?(?:false|!1)\nlast seen: false$/);
  const failing = () => Promise.reject(new Error("no look"));
  await assert.rejects(until(failing), /no look/);
});

test("settled lets a fake clock go on until a promise has settled, well or badly", async () => {
  const clock = new FakeClock();
  const done = Promise.withResolvers<string>();
  clock.schedule(120, () => done.resolve("done"));
  assert.equal(await settled(clock, done.promise), "done");
  assert.equal(clock.nowMs(), 1_150);
  await assert.rejects(settled(clock, Promise.reject(new Error("bad"))), /bad/);
});
