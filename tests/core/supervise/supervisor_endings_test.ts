import assert from "node:assert/strict";
import { isKeptDown } from "../../../src/core/supervise/readiness.ts";
import { RestartPolicy } from "../../../src/core/supervise/restart.ts";
import type { Context, Subsystem } from "../../../src/core/supervise/subsystem.ts";
import type { Strategy, Supervisor } from "../../../src/core/supervise/supervisor.ts";
import type { SubsystemSpec } from "../../../src/core/supervise/spec.ts";
import { Config } from "../../../src/settings/config.ts";
import { Daemon } from "../../../src/daemon/daemon.ts";
import { test } from "../../harness.ts";
import { type Child, registration, Rig, settle } from "./supervisor_driver.ts";

const states = (supervisor: { status(): { name: string; state: string }[] }) =>
  Object.fromEntries(supervisor.status().map(({ name, state }) => [name, state]));

const work = (context: Context) => context.cancelled();

test("Daemon: an operator's stop of all that runs ends neither group nor daemon, and a later start works", async () => {
  const daemon = Daemon.builder().withoutSignals().withTask("main", work)
    .withSupervisor("group", {}, (group) => group.withTask("one", work).withTask("two", work)).build();
  await daemon.start();
  const { operations } = daemon;
  const all = ["main", "group/one", "group/two"];
  const now = () => operations.status().units.map(({ name, state }) => `${name} ${state}`);
  assert.deepEqual((await operations.stop(all)).map(({ outcome }) => outcome), ["stopped", "stopped", "stopped"]);
  await settle();
  assert.deepEqual(now(), ["main stopped", "group running", "group/one stopped", "group/two stopped"]);
  assert.equal(daemon.isShutdown(), false);
  assert.deepEqual((await operations.start(all)).map(({ outcome }) => outcome), ["started", "started", "started"]);
  assert.deepEqual((await operations.stop(["group"])).map(({ outcome }) => outcome), ["stopped"]);
  await operations.stop(["main"]);
  assert.equal(daemon.isShutdown(), false);
  assert.deepEqual((await operations.start(["group"])).map(({ outcome }) => outcome), ["started"]);
  daemon.shutdown();
  assert.equal((await daemon.wait()).exitCode, 0);
});

/** A value that `run` may return and that is no promise of the language. */
class Thenable {
  resolve: () => void = () => {};
  reject: (error: unknown) => void = () => {};

  then(resolve: () => void, reject: (error: unknown) => void): void {
    this.resolve = resolve;
    this.reject = reject;
  }
}

function thenables(spec?: SubsystemSpec): { given: Thenable[]; child: ReturnType<typeof registration> } {
  const given: Thenable[] = [];
  const run = () => given[given.push(new Thenable()) - 1] as unknown as Promise<void>;
  return { given, child: registration({ name: "a", run }, "task", spec) };
}

test("Supervisor takes only the first answer of a thenable: one that settles twice, or after its successor has begun, starts no second run", async () => {
  for (const again of ["resolve", "reject"] as const) {
    const rig = new Rig();
    const { given, child } = thenables({ restart: RestartPolicy.always({ delay: "1s", jitter: 0 }) });
    const supervisor = rig.supervisor([child]);
    await supervisor.start();
    given[0].resolve();
    given[0][again](new Error("again"));
    await settle();
    await rig.clock.advance(1_000);
    assert.equal(given.length, 2);
    given[0][again](new Error("late"));
    await settle();
    await rig.clock.advance(10_000);
    assert.deepEqual([given.length, states(supervisor).a], [2, "running"]);
    const stopped = supervisor.stop("end");
    given[1].resolve();
    given[1][again](new Error("again"));
    await stopped;
    assert.deepEqual(rig.errors, []);
  }
});

test("Supervisor: a thenable whose then throws has failed, and what follows starts all the same", async () => {
  const rig = new Rig();
  const thrower = {
    get then() {
      return () => {
        throw new Error("no then");
      };
    },
  };
  const getter = {
    get then() {
      throw new Error("no look at then");
    },
  };
  const spec = { retryStart: true, restart: RestartPolicy.Never };
  const [a, b] = [thrower, getter].map((given, index) =>
    registration({ name: `bad${index}`, run: () => given as unknown as Promise<void> }, "task", spec)
  );
  const [c, d] = [rig.child("c"), rig.child("d", { after: ["c"] })];
  const supervisor = rig.supervisor([a, b, c.registration, d.registration]);
  await supervisor.start();
  assert.deepEqual(states(supervisor), { bad0: "failed", bad1: "failed", c: "running", d: "running" });
  assert.match(supervisor.status()[0].reason, /no then/);
  await supervisor.stop("end");
  const failing = new Rig().supervisor([registration({ name: "bad", run: () => thrower as unknown as Promise<void> }, "task")]);
  await assert.rejects(failing.start(), { code: "SUBSYSTEM_START_FAILED" });
});

