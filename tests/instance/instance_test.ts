import assert from "node:assert/strict";
import { type DaemonFolders, daemonFolders, prepareFolders } from "../../src/instance/folders.ts";
import { pidFile } from "../../src/instance/pid_file.ts";
import { acquireInstance, readInstance, readOverrides, writeOverrides } from "../../src/instance/instance.ts";
import type { LockedFile } from "../../src/core/ports/processes.ts";
import { FakeClock } from "../../src/testing/mod.ts";
import { FakeMachine } from "../cli/fake_host.ts";
import { test } from "../harness.ts";

const IDENTITY = { version: "0.1.0", protocol: 1 };

async function fixture(): Promise<{ machine: FakeMachine; folders: DaemonFolders }> {
  const machine = new FakeMachine();
  machine.alive.add(machine.pid);
  const folders = await daemonFolders({ name: "demo", configPath: "/srv/daemon.toml" }, machine.host);
  return { machine, folders: prepareFolders(folders, machine.host) };
}

test("acquireInstance holds the lock for life, says who holds it, and leaves the file empty", async () => {
  const { machine, folders } = await fixture();
  {
    using instance = await acquireInstance(folders, machine.host, IDENTITY);
    assert.equal(instance.crashed, undefined);
    const { id, origin, socket } = folders;
    const own = { pid: 100, startTicks: 1000, bootId: "boot-1", id, origin, socket, isClaim: false };
    assert.deepEqual(readInstance(folders.lock, machine.host.files), { ...own, ...IDENTITY });
    assert.ok(machine.held.has(folders.lock));
  }
  assert.ok(!machine.held.has(folders.lock));
  assert.equal(readInstance(folders.lock, machine.host.files), undefined);
  using _again = await acquireInstance(folders, machine.host, IDENTITY);
});

test("acquireInstance refuses while another process holds the lock, naming pid and socket and what to do", async () => {
  const { machine, folders } = await fixture();
  using _first = await acquireInstance(folders, machine.host, IDENTITY);
  await assert.rejects(acquireInstance(folders, machine.host, IDENTITY), (error: Error & { code: string; context: unknown }) => {
    assert.equal(error.code, "LOCK_HELD");
    assert.match(error.message, /process 100 \(daemonkit 0\.1\.0\)/);
    assert.match(error.message, /admin\.sock.*daemonkit status.*daemonkit down/);
    assert.deepEqual(error.context, { lock: folders.lock, socket: folders.socket, pid: 100 });
    return true;
  });
});

/** The text of a lock file somewhere else about another process. */
function lockOfOther(machine: FakeMachine, changes: { pid?: number; origin?: string; claim?: 0 | 1; inode?: number } = {}): LockedFile {
  const { pid = 55, origin = "/srv/daemon.toml", claim = 0, inode = 9_000 } = changes;
  machine.alive.add(pid);
  const identity = { pid, startTicks: pid * 10, bootId: "boot-1" };
  const path = "/elsewhere/demo-1/lock";
  return {
    identity,
    path,
    inode,
    text: JSON.stringify({ ...identity, ...IDENTITY, id: "demo-1", origin, socket: "/elsewhere/demo-1/admin.sock", claim }) + "\nrest",
  };
}

