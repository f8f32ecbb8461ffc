import assert from "node:assert/strict";
import { SubsystemError, TimeoutError } from "../../../src/core/values/errors.ts";
import { RestartPolicy } from "../../../src/core/supervise/restart.ts";
import type { Context, ShutdownHandle } from "../../../src/core/supervise/subsystem.ts";
import type { SubsystemSpec } from "../../../src/core/supervise/spec.ts";
import { type Telling, WORDS } from "../../../src/core/supervise/unit.ts";
import { supervisorSubsystem } from "../../../src/core/supervise/nested_supervisor.ts";
import { registration } from "../../../src/core/supervise/registration.ts";
import { test } from "../../harness.ts";
import { Rig, settle } from "./supervisor_driver.ts";

const states = (supervisor: { status(): { name: string; state: string }[] }) =>
  Object.fromEntries(supervisor.status().map(({ name, state }) => [name, state]));

// Acceptance library 1: a child that throws once is restarted once, with a new run; siblings untouched.
test("Supervisor restarts a child that throws under OnFailure, with a new run, and leaves its siblings alone", async () => {
  const rig = new Rig();
  const [a, b] = [rig.child("a"), rig.child("b")];
  const supervisor = rig.supervisor([a.registration, b.registration]);
  await supervisor.start();
  await a.fail();
  await rig.clock.advance(100);
  assert.deepEqual(rig.notes, ["enter a#1", "enter b#1", "leave a#1", "enter a#2"]);
  assert.equal(supervisor.status()[0].restarts, 1);
  await supervisor.stop("end");
});

// Acceptance library 2: a return under OnFailure, Always and Never.
test("Supervisor follows the policy when a child returns: OnFailure and Never let it be, Always starts it again", async () => {
  for (
    const [policy, state] of [[RestartPolicy.OnFailure, "completed"], [RestartPolicy.Never, "completed"], [
      RestartPolicy.Always,
      "restarting",
    ]] as const
  ) {
    const rig = new Rig();
    const [a, keep] = [rig.child("a", { restart: policy }), rig.child("keep")];
    const supervisor = rig.supervisor([a.registration, keep.registration]);
    await supervisor.start();
    await a.finish();
    assert.equal(states(supervisor).a, state);
    await supervisor.stop("end");
  }
});

// Acceptance library 3: an AbortError of somebody else's is a failure.
test("Supervisor takes an AbortError as a failure when the child's own signal has not aborted", async () => {
  const rig = new Rig();
  const a = rig.child("a");
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  await a.fail(new DOMException("fetch timed out", "AbortError"));
  assert.equal(states(supervisor).a, "restarting");
  await supervisor.stop("end");
});

// Acceptance library 4: a throw after the own signal aborted is a normal stop.
test("Supervisor takes a throw after its own signal aborted as a normal stop, and reports it only when it is no abort", async () => {
  for (const [error, errors] of [[new DOMException("stopped", "AbortError"), 0], [new Error("flush failed"), 1]] as const) {
    const rig = new Rig();
    const a = rig.child("a");
    a.stopError = error;
    const supervisor = rig.supervisor([a.registration]);
    await supervisor.start();
    await supervisor.stop("end");
    assert.equal(states(supervisor).a, "stopped");
    assert.equal(rig.errors.length, errors);
  }
});

// Acceptance library 5: the sixth failure in the window fails the supervisor, siblings stop in reverse, exit is not 0.
test("Supervisor with maxRestarts escalates the sixth failure in the window and stops the siblings in reverse", async () => {
  const rig = new Rig();
  const policy = RestartPolicy.onFailure({ delay: 0, maxRestarts: Infinity });
  const [a, b, c] = ["a", "b", "c"].map((name) => rig.child(name, { restart: policy }));
  const group = supervisorSubsystem("group", [a, b, c].map((child) => child.registration), { maxRestarts: 5, within: "30s" }, () => rig);
  const supervisor = rig.supervisor([registration(group, "supervisor"), rig.child("other").registration]);
  await supervisor.start();
  for (let failure = 1; failure <= 5; failure++) {
    await b.fail();
    await rig.clock.advance(1_000);
  }
  assert.equal(states(supervisor).group, "running");
  rig.notes.length = 0;
  await b.fail();
  assert.deepEqual(rig.notes, ["leave b#6", "told c#1", "told a#1", "leave c#1", "leave a#1"]);
  assert.equal(states(supervisor).group, "failed");
  assert.equal(states(supervisor).other, "running");
  await supervisor.stop("end");
});

// Acceptance library 6: exactly five are let through, a sixth later too: the window slides.
test("Supervisor with maxRestarts lets exactly that many through, and one more when the first has left the window", async () => {
  const rig = new Rig();
  const a = rig.child("a", { restart: RestartPolicy.onFailure({ delay: 0, maxRestarts: Infinity }) });
  const supervisor = rig.supervisor([a.registration], { maxRestarts: 5, within: "30s" });
  await supervisor.start();
  for (let failure = 1; failure <= 5; failure++) {
    await a.fail();
    await rig.clock.advance(1);
  }
  await rig.clock.advance(31_000);
  await a.fail();
  await rig.clock.advance(1);
  assert.equal(states(supervisor).a, "running");
  assert.deepEqual(rig.ends, []);
  await supervisor.stop("end");
});

