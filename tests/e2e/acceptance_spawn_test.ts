import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { e2e, isRunning } from "./driver.ts";
import { groupOf, unitsOf, untilUnits } from "./units.ts";
import { until } from "../until.ts";

// Acceptance runner 1: what can't be started is a named error and a failed attempt, the daemon is fine.
e2e("runner 1: what can't be started fails by name, and the daemon and the other services are fine", async (stage) => {
  chmodSync(stage.write("data", "no program"), 0o600);
  const bad: [string, string, RegExp][] = [
    ["missing", `run = ["/no/such/program"]`, /\/no\/such\/program/],
    ["data", `run = ["./data"]`, /data must be an executable file/],
    ["folder", `run = ["sleep", "1000"]\ncwd = "nowhere"`, /nowhere/],
  ];
  const tables = bad.map(([name, keys]) => `[service.${name}]\n${keys}\nrestart = "never"\n`);
  stage.write("daemon.toml", `name = "bad"\n${tables.join("")}[service.good]\nrun = ["sleep", "1000"]\n`);
  const daemon = await stage.startDaemon();
  const { good, ...others } = await unitsOf(stage);
  assert.equal(good.state, "running");
  for (const [name, , pattern] of bad) {
    const { state, reason, details } = others[name];
    assert.deepEqual([state, details.pid, details.spawnFailures], ["failed", null, 1], name);
    assert.match(reason, pattern);
  }
  assert.equal((await stage.cli("start", "missing")).code, 1);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

// Acceptance runner 1: what can't be started is a named error and a failed attempt, the daemon is fine.
e2e("runner 1: a log file that is a folder is refused by name with 1, and nothing was started", async (stage) => {
  mkdirSync(join(stage.folder, "log"));
  stage.write("daemon.toml", `name = "bad"\n[logging]\nfile = "log"\n[service.x]\nrun = "echo ran > ran"\n`);
  const { code, stderr } = await stage.cli("run");
  assert.equal(code, 1, stderr);
  assert.match(stderr, new RegExp(`${stage.folder}/log`));
  assert.equal(existsSync(join(stage.folder, "ran")), false);
});

// Acceptance runner 2: a spawn that fails for lack of resources is counted and tried again with backoff.
e2e(
  "runner 2: what a daemon has no files for waits, counts no restart, is said once, and all that was started is stopped",
  async (stage, subject) => {
    stage.write(
      "daemon.toml",
      `name = "few"\n[service.x]\nrun = "echo pid $$; exec sleep 1000"\ninstances = 60\n` +
        `restart = { max_restarts = 0 }\n`,
    );
    const argv = [...subject.argv(join(stage.folder, "..")), "run"];
    const daemon = spawn("/bin/sh", ["-c", 'ulimit -n 80; exec "$@"', "sh", ...argv], {
      cwd: stage.folder,
      env: stage.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    daemon.stdout.setEncoding("utf8").on("data", (piece: string) => void (stdout += piece));
    const isFull = new Promise<void>((resolve) => {
      daemon.stderr.setEncoding("utf8").on("data", (piece: string) => {
        stderr += piece;
        if (/x@\d+.*waits until there is room.*SPAWN_NO_RESOURCES/.test(stderr)) resolve();
      });
    });
    const ended = new Promise<number | null>((resolve) => daemon.on("close", resolve));
    try {
      await Promise.race([isFull, ended]);
      assert.match(stderr, /too many files/);
      // A program that is stopped before its first word would not be counted.
      await until(() => stdout.match(/pid \d+$/gm)?.length ?? 0, { isRight: (count) => count > 5 });
      process.kill(daemon.pid!, "SIGTERM");
      assert.equal(await ended, 0, stderr.slice(-2_000));
      const pids = [...stdout.matchAll(/pid (\d+)$/gm)].map(([, pid]) => Number(pid));
      assert.ok(pids.length > 5 && pids.length < 60, stdout);
      assert.deepEqual(pids.filter(isRunning), []);
    } finally {
      if (isRunning(daemon.pid!)) process.kill(daemon.pid!, "SIGKILL");
      await ended;
    }
  },
);

// Acceptance runner 3: a user that is unknown or refused: never started, never as root.
e2e("runner 3: a service whose user is unknown is never run as somebody else", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "who"\n[service.x]\nrun = "id -u > ran"\nuser = "nobody-by-that-name"\nrestart = { delay = "1ms", max_restarts = 2 }\n` +
      `[service.y]\nrun = ["sleep", "1000"]\n`,
  );
  await stage.startDaemon();
  const { x, y } = await untilUnits(stage, ({ x }) => x.state === "fatal");
  assert.match(x.reason, /nobody-by-that-name/);
  assert.deepEqual([x.details.spawnFailures, x.details.lastExit, y.state], [3, null, "running"]);
  assert.equal(existsSync(join(stage.folder, "ran")), false);
});

// Acceptance runner 4: five starts at once.
e2e("runner 4: of five starts at once one starts the service, and four are told that it runs already", async (stage) => {
  const run = `echo run >> runs; sleep 0.5; echo ready; exec sleep 1000`;
  stage.write("daemon.toml", `name = "once"\n[service.x]\nrun = "${run}"\nready = { log = "^ready" }\n`);
  await stage.startDaemon();
  assert.equal((await stage.cli("stop", "x")).code, 0);
  const starts = Array.from({ length: 5 }, () => stage.start("start", "x"));
  const results = await Promise.all(starts.map((start) => start.ended));
  assert.deepEqual(results.map(({ code }) => code), [0, 0, 0, 0, 0]);
  assert.deepEqual(results.map(({ stdout }) => stdout).sort(), [...Array(4).fill("x  already running\n"), "x  started\n"]);
  assert.equal(readFileSync(join(stage.folder, "runs"), "utf8"), "run\nrun\n");
});

// Acceptance runner 7: signals reach what a shell text started; the pid shown is documented.
e2e("runner 7: signals reach what a shell text started; the pid shown is the shell's, which leads the group", async (stage) => {
  stage.write("daemon.toml", `name = "shell"\n[service.x]\nrun = "echo $$ && sleep 1000 && echo never"\nready = { log = "^[0-9]+$" }\n`);
  const daemon = await stage.startDaemon();
  const pid = (await unitsOf(stage)).x.details.pid!;
  await daemon.until(new RegExp(`x \\| ${pid}$`, "m"));
  const members = await until(() => groupOf(pid), { isRight: (group) => group.length === 2 });
  assert.ok(members.includes(pid));
  assert.equal((await stage.cli("stop", "x")).code, 0);
  assert.deepEqual(members.filter(isRunning), []);
  assert.doesNotMatch(daemon.stdout(), /never/);
});

// Acceptance runner 8: relative paths count from the configuration file's folder.
e2e("runner 8: relative paths count from the folder of the configuration file, wherever the command is run", async (stage) => {
  mkdirSync(join(stage.folder, "etc", "app"), { recursive: true });
  stage.write("etc/.env", "GREETING=hello from the file\n");
  stage.write(
    "etc/daemon.toml",
    `name = "paths"\npid_file = "run/my.pid"\n[logging]\nfile = "logs/daemon.log"\n` +
      `[service.x]\nrun = "pwd; echo $GREETING; echo up; exec sleep 1000"\ncwd = "app"\nenv_file = [".env"]\nready = { log = "^up" }\n`,
  );
  const daemon = await stage.startDaemon("etc/daemon.toml");
  const home = realpathSync(join(stage.folder, "etc"));
  const { stdout } = await stage.cli("logs", "x", "-c", "etc/daemon.toml");
  assert.equal(stdout, `x | ${home}/app\nx | hello from the file\nx | up\n`);
  assert.equal(readFileSync(join(home, "run", "my.pid"), "utf8"), `${daemon.pid}\n`);
  assert.equal((await stage.cli("down", "-c", "etc/daemon.toml")).code, 0);
  assert.match(readFileSync(join(home, "logs", "daemon.log"), "utf8"), /every unit has started/);
});
