import assert from "node:assert/strict";
import type { ProcessEntry, Processes, ProcessIdentity } from "../../src/core/ports/processes.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import { endLeftovers, findLeftovers, type LeftoverSearch } from "../../src/leftover/leftovers.ts";
import type { StopPlan } from "../../src/core/ports/continuity.ts";
import type { RunningProgram } from "../../src/core/ports/continuity.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { settled } from "../until.ts";

const ID = "demo-0123abcd";
const SELF = 100;
const PLAN: StopPlan = { signal: "SIGTERM", timeoutMs: 5_000, killMode: "group" };

const identity = (pid: number, more: Partial<ProcessIdentity> = {}): ProcessIdentity => ({
  pid,
  startTicks: pid * 10,
  bootId: "b",
  ...more,
});
const written = (unit: string, pid: number, more: Partial<ProcessIdentity> = {}, run = 1): RunningProgram => ({
  unit,
  run,
  identity: identity(pid, more),
  command: "c",
});
const mark = (unit: string, run = 1, id = ID) => ({ DAEMONKIT_UNIT: `${id}/${unit}/${run}` });
const entry = (pid: number, more: Partial<ProcessEntry> = {}): ProcessEntry => ({
  identity: identity(pid),
  parent: 1,
  group: pid,
  uid: 0,
  isZombie: false,
  env: {},
  ...more,
});

/** Leftovers among these processes, as `unit: numbers`. */
function find(entries: ProcessEntry[], search: Partial<LeftoverSearch> = {}): string[] {
  const all = [entry(1, { parent: 0 }), entry(SELF, { parent: 50 }), entry(50), ...entries];
  const processes = { uid: 0, self: () => identity(SELF), census: () => all, belonging: () => new Map() } as unknown as Processes;
  return findLeftovers({ id: ID, programs: [], planOf: () => PLAN, ...search }, processes)
    .map(({ unit, processes }) => `${unit}: ${processes.map(({ identity }) => identity.pid).join(" ")}`);
}

test("findLeftovers counts whoever carries this daemon's mark, wherever it has gone", () => {
  assert.deepEqual(
    find([entry(200, { env: mark("web") }), entry(201, { env: mark("web"), group: 7 }), entry(202, { env: mark("group/db", 3) })]),
    ["web: 200 201", "group/db: 202"],
  );
});

test("findLeftovers leaves strangers alone: another daemon's mark, one that begins like ours", () => {
  const strangers = [
    mark("web", 1, "demo-0123abce"),
    mark("web", 1, "demo"),
    mark("web", 1, `${ID}0`),
    mark("web", 1, `other/${ID}`),
    { DAEMONKIT_UNIT: `${ID}/1` },
    { DAEMONKIT_UNIT: ID },
    {},
  ];
  assert.deepEqual(find(strangers.map((env, index) => entry(300 + index, { env: env as Record<string, string> }))), []);
});

test("findLeftovers counts the members of a written group while its leader has its number, alive or as a zombie", () => {
  const programs = [written("web", 200), written("db", 210)];
  const members = [
    entry(200),
    entry(201, { group: 200 }),
    entry(210, { isZombie: true }),
    entry(211, { group: 210 }),
    entry(212, { group: 210, isZombie: true }),
  ];
  assert.deepEqual(find(members, { programs }), ["web: 200 201", "db: 211"]);
});

test("findLeftovers never takes a number for a process: recycled ones, other boots and groups without their leader don't count", () => {
  const programs = [written("a", 200, { startTicks: 1 }), written("b", 210, { bootId: "earlier" }), written("c", 220)];
  assert.deepEqual(find([entry(200), entry(201, { group: 200 }), entry(210), entry(221, { group: 220 })], { programs }), []);
  // A member of such a group is known by its own mark.
  assert.deepEqual(find([entry(221, { group: 220, env: mark("c") })], { programs }), ["c: 221"]);
});

test("findLeftovers takes nothing for written where the system does not say when a process began", () => {
  const unknown = entry(200, { identity: identity(200, { startTicks: 0 }) });
  assert.deepEqual(find([unknown], { programs: [written("a", 200, { startTicks: 0 })] }), []);
});

test("findLeftovers never counts us nor whom we descend from, and signals no group that we are in", () => {
  const ours = mark("shell");
  const all = [
    entry(1, { parent: 0, env: ours }),
    entry(40, { parent: 1, env: ours }),
    entry(50, { parent: 40, group: 40, env: ours }),
    entry(SELF, { parent: 50, group: 40, env: ours }),
    entry(60, { parent: 50, group: 40, env: ours }),
  ];
  const processes = { uid: 0, self: () => identity(SELF), census: () => all, belonging: () => new Map() } as unknown as Processes;
  const [found, ...more] = findLeftovers({ id: ID, programs: [written("shell", 40)], planOf: () => PLAN }, processes);
  assert.deepEqual(more, []);
  assert.deepEqual([found.processes.map(({ identity }) => identity.pid), found.leaders], [[60], []]);
});