// Acceptance library 7: a flapping child trips the limit although each run was ready.
test("Supervisor lets a flapping child use up its restarts although each run was ready, with waits that only grow", async () => {
  const rig = new Rig();
  const a = rig.child("a", { readiness: "manual", restart: RestartPolicy.onFailure({ jitter: 0 }) });
  a.onEnter = (context) => context.ready();
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  for (let run = 1; run <= 11; run++) {
    await rig.clock.advance(1_000);
    await a.fail();
    await rig.clock.advance(30_000);
  }
  assert.deepEqual(rig.delays("a"), [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
  assert.equal(states(supervisor).a, "fatal");
});

// Acceptance library 8: a stable run begins a new row, the lifetime count goes on.
// Acceptance runner 25: waits grow, are capped and varied, and begin anew after a stable run.
test("Supervisor starts a new row of waits after a stable run, and keeps the lifetime count", async () => {
  const rig = new Rig();
  const a = rig.child("a", { restart: RestartPolicy.onFailure({ jitter: 0 }) });
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  await a.fail();
  await rig.clock.advance(61_100);
  await a.fail();
  assert.deepEqual(rig.delays("a"), [100, 100]);
  assert.equal(supervisor.status()[0].restarts, 2);
  await supervisor.stop("end");
});

// Acceptance library 10: restForOne.
test("Supervisor restForOne restarts what was registered after the failed child, in order, and nothing else", async () => {
  const rig = new Rig();
  const [a, b, c] = ["a", "b", "c"].map((name) => rig.child(name));
  const supervisor = rig.supervisor([a, b, c].map((child) => child.registration), { strategy: "restForOne" });
  await supervisor.start();
  await b.fail();
  await rig.clock.advance(150);
  assert.deepEqual(rig.notes.slice(3), ["leave b#1", "told c#1", "leave c#1", "enter b#2", "enter c#2"]);
  assert.equal(supervisor.status()[0].run, 1);
  await supervisor.stop("end");
});

test("Supervisor oneForAll restarts all but those that never restart", async () => {
  const rig = new Rig();
  const [a, b, c] = [rig.child("a"), rig.child("b"), rig.child("c", { restart: RestartPolicy.Never })];
  const supervisor = rig.supervisor([a, b, c].map((child) => child.registration), { strategy: "oneForAll" });
  await supervisor.start();
  await b.fail();
  await rig.clock.advance(150);
  assert.deepEqual(rig.notes.slice(3), ["leave b#1", "told c#1", "leave c#1", "told a#1", "leave a#1", "enter a#2", "enter b#2"]);
  assert.deepEqual(states(supervisor), { a: "running", b: "running", c: "stopped" });
  await supervisor.stop("end");
});

// Acceptance library 13: a failed start rolls back and joins the errors.
test("Supervisor.start rolls back in reverse when a child fails before it is ready, and never starts what comes after", async () => {
  const rig = new Rig();
  const names = ["one", "two", "three", "four", "five"];
  const children = names.map((name, index) => rig.child(name, { readiness: "manual", after: index === 0 ? [] : [names[index - 1]] }));
  for (const child of children) child.onEnter = (context) => context.ready();
  const disposed: string[] = [];
  children[2].onEnter = (context) => {
    context.use({ [Symbol.dispose]: () => void disposed.push("three") });
    throw new Error("no disk");
  };
  children[1].stopError = new Error("could not flush");
  const supervisor = rig.supervisor(children.map((child) => child.registration));
  await assert.rejects(supervisor.start(), /Cannot start three: no disk/);
  assert.deepEqual(rig.notes.filter((note) => /^told (one|two)/.test(note)), ["told two#1", "told one#1"]);
  assert.ok(!rig.notes.some((note) => /four|five/.test(note)));
  assert.deepEqual(disposed, ["three"]);
  assert.match(String(rig.errors[0]), /Cannot stop two cleanly: could not flush/);
});

// Acceptance library 14: a child that never becomes ready fails the start with its name, without a hang.
test("Supervisor.start names the child that never becomes ready, and stops the others in their own time", async () => {
  const rig = new Rig();
  const [a, b] = [rig.child("a"), rig.child("b", { readiness: "manual", ready: { timeout: "2s" }, after: ["a"] })];
  b.isDeaf = true;
  const supervisor = rig.supervisor([a.registration, b.registration]);
  const started = supervisor.start();
  const failed = assert.rejects(
    started,
    (error) => error instanceof TimeoutError && /b as it was not ready within 2s/.test(error.message),
  );
  await rig.clock.advance(2_000);
  await rig.clock.advance(5_000);
  await failed;
  assert.deepEqual(supervisor.unstopped(), [{ path: "b", waitedMs: 5_000 }]);
  assert.deepEqual(rig.notes.slice(-3), ["told b#1", "told a#1", "leave a#1"]);
});

// Acceptance library 15: a child that ignores its signal is listed as unstopped, the others stop, the deadline holds.
test("Supervisor.stop names a child that ignores its signal, and still stops what comes before it", async () => {
  const rig = new Rig();
  const [db, api] = [rig.child("db"), rig.child("api", { after: ["db"], stop: { timeout: "3s" } })];
  api.isDeaf = true;
  const supervisor = rig.supervisor([db.registration, api.registration]);
  await supervisor.start();
  const stopped = supervisor.stop("end");
  await settle();
  assert.deepEqual(rig.notes.slice(2), ["told api#1"]);
  await rig.clock.advance(3_000);
  await stopped;
  assert.deepEqual(rig.notes.slice(2), ["told api#1", "told db#1", "leave db#1"]);
  assert.deepEqual(supervisor.unstopped(), [{ path: "api", waitedMs: 3_000 }]);
});

// Acceptance library 17: a stop that throws: the others stop, the error is there, exit 1.
test("Supervisor.stop goes on when a stop fails, and reports the failure", async () => {
  const rig = new Rig();
  const [a, b] = [rig.child("a"), rig.child("b", { after: ["a"] })];
  b.stopError = new Error("socket is stuck");
  const supervisor = rig.supervisor([a.registration, b.registration]);
  await supervisor.start();
  await supervisor.stop("end");
  assert.deepEqual(states(supervisor), { a: "stopped", b: "stopped" });
  assert.match(String(rig.errors), /socket is stuck/);
});

// Acceptance library 18: no second instance while the old run has not settled.
test("Supervisor.restartUnits never runs a child twice: one whose old run goes on ends as fatal, with the reason", async () => {
  const rig = new Rig();
  const a = rig.child("a", { stop: { timeout: "1s" } });
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  a.isDeaf = true;
  const restarted = supervisor.restartUnits(["a"]);
  await settle();
  await rig.clock.advance(1_000);
  const [outcome] = await restarted;
  assert.equal(outcome.ok, false);
  assert.match(outcome.reason, /not started a second time/);
  assert.equal(states(supervisor).a, "fatal");
  assert.deepEqual(rig.notes.filter((note) => note.startsWith("enter")), ["enter a#1"]);
  a.isDeaf = false;
  await a.finish();
  assert.deepEqual([states(supervisor).a, supervisor.status()[0].run], ["running", 2]);
  await supervisor.stop("end");
});

test("Supervisor.add refuses a child during the stop and never calls it", async () => {
  const rig = new Rig();
  const [a, late] = [rig.child("a"), rig.child("late")];
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  const stopped = supervisor.stop("end");
  assert.throws(() => supervisor.add(late.registration), /is stopping/);
  await stopped;
  assert.ok(!rig.notes.includes("enter late#1"));
});

test("Supervisor.add starts a child beside the running ones", async () => {
  const rig = new Rig();
  const supervisor = rig.supervisor([rig.child("a").registration]);
  await supervisor.start();
  supervisor.add(rig.child("b", { after: ["a"] }).registration);
  await settle();
  assert.deepEqual(states(supervisor), { a: "running", b: "running" });
  await supervisor.stop("end");
});

// Acceptance library 21: autoShutdown allSignificant.
test("Supervisor autoShutdown ends with the last significant child, and not because the supervisor stopped it", async () => {
  const rig = new Rig();
  const [a, b, side] = [rig.child("a", { significant: true }), rig.child("b", { significant: true }), rig.child("side")];
  const supervisor = rig.supervisor([a, b, side].map((child) => child.registration), { autoShutdown: "allSignificant" });
  await supervisor.start();
  await a.finish();
  assert.deepEqual(rig.ends, []);
  await supervisor.stopUnits(["b"]);
  assert.deepEqual(rig.ends, []);
  await supervisor.startUnits(["b"]);
  await b.finish();
  assert.deepEqual(rig.ends, [{ kind: "autoShutdown", name: "b" }]);
  await supervisor.stop("end");
});

// Acceptance library 23: disposers in reverse, all errors in one chain.
test("Context.use disposes in reverse and joins all errors into one chain", async () => {
  const rig = new Rig();
  const order: string[] = [];
  const a = rig.child("a", { restart: RestartPolicy.Never });
  a.onEnter = (context: Context) => {
    for (const name of ["first", "second"]) {
      context.use({
        [Symbol.asyncDispose]: async () => {
          await Promise.resolve();
          order.push(name);
          throw new Error(name);
        },
      });
    }
    throw new Error("body");
  };
  const spec = { essential: true, restart: RestartPolicy.Never, retryStart: true };
  const supervisor = rig.supervisor([registration(a, "task", spec)]);
  await supervisor.start();
  await settle();
  assert.deepEqual(order, ["second", "first"]);
  const [outer] = rig.errors as SuppressedError[];
  assert.deepEqual([outer.error.message, outer.suppressed.error.message, outer.suppressed.suppressed.message], ["first", "second", "body"]);
});

test("Context.spawn: the run ends only after what it spawned, and fails when that fails", async () => {
  const rig = new Rig();
  const a = rig.child("a", { restart: RestartPolicy.Never });
  const work = Promise.withResolvers<void>();
  a.onEnter = (context) => context.spawn("work", () => work.promise);
  const supervisor = rig.supervisor([a.registration, rig.child("keep").registration]);
  await supervisor.start();
  work.reject(new Error("worker died"));
  await settle();
  assert.equal(states(supervisor).a, "failed");
  assert.match(supervisor.status()[0].reason, /worker died/);
  await supervisor.stop("end");
});

test("Context.spawn: work that throws because its run has returned does not fail it", async () => {
  const aborts: Record<string, (handle: ShutdownHandle) => unknown> = {
    "the reason of its signal": (handle) => handle.signal.reason,
    "the reason of its handle": (handle) => handle.reason,
    "an AbortError": () => new DOMException("stopped", "AbortError"),
  };
  for (const [what, thrown] of Object.entries(aborts)) {
    const rig = new Rig();
    const run = (context: Context) =>
      context.spawn("work", async (handle) => {
        await handle.cancelled();
        throw thrown(handle);
      });
    const supervisor = rig.supervisor([registration({ name: "a", run }, "task")]);
    await supervisor.start();
    await settle();
    assert.equal(states(supervisor).a, "completed", what);
  }
});

test("Context.spawn: a run that goes on although what it spawned has failed is parked after the time of a stop", async () => {
  const rig = new Rig();
  const a = rig.child("a");
  a.isDeaf = true;
  a.onEnter = (context) => context.spawn("work", () => Promise.reject(new Error("worker died")));
  const supervisor = rig.supervisor([a.registration]);
  const started = supervisor.start();
  await settle();
  await rig.clock.advance(5_000);
  await started;
  assert.equal(states(supervisor).a, "fatal");
  assert.deepEqual(supervisor.unstopped(), [{ path: "a", waitedMs: 5_000 }]);
  await a.finish();
  assert.equal(states(supervisor).a, "restarting");
  await supervisor.stop("end");
});

test("Context.spawn: work that outlives a run that has returned is parked with it after the time of a stop", async () => {
  const rig = new Rig();
  const work = Promise.withResolvers<void>();
  const task = { name: "a", run: (context: Context) => context.spawn("work", () => work.promise) };
  const supervisor = rig.supervisor([registration(task, "task")]);
  await supervisor.start();
  await rig.clock.advance(5_000);
  assert.equal(states(supervisor).a, "fatal");
  work.resolve();
  await settle();
  assert.equal(states(supervisor).a, "completed");
});

test("Context.use and spawn refuse a run that has returned", async () => {
  const rig = new Rig();
  const a = rig.child("a", { restart: RestartPolicy.Never });
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  await a.finish();
  assert.throws(() => a.context!.use({ [Symbol.dispose]: () => {} }), /run 1 of a has ended/);
  assert.throws(() => a.context!.spawn("late", () => {}), /run 1 of a has ended/);
});

test("Supervisor names the child whose end a port that throws kept from being handled", async () => {
  const rig = new Rig();
  const a = rig.child("a", { restart: RestartPolicy.Never });
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  const { emit } = rig;
  rig.emit = () => {
    rig.emit = emit;
    throw new Error("no disk");
  };
  await a.finish();
  const [error] = rig.errors;
  assert.ok(error instanceof SubsystemError);
  assert.deepEqual([error.subsystem, error.message], ["a", 'Cannot handle "unit.ready" of a: no disk']);
  await supervisor.stop("end");
});

test("Supervisor goes on when one of its ports throws", async () => {
  const rig = new Rig();
  const [a, b] = [rig.child("a"), rig.child("b")];
  const supervisor = rig.supervisor([a.registration, b.registration]);
  const { emit } = rig;
  rig.emit = () => {
    rig.emit = emit;
    throw new Error("no disk");
  };
  await supervisor.start();
  assert.match(String(rig.errors[0]), /Cannot handle "unit.state" of a: no disk/);
  assert.deepEqual(states(supervisor), { a: "running", b: "running" });
  await supervisor.stop("end");
});

// Acceptance library 25: a throw in an abort callback is charged to its subsystem, exit 1.
test("Context: what an abort listener throws is charged to its subsystem and stops nobody else", async () => {
  const rig = new Rig();
  const [a, b] = [rig.child("a"), rig.child("b")];
  a.onEnter = (context) =>
    context.signal.addEventListener("abort", () => {
      throw new Error("bad listener");
    });
  const supervisor = rig.supervisor([a.registration, b.registration]);
  await supervisor.start();
  await supervisor.stop("end");
  assert.match(String(rig.errors[0]), /abort listener of a: bad listener/);
  assert.deepEqual(states(supervisor), { a: "stopped", b: "stopped" });
});

// Acceptance runner 15: stop during a restart delay.
test("Supervisor.stopUnits during a wait for a restart cancels the restart", async () => {
  const rig = new Rig();
  const a = rig.child("a", { restart: RestartPolicy.Always });
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  await a.fail();
  const [outcome] = await supervisor.stopUnits(["a"]);
  await rig.clock.advance(60_000);
  assert.deepEqual([outcome.state, states(supervisor).a], ["stopped", "stopped"]);
  assert.deepEqual(rig.notes, ["enter a#1", "leave a#1"]);
  assert.equal(rig.clock.pendingTimers, 0);
});

// Acceptance runner 4: five starts at once.
test("Supervisor.startUnits: five at once start one run", async () => {
  const rig = new Rig();
  const a = rig.child("a");
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start(new Set(["a"]));
  assert.equal(states(supervisor).a, "stopped");
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => supervisor.startUnits(["a"])));
  assert.deepEqual(outcomes.flat().map(({ outcome }) => outcome), [
    "started",
    "already running",
    "already running",
    "already running",
    "already running",
  ]);
  assert.deepEqual(rig.notes, ["enter a#1"]);
  await supervisor.stop("end");
});

