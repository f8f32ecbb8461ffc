import assert from "node:assert/strict";
import { SharedLook } from "../../src/service/shared_look.ts";
import { FakeClock } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

/** A look that takes so long, and the questions of each look. */
function rig(tookMs: number) {
  const clock = new FakeClock();
  const looks: string[][] = [];
  let nowMs = 0;
  // Time that passes inside a synchronous look, which a clock that stands still does not have.
  const timed = { ...bound(clock), nowMs: () => clock.nowMs() + nowMs };
  const shared = new SharedLook<string, number>(timed, (questions) => {
    nowMs += tookMs;
    looks.push([...questions]);
    return looks.length;
  });
  return { clock, looks, shared };
}

function bound(clock: FakeClock) {
  return {
    wallMs: () => clock.wallMs(),
    schedule: (delayMs: number, fn: () => void) => clock.schedule(delayMs, fn),
  };
}

test("SharedLook: whoever asks in one turn shares one look, and a later question gets a later one", async () => {
  const { looks, shared } = rig(0);
  assert.deepEqual(await Promise.all([shared.ask("a"), shared.ask("b")]), [1, 1]);
  assert.equal(await shared.ask("c"), 2);
  assert.deepEqual(looks, [["a", "b"], ["c"]]);
});

test("SharedLook: what looks take beyond the first 50 ms is rested three times, and all who asked meanwhile share the next", async () => {
  const { clock, looks, shared } = rig(60);
  await shared.ask("a");
  const answers = Promise.all([shared.ask("b"), clock.advance(20).then(() => shared.ask("c"))]);
  await clock.advance(29);
  assert.equal(looks.length, 1);
  await clock.advance(1);
  assert.deepEqual([await answers, looks], [[2, 2], [["a"], ["b", "c"]]]);
});

test("SharedLook: what a look throws is thrown at all who share it, and the next look is another", async () => {
  let fails = true;
  const shared = new SharedLook<string, string>(new FakeClock(), () => {
    if (fails) throw new Error("no");
    return "yes";
  });
  const both = await Promise.allSettled([shared.ask("a"), shared.ask("b")]);
  assert.deepEqual(both.map(({ status }) => status), ["rejected", "rejected"]);
  fails = false;
  assert.equal(await shared.ask("c"), "yes");
});

test("SharedLook: a few short looks need no rest, many do", async () => {
  const { clock, looks, shared } = rig(20);
  for (const name of ["a", "b", "c"]) await shared.ask(name);
  const fourth = shared.ask("d");
  await clock.advance(29);
  assert.equal(looks.length, 3);
  await clock.advance(1);
  assert.equal(await fourth, 4);
  // After a long time without any, the first ones are free again.
  await clock.advance(1_000);
  for (const name of ["e", "f", "g"]) await shared.ask(name);
  assert.deepEqual([looks.length, clock.pendingTimers], [7, 0]);
});

test("SharedLook: once it is disposed it does not rest, and leaves no timer behind", async () => {
  const { clock, shared } = rig(60);
  await shared.ask("a");
  const answer = shared.ask("b");
  assert.equal(clock.pendingTimers, 1);
  shared[Symbol.dispose]();
  assert.deepEqual([await answer, clock.pendingTimers], [2, 0]);
});

test("SharedLook: who has time waits, and goes along with whoever has none", async () => {
  const { clock, looks, shared } = rig(0);
  const patient = shared.ask("a", { delayMs: 50 });
  await clock.advance(49);
  assert.deepEqual(looks, []);
  await clock.advance(1);
  assert.deepEqual([await patient, looks], [1, [["a"]]]);
  const both = [shared.ask("b", { delayMs: 50 }), shared.ask("c")];
  assert.deepEqual([await Promise.all(both), looks[1], clock.pendingTimers], [[2, 2], ["b", "c"], 0]);
});

test("SharedLook: once it is disposed nobody waits", async () => {
  const { clock, shared } = rig(0);
  const patient = shared.ask("a", { delayMs: 50 });
  shared[Symbol.dispose]();
  assert.deepEqual([await patient, await shared.ask("b", { delayMs: 50 }), clock.pendingTimers], [1, 2, 0]);
});
