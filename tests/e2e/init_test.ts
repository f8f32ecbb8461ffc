/** The daemon as process 1 of a container, shown by a PID namespace. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { until } from "../until.ts";
import { e2e, isRunning, type Program, type Stage } from "./driver.ts";
import { processesOf } from "./processes.ts";

const UNSHARE = "unshare --pid --fork --mount-proc --kill-child";
// Only root may make a namespace, and not in every container.
const canUnshare = process.geteuid?.() === 0 && spawnSync("/bin/sh", ["-c", `${UNSHARE} true`]).status === 0;

/** The daemon in its namespace, which SIGTERM reaches by its number outside. */
async function startInit(stage: Stage): Promise<{ daemon: Program; pid: number }> {
  const daemon = stage.startThrough(`exec ${UNSHARE} "$0" "$@"`, "run");
  await daemon.until(/every unit has started|not ready: /);
  const [pid] = processesOf(stage, / run /).filter((each) => each !== daemon.pid);
  return { daemon, pid };
}

if (canUnshare) {
  // Acceptance runner 78: process 1 with 1,000 orphans.
  e2e("runner 78: process 1 with 1,000 orphans has no zombie left, and its own children's exit codes are right", async (stage) => {
    const orphans = "i=0; while [ $i -lt 1000 ]; do (sh -c 'exit 3' &); i=$((i+1)); done; echo orphaned; exec sleep 1000";
    const codes = Array.from({ length: 20 }, (_, code) => [`c${code}`, { run: `sleep 0.${code}; exit ${code}`, restart: "never" }]);
    const service = { orphans: { run: orphans, ready: { log: "orphaned" } }, ...Object.fromEntries(codes) };
    stage.write("daemon.json", JSON.stringify({ name: "init", service }));
    const { daemon, pid } = await startInit(stage);
    await until(() => zombiesOf(pid) === 0);
    const ended = Array.from({ length: 20 }, (_, code) => code === 0 ? /c0 completed/ : new RegExp(`c${code} exited with code ${code}"`));
    for (const line of ended) await daemon.until(line);
    process.kill(pid, "SIGTERM");
    assert.equal((await daemon.ended).code, 0);
  });

  // Acceptance runner 82: SIGTERM to process 1.
  e2e("runner 82: SIGTERM to process 1 stops everything that was started, orphans too, and ends with 0", async (stage) => {
    const run = "(setsid env -i /bin/sleep 1000 >/dev/null 2>&1 &); trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done";
    stage.write("daemon.json", JSON.stringify({ name: "init", service: { x: { run, ready: { log: "up" } } } }));
    const { daemon, pid } = await startInit(stage);
    await until(() => processesOf(stage, /^\/bin\/sleep 1000/).length === 1);
    const [orphan] = processesOf(stage, /^\/bin\/sleep 1000/);
    process.kill(pid, "SIGTERM");
    const { code, stdout, stderr } = await daemon.ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /x \| bye/);
    assert.equal(isRunning(orphan), false);
  });
}

/** Children of a process that have ended and were not waited for. */
function zombiesOf(pid: number): number {
  const { stdout } = spawnSync("ps", ["-o", "state=", "--ppid", String(pid)], { encoding: "utf8" });
  return stdout.split("\n").filter((state) => state.startsWith("Z")).length;
}
