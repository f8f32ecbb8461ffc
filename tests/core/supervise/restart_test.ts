import assert from "node:assert/strict";
import fc from "../../property.ts";
import { RestartHistory, type RestartOptions, RestartPolicy, type RestartVerdict } from "../../../src/core/supervise/restart.ts";
import { test } from "../../harness.ts";

const failedAt = (nowMs: number, ranMs = 0) => ({ failed: true, ranMs, nowMs, random: 0.5 });

/** The verdicts on failures at these times, each after a run of `ranMs`. */
function verdicts(policy: RestartPolicy, timesMs: number[], ranMs = 0): RestartVerdict[] {
  const history = new RestartHistory();
  return timesMs.map((nowMs) => history.judge(policy, failedAt(nowMs, ranMs)));
}

test("RestartPolicy defaults", () => {
  const { OnFailure, Always, Never } = RestartPolicy;
  assert.deepEqual({ ...OnFailure }, {
    when: "on-failure",
    delayMs: 100,
    factor: 2,
    maxDelayMs: 30_000,
    jitter: 0.2,
    maxRestarts: 10,
    withinMs: undefined,
    resetAfterMs: 60_000,
    onExhausted: "fatal",
  });
  assert.deepEqual({ ...RestartPolicy.onFailure() }, { ...OnFailure });
  assert.deepEqual([Always.when, Never.when], ["always", "never"]);
  assert.equal(RestartPolicy.always({ delay: "2s" }).delayMs, 2_000);
});

test("RestartHistory.postpone: waits from 100 ms to 5 s, counts as no restart, and begins anew after a run", () => {
  const history = new RestartHistory();
  const policy = RestartPolicy.onFailure({ maxRestarts: 1, jitter: 0 });
  const waits = [1, 2, 3, 4, 5, 6, 7, 8].map(() => history.postpone(0.5).delayMs);
  assert.deepEqual(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  assert.equal(history.judge(policy, failedAt(0)).kind, "restart");
  assert.deepEqual(history.postpone(0.5), { attempt: 1, delayMs: 100 });
  assert.equal(history.judge(policy, failedAt(0)).kind, "exhausted");
});

test("RestartPolicy refuses bad options and never writes to them", () => {
  const bad: [keyof RestartOptions, unknown[]][] = [
    ["delay", [-1, NaN, Infinity, "5", "soon", null]],
    ["maxDelay", [-1, "", {}]],
    ["factor", [0, 0.99, -2, NaN, "x"]],
    ["jitter", [-0.1, 1, 2, NaN]],
    ["maxRestarts", [-1, 1.5, NaN, -Infinity]],
    ["within", [0, "0s", -1, "1 minute", Infinity]],
    ["resetAfter", [-1, "x", NaN]],
  ];
  for (const [key, values] of bad) {
    for (const value of values) {
      const options = Object.freeze({ [key]: value }) as RestartOptions;
      assert.throws(
        () => new RestartPolicy("always", options),
        (error) => error instanceof RangeError || error instanceof TypeError,
        `${key} ${value}`,
      );
    }
  }
});

// Acceptance library 9: every wait lies within the jitter and the limit, over 10,000 seeds.
// Acceptance runner 25: waits grow, are capped and varied, and begin anew after a stable run.
test("RestartPolicy.delayMs stays within the jitter and never beyond maxDelay, over 10,000 seeds", () => {
  fc.assert(
    fc.property(
      fc.record({
        delay: fc.nat(10_000),
        factor: fc.double({ min: 1, max: 10, noNaN: true }),
        maxDelay: fc.nat(100_000),
        jitter: fc.double({ min: 0, max: 0.999, noNaN: true }),
      }),
      fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1_000_000 })),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      ({ delay, factor, maxDelay, jitter }, attempt, random) => {
        const policy = RestartPolicy.onFailure({ delay, factor, maxDelay, jitter });
        const longest = Math.max(delay, maxDelay);
        const plain = Math.min(longest, delay === 0 ? 0 : delay * factor ** (attempt - 1));
        const wait = policy.waitMs(attempt, random);
        assert.ok(wait >= plain * (1 - jitter) - 1e-6, `${wait} is too short`);
        assert.ok(wait <= Math.min(longest, plain * (1 + jitter) + 1e-6), `${wait} is too long`);
      },
    ),
    { numRuns: 10_000 },
  );
});

test("RestartPolicy.delayMs of a policy without delay is 0 for any number of restarts in a row", () => {
  const policy = RestartPolicy.always({ delay: 0, maxRestarts: Infinity });
  for (const attempt of [1, 1_024, 1_025, 1_000_000]) assert.equal(policy.waitMs(attempt, 0.9), 0);
});

test("RestartHistory.judge: which ends are followed by a run", () => {
  const rows: [RestartPolicy, boolean, string][] = [
    [RestartPolicy.Never, true, "end"],
    [RestartPolicy.Never, false, "end"],
    [RestartPolicy.OnFailure, true, "restart"],
    [RestartPolicy.OnFailure, false, "end"],
    [RestartPolicy.Always, true, "restart"],
    [RestartPolicy.Always, false, "restart"],
  ];
  for (const [policy, failed, kind] of rows) {
    assert.equal(new RestartHistory().judge(policy, { failed, ranMs: 0, nowMs: 0, random: 0.5 }).kind, kind);
  }
});

// Acceptance runner 25: waits grow, are capped and varied, and begin anew after a stable run.
test("RestartHistory.judge in a row: grows, then is used up", () => {
  for (const onExhausted of ["fatal", "escalate"] as const) {
    const policy = RestartPolicy.onFailure({ jitter: 0, maxRestarts: 2, onExhausted });
    assert.deepEqual(verdicts(policy, [0, 100, 300]), [
      { kind: "restart", attempt: 1, delayMs: 100 },
      { kind: "restart", attempt: 2, delayMs: 200 },
      { kind: "exhausted", onExhausted, restarts: 2 },
    ]);
  }
});

