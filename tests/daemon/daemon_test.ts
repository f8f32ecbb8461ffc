import assert from "node:assert/strict";
import { Config, type Context, Daemon, type DaemonEvent, IoError, RestartPolicy, ShutdownError, SubsystemError } from "../../mod.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

const untilTold = (context: Context) => context.cancelled();

test("Daemon starts in order of after, and stops in reverse", async () => {
  const notes: string[] = [];
  const task = (name: string) => async (context: Context) => {
    notes.push(`start ${name}`);
    await context.cancelled();
    notes.push(`stop ${name}`);
  };
  const daemon = Daemon.builder()
    .withTask("web", task("web"), { after: ["api"] })
    .withTask("api", task("api"), { after: ["db"] })
    .withTask("db", task("db"))
    .build();
  await daemon.start();
  daemon.shutdown("end of test");
  const report = await daemon.wait();
  assert.deepEqual(notes, ["start db", "start api", "start web", "stop web", "stop api", "stop db"]);
  assert.deepEqual([report.exitCode, report.reason, report.errors, report.unstopped], [0, "end of test", [], []]);
});

test("Daemon: two of them live in one process, each with its own end", async () => {
  const [first, second] = ["first", "second"].map((name) =>
    Daemon.builder(Config.builder().name(name).build()).withTask("main", untilTold).build()
  );
  await Promise.all([first.start(), second.start()]);
  first.shutdown();
  assert.equal((await first.wait()).exitCode, 0);
  assert.equal(second.isRunning(), true);
  second.shutdown();
  assert.equal((await second.wait()).exitCode, 0);
});

test("Daemon.run resolves when no subsystem is left, with 0 or with the failure", async () => {
  const good = await Daemon.builder().withTask("quick", () => {}).run({ ownsProcess: false });
  assert.deepEqual([good.exitCode, good.reason], [0, "no subsystem is left"]);
  const bad = await Daemon.builder()
    .withTask("quick", async (context) => {
      await context.sleep(1);
      throw new Error("boom");
    }, { restart: RestartPolicy.Never })
    .run({ ownsProcess: false });
  assert.equal(bad.exitCode, 1);
  assert.match(String(bad.errors[0]), /quick has failed: boom/);
});

test("Daemon.run with no subsystem at all ends at once", async () => {
  assert.equal((await Daemon.builder().run({ ownsProcess: false })).exitCode, 0);
});

test("Daemon.start rejects when a subsystem fails before it is ready, after the others were stopped", async () => {
  const notes: string[] = [];
  const daemon = Daemon.builder()
    .withTask("db", async (context) => {
      await context.cancelled();
      notes.push("db stopped");
    })
    .withTask("api", () => {
      throw new Error("port in use");
    }, { after: ["db"] })
    .build();
  await assert.rejects(daemon.start(), (error) => error instanceof SubsystemError && error.subsystem === "api");
  assert.deepEqual(notes, ["db stopped"]);
  const report = await daemon.wait();
  assert.equal(report.exitCode, 1);
  assert.match(String(report.errors[0]), /Cannot start api: port in use/);
});

// Acceptance library 19: awaiting shutdown inside a subsystem does not deadlock.
test("Daemon.shutdown from inside a subsystem returns at once and does not deadlock", async () => {
  const daemon: Daemon = Daemon.builder().withTask("main", async () => {
    await Promise.resolve();
    assert.equal(await daemon.shutdown("from inside"), true);
    assert.equal(await daemon.shutdown("again"), false);
  }).build();
  await daemon.start();
  assert.deepEqual([(await daemon.wait()).reason, daemon.shutdownReason], ["from inside", "from inside"]);
});

test("Daemon.shutdown before the start wakes who waits, and the start is refused", async () => {
  let ran = false;
  const daemon = Daemon.builder().withTask("main", () => void (ran = true)).build();
  const cancelled = daemon.cancelled();
  daemon.shutdown("early");
  await cancelled;
  await assert.rejects(daemon.start(), ShutdownError);
  assert.equal((await daemon.wait()).exitCode, 0);
  assert.equal(ran, false);
});

