import assert from "node:assert/strict";
import fc from "../property.ts";
import type { DaemonLifeEvent } from "../../src/core/supervise/event.ts";
import type { UnitOutcome } from "../../src/core/supervise/operations.ts";
import type { FakeProcess } from "../../src/testing/mod.ts";
import { DEADLINE_KEYS, settleDeadlines, shortDeadlines, type ShutdownDeadlines } from "../../src/settings/shutdown_deadlines.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import { test } from "../harness.ts";
import { until } from "../until.ts";
import { hostOf } from "./config_files.ts";
import { Rig } from "../daemon/rig.ts";

function settled(set: ShutdownDeadlines, longestStopMs: number): number[] {
  const { deadlines } = settleDeadlines([set], longestStopMs);
  return DEADLINE_KEYS.map((key) => deadlines[key]);
}

test("settleDeadlines: what nobody sets follows the longest time that a unit has to stop", () => {
  const rows: [set: ShutdownDeadlines, longestStopMs: number, expected: number[]][] = [
    [{}, 0, [0, 5_000, 10_000, 15_000]],
    [{}, 5_000, [0, 5_000, 10_000, 15_000]],
    [{}, 60_000, [0, 61_000, 122_000, 162_667]],
    [{ drain_delay_ms: 2_000 }, 60_000, [2_000, 63_000, 124_000, 165_333]],
    [{ timeout_ms: 30_000 }, 60_000, [0, 30_000, 91_000, 121_333]],
    [{ timeout_ms: 30_000 }, 5_000, [0, 30_000, 45_000, 60_000]],
    [{ timeout_ms: 1_000 }, 4_000, [0, 1_000, 6_000, 8_000]],
    [{ force_timeout_ms: 90_000 }, 70_000, [0, 71_000, 90_000, 120_000]],
    [{ force_timeout_ms: 30_000 }, 60_000, [0, 20_000, 30_000, 40_000]],
    [{ kill_timeout_ms: 200_000 }, 60_000, [0, 100_000, 161_000, 200_000]],
  ];
  for (const [set, longestStopMs, expected] of rows) assert.deepEqual(settled(set, longestStopMs), expected, JSON.stringify(set));
});

test("settleDeadlines: nobody is killed before the end of a stop that began in time, unless somebody set it so; the order always holds", () => {
  const ms = fc.option(fc.integer({ min: 1, max: 200_000 }), { nil: undefined });
  const sets = fc.record({ drain_delay_ms: ms, timeout_ms: ms, force_timeout_ms: ms, kill_timeout_ms: ms });
  fc.assert(fc.property(sets, fc.integer({ min: 0, max: 300_000 }), (set, longestStopMs) => {
    const { deadlines, fixed } = settleDeadlines([set], longestStopMs);
    const [drain, timeout, force, kill] = DEADLINE_KEYS.map((key) => deadlines[key]);
    assert.ok(drain <= timeout && timeout < force && force < kill, JSON.stringify(deadlines));
    if (fixed.force_timeout_ms === undefined && fixed.kill_timeout_ms === undefined) assert.ok(force >= timeout + longestStopMs);
    if (DEADLINE_KEYS.slice(1).every((key) => fixed[key] === undefined)) assert.ok(timeout >= drain + longestStopMs);
  }));
});

test("shortDeadlines names what is set shorter than units need, and what happens to them then", () => {
  const units = [{ name: "service.web", stopMs: 60_000 }, { name: "service.db", stopMs: 20_000 }];
  assert.deepEqual(shortDeadlines({}, units), []);
  assert.deepEqual(shortDeadlines({ timeout_ms: 60_000, force_timeout_ms: 61_000 }, units), []);
  assert.deepEqual(shortDeadlines({ drain_delay_ms: 5_000, timeout_ms: 24_000, force_timeout_ms: 60_000 }, units), [
    "shutdown.timeout_ms = 24000 is shorter than the stop.timeout of service.web (1m), service.db (20s), which is told to hurry before its time when the daemon stops",
    "shutdown.force_timeout_ms = 60000 is shorter than the stop.timeout of service.web (1m), which is killed before its time when the daemon stops",
  ]);
});

const SLOW = '[service.web]\nrun = ["stubborn"]\nstop = { timeout = "60s" }\n';

test("the deadlines of a file follow its services, explain says so, and a set one that is shorter is a warning", async () => {
  const load = (toml: string) => loadConfig(hostOf({ "/etc/app/daemon.toml": toml }));
  const { config, warnings, explain } = await load(SLOW);
  assert.deepEqual([config.shutdown.timeoutMs, config.shutdown.forceTimeoutMs, warnings], [61_000, 122_000, []]);
  assert.match(JSON.stringify(await explain("shutdown.timeout_ms")), /follows from the stop\.timeout of service\.web/);
  const inherited = await load('[defaults.service]\nstop = { timeout = "40s" }\n[service.web]\nrun = ["x"]\n');
  assert.equal(inherited.config.shutdown.timeoutMs, 41_000);
  const short = await load(`[shutdown]\nforce_timeout = "30s"\n${SLOW}`);
  assert.equal(short.config.shutdown.forceTimeoutMs, 30_000);
  assert.match(short.warnings.join("\n"), /^shutdown\.force_timeout_ms = 30000 is shorter than the stop\.timeout of service\.web \(1m\)/);
});

