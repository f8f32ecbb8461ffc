import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { IDIOMS, Stage } from "../../fixtures/idioms.ts";
import { test } from "../../harness.ts";
import { until } from "../../until.ts";

const ROUNDS = 1_000;

/** Objects of the newest rounds that may still be there: races that are held firmly, and what a runtime finds on its stack. */
const MOST = 60;

function collector(): () => void {
  const { Bun } = globalThis as { Bun?: { gc(force: boolean): void } };
  if (Bun !== undefined) return () => Bun.gc(true);
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

for (const name of Object.keys(IDIOMS)) {
  test(`Context: ${ROUNDS} rounds of ${name} leave no object behind`, async () => {
    const collect = collector();
    const stage = new Stage();
    await stage.start();
    const tracked: WeakRef<object>[] = [];
    await stage.play(name, ROUNDS, (object) => {
      tracked.push(new WeakRef(object));
      return object;
    });
    assert.ok(tracked.length >= ROUNDS);
    let alive = tracked;
    await until(() => {
      collect();
      alive = alive.filter((each) => each.deref() !== undefined);
      return alive.length;
    }, { isRight: (left) => left <= MOST, limitMs: 10_000 });
    await stage.end();
  });
}
