import assert from "node:assert/strict";
import { sleep, systemClock } from "../../../src/core/ports/clock.ts";
import { FakeClock } from "../../../src/testing/mod.ts";
import { test } from "../../harness.ts";

/** A signal that counts its listeners. */
function counted(): { controller: AbortController; count: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (type: string, listener: EventListener, options?: AddEventListenerOptions) => {
    listeners.add(listener);
    addEventListener.call(signal, type, listener, options);
  };
  signal.removeEventListener = (type: string, listener: EventListener) => {
    listeners.delete(listener);
    removeEventListener.call(signal, type, listener);
  };
  signal.addEventListener("abort", () => listeners.clear());
  listeners.clear();
  return { controller, count: () => listeners.size };
}

test("sleep resolves at its time and takes its listener off the signal", async () => {
  const clock = new FakeClock();
  const { controller, count } = counted();
  let isOver = false;
  const wait = sleep(clock, 100, { signal: controller.signal }).then(() => void (isOver = true));
  assert.equal(count(), 1);
  await clock.advance(99);
  assert.equal(isOver, false);
  await clock.advance(1);
  await wait;
  assert.deepEqual([isOver, count(), clock.pendingTimers], [true, 0, 0]);
});

test("sleep rejects with the reason when the signal aborts, and leaves no timer and no listener", async () => {
  const clock = new FakeClock();
  const { controller, count } = counted();
  const wait = sleep(clock, 100, { signal: controller.signal });
  const reason = new Error("changed my mind");
  controller.abort(reason);
  await assert.rejects(wait, (error) => error === reason);
  assert.deepEqual([count(), clock.pendingTimers], [0, 0]);
});

test("sleep under a signal that has aborted rejects at once, and schedules nothing", async () => {
  const clock = new FakeClock();
  await assert.rejects(sleep(clock, 100, { signal: AbortSignal.abort("before") }), (reason) => reason === "before");
  assert.equal(clock.pendingTimers, 0);
});

test("sleep a thousand times under one signal leaves no listener", async () => {
  const clock = new FakeClock();
  const { controller, count } = counted();
  for (let turn = 0; turn < 1_000; turn++) {
    const wait = sleep(clock, 1, { signal: controller.signal });
    await clock.advance(1);
    await wait;
  }
  assert.equal(count(), 0);
});

test("systemClock schedules, cancels, and never goes back", async () => {
  const order: string[] = [];
  const before = systemClock.nowMs();
  const cancelled = systemClock.schedule(0, () => order.push("cancelled"));
  cancelled[Symbol.dispose]();
  await new Promise<void>((resolve) => {
    systemClock.schedule(2, () => {
      order.push("late");
      resolve();
    });
    const early = systemClock.schedule(0, () => {
      order.push("early");
      early[Symbol.dispose]();
    });
  });
  assert.deepEqual(order, ["early", "late"]);
  assert.ok(systemClock.nowMs() > before);
  assert.ok(Math.abs(systemClock.wallMs() - Date.now()) < 60_000);
});

test("systemClock honours a delay beyond 2^31 − 1 ms by re-arming", () => {
  const armed: { fn: () => void; ms: number }[] = [];
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((fn: () => void, ms: number) => armed.push({ fn, ms })) as unknown as typeof setTimeout;
  try {
    let fired = 0;
    systemClock.schedule(2 ** 32, () => fired++);
    for (let index = 0; index < armed.length; index++) {
      assert.equal(fired, 0);
      armed[index].fn();
    }
    assert.deepEqual([fired, armed.map(({ ms }) => ms)], [1, [2 ** 31 - 1, 2 ** 31 - 1, 2]]);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
});

test("systemClock does not fire a delay beyond 2^31 − 1 ms early", async () => {
  let fired = false;
  const timers = [2 ** 31 - 1, 2 ** 31, 2 ** 32, 40 * 86_400_000].map((ms) => systemClock.schedule(ms, () => void (fired = true)));
  await sleep(systemClock, 20);
  for (const timer of timers) timer[Symbol.dispose]();
  assert.equal(fired, false);
});
