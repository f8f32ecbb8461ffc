import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/commands.ts";
import { main } from "../../src/cli/main.ts";
import { controlHandler } from "../../src/control/mod.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { programFolders } from "../../src/instance/folders.ts";
import { FakeClock } from "../../src/testing/mod.ts";
import { FakeOperations, fakeUnit } from "../control/fake_operations.ts";
import { test } from "../harness.ts";
import { FakeMachine } from "./fake_host.ts";
import { until } from "../until.ts";

/** A user whose only daemon has two units. */
function fixture() {
  const clock = new FakeClock();
  const machine = new FakeMachine(clock);
  machine.env.XDG_RUNTIME_DIR = "/run/user/1000";
  const operations = new FakeOperations([fakeUnit("db"), fakeUnit("web", { state: "stopped" })]);
  const folder = "/run/user/1000/daemonkit/demo-0123abcd";
  const handler = controlHandler({ operations, version: "0.1.0", protocol: 1, log: silentLogger });
  machine.daemon(folder, handler);
  const complete = async (...words: string[]) => {
    machine.out = "";
    machine.err = "";
    assert.equal(await main(["__complete", ...words], { host: machine.host }), 0);
    assert.equal(machine.err, "");
    return machine.out.split("\n").filter((line) => line !== "").map((line) => line.split("\t")[0]);
  };
  return { clock, machine, folder, handler, complete };
}

test("complete offers every command, by its first word, with its summary", async () => {
  const { machine, complete } = fixture();
  assert.deepEqual(await complete(""), [...new Set(COMMANDS.map(({ name }) => name.split(" ")[0]))]);
  assert.match(machine.out, /^status\tshow the daemon and its units$/m);
  assert.match(machine.out, /^config\tlook at the configuration$/m);
  assert.deepEqual(await complete("config", ""), ["show", "explain"]);
  assert.deepEqual(await complete("-c", "x.toml", "val"), ["validate"]);
});

test("complete offers the options of the command, and the values of an option", async () => {
  const { complete } = fixture();
  assert.deepEqual(await complete("stop", "--"), ["--all", "--timeout", "--config", "--socket", "--json", "--help"]);
  assert.deepEqual(await complete("ps", "--w"), ["--watch"]);
  assert.deepEqual(await complete("wait", "--for", ""), ["ready", "started", "stopped"]);
  assert.deepEqual(await complete("run", "--log-level", "d"), ["debug"]);
  assert.deepEqual(await complete("run", "--log-level=d"), ["--log-level=debug"]);
  assert.deepEqual(await complete("wait", "--timeout", ""), []);
  for (const before of [["-c"], ["status", "-c"], ["status", "--socket"]]) assert.deepEqual(await complete(...before, "x"), [":files"]);
});

test("complete offers what an argument stands for: files, signals, keys, shells, units that were not named yet", async () => {
  const { machine, complete } = fixture();
  for (const verb of ["run", "validate", "init"]) assert.deepEqual(await complete(verb, "a"), [":files"]);
  assert.deepEqual(await complete("validate", "a.toml", ""), []);
  assert.deepEqual(await complete("signal", "USR"), ["USR1", "USR2"]);
  assert.deepEqual(await complete("signal", "HUP", ""), ["db", "web"]);
  assert.deepEqual(await complete("completion", ""), ["bash", "zsh", "fish"]);
  assert.ok((await complete("config", "explain", "shutdown.")).includes("shutdown.exit_code"));
  assert.deepEqual(await complete("stop", ""), ["db", "web"]);
  assert.equal(machine.out, "db\trunning\nweb\tstopped\n");
  assert.deepEqual(await complete("stop", "db", ""), ["web"]);
  assert.deepEqual(await complete("logs", "-n", "5", "w"), ["web"]);
  assert.deepEqual(await complete("down", ""), []);
  assert.deepEqual(await complete("nope", ""), []);
});

test("complete asks the daemon that the line names, and is silent when there is none", async () => {
  const { machine, folder, handler, complete } = fixture();
  machine.daemon("/run/other", handler, 78);
  assert.deepEqual(await complete("stop", "--socket", "/run/other/admin.sock", "d"), ["db"]);
  assert.deepEqual(await complete("--socket=/run/other/admin.sock", "stop", "d"), ["db"]);
  machine.sockets.set(`${folder}/admin.sock`, "stale");
  machine.alive.clear();
  assert.deepEqual(await complete("stop", ""), []);
  assert.deepEqual(await complete("stop", "-c", "missing.toml", ""), []);
});

test("complete gives a daemon that does not answer half a second", async () => {
  const { clock, machine, folder, complete } = fixture();
  machine.daemon(folder, "silent");
  const answer = complete("stop", "");
  await until(() => clock.pendingTimers > 0);
  await clock.advance(500);
  assert.deepEqual(await answer, []);
});

test("completion refuses a shell that it does not know, and gives the program's own name to all three scripts", async () => {
  const { machine } = fixture();
  assert.equal(await main(["completion", "tcsh"], { host: machine.host }), 2);
  assert.match(machine.err, /must be one of bash, zsh, fish: current value is tcsh/);
  for (const shell of ["bash", "zsh", "fish"]) {
    machine.out = "";
    assert.equal(await main(["completion", shell], { host: machine.host, program: "my-app" }), 0);
    assert.match(machine.out, /_my_app_complete/);
    assert.ok(!machine.out.includes("daemonkit"));
  }
});

test("complete asks the daemon of a program of your own, also where a daemon.toml lies", async () => {
  const { machine } = fixture();
  machine.file("/home/me/daemon.toml", 'name = "other"');
  const builder = Daemon.builder();
  const { socket } = await programFolders(builder.config, machine.host);
  const handler = controlHandler({ operations: new FakeOperations([fakeUnit("own")]), version: "0.1.0", protocol: 1, log: silentLogger });
  machine.daemon(socket.slice(0, socket.lastIndexOf("/")), handler);
  assert.equal(await main(["__complete", "stop", ""], { host: machine.host, builder, program: "mine" }), 0);
  assert.equal(machine.out, "own\trunning\n");
});