test("Daemon.shutdown during the start stops what has started, in reverse, with 0", async () => {
  const notes: string[] = [];
  const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
  const daemon = Daemon.builder()
    .withTask("db", async (context) => {
      await context.cancelled();
      notes.push("db stopped");
    })
    .withTask("slow", async (context) => {
      enter();
      await context.cancelled();
      notes.push("slow stopped");
    }, { after: ["db"], readiness: "manual" })
    .withTask("never", () => void notes.push("never ran"), { after: ["slow"] })
    .build();
  const started = daemon.start();
  await entered;
  daemon.shutdown("too late");
  await assert.rejects(started, ShutdownError);
  assert.deepEqual(notes, ["slow stopped", "db stopped"]);
  assert.equal((await daemon.wait()).exitCode, 0);
});

test("Daemon.run, start and operations answer when the daemon gives up on a run whose own time to stop is longer", async () => {
  const config = Config.builder().shutdownTimeout(10).forceTimeout(20).killTimeout(30).build();
  const deaf = () => new Promise<void>(() => {});
  const starting = Daemon.builder(config)
    .withSupervisor("group", {}, (group) => group.withTask("deaf", deaf, { readiness: "manual", stop: { timeout: "1h" } }))
    .build();
  const ended = starting.run({ ownsProcess: false });
  await Promise.resolve();
  starting.shutdown("too slow");
  assert.deepEqual((await ended).unstopped.map(({ path }) => path), ["group/deaf"]);

  const running = await Daemon.builder(config).withTask("deaf", deaf, { stop: { timeout: "1h" } }).build().start();
  const stopped = running.operations.stop(["deaf"], {});
  running.shutdown("too slow");
  assert.deepEqual((await stopped).map(({ outcome }) => outcome), ["timed out"]);
  assert.equal((await running.wait()).exitCode, 1);
});

// Acceptance library 20: register during shutdown is refused, the function never called.
test("Daemon.add during shutdown is refused and the subsystem never called", async () => {
  let called = false;
  const daemon = Daemon.builder().withTask("main", untilTold).build();
  await daemon.start();
  daemon.shutdown();
  assert.throws(() => daemon.add({ name: "late", run: () => void (called = true) }), ShutdownError);
  await daemon.wait();
  assert.equal(called, false);
});

test("Daemon.add refuses what the builder refuses, and what was refused leaves nothing behind", async () => {
  const daemon = await Daemon.builder().withTask("main", untilTold).build().start();
  for (
    const [name, after, message] of [
      ["a/b", [], /its name must be/],
      ["all", [], /reserved/],
      ["Main", [], /must be free/],
      ["late", ["late"], /must name a sibling/],
      ["late", ["main", "nobody"], /must name a sibling: current value is "nobody"/],
    ] as const
  ) {
    assert.throws(
      () => daemon.add({ name, run: untilTold }, { after }),
      (error) => error instanceof RangeError && message.test(error.message),
    );
  }
  assert.throws(() => daemon.add({ name: "late" } as never), TypeError);
  assert.deepEqual(daemon.subsystems().map(({ name }) => name), ["main"]);
  daemon.add({ name: "late", run: untilTold }, { after: ["main"] });
  await daemon.operations.wait(["late"], "ready", {});
  assert.deepEqual(daemon.subsystems().map(({ name, state }) => [name, state]), [["main", "running"], ["late", "running"]]);
  daemon.shutdown();
  assert.equal((await daemon.wait()).exitCode, 0);
});

test("Daemon.start twice is refused", async () => {
  await using daemon = Daemon.builder().withTask("main", untilTold).build();
  await daemon.start();
  await assert.rejects(daemon.start(), /twice/);
});

// Acceptance library 25: a throw in an abort callback is charged to its subsystem, exit 1.
test("Daemon: a throw in an abort listener ends with 1 and names its subsystem", async () => {
  const daemon = Daemon.builder().withTask("main", (context) => {
    context.signal.addEventListener("abort", () => {
      throw new Error("bad listener");
    });
    return context.cancelled();
  }).withTask("other", untilTold).build();
  await daemon.start();
  daemon.shutdown();
  const report = await daemon.wait();
  assert.equal(report.exitCode, 1);
  assert.match(String(report.errors[0]), /abort listener of main: bad listener/);
});

test("Daemon.bus tells every step of a subsystem's life, numbered without gaps", async () => {
  const events: DaemonEvent[] = [];
  const daemon = Daemon.builder().withTask("main", untilTold).build();
  await daemon.start();
  using _events = daemon.bus.on("event", (event) => void events.push(event));
  await daemon.operations.restart(["main"], {});
  daemon.shutdown();
  await daemon.wait();
  const moves = events.flatMap((event) => event.type === "unit.state" ? [`${event.from}>${event.to}`] : []);
  assert.deepEqual(moves.slice(0, 5), ["running>stopping", "stopping>stopped", "stopped>waiting", "waiting>starting", "starting>running"]);
  events.forEach((event, index) => assert.equal(event.seq, index + 1));
});

