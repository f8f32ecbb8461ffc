import assert from "node:assert/strict";
import { main } from "../../src/cli/main.ts";
import { controlHandler } from "../../src/control/mod.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import type { HttpHandler } from "../../src/core/ports/http.ts";
import type { UnitStatus } from "../../src/core/supervise/operations.ts";
import { daemonFolders, prepareFolders } from "../../src/instance/folders.ts";
import { FakeHost, type FakeProcess } from "../../src/testing/mod.ts";
import { FakeOperations, fakeUnit } from "../control/fake_operations.ts";
import { test } from "../harness.ts";
import { settled } from "../until.ts";

const FILE = "/home/me/daemon.toml";

/** A user with a daemon.toml, and what plays the guardian. */
async function fixture(guardian: (process: FakeProcess) => void) {
  const host = new FakeHost();
  host.files.makeDir("/home/me");
  host.ownProcess.chdir("/home/me");
  host.files.writeText(FILE, 'name = "shop"');
  const folders = prepareFolders(await daemonFolders({ name: "shop", configPath: FILE }, host), host);
  host.processes.program("/bin/sh", guardian);
  const log = (text: string) => {
    using file = host.files.openAppend(folders.log);
    file.write(new TextEncoder().encode(text));
  };
  /** A daemon of this user has the lock and the socket. */
  const listen = async (handler: HttpHandler) => {
    await host.http.serve({ unix: folders.socket }, handler);
    host.files.writeText(folders.lock, JSON.stringify({ ...host.processes.self(), version: "0.1.0", protocol: 1 }));
  };
  /** It answers. */
  const serve = async (units: readonly UnitStatus[]) => {
    const operations = new FakeOperations(units);
    const { status } = operations;
    operations.status = () => ({ ...status.call(operations), ready: false });
    await listen(controlHandler({ operations, version: "0.1.0", protocol: 1, log: silentLogger }));
  };
  const up = () => settled(host.clock, main(["up"], { host }), 100);
  return { host, log, listen, serve, up };
}

test("up fails also where the daemon ended well: it was stopped during its start", async () => {
  const { host, up } = await fixture((process) => process.exit(0));
  assert.equal(await up(), 1);
  assert.match(host.terminal.stderr, /Cannot start shop as its daemon ended with code 0/);
});

test("up lets what a failed service printed do nothing to the terminal", async () => {
  const { host, log, up } = await fixture((process) => {
    log("  | \u001b[2J\u001b]0;title\u0007no disk\n");
    process.exit(9);
  });
  host.terminal.isInteractive = true;
  // A code of its own: that of a service may mean something else here.
  assert.equal(await up(), 1);
  assert.match(host.terminal.stderr, /^ {2}\| no disk\ndaemonkit: Cannot start/);
});

test("up names every unit that is missing, says which stay stopped and how to start them, and lets no reason change the terminal", async () => {
  const { host, serve, up } = await fixture(() => {});
  await serve([
    fakeUnit("db"),
    fakeUnit("web", { state: "failed", reason: "web: \u001b[2Jno disk" }),
    fakeUnit("old", { state: "fatal", reason: "it lives on" }),
    fakeUnit("off", { state: "stopped", desired: "down" }),
  ]);
  assert.equal(await up(), 1);
  assert.match(
    host.terminal.stdout,
    /runs already: 1 of 4 units is ready; off stays stopped .*daemonkit start off\)\n {2}web failed: web: no disk\n {2}old fatal: it lives on\n$/,
  );
});

test("up tells what the daemon has no room to start, and goes away, once that has lasted", async () => {
  const { host, serve, up } = await fixture(() => {});
  const reason = "waits for room: too many files are open";
  await serve([
    fakeUnit("db"),
    fakeUnit("web", { state: "restarting", reason }),
    fakeUnit("mail", { state: "starting", ready: false, reason: `restart: ${reason}` }),
    fakeUnit("page", { state: "waiting", reason: "waits for web" }),
  ]);
  assert.equal(await up(), 1);
  assert.match(
    host.terminal.stdout,
    /not ready: 4 units\n {2}web restarting: waits for room: too many files are open\n {2}mail .*\n {2}page waiting: waits for web\n$/,
  );
});

test("up exits with 5 when a daemon that runs already is there and does not answer", async () => {
  const { host, listen, up } = await fixture(() => {});
  await listen(() => new Promise(() => {}));
  assert.equal(await up(), 5);
  assert.match(host.terminal.stderr, /must answer within 5 s: it is there/);
});