test("Supervisor.startUnits: whoever finds a run under way is told so, also when it is not ready yet", async () => {
  const rig = new Rig();
  const a = rig.child("a", { readiness: "manual" });
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start(new Set(["a"]));
  const asked = [supervisor.startUnits(["a"]), supervisor.startUnits(["a"])];
  a.context!.ready();
  assert.deepEqual((await Promise.all(asked)).flat().map(({ outcome }) => outcome), ["started", "already running"]);
  await supervisor.stop("end");
});

test("Supervisor.startUnits of a child that is not ready in its time says that it timed out (runner 34)", async () => {
  const rig = new Rig();
  const a = rig.child("a", { readiness: "manual", ready: { timeout: "2s" }, retryStart: true });
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start(new Set(["a"]));
  const asked = supervisor.startUnits(["a"]);
  await rig.clock.advance(2_000);
  const [{ outcome, ok, state, reason }] = await asked;
  assert.deepEqual([outcome, ok, state], ["timed out", false, "restarting"]);
  assert.match(reason, /not ready within 2s/);
  assert.deepEqual(rig.notes, ["enter a#1", "told a#1", "leave a#1"]);
  await supervisor.stop("end");
});

test("Supervisor.startUnits during a slow stop waits for its end, then starts", async () => {
  const rig = new Rig();
  const a = rig.child("a", { stop: { timeout: "60s" } });
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  a.isDeaf = true;
  const stopped = supervisor.stopUnits(["a"]);
  await settle();
  const started = supervisor.startUnits(["a"]);
  await settle();
  assert.deepEqual(rig.notes, ["enter a#1", "told a#1"]);
  a.isDeaf = false;
  await a.finish();
  assert.equal((await started)[0].outcome, "started");
  await stopped;
  assert.deepEqual(rig.notes, ["enter a#1", "told a#1", "leave a#1", "enter a#2"]);
  await supervisor.stop("end");
});

