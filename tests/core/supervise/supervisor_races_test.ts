import assert from "node:assert/strict";
import { RestartPolicy } from "../../../src/core/supervise/restart.ts";
import { supervisorSubsystem } from "../../../src/core/supervise/nested_supervisor.ts";
import { registration } from "../../../src/core/supervise/registration.ts";
import { messageOf } from "../../../src/core/values/errors.ts";
import { test } from "../../harness.ts";
import { Rig, settle } from "./supervisor_driver.ts";

const states = (supervisor: { status(): { name: string; state: string }[] }) =>
  Object.fromEntries(supervisor.status().map(({ name, state }) => [name, state]));

test("Supervisor.stop: a child that ends by itself before its turn to be told is down, and is not restarted", async () => {
  for (const end of ["fail", "finish"] as const) {
    const rig = new Rig();
    const [db, api] = [rig.child("db", { restart: RestartPolicy.Always }), rig.child("api", { after: ["db"] })];
    const supervisor = rig.supervisor([db.registration, api.registration]);
    await supervisor.start();
    api.isDeaf = true;
    const stopped = supervisor.stop("end");
    await settle();
    await db[end]();
    await rig.clock.advance(1_000);
    assert.deepEqual(rig.notes, ["enter db#1", "enter api#1", "told api#1", "leave db#1"]);
    await api.finish();
    await stopped;
    assert.deepEqual(states(supervisor), { db: "stopped", api: "stopped" });
    assert.equal(rig.clock.pendingTimers, 0);
  }
});

test("Supervisor.stop: a failure before the turn to be told is no failed stop", async () => {
  const rig = new Rig();
  const [db, api] = [rig.child("db"), rig.child("api", { after: ["db"] })];
  const supervisor = rig.supervisor([db.registration, api.registration]);
  await supervisor.start();
  api.isDeaf = true;
  const stopped = supervisor.stop("end");
  await settle();
  await db.fail();
  await api.fail(new Error("could not flush"));
  await stopped;
  assert.deepEqual(rig.errors.map(String), ["SubsystemError: Cannot stop api cleanly: could not flush"]);
  assert.deepEqual(
    rig.events.flatMap((event) => event.type === "unit.state" && event.to === "stopped" ? [[event.name, event.error?.message]] : []),
    [["db", "boom"], ["api", "could not flush"]],
  );
});

test("Supervisor.startUnits spares what waits for its turn to stop, with what that comes after", async () => {
  const rig = new Rig();
  const [db, api, web] = [rig.child("db"), rig.child("api", { after: ["db"] }), rig.child("web", { after: ["api"] })];
  const supervisor = rig.supervisor([db.registration, api.registration, web.registration]);
  await supervisor.start();
  web.isDeaf = true;
  const stopped = supervisor.stopUnits(["db", "api"]);
  const started = supervisor.startUnits(["api"]);
  await settle();
  await web.finish();
  await Promise.all([stopped, started]);
  assert.deepEqual(states(supervisor), { db: "running", api: "running", web: "running" });
  assert.deepEqual(rig.notes, ["enter db#1", "enter api#1", "enter web#1", "told web#1", "leave web#1", "enter web#2"]);
});

test("Supervisor.restartUnits and stopUnits that another command overrules end, and say so", async () => {
  const rig = new Rig();
  const [db, api] = [rig.child("db"), rig.child("api", { after: ["db"] })];
  const supervisor = rig.supervisor([db.registration, api.registration]);
  await supervisor.start();
  api.isDeaf = true;
  // The turn of db does not come as long as api does not stop, so that its start spares it.
  const restarted = supervisor.restartUnits(["db", "api"]);
  const stopped = supervisor.stopUnits(["db"]);
  const started = supervisor.startUnits(["db", "api"]);
  await settle();
  api.isDeaf = false;
  await api.finish();
  assert.deepEqual((await started).map(({ ok }) => ok), [true, true]);
  const overruled = (outcomes: { name: string; outcome: string; reason: string }[]) =>
    outcomes.filter(({ outcome }) => outcome === "failed").map(({ name, reason }) => `${name}: ${reason}`);
  assert.deepEqual(overruled(await restarted), ["db: another command came between"]);
  assert.deepEqual(overruled(await stopped), ["db: another command started it again", "api: another command started it again"]);
  assert.deepEqual(supervisor.status().map(({ state, run }) => [state, run]), [["running", 1], ["running", 2]]);
  await supervisor.stop("end");
});