async function rigOf(toml: string, add?: Parameters<Rig["run"]>[1]): Promise<Rig> {
  const rig = new Rig();
  rig.program("stubborn", (process) => process.ignoreSignals(["SIGTERM"]));
  await rig.run(toml, add);
  await rig.until(() => rig.daemon.operations.status().state === "running");
  return rig;
}
const lastEvent = (rig: Rig) => rig.daemon.operations.events().at(-1) as DaemonLifeEvent;

test("a service has its whole stop.timeout when the daemon stops, and whoever was killed then is named in log, event and report", async () => {
  const rig = await rigOf(SLOW);
  rig.daemon.shutdown();
  await rig.host.clock.advance(59_900);
  assert.deepEqual(rig.programs[0].received.includes("SIGKILL"), false);
  await rig.host.clock.advance(200);
  const { exitCode, killed } = await rig.ended();
  assert.deepEqual([exitCode, killed, lastEvent(rig).killed], [0, ["web"], ["web"]]);
  assert.match(rig.host.terminal.stderr, /WARN .*stopped .*killed=web/);
});

test("what an earlier stop could not end is named by the end of the daemon too, also when a reload has taken its unit away, as long as it lives", async () => {
  for (const [isRemoved, isAlive] of [[false, true], [true, true], [false, false]]) {
    const rig = new Rig();
    let stray: FakeProcess | undefined;
    rig.program("stubborn", (process) => void (stray = process.fork({ holdsOutput: false, leaves: "session" })));
    const { processes } = rig.host;
    const { signal, signalGroup } = processes;
    processes.signal = (pid, name) => pid === stray?.identity.pid || signal.call(processes, pid, name);
    processes.signalGroup = (pgid, name) => pgid === stray?.identity.pid || signalGroup.call(processes, pgid, name);
    const other = '[service.other]\nrun = ["serve"]\n';
    await rig.run(`${SLOW}${other}`);
    await rig.until(() => rig.daemon.operations.status().state === "running");
    let stopped: UnitOutcome[] | undefined;
    void rig.daemon.operations.stop(["web"]).then((outcomes) => stopped = outcomes);
    await until(() => stopped !== undefined, { go: () => rig.host.clock.advance(1_000) });
    assert.equal(stopped![0].ok, false);
    const [again] = await rig.daemon.operations.stop(["web"]);
    assert.deepEqual([again.ok, again.reason], [false, `it was stopped before, but process ${stray!.identity.pid} can't be killed`]);
    if (isRemoved) {
      rig.write(other);
      await rig.daemon.operations.reload();
      assert.deepEqual(rig.daemon.subsystems().map(({ name }) => name), ["other"]);
    }
    if (!isAlive) stray!.exit(0);
    const { exitCode, survivors } = await rig.stop();
    const named = [{ path: "web", pids: [stray!.identity.pid] }];
    assert.deepEqual([exitCode, survivors, lastEvent(rig).survivors], isAlive ? [1, named, named] : [0, [], undefined]);
    assert.equal(/WARN .*stopped .*survivors="web \(pid \d+\)"/.test(rig.host.terminal.stderr), isAlive);
  }
});

test("a stop that ends in its time, however late, is a clean one", async () => {
  const rig = await rigOf(SLOW);
  rig.daemon.shutdown();
  await rig.host.clock.advance(50_000);
  rig.programs[0].exit(0);
  const { exitCode, killed } = await rig.ended();
  assert.deepEqual([exitCode, killed, lastEvent(rig).killed], [0, [], undefined]);
});

test("a deadline that is set kills whoever is not done, and names them; one that was killed before the shutdown is not named", async () => {
  const rig = await rigOf(`[shutdown]\ntimeout = "1s"\nforce_timeout = "2s"\n${SLOW}[service.b]\nrun = ["serve"]\nrestart = "never"\n`);
  rig.programs[1].receive("SIGKILL");
  await rig.until(() => rig.daemon.subsystems()[1].state === "failed");
  await rig.host.clock.advance(10);
  rig.daemon.shutdown();
  await rig.host.clock.advance(1_000);
  assert.match(rig.host.terminal.stderr, /forcing the stop reason="not stopped yet: web"/);
  await rig.host.clock.advance(1_100);
  const { exitCode, killed } = await rig.ended();
  assert.deepEqual([exitCode, killed], [1, ["web"]]);
});

test("the deadlines follow a reload that changes a stop.timeout, and units of code, also those that are added later", async () => {
  const rig = await rigOf('[service.web]\nrun = ["stubborn"]\n');
  rig.write(SLOW);
  let isDone = false;
  void rig.daemon.reload().then(() => isDone = true);
  await rig.until(() => isDone);
  rig.daemon.shutdown();
  await rig.host.clock.advance(30_000);
  assert.equal(rig.programs[0].isAlive, true);
  rig.programs[0].exit(0);
  assert.equal((await rig.ended()).exitCode, 0);

  for (const how of ["before", "group", "later"] as const) {
    const spec = { stop: { timeout: "40s" } } as const;
    const { promise, resolve } = Promise.withResolvers<void>();
    const task = () => promise;
    const coded = await rigOf('[service.a]\nrun = ["serve"]\n', (builder) => {
      if (how === "before") builder.withTask("task", task, spec);
      if (how === "group") {
        builder.withSupervisor("group", {}, (group) => void group.withTask("task", task, spec), { stop: { timeout: "41s" } });
      }
    });
    if (how === "later") coded.daemon.add({ name: "task", run: task }, spec);
    await coded.until(() => coded.daemon.subsystems().length >= 2);
    coded.daemon.shutdown();
    await coded.host.clock.advance(39_000);
    resolve();
    assert.deepEqual([how, (await coded.ended()).exitCode], [how, 0]);
  }
});