test("Supervisor.stopUnits stops what comes after first, and lists it", async () => {
  const rig = new Rig();
  const [db, api, web] = [rig.child("db"), rig.child("api", { after: ["db"] }), rig.child("web", { after: ["api"] })];
  const supervisor = rig.supervisor([db, api, web].map((child) => child.registration));
  await supervisor.start();
  const outcomes = await supervisor.stopUnits(["db"]);
  assert.deepEqual(rig.notes.filter((note) => note.startsWith("told")), ["told web#1", "told api#1", "told db#1"]);
  assert.deepEqual(outcomes.map(({ name }) => name).sort(), ["api", "db", "web"]);
  await supervisor.stop("end");
});

test("Supervisor: who waits says for what, and in which state that is", async () => {
  const rig = new Rig();
  const restart = RestartPolicy.onFailure({ delay: "1s", jitter: 0 });
  const db = rig.child("db", { readiness: "manual", retryStart: true, restart });
  let isBroken = false;
  db.onEnter = (context) => {
    if (isBroken) throw new Error("db has no disk");
    context.ready();
  };
  const api = rig.child("api", { after: ["db"] });
  const supervisor = rig.supervisor([db.registration, api.registration]);
  await supervisor.start(new Set(["db"]));
  const reasonOf = (index: number) => supervisor.status()[index].reason;
  assert.equal(reasonOf(1), "waits for db, which is stopped by an operator");
  isBroken = true;
  await supervisor.startUnits(["db"]);
  assert.equal(reasonOf(1), "waits for db, which is restarting: has no disk");
  isBroken = false;
  await rig.clock.advance(1_000);
  assert.deepEqual(states(supervisor), { db: "running", api: "running" });
  await supervisor.stop("end");
});