test("Supervisor.start and startUnits do not wait for what did not stop in its time", async () => {
  const rig = new Rig();
  const [db, api] = [rig.child("db", { readiness: "manual", stop: { timeout: "1s" } }), rig.child("api", { after: ["db"] })];
  const supervisor = rig.supervisor([db.registration, api.registration]);
  const begun = supervisor.start();
  await settle();
  db.isDeaf = true;
  const stopped = supervisor.stopUnits(["db"]);
  await rig.clock.advance(1_000);
  await begun;
  assert.equal((await stopped).find(({ name }) => name === "db")!.outcome, "timed out");
  const [outcome] = await supervisor.startUnits(["api"]);
  assert.deepEqual([outcome.ok, outcome.state], [false, "waiting"]);
  assert.match(outcome.reason, /waits for db/);
  await db.finish();
  assert.deepEqual(rig.notes.slice(-2), ["leave db#1", "enter db#2"]);
  db.isDeaf = false;
  await supervisor.stop("end");
});

test("Supervisor.restartUnits: a child that ends by itself before its turn to be told is started again", async () => {
  const rig = new Rig();
  const [db, api] = [rig.child("db"), rig.child("api", { after: ["db"] })];
  const supervisor = rig.supervisor([db.registration, api.registration]);
  await supervisor.start();
  api.isDeaf = true;
  const stopped = supervisor.stopUnits(["api"]);
  const restarted = supervisor.restartUnits(["db"]);
  await settle();
  await db.finish();
  assert.equal((await restarted)[0].outcome, "restarted");
  await api.finish();
  await stopped;
  assert.deepEqual(states(supervisor), { db: "running", api: "stopped" });
  await supervisor.stop("end");
});

test("Supervisor.startUnits brings back what it comes after although that is being stopped", async () => {
  const rig = new Rig();
  const [db, api, web] = [rig.child("db"), rig.child("api", { after: ["db"] }), rig.child("web", { after: ["db"] })];
  const supervisor = rig.supervisor([db, api, web].map((child) => child.registration));
  await supervisor.start(new Set(["web"]));
  api.isDeaf = true;
  const stopped = supervisor.stopUnits(["db"]);
  await settle();
  const [outcome] = await supervisor.startUnits(["web"]);
  await api.finish();
  await stopped;
  await settle();
  assert.equal(outcome.ok, true);
  // The units that were stopped with it start with it.
  api.isDeaf = false;
  assert.deepEqual(states(supervisor), { db: "running", api: "running", web: "running" });
  assert.ok(!rig.notes.includes("told db#1"));
  await supervisor.stop("end");
});

test("Supervisor.startUnits waits for the stop of what it comes after, then starts both", async () => {
  const rig = new Rig();
  const [db, api] = [rig.child("db", { stop: { timeout: "60s" } }), rig.child("api", { after: ["db"] })];
  const supervisor = rig.supervisor([db.registration, api.registration]);
  await supervisor.start();
  db.isDeaf = true;
  const stopped = supervisor.stopUnits(["db"]);
  await settle();
  const started = supervisor.startUnits(["api"]);
  await settle();
  await db.finish();
  await Promise.all([stopped, started]);
  assert.deepEqual(states(supervisor), { db: "running", api: "running" });
  db.isDeaf = false;
  await supervisor.stop("end");
});

