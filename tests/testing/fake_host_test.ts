import assert from "node:assert/strict";
import type { SpawnOptions } from "../../src/core/ports/processes.ts";
import { FakeExit, FakeFiles, FakeHost, FakeIpc, FakeWatcher } from "../../src/testing/mod.ts";
import { exerciseFiles, ioFailure } from "../conformance/files.ts";
import { exerciseIpc } from "../conformance/ipc.ts";
import { Changes, exerciseWatcher } from "../conformance/watcher.ts";
import { test } from "../harness.ts";

exerciseIpc("fake ipc", () => Promise.resolve({ ipc: new FakeIpc(), dir: "/run", [Symbol.dispose]() {} }));
exerciseFiles("fake files", () => Promise.resolve({ files: new FakeFiles(), dir: "/tmp", [Symbol.dispose]() {} }));

exerciseWatcher("fake watcher", () => {
  const { watcher, files } = new FakeHost();
  files.makeDir("/etc/app");
  return Promise.resolve({ watcher, files, dir: "/etc/app", [Symbol.dispose]() {} });
});

test("FakeWatcher: watches fail as often as wanted", () => {
  const watcher = new FakeWatcher();
  watcher.failWatches("IO_NO_RESOURCES", 2);
  for (let turn = 0; turn < 2; turn++) assert.throws(() => watcher.watch("/etc", () => {}), ioFailure("IO_NO_RESOURCES"));
  watcher.watch("/etc", () => {})[Symbol.dispose]();
});

test("FakeWatcher: a folder that is lost is told of once more and then forgotten", async () => {
  const host = new FakeHost();
  using changes = new Changes(host.watcher, "/tmp");
  await changes.after(() => host.watcher.lose("/tmp"));
  host.watcher.emit("/tmp");
  host.files.writeText("/tmp/a", "");
  await Promise.resolve();
  assert.deepEqual([changes.calls, host.watcher.count()], [1, 0]);
});

const start = (name: string, more: Partial<SpawnOptions> = {}): SpawnOptions => ({ argv: [name], cwd: "/", env: {}, ...more });

test("FakeFiles: writes fail as often as wanted, of every kind, and leave what was there", async () => {
  const files = new FakeFiles();
  files.put("/etc/app/config", "old");
  const file = files.openAppend("/tmp/log");
  files.failWrites("IO_NO_RESOURCES", 4);
  for (
    const write of [
      () => files.writeText("/etc/app/config", "new"),
      () => file.write(new Uint8Array(3)),
      () => files.makeDir("/etc/more"),
      () => files.rename("/etc/app/config", "/etc/app/other"),
    ]
  ) assert.throws(write, ioFailure("IO_NO_RESOURCES"));
  assert.equal(files.readText("/etc/app/config"), "old");
  assert.deepEqual(files.list("/etc"), ["app"]);
  file.write(new Uint8Array(3));
  assert.equal(files.info("/tmp/log")?.size, 3);

  files.failWrites("IO_DENIED");
  for (let turn = 0; turn < 3; turn++) assert.throws(() => files.writeText("/tmp/a", ""), ioFailure("IO_DENIED"));
  await assert.rejects(files.lock("/tmp/lock"), ioFailure("IO_DENIED"));
  files.healWrites();
  files.writeText("/tmp/a", "");
});

test("FakeFiles: a path can be one that nobody writes into, until it is again", async () => {
  const files = new FakeFiles();
  files.put("/tmp/pipe", Uint8Array.of(0xe9));
  {
    using _failure = files.failReads("/tmp/pipe", "TIMEOUT");
    await assert.rejects(files.read("/tmp/pipe"), { code: "TIMEOUT" });
    assert.throws(() => files.readText("/tmp/pipe"), { code: "TIMEOUT" });
  }
  assert.deepEqual([...(await files.read("/tmp/pipe")).bytes], [0xe9]);
});

