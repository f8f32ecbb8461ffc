import assert from "node:assert/strict";
import { type Context, Daemon, RestartPolicy, ShutdownError, SubsystemError, type SubsystemHandle } from "../../mod.ts";
import { test } from "../harness.ts";
import { until } from "../until.ts";

const untilTold = (context: Context) => context.cancelled();
const fails = () => Promise.reject(new Error("boom"));
const names = (daemon: Daemon) => daemon.subsystems().map(({ name }) => name);
const started = (build: (builder: ReturnType<typeof Daemon.builder>) => void = () => {}) => {
  const builder = Daemon.builder().withTask("main", untilTold);
  build(builder);
  return builder.build().start();
};

test("Daemon.add returns a handle that tells name, state and end", async () => {
  await using daemon = await started();
  const child = daemon.add({ name: "late", run: untilTold }, { after: ["main"] });
  assert.equal(child.name, "late");
  await until(() => child.state === "running");
  const stopped = await child.stop();
  assert.deepEqual([stopped.outcome, stopped.ok, child.state], ["stopped", true, "stopped"]);
  assert.deepEqual(await child.ended, { name: "late", state: "stopped", reason: "stopped by the program", error: undefined });
  assert.deepEqual(names(daemon), ["main", "late"], "what is stopped stays known");
  assert.equal((await child.stop()).outcome, "already stopped");
  assert.equal((await daemon.operations.start(["late"]))[0].outcome, "started");
});

test("SubsystemHandle.remove stops and forgets: the name is free, a second call changes nothing, a namesake is another one", async () => {
  await using daemon = await started();
  const first = daemon.add({ name: "late", run: untilTold });
  const dependent = daemon.add({ name: "user", run: untilTold }, { after: ["late"] });
  await until(() => dependent.state === "running");
  assert.deepEqual([(await first.remove()).outcome, names(daemon)], ["removed", ["main", "user"]]);
  assert.equal(dependent.state, "running", "what comes after it goes on");
  const second = daemon.add({ name: "late", run: untilTold });
  await until(() => second.state === "running");
  assert.equal((await first.remove()).outcome, "removed");
  assert.equal((await first.stop()).outcome, "already stopped");
  assert.equal(second.state, "running");
  assert.equal((await first.ended).state, "stopped");
});

test("Temporary subsystems are forgotten however they end, and are not restarted", async () => {
  await using daemon = await started();
  let runs = 0;
  const add = (run: (context: Context) => unknown, options = {}) => daemon.add({ name: "temp", run }, { temporary: true, ...options });
  const ends: unknown[] = [];
  const note = async (handle: SubsystemHandle) => {
    const { state, error } = await handle.ended;
    ends.push(error === undefined ? state : `${state}: ${(error as Error).message}`);
    assert.deepEqual([handle.state, names(daemon)], [state, ["main"]]);
  };
  await note(add(() => {}));
  await note(add(() => Promise.resolve(runs++).then(fails)));
  assert.equal(runs, 1);
  await note(add(() => Promise.resolve(runs++).then(fails), { restart: RestartPolicy.onFailure({ delay: 0, maxRestarts: 2 }) }));
  assert.equal(runs, 4);
  const stopped = add(untilTold);
  await stopped.stop();
  await note(stopped);
  const waiting = add(fails, { restart: RestartPolicy.onFailure({ delay: "1h" }) });
  await until(() => waiting.state === "restarting");
  await daemon.operations.stop(["temp"]);
  await note(waiting);
  assert.deepEqual(ends.map(String).map((end) => end.replace(/: Cannot restart.*/, "")), [
    "completed",
    "failed: boom",
    "fatal: boom",
    "stopped",
    "stopped",
  ]);
});

