import assert from "node:assert/strict";
import {
  Config,
  type Context,
  Daemon,
  DaemonError,
  type DaemonEvent,
  isDaemonError,
  RestartPolicy,
  type ShutdownRequest,
  type Subsystem,
  type SubsystemSpec,
  type SupervisorOptions,
} from "../../mod.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { until } from "../until.ts";

const untilTold = (context: Context) => context.cancelled();
const always = { restart: RestartPolicy.always({ delay: 0 }) };

test("Context.fatal: a run that throws it is not restarted, under any policy, and its cause is told", async () => {
  for (const where of ["run", "spawned", "run with a disposer that throws"] as const) {
    let runs = 0;
    await using daemon = await Daemon.builder()
      .withTask("main", untilTold)
      .withTask("worker", async (context) => {
        runs++;
        await context.sleep("1ms");
        const fail = () => {
          throw context.fatal(new Error("no licence"));
        };
        if (where.endsWith("throws")) {
          context.use({
            [Symbol.dispose]() {
              throw new Error("stuck");
            },
          });
        }
        if (where.startsWith("run")) fail();
        context.spawn("work", fail);
        await context.cancelled();
      }, always).build().start();
    const { state, reason, error } = await daemon.ended("worker");
    assert.deepEqual([runs, state, reason], [1, "fatal", "no licence"]);
    const fatal = error instanceof SuppressedError ? error.suppressed : error;
    assert.ok(isDaemonError(fatal) && fatal.code === "SUBSYSTEM_FATAL");
    assert.equal((fatal.cause as Error).message, "no licence");
    await daemon.operations.start(["worker"]);
    assert.equal(runs, 2, "an operator may try again");
  }
});

test("Context.fatal of an essential subsystem ends the daemon with the code of its cause", async () => {
  const report = await Daemon.builder().withTask("main", untilTold).withTask("worker", async (context) => {
    await context.sleep("1ms");
    throw context.fatal("no licence");
  }, { ...always, essential: true }).withoutSignals().run({ ownsProcess: false });
  assert.equal(report.exitCode, 1);
  assert.match(report.reason, /worker is essential and ended: Cannot run worker any more: no licence/);
});

test("Context.stop stops its own subsystem, which is not restarted; what comes after it goes on", async () => {
  await using daemon = await Daemon.builder()
    .withTask("user", untilTold, { after: ["main"] })
    .withTask("main", async (context) => {
      await context.sleep("1ms");
      context.stop();
      assert.equal(context.isShutdown(), true);
      await context.cancelled();
      context.stop();
    }, always).build().start();
  const { state, reason, error } = await daemon.ended("main");
  assert.deepEqual([state, reason, error], ["stopped", "stopped by itself", undefined]);
  assert.deepEqual(daemon.subsystems().map(({ name, state, run }) => [name, state, run]), [["user", "running", 1], ["main", "stopped", 1]]);
});

test("Context.stop of the last subsystem ends the daemon, as nothing is left and nobody stopped it from outside", async () => {
  const report = await Daemon.builder().withTask("main", async (context) => {
    await context.sleep("1ms");
    context.stop();
    await context.cancelled();
  }, always).withoutSignals().run({ ownsProcess: false });
  assert.deepEqual([report.reason, report.exitCode], ["no subsystem is left", 0]);
});

test("Context.stop of a group ends the group in order, and at the root the daemon", async () => {
  const order: string[] = [];
  const noting = (name: string) => async (context: Context) => {
    await context.cancelled();
    order.push(name);
  };
  const daemon = await Daemon.builder()
    .withSupervisor("group", {}, (group) =>
      group.withTask("a", noting("a"))
        .withTask("b", async (context) => {
          await context.sleep("1ms");
          context.stop({ scope: "group" });
          await noting("b")(context);
        }, { after: ["a"] }))
    .withTask("main", async (context) => {
      await context.race(daemonStarted.promise);
      assert.equal((await (await daemonStarted.promise).ended("group")).state, "completed");
      context.stop({ scope: "group" });
      await context.cancelled();
    })
    .withTask("other", noting("other")).build();
  const daemonStarted = Promise.withResolvers<Daemon>();
  await daemon.start();
  daemonStarted.resolve(daemon);
  const report = await daemon.wait();
  assert.deepEqual([order, report.reason, report.exitCode], [["b", "a", "other"], "main asked for the end", 0]);
});