test("acquireInstance refuses beside an instance of the same file that has its folders elsewhere, and leaves what a crash left", async () => {
  const { machine, folders } = await fixture();
  for (const folder of ["/srv", "/linked"]) machine.folder(folder);
  machine.links.set("/linked", "/srv");
  const left = JSON.stringify({ pid: 44, startTicks: 9, bootId: "boot-1" });
  for (const origin of ["/srv/daemon.toml", "/linked/daemon.toml"]) {
    machine.file(folders.lock, left);
    machine.lockedFiles.splice(0, 1, lockOfOther(machine, { origin }));
    await assert.rejects(acquireInstance(folders, machine.host, IDENTITY), (error: Error & { code: string; context: unknown }) => {
      assert.equal(error.code, "LOCK_HELD");
      assert.match(error.message, /process 55 .*holds \/elsewhere\/demo-1\/lock and answers on \/elsewhere\/demo-1\/admin\.sock/);
      assert.equal(/runs from/.test(error.message), origin !== "/srv/daemon.toml");
      return true;
    });
    assert.equal(machine.text(folders.lock), left);
    assert.ok(!machine.held.has(folders.lock));
  }
  for (const stranger of [{ origin: "/srv/other.toml" }, { origin: "program:/srv/daemon.toml#demo@/run" }]) {
    machine.lockedFiles.splice(0, 1, lockOfOther(machine, stranger));
    using _instance = await acquireInstance(folders, machine.host, IDENTITY);
  }
});

test("acquireInstance: of two that look at the same moment the one that began first goes on, and waits until the other gives way", async () => {
  const { machine, folders } = await fixture();
  machine.lockedFiles.push(lockOfOther(machine, { pid: 55, claim: 1 }));
  await assert.rejects(acquireInstance(folders, machine.host, IDENTITY), { code: "LOCK_HELD" });

  machine.lockedFiles.splice(0, 1, lockOfOther(machine, { pid: 155, claim: 1 }));
  const looks: LockedFile[][] = [machine.lockedFiles, machine.lockedFiles, []];
  const { processes } = machine.host;
  const host = { ...machine.host, processes: { ...processes, lockedFiles: () => looks.shift()! } };
  using instance = await acquireInstance(folders, host, IDENTITY);
  assert.deepEqual([looks.length, instance.record.isClaim], [0, false]);
});

test("acquireInstance waits for a lock that a dead process holds, and one that says nothing yet, and has an end", async () => {
  for (const text of ["", JSON.stringify({ pid: 44, startTicks: 440, bootId: "boot-1" })]) {
    const clock = new FakeClock();
    const machine = new FakeMachine(clock);
    const wanted = await daemonFolders({ name: "demo", configPath: "/srv/daemon.toml" }, machine.host);
    const folders = prepareFolders(wanted, machine.host);
    machine.file(folders.lock, text);
    machine.held.add(folders.lock);
    const taken = acquireInstance(folders, machine.host, IDENTITY);
    await clock.advance(200);
    machine.held.delete(folders.lock);
    await clock.advance(100);
    (await taken)[Symbol.dispose]();

    machine.file(folders.lock, text);
    machine.held.add(folders.lock);
    const refused = assert.rejects(acquireInstance(folders, machine.host, IDENTITY), { code: "LOCK_HELD" });
    await clock.advance(20_000);
    await refused;
  }
});

test("Instance.restore makes the lock anew where it was removed, and says when somebody else has it", async () => {
  const { machine, folders } = await fixture();
  using instance = await acquireInstance(folders, machine.host, IDENTITY);
  assert.equal(await instance.restore(), false);
  machine.nodes.delete(folders.lock);
  machine.held.delete(folders.lock);
  assert.equal(await instance.restore(), true);
  assert.equal(readInstance(folders.lock, machine.host.files)?.pid, 100);
  assert.equal(await instance.restore(), false);
  machine.nodes.delete(folders.lock);
  machine.held.add(folders.lock);
  await assert.rejects(instance.restore(), { code: "LOCK_HELD" });
});

// Acceptance runner 22: a record of an earlier boot.
test("acquireInstance starts over what a crash left, and tells it from a record of an earlier boot", async () => {
  const { machine, folders } = await fixture();
  for (const [bootId, isCrash] of [["boot-1", true], ["boot-0", false]] as const) {
    machine.file(folders.lock, JSON.stringify({ pid: 55, startTicks: 9, bootId, version: "0.0.9", protocol: 1 }));
    using instance = await acquireInstance(folders, machine.host, IDENTITY);
    assert.equal(instance.crashed?.pid, isCrash ? 55 : undefined, bootId);
  }
});