test("Supervisor.startUnits and restartUnits answer at once about a run that did not stop in its time", async () => {
  for (const command of ["startUnits", "restartUnits"] as const) {
    const rig = new Rig();
    const a = rig.child("a", { stop: { timeout: "1s" } });
    const supervisor = rig.supervisor([a.registration]);
    await supervisor.start();
    a.isDeaf = true;
    const stopped = supervisor.stopUnits(["a"]);
    await rig.clock.advance(1_000);
    await stopped;
    const [outcome] = await supervisor[command](["a"]);
    assert.equal(outcome.ok, false);
    assert.match(outcome.reason, /did not stop within 1000 ms/);
    await a.finish();
    assert.deepEqual([states(supervisor).a, supervisor.status()[0].run], ["running", 2]);
    a.isDeaf = false;
    await supervisor.stop("end");
  }
});

test("Supervisor.restartUnits answers about a child that waits for one that waits to be restarted", async () => {
  const rig = new Rig();
  const [db, api] = [rig.child("db", { retryStart: true, readiness: "manual" }), rig.child("api", { after: ["db"] })];
  db.onEnter = () => {
    throw new Error("no disk");
  };
  const supervisor = rig.supervisor([db.registration, api.registration]);
  await supervisor.start();
  const [outcome] = await supervisor.restartUnits(["api"]);
  assert.deepEqual([outcome.state, outcome.ok], ["waiting", false]);
  await supervisor.stop("end");
});

for (const command of ["startUnits", "stopUnits"] as const) {
  test(`Supervisor.${command} of the child whose failure restarts its siblings lets these go on`, async () => {
    const rig = new Rig();
    const [a, b] = [rig.child("a"), rig.child("b")];
    const supervisor = rig.supervisor([a.registration, b.registration], { strategy: "oneForAll" });
    await supervisor.start();
    await b.fail();
    assert.deepEqual(states(supervisor), { a: "waiting", b: "restarting" });
    await supervisor[command](["b"]);
    await rig.clock.advance(60_000);
    assert.deepEqual(states(supervisor), { a: "running", b: command === "startUnits" ? "running" : "stopped" });
    assert.deepEqual(rig.notes.slice(4, 6), ["leave a#1", "enter a#2"]);
    await supervisor.stop("end");
  });
}

test("Supervisor oneForAll goes on without a sibling that does not stop in its time", async () => {
  const rig = new Rig();
  const [a, b, c] = [rig.child("a"), rig.child("b"), rig.child("c", { stop: { timeout: "1s" } })];
  const supervisor = rig.supervisor([a, b, c].map((child) => child.registration), { strategy: "oneForAll" });
  await supervisor.start();
  c.isDeaf = true;
  await b.fail();
  await rig.clock.advance(1_000);
  assert.deepEqual(states(supervisor), { a: "running", b: "running", c: "fatal" });
  assert.deepEqual(rig.notes.filter((note) => note.startsWith("enter")).slice(3), ["enter a#2", "enter b#2"]);
  c.isDeaf = false;
  await c.finish();
  assert.equal(states(supervisor).c, "running");
  await supervisor.stop("end");
});

test("Supervisor.stop: a stopLast child stops before what it comes after, and after all others", async () => {
  const rig = new Rig();
  const [db, control, web] = [rig.child("db"), rig.child("control", { after: ["db"], stopLast: true }), rig.child("web")];
  const supervisor = rig.supervisor([db, control, web].map((child) => child.registration));
  await supervisor.start();
  const stopped = supervisor.stop("end");
  await settle();
  assert.deepEqual(rig.notes.filter((note) => note.startsWith("told")), ["told web#1", "told control#1", "told db#1"]);
  await stopped;
});