test("Daemon.builder: wrong names and edges throw in build or before", () => {
  for (const name of ["", "a/b", "all", "daemon", "-x", "x".repeat(64)]) {
    assert.throws(() => Daemon.builder().withTask(name, untilTold), RangeError, name);
  }
  assert.throws(() => Daemon.builder().withTask("api", untilTold).withTask("API", untilTold), /must be free/);
  assert.throws(
    () => Daemon.builder().withTask("a", untilTold, { after: ["b"] }).withTask("b", untilTold, { after: ["a"] }).build(),
    /a → b → a/,
  );
  assert.throws(() => Daemon.builder().withTask("a", untilTold, { after: ["ghost"] }).build(), /"ghost"/);
  assert.throws(() => Daemon.builder().withSubsystem({ name: "a" } as never), TypeError);
  assert.throws(() => Daemon.builder().withTask("a", untilTold, { stop: { timeout: "5" } }), RangeError);
  assert.throws(() => Daemon.builder().withTask("a", untilTold, { restart: "always" as never }), TypeError);
});

test("Daemon.withSubsystemFn makes its task anew for each run", async () => {
  const made: number[] = [];
  const daemon = Daemon.builder().withSubsystemFn("counter", () => {
    let runs = 0;
    return (context) => {
      made.push(++runs);
      return context.cancelled();
    };
  }).build();
  await daemon.start();
  await daemon.operations.restart(["counter"], {});
  daemon.shutdown();
  await daemon.wait();
  assert.deepEqual(made, [1, 1]);
});

// Acceptance library 5: the sixth failure in the window fails the supervisor, siblings stop in reverse, exit is not 0.
test("Daemon.withSupervisor: a group that gives up fails the daemon with 1", async () => {
  const report = await Daemon.builder()
    .withSupervisor("group", { maxRestarts: 2, within: "30s" }, (group) =>
      group.withTask("flaky", async (context) => {
        await context.sleep(1);
        throw new Error("boom");
      }, { restart: RestartPolicy.onFailure({ delay: 0, maxRestarts: Infinity }) }).withTask("steady", untilTold))
    .run({ ownsProcess: false });
  assert.equal(report.exitCode, 1);
  assert.match(String(report.errors[0]), /group has failed: Cannot restart group\/flaky any more/);
});

test("Daemon.getStats counts by state", async () => {
  const daemon = Daemon.builder().withTask("a", untilTold).withTask("b", () => {}).build();
  await daemon.start();
  assert.deepEqual(daemon.getStats().states, { running: 1, completed: 1 });
  daemon.shutdown("counted");
  await daemon.wait();
  assert.deepEqual([daemon.getStats().isShutdown, daemon.getStats().shutdownReason], [true, "counted"]);
});

test("Daemon.wait: what can't be undone at the end is in the report and in the exit code", async () => {
  const host = new FakeHost();
  host.files.remove = (path) => {
    throw new IoError("IO_DENIED", `Cannot remove ${path}`);
  };
  const daemon = await Daemon.builder().withTask("main", untilTold).withPidFile("/run/my.pid").withHost(host).build().start();
  daemon.shutdown();
  const { exitCode, errors } = await daemon.wait();
  assert.deepEqual([exitCode, errors.map(String)], [1, ["IoError: Cannot remove /run/my.pid"]]);
});

test("Daemon.wait: what an unstopped run does after the end changes no report", async () => {
  const config = Config.builder().shutdownTimeout(10).forceTimeout(20).killTimeout(30).build();
  const late = Promise.withResolvers<void>();
  const daemon = await Daemon.builder(config).withTask("deaf", () => late.promise, { stop: { timeout: "1h" } }).build().start();
  daemon.shutdown();
  const { errors } = await daemon.wait();
  late.reject(new Error("too late"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(errors, []);
});

test("Daemon.shutdownTime is the host's time", async () => {
  const host = new FakeHost();
  const daemon = await Daemon.builder().withTask("main", untilTold).withHost(host).build().start();
  daemon.shutdown();
  assert.equal(daemon.shutdownTime, host.clock.wallMs());
  await daemon.wait();
});