test("readInstance takes damaged lock files for nobody's", async () => {
  const { machine, folders } = await fixture();
  for (const text of ["", "{", "null", "7", "[]", '{"pid":"7"}', "\u0000\u0000"]) {
    machine.file(folders.lock, text);
    assert.equal(readInstance(folders.lock, machine.host.files), undefined, text);
  }
});

test("pidFile replaces the file of a dead process and removes its own", async () => {
  const { machine } = await fixture();
  machine.file("/app/my.pid", "4321\n");
  {
    using _file = pidFile("/app/my.pid", "api", machine.host);
    assert.equal(machine.text("/app/my.pid"), "100\n");
  }
  assert.equal(machine.text("/app/my.pid"), undefined);
});

test("pidFile refuses the file of a living process and leaves it", async () => {
  const { machine } = await fixture();
  machine.alive.add(4321);
  machine.file("/app/my.pid", "4321\n");
  assert.throws(() => pidFile("/app/my.pid", "api", machine.host), { code: "LOCK_HELD" });
  assert.equal(machine.text("/app/my.pid"), "4321\n");
});

test("pidFile replaces a number that the system gave to a process begun after the file was written", async () => {
  const { machine } = await fixture();
  machine.alive.add(4321); // began 432.1 s after the boot; the file was written 1,000 s after the epoch
  machine.file("/app/my.pid", "4321\n");
  machine.file("/proc/stat", "cpu 1 2 3\nbtime 500\n");
  assert.throws(() => pidFile("/app/my.pid", "api", machine.host), { code: "LOCK_HELD" });
  machine.file("/proc/stat", "cpu 1 2 3\nbtime 5000\n");
  using _file = pidFile("/app/my.pid", "api", machine.host);
  assert.equal(machine.text("/app/my.pid"), "100\n");
});

test("pidFile leaves files alone that are not ours, before and at the end", async () => {
  const { machine } = await fixture();
  machine.file("/app/notes.txt", "my notes");
  assert.throws(() => pidFile("/app/notes.txt", "api", machine.host), { code: "IO_EXISTS" });
  assert.throws(() => pidFile("/app", "api", machine.host), { code: "IO_EXISTS" });
  assert.equal(machine.text("/app/notes.txt"), "my notes");
  {
    using _file = pidFile("/app/my.pid", "api", machine.host);
    machine.file("/app/my.pid", "777\n");
  }
  assert.equal(machine.text("/app/my.pid"), "777\n");
});

test("pidFile writes nowhere that others could lead root to", async () => {
  const { machine } = await fixture();
  machine.host.files.whyUntrusted = () => "everybody may write to the folder /app";
  assert.throws(() => pidFile("/app/my.pid", "api", machine.host), {
    code: "IO_DENIED",
    message: /everybody may write to the folder \/app$/,
  });
  assert.equal(machine.text("/app/my.pid"), undefined);
});

test("writeOverrides and readOverrides keep the manual stops", async () => {
  const { machine, folders } = await fixture();
  assert.deepEqual(readOverrides(folders, machine.host), { down: new Set() });
  writeOverrides(folders, machine.host, new Set(["web", "api@2"]));
  assert.deepEqual(readOverrides(folders, machine.host), { down: new Set(["api@2", "web"]) });
  assert.equal(machine.text(folders.overrides), '{"v":1,"down":["api@2","web"]}\n');
});

test("readOverrides ignores a damaged file with a warning that names it", async () => {
  const { machine, folders } = await fixture();
  for (const text of ["", "{", "[]", '{"v":2,"down":[]}', '{"v":1,"down":[7]}', "null"]) {
    machine.file(folders.overrides, text);
    const { down, warning } = readOverrides(folders, machine.host);
    assert.equal(down.size, 0, text);
    assert.ok(warning?.includes(folders.overrides), text);
  }
});
