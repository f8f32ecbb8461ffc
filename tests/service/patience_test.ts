import assert from "node:assert/strict";
import { afterPatience } from "../../src/service/patience.ts";
import { FakeClock } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

test("afterPatience takes as many turns of the loop as it has steps, however late one of them comes, and can be called off", async () => {
  const clock = new FakeClock();
  let isOver = false;
  using _over = afterPatience(clock, 200, () => isOver = true);
  const calledOff = afterPatience(clock, 200, () => assert.fail("was called off"));
  const turns: boolean[] = [];
  for (let turn = 0; turn < 4; turn++) {
    await clock.advance(50);
    turns.push(isOver);
    if (turn === 2) calledOff[Symbol.dispose]();
  }
  assert.deepEqual([turns, clock.pendingTimers], [[false, false, false, true], 0]);
});