test("RestartHistory.judge in a row: maxRestarts 0 allows none, also when every run is stable", () => {
  for (const resetAfter of ["60s", 0]) {
    const policy = RestartPolicy.onFailure({ maxRestarts: 0, resetAfter });
    assert.deepEqual(verdicts(policy, [0], 100_000), [{ kind: "exhausted", onExhausted: "fatal", restarts: 0 }]);
  }
});

test("RestartHistory.judge in a row: a run of resetAfter begins a new row, one millisecond less does not", () => {
  const policy = RestartPolicy.onFailure({ jitter: 0, maxRestarts: 2, resetAfter: "10s" });
  assert.deepEqual(verdicts(policy, [0, 1, 2, 3], 10_000).map(({ kind }) => kind), ["restart", "restart", "restart", "restart"]);
  assert.deepEqual(verdicts(policy, [0, 1, 2], 9_999).map(({ kind }) => kind), ["restart", "restart", "exhausted"]);
});

test("RestartHistory.judge in a window: what is used up are the restarts within it, however long the row is", () => {
  const policy = RestartPolicy.onFailure({ jitter: 0, maxRestarts: 2, within: "10s" });
  const history = new RestartHistory();
  const at = (nowMs: number) => history.judge(policy, { failed: true, ranMs: 0, nowMs, random: 0.5 });
  for (const nowMs of [0, 6_000, 12_000, 18_000]) assert.equal(at(nowMs).kind, "restart");
  assert.deepEqual(at(18_001), { kind: "exhausted", onExhausted: "fatal", restarts: 2, withinMs: 10_000 });
});

// Acceptance runner 23: a crash loop ends as fatal with the last exit, signal and lines, also without a minimal uptime.
test("RestartHistory.judge in a row: with resetAfter 0 no run is stable, so that the limit holds (runner 23)", () => {
  const policy = RestartPolicy.onFailure({ jitter: 0, maxRestarts: 2, resetAfter: 0 });
  assert.deepEqual(verdicts(policy, [0, 1, 2], 100_000).map(({ kind }) => kind), ["restart", "restart", "exhausted"]);
});

test("RestartHistory.judge in a row: pause waits for a stable time at least, again and again", () => {
  const policy = RestartPolicy.onFailure({ jitter: 0, maxRestarts: 1, resetAfter: "10s", onExhausted: "pause" });
  assert.deepEqual(verdicts(policy, [0, 100, 10_200]), [
    { kind: "restart", attempt: 1, delayMs: 100 },
    { kind: "pause", attempt: 2, delayMs: 10_000 },
    { kind: "pause", attempt: 3, delayMs: 10_000 },
  ]);
});

// Acceptance library 6: exactly five are let through, a sixth later too: the window slides.
test("RestartHistory.judge in a window: slides, so that the edge itself is free again", () => {
  const policy = RestartPolicy.onFailure({ delay: 0, maxRestarts: 2, within: "10s" });
  const kinds = (timesMs: number[]) => verdicts(policy, timesMs).map(({ kind }) => kind);
  assert.deepEqual(kinds([0, 5_000, 9_999]), ["restart", "restart", "exhausted"]);
  assert.deepEqual(kinds([0, 5_000, 10_000, 14_999]), ["restart", "restart", "restart", "exhausted"]);
  assert.deepEqual(kinds([0, 5_000, 10_000, 15_000]), ["restart", "restart", "restart", "restart"]);
});

test("RestartHistory.judge in a window: pause ends when the oldest restart leaves the window", () => {
  const policy = RestartPolicy.onFailure({ delay: 0, maxRestarts: 2, within: "10s", onExhausted: "pause" });
  assert.deepEqual(verdicts(policy, [0, 4_000, 6_000, 10_000]), [
    { kind: "restart", attempt: 1, delayMs: 0 },
    { kind: "restart", attempt: 2, delayMs: 0 },
    { kind: "pause", attempt: 3, delayMs: 4_000 },
    { kind: "pause", attempt: 4, delayMs: 4_000 },
  ]);
});

test("RestartHistory.clear forgets the row and the window", () => {
  for (const within of [undefined, "1h"]) {
    const policy = RestartPolicy.onFailure({ jitter: 0, maxRestarts: 1, within });
    const history = new RestartHistory();
    history.judge(policy, failedAt(0));
    assert.equal(history.inARow, 1);
    history.clear();
    assert.deepEqual([history.inARow, history.judge(policy, failedAt(1))], [0, { kind: "restart", attempt: 1, delayMs: 100 }]);
  }
});

test("RestartHistory: no window ever holds more than maxRestarts admitted restarts, paused or not", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 100 }),
      fc.constantFrom("pause" as const, "fatal" as const),
      fc.array(fc.nat(60), { maxLength: 100 }),
      (maxRestarts, within, onExhausted, gaps) => {
        const policy = RestartPolicy.always({ delay: 0, maxRestarts, within, onExhausted });
        const history = new RestartHistory();
        const admitted: number[] = [];
        let nowMs = 0;
        for (const gap of gaps) {
          nowMs += gap;
          const verdict = history.judge(policy, failedAt(nowMs));
          if (verdict.kind !== "restart" && verdict.kind !== "pause") continue;
          nowMs += verdict.delayMs;
          admitted.push(nowMs);
        }
        for (const startMs of admitted) {
          assert.ok(admitted.filter((timeMs) => timeMs >= startMs && timeMs < startMs + within).length <= maxRestarts);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});
