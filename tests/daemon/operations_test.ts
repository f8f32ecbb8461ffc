import assert from "node:assert/strict";
import { Config, type Context, Daemon, type DaemonEvent } from "../../mod.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

const untilTold = (context: Context) => context.cancelled();

test("DaemonOperations.wait resolves when the unit is there, also while the daemon stops", async () => {
  const { promise: told, resolve: tell } = Promise.withResolvers<void>();
  const slow = async (context: Context) => {
    await told;
    context.ready();
    await context.cancelled();
  };
  const daemon = Daemon.builder(Config.builder().name("waiting").build()).withTask("slow", slow, { readiness: "manual" }).build();
  const running = daemon.start();
  const ready = daemon.operations.wait(["slow"], "ready", {});
  tell();
  assert.deepEqual((await ready).map(({ outcome, ok }) => [outcome, ok]), [["ready", true]]);
  await running;
  const stopped = daemon.operations.wait(["slow"], "stopped", {});
  daemon.shutdown();
  assert.deepEqual((await stopped).map(({ outcome, ok }) => [outcome, ok]), [["stopped", true]]);
  await daemon.wait();
});

test("DaemonOperations.events gives what happened since the operations were first asked for, and what follows goes on from there", async () => {
  const daemon = await Daemon.builder().withTask("main", untilTold).build().start();
  const { operations } = daemon;
  assert.deepEqual(operations.events(), []);
  const followed: DaemonEvent[] = [];
  using _following = operations.followEvents((event) => followed.push(event));
  await operations.stop(["main"], {});
  assert.ok(followed.some((event) => event.type === "unit.state" && event.to === "stopped"));
  assert.deepEqual(operations.events(), followed);
  daemon.shutdown();
  await daemon.wait();
});

test("DaemonOperations.signal says of what is no service that it has no process", async () => {
  const daemon = await Daemon.builder().withTask("main", untilTold).build().start();
  assert.deepEqual(daemon.operations.signal(["main"], "SIGHUP"), [
    { name: "main", state: "running", outcome: "no service", ok: false, reason: "a task has no process" },
  ]);
  daemon.shutdown();
  await daemon.wait();
});

test("DaemonOperations.measures tells whether every unit has started once, and counts what was published and lost", async () => {
  const { promise: told, resolve: tell } = Promise.withResolvers<void>();
  const slow = async (context: Context) => {
    await told;
    context.ready();
    await context.cancelled();
  };
  const daemon = Daemon.builder().withTask("slow", slow, { readiness: "manual" }).build();
  const running = daemon.start();
  assert.deepEqual(daemon.operations.measures(), {
    hasStarted: false,
    reloads: { applied: 0, unchanged: 0, refused: 0 },
    eventsPublished: 0,
    busLagged: 0,
    process: {},
  });
  tell();
  await running;
  const { eventsPublished: own } = daemon.operations.measures();
  assert.ok(own >= daemon.operations.events().length && own > 0);
  for (let count = 0; count <= own; count++) daemon.bus.publish("readiness", { ready: true, missing: [] });
  const { hasStarted, eventsPublished } = daemon.operations.measures();
  assert.deepEqual([hasStarted, eventsPublished], [true, own + 1]);
  daemon.shutdown();
  await daemon.wait();
  assert.equal(daemon.operations.measures().hasStarted, true);
});

test("DaemonOperations.status tells the start of a daemon and of a run once: it does not move with the wall clock", async () => {
  const host = new FakeHost();
  const daemon = await Daemon.builder().withTask("main", untilTold).withHost(host).build().start();
  const starts = () => {
    const { startedAt, units } = daemon.operations.status();
    return [startedAt, units[0].startedAt];
  };
  const before = starts();
  host.clock.jumpWall(3_600_000);
  await host.clock.advance(10);
  assert.deepEqual(starts(), before);
  const restarting = daemon.operations.restart(["main"], {});
  await host.clock.advance(10);
  await restarting;
  assert.notEqual(starts()[1], before[1]);
  daemon.shutdown();
  await daemon.wait();
});

test("DaemonOperations.resolve: a name with its instances, without case; * is any text and ? any character", async () => {
  const daemon = Daemon.builder().withHost(new FakeHost());
  for (const [name, instances] of [["api", 1], ["payments-gateway-worker", 12], ["web", 2]] as const) {
    daemon.withService(name, { run: ["missing"], restart: "never", instances });
  }
  const built = daemon.build();
  await built.start();
  const rows: [pattern: string, names: string[]][] = [
    ["api", ["api"]],
    ["API", ["api"]],
    ["web", ["web@0", "web@1"]],
    ["web@1", ["web@1"]],
    ["*", built.subsystems().map(({ name }) => name)],
    ["w*", ["web@0", "web@1"]],
    ["?e?", ["web@0", "web@1"]],
    ["*@1", ["payments-gateway-worker@1", "web@1"]],
    ["*@?1", ["payments-gateway-worker@11"]],
    ["*a*i", ["api"]],
    ["*p*p*", []],
    ["?", []],
    ["w.*", []],
    ["**********", built.subsystems().map(({ name }) => name)],
    // Tried in all ways, this takes longer than the machine will last.
    [`${"*".repeat(60)}x`, []],
    [`${"*-".repeat(40)}x`, []],
  ];
  for (const [pattern, names] of rows) assert.deepEqual(built.operations.resolve([pattern]), names, pattern);
  assert.throws(() => built.operations.resolve(["ap"]), { code: "SUBSYSTEM_UNKNOWN" });
  built.shutdown();
  await built.wait();
});