test("Supervisor starts a deep ladder of children without trying every way through it", async () => {
  const rig = new Rig();
  const first = rig.child("r0", { readiness: "manual" });
  const children = [first, rig.child("l0")];
  for (let rung = 1; rung < 40; rung++) {
    const after = [`r${rung - 1}`, `l${rung - 1}`];
    children.push(rig.child(`r${rung}`, { after }), rig.child(`l${rung}`, { after }));
  }
  const supervisor = rig.supervisor(children.map((child) => child.registration).reverse());
  const started = supervisor.start();
  await settle();
  first.context!.ready();
  await started;
  assert.ok(supervisor.status().every(({ state }) => state === "running"));
  await supervisor.stop("end");
});

test("Supervisor nests: a group whose child did not stop is not started beside it, and the child is named", async () => {
  const rig = new Rig();
  const a = rig.child("a", { stop: { timeout: "1s" } });
  const group = supervisorSubsystem("group", [a.registration], {}, () => rig);
  const supervisor = rig.supervisor([registration(group, "supervisor")]);
  await supervisor.start();
  a.isDeaf = true;
  const restarted = supervisor.restartUnits(["group"]);
  await rig.clock.advance(1_000);
  const [outcome] = await restarted;
  assert.equal(outcome.ok, false);
  assert.match(outcome.reason, /group\/a/);
  assert.deepEqual(supervisor.unstopped(), [{ path: "group/a", waitedMs: 1_000 }]);
  assert.deepEqual(rig.notes.filter((note) => note.startsWith("enter")), ["enter a#1"]);
  await a.finish();
  a.isDeaf = false;
  await supervisor.restartUnits(["group"]);
  assert.equal(states(supervisor)["group/a"], "running");
  await supervisor.stop("end");
});

test("Supervisor.stopUnits: a group is stopping as long as something of it lives, at any depth, and the outcome names that", async () => {
  const rig = new Rig();
  const [a, b, other] = [rig.child("a", { stop: { timeout: "1s" } }), rig.child("b"), rig.child("other")];
  const inner = supervisorSubsystem("inner", [a.registration], {}, () => rig);
  const group = supervisorSubsystem("group", [registration(inner, "supervisor"), b.registration], {}, () => rig);
  const supervisor = rig.supervisor([registration(group, "supervisor"), other.registration]);
  await supervisor.start();
  a.isDeaf = true;
  const stopped = supervisor.stopUnits(["group"]);
  await rig.clock.advance(1_000);
  const reason = "group/inner/a did not stop in its time";
  assert.deepEqual(await stopped, [{ name: "group", state: "stopping", outcome: "timed out", ok: false, reason }]);
  const { other: beside, ...within } = states(supervisor);
  assert.deepEqual([beside, within], ["running", {
    group: "stopping",
    "group/inner": "stopping",
    "group/inner/a": "stopping",
    "group/b": "stopped",
  }]);
  assert.deepEqual(supervisor.unstopped(), [{ path: "group/inner/a", waitedMs: 1_000 }]);
  assert.deepEqual(rig.errors.map(messageOf), ["Cannot stop group/inner/a as it did not stop within 1000 ms"]);
  // Nor does that hold up the end of all others.
  await supervisor.stop("end");
  await a.finish();
  assert.deepEqual([...new Set(Object.values(states(supervisor)))], ["stopped"]);
  assert.deepEqual(supervisor.unstopped(), []);
});

test("Supervisor.restartUnits: spawned work that throws because it was told to stop does not fail the restart", async () => {
  const rig = new Rig();
  const a = rig.child("a", { restart: RestartPolicy.Never });
  a.onEnter = (context) =>
    context.spawn("work", async (handle) => {
      await handle.cancelled();
      throw new DOMException("stopped", "AbortError");
    });
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  const [outcome] = await supervisor.restartUnits(["a"]);
  assert.deepEqual([outcome.outcome, states(supervisor).a], ["restarted", "running"]);
  assert.deepEqual(rig.errors, []);
  await supervisor.stop("end");
});