test("FakeFiles: another process can hold a lock, and leave a socket behind", async () => {
  const files = new FakeFiles();
  const other = files.lockAsOther("/run/app/lock");
  files.putOther("/run/app/s", "socket");
  assert.equal(files.info("/run/app/s")?.kind, "socket");
  assert.equal(await files.lock("/run/app/lock"), undefined);
  other[Symbol.dispose]();
  assert.ok(await files.lock("/run/app/lock"));
});

test("FakeProcesses: output ends with the last who holds the pipes, and nothing printed later is heard", async () => {
  const { processes } = new FakeHost();
  processes.program("leader", (process) => {
    process.printLines("one");
    const helper = process.fork();
    process.fork({ holdsOutput: false });
    process.exit(3);
    process.printLines("never");
    helper.printError("two");
    helper.closeOutput();
  });
  const child = await processes.spawn(start("leader"));
  assert.deepEqual(await child.exited, { code: 3, signal: null });
  assert.equal(await new Response(child.stdout).text(), "one\n");
  assert.equal(await new Response(child.stderr).text(), "two");
  const group = child.identity.pid;
  assert.equal(processes.groupMembers(group).length, 2);
  assert.ok(!processes.isAlive(child.identity));
  assert.equal(processes.signalGroup(group, "SIGTERM"), true);
  assert.equal(processes.signalGroup(group, "SIGTERM"), false);
});

test("FakeProcesses: signals are handled, ignored, harmless or deadly", async () => {
  const { processes } = new FakeHost();
  processes.program("a", (process) => {
    process.onSignal("SIGHUP", () => process.printLines("again"));
    process.ignoreSignals(["SIGTERM", "SIGKILL"]);
  });
  const { identity, stdout, exited } = await processes.spawn(start("a"));
  for (const signal of ["SIGHUP", "SIGTERM", "SIGCONT", "SIGKILL"] as const) assert.ok(processes.signal(identity.pid, signal));
  assert.ok(!processes.signal(identity.pid, "SIGKILL"));
  assert.deepEqual(await exited, { code: null, signal: "SIGKILL" });
  assert.equal(await new Response(stdout).text(), "again\n");
  assert.deepEqual(processes.started[0].received, ["SIGHUP", "SIGTERM", "SIGCONT", "SIGKILL"]);
});

test("FakeProcesses: starts fail as often as wanted, and an unknown program is not found", async () => {
  const { processes } = new FakeHost();
  processes.program("echo hi", (process) => process.exit(0));
  processes.failSpawns("IO_NO_RESOURCES", 2);
  const shell: SpawnOptions = { argv: ["/bin/sh", "-c", "echo hi"], cwd: "/", env: { UNIT: "1" } };
  for (let turn = 0; turn < 2; turn++) await assert.rejects(processes.spawn(shell), ioFailure("IO_NO_RESOURCES"));
  assert.deepEqual(await (await processes.spawn(shell)).exited, { code: 0, signal: null });
  await assert.rejects(processes.spawn(start("unknown")), ioFailure("SPAWN_NOT_FOUND"));
});

test("FakeProcesses: processes are found by environment, users by name and number", async () => {
  const { processes } = new FakeHost();
  processes.program("a", () => {});
  const { identity } = await processes.spawn(start("a", { env: { UNIT: "x/1" } }));
  assert.deepEqual(processes.findByEnv("UNIT"), [{ identity, value: "x/1" }]);
  assert.deepEqual(processes.identify(identity.pid), identity);
  assert.ok(processes.isAlive(processes.self()));
  const user = { uid: 7, gid: 8, name: "app", home: "/home/app" };
  processes.addUser(user);
  assert.deepEqual([processes.user("app"), processes.user(7), processes.group("app"), processes.group(8)], [user, user, 8, 8]);
  assert.throws(() => processes.user("7"), ioFailure("SPAWN_BAD_USER"));
  assert.throws(() => processes.group("nobody"), ioFailure("SPAWN_BAD_USER"));
});