test("Context.stop refuses what it does not know, and does nothing after the run", async () => {
  let late: Context | undefined;
  await using daemon = await Daemon.builder().withTask("main", untilTold).withTask("short", (context) => {
    assert.throws(() => context.stop({ scope: "all" } as never), RangeError);
    assert.throws(() => context.stop({ group: true } as never), TypeError);
    late = context;
  }).build().start();
  late!.stop({ scope: "group" });
  assert.equal(daemon.isShutdown(), false);
});

test("shutdown takes a reason, a code and force, of which the first code holds; what is wrong is refused", async () => {
  const wrong: [unknown, RegExp][] = [
    [{ exitCode: 256 }, /"exitCode" must be an integer from 0 to 255: current value is 256/],
    [{ exitCode: "1" }, /"exitCode"/],
    [{ force: 1 }, /"force" must be true or false/],
    [{ reason: 1 }, /"reason" must be a text/],
    [{ code: 1 }, /"code" is no option/],
  ];
  const daemon = await Daemon.builder().withTask("main", untilTold).build().start();
  for (const [request, message] of wrong) assert.throws(() => daemon.shutdown(request as ShutdownRequest), message);
  assert.equal(daemon.isShutdown(), false);
  assert.equal(daemon.shutdown({ reason: "first", exitCode: 5 }), true);
  assert.equal(daemon.shutdown({ reason: "second", exitCode: 6 }), false);
  const { reason, exitCode } = await daemon.wait();
  assert.deepEqual([reason, exitCode], ["first", 5]);

  const early = Daemon.builder().withTask("main", untilTold).build();
  early.shutdown({ reason: "too early", exitCode: 7 });
  assert.equal((await early.run({ ownsProcess: false })).exitCode, 7);
});

test("shutdown with force leaves no graceful time, at once or on top of a shutdown that has begun; its code is 1 unless one is given", async () => {
  for (const begin of [undefined, "graceful", "inside"] as const) {
    let context!: Context;
    const daemon = await Daemon.builder().withTask("slow", async (own) => {
      context = own;
      const forced = Promise.withResolvers<void>();
      own.onForce(forced.resolve);
      await forced.promise;
    }).build().start();
    if (begin === "graceful") daemon.shutdown("first");
    if (begin === "inside") context.requestShutdown({ force: true });
    else daemon.shutdown({ force: true });
    const { exitCode, unstopped } = await daemon.wait();
    assert.deepEqual([exitCode, unstopped], [1, []]);
  }
});

test("builder.onEvent sees every event from the first one on, until it is taken back", async () => {
  const seen: DaemonEvent[] = [];
  const builder = Daemon.builder().withTask("first", untilTold).withTask("second", untilTold, { after: ["first"] });
  const undo = builder.onEvent((event) => seen.push(event));
  const daemon = await builder.build().start();
  const told = seen.map((event) => event.type === "unit.state" ? `${event.name} ${event.to}` : event.type);
  assert.deepEqual(told.filter((text) => !text.endsWith("ready") && !text.endsWith("waiting")), [
    "daemon.starting",
    "first starting",
    "first running",
    "second starting",
    "second running",
  ]);
  assert.deepEqual(seen.map(({ seq }) => seq), seen.map((_, index) => index + 1));
  undo[Symbol.dispose]();
  const { length } = seen;
  daemon.shutdown();
  await daemon.wait();
  assert.equal(seen.length, length);
  assert.throws(() => builder.onEvent("all" as never), TypeError);
});

