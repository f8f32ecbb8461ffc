import assert from "node:assert/strict";
import { now, resolutionNs } from "../../../src/core/ports/instant.ts";
import { FakeClock } from "../../../src/testing/fake_clock.ts";
import { test } from "../../harness.ts";

test("now measures on the monotonic clock, in each unit", async () => {
  const clock = new FakeClock();
  const before = now(clock);
  clock.jumpWall(-3_600_000);
  await clock.advance(1_500);
  const took = now(clock).durationSince(before);
  assert.deepEqual([took.asNanos(), took.asMicros(), took.asMillis(), took.asSeconds()], [1.5e9, 1.5e6, 1_500, 1.5]);
  assert.equal(before.elapsed().asMillis(), 1_500);
  assert.equal(before.durationSince(now(clock)).asNanos(), 0);
});

test("resolutionNs is the smallest step that a clock makes", () => {
  let steps = 0;
  const clock = Object.assign(new FakeClock(), { nowMs: () => Math.floor(++steps / 3) * 0.005 });
  assert.equal(resolutionNs(clock), 5_000);
});