test('findLeftovers with killMode "process" counts the program alone, and everything of a run that was not written down', () => {
  const planOf = (): StopPlan => ({ ...PLAN, killMode: "process" });
  const programs = [written("web", 200, {}, 2)];
  const helper = entry(201, { group: 200, env: mark("web", 2) });
  const older = entry(190, { env: mark("web", 1) });
  assert.deepEqual(find([older, entry(200, { env: mark("web", 2) }), helper], { planOf, programs }), ["web: 200"]);
  assert.deepEqual(find([older, helper], { planOf, programs }), []);
  assert.deepEqual(find([older, helper, entry(220, { env: mark("web", 3) })], { planOf, programs }), ["web: 220"]);
  assert.deepEqual(find([entry(220, { env: mark("web", 3) })], { planOf }), ["web: 220"]);
});

/** A machine on which these programs were left, and a way to end them. */
function machine(names: readonly string[]) {
  const host = new FakeHost();
  const { processes, clock } = host;
  const told: string[] = [];
  const log = { ...silentLogger, warn: (text: string) => void told.push(text), error: (text: string) => void told.push(`ERROR ${text}`) };
  const end = (plans: Record<string, Partial<StopPlan>> = {}, limitMs = 60_000) => {
    const planOf = (unit: string): StopPlan => ({ ...PLAN, ...plans[unit] });
    const programs = processes.started.slice(0, names.length).map((process, index) => ({
      ...written(names[index], 0),
      identity: process.identity,
    }));
    return endLeftovers({
      find: () => findLeftovers({ id: ID, programs, planOf }, processes),
      planOf,
      limitMs,
      processes,
      clock,
      log,
    });
  };
  return { host, processes, clock, told, end };
}

test("endLeftovers tells each unit by its own signal, kills what is deaf after its own time, all at once", async () => {
  const { host, processes, clock, told, end } = machine(["polite", "deaf", "patient"]);
  for (const name of ["polite", "deaf", "patient"]) {
    processes.program(name, (process) => {
      if (name === "deaf") process.ignoreSignals(["SIGTERM"]);
      if (name === "patient") process.onSignal("SIGINT", () => void clock.schedule(3_000, () => process.exit(0)));
    });
    await processes.spawn({ argv: [name], cwd: "/", env: mark(name) });
  }
  const helper = processes.started[0].fork();
  const beganMs = clock.nowMs();
  assert.deepEqual(await settled(host.clock, end({ deaf: { timeoutMs: 1_000 }, patient: { signal: "SIGINT" } })), []);
  const tookMs = clock.nowMs() - beganMs;
  assert.ok(tookMs >= 3_000 && tookMs < 3_200, `${tookMs}`);
  const [polite, deaf, patient] = processes.started;
  assert.deepEqual([polite.received, helper.received], [["SIGTERM"], ["SIGTERM"]]);
  assert.deepEqual(deaf.received, ["SIGTERM", "SIGCONT", "SIGKILL"]);
  assert.deepEqual(patient.received, ["SIGINT", "SIGCONT"]);
  assert.deepEqual(told.sort(), ["deaf", "patient", "polite"].map((unit) => `${unit}: ended what an earlier daemon left`));
});

test("endLeftovers gives nobody more time than the daemon has, and ends whom a process starts on its way out", async () => {
  const { host, processes, clock, end } = machine(["deaf", "breeder"]);
  processes.program("deaf", (process) => process.ignoreSignals(["SIGTERM"]));
  processes.program("breeder", (process) =>
    process.onSignal("SIGTERM", () => {
      void processes.spawn({ argv: ["deaf"], cwd: "/", env: mark("breeder") });
      process.exit(0);
    }));
  for (const name of ["deaf", "breeder"]) await processes.spawn({ argv: [name], cwd: "/", env: mark(name) });
  const beganMs = clock.nowMs();
  assert.deepEqual(await settled(host.clock, end({}, 2_000)), []);
  assert.ok(clock.nowMs() - beganMs < 2_200, `${clock.nowMs() - beganMs}`);
  assert.deepEqual(processes.started.map(({ isAlive }) => isAlive), [false, false, false]);
});

test("endLeftovers resolves with what can't be killed, and says so", async () => {
  const { host, processes, told, end } = machine(["stuck"]);
  processes.program("stuck", () => {});
  await processes.spawn({ argv: ["stuck"], cwd: "/", env: mark("stuck") });
  processes.signalGroup = () => {
    throw new Error("not permitted");
  };
  processes.signal = () => true;
  const left = await settled(host.clock, end());
  assert.deepEqual(left.map(({ unit }) => unit), ["stuck"]);
  assert.match(told.at(-1)!, /^ERROR stuck: what an earlier daemon left could not be ended/);
  assert.match(told[0], /could not be sent SIGTERM/);
});

test("endLeftovers ends nobody for ever who is started again and again, but by the time of his unit", async () => {
  const { host, processes, clock, end } = machine(["hydra"]);
  processes.program("hydra", (process) => process.ignoreSignals(["SIGTERM"]));
  const grow = () => void processes.spawn({ argv: ["hydra"], cwd: "/", env: mark("hydra") });
  const { signal, signalGroup } = processes;
  processes.signal = (pid, name) => (name === "SIGKILL" && grow(), signal.call(processes, pid, name));
  processes.signalGroup = (pgid, name) => (name === "SIGKILL" && grow(), signalGroup.call(processes, pgid, name));
  grow();
  const beganMs = clock.nowMs();
  const left = await settled(host.clock, end({ hydra: { timeoutMs: 1_000 } }));
  assert.deepEqual(left.map(({ unit }) => unit), ["hydra"]);
  assert.ok(clock.nowMs() - beganMs < 10_000, `${clock.nowMs() - beganMs}`);
});