test("Supervisor: why a unit failed is not forgotten while it is tried again, nor why it is not ready yet", async () => {
  const rig = new Rig();
  let unready: string | undefined;
  const restart = RestartPolicy.onFailure({ delay: "1s", jitter: 0, maxRestarts: 1, within: "1m" });
  const spec: SubsystemSpec = { readiness: "manual", retryStart: true, restart, ready: { timeout: "2s" } };
  const run = (context: Context) => context.cancelled();
  const subsystem: Telling = {
    name: "db",
    run,
    get [WORDS]() {
      return { unready };
    },
  };
  const supervisor = rig.supervisor([registration(subsystem, "subsystem", spec)]);
  const started = supervisor.start();
  const reasonOf = () => supervisor.status()[0].reason;
  unready = "HTTP 404";
  assert.equal(reasonOf(), "is not ready yet: HTTP 404");
  await rig.clock.advance(2_000);
  await started;
  assert.equal(reasonOf(), "Cannot start db as it was not ready within 2s: HTTP 404");
  unready = undefined;
  await rig.clock.advance(1_000);
  assert.equal(reasonOf(), "restart: was not ready within 2s: HTTP 404");
  unready = "HTTP 503";
  assert.equal(reasonOf(), "is not ready yet: HTTP 503; restart: was not ready within 2s: HTTP 404");
  await rig.clock.advance(2_000);
  assert.equal(reasonOf(), "Cannot start db as it was not ready within 2s: HTTP 503 (1 restart within 1m is used up)");
  await supervisor.stop("end");
});

test("Supervisor.restartUnits leaves what comes after it running", async () => {
  const rig = new Rig();
  const [db, api] = [rig.child("db"), rig.child("api", { after: ["db"] })];
  const supervisor = rig.supervisor([db.registration, api.registration]);
  await supervisor.start();
  const [outcome] = await supervisor.restartUnits(["db"]);
  assert.equal(outcome.outcome, "restarted");
  assert.deepEqual(supervisor.status().map(({ run }) => run), [2, 1]);
  await supervisor.stop("end");
});

test("Supervisor skips what comes after a unit that failed for good, and starts it when that becomes ready", async () => {
  const rig = new Rig();
  const db = rig.child("db", { readiness: "manual", retryStart: true, restart: RestartPolicy.onFailure({ maxRestarts: 0 }) });
  let isBroken = true;
  db.onEnter = (context) => {
    if (isBroken) throw new Error("no disk");
    context.ready();
  };
  const [api, web] = [rig.child("api", { after: ["db"] }), rig.child("web", { after: ["api"] })];
  const supervisor = rig.supervisor([db, api, web].map((child) => child.registration));
  await supervisor.start();
  assert.deepEqual(states(supervisor), { db: "fatal", api: "skipped", web: "skipped" });
  assert.match(supervisor.status()[1].reason, /^db failed for good: no disk/);
  assert.equal(supervisor.status()[2].reason, supervisor.status()[1].reason);
  isBroken = false;
  await supervisor.startUnits(["db"]);
  await settle();
  assert.deepEqual(states(supervisor), { db: "running", api: "running", web: "running" });
  await supervisor.stop("end");
});