test("A temporary subsystem that fails for good takes those temporary ones with it that wait for it; others may not come after it", async () => {
  await using daemon = await started();
  const gate = Promise.withResolvers<void>();
  const first = daemon.add({ name: "first", run: () => gate.promise }, { temporary: true });
  let wasRun = false;
  const second = daemon.add({ name: "second", run: () => void (wasRun = true) }, { temporary: true, after: ["first:exited-ok"] });
  assert.throws(() => daemon.add({ name: "third", run: untilTold }, { after: ["first"] }), /must not name a temporary sibling/);
  gate.reject(new Error("boom"));
  assert.deepEqual([(await first.ended).state, (await second.ended).state, wasRun], ["failed", "skipped", false]);
  assert.deepEqual(names(daemon), ["main"]);
});

test("Context.add adds to the run's own group, whose strategy and end hold for what was added", async () => {
  const order: string[] = [];
  const noting = (name: string) => ({
    name,
    run: async (context: Context) => {
      order.push(`+${name}`);
      await context.cancelled();
      order.push(`-${name}`);
    },
  });
  let crash!: (error: Error) => void;
  await using daemon = await started((builder) =>
    builder.withSupervisor("group", { strategy: "oneForAll" }, (group) =>
      group.withTask("leader", async (context) => {
        order.push("+leader");
        if (context.run === 1) {
          context.add(noting("b"));
          context.add(noting("a"), { after: ["b"] });
        }
        await new Promise((_, reject) => {
          crash = reject;
          context.signal.addEventListener("abort", () => reject(context.reason));
        });
      }, { restart: RestartPolicy.onFailure({ delay: 0 }) }))
  );
  await until(() => order.length === 3);
  assert.deepEqual(names(daemon), ["main", "group", "group/leader", "group/b", "group/a"]);
  crash(new Error("boom"));
  await until(() => order.length === 8);
  assert.deepEqual(order, ["+leader", "+b", "+a", "-a", "-b", "+leader", "+b", "+a"]);
  daemon.shutdown();
  await daemon.wait();
  assert.deepEqual(order.slice(8), ["-a", "-b"]);
});

test("Additions are refused while stopping, after the run, and where there is no such group; nothing is left of them", async () => {
  let called = false;
  const late = { name: "late", run: () => void (called = true) };
  let ended: Context | undefined;
  let atTheEnd: unknown;
  const daemon = await started((builder) =>
    builder.withTask("short", (context) => void (ended = context))
      .withTask("adds", async (context) => {
        await context.cancelled();
        try {
          context.add(late);
        } catch (error) {
          atTheEnd = error;
        }
      })
  );
  assert.throws(() => ended!.add(late), SubsystemError);
  assert.throws(() => daemon.add(late, { group: "nobody" }), /Cannot find a unit named "nobody"/);
  assert.throws(() => daemon.add(late, { group: "main" }), /as it is no group/);
  assert.throws(() => daemon.add(late, { group: 1 as never }), TypeError);
  assert.throws(() => daemon.add(late, { temporary: 1 as never }), TypeError);
  assert.throws(() => daemon.add(late, { forever: true } as never), TypeError);
  assert.deepEqual(names(daemon), ["main", "short", "adds"]);
  daemon.shutdown();
  assert.throws(() => daemon.add(late), ShutdownError);
  const { exitCode } = await daemon.wait();
  assert.deepEqual([exitCode, called], [0, false]);
  assert.ok(atTheEnd instanceof ShutdownError);
});

test("Daemon.ended resolves with how a subsystem ended, also later, and with the daemon for all others", async () => {
  const daemon = await started((builder) =>
    builder.withTask("done", () => {})
      .withTask("broken", fails, { restart: RestartPolicy.Never, retryStart: true })
      .withSupervisor("group", {}, (group) => group.withTask("child", untilTold))
      .withTask("held", untilTold, { after: ["main"] })
  );
  assert.equal((await daemon.ended("done")).state, "completed");
  const { state, error, name } = await daemon.ended("broken");
  assert.deepEqual([name, state, (error as Error).message], ["broken", "failed", "boom"]);
  await assert.rejects(daemon.ended("nobody"), SubsystemError);
  await daemon.operations.stop(["main"]);
  assert.equal((await daemon.ended("main")).reason, "stopped by an operator");
  const ends = ["group", "group/child", "held"].map((path) => daemon.ended(path));
  daemon.shutdown("enough");
  assert.deepEqual((await Promise.all(ends)).map(({ name, state }) => [name, state]), [
    ["group", "stopped"],
    ["group/child", "stopped"],
    ["held", "stopped"],
  ]);
  await daemon.wait();
  assert.equal((await daemon.ended("group/child")).state, "stopped");
});

