import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { type Context, Daemon, type ExitReport, type GroupBuilder, RestartPolicy, type SupervisorOptions } from "../../mod.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { until } from "../until.ts";

const untilTold = (context: Context) => context.cancelled();
const statesOf = (daemon: Daemon) => Object.fromEntries(daemon.subsystems().map(({ name, state }) => [name, state]));

/** A task that fails when it is told to. */
function fragile(name: string, notes: string[]) {
  let crash = (_error: Error): void => {};
  const run = async (context: Context) => {
    notes.push(`enter ${name}`);
    const failing = Promise.withResolvers<void>();
    crash = failing.reject;
    void context.cancelled().then(() => failing.resolve());
    try {
      await failing.promise;
    } finally {
      notes.push(`leave ${name}`);
    }
  };
  return { run, crash: () => crash(new Error(`${name} broke`)) };
}

test("Groups inside groups start in order, and stop in reverse", async () => {
  const notes: string[] = [];
  const noted = (name: string) => async (context: Context) => {
    notes.push(`+${name}`);
    await context.cancelled();
    notes.push(`-${name}`);
  };
  const daemon = Daemon.builder()
    .withSupervisor(
      "outer",
      { strategy: "restForOne" },
      (outer) =>
        outer.withTask("a", noted("a")).withSupervisor(
          "inner",
          { strategy: "oneForAll" },
          (inner) => inner.withTask("b", noted("b")).withTask("c", noted("c")),
        ).withTask("d", noted("d")),
    )
    .withTask("e", noted("e"), { after: ["outer"] })
    .build();
  await daemon.start();
  assert.deepEqual(Object.keys(statesOf(daemon)), ["outer", "outer/a", "outer/inner", "outer/inner/b", "outer/inner/c", "outer/d", "e"]);
  daemon.shutdown();
  assert.equal((await daemon.wait()).exitCode, 0);
  assert.deepEqual(notes, ["+a", "+b", "+c", "+d", "+e", "-e", "-d", "-c", "-b", "-a"]);
});

test("A crash deep in the tree restarts its own group alone; a group that gives up is restarted by the group that it is in", async () => {
  const host = new FakeHost();
  const notes: string[] = [];
  const [b, c] = [fragile("b", notes), fragile("c", notes)];
  const restart = RestartPolicy.onFailure({ delay: 0, jitter: 0, maxRestarts: Infinity });
  const daemon = Daemon.builder().withHost(host)
    .withSupervisor("outer", { strategy: "oneForAll" }, (outer) =>
      outer
        .withTask("a", fragile("a", notes).run, { restart })
        .withSupervisor("inner", { strategy: "oneForAll", maxRestarts: 1, within: "1m" }, (inner) =>
          inner.withTask("b", b.run, { restart }).withTask("c", c.run, { restart }), { restart }))
    .build();
  await daemon.start();
  notes.length = 0;
  b.crash();
  await host.clock.advance(1);
  assert.deepEqual(notes, ["leave b", "leave c", "enter b", "enter c"]);
  notes.length = 0;
  // Beyond its limit the inner group fails, and takes its sibling along.
  b.crash();
  await host.clock.advance(1);
  assert.deepEqual(notes, ["leave b", "leave c", "leave a", "enter a", "enter b", "enter c"]);
  assert.deepEqual(statesOf(daemon), {
    "outer": "running",
    "outer/a": "running",
    "outer/inner": "running",
    "outer/inner/b": "running",
    "outer/inner/c": "running",
  });
  daemon.shutdown();
  await daemon.wait();
});

