import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { e2e, isRunning, type Stage } from "./driver.ts";
import { processesOf } from "./processes.ts";
import { until } from "../until.ts";

const PROGRAM = fileURLToPath(new URL("../fixtures/own_daemon.ts", import.meta.url));

/** Runs a command of the program to its end. */
function own(stage: Pick<Stage, "folder" | "env">, ...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const runtime = "Deno" in globalThis ? ["run", "-A", "--no-check", PROGRAM] : [PROGRAM];
  const child = spawn(process.execPath, [...runtime, ...args], { cwd: stage.folder, env: stage.env, stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (piece: string) => void (text[stream] += piece));
  }
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, ...text })));
}

e2e(
  "a program with a daemon of its own is reached by its commands, without a configuration file and whatever file lies here",
  async (stage, { name }) => {
    // The executable has no daemon built in.
    if (name === "compiled") return;
    stage.write("daemon.toml", `name = "other"\n`);
    assert.equal((await own(stage, "status")).code, 3);
    assert.equal((await own(stage, "down")).code, 3);

    const running = own(stage, "run");
    await until(() => processesOf(stage, /sleep 1001 /).length === 1);
    const status = JSON.parse((await own(stage, "status", "--json")).stdout);
    assert.match(status.id, /^own-[0-9a-f]{8}$/);
    assert.deepEqual([status.name, status.config], ["own", null]);
    assert.deepEqual((status.units as { name: string; state: string }[]).map(({ name, state }) => `${name} ${state}`), [
      "sleeper running",
      "main running",
    ]);
    // What a task logs is shown as what a service prints.
    const logs = await own(stage, "logs", "main");
    assert.equal(logs.stdout, "main | INFO  the task runs round=1\nmain | WARN  it is\nmain |     late\n", logs.stderr);
    const second = await own(stage, "run");
    assert.equal(second.code, 1);
    assert.match(second.stderr, /no other instance may run: process \d+/);
    assert.equal((await own(stage, "stop", "main")).stdout, "main  stopped\n");
    assert.equal((await own(stage, "down")).code, 0);
    assert.equal((await running).code, 0);
    assert.deepEqual(processesOf(stage, /sleep 1001 /), []);

    // In the background; the manual stop is kept, and what a kill -9 leaves is ended.
    const up = await own(stage, "up");
    assert.equal(up.code, 0, up.stderr);
    const units = async () => JSON.parse((await own(stage, "status", "--json")).stdout);
    const { pid, units: [, main] } = await units();
    assert.equal(main.state, "stopped");
    const [sleeper] = processesOf(stage, /sleep 1001 /);
    process.kill(pid, "SIGKILL");
    await until(() => !isRunning(sleeper) && processesOf(stage, /sleep 1001 /).length === 1);
    assert.equal((await own(stage, "up")).code, 0);
    assert.notEqual((await units()).pid, pid);
    assert.equal((await own(stage, "down")).code, 0);
    assert.deepEqual(processesOf(stage, /sleep 1001 |guardian\.sh|own_daemon/), []);
    assert.equal((await own(stage, "up", "--set", "name=x")).code, 2);
  },
);

e2e("a copy of a program with other run folders is another daemon: neither ends what the other has started", async (stage, { name }) => {
  if (name === "compiled") return;
  const other = { folder: stage.folder, env: { ...stage.env, XDG_RUNTIME_DIR: `${stage.folder}/other` } };
  const statusOf = async (of: Pick<Stage, "folder" | "env">) => JSON.parse((await own(of, "status", "--json")).stdout);
  const first = own(stage, "run");
  const [sleeper] = await until(() => processesOf(stage, /sleep 1001 /), { isRight: (pids) => pids.length === 1 });
  const second = own(other, "run");
  await until(() => processesOf(stage, /sleep 1001 /).length === 2);
  assert.ok(isRunning(sleeper));
  assert.notEqual((await statusOf(stage)).id, (await statusOf(other)).id);
  assert.equal((await own(other, "down")).code, 0);
  assert.equal((await second).code, 0);
  assert.deepEqual(processesOf(stage, /sleep 1001 /), [sleeper]);
  assert.equal((await own(stage, "down")).code, 0);
  assert.equal((await first).code, 0);
});
