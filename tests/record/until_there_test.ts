import assert from "node:assert/strict";
import type { DaemonEvent, EventBody } from "../../src/core/supervise/event.ts";
import type { UnitOutcome, UnitStatus, WaitGoal } from "../../src/core/supervise/operations.ts";
import { type State, STATES } from "../../src/core/supervise/state.ts";
import { EventStore } from "../../src/record/event_store.ts";
import { untilThere } from "../../src/record/until_there.ts";
import { fakeUnit } from "../control/fake_operations.ts";
import { test } from "../harness.ts";

/** Units whose changes are events. */
class Units {
  readonly events = new EventStore();
  readonly all: UnitStatus[];
  looks = 0;

  constructor(...units: UnitStatus[]) {
    this.all = units;
  }

  wait(goal: WaitGoal, signal?: AbortSignal): Promise<UnitOutcome[]> {
    const units = () => {
      this.looks++;
      return this.all.map((unit) => ({ ...unit }));
    };
    return untilThere(this.all.map(({ name }) => name), goal, { units, events: this.events, ...(signal === undefined ? {} : { signal }) });
  }

  move(name: string, to: State, ready: boolean | null = null): void {
    const unit = this.all.find((each) => each.name === name)!;
    const from = unit.state;
    Object.assign(unit, { state: to, ready });
    this.happen({ type: "unit.state", name, run: 1, from, to, reason: "" });
  }

  happen(body: EventBody): void {
    this.events.publish({ v: 1, seq: 1, time: "", ...body } as DaemonEvent);
  }
}

async function isThere(goal: WaitGoal, state: State, ready: boolean | null): Promise<boolean> {
  const units = new Units(fakeUnit("db", { state, ready }));
  return (await units.wait(goal, AbortSignal.abort()))[0].ok;
}

test("untilThere: which states are ready, started and stopped", async () => {
  const there = async (goal: WaitGoal, ready: boolean | null) => {
    const found: State[] = [];
    for (const state of STATES) if (await isThere(goal, state, ready)) found.push(state);
    return found;
  };
  assert.deepEqual(await there("ready", null), ["running", "completed"]);
  assert.deepEqual(await there("ready", true), ["running"]);
  assert.deepEqual(await there("ready", false), []);
  assert.deepEqual(await there("started", null), ["running", "completed"]);
  assert.deepEqual(await there("started", false), ["starting", "running", "completed"]);
  for (const ready of [null, false]) {
    assert.deepEqual(await there("stopped", ready), ["stopped", "completed", "skipped", "failed", "fatal"]);
  }
});

test("untilThere resolves when all are there at one moment, and looks only when something happened", async () => {
  const units = new Units(fakeUnit("db", { state: "starting" }), fakeUnit("api", { state: "waiting" }));
  const waiting = units.wait("ready");
  units.move("db", "running");
  units.move("db", "restarting");
  await Promise.resolve();
  assert.equal(units.looks, 2, "both changes of one turn are one look");
  units.move("api", "running");
  await Promise.resolve();
  units.happen({ type: "unit.ready", name: "other", run: 1, ready: true });
  await Promise.resolve();
  assert.equal(units.looks, 3, "another unit is nothing to look at");
  units.move("db", "running");
  assert.deepEqual((await waiting).map(({ name, outcome, ok }) => [name, outcome, ok]), [["db", "ready", true], ["api", "ready", true]]);
});

test("untilThere resolves with who is missing and why when its signal aborts", async () => {
  const units = new Units(
    fakeUnit("db"),
    fakeUnit("api", { state: "starting", ready: false, details: { probe: "connection refused" } }),
    fakeUnit("web", { state: "waiting", reason: "after api" }),
    fakeUnit("mail", { ready: false }),
  );
  const controller = new AbortController();
  const waiting = units.wait("ready", controller.signal);
  controller.abort();
  assert.deepEqual((await waiting).map(({ outcome, reason }) => `${outcome} ${reason}`), [
    "ready ",
    "timed out starting: connection refused",
    "timed out waiting: after api",
    "timed out running and not ready",
  ]);
});

test("untilThere ends with the daemon: at once, or for who waits for a stop when all is over", async () => {
  const units = new Units(fakeUnit("db", { state: "restarting" }));
  const ready = units.wait("ready");
  const stopped = units.wait("stopped");
  units.happen({ type: "daemon.stopping", reason: "test" });
  assert.deepEqual((await ready).map(({ outcome, ok }) => [outcome, ok]), [["failed", false]]);
  units.move("db", "stopped");
  units.happen({ type: "daemon.stopped", reason: "test" });
  assert.equal((await stopped)[0].ok, true);
});

test("untilThere: who is taken away by a reload has stopped, and will not be anything else", async () => {
  for (const goal of ["ready", "started", "stopped"] as const) {
    const units = new Units(fakeUnit("db"), fakeUnit("api", { state: "failed" }));
    if (goal === "stopped") units.all[0].state = "stopped";
    const waiting = units.wait(goal);
    units.all.pop();
    units.happen({ type: "config.reload", version: 2, outcome: "applied", changed: ["service.api"], reason: "" });
    const ok = goal === "stopped";
    assert.deepEqual((await waiting).map(({ name, ok }) => [name, ok]), [["db", true], ["api", ok]], goal);
  }
});