test("A failure escalates over three levels and ends the daemon with 1", async () => {
  const limits: SupervisorOptions = { maxRestarts: 1, within: "1m" };
  const restart = RestartPolicy.onFailure({ delay: 0, jitter: 0, maxRestarts: Infinity });
  let runs = 0;
  const { exitCode, errors } = await Daemon.builder()
    .withSupervisor(
      "one",
      limits,
      (one) =>
        one.withSupervisor(
          "two",
          limits,
          (two) =>
            two.withSupervisor("three", limits, (three) =>
              three.withTask("flaky", async (context) => {
                runs++;
                context.ready();
                await context.sleep(1);
                throw new Error("boom");
              }, { restart, readiness: "manual" }), { restart }),
          { restart },
        ),
    )
    .run({ ownsProcess: false });
  assert.equal(exitCode, 1);
  // Two runs in each of two lives of "three", in each of two lives of "two".
  assert.equal(runs, 8);
  assert.match(String(errors[0]), /one has failed: Cannot restart one\/two any more/);
});

test("A strategy that restarts siblings has a limit by default, one by one has none", async () => {
  const count = async (options: SupervisorOptions): Promise<{ runs: number; report: ExitReport }> => {
    const host = new FakeHost();
    let runs = 0;
    const daemon = Daemon.builder().withHost(host).withSupervisor("group", options, (group) =>
      group.withTask("flaky", (context) => {
        if (++runs === 25) return context.requestShutdown("enough");
        throw new Error("boom");
      }, { retryStart: true, restart: RestartPolicy.onFailure({ delay: "1s", factor: 1, jitter: 0, maxRestarts: Infinity }) })).build();
    void daemon.start().catch(() => {});
    await host.clock.advance(60_000);
    return { runs, report: await daemon.wait() };
  };
  const ordered = await count({ strategy: "oneForAll" });
  assert.deepEqual([ordered.runs, ordered.report.exitCode], [11, 1]);
  assert.equal((await count({})).runs, 25);
  assert.equal((await count({ strategy: "oneForAll", maxRestarts: Infinity })).runs, 25);
});