test("Supervisor: a thenable that never calls back runs, and is named by the stop when its time is over", async () => {
  const rig = new Rig();
  const { child } = thenables({ stop: { timeout: "2s" } });
  const other = rig.child("other");
  const supervisor = rig.supervisor([child, other.registration]);
  await supervisor.start();
  assert.deepEqual(states(supervisor), { a: "running", other: "running" });
  const stopped = supervisor.stop("end");
  await settle();
  await rig.clock.advance(2_000);
  await stopped;
  assert.deepEqual(supervisor.unstopped(), [{ path: "a", waitedMs: 2_000 }]);
  assert.equal(states(supervisor).other, "stopped");
});

test("Supervisor: onExhausted pause with resetAfter 0 pauses, and goes on after the pause", async () => {
  const rig = new Rig();
  const restart = RestartPolicy.onFailure({ delay: 0, maxRestarts: 2, onExhausted: "pause", resetAfter: 0 });
  const a = rig.child("a", { restart });
  const supervisor = rig.supervisor([a.registration]);
  await supervisor.start();
  for (let round = 0; round < 3; round++) await a.fail();
  assert.deepEqual([states(supervisor).a, a.context!.run], ["restarting", 3]);
  await rig.clock.advance(59_000);
  assert.deepEqual([states(supervisor).a, a.context!.run], ["restarting", 3]);
  await rig.clock.advance(1_000);
  assert.deepEqual([states(supervisor).a, a.context!.run], ["running", 4]);
  await supervisor.stop("end");
});

const trap = () => {
  throw new Error("hostile");
};
const HOSTILE: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  "an empty text": "",
  "a frozen object": Object.freeze({ frozen: true }),
  "a frozen error": Object.freeze(new Error("frozen")),
  "a symbol": Symbol("thrown"),
  "a proxy that throws": new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap, getOwnPropertyDescriptor: trap }),
};

for (const [what, thrown] of Object.entries(HOSTILE)) {
  test(`Supervisor: who throws ${what} while starting, running and stopping has failed each time, and hurts nobody else`, async () => {
    for (const isAsync of [false, true]) {
      const rig = new Rig();
      const run = isAsync ? () => Promise.reject(thrown) : () => {
        throw thrown;
      };
      const other = rig.child("other");
      const supervisor = rig.supervisor([other.registration, registration({ name: "a", run } as Subsystem, "task")]);
      await assert.rejects(supervisor.start(), { code: "SUBSYSTEM_START_FAILED" });
      assert.deepEqual(states(supervisor), { other: "stopped", a: "failed" });
      assert.deepEqual(rig.errors, []);
    }
    const rig = new Rig();
    const [a, other] = [rig.child("a", { restart: RestartPolicy.onFailure({ delay: "1s", jitter: 0 }) }), rig.child("other")];
    const supervisor = rig.supervisor([a.registration, other.registration]);
    await supervisor.start();
    await a.fail(thrown);
    assert.deepEqual(states(supervisor), { a: "restarting", other: "running" });
    await rig.clock.advance(1_000);
    assert.deepEqual(states(supervisor), { a: "running", other: "running" });
    const run = a.context!.run;
    a.context!.signal.addEventListener("abort", () => void a.fail(thrown), { once: true });
    a.isDeaf = true;
    assert.deepEqual((await supervisor.stopUnits(["a"])).map(({ ok, outcome }) => [ok, outcome]), [[false, "failed"]]);
    assert.deepEqual([states(supervisor).a, a.context!.run], ["stopped", run]);
    assert.equal(rig.errors.length, 1);
    assert.match(String(rig.errors[0]), /Cannot stop a cleanly/);
    a.isDeaf = false;
    await supervisor.stop("end");
  });
}

