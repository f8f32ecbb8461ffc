import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { e2e, isRunning, type Program, type Stage } from "./driver.ts";
import { processesOf, runFolderOf } from "./processes.ts";
import { unitsOf, untilUnits } from "./units.ts";
import { until } from "../until.ts";

/** Services that are hard to find or to end; each `sleep` sleeps another time, by which it is known. */
const HARD = `
name = "hard"
[service.plain]
run = ["sleep", "1001"]
[service.group]
run = "sleep 1002 & exec sleep 1003"
[service.escapee]
run = "setsid sleep 1004 & exec sleep 1005"
[service.deaf]
run = "trap '' TERM; sleep 1006 & wait; wait"
stop = { timeout = "300ms" }
[service.unmarked]
run = "exec env -i sleep 1007"
[service.storm]
run = "sleep 1008 & setsid sleep 1009 & sleep 0.01; exit 1"
restart = { delay = "1ms", max_delay = "5ms", max_restarts = inf }
[service.manual]
run = ["sleep", "1010"]
`;

async function killed(daemon: Program): Promise<void> {
  daemon.kill("SIGKILL");
  await daemon.ended;
}

/** The number of each: one of every sleep, but for those of the storm, which come and go, and the one that was stopped by hand. */
async function untilOneOfEach(stage: Stage, isRecorded = true): Promise<void> {
  const count = (seconds: number) => processesOf(stage, new RegExp(`^\\S*sleep ${seconds} `)).length;
  // A process that has lost its mark is known by the record alone, which is written a moment after its start.
  const all = [1001, 1002, 1003, 1004, 1005, 1006, ...isRecorded ? [1007] : []];
  await until(() => all.map(count).every((each) => each > 0));
  assert.deepEqual(all.map(count), all.map(() => 1));
  assert.equal(count(1010), 0);
}

/** Processes that look like ours and are not. */
function decoys(folder: string): ChildProcess[] {
  const id = folder.slice(folder.lastIndexOf("/") + 1);
  const socket = join(folder, "admin.sock");
  const environments = [
    { DAEMONKIT_UNIT: "other-01234567/plain/1", DAEMONKIT_SOCKET: "/other/admin.sock" },
    { DAEMONKIT_UNIT: `${id}0/plain/1`, DAEMONKIT_SOCKET: socket },
    { DAEMONKIT_UNIT: "", NOTE: `DAEMONKIT_UNIT=${id}/plain/1` },
  ];
  const argument = ["sh", "-c", "read -r x", `DAEMONKIT_UNIT=${id}/plain/1`, `DAEMONKIT_SOCKET=${socket}`];
  const start = (argv: string[], env: Record<string, string>) =>
    spawn(argv[0], argv.slice(1), { env: { PATH: process.env.PATH!, ...env }, stdio: ["pipe", "ignore", "ignore"], detached: true });
  return [...environments.map((env) => start(["cat"], env as unknown as Record<string, string>)), start(argument, {}), start(["cat"], {})];
}

async function dismiss(strangers: ChildProcess[]): Promise<void> {
  await Promise.all(strangers.map((child) =>
    new Promise((resolve) => {
      child.on("exit", resolve);
      child.stdin!.end();
    })
  ));
}