test("Daemon.withSupervision: the units at the top restart together, and have a limit", async () => {
  const host = new FakeHost();
  const notes: string[] = [];
  const [a, b] = [fragile("a", notes), fragile("b", notes)];
  const restart = RestartPolicy.onFailure({ delay: 0, jitter: 0, maxRestarts: Infinity });
  const daemon = Daemon.builder().withHost(host).withSupervision({ strategy: "oneForAll", maxRestarts: 1, within: "1m" })
    .withTask("a", a.run, { restart }).withTask("b", b.run, { restart }).build();
  await daemon.start();
  notes.length = 0;
  a.crash();
  await host.clock.advance(1);
  assert.deepEqual(notes, ["leave a", "leave b", "enter a", "enter b"]);
  b.crash();
  await host.clock.advance(1);
  const { exitCode, reason } = await daemon.wait();
  assert.equal(exitCode, 1);
  assert.match(reason, /Cannot restart b any more: b broke \(the supervisor's restarts are used up\)/);
});

test("Daemon.withSupervision: autoShutdown at the top ends the daemon when a significant unit has ended", async () => {
  const { exitCode, reason } = await Daemon.builder().withSupervision({ autoShutdown: "anySignificant" })
    .withTask("main", (context) => context.sleep(1), { significant: true, restart: RestartPolicy.Never })
    .withTask("helper", untilTold)
    .run({ ownsProcess: false });
  assert.deepEqual([exitCode, reason], [0, "main has ended"]);
});

test("An operator's stop of a member survives the restart of its group", async () => {
  const host = new FakeHost();
  const notes: string[] = [];
  const b = fragile("b", notes);
  const daemon = Daemon.builder().withHost(host).withSupervisor(
    "group",
    { maxRestarts: 0 },
    (group) =>
      group.withTask("a", fragile("a", notes).run).withTask("b", b.run, {
        restart: RestartPolicy.onFailure({ delay: 0, jitter: 0 }),
      }),
    { restart: RestartPolicy.onFailure({ delay: 0, jitter: 0 }) },
  ).build();
  await daemon.start();
  await daemon.operations.stop(["group/a"]);
  b.crash();
  await host.clock.advance(1);
  assert.deepEqual(statesOf(daemon), { "group": "running", "group/a": "stopped", "group/b": "running" });
  await daemon.operations.start(["group/a"]);
  assert.equal(statesOf(daemon)["group/a"], "running");
  daemon.shutdown();
  await daemon.wait();
});

test("Services inside groups are started, stopped and named by their path", async () => {
  const folder = mkdtempSync(`${tmpdir()}/tree-test-`);
  try {
    const daemon = Daemon.builder().withSupervisor(
      "outer",
      {},
      (outer) =>
        outer.withSupervisor("inner", { strategy: "restForOne" }, (inner) =>
          inner
            .withService("first", {
              run: "echo I am $DAEMONKIT_UNIT; exec sleep 1000",
              ready: { log: "^I am" },
              log: { file: `${folder}/first.log` },
            })
            .withService("pair", { run: ["sleep", "1000"], instances: 2, after: ["first"] })),
    ).build();
    await daemon.start();
    assert.deepEqual(statesOf(daemon), {
      "outer": "running",
      "outer/inner": "running",
      "outer/inner/first": "running",
      "outer/inner/pair@0": "running",
      "outer/inner/pair@1": "running",
    });
    const pids = daemon.subsystems().flatMap(({ details: { pid } }) => typeof pid === "number" ? [pid] : []);
    assert.equal(pids.length, 3);
    // The first one takes along those that were registered after it.
    process.kill(pids[0], "SIGKILL");
    await until(() => daemon.subsystems().filter(({ run, state }) => run === 2 && state === "running").length === 3);
    const outcomes = await daemon.operations.stop(["outer/inner/pair@1"]);
    assert.deepEqual(outcomes.map(({ name, state }) => [name, state]), [["outer/inner/pair@1", "stopped"]]);
    daemon.shutdown();
    assert.equal((await daemon.wait()).exitCode, 0);
    for (const pid of pids) assert.throws(() => process.kill(pid, 0));
    assert.match(readFileSync(`${folder}/first.log`, "utf8"), /I am .*\/outer\/inner\/first\/1/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("DaemonBuilder checks groups as it checks itself, at any depth", () => {
  const inGroup = (add: (group: GroupBuilder) => void) => () =>
    Daemon.builder().withSupervisor("outer", {}, (outer) => void outer.withSupervisor("inner", {}, add)).build();
  assert.throws(inGroup((group) => group.withTask("a", untilTold).withTask("A", untilTold)), /name must be free/);
  assert.throws(inGroup((group) => group.withTask("a", untilTold, { after: ["b"] })), /"after" of "a"/);
  assert.throws(inGroup((group) => group.withService("a", { run: [] })), /"run"/);
  assert.throws(inGroup((group) => group.withSupervisor("b", { strategy: "OneForOne" as never }, () => {})), /"strategy"/);
  const file = "same.log";
  assert.throws(
    inGroup((group) => group.withService("a", { run: "x", log: { file } }).withService("b", { run: "x", log: { file } })),
    /log file of "outer\/inner\/b" must be its own.*"outer\/inner\/a" writes/,
  );
  assert.throws(() => Daemon.builder().withSupervision({ maxRestarts: -1 }), /maxRestarts/);
});

test("A tree of a thousand levels starts, is looked at, forced and stopped without recursion running out", async () => {
  const DEPTH = 1_000;
  const nest = (group: GroupBuilder, depth: number): void => {
    if (depth === DEPTH) group.withTask("leaf", untilTold);
    else group.withSupervisor("g", {}, (inner) => nest(inner, depth + 1));
  };
  const builder = Daemon.builder();
  nest(builder, 0);
  const daemon = builder.build();
  await daemon.start();
  assert.equal(daemon.subsystems().length, DEPTH + 1);
  const leaf = `${"g/".repeat(DEPTH)}leaf`;
  assert.deepEqual((await daemon.operations.restart([leaf])).map(({ ok }) => ok), [true]);
  daemon.shutdown();
  assert.equal((await daemon.wait()).exitCode, 0);
});