test("builder.onEvent: what a listener throws or rejects with is reported, and the others are called", async () => {
  const builder = Daemon.builder().withTask("main", untilTold);
  let calls = 0;
  builder.onEvent((event) => {
    if (event.type === "daemon.starting") throw new Error("thrown");
  });
  builder.onEvent((event) => event.type === "daemon.starting" ? Promise.reject(new Error("rejected")) : undefined);
  builder.onEvent(() => calls++);
  const daemon = await builder.build().start();
  await until(() => calls > 2);
  daemon.shutdown();
  const { errors, exitCode } = await daemon.wait();
  assert.deepEqual(errors.map((error) => (error as Error).message), [
    "Cannot run a listener of events: thrown",
    "Cannot run a listener of events: rejected",
  ]);
  assert.equal(exitCode, 0);
});

test("A subsystem that failed for good beside others makes the exit code 1, with an entry, unless somebody has said otherwise", async () => {
  const boom = async (context: Context) => {
    await context.sleep("1ms");
    throw new Error("boom");
  };
  const never = { restart: RestartPolicy.Never };
  const end = async (build: (builder: ReturnType<typeof Daemon.builder>) => void, name: string, then?: (daemon: Daemon) => unknown) => {
    const builder = Daemon.builder().withTask("main", untilTold);
    build(builder);
    const daemon = await builder.build().start();
    await daemon.ended(name);
    await then?.(daemon);
    daemon.shutdown();
    const { exitCode, errors } = await daemon.wait();
    return [exitCode, errors.map((error) => (error as Error).message)];
  };
  const entry = (name: string) => [`Cannot end cleanly as ${name} has failed for good: boom`];
  assert.deepEqual(await end((builder) => builder.withTask("worker", boom, never), "worker"), [1, entry("worker")]);
  const inGroup = (builder: ReturnType<typeof Daemon.builder>) =>
    void builder.withSupervisor("group", {}, (group) => group.withTask("steady", untilTold).withTask("worker", boom, never));
  assert.deepEqual(await end(inGroup, "group/worker"), [1, entry("group/worker")]);
  const mayFail = (builder: ReturnType<typeof Daemon.builder>) => void builder.withTask("worker", boom, { ...never, significant: false });
  assert.deepEqual(await end(mayFail, "worker"), [0, []]);
  assert.deepEqual(
    await end((builder) => builder.withTask("worker", boom, never), "worker", (daemon) => daemon.operations.stop(["worker"])),
    [0, []],
  );
  const temporary = await Daemon.builder().withTask("main", untilTold).build().start();
  await temporary.add({ name: "worker", run: boom }, { temporary: true }).ended;
  temporary.shutdown();
  assert.equal((await temporary.wait()).exitCode, 0);
  const named = await Daemon.builder().withTask("main", untilTold).withTask("worker", boom, never).build().start();
  await named.ended("worker");
  named.shutdown({ exitCode: 0 });
  assert.equal((await named.wait()).exitCode, 0);
});

test("What may fail fails nobody else, also when nothing else is left: neither its group nor the daemon", async () => {
  const boom = async (context: Context) => {
    await context.sleep("1ms");
    throw new Error("boom");
  };
  const mayFail = { restart: RestartPolicy.Never, significant: false };
  const alone = await Daemon.builder().withTask("worker", boom, mayFail).withoutSignals().run({ ownsProcess: false });
  assert.deepEqual([alone.exitCode, alone.reason, alone.errors], [0, "no subsystem is left", []]);
  const daemon = Daemon.builder().withSupervisor("group", {}, (group) => group.withTask("worker", boom, mayFail)).withoutSignals().build();
  const inGroup = await daemon.run({ ownsProcess: false });
  assert.deepEqual([inGroup.exitCode, inGroup.reason, inGroup.errors], [0, "no subsystem is left", []]);
  assert.deepEqual(daemon.subsystems().map(({ name, state }) => [name, state]), [["group", "completed"], ["group/worker", "failed"]]);
  const both = await Daemon.builder().withTask("worker", boom, mayFail).withTask("other", boom, { restart: RestartPolicy.Never })
    .withoutSignals().run({ ownsProcess: false });
  assert.deepEqual([both.exitCode, both.reason], [1, "every unit has failed"]);
  assert.deepEqual(both.errors.map((error) => (error as Error).message), ["Cannot go on as other has failed: boom"]);
});