e2e("kill -9 of the daemon: the next start ends what was left, escapees too, keeps manual stops, and harms no stranger", async (stage) => {
  stage.write("daemon.toml", HARD);
  const first = await stage.startDaemon();
  assert.equal((await stage.cli("stop", "manual")).code, 0);
  await untilOneOfEach(stage);
  const groups = join(runFolderOf(stage), "groups.json");
  await until(() => existsSync(groups) && readFileSync(groups, "utf8").includes('"unmarked"'));
  const before = processesOf(stage, /sleep 100[1-7] /);
  await killed(first);
  const strangers = decoys(runFolderOf(stage));
  // Their numbers in the record, as if those of the dead had passed to them: since another moment, and since another boot.
  const record = JSON.parse(readFileSync(groups, "utf8"));
  const { identity } = record.programs[0];
  const [a, b] = strangers.map(({ pid }) => pid!);
  record.programs.push({ unit: "plain", run: 1, command: "", identity: { ...identity, pid: a } });
  record.programs.push({ unit: "plain", run: 1, command: "", identity: { pid: b, startTicks: startTicksOf(b), bootId: "another boot" } });
  writeFileSync(groups, JSON.stringify(record));

  const second = await stage.startDaemon();
  assert.deepEqual(before.filter(isRunning), []);
  await untilOneOfEach(stage);
  const units = await unitsOf(stage);
  assert.deepEqual([units.manual.state, units.manual.desired], ["stopped", "down"]);
  assert.deepEqual(strangers.map(({ pid }) => isRunning(pid!)), strangers.map(() => true));
  assert.match(second.stderr(), /the daemon before this one has died/);
  assert.match(second.stderr(), /escapee: ended what an earlier daemon left/);
  assert.match(second.stderr(), /deaf: ended what an earlier daemon left .*signal=SIGKILL/);
  assert.doesNotMatch(second.stderr().split("starting")[0], / running run=/);
  await dismiss(strangers);

  // A clean end leaves nothing to look for, but for what has left its group and which the stop does not reach.
  const down = await stage.cli("down");
  assert.equal(down.code, 1, down.stderr);
  assert.match(down.stdout, /killed, as they did not stop in their time: deaf\n/);
  const third = await stage.startDaemon();
  assert.doesNotMatch(third.stderr(), /has died|(?:plain|deaf|unmarked|manual): ended/);
});

function startTicksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
}

e2e("kill -9 of the daemon at any moment, ten times: each start leaves one copy of every service", async (stage) => {
  stage.write("daemon.toml", HARD);
  let daemon = await stage.startDaemon();
  assert.equal((await stage.cli("stop", "manual")).code, 0);
  for (let round = 1; round <= 10; round++) {
    await killed(daemon);
    daemon = stage.start("run");
    if (round % 3 === 0) {
      await daemon.until(/every unit has started|not ready: /);
      daemon.kill("SIGTERM");
      await pause(Math.random() * 300); // while it stops
    } else await pause(Math.random() * 500); // while it ends what was left, starts, or restarts
  }
  await killed(daemon);
  await stage.startDaemon();
  await untilOneOfEach(stage, false);
  assert.equal((await unitsOf(stage)).manual.state, "stopped");
  // The deaf one has to be killed.
  assert.equal((await stage.cli("down")).code, 1);
  // But for escapees, which no stop finds, and for what was killed with neither a mark nor a record.
  await until(() => processesOf(stage, /sleep 100[123568] /).length === 0);
});

e2e('kill -9 of the daemon: `leftover = "adopt"` goes on with the same process, which is stopped and watched as always', async (stage) => {
  const config = (seconds: number) =>
    `name = "adopt"\n[service.keep]\nrun = ["sleep", "${seconds}"]\nleftover = "adopt"\nready = { exec = "true" }\nrestart = { delay = "1ms" }\n` +
    `[service.other]\nrun = ["sleep", "1002"]\n`;
  stage.write("daemon.toml", config(1001));
  const first = await stage.startDaemon();
  const before = await unitsOf(stage);
  const groups = join(runFolderOf(stage), "groups.json");
  await until(() => existsSync(groups) && readFileSync(groups, "utf8").includes('"other"'));
  await killed(first);
  const second = await stage.startDaemon();
  assert.match(second.stderr(), /keep: adopted what an earlier daemon left; what it prints is lost/);
  const adopted = (await unitsOf(stage)).keep;
  assert.deepEqual([adopted.details.pid, (adopted.details as { adopted?: boolean }).adopted, adopted.ready], [
    before.keep.details.pid,
    true,
    true,
  ]);
  assert.notEqual((await unitsOf(stage)).other.details.pid, before.other.details.pid);

  // Twice in a row, then its end is seen and counts as a failure of unknown code.
  await killed(second);
  const third = await stage.startDaemon();
  process.kill(adopted.details.pid!, "SIGKILL");
  const { keep } = await untilUnits(stage, ({ keep }) => keep.restarts === 1 && keep.state === "running");
  assert.notEqual(keep.details.pid, adopted.details.pid);
  assert.equal((keep.details as { adopted?: boolean }).adopted, undefined);
  await third.until(/it is unknown how, as it was adopted/);
  assert.deepEqual(processesOf(stage, /sleep 1001 /), [keep.details.pid]);

  // One whose command has changed is ended.
  await until(() => readFileSync(groups, "utf8").includes(`"pid":${keep.details.pid},`));
  await killed(third);
  stage.write("daemon.toml", config(1003));
  const fourth = await stage.startDaemon();
  assert.match(fourth.stderr(), /keep: what an earlier daemon left is not adopted .*its command has changed/);
  assert.equal(isRunning(keep.details.pid!), false);

  // A stop reaches the adopted one.
  await until(() => /"command":"\w+"/.test(readFileSync(groups, "utf8")) && processesOf(stage, /sleep 1003 /).length === 1);
  const pid = (await unitsOf(stage)).keep.details.pid!;
  await until(() => readFileSync(groups, "utf8").includes(`"pid":${pid},`));
  await killed(fourth);
  await stage.startDaemon();
  assert.equal((await unitsOf(stage)).keep.details.pid, pid);
  assert.equal((await stage.cli("stop", "keep")).code, 0);
  assert.equal(isRunning(pid), false);
});

