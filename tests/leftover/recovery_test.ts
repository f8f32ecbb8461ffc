import assert from "node:assert/strict";
import { silentLogger } from "../../src/core/ports/log.ts";
import { GroupFile, readGroups } from "../../src/leftover/group_file.ts";
import { Recovery } from "../../src/leftover/recovery.ts";
import { IoError } from "../../src/core/values/errors.ts";
import type { LeftoverPolicy, RunningProgram } from "../../src/core/ports/continuity.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { settled } from "../until.ts";

const FOLDERS = { id: "demo-0123abcd", socket: "/run/admin.sock", groups: "/run/groups.json" };
const CRASHED = { pid: 7, startTicks: 1, bootId: "fake-boot", version: "0", protocol: 1 };

function program(unit: string, pid: number): RunningProgram {
  return { unit, run: 1, identity: { pid, startTicks: pid, bootId: "fake-boot" }, command: "c" };
}

function service(name: string, leftover: LeftoverPolicy, command: () => string = () => "c") {
  return {
    path: name,
    recovery: { leftover, stop: { signal: "SIGTERM" as const, timeoutMs: 1_000, killMode: "group" as const } },
    command: () => Promise.try(command),
  };
}

/** A machine on which an earlier daemon has left these units running, each written down. */
async function machine(...units: string[]) {
  const host = new FakeHost();
  const said: string[] = [];
  const log = { ...silentLogger, warn: (text: string) => void said.push(text), error: (text: string) => void said.push(text) };
  host.processes.program("serve", () => {});
  host.files.makeDir("/run");
  const programs: RunningProgram[] = [];
  for (const unit of units) {
    const { identity } = await host.processes.spawn({ argv: ["serve"], cwd: "/", env: {} });
    programs.push({ ...program(unit, 0), identity });
  }
  if (units.length > 0) host.files.put(FOLDERS.groups, JSON.stringify({ v: 1, id: FOLDERS.id, programs }));
  const recover = ({ crashed }: { crashed?: typeof CRASHED } = { crashed: CRASHED }) =>
    new Recovery({ folders: FOLDERS, crashed, host, log, limitMs: 5_000 });
  return { host, log, said, programs, recover, alive: () => host.processes.started.map(({ isAlive }) => isAlive) };
}

test("GroupFile writes what changes together once, and is gone when nothing runs", async () => {
  const { host, log } = await machine();
  let writes = 0;
  const { writeText } = host.files;
  host.files.writeText = (...args) => {
    writes++;
    writeText.apply(host.files, args);
  };
  using file = new GroupFile({ path: FOLDERS.groups, id: FOLDERS.id, files: host.files, clock: host.clock, log, programs: [] });
  const added = Array.from({ length: 1_000 }, (_, index) => file.add(program(`s@${index}`, 200 + index)));
  assert.equal(writes, 0);
  await host.clock.advance(5);
  assert.equal(writes, 1);
  assert.equal(readGroups(FOLDERS.groups, host.files).programs.length, 1_000);
  added[0][Symbol.dispose]();
  await host.clock.advance(5);
  assert.equal(readGroups(FOLDERS.groups, host.files).programs.length, 999);
  for (const each of added) each[Symbol.dispose]();
  file[Symbol.dispose]();
  assert.equal(host.files.info(FOLDERS.groups), undefined);
  // A program that ends after the daemon's end is no business of the next one's file.
  host.files.put(FOLDERS.groups, "the next daemon's");
  file.add(program("late", 200))[Symbol.dispose]();
  await host.clock.advance(1_000);
  assert.equal(host.files.readText(FOLDERS.groups), "the next daemon's");
});

test("GroupFile says once that it can't be written, and goes on", async () => {
  const { host, log, said } = await machine();
  using file = new GroupFile({ path: FOLDERS.groups, id: FOLDERS.id, files: host.files, clock: host.clock, log, programs: [] });
  host.files.failWrites("IO_NO_RESOURCES", 2);
  for (let pid = 200; pid < 203; pid++) {
    file.add(program(`s@${pid}`, pid));
    await host.clock.advance(5);
  }
  assert.deepEqual(said, ["what runs could not be written down for the next start"]);
  assert.equal(readGroups(FOLDERS.groups, host.files).programs.length, 3);
});

test("readGroups takes damaged files and records for nothing", async () => {
  const { host } = await machine();
  const good = program("a", 200);
  const bad = [null, 7, {}, { ...good, unit: 7 }, { ...good, identity: { ...good.identity, pid: 1 } }, { ...good, identity: { pid: 200 } }];
  for (const text of ["", "{", "[]", "null", '{"v":2,"id":"x","programs":[]}', '{"v":1,"id":"x","programs":7}']) {
    host.files.put(FOLDERS.groups, text);
    assert.deepEqual(readGroups(FOLDERS.groups, host.files).programs, [], text);
  }
  host.files.put(FOLDERS.groups, JSON.stringify({ v: 1, id: "x", programs: [...bad, good] }));
  assert.deepEqual(readGroups(FOLDERS.groups, host.files), { id: "x", programs: [good] });
});