test("Supervisor: a start that the daemon has no room for counts as no restart, under any policy, until there is room", async () => {
  for (const restart of [RestartPolicy.Never, RestartPolicy.onFailure({ maxRestarts: 0 })]) {
    const rig = new Rig();
    const db = rig.child("db", { readiness: "manual", retryStart: true, restart });
    const api = rig.child("api", { after: ["db"] });
    let room = false;
    db.onEnter = (context) => {
      if (!room) throw new SubsystemError("SPAWN_NO_RESOURCES", "db", "db: too many files open");
      context.ready();
    };
    const supervisor = rig.supervisor([db.registration, api.registration]);
    await supervisor.start();
    for (let tries = 0; tries < 20; tries++) await rig.clock.advance(6_000);
    assert.deepEqual(states(supervisor), { db: "restarting", api: "waiting" });
    const [unit] = supervisor.status();
    assert.deepEqual([unit.run > 10, unit.restarts, unit.reason], [true, 0, "waits for room: too many files open"]);
    room = true;
    await rig.clock.advance(6_000);
    assert.deepEqual(states(supervisor), { db: "running", api: "running" });
    await supervisor.stop("end");
  }
});

test("Supervisor conditions of after: started, ready and exited-ok", async () => {
  const rig = new Rig();
  const first = rig.child("first", { readiness: "manual" });
  const children = [
    first,
    rig.child("on-start", { after: ["first:started"] }),
    rig.child("on-ready", { after: ["first"] }),
    rig.child("on-exit", { after: ["first:exited-ok"] }),
  ];
  const supervisor = rig.supervisor(children.map((child) => child.registration));
  const started = supervisor.start();
  await settle();
  assert.deepEqual(states(supervisor), { first: "starting", "on-start": "running", "on-ready": "waiting", "on-exit": "waiting" });
  first.context!.ready();
  await settle();
  assert.equal(states(supervisor)["on-ready"], "running");
  await first.finish();
  await started;
  assert.deepEqual(states(supervisor), { first: "completed", "on-start": "running", "on-ready": "running", "on-exit": "running" });
  await supervisor.stop("end");
});

test("Supervisor: a restart waits for what the unit comes after, as the first start did, whatever that does and whatever the strategy", async () => {
  const slow = { delay: 10_000, jitter: 0 };
  for (const strategy of ["oneForOne", "restForOne"] as const) {
    const rig = new Rig();
    const db = rig.child("db", { readiness: "manual", restart: RestartPolicy.onFailure(slow), ready: { timeout: Infinity } });
    const api = rig.child("api", { after: ["db"] });
    const log = rig.child("log", { after: ["db:started"] });
    const supervisor = rig.supervisor([db, api, log].map((child) => child.registration), { strategy });
    const started = supervisor.start();
    await settle();
    db.context!.ready();
    await started;

    await api.fail();
    await db.fail();
    await rig.clock.advance(5_000);
    const { state, reason } = supervisor.find("api")!;
    assert.deepEqual([state, reason], ["waiting", "waits for db, which is restarting: boom"], strategy);
    await rig.clock.advance(5_000);
    assert.deepEqual(states(supervisor), { db: "starting", api: "waiting", log: strategy === "oneForOne" ? "running" : "waiting" });
    db.context!.ready();
    await settle();
    assert.deepEqual(states(supervisor), { db: "running", api: "running", log: "running" }, strategy);
    await supervisor.stop("end");
  }
});

test("Supervisor: a restart is skipped where what the unit comes after has failed for good, and comes when that is up again", async () => {
  const rig = new Rig();
  const [db, api] = [rig.child("db", { restart: RestartPolicy.Never }), rig.child("api", { after: ["db"] })];
  const supervisor = rig.supervisor([db.registration, api.registration]);
  await supervisor.start();
  await db.fail();
  assert.equal(states(supervisor).api, "running");
  await api.fail();
  await rig.clock.advance(100);
  assert.deepEqual([supervisor.find("api")!.state, supervisor.find("api")!.reason], ["skipped", "db failed: boom"]);
  await supervisor.startUnits(["db"]);
  await settle();
  assert.deepEqual(states(supervisor), { db: "running", api: "running" });
  await supervisor.stop("end");
});

test("Supervisor: what was ready and has completed holds for a restart too, and what completed before it was ready does not", async () => {
  for (const [isReady, state] of [[true, "running"], [false, "skipped"]] as const) {
    const rig = new Rig();
    const first = rig.child("first", { readiness: "manual" });
    const api = rig.child("api", { after: ["first"] });
    const supervisor = rig.supervisor([first.registration, api.registration, rig.child("keep").registration]);
    const started = supervisor.start();
    await settle();
    if (isReady) first.context!.ready();
    await settle();
    await first.finish();
    await started;
    assert.equal(states(supervisor).api, state);
    if (isReady) await api.fail();
    await rig.clock.advance(100);
    assert.deepEqual([states(supervisor).api, supervisor.find("api")!.run], [state, isReady ? 2 : 0]);
    await supervisor.stop("end");
  }
});