test("Who throws undefined while stopping has failed its stop like any other", async () => {
  const daemon = await Daemon.builder().withTask("worker", async (context) => {
    await context.cancelled();
    throw undefined;
  }).build().start();
  daemon.shutdown();
  const { exitCode, errors } = await daemon.wait();
  assert.deepEqual([exitCode, errors.map((error) => (error as Error).message)], [
    1,
    ["Cannot stop worker cleanly: undefined was thrown"],
  ]);
});

test("A run ends by whatever it throws: by a proxy of our own errors, and by a circle of suppressed ones", async () => {
  const get = () => {
    throw new Error("hostile");
  };
  const circle = new SuppressedError(new Error("outer"), undefined, "circle");
  circle.suppressed = circle;
  const ours = new DaemonError("RUNTIME_STATE", "ours");
  for (const thrown of [circle, new Proxy(ours, { get }), Object.defineProperty(new SuppressedError(1, 2), "suppressed", { get })]) {
    const daemon = await Daemon.builder().withTask("main", untilTold).withTask("worker", async (context) => {
      await context.sleep("1ms");
      throw thrown;
    }, { restart: RestartPolicy.Never }).build().start();
    assert.equal((await daemon.ended("worker")).state, "failed");
    daemon.shutdown();
    const { exitCode, errors } = await daemon.wait();
    assert.deepEqual([exitCode, errors.length], [1, 1]);
  }
});

test("A group whose last child has failed for good fails with it, and so does the daemon that has nothing else", async () => {
  const boom = async (context: Context) => {
    await context.sleep("1ms");
    throw new Error("boom");
  };
  const daemon = Daemon.builder().withSupervisor(
    "group",
    {},
    (group) => group.withTask("done", () => {}).withTask("worker", boom, { restart: RestartPolicy.Never }),
  ).withoutSignals().build();
  const { exitCode, reason, errors } = await daemon.run({ ownsProcess: false });
  assert.deepEqual([exitCode, reason], [1, "every unit has failed"]);
  assert.deepEqual(errors.map((error) => (error as Error).message), [
    "Cannot go on as group has failed: Cannot go on as group/worker is failed: boom",
  ]);
  assert.equal((await daemon.ended("group")).state, "failed");
});