test("Supervisor: an abort that was wrapped twice is no failure of a stop; one with another cause is", async () => {
  for (const isOurs of [true, false]) {
    const rig = new Rig();
    const a = rig.child("a");
    const supervisor = rig.supervisor([a.registration]);
    await supervisor.start();
    a.isDeaf = true;
    const { context } = a;
    context!.signal.addEventListener("abort", () => {
      const cause = new Error("inner", { cause: isOurs ? context!.reason : new Error("another") });
      void a.fail(new Error("outer", { cause }));
    }, { once: true });
    await supervisor.stop("end");
    assert.equal(rig.errors.length, isOurs ? 0 : 1);
    const [last] = rig.events.filter((event) => event.type === "unit.state" && event.to === "stopped");
    assert.equal("error" in last, !isOurs);
  }
});

test("Supervisor: who names no time for its stop has what the shutdown leaves, and outside of one what the daemon grants", async () => {
  for (const isShutdown of [true, false]) {
    const rig = new Rig();
    const endMs = rig.clock.nowMs() + 30_000;
    if (isShutdown) rig.remainingMs = () => endMs - rig.clock.nowMs();
    const [plain, own] = [rig.child("plain"), rig.child("own", { stop: { timeout: "2s" } })];
    plain.isDeaf = own.isDeaf = true;
    const supervisor = rig.supervisor([plain.registration, own.registration]);
    await supervisor.start();
    const stopped = isShutdown ? supervisor.stop("end") : supervisor.stopUnits(["plain", "own"]);
    await settle();
    assert.deepEqual([plain, own].map(({ context }) => context!.timeRemaining()), [isShutdown ? 30_000 : 5_000, 2_000]);
    await rig.clock.advance(5_000);
    assert.equal(rig.errors.length, isShutdown ? 1 : 2);
    await rig.clock.advance(24_000);
    assert.equal(rig.errors.length, isShutdown ? 1 : 2);
    await plain.finish();
    await own.finish();
    await stopped;
  }
});

test("Daemon: by default a task has the whole of shutdownTimeout for its stop, and not five seconds", async () => {
  let remainingMs: number | undefined;
  const task = async (context: Context) => {
    await context.cancelled();
    remainingMs = context.timeRemaining();
  };
  const config = Config.builder().name("patient").shutdownTimeout(30_000).build();
  const daemon = Daemon.builder(config).withoutSignals().withTask("main", task).build();
  await daemon.start();
  daemon.shutdown();
  await daemon.wait();
  assert.ok(remainingMs! > 20_000, `${remainingMs}`);
});

/** Ways in which a member that is registered before the one that crashes came to run no more. */
const OVER: Record<string, { spec: SubsystemSpec; end(rig: Rig, member: ReturnType<Rig["child"]>): Promise<unknown>; state: string }> = {
  "has failed under Never": { spec: { restart: RestartPolicy.Never }, end: (_, member) => member.fail(), state: "failed" },
  "has completed": { spec: {}, end: (_, member) => member.finish(), state: "completed" },
  "has failed for good": {
    spec: { restart: RestartPolicy.onFailure({ delay: 0, maxRestarts: 0 }) },
    end: (_, member) => member.fail(),
    state: "fatal",
  },
};

