import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { accessSync, chmodSync, chownSync, constants, copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { e2e, isRunning, type Stage } from "./driver.ts";
import { until } from "../until.ts";
import { processesOf } from "./processes.ts";
import { groupOf, unitsOf, untilUnits } from "./units.ts";

const DEAF = "trap '' TERM; echo up; while :; do sleep 0.05; done";

// Acceptance runner 5: start during a slow stop.
e2e("runner 5: commands at once, whatever they are, never make two copies, and each is answered", async (stage) => {
  // The trap comes first: a run that is stopped before it would leave its folder, and its successor look like a second copy.
  const run = "trap 'sleep 0.05; rmdir $NAME; exit 0' TERM; mkdir $NAME; echo up; while :; do sleep 0.02; done";
  const table = (name: string, after: string) =>
    `[service.${name}]\nrun = "${run}"\nenv = { NAME = "${name}" }\nready = { log = "up" }\nrestart = "always"\nafter = [${after}]\n`;
  stage.write("daemon.toml", `name = "storm"\n${table("a", "")}${table("b", '"a"')}${table("c", '"b"')}`);
  const daemon = await stage.startDaemon();
  const verbs = ["stop", "start", "restart", "start", "restart", "stop"];
  for (let round = 0; round < 4; round++) {
    const commands = verbs.map((verb, index) => stage.start(verb, "abc"[(index + round) % 3], "--timeout", "20s"));
    for (const { code, stderr } of await Promise.all(commands.map((command) => command.ended))) assert.ok(code === 0 || code === 1, stderr);
  }
  assert.equal((await stage.cli("start", "--all")).code, 0);
  const pids = Object.values(await unitsOf(stage)).map(({ details }) => details.pid!);
  assert.equal((await stage.cli("down")).code, 0);
  assert.deepEqual(pids.filter(isRunning), []);
  assert.doesNotMatch((await daemon.ended).stdout, /File exists/);
});

// Acceptance runner 9: the leader exits on TERM, a child of the group ignores it.
e2e(
  "runner 9: stop returns only when the group is empty, also when its leader goes first and a child ignores the signal",
  async (stage) => {
    const run = "trap 'exit 0' TERM; (trap '' TERM; echo child; while :; do sleep 0.05; done) & while :; do sleep 0.05; done";
    stage.write(
      "daemon.toml",
      `name = "group"\n[service.x]\nrun = "${run}"\nready = { log = "^child" }\nstop = { timeout = "400ms" }\n`,
    );
    await stage.startDaemon();
    const pid = (await unitsOf(stage)).x.details.pid!;
    assert.ok(groupOf(pid).length >= 2);
    const { code, stdout } = await stage.cli("stop", "x");
    assert.deepEqual([code, stdout, groupOf(pid)], [0, "x  stopped\n", []]);
  },
);

// Acceptance runner 11: a program that ignores the stop signal.
e2e("runner 11: what ignores the stop signal is stopping until it was killed, and stopped only then", async (stage) => {
  stage.write("daemon.toml", `name = "deaf"\n[service.x]\nrun = "${DEAF}"\nready = { log = "up" }\nstop = { timeout = "2s" }\n`);
  const daemon = await stage.startDaemon();
  const pid = (await unitsOf(stage)).x.details.pid!;
  const stop = stage.start("stop", "x");
  const { x } = await untilUnits(stage, ({ x }) => x.state !== "running");
  assert.deepEqual([x.state, x.details.pid, isRunning(pid)], ["stopping", pid, true]);
  assert.deepEqual(await stop.ended, { code: 0, stdout: "x  stopped\n", stderr: (await stop.ended).stderr });
  assert.equal(isRunning(pid), false);
  const after = (await unitsOf(stage)).x;
  assert.deepEqual([after.state, after.details.lastExit!.signal], ["stopped", "SIGKILL"]);
  await daemon.until(/did not stop in time and is killed/);
});

// Ways in which a process gets away from the shell that starts it; each writes its number into a file.
const AWAY: Readonly<Record<string, string>> = {
  "time-limit": "timeout 1000 sh -c 'echo $$ >> FILE; exec sleep 1000' &",
  job: "set -m; sh -c 'echo $$ >> FILE; exec sleep 1000' &",
  nohup: "nohup sh -c 'echo $$ >> FILE; exec sleep 1000' >/dev/null 2>&1 &",
  session: "setsid sh -c 'echo $$ >> FILE; exec sleep 1000' >/dev/null 2>&1 &",
  "double-fork": "(setsid sh -c '(echo started; exec sh -c \"echo \\$\\$ >> FILE; exec sleep 1000\") >/dev/null 2>&1 &' &);",
  "bare-environment": "(setsid env -i sh -c 'echo $$ >> FILE; exec /bin/sleep 1000' >/dev/null 2>&1 &);",
};

// All in one daemon: six daemons would be six times the commands, and neighbours must not be taken for one another.
e2e("runner 13: what gets away in any way is gone after stop, restart, a crash and down", async (stage) => {
  const names = Object.keys(AWAY);
  const service = Object.fromEntries(names.map((name) => {
    const run = `${AWAY[name].replace("FILE", `${name}.pids`)} until [ -s ${name}.pids ]; do sleep 0.02; done; echo up; exec sleep 1000`;
    return [name, { run, ready: { log: "up" }, restart: { policy: "on-failure", delay: "0s" } }];
  }));
  stage.write("daemon.json", JSON.stringify({ name: "away", service }));
  const pidsOf = (name: string) => readFileSync(join(stage.folder, `${name}.pids`), "utf8").split("\n").filter(Boolean).map(Number);
  const living = () => names.map((name) => pidsOf(name).filter(isRunning));
  // One number more in the file is a copy more; the newest is the one that runs.
  const runsOnce = async (copies: number) => {
    const isRight = (units: Awaited<ReturnType<typeof unitsOf>>) =>
      names.every((name) => units[name].state === "running" && units[name].ready === true && pidsOf(name).length === copies);
    const units = await untilUnits(stage, isRight);
    assert.deepEqual(living(), names.map((name) => pidsOf(name).slice(-1)));
    return units;
  };
  const daemon = await stage.startDaemon();
  const before = await runsOnce(1);

  assert.equal((await stage.cli("restart", ...names)).code, 0);
  const restarted = await runsOnce(2);
  for (const name of names) assert.notEqual(restarted[name].details.pid, before[name].details.pid);

  for (const name of names) process.kill(restarted[name].details.pid!, "SIGKILL");
  await runsOnce(3);

  const { code, stdout } = await stage.cli("stop", ...names);
  assert.deepEqual([code, stdout.match(/ stopped$/gm)?.length, living()], [0, names.length, names.map(() => [])]);

  assert.equal((await stage.cli("start", ...names)).code, 0);
  await runsOnce(4);
  assert.equal((await stage.cli("down")).code, 0);
  assert.deepEqual([(await daemon.ended).code, living()], [0, names.map(() => [])]);
});

// Acceptance runner 13: a grandchild that did setsid is gone; with kill_mode group it is reported as escaped.
e2e(
  "runner 13: what starts another one before it goes is gone in the end, and what ignores the signal is killed in its time",
  async (stage) => {
    // Each goes by starting its successor in a session of its own, ten times, and the last one is deaf.
    stage.write(
      "again.sh",
      // The test that starts one names it: a successor may be told to go before it has come so far.
      `trap 'test $1 -eq 0 || { setsid sh again.sh $(($1 - 1)) >/dev/null 2>&1 & echo $! >> pids; }; exit 0' TERM\n` +
        `test $1 -eq 0 && trap '' TERM\necho $$ >> pids; while :; do sleep 0.02; done\n`,
    );
    const run = "setsid sh again.sh 10 >/dev/null 2>&1 & until [ -s pids ]; do sleep 0.02; done; echo up; exec sleep 1000";
    stage.write("daemon.toml", `name = "again"\n[service.x]\nrun = "${run}"\nready = { log = "up" }\nstop = { timeout = "2s" }\n`);
    const daemon = await stage.startDaemon();
    await stopped(stage);
    const pids = readFileSync(join(stage.folder, "pids"), "utf8").split("\n").filter(Boolean).map(Number);
    assert.deepEqual(pids.filter(isRunning), []);
    assert.ok(pids.length > 1, "somebody was started on the way");
    daemon.kill("SIGTERM");
    assert.equal((await daemon.ended).code, 0);
  },
);

// Acceptance runner 13: a grandchild that did setsid is gone; with kill_mode group it is reported as escaped.
e2e(
  "runner 13: with kill_mode group a grandchild that did setsid is reported as escaped, by a stop and by the end of the daemon",
  async (stage) => {
    const run =
      "setsid sh -c 'echo $$ > $NAME; exec sleep 1000' >/dev/null 2>&1 & until [ -s $NAME ]; do sleep 0.02; done; echo up; exec sleep 1000";
    const table = (name: string) =>
      `[service.${name}]\nrun = "${run}"\nenv = { NAME = "${name}" }\nready = { log = "up" }\nstop = { kill_mode = "group" }\n`;
    stage.write("daemon.toml", `name = "escape"\n${table("x")}${table("y")}`);
    const daemon = await stage.startDaemon();
    const [x, y] = ["x", "y"].map((name) => Number(readFileSync(join(stage.folder, name), "utf8")));
    assert.equal((await stage.cli("stop", "x")).code, 0);
    assert.deepEqual((await unitsOf(stage)).x.details.escaped, [x]);
    daemon.kill("SIGTERM");
    const { code, stderr } = await daemon.ended;
    assert.equal(code, 0, stderr);
    for (const [name, pid] of [["x", x], ["y", y]]) {
      assert.equal(stderr.match(new RegExp(`/${name} left processes behind that have escaped .*pids=.*${pid}`, "g"))?.length, 1, stderr);
    }
    assert.deepEqual([isRunning(x), isRunning(y)], [true, true]);
  },
);

if (hasControlGroups()) {
  e2e(
    "runner 13: with kill_mode cgroup nobody gets away, however fast he starts another one, and the control group is gone",
    async (stage) => {
      // Deaf, without a mark, and each in a session of its own: what only SIGKILL at one moment ends.
      stage.write("chain.sh", "trap '' TERM; echo $$ >> pids; sleep 0.05; setsid env -i /bin/sh chain.sh >/dev/null 2>&1 &\n");
      const run = "sh chain.sh; echo up; exec sleep 1000";
      const stop = { kill_mode: "cgroup", timeout: "300ms" };
      stage.write("daemon.json", JSON.stringify({ name: "control", service: { x: { run, ready: { log: "up" }, stop } } }));
      await stage.startDaemon();
      const { pid } = (await unitsOf(stage)).x.details;
      const folder = readFileSync(`/proc/${pid}/cgroup`, "utf8").match(/^0::(.*daemonkit-control-.*-x)$/m)?.[1];
      assert.ok(folder !== undefined);
      await stopped(stage);
      const pids = readFileSync(join(stage.folder, "pids"), "utf8").split("\n").filter(Boolean).map(Number);
      assert.deepEqual(pids.filter(isRunning), []);
      assert.equal((await stage.cli("down")).code, 0);
      const own = readFileSync("/proc/self/mountinfo", "utf8").match(/^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m)![1];
      assert.equal(existsSync(`${own}${folder}`), false);
    },
  );
}

/**
 * Stops the service x, whose processes start others while they are killed. On a busy machine that may take longer than the two seconds that a
 * daemon gives them; then the answer says so, and they go all the same.
 */
async function stopped(stage: Stage): Promise<void> {
  const { code, stdout } = await stage.cli("stop", "x");
  if (code !== 0) {
    assert.match(stdout, /^x {2}timed out: did not stop within \d+ ms\n$/);
    await untilUnits(stage, ({ x }) => x.state === "stopped" && x.details.pid === null);
  } else assert.equal(stdout, "x  stopped\n");
}

/** Whether a control group of version 2 can be made here. */
function hasControlGroups(): boolean {
  const [, folder] = /^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /m.exec(readFileSync("/proc/self/mountinfo", "utf8")) ?? [];
  const [, own] = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8")) ?? [];
  if (folder === undefined || own === undefined) return false;
  try {
    accessSync(`${folder}${own}/cgroup.procs`, constants.W_OK);
    return process.geteuid?.() === 0;
  } catch {
    return false;
  }
}

// Acceptance runner 14: kill_mode process: a helper survives the restart.
e2e("runner 14: with kill_mode process a detached helper survives the restart of its service", async (stage) => {
  const run = "[ -e helper ] || { sleep 1000 & echo $! > helper; }; echo up; exec sleep 1000";
  stage.write("daemon.toml", `name = "helper"\n[service.x]\nrun = "${run}"\nready = { log = "up" }\nstop = { kill_mode = "process" }\n`);
  const daemon = await stage.startDaemon();
  const helper = Number(readFileSync(join(stage.folder, "helper"), "utf8"));
  try {
    const before = (await unitsOf(stage)).x.details.pid!;
    assert.equal((await stage.cli("restart", "x")).code, 0);
    const after = (await unitsOf(stage)).x.details.pid!;
    assert.deepEqual([isRunning(before), isRunning(after), isRunning(helper)], [false, true, true]);
    daemon.kill("SIGTERM");
    assert.equal((await daemon.ended).code, 0);
    assert.equal(isRunning(helper), true);
  } finally {
    if (isRunning(helper)) process.kill(helper, "SIGKILL");
  }
});

e2e("with kill_mode process what a helper prints is still logged after its service was stopped and restarted", async (stage) => {
  stage.write("helper.sh", "while [ ! -e go ]; do sleep 0.02; done; echo still here; exec sleep 1000");
  const run = "[ -e helper ] || { sh helper.sh & echo $! > helper; }; echo up; exec sleep 1000";
  stage.write("daemon.toml", `name = "helper"\n[service.x]\nrun = "${run}"\nready = { log = "up" }\nstop = { kill_mode = "process" }\n`);
  const daemon = await stage.startDaemon();
  const pid = Number(readFileSync(join(stage.folder, "helper"), "utf8"));
  try {
    assert.equal((await stage.cli("restart", "x")).code, 0);
    assert.equal((await stage.cli("stop", "x")).code, 0);
    stage.write("go", "");
    await daemon.until(/^x \| still here$/m);
    assert.match((await stage.cli("logs", "x")).stdout, /still here/);
    daemon.kill("SIGTERM");
    assert.equal((await daemon.ended).code, 0);
    assert.equal(isRunning(pid), true);
  } finally {
    if (isRunning(pid)) process.kill(pid, "SIGKILL");
  }
});

// Acceptance runner 17: HUP while stopping is ignored; a second INT kills.
e2e("runner 17: SIGHUP while stopping is ignored and the stop goes on", async (stage) => {
  const run = "trap 'echo told; sleep 0.5; exit 0' TERM; echo up; while :; do sleep 0.05; done";
  const path = stage.write("daemon.toml", `name = "slow"\n[service.x]\nrun = "${run}"\nready = { log = "up" }\n`);
  const daemon = await stage.startDaemon();
  daemon.kill("SIGTERM");
  await daemon.until(/told/);
  writeFileSync(path, "this is no configuration");
  daemon.kill("SIGHUP");
  const { code, stderr } = await daemon.ended;
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /configuration/);
});

