import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Config, type Context, Daemon, type DaemonBuilder } from "../../mod.ts";
import { test } from "../harness.ts";
import { until } from "../until.ts";

/** Runs one task until it ends or `whenUp` has done its work and the daemon is told to stop. */
async function running(
  task: (context: Context) => unknown,
  whenUp: (daemon: Daemon) => unknown = () => {},
  builder: DaemonBuilder = Daemon.builder(),
) {
  const daemon = await builder.withTask("a", task).build().start();
  await whenUp(daemon);
  daemon.shutdown("bye");
  return await daemon.wait();
}

test("Context.onDrain is called when a shutdown begins, before the signal aborts, and at once when that is past", async () => {
  const order: string[] = [];
  const report = await running(async (context) => {
    assert.equal(context.isDraining(), false);
    context.onDrain(() => order.push(`drain ${context.isDraining()} ${context.isShutdown()}`));
    context.onDrain(() => order.push("never"))[Symbol.dispose]();
    context.signal.addEventListener("abort", () => order.push("abort"));
    await context.cancelled();
    context.onDrain(() => order.push("late"));
  });
  assert.deepEqual(order, ["drain true false", "abort", "late"]);
  assert.deepEqual([report.exitCode, report.errors], [0, []]);
});

test("Context.onDrain is called when only this run is to stop", async () => {
  const order: string[] = [];
  await running(async (context) => {
    context.onDrain(() => order.push("drain"));
    await context.cancelled();
  }, async (daemon) => {
    await daemon.operations.stop(["a"]);
    assert.deepEqual(order, ["drain"]);
  });
  assert.deepEqual(order, ["drain"]);
});

test("Context.onDrain is taken back by the end of the run, however it ends", async () => {
  const drained: string[] = [];
  const report = await running(
    async (context) => {
      context.onDrain(() => drained.push(`run ${context.run}`));
      await context.sleep("1ms");
      if (context.run === 1) throw new Error("crash");
    },
    (daemon) => until(() => daemon.subsystems().some(({ name, state }) => name === "a" && state === "completed")),
    Daemon.builder().withTask("steady", (context) => context.cancelled()),
  );
  assert.deepEqual([drained, report.exitCode], [[], 0]);
});

test("Context.onDrain: what its function throws is charged to the subsystem, and the others are called", async () => {
  const order: string[] = [];
  const { errors } = await running(async (context) => {
    context.onDrain(() => {
      throw new Error("boom");
    });
    context.onDrain(() => order.push("second"));
    await context.cancelled();
  });
  assert.deepEqual(order, ["second"]);
  assert.match(String(errors[0]), /listener of a: boom/);
});

test("Subsystem.stopIntake is called at the beginning of a shutdown, before the first subsystem is told to stop", async () => {
  const order: string[] = [];
  const subsystem = (name: string) => ({
    name,
    stopIntake: () => void order.push(`${name} intake`),
    run: (context: Context) => context.cancelled().then(() => void order.push(`${name} stop`)),
  });
  const daemon = await Daemon.builder().withSubsystem(subsystem("a")).withSubsystem(subsystem("b"), { after: ["a"] }).build().start();
  daemon.shutdown();
  assert.deepEqual(order.slice(0, 2), ["a intake", "b intake"]);
  await daemon.wait();
  assert.deepEqual(order, ["a intake", "b intake", "b stop", "a stop"]);
});

test("Context.spawn gives a handle whose end tells what became of the work", async () => {
  const ends: unknown[] = [];
  const { promise: seen, resolve } = Promise.withResolvers<void>();
  const { exitCode } = await running(async (context) => {
    const returned = context.spawn("returned", () => 1);
    const failed = context.spawn("failed", () => Promise.reject(undefined), { onFailure: "log" });
    const threw = context.spawn("threw", () => {
      throw "at once";
    }, { onFailure: "log" });
    const cancelled = context.spawn("cancelled", (handle) => handle.sleep("1h"));
    cancelled.cancel();
    for (const work of [returned, failed, threw, cancelled]) ends.push([work.name, await work.ended]);
    assert.equal(context.isShutdown(), false);
    resolve();
  }, () => seen);
  assert.deepEqual(ends, [
    ["returned", undefined],
    ["failed", { error: undefined }],
    ["threw", { error: "at once" }],
    ["cancelled", undefined],
  ]);
  assert.equal(exitCode, 0);
});

test("Context.spawn refuses a wrong onFailure", async () => {
  const { errors } = await running((context) => {
    for (const onFailure of ["fail", "", null, 1]) {
      assert.throws(() => context.spawn("x", () => {}, { onFailure: onFailure as "log" }), /"onFailure" must be/);
    }
  });
  assert.deepEqual(errors, []);
});