for (const strategy of ["oneForAll", "restForOne"] as const) {
  for (const [what, { spec, end, state }] of Object.entries(OVER)) {
    test(`Supervisor ${strategy}: a member that ${what} keeps nobody behind it down after a crash`, async () => {
      const rig = new Rig();
      const [over, crasher, last] = [rig.child("over", spec), rig.child("crasher"), rig.child("last")];
      const supervisor = rig.supervisor([over, crasher, last].map((child) => child.registration), { strategy });
      await supervisor.start();
      await end(rig, over);
      assert.equal(states(supervisor).over, state);
      await crasher.fail();
      await rig.clock.advance(1_000);
      const { over: isNow, ...others } = states(supervisor);
      assert.deepEqual(others, { crasher: "running", last: "running" });
      assert.equal(isNow, state);
      assert.equal(rig.missing, state === "completed" ? 0 : 1);
      await supervisor.stop("end");
    });
  }

  test(`Supervisor ${strategy}: a member that an operator stopped keeps nobody down after a crash, and starts again by command`, async () => {
    const rig = new Rig();
    const [stopped, crasher, last] = [rig.child("stopped"), rig.child("crasher"), rig.child("last")];
    const supervisor = rig.supervisor([stopped, crasher, last].map((child) => child.registration), { strategy });
    await supervisor.start();
    await supervisor.stopUnits(["stopped"]);
    await crasher.fail();
    await rig.clock.advance(1_000);
    assert.deepEqual(states(supervisor), { stopped: "stopped", crasher: "running", last: "running" });
    assert.equal((await supervisor.startUnits(["stopped"]))[0].outcome, "started");
    await supervisor.stop("end");
  });

  test(`Supervisor ${strategy}: a member that misses its stop makes nobody skipped, is parked, and runs again once its old run has ended`, async () => {
    const rig = new Rig();
    const first = rig.child("first");
    const [deaf, last] = [rig.child("deaf", { stop: { timeout: "1s" } }), rig.child("last")];
    const children = strategy === "oneForAll" ? [deaf, first, last] : [first, deaf, last];
    const supervisor = rig.supervisor(children.map((child) => child.registration), { strategy });
    await supervisor.start();
    deaf.isDeaf = true;
    await first.fail();
    await rig.clock.advance(2_000);
    assert.deepEqual(states(supervisor), { first: "running", deaf: "fatal", last: "running" });
    const { reason } = supervisor.status().find(({ name }) => name === "deaf")!;
    assert.equal(reason, "did not stop within 1000 ms; it is not started a second time while the old run lives");
    assert.deepEqual(supervisor.unstopped().map(({ path }) => path), ["deaf"]);
    deaf.isDeaf = false;
    await deaf.finish();
    await rig.clock.advance(1_000);
    assert.deepEqual(states(supervisor), { first: "running", deaf: "running", last: "running" });
    assert.deepEqual(rig.notes.filter((note) => note.startsWith("enter deaf")), ["enter deaf#1", "enter deaf#2"]);
    await supervisor.stop("end");
  });

  test(`Supervisor ${strategy}: an operator's stop of a member takes down only what names it in after`, async () => {
    const rig = new Rig();
    const children = [rig.child("a"), rig.child("b"), rig.child("c", { after: ["a"] }), rig.child("d")];
    const supervisor = rig.supervisor(children.map((child) => child.registration), { strategy });
    await supervisor.start();
    const outcomes = await supervisor.stopUnits(["a"]);
    assert.deepEqual(outcomes.map(({ name }) => name).sort(), ["a", "c"]);
    assert.deepEqual(states(supervisor), { a: "stopped", b: "running", c: "stopped", d: "running" });
    assert.deepEqual(rig.notes.filter((note) => note.startsWith("told")), ["told c#1", "told a#1"]);
    await supervisor.startUnits(["a"]);
    assert.deepEqual(states(supervisor), { a: "running", b: "running", c: "running", d: "running" });
    await supervisor.stop("end");
  });
}

test("Supervisor: who waits for one that is down by wish names it, also through others that wait", async () => {
  const rows: { strategy: Strategy; db: SubsystemSpec; stop(db: Child, api: Child, supervisor: Supervisor): unknown; why: string }[] = [
    {
      strategy: "oneForOne",
      db: {},
      stop: (db, _api, supervisor) => (db.context!.stop(), void supervisor.restartUnits(["api", "web"])),
      why: "stopped by itself",
    },
    {
      strategy: "oneForAll",
      db: { restart: RestartPolicy.Never },
      stop: (_db, api) => api.fail(),
      why: "stopped with api and never restarted",
    },
  ];
  for (const { strategy, db: spec, stop, why } of rows) {
    const rig = new Rig();
    const [db, api, web] = [rig.child("db", spec), rig.child("api", { after: ["db"] }), rig.child("web", { after: ["api"] })];
    const supervisor = rig.supervisor([db, api, web].map((child) => child.registration), { strategy });
    await supervisor.start();
    await stop(db, api, supervisor);
    await rig.clock.advance(60_000);
    const waits = supervisor.status().filter(({ state }) => state === "waiting");
    assert.deepEqual(
      waits.map(({ name, reason }) => `${name} ${reason}`),
      ["api", "web"].map((name) => `${name} waits for db, which is ${why}`),
    );
    assert.deepEqual(waits.map(isKeptDown), [true, true]);
    await supervisor.startUnits(["db"]);
    await rig.clock.advance(60_000);
    assert.deepEqual(supervisor.status().map(({ state }) => state), ["running", "running", "running"]);
    await supervisor.stop("end");
  }
});