test("A failure for good inside a group is in code and report however the group ends, and only a significant one starts it again", async () => {
  const never = { restart: RestartPolicy.Never };
  const boom = async (context: Context) => {
    await context.sleep("1ms");
    throw new Error("boom");
  };
  /** Ends once `worker` has failed. */
  const later = (end: (context: Context) => unknown) => async (context: Context) => {
    await context.race(failed.promise);
    await end(context);
  };
  const asks = later((context) => {
    context.stop({ scope: "group" });
    return context.cancelled();
  });
  let failed: PromiseWithResolvers<void>;
  const cases: {
    ends: string;
    options?: SupervisorOptions;
    worker?: SubsystemSpec;
    other?: [Subsystem["run"], SubsystemSpec?];
    isBelow?: boolean;
    runs: number;
    isClean?: boolean;
  }[] = [
    { ends: "with its significant child", options: { autoShutdown: "anySignificant" }, worker: { significant: true }, runs: 2 },
    {
      ends: "with the last of two significant ones",
      options: { autoShutdown: "allSignificant" },
      worker: { significant: true },
      other: [later(() => {}), { significant: true }],
      runs: 2,
    },
    {
      ends: "with a significant child that has completed",
      options: { autoShutdown: "anySignificant" },
      other: [later(() => {}), { significant: true }],
      runs: 1,
    },
    { ends: "as it was asked to", other: [asks], runs: 1 },
    { ends: "as it was asked to, above the group of the failure", other: [asks], isBelow: true, runs: 1 },
    { ends: "as it was asked to, after what may fail", worker: { significant: false }, other: [asks], runs: 1, isClean: true },
  ];
  for (const { ends, options = {}, worker, other, isBelow = false, runs, isClean = false } of cases) {
    failed = Promise.withResolvers();
    const builder = Daemon.builder().withTask("main", untilTold).withSupervisor("group", options, (group) => {
      const withWorker = (inner: typeof group) => void inner.withTask("worker", boom, { ...never, ...worker });
      if (isBelow) group.withSupervisor("inner", {}, (inner) => withWorker(inner.withTask("steady", untilTold)));
      else withWorker(group);
      if (other !== undefined) group.withTask("other", other[0], { ...never, ...other[1] });
    }, { restart: RestartPolicy.onFailure({ delay: 0, maxRestarts: 1 }) });
    builder.onEvent((event) => {
      if (event.type === "unit.state" && event.name.endsWith("/worker") && event.to === "failed") failed.resolve();
    });
    await using daemon = await builder.build().start();
    const { state } = await daemon.ended("group");
    assert.deepEqual([state === "completed", daemon.subsystems().find(({ name }) => name === "group")!.run], [isClean, runs], ends);
    daemon.shutdown();
    const { exitCode, errors } = await daemon.wait();
    const told = errors.map((error) => (error as Error).message);
    if (isClean) assert.deepEqual([exitCode, told], [0, []], ends);
    else {
      assert.deepEqual([exitCode, told.length], [1, 1], ends);
      assert.match(told[0], /^Cannot end cleanly as group has failed for good: .*group\/(inner\/)?worker is failed: boom/, ends);
    }
  }
});

test("shutdown with force waits for who is deaf until the time of killing is over, or force is asked for again", async () => {
  for (const asks of [1, 2]) {
    const host = new FakeHost();
    const config = Config.builder().shutdownTimeout("1s").forceTimeout("2s").killTimeout("9s").build();
    const deaf = Promise.withResolvers<void>();
    const daemon = await Daemon.builder(config).withTask("deaf", () => deaf.promise).withHost(host).build().start();
    daemon.shutdown({ force: true });
    if (asks === 1) await host.clock.advance(6_999);
    else daemon.shutdown({ force: true });
    assert.equal(daemon.isRunning(), asks === 1);
    if (asks === 1) await host.clock.advance(1);
    const { exitCode, unstopped } = await daemon.wait();
    assert.deepEqual([exitCode, unstopped.map(({ path }) => path)], [1, ["deaf"]]);
    deaf.resolve();
  }
});

test("A daemon ends with its last subsystem when that is removed or ends by itself, and goes on when it was stopped from outside", async () => {
  const daemon = await Daemon.builder().withTask("first", (context) => context.sleep("1ms")).withTask("main", untilTold).build().start();
  await daemon.operations.stop(["main"]);
  assert.equal((await daemon.ended("first")).state, "completed");
  const added = daemon.add({ name: "added", run: untilTold });
  await added.stop();
  assert.equal(daemon.isShutdown(), false);
  assert.deepEqual((await daemon.operations.start(["added"])).map(({ outcome }) => outcome), ["started"]);
  await added.remove();
  assert.equal(daemon.isShutdown(), false, "an operator may start main again");
  await daemon.operations.start(["main"]);
  const last = await Daemon.builder().withTask("first", (context) => context.sleep("1ms")).build().start();
  const only = last.add({ name: "only", run: untilTold });
  assert.equal((await last.ended("first")).state, "completed");
  assert.equal(last.isShutdown(), false);
  await only.remove();
  assert.equal((await last.wait()).reason, "no subsystem is left");
  daemon.shutdown();
  assert.equal((await daemon.wait()).exitCode, 0);
});
