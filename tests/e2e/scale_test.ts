/** Many services, on real programs. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../until.ts";
import { e2e, endProcess, isRunning, processesIn } from "./driver.ts";
import { processesOf } from "./processes.ts";
import { unitsOf } from "./units.ts";

const HARD_FILES = Number(/^Max open files +\S+ +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? Infinity);
/** Bun has five descriptors open for each service. */
const NEEDED_FILES = 6_500;

if (HARD_FILES >= NEEDED_FILES) {
  // Acceptance runner 46: 1,200 services: works past 1,024 files.
  e2e(
    "runner 46: 1,200 services start, are shown and stop under a soft limit of 1,024 files, which they themselves get",
    async (stage, subject) => {
      const table = (name: string) => `[service.${name}]\nrun = ["sleep", "1000"]\ninstances = 600\nstop = { timeout = "100s" }\n`;
      stage.write("daemon.toml", `name = "many"\n[shutdown]\ntimeout = "100s"\n${table("a")}${table("b")}`);
      const argv = [...subject.argv(join(stage.folder, "..")), "run"];
      // The shell stays, as it would at a terminal: it shows what the limit was before the runtime raised its own.
      const shell = spawn("/bin/sh", ["-c", 'ulimit -Sn 1024; "$@"; exit $?', "sh", ...argv], {
        cwd: stage.folder,
        env: stage.env,
        stdio: ["ignore", "ignore", "pipe"],
      });
      let stderr = "";
      const ended = new Promise<number | null>((resolve) => shell.on("close", resolve));
      const started = new Promise<void>((resolve) => {
        shell.stderr.setEncoding("utf8").on("data", (piece: string) => {
          stderr += piece;
          if (/every unit has started|not ready: /.test(stderr)) resolve();
        });
      });
      try {
        await Promise.race([started, ended]);
        const units = Object.values(await unitsOf(stage));
        assert.equal(units.length, 1_200);
        const pids = units.map(({ details }) => details.pid!);
        assert.deepEqual(units.filter(({ state, details }) => state !== "running" || !isRunning(details.pid!)), []);
        assert.match(readFileSync(`/proc/${pids[1_199]}/limits`, "utf8"), new RegExp(`^Max open files +1024 +${HARD_FILES} `, "m"));
        const down = await stage.cli("down");
        assert.equal(down.code, 0, `${down.stdout}${down.stderr}`);
        assert.equal(await ended, 0, stderr.slice(-2_000));
        assert.deepEqual(pids.filter(isRunning), []);
      } finally {
        for (const pid of processesIn(stage.folder)) endProcess(pid);
        await ended;
      }
    },
  );
}

// Acceptance runner 18: 500 children, TERM to the daemon: none is left.
e2e("500 services that ignore the stop signal are gone by their own time or by that of the shutdown, and none is left", async (stage) => {
  // A program that becomes another one still ignores what it has ignored.
  const table = (name: string, timeout: string) =>
    `[service.${name}]\nrun = "trap '' TERM; echo up; exec sleep 1000"\nready = { log = "up" }\ninstances = 250\nstop = { timeout = "${timeout}" }\n`;
  stage.write(
    "daemon.toml",
    `name = "stubborn"\n[shutdown]\ntimeout = "2s"\nforce_timeout = "3s"\nkill_timeout = "60s"\n${table("a", "1s")}${table("b", "1h")}`,
  );
  const daemon = await stage.startDaemon();
  assert.equal(Object.keys(await unitsOf(stage)).length, 500);
  daemon.kill("SIGTERM");
  const { code, stderr } = await daemon.ended;
  assert.equal(code, 1, stderr.slice(-2_000));
  assert.equal(stderr.match(/^.* did not stop in time and is killed/gm)?.length, 250);
  assert.doesNotMatch(stderr, /did not stop within/);
  assert.deepEqual(processesIn(stage.folder).filter(isRunning), []);
});

e2e("without files for all services, what was started is followed and stopped, and nobody is left", async (stage) => {
  stage.write("daemon.toml", `name = "few"\n[service.a]\nrun = ["sleep", "1009"]\ninstances = 60\n`);
  const daemon = stage.startThrough('ulimit -n 80; exec "$0" "$@"', "run");
  // Each try that finds no files is one at which a program could be started and lost.
  await until(() => daemon.stderr().match(/too many files open/g)?.length ?? 0, { isRight: (count) => count >= 30 });
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
  assert.deepEqual(processesOf(stage, /sleep 1009/), []);
});

e2e("without files for all services, up says who waits and why, control answers, and down leaves nobody", async (stage) => {
  stage.write("daemon.toml", `name = "few"\n[service.a]\nrun = ["sleep", "1011"]\ninstances = 40\n`);
  const up = await stage.startThrough('ulimit -n 64; exec "$0" "$@"', "up").ended;
  assert.equal(up.code, 1, up.stderr);
  assert.match(
    up.stdout,
    /is not ready: 40 units\n {2}a@\d+ \w+: (restart: )?waits for room: Cannot start sleep as this process has too many files open/,
  );
  const running = Object.values(await unitsOf(stage)).filter(({ state }) => state === "running");
  assert.ok(running.length > 2, `${running.length} run`);
  assert.equal((await stage.cli("down")).code, 0);
  assert.deepEqual(processesOf(stage, /sleep 1011/), []);
});