test("Context.release takes a resource back, once", async () => {
  const disposed: string[] = [];
  const resource = (name: string) => ({ [Symbol.dispose]: () => void disposed.push(name) });
  await running((context) => {
    const [kept, released] = [context.use(resource("kept")), context.use(resource("released"))];
    assert.deepEqual([context.release(released), context.release(released), context.release(resource("foreign"))], [true, false, false]);
    assert.equal(context.use(kept), kept);
  });
  assert.deepEqual(disposed, ["kept"]);
});

test("Context.signal: a listener on AbortSignal.any of it that throws is charged to the subsystem and ends nothing else", () => {
  // Bun's test runner takes uncaught errors for itself, so this needs a process of its own.
  const fixture = fileURLToPath(new URL("../fixtures/derived_signal.ts", import.meta.url));
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check", fixture] : [fixture];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  assert.equal(status, 0);
  const { order, errors } = JSON.parse(stdout);
  assert.deepEqual(order, ["second", "end", "uncaught of somebody else"]);
  assert.equal(errors.length, 1);
  assert.match(errors[0], /listener of a: boom/);
});

test("Context.cancelled wakes every kind of wait, however many races came before and after it", async () => {
  const woken: string[] = [];
  const note = (name: string) => () => void woken.push(name);
  await running(async (context) => {
    const races = async () => {
      for (let round = 0; round < 1_000; round++) await Promise.race([context.cancelled(), Promise.resolve()]);
    };
    await races();
    const waits: Promise<unknown>[] = [
      context.cancelled().then(note("then")),
      new Promise<void>((resolve, reject) => context.cancelled().then(resolve, reject)).then(note("wrapped")),
      (async () => await context.cancelled())().then(note("await")),
      // deno-lint-ignore require-await
      (async () => context.cancelled())().then(note("return")),
      Promise.all([context.cancelled(), Promise.resolve()]).then(note("all")),
      Promise.any([context.cancelled(), new Promise(() => {})]).then(note("any")),
      Promise.allSettled([context.cancelled()]).then(note("allSettled")),
    ];
    await races();
    waits.push(Promise.race([context.cancelled(), new Promise(() => {})]).then(note("race")));
    await context.cancelled();
    await Promise.all(waits);
  });
  assert.deepEqual(woken.sort(), ["all", "allSettled", "any", "await", "race", "return", "then", "wrapped"]);
});

test("Context.get and Daemon.get: the running instance of a class, or who is asked for instead", async () => {
  class Pool {
    constructor(readonly name: string) {}
    readonly run = (context: Context) => context.cancelled();
  }
  class Idle {
    readonly name = "idle";
    readonly run = () => {};
  }
  const seen: unknown[] = [];
  const first = new Pool("first");
  const daemon = Daemon.builder()
    .withSubsystem(first)
    .withSupervisor("group", {}, (group) => group.withSubsystem(new Pool("second")))
    .withSubsystem(new Idle())
    .withTask("user", (context) => {
      seen.push(context.get(Pool, "first") === first, context.get(Pool, "group/second").name);
      assert.throws(() => context.get(Pool), /an instance of Pool as only one may run, or a name must say which: first, group\/second/);
      assert.throws(() => context.get(Pool, "third"), /an instance of Pool called "third" as one must run: none does$/);
      assert.throws(() => context.get(Pool, "frist"), /called "frist" as one must run: none does; did you mean "first"\?$/);
      return context.cancelled();
    }, { after: ["group"] })
    .build();
  assert.throws(() => daemon.get(Pool), /before the daemon was started/);
  await daemon.start();
  assert.deepEqual(seen, [true, "second"]);
  // A subsystem that has ended is no instance that runs.
  assert.throws(() => daemon.get(Idle), /one must run/);
  assert.equal(daemon.get(Pool, "FIRST").name, "first");
  await daemon.operations.stop(["first"]);
  assert.equal(daemon.get(Pool).name, "second");
  daemon.shutdown();
  assert.equal((await daemon.wait()).exitCode, 0);
});

test("Context.bus and Context.config are those of the daemon", async () => {
  const daemon: Daemon = Daemon.builder(Config.builder().name("context-test").build()).withTask("user", async (context) => {
    assert.equal(context.bus, daemon.bus);
    assert.equal(context.config, daemon.config);
    assert.equal(context.config.name, "context-test");
    context.requestShutdown("seen");
    await context.cancelled();
  }).build();
  const { exitCode, reason } = await daemon.run({ ownsProcess: false });
  assert.deepEqual([exitCode, reason], [0, "seen"]);
});

test("Context refuses at the call what is no function, and a name that is no text", async () => {
  const report = await Daemon.builder().withTask("a", (context) => {
    for (const call of [() => context.spawn("w", 5 as never), () => context.onDrain(5 as never), () => context.onForce("x" as never)]) {
      assert.throws(call, /"fn" must be a function: current value is (5|"x")/);
    }
    assert.throws(() => context.onKill(undefined as never), /"fn" must be a function/);
    assert.throws(() => context.spawn(5 as never, () => {}), /"name" must be a text/);
    context.requestShutdown("done");
  }).run({ ownsProcess: false });
  assert.equal(report.exitCode, 0);
});