// Acceptance runner 18: 500 children, TERM to the daemon: none is left.
e2e("runner 18: SIGTERM with 500 children leaves none, within the graceful time", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "many"\n[shutdown]\ntimeout = "20s"\n[service.x]\nrun = ["sleep", "1000"]\ninstances = 500\nstop = { timeout = "20s" }\n`,
  );
  const daemon = await stage.startDaemon();
  const pids = Object.values(await unitsOf(stage)).map((unit) => unit.details.pid!);
  assert.equal(pids.filter(isRunning).length, 500);
  daemon.kill("SIGTERM");
  const { code, stderr } = await daemon.ended;
  assert.equal(code, 0, stderr.slice(-2_000));
  assert.deepEqual(pids.filter(isRunning), []);
});

// Acceptance runner 19: a dependent is gone before what it depends on is told.
e2e("runner 19: what comes after is gone before what it comes after is told, both being slow to stop", async (stage) => {
  const run = "trap 'echo told; sleep 0.3; echo gone; exit 0' TERM; echo up; while :; do sleep 0.02; done";
  stage.write(
    "daemon.toml",
    `name = "order"\n[service.a]\nrun = "${run}"\nready = { log = "up" }\nafter = ["b"]\n[service.b]\nrun = "${run}"\nready = { log = "up" }\n`,
  );
  const daemon = await stage.startDaemon();
  daemon.kill("SIGTERM");
  const { code, stdout } = await daemon.ended;
  assert.equal(code, 0);
  assert.deepEqual(stdout.match(/^[ab] \| (told|gone)$/gm), ["a | told", "a | gone", "b | told", "b | gone"]);
});

// Acceptance runner 20: a stop command that hangs.
e2e("runner 20: a stop command that hangs is killed with its service when the time of the stop is over", async (stage) => {
  const stop = "echo asked $DAEMONKIT_PID; (trap '' TERM; echo $$ > helper; exec sleep 1000) & exec sleep 1000";
  stage.write(
    "daemon.toml",
    `name = "hang"\n[service.x]\nrun = ["sleep", "1000"]\n[service.x.stop]\nrun = "${stop}"\ntimeout = "700ms"\n`,
  );
  const daemon = await stage.startDaemon();
  const pid = (await unitsOf(stage)).x.details.pid!;
  assert.deepEqual(await stage.cli("stop", "x").then(({ code, stdout }) => [code, stdout]), [0, "x  stopped\n"]);
  const { details } = (await unitsOf(stage)).x;
  assert.deepEqual([isRunning(pid), details.lastExit!.signal, details.escaped], [false, "SIGKILL", undefined]);
  await daemon.until(new RegExp(`x \\| asked ${pid}\n`));
  await daemon.until(/did not stop in time and is killed/);
  await daemon.until(/could not be asked to stop by its stop command .*700 ms/);
  assert.equal((await stage.cli("down")).code, 0);
});

e2e("a stop command has the environment, folder and number of its service, and when it fails the signal is sent", async (stage) => {
  const table = (name: string, stop: string) =>
    `[service.${name}]\nrun = "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.02; done"\nready = { log = "up" }\n` +
    `env = { WORD = "hello" }\nstop = { run = ${stop} }\n`;
  const clean = `"echo $WORD $(pwd) $PORT; kill -KILL $DAEMONKIT_PID"`;
  stage.write(
    "daemon.toml",
    `name = "ask"\n${table("clean", clean)}port = 4000\n${table("fails", '"exit 3"')}${table("none", '["no-such-program"]')}`,
  );
  const daemon = await stage.startDaemon();
  daemon.kill("SIGTERM");
  const { code, stdout, stderr } = await daemon.ended;
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(`clean \\| hello ${stage.folder} 4000\n`));
  assert.doesNotMatch(stdout, /clean \| told/);
  assert.match(stdout, /fails \| told/);
  assert.match(stdout, /none  ?\| told/);
  assert.match(stderr, /fails could not be asked to stop by its stop command .*exited with code 3/);
  assert.match(stderr, /none could not be asked to stop by its stop command .*no-such-program/);
});

// Acceptance runner 22: a record of an earlier boot.
e2e("runner 22: a record from an earlier boot is ignored, even when its number is a living process now", async (stage) => {
  stage.write("daemon.toml", `name = "boot"\n[service.x]\nrun = ["sleep", "1000"]\n`);
  const first = await stage.startDaemon();
  first.kill("SIGTERM");
  await first.ended;
  const root = join(stage.env.XDG_RUNTIME_DIR, "daemonkit");
  const lock = join(root, readdirSync(root)[0], "lock");
  const record = { pid: process.pid, startTicks: 1, bootId: "an earlier boot", version: "0.0.1", protocol: 1 };
  writeFileSync(lock, JSON.stringify(record));
  assert.equal((await stage.cli("status")).code, 3);
  const second = await stage.startDaemon();
  assert.doesNotMatch(second.stderr(), /earlier|crash/i);
  assert.equal((await stage.cli("down")).code, 0);
});

// Acceptance library 29: SIGTERM while the loop is blocked, for a while and for ever.
e2e("library 29: a loop that is blocked for ever can only be ended from outside, which a supervising daemon does", async (stage) => {
  const program = fileURLToPath(new URL("../fixtures/program.ts", import.meta.url));
  const command = "Deno" in globalThis ? [process.execPath, "run", "-A", "--no-check", program] : [process.execPath, program];
  const env = ["HOME", "DENO_DIR"].filter((name) => process.env[name]).map((name) => `${name} = ${JSON.stringify(process.env[name])}`);
  stage.write(
    "daemon.toml",
    `name = "outer"\n[service.inner]\nrun = ${JSON.stringify([...command, "blocked-for-ever"])}\nenv = { ${env.join(", ")} }\n` +
      `ready = { log = "^blocking" }\nstop = { timeout = "500ms" }\n`,
  );
  const daemon = await stage.startDaemon();
  const { pid } = (await unitsOf(stage)).inner.details;
  daemon.kill("SIGTERM");
  const { code, stderr } = await daemon.ended;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /did not stop in time and is killed/);
  assert.equal(isRunning(pid!), false);
});

// Acceptance library 30: SIGHUP with an invalid configuration.
e2e("library 30: SIGHUP with an invalid file keeps the old configuration, names line and column, and nothing stops", async (stage) => {
  const text = `name = "hup"\n[service.x]\nrun = ["sleep", "1000"]\n`;
  const path = stage.write("daemon.toml", text);
  const daemon = await stage.startDaemon();
  const before = await unitsOf(stage);
  writeFileSync(path, `${text}commnad = "x"\n`);
  daemon.kill("SIGHUP");
  await daemon.until(/daemon\.toml:4:1: service\.x\.commnad/);
  writeFileSync(path, `${text}[service.`);
  daemon.kill("SIGHUP");
  await daemon.until(/daemon\.toml:4:\d+: /);
  const { stdout } = await stage.cli("status", "--json");
  assert.equal(JSON.parse(stdout).ready, true);
  assert.equal((await unitsOf(stage)).x.details.pid, before.x.details.pid);
  writeFileSync(path, text);
  daemon.kill("SIGHUP");
  await daemon.until(/configuration unchanged/);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

// Only root can make a program that takes root's rights, and become who may not end it.
if (process.geteuid?.() === 0 && existsSync("/usr/bin/setpriv")) {
  for (const killMode of ["all", "group"]) {
    e2e(
      `what became another user and can't be killed is named by the stop, which exits with 1: kill_mode ${killMode}`,
      async (stage, { name }) => {
        // The sources, and their runtime, may lie where only root can read them.
        if (name === "source") return;
        const raise = join(stage.folder, "raise");
        copyFileSync("/usr/bin/setpriv", raise);
        const run = "./raise --reuid=0 --regid=0 --clear-groups sleep 1023 & echo up; exec sleep 1000";
        const stop = { timeout: "100ms", kill_mode: killMode };
        stage.write("daemon.json", JSON.stringify({ name: "raised", service: { x: { run, ready: { log: "up" }, stop } } }));
        const nobody = "65534";
        assert.equal(spawnSync("chown", ["-R", nobody, dirname(stage.folder)]).status, 0);
        chownSync(raise, 0, 0);
        chmodSync(raise, 0o4755);
        const as = `exec setpriv --reuid=${nobody} --regid=${nobody} --clear-groups "$0" "$@"`;
        const daemon = stage.startThrough(as, "run");
        await daemon.until(/every unit has started/);
        const raised = await until(() => processesOf(stage, /^sleep 1023 /), { isRight: (pids) => pids.length === 1 });
        const { code, stdout, stderr } = await stage.startThrough(as, "stop", "x").ended;
        assert.equal(code, 1, stderr);
        assert.match(stdout, new RegExp(`not all that it started: process ${raised[0]} \\(sleep\\) can't be killed`));
        const end = await stage.startThrough(as, "down").ended;
        const named = new RegExp(`could not be killed and lives on: x \\(pid ${raised[0]}\\)\n`);
        assert.deepEqual([end.code, named.test(end.stdout)], [1, true], end.stdout + end.stderr);
        const { code: ownCode, stderr: said } = await daemon.ended;
        assert.deepEqual([ownCode, named.test(said)], [1, true], said);
        process.kill(raised[0], "SIGKILL");
      },
    );
  }
}