test("Recovery looks for marks once at each start, also when the daemon before is not known to have died", async () => {
  const { host, recover, said } = await machine();
  let looks = 0;
  const census = host.processes.census.bind(host.processes);
  host.processes.census = (variables) => {
    looks++;
    return census(variables);
  };
  await using recovery = recover({});
  await recovery.settle([service("a", "stop")], new Set());
  assert.equal(await recovery.inherit("a"), undefined);
  assert.deepEqual(said, []);
  assert.equal(looks, 1);
});

test("Recovery does without where nobody may look at processes, but not where something is known to be left", async () => {
  const { host, recover } = await machine();
  host.processes.census = () => {
    throw new IoError("IO_DENIED", "Cannot look at the process table");
  };
  await using unknown = recover({});
  await unknown.settle([service("a", "stop")], new Set());
  await using known = recover();
  await assert.rejects(known.settle([service("a", "stop")], new Set()), { code: "IO_DENIED" });
});

test("Recovery ends what was left before it resolves, also of units that are gone from the configuration, and forgets it", async () => {
  const { host, recover, alive } = await machine("a", "gone");
  {
    await using recovery = recover();
    await recovery.settle([service("a", "stop")], new Set());
    assert.deepEqual(alive(), [false, false]);
    assert.equal(await recovery.inherit("a"), undefined);
  }
  assert.equal(host.files.info(FOLDERS.groups), undefined);
});

test("Recovery hands a program over, until a run has it, to a unit that wants it and whose command is the same", async () => {
  const { recover, alive, programs } = await machine("keep", "changed", "broken", "down", "plain");
  const broken = () => {
    throw new Error("no env file");
  };
  const services = [
    service("keep", "adopt"),
    service("changed", "adopt", () => "other"),
    service("broken", "adopt", broken),
    service("down", "adopt"),
    service("plain", "stop"),
  ];
  await using recovery = recover();
  await recovery.settle(services, new Set(["down"]));
  assert.deepEqual(alive(), [true, false, false, false, false]);
  for (const unit of ["changed", "broken", "down", "plain"]) assert.equal(await recovery.inherit(unit), undefined);
  // A run that fails before it has begun to watch the program leaves it to the next one.
  for (let run = 1; run <= 2; run++) assert.deepEqual(await recovery.inherit("keep"), programs[0]);
  using _record = recovery.remember(programs[0]);
  assert.equal(await recovery.inherit("keep"), undefined);
});

test("Recovery ends with itself what was kept for a unit that never ran, and what a kept program left when it ended early", async () => {
  const { host, recover, alive } = await machine("late", "early");
  const helper = await host.processes.spawn({
    argv: ["serve"],
    cwd: "/",
    env: { DAEMONKIT_UNIT: `${FOLDERS.id}/early/1`, DAEMONKIT_SOCKET: FOLDERS.socket },
  });
  {
    await using recovery = recover();
    await recovery.settle([service("late", "adopt"), service("early", "adopt")], new Set());
    assert.deepEqual(alive(), [true, true, true]);
    host.processes.started[1].exit(0);
    assert.equal(await recovery.inherit("early"), undefined);
    assert.deepEqual(alive(), [true, false, false]);
  }
  await helper.exited;
  assert.deepEqual(alive(), [false, false, false]);
  assert.equal(host.files.info(FOLDERS.groups), undefined);
});

test("Recovery refuses to start a unit beside what can't be killed, until that has gone, and leaves word for the next start", async () => {
  const { host, recover, alive } = await machine("a", "b");
  const { signalGroup } = host.processes;
  host.processes.signalGroup = (pid, signal) =>
    pid === host.processes.started[0].identity.pid || signalGroup.call(host.processes, pid, signal);
  {
    await using recovery = recover();
    await settled(host.clock, recovery.settle([service("a", "stop"), service("b", "stop")], new Set()));
    assert.deepEqual(alive(), [true, false]);
    assert.equal(await recovery.inherit("b"), undefined);
    await assert.rejects(recovery.inherit("a"), (error: Error & { code: string }) => {
      assert.equal(error.code, "SUBSYSTEM_START_FAILED");
      assert.match(error.message, /Cannot start a as what an earlier daemon left of it must have ended: process 1001 can't be killed/);
      return true;
    });
  }
  assert.deepEqual(readGroups(FOLDERS.groups, host.files).programs.map(({ unit }) => unit), ["a", "a"]);
  host.processes.signalGroup = signalGroup;
  await using next = recover({});
  await settled(host.clock, next.settle([service("a", "stop")], new Set()));
  assert.deepEqual(alive(), [false, false]);
  assert.equal(await next.inherit("a"), undefined);
});
