import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { e2e, isRunning, type Stage } from "./driver.ts";
import { processesOf } from "./processes.ts";
import { until } from "../until.ts";

const PROGRAM = fileURLToPath(new URL("../fixtures/own_daemon.ts", import.meta.url));

type Answer = { code: number | null; stdout: string; stderr: string };

/** Runs a command of the program to its end. */
function own(stage: Pick<Stage, "folder" | "env">, ...args: string[]): Promise<Answer> {
  return started(PROGRAM, stage, ...args);
}

/** Two runners test at once, and a daemon of one program and one name runs once for a user. */
const nameFor = ({ folder }: Pick<Stage, "folder">) => `own-${basename(dirname(folder)).slice(-6)}`;

function started(program: string, stage: Pick<Stage, "folder" | "env">, ...args: string[]): Promise<Answer> {
  const runtime = "Deno" in globalThis ? ["run", "-A", "--no-check", program] : [program];
  const child = spawn(process.execPath, [...runtime, ...args], {
    cwd: stage.folder,
    env: { OWN_NAME: nameFor(stage), ...stage.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
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
    assert.match(status.id, new RegExp(`^${nameFor(stage)}-[0-9a-f]{8}$`));
    assert.deepEqual([status.name, status.config], [nameFor(stage), null]);
    assert.deepEqual((status.units as { name: string; state: string }[]).map(({ name, state }) => `${name} ${state}`), [
      "sleeper running",
      "main running",
    ]);
    // Records of a task are shown like the lines of a service.
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

e2e(
  "one program, one name, one user, one daemon: a copy in another environment is refused, and every command finds the first",
  async (stage, { name }) => {
    if (name === "compiled") return;
    const other = { folder: stage.folder, env: { ...stage.env, XDG_RUNTIME_DIR: `${stage.folder}/other` } };
    const bare = { folder: stage.folder, env: Object.fromEntries(Object.entries(stage.env).filter(([key]) => key !== "XDG_RUNTIME_DIR")) };
    const sleepers = () => processesOf(stage, /sleep 1001 /);
    const first = own(stage, "run");
    const [sleeper] = await until(sleepers, { isRight: (pids) => pids.length === 1 });
    const { pid, id } = JSON.parse((await own(stage, "status", "--json")).stdout);
    // The system's own folder, which root uses where nothing is said, outlives the stage.
    using _folder = { [Symbol.dispose]: () => rmSync(join("/run/daemonkit", id), { recursive: true, force: true }) };
    for (const copy of [other, bare]) {
      const second = await own(copy, "run");
      assert.equal(second.code, 1);
      assert.match(second.stderr, new RegExp(`no other instance may run: process ${pid} .* a daemon of another name is another one`));
      const status = JSON.parse((await own(copy, "status", "--json")).stdout);
      assert.deepEqual([status.pid, status.id], [pid, id]);
      const up = await own(copy, "up");
      assert.deepEqual([up.code, sleepers()], [0, [sleeper]], up.stderr);
    }
    // The leftovers of a killed daemon are found from everywhere too, and never doubled.
    process.kill(pid, "SIGKILL");
    await first;
    const next = own(other, "run");
    await until(() => !isRunning(sleeper) && sleepers().length === 1);
    assert.equal((await own(bare, "down")).code, 0);
    assert.equal((await next).code, 0);
    assert.deepEqual(sleepers(), []);
  },
);

e2e("a program that is reached through a link is the same daemon, and its second name another one", async (stage, { name }) => {
  if (name === "compiled") return;
  const current = join(stage.folder, "current");
  symlinkSync(fileURLToPath(new URL("../../", import.meta.url)), current);
  const first = own(stage, "run");
  await until(() => processesOf(stage, /sleep 1001 /).length === 1);
  const second = await started(join(current, "tests/fixtures/own_daemon.ts"), stage, "run");
  assert.equal(second.code, 1);
  assert.match(second.stderr, /no other instance may run/);
  const named = { ...stage, env: { ...stage.env, OWN_NAME: `${nameFor(stage)}-2` } };
  const third = own(named, "run");
  await until(() => processesOf(stage, /sleep 1001 /).length === 2);
  assert.equal((await own(named, "down")).code, 0);
  assert.equal((await third).code, 0);
  assert.equal(processesOf(stage, /sleep 1001 /).length, 1);
  assert.equal((await own(stage, "down")).code, 0);
  assert.equal((await first).code, 0);
});