test("Supervisor.startUnits of one that waits for its restart, and of what it comes after, starts them in order", async () => {
  const rig = new Rig();
  const [first, api] = [rig.child("first"), rig.child("api", { after: ["first:exited-ok"] })];
  const supervisor = rig.supervisor([first.registration, api.registration]);
  const started = supervisor.start();
  await settle();
  await first.finish();
  await started;
  await api.fail();
  void supervisor.startUnits(["first", "api"]);
  await settle();
  assert.deepEqual(states(supervisor), { first: "running", api: "waiting" });
  await supervisor.stop("end");
});

test("Supervisor pause: restarts wait until the window has room, so that no window holds more than maxRestarts", async () => {
  const rig = new Rig();
  const policy = RestartPolicy.always({ delay: 0, jitter: 0, maxRestarts: 5, within: "60s", onExhausted: "pause" });
  const a = rig.child("a", { restart: policy });
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  const entries: number[] = [];
  a.onEnter = () => void entries.push(rig.clock.nowMs());
  for (let second = 0; second < 300; second++) {
    if (states(supervisor).a === "running") await a.fail();
    await rig.clock.advance(1_000);
  }
  assert.ok(entries.length >= 20);
  for (const start of entries) assert.ok(entries.filter((time) => time >= start && time < start + 60_000).length <= 5);
  await supervisor.stop("end");
});

// Acceptance runner 26: the wall clock jumps by an hour either way.
test("Supervisor uses the monotonic clock: a wall clock that jumps changes no wait", async () => {
  const rig = new Rig();
  const a = rig.child("a", { restart: RestartPolicy.onFailure({ jitter: 0 }) });
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  for (const jumpMs of [3_600_000, -7_200_000]) {
    await a.fail();
    rig.clock.jumpWall(jumpMs);
    await rig.clock.advance(50);
    assert.equal(states(supervisor).a, "restarting");
    await rig.clock.advance(200);
    assert.equal(states(supervisor).a, "running");
  }
  await supervisor.stop("end");
});

test("Supervisor: an essential child that fails for good asks for a shutdown with its exit code", async () => {
  const rig = new Rig();
  const a = rig.child("a", { essential: true, restart: RestartPolicy.Never });
  const supervisor = rig.supervisor([a.registration, rig.child("b").registration]);
  await supervisor.start();
  await a.fail();
  assert.match(rig.shutdown!.reason, /a is essential/);
  assert.equal(rig.shutdown!.exitCode, 1);
  await supervisor.stop("end");
});

test("Supervisor handles whatever is thrown", async () => {
  for (
    const thrown of [undefined, null, 0, "text", Object.freeze({ frozen: true }), Object.create(null), new Error("x".repeat(10_000_000))]
  ) {
    const rig = new Rig();
    const a = rig.child("a");
    const supervisor = rig.supervisor([a.registration]);
    await supervisor.start();
    await a.fail(thrown);
    assert.equal(states(supervisor).a, "restarting");
    assert.ok(supervisor.status()[0].reason.length <= 8_300);
    await supervisor.stop("end");
  }
});

test("Supervisor.force tells all at once, those whose turn had not come included", async () => {
  const rig = new Rig();
  const [a, b] = [rig.child("a"), rig.child("b", { after: ["a"] })];
  b.isDeaf = true;
  const supervisor = rig.supervisor([a.registration, b.registration]);
  await supervisor.start();
  const stopped = supervisor.stop("end");
  await settle();
  assert.ok(!rig.notes.includes("told a#1"));
  supervisor.force();
  assert.ok(rig.notes.includes("told a#1"));
  assert.ok(b.context!.isForced());
  await b.finish();
  await stopped;
});

test("Supervisor nests: children carry the path, and a stop reaches them in order", async () => {
  const rig = new Rig();
  const [a, b] = [rig.child("a"), rig.child("b", { after: ["a"] })];
  const group = supervisorSubsystem("group", [a.registration, b.registration], {}, () => rig);
  const supervisor = rig.supervisor([registration(group, "supervisor")]);
  await supervisor.start();
  assert.deepEqual(supervisor.status().map(({ name, state }) => `${name} ${state}`), [
    "group running",
    "group/a running",
    "group/b running",
  ]);
  assert.equal(supervisor.find("group/b")!.name, "b");
  await supervisor.stop("end");
  assert.deepEqual(rig.notes.slice(2), ["told b#1", "leave b#1", "told a#1", "leave a#1"]);
});

test("Supervisor.change starts what is new, stops what is gone after what comes after it, and lets the others go on", async () => {
  const rig = new Rig();
  const [a, b, c] = [rig.child("a"), rig.child("b", { after: ["a"] }), rig.child("c")];
  const supervisor = rig.supervisor([a.registration, b.registration, c.registration]);
  await supervisor.start();
  rig.notes.length = 0;
  const children = [c.registration, rig.child("d", { after: ["c"] }).registration];
  const outcomes = await supervisor.change({ children, restart: new Set(), down: new Set() });
  assert.deepEqual(outcomes.map(({ name, outcome }) => `${name} ${outcome}`), ["a removed", "b removed", "d started"]);
  assert.deepEqual(rig.notes.filter((note) => !note.includes("d#")), ["told b#1", "leave b#1", "told a#1", "leave a#1"]);
  assert.deepEqual(supervisor.status().map(({ name, state, run }) => `${name} ${state} ${run}`), ["c running 1", "d running 1"]);
  await supervisor.stop("end");
});

