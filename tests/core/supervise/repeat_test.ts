import assert from "node:assert/strict";
import { every, type RepeatPorts, retry, type RetryOptions } from "../../../src/core/supervise/repeat.ts";
import { FakeClock } from "../../../src/testing/fake_clock.ts";
import { test } from "../../harness.ts";

/** A run under a fake clock, which a test stops. */
function fixture() {
  const clock = new FakeClock();
  const reason = new Error("stop");
  const waits: number[] = [];
  let stopped = false;
  let wake = () => {};
  const run: RepeatPorts = {
    reason,
    nowMs: () => clock.nowMs(),
    random: () => 0.5,
    isShutdown: () => stopped,
    sleep(delayMs) {
      waits.push(delayMs);
      return new Promise((resolve, reject) => {
        const timer = clock.schedule(delayMs, resolve);
        wake = () => {
          timer[Symbol.dispose]();
          reject(reason);
        };
      });
    },
  };
  const stop = () => {
    stopped = true;
    wake();
  };
  return { clock, run, waits, reason, stop };
}

test("retry waits longer after each failure, tells of it, and returns the first success", async () => {
  const { clock, run, waits } = fixture();
  const told: unknown[] = [];
  const done = retry(run, (attempt) => {
    if (attempt < 4) throw new Error(`no ${attempt}`);
    return attempt;
  }, { delay: "1s", maxDelay: "3s", jitter: 0, onRetry: (error, ...rest) => told.push([(error as Error).message, ...rest]) });
  await clock.advance(10_000);
  assert.equal(await done, 4);
  assert.deepEqual(waits, [1_000, 2_000, 3_000]);
  assert.deepEqual(told, [["no 1", 1, 1_000], ["no 2", 2, 2_000], ["no 3", 3, 3_000]]);
  assert.equal(clock.pendingTimers, 0);
});

test("retry gives up after maxAttempts, and at once after an error that another call can't mend", async () => {
  const { clock, run } = fixture();
  let calls = 0;
  const fail = () => Promise.reject(new Error(`failure ${++calls}`));
  const used = assert.rejects(retry(run, fail, { maxAttempts: 3 }), /failure 3/);
  await clock.advance(60_000);
  await used;
  await assert.rejects(retry(run, fail, { isRetryable: () => false }), /failure 4/);
});

test("retry rejects with the reason of the stop, in a wait, in a call and before the first one", async () => {
  const waiting = fixture();
  const inWait = assert.rejects(retry(waiting.run, () => Promise.reject(new Error("down"))), waiting.reason);
  await waiting.clock.advance(0);
  waiting.stop();
  await inWait;
  assert.equal(waiting.clock.pendingTimers, 0);
  const calling = fixture();
  await assert.rejects(
    retry(calling.run, () => {
      calling.stop();
      throw new Error("aborted");
    }),
    calling.reason,
  );
  await assert.rejects(retry(calling.run, () => assert.fail("was called")), calling.reason);
});

test("every counts from its first call: work that takes time does not move the next one, and missed ones are not made up for", async () => {
  const { clock, run, stop } = fixture();
  const calls: number[] = [];
  const startMs = clock.nowMs();
  const durationsMs = [0, 300, 2_500, 0];
  const done = every(run, "1s", async () => {
    calls.push(clock.nowMs() - startMs);
    const ms = durationsMs.shift() ?? 0;
    if (ms > 0) await new Promise<void>((resolve) => void clock.schedule(ms, resolve));
  });
  await clock.advance(6_500);
  assert.deepEqual(calls, [0, 1_000, 2_000, 5_000, 6_000]);
  stop();
  await done;
  assert.equal(clock.pendingTimers, 0);
});

test("every rejects with what its function throws", async () => {
  const { run } = fixture();
  await assert.rejects(every(run, "1s", () => Promise.reject(new Error("broken"))), /broken/);
});

test("retry and every refuse wrong arguments", async () => {
  const { run } = fixture();
  const rows: [RetryOptions, RegExp][] = [
    [{ maxAttempts: 0 }, /"maxAttempts" must be an integer >= 1, or Infinity: current value is 0/],
    [{ maxAttempts: 1.5 }, /"maxAttempts" must be/],
    [{ delay: "soon" as never }, /soon/],
    [{ retries: 3 } as never, /"retries" is no option/],
    [{ isRetryable: true as never }, /"isRetryable" must be a function/],
    [{ onRetry: 1 as never }, /"onRetry" must be a function/],
  ];
  for (const [options, message] of rows) await assert.rejects(retry(run, () => 1, options), message);
  await assert.rejects(retry(run, 1 as never), /"fn" must be a function/);
  await assert.rejects(every(run, "0s", () => {}), /"interval" must be more than 0/);
  await assert.rejects(every(run, "1s", "x" as never), /"fn" must be a function/);
});