test("FakeHttp: addresses are served once, answered while served, and abandoned with the reason", async () => {
  const { http } = new FakeHost();
  const server = await http.serve({ hostname: "127.0.0.1", port: 0 }, ({ url, method }) => new Response(`${method} ${url}`));
  const { address } = server;
  assert.ok(!("unix" in address) && address.port > 0);
  assert.equal(await (await http.request(address, "/a", { method: "POST" })).text(), `POST http://127.0.0.1:${address.port}/a`);
  await assert.rejects(http.serve(address, () => new Response()), ioFailure("IO_ADDRESS_IN_USE"));
  await server.stop();
  await assert.rejects(http.request(address, "/"), ioFailure("IO_REFUSED"));
  await assert.rejects(http.request({ unix: "/run/s" }, "/"), ioFailure("IO_NOT_FOUND"));
  const successor = await http.serve(address, () => new Response());
  await server.stop(); // the second time it no longer means anybody
  assert.ok(http.isServed(address));
  await successor.stop();

  const aborter = new AbortController();
  using _answer = http.answer({ unix: "/run/s" }, () => new Promise<Response>(() => {}));
  const pending = http.request({ unix: "/run/s" }, "/", { signal: aborter.signal });
  aborter.abort("enough");
  await assert.rejects(pending, (reason) => reason === "enough");
  await assert.rejects(http.connect(address, { signal: aborter.signal }), (reason) => reason === "enough");
});

test("FakeHost: effects on the process are recorded", () => {
  const host = new FakeHost({ args: ["run"], env: { HOME: "/root" } });
  const claim = host.ownProcess.claim("api");
  assert.throws(() => host.ownProcess.claim("web"), { code: "RUNTIME_STATE" });
  claim[Symbol.dispose]();
  const next = host.ownProcess.claim("web");
  claim[Symbol.dispose](); // the second time it no longer means anybody
  assert.equal(host.ownProcess.owner, "web");
  next[Symbol.dispose]();
  const hold = host.ownProcess.hold();
  assert.equal(host.ownProcess.holds, 1);
  hold[Symbol.dispose]();
  hold[Symbol.dispose]();
  host.ownProcess.chdir("/srv");
  host.ownProcess.setExitCode(4);
  assert.throws(() => host.ownProcess.exit(9), FakeExit);
  const { holds, exitCode, exitedWith, owner, args } = host.ownProcess;
  assert.deepEqual([holds, exitCode, exitedWith, owner, host.ownProcess.cwd(), args], [0, 4, 9, undefined, "/srv", ["run"]]);

  const heard: unknown[] = [];
  const handler = host.ownProcess.onUncaught((error, owner) => heard.push([error, owner]));
  host.ownProcess.runAs("web", () => host.ownProcess.emitUncaught("one"));
  host.ownProcess.emitUncaught("two", "db");
  handler[Symbol.dispose]();
  assert.equal(host.ownProcess.emitUncaught("three"), false);
  assert.deepEqual(heard, [["one", "web"], ["two", "db"]]);

  assert.ok(host.terminal.write(1, "a") && host.terminal.write(2, "b"));
  host.terminal.isClosed = true;
  assert.ok(!host.terminal.write(1, "c"));
  assert.deepEqual([host.terminal.stdout, host.terminal.stderr, host.terminal.isTerminal(), host.terminal.columns()], [
    "a",
    "b",
    false,
    80,
  ]);
  assert.deepEqual([host.env.get("HOME"), host.env.get("PATH"), host.env.all(), host.random()], [
    "/root",
    undefined,
    { HOME: "/root" },
    0.5,
  ]);
});

test("FakeSignals: handlers hear in order until they are disposed", () => {
  const { signals } = new FakeHost();
  const heard: number[] = [];
  const first = signals.on("SIGHUP", () => heard.push(1));
  signals.on("SIGHUP", () => heard.push(2));
  assert.ok(signals.emit("SIGHUP"));
  first[Symbol.dispose]();
  assert.ok(signals.emit("SIGHUP"));
  assert.ok(!signals.emit("SIGTERM"));
  assert.deepEqual([heard, signals.count("SIGHUP"), signals.count()], [[1, 2, 2], 1, 1]);
});