test("Supervisor judges a restart that is not ready in its time as a failure", async () => {
  const rig = new Rig();
  const a = rig.child("a", {
    readiness: "manual",
    ready: { timeout: "2s" },
    restart: RestartPolicy.onFailure({ jitter: 0, maxRestarts: 2 }),
  });
  a.onEnter = (context) => void (context.run === 1 && context.ready());
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  await a.fail();
  await rig.clock.advance(2_100);
  assert.deepEqual([states(supervisor).a, rig.delays("a")], ["restarting", [100, 200]]);
  await rig.clock.advance(2_200);
  assert.equal(states(supervisor).a, "fatal");
  assert.match(supervisor.status()[0].reason, /not ready within 2s/);
  assert.equal(rig.clock.pendingTimers, 0);
});

test("Supervisor oneForAll starts all again when the slowest stop outlasts the wait of the restart", async () => {
  const rig = new Rig();
  const children = ["a", "b", "c"].map((name) => rig.child(name));
  const supervisor = rig.supervisor(children.map((child) => child.registration), { strategy: "oneForAll" });
  await supervisor.start();
  const [a, b] = children;
  a.isDeaf = true;
  await b.fail();
  await rig.clock.advance(200);
  assert.deepEqual(states(supervisor), { a: "stopping", b: "waiting", c: "waiting" });
  a.isDeaf = false;
  await a.finish();
  assert.deepEqual(states(supervisor), { a: "running", b: "running", c: "running" });
  assert.deepEqual(rig.notes.slice(-3), ["enter a#2", "enter b#2", "enter c#2"]);
  await supervisor.stop("end");
});

test("Supervisor.restartUnits of several stops them in reverse, and starts each that is down once", async () => {
  const rig = new Rig();
  const [db, api] = [rig.child("db"), rig.child("api", { after: ["db"] })];
  const supervisor = rig.supervisor([db.registration, api.registration]);
  await supervisor.start(new Set(["db", "api"]));
  await supervisor.restartUnits(["api", "db"]);
  assert.deepEqual(rig.notes, ["enter db#1", "enter api#1"]);
  await supervisor.restartUnits(["db", "api"]);
  assert.deepEqual(rig.notes.slice(2), ["told api#1", "leave api#1", "told db#1", "leave db#1", "enter db#2", "enter api#2"]);
  await supervisor.stop("end");
});

test("Supervisor.startUnits of what is about to stop spares it, but not what is about to restart", async () => {
  const rig = new Rig();
  const [db, api, web] = [rig.child("db"), rig.child("api", { after: ["db"] }), rig.child("web", { after: ["db"] })];
  const supervisor = rig.supervisor([db, api, web].map((child) => child.registration));
  await supervisor.start();
  web.isDeaf = true;
  const stopped = supervisor.stopUnits(["db"]);
  await supervisor.startUnits(["db"]);
  await web.finish();
  await stopped;
  await settle();
  assert.deepEqual(states(supervisor), { db: "running", api: "running", web: "running" });
  const commands = [supervisor.stopUnits(["web"]), supervisor.restartUnits(["db", "api"])];
  await settle();
  assert.deepEqual(states(supervisor), { db: "running", api: "waiting", web: "stopping" });
  assert.equal(supervisor.status()[1].reason, "waits for db, which is about to stop");
  await supervisor.startUnits(["db"]);
  assert.equal(supervisor.status()[0].run, 1);
  await web.finish();
  await Promise.all(commands);
  assert.deepEqual(supervisor.status().map(({ state, run }) => `${state} ${run}`), ["running 2", "running 3", "stopped 2"]);
  await supervisor.stop("end");
});

