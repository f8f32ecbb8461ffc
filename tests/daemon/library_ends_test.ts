import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Daemon, RestartPolicy } from "../../mod.ts";
import { test } from "../harness.ts";

const fixture = fileURLToPath(new URL("../fixtures/library_ends.ts", import.meta.url));
const isDeno = "Deno" in globalThis;

/** Runs one of the fixture's programs to its end. */
function endOf(name: string, folder = ""): { code: number | null; stdout: string; stderr: string } {
  const args = isDeno ? ["run", "-A", "--no-check", fixture, name, folder] : [fixture, name, folder];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
  return { code: status, stdout, stderr };
}

test("Daemon.run says why a start failed, and the process ends with 1", () => {
  const folder = mkdtempSync(`${tmpdir()}/daemonkit-`);
  try {
    writeFileSync(`${folder}/my.pid`, `${process.pid}\n`);
    const { code, stderr } = endOf("pid file", folder);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`my\\.pid.*${process.pid}.*stop it, or set another pid_file`));
    assert.equal(readFileSync(`${folder}/my.pid`, "utf8"), `${process.pid}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

if (isDeno) {
  test("Daemon.run says so when Deno grants it too little, and the process ends with 1", () => {
    // Not by node:child_process, which hands all permissions on.
    const args = ["run", "--no-check", "--no-prompt", fixture, "needs nothing"];
    const { code, stderr } = new Deno.Command(Deno.execPath(), { args, stdin: "null", env: { NO_COLOR: "1" } }).outputSync();
    assert.equal(code, 1);
    assert.match(new TextDecoder().decode(stderr), /Cannot start .*--allow-/);
  });
}

test("Daemon.run: a timer that a subsystem forgot does not keep the process alive without a word", () => {
  const { code, stderr } = endOf("forgotten timer");
  assert.equal(code, 0);
  assert.match(stderr, /has stopped, but .*1 Timeout.* kept this process alive for another 50ms.*context\.use/);
});

test("Daemon.run leaves the process to a program that goes on", () => {
  assert.deepEqual(pick(endOf("does something else")), { code: 0, stdout: "something else\n" });
  assert.deepEqual(pick(endOf("another daemon follows")), { code: 0, stdout: "b has run\n" });
});

test("SignalConfig.on: a handler whose promise rejects is logged, and no subsystem is blamed", () => {
  const { code, stderr } = endOf("signal handler");
  assert.equal(code, 0);
  assert.match(stderr, /a signal handler failed.*SIGUSR2.*handler failed/);
  assert.doesNotMatch(stderr, /innocent.*fail/);
});

test("Daemon.wait inside a subsystem is refused, as it would wait for itself", async () => {
  const { code, stderr } = endOf("waits for itself");
  assert.equal(code, 1);
  assert.match(stderr, /Cannot wait for the end of the daemon inside a, /);
  const daemon = Daemon.builder().withTask("a", async () => void await daemon.wait(), { restart: RestartPolicy.Never }).build();
  await daemon.start().catch(() => {});
  daemon.shutdown();
  const { unstopped } = await daemon.wait();
  assert.deepEqual(unstopped, []);
});

test("Daemon.wait is for whoever is told of the shutdown, also when a subsystem asked for it", () => {
  assert.deepEqual(pick(endOf("waits when told of the shutdown")), { code: 0, stdout: "over: enough\n" });
});

test("Daemon.run a second time is refused, and does not return the report of the first", async () => {
  const daemon = Daemon.builder().withTask("a", () => {}).build();
  await daemon.run({ ownsProcess: false });
  await assert.rejects(daemon.run({ ownsProcess: false }), { code: "RUNTIME_STATE" });
  await assert.rejects(daemon.start(), { code: "RUNTIME_STATE" });
});

test("withPidFile: the second daemon of a process with the same file is refused, and the file stays that of the first", async () => {
  const folder = mkdtempSync(`${tmpdir()}/daemonkit-`);
  const path = `${folder}/my.pid`;
  const build = () => Daemon.builder().withTask("a", (context) => context.cancelled()).withPidFile(path).build();
  try {
    const first = await build().start();
    await assert.rejects(build().start(), { code: "RUNTIME_STATE" });
    assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
    first.shutdown();
    await first.wait();
    assert.equal(existsSync(path), false);
    await using _again = await build().start();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("A handler on the daemon's bus that throws is in the report, and does not make a later clean stop a failure", async () => {
  const daemon = await Daemon.builder().withTask("a", (context) => context.cancelled()).build().start();
  (daemon.bus as unknown as { on(topic: string, fn: () => void): void; publish(topic: string, value: unknown): void }).on("mine", () => {
    throw new Error("boom");
  });
  for (let count = 0; count < 500; count++) (daemon.bus as unknown as { publish(topic: string, value: unknown): void }).publish("mine", 1);
  await null;
  daemon.shutdown();
  const { exitCode, errors, droppedErrors } = await daemon.wait();
  assert.deepEqual([exitCode, errors.length, droppedErrors], [0, 100, 400]);
  assert.match(String(errors[0]), /handler of "mine" on the bus: boom/);
});

function pick({ code, stdout }: { code: number | null; stdout: string }): { code: number | null; stdout: string } {
  return { code, stdout };
}