// Acceptance runner 59: what a power loss or kill -9 has left of socket, lock and PID file; a live daemon keeps its own.
e2e("runner 59: what a power loss or kill -9 has left of socket, lock and PID file is no obstacle", async (stage) => {
  stage.write("daemon.toml", `name = "stale"\npid_file = "my.pid"\n[service.x]\nrun = ["sleep", "1001"]\n`);
  const pidFile = join(stage.folder, "my.pid");
  const first = await stage.startDaemon();
  const [lock, socket] = [join(runFolderOf(stage), "lock"), join(runFolderOf(stage), "admin.sock")];
  await killed(first);
  for (const bootId of ["an earlier boot", undefined]) {
    assert.deepEqual([lock, socket, pidFile].map((path) => existsSync(path)), [true, true, true]);
    if (bootId !== undefined) {
      const record = JSON.parse(readFileSync(lock, "utf8"));
      writeFileSync(lock, JSON.stringify({ ...record, pid: process.pid, bootId }));
    }
    assert.equal((await stage.cli("status")).code, 3);
    const next = await stage.startDaemon();
    assert.equal(readFileSync(pidFile, "utf8"), `${next.pid}\n`);
    assert.equal((await unitsOf(stage)).x.state, "running");
    await killed(next);
  }
  const last = await stage.startDaemon();
  await until(() => processesOf(stage, /sleep 1001 /).length === 1);
  last.kill("SIGTERM");
  assert.equal((await last.ended).code, 0);
  assert.deepEqual([readFileSync(lock, "utf8"), existsSync(socket), existsSync(pidFile)], ["", false, false]);
});

// Acceptance runner 59: what a power loss or kill -9 has left of socket, lock and PID file; a live daemon keeps its own.
e2e("runner 59: a second daemon beside a live one is refused, names the first and leaves its files", async (stage) => {
  stage.write("daemon.toml", `name = "live"\npid_file = "my.pid"\n[service.x]\nrun = ["sleep", "1001"]\n`);
  const daemon = await stage.startDaemon();
  const files = [join(runFolderOf(stage), "lock"), join(stage.folder, "my.pid")];
  const before = files.map((path) => readFileSync(path, "utf8"));
  const { code, stderr } = await stage.cli("run");
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`process ${daemon.pid} \\(daemonkit .*admin\\.sock`));
  const up = await stage.cli("up");
  assert.deepEqual([up.code, up.stdout], [0, `live (pid ${daemon.pid}) runs already and is ready: 1 unit\n`], up.stderr);
  assert.deepEqual(files.map((path) => readFileSync(path, "utf8")), before);
  assert.equal((await unitsOf(stage)).x.state, "running");
  assert.equal(processesOf(stage, /sleep 1001 /).length, 1);
});

// Acceptance runner 59: what a power loss or kill -9 has left of socket, lock and PID file; a live daemon keeps its own.
e2e("runner 59: of daemons that start at the same moment exactly one wins", async (stage) => {
  stage.write("daemon.toml", `name = "race"\n[service.x]\nrun = ["sleep", "1001"]\n`);
  const all = Array.from({ length: 4 }, () => stage.start("run"));
  const ends: number[] = [];
  for (const each of all) void each.ended.then(({ code }) => ends.push(code));
  await until(() => ends.length === 3 && all.some((each) => /every unit has started/.test(each.stderr())));
  assert.deepEqual(ends, [1, 1, 1]);
  assert.equal(processesOf(stage, /sleep 1001 /).length, 1);
  assert.equal((await stage.cli("down")).code, 0);
});