test("Supervisor: a child that is about to stop is not told early because it was not ready in its time, and has that time again when spared", async () => {
  const rig = new Rig();
  const db = rig.child("db", { readiness: "manual", ready: { timeout: "2s" }, retryStart: true, restart: RestartPolicy.Never });
  const api = rig.child("api", { after: ["db:started"], stop: { timeout: "60s" } });
  const supervisor = rig.supervisor([db.registration, api.registration]);
  const started = supervisor.start();
  api.isDeaf = true;
  const stopped = supervisor.stopUnits(["db"]);
  await rig.clock.advance(5_000);
  assert.deepEqual(states(supervisor), { db: "starting", api: "stopping" });
  const again = supervisor.startUnits(["db"]);
  await rig.clock.advance(1_999);
  assert.equal(states(supervisor).db, "starting");
  await rig.clock.advance(1);
  assert.equal(states(supervisor).db, "failed");
  await api.finish();
  await supervisor.stop("end");
  await Promise.all([started, stopped, again]);
  assert.equal(rig.clock.pendingTimers, 0);
});

test("Context: the failure of spawned work is joined with those of the disposers", async () => {
  const rig = new Rig();
  const a = rig.child("a", { essential: true, restart: RestartPolicy.Never });
  a.onEnter = async (context) => {
    await settle();
    context.use({
      [Symbol.dispose]: () => {
        throw new Error("disposer");
      },
    });
    context.spawn("work", () => Promise.reject(new Error("work")));
  };
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  await settle();
  const [error] = rig.errors as SuppressedError[];
  assert.deepEqual([error.error.message, error.suppressed.message], ["disposer", "work"]);
  assert.equal(states(supervisor).a, "failed");
});

test("Supervisor no longer asks a run that has returned to become ready, however long its disposer takes", async () => {
  const rig = new Rig();
  const a = rig.child("a", { readiness: "manual", ready: { timeout: "2s" }, retryStart: true, restart: RestartPolicy.Never });
  const disposed = Promise.withResolvers<void>();
  a.onEnter = (context) => void context.use({ [Symbol.asyncDispose]: () => disposed.promise });
  const supervisor = rig.supervisor([a.registration]);
  const started = supervisor.start();
  await a.finish();
  await rig.clock.advance(2_000);
  disposed.resolve();
  await started;
  assert.equal(states(supervisor).a, "completed");
});

test("Supervisor survives thrown values that can't be looked at, while running and while stopping", async () => {
  const get = () => {
    throw new Error("hostile");
  };
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const hostile = [
    proxy,
    Object.defineProperty({}, "code", { get }),
    Object.defineProperty({}, "cause", { get }),
    Object.defineProperty(new Error("x"), "name", { get }),
    Object.defineProperty(new Error("x"), "message", { get }),
    { toJSON: get },
  ];
  for (const thrown of hostile) {
    const rig = new Rig();
    const a = rig.child("a", { essential: true, restart: RestartPolicy.onFailure({ maxRestarts: 1 }) });
    const supervisor = rig.supervisor([a.registration]);
    await supervisor.start();
    await a.fail(thrown);
    await rig.clock.advance(200);
    assert.equal(states(supervisor).a, "running");
    await a.fail(thrown);
    assert.equal(states(supervisor).a, "fatal");
    await supervisor.startUnits(["a"]);
    a.stopError = thrown;
    await supervisor.stop("end");
    assert.equal(states(supervisor).a, "stopped");
    assert.equal(rig.errors.length, 2);
  }
});

test("Supervisor starts what waited for a unit that was about to stop and is spared", async () => {
  const rig = new Rig();
  const [db, api, web] = [rig.child("db"), rig.child("api", { after: ["db"] }), rig.child("web", { after: ["db"] })];
  api.isDeaf = web.isDeaf = true;
  const supervisor = rig.supervisor([db, api, web].map((child) => child.registration));
  await supervisor.start();
  const stopped = supervisor.stopUnits(["db"]);
  const restarted = supervisor.restartUnits(["api"]);
  await settle();
  await api.fail();
  assert.equal(states(supervisor).api, "waiting");
  await supervisor.startUnits(["db"]);
  await settle();
  assert.equal(states(supervisor).api, "running");
  web.isDeaf = false;
  await web.finish();
  await Promise.all([stopped, restarted]);
  api.isDeaf = false;
  await supervisor.stop("end");
});