test("A subsystem that does not stop is ended when the daemon gives up on it", async () => {
  const daemon = await started();
  const deaf = daemon.add({ name: "deaf", run: () => new Promise(() => {}) }, { stop: { timeout: "1ms" } });
  await until(() => deaf.state === "running");
  assert.equal((await deaf.remove()).outcome, "timed out");
  daemon.shutdown();
  assert.equal((await deaf.ended).state, "stopping");
  assert.deepEqual((await daemon.wait()).unstopped.map(({ path }) => path), ["deaf"]);
});

test("A temporary subsystem waits for one that is started again with what had failed below it", async () => {
  let isBroken = true;
  await using daemon = await started((builder) =>
    builder.withTask("a", (context) => isBroken ? fails() : context.cancelled(), { restart: RestartPolicy.Never, retryStart: true })
      .withTask("b", untilTold, { after: ["a"] })
      .withTask("c", untilTold, { after: ["b"] })
  );
  await daemon.operations.stop(["c"]);
  const temporary = daemon.add({ name: "temp", run: untilTold }, { temporary: true, after: ["c"] });
  isBroken = false;
  await daemon.operations.start(["b", "temp"]);
  await until(() => temporary.state === "running");
  assert.deepEqual(names(daemon), ["main", "a", "b", "c", "temp"]);
});

test("A restForOne group from which most children went restarts those behind the one that failed, and nobody else", async () => {
  const runs = new Map<string, number>();
  let crash = () => {};
  const child = (name: string) => ({
    name,
    run: async (context: Context) => {
      runs.set(name, (runs.get(name) ?? 0) + 1);
      const failed = Promise.withResolvers<void>();
      if (name === "c50") crash = () => failed.reject(new Error("boom"));
      await context.race(failed.promise);
    },
  });
  const daemon = await Daemon.builder().withSupervisor("group", { strategy: "restForOne" }, (group) => group.withSubsystem(child("first")))
    .build().start();
  const handles = Array.from({ length: 100 }, (_, index) => daemon.add(child(`c${index}`), { group: "group" }));
  await until(() => runs.size === 101);
  const kept = [10, 50, 90];
  await Promise.all(handles.filter((_, index) => !kept.includes(index)).map((handle) => handle.remove()));
  crash();
  await until(() => runs.get("c90") === 2);
  assert.deepEqual(["first", ...kept.map((index) => `c${index}`)].map((name) => runs.get(name)), [1, 1, 2, 2]);
  daemon.shutdown();
  assert.equal((await daemon.wait()).exitCode, 0);
});

test("A group that is made without a child stays while temporary ones come and go, and stops with the daemon", async () => {
  const seen: string[] = [];
  const daemon = await Daemon.builder().withSupervisor("sessions", {}, () => {}).withoutSignals().build().start();
  for (const name of ["a", "b"]) {
    const session = daemon.add({ name, run: (context) => context.sleep("1ms") }, { group: "sessions", temporary: true });
    seen.push((await session.ended).state);
    assert.deepEqual(daemon.subsystems().map((unit) => [unit.name, unit.state, unit.run]), [["sessions", "running", 1]]);
  }
  const last = daemon.add({ name: "c", run: (context) => context.cancelled() }, { group: "sessions", temporary: true });
  assert.deepEqual([seen, daemon.isShutdown()], [["completed", "completed"], false]);
  daemon.shutdown("enough");
  const { reason, exitCode } = await daemon.wait();
  assert.deepEqual([reason, exitCode, (await last.ended).state], ["enough", 0, "stopped"]);
});