test("Supervisor.change runs afresh what must, from its new registration, and leaves down what an operator stopped", async () => {
  const rig = new Rig();
  const [a, b] = [rig.child("a"), rig.child("b")];
  const supervisor = rig.supervisor([a.registration, b.registration]);
  await supervisor.start();
  await supervisor.stopUnits(["b"]);
  rig.notes.length = 0;
  const [newA, newB] = [rig.child("a"), rig.child("b")];
  const children = [newA.registration, newB.registration];
  const outcomes = await supervisor.change({ children, restart: new Set(["a", "b"]), down: new Set() });
  assert.deepEqual(outcomes.map(({ name, outcome }) => `${name} ${outcome}`), ["a restarted"]);
  assert.deepEqual(rig.notes, ["told a#1", "leave a#1", "enter a#2"]);
  assert.deepEqual(states(supervisor), { a: "running", b: "stopped" });
  assert.notEqual(newA.context, undefined);
  await supervisor.startUnits(["b"]);
  assert.notEqual(newB.context, undefined);
  await supervisor.stop("end");
});

test("Supervisor.change starts what has failed when it must run afresh, and what was skipped because of it", async () => {
  const rig = new Rig();
  const a = rig.child("a", { restart: RestartPolicy.Never, retryStart: true });
  const b = rig.child("b", { after: ["a"] });
  a.onEnter = () => {
    throw new Error("misconfigured");
  };
  const supervisor = rig.supervisor([a.registration, b.registration]);
  await supervisor.start();
  await settle();
  await supervisor.stopUnits(["b"]);
  await supervisor.startUnits(["b"]);
  const cured = rig.child("a");
  const outcomes = await supervisor.change({ children: [cured.registration, b.registration], restart: new Set(["a"]), down: new Set() });
  assert.deepEqual(outcomes.map(({ name, outcome }) => `${name} ${outcome}`), ["a started"]);
  await settle();
  assert.deepEqual(states(supervisor), { a: "running", b: "running" });
  await supervisor.stop("end");
});

test("Supervisor.change names what does not stop, and starts no second one of it beside it", async () => {
  const rig = new Rig();
  const a = rig.child("a", { stop: { timeout: 1_000 } });
  a.isDeaf = true;
  const supervisor = rig.supervisor([a.registration, rig.child("b").registration]);
  await supervisor.start();
  const removed = supervisor.change({ children: [rig.child("b").registration], restart: new Set(), down: new Set() });
  await rig.clock.advance(1_000);
  assert.deepEqual((await removed).map(({ name, outcome, ok }) => [name, outcome, ok]), [["a", "timed out", false]]);
  const back = rig.child("a");
  const added = await supervisor.change({
    children: [back.registration, rig.child("b").registration],
    restart: new Set(),
    down: new Set(),
  });
  assert.deepEqual(added.map(({ name, ok }) => [name, ok]), [["a", false]]);
  assert.equal(back.context, undefined);
  await a.finish();
  await settle();
  assert.deepEqual([states(supervisor).a, back.context!.run], ["running", 2]);
  await supervisor.stop("end");
});

test("Supervisor.change is refused while it stops", async () => {
  const rig = new Rig();
  const a = rig.child("a");
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  await supervisor.stop("end");
  await assert.rejects(supervisor.change({ children: [], restart: new Set(), down: new Set() }), { code: "SHUTDOWN_IN_PROGRESS" });
});

test("Supervisor.change refuses an edge to nobody, and changes nothing", async () => {
  const rig = new Rig();
  const [a, b] = [rig.child("a"), rig.child("b", { after: ["a"] })];
  const supervisor = rig.supervisor([a.registration, b.registration]);
  await supervisor.start();
  rig.notes.length = 0;
  const change = { children: [b.registration], restart: new Set<string>(), down: new Set<string>() };
  await assert.rejects(supervisor.change(change), /"b" as "after" must name a sibling: current value is "a"/);
  assert.deepEqual([states(supervisor), rig.notes], [{ a: "running", b: "running" }, []]);
  await supervisor.stop("end");
  assert.deepEqual(rig.notes, ["told b#1", "leave b#1", "told a#1", "leave a#1"]);
});

test("Supervisor.change says nothing of a new child that is to stay down, which is no failure", async () => {
  const rig = new Rig();
  const a = rig.child("a");
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  const change = { children: [a.registration, rig.child("b").registration], restart: new Set<string>(), down: new Set(["b"]) };
  assert.deepEqual(await supervisor.change(change), []);
  assert.deepEqual(states(supervisor), { a: "running", b: "stopped" });
  await supervisor.stop("end");
});

test("Supervisor.change: what waits for its turn to stop and is started again runs what it is to run by now", async () => {
  const rig = new Rig();
  const [a, b] = [rig.child("a"), rig.child("b", { after: ["a"] })];
  b.isDeaf = true;
  const supervisor = rig.supervisor([a.registration, b.registration]);
  await supervisor.start();
  const stopped = supervisor.stopUnits(["a"]);
  const newA = rig.child("a");
  void supervisor.change({ children: [newA.registration, b.registration], restart: new Set(["a"]), down: new Set() });
  void supervisor.startUnits(["a"]);
  rig.notes.length = 0;
  await b.finish();
  await settle();
  await stopped;
  assert.deepEqual(rig.notes, ["leave b#1", "told a#1", "leave a#1", "enter a#2", "enter b#2"]);
  assert.equal(newA.context?.run, 2);
  b.isDeaf = false;
  await supervisor.stop("end");
});
