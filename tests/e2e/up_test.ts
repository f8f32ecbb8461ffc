import assert from "node:assert/strict";
import process from "node:process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { e2e, isRunning, type Stage } from "./driver.ts";
import { daemonLogOf, processesOf, runFolderOf } from "./processes.ts";
import { unitsOf } from "./units.ts";
import { until } from "../until.ts";

const PAIR = `name = "pair"\n[service.a]\nrun = ["sleep", "1001"]\n[service.b]\nrun = "setsid sleep 1002 & exec sleep 1003"\n`;
const GUARDIAN = /guardian\.sh/;
const ANY = /sleep 100[1-9] |guardian\.sh|(?:cli\.ts|bin\/daemonkit) run/;

/** The number of the daemon that answers. */
async function pidOf(stage: Stage): Promise<number> {
  const { code, stdout, stderr } = await stage.cli("status", "--json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).pid;
}

async function kill9(pid: number): Promise<void> {
  process.kill(pid, "SIGKILL");
  await until(() => !isRunning(pid));
}

e2e("up returns when the daemon is ready in the background, in a session of its own, and down leaves nothing of it", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "late"\n[service.x]\nrun = "grep SigIgn /proc/self/status; env; sleep 0.2; echo up; exec sleep 1001"\nready = { log = "^up" }\n`,
  );
  const { code, stdout, stderr } = await stage.cli("up");
  assert.equal(code, 0, stderr);
  const pid = await pidOf(stage);
  assert.equal(stdout, `late (pid ${pid}) runs and is ready: 1 unit\n`);
  assert.equal((await unitsOf(stage)).x.ready, true);
  const [guardian, ...others] = processesOf(stage, GUARDIAN);
  assert.deepEqual(others, []);
  const [session, terminal] = sessionOf(pid);
  assert.deepEqual([session, terminal, sessionOf(guardian)], [guardian, 0, [guardian, 0]]);
  // Nothing of how the daemon was started reaches its services: neither its place nor the signals that a shell ignores for it.
  const { stdout: logs } = await stage.cli("logs", "x");
  assert.match(logs, /SigIgn:\s+\w*[08]$/m); // INT and QUIT are 2 and 4 of the last digit
  assert.doesNotMatch(logs, /DAEMONKIT_(?:BACKGROUND|GUARDIAN)/);
  assert.match(logs, /DAEMONKIT_SOCKET=.*admin\.sock/);

  const down = await stage.cli("down");
  assert.deepEqual([down.code, /^late \(pid \d+\) stopped after/.test(down.stdout)], [0, true], down.stderr);
  assert.deepEqual(processesOf(stage, ANY), []);
  assert.equal((await stage.cli("down")).code, 3);
});

/** Session and terminal of a process. */
function sessionOf(pid: number): number[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(3, 5).map(Number);
}

e2e("up says why a start failed: the configuration, the daemon's own words, units that are not ready, and time", async (stage) => {
  stage.write("bad.toml", `name = "bad"\n[service.x]\nrn = "x"\n`);
  const bad = await stage.cli("up", "bad.toml");
  assert.equal(bad.code, 6);
  assert.match(bad.stderr, /bad\.toml:3:1: service\.x\.rn/);

  stage.write("ends.toml", `name = "ends"\n[service.x]\nrun = "echo no disk; exit 3"\nrestart = "never"\nready = { log = "^never" }\n`);
  const ends = await stage.cli("up", "ends.toml", "--log-level", "debug");
  assert.equal(ends.code, 1, ends.stderr);
  assert.match(
    ends.stderr,
    /Cannot go on as x has failed: x exited with code 3\n {2}\| no disk\n[^]*Cannot start ends as its daemon ended with code 3; its log is .*daemon\.log/,
  );

  stage.write(
    "part.toml",
    `name = "part"\n[service.x]\nrun = "exit 9"\nrestart = "never"\nready = { log = "^never" }\n[service.y]\nrun = ["sleep", "1001"]\n`,
  );
  const part = await stage.cli("up", "part.toml");
  assert.equal(part.code, 1);
  assert.match(part.stdout, /^part \(pid \d+\) runs and is not ready: 2 units\n {2}x failed: x exited with code 9\n$/);
  const again = JSON.parse((await stage.cli("up", "part.toml", "--json")).stdout);
  assert.deepEqual([again.v, again.ok, again.outcome, again.missing[0].name], [1, false, "runs already", "x"]);

  stage.write("slow.toml", `name = "slow"\n[service.x]\nrun = ["sleep", "1002"]\nready = { log = "^never" }\n`);
  const slow = await stage.cli("up", "slow.toml", "--timeout", "300ms");
  assert.equal(slow.code, 124);
  assert.match(slow.stderr, /Cannot wait any longer for slow after 300ms; it goes on starting/);
  await until(() => processesOf(stage, /sleep 1002 /).length === 1);
  for (const name of ["part", "slow"]) assert.equal((await stage.cli("down", "-c", `${name}.toml`)).code, 0);
  assert.deepEqual(processesOf(stage, ANY), []);
});

e2e("kill -9 of a daemon under its guardian: it is started again and runs one copy of each service", async (stage) => {
  stage.write("daemon.toml", PAIR);
  assert.equal((await stage.cli("up", "--set", "shutdown.timeout=9s")).code, 0);
  const first = await pidOf(stage);
  const services = processesOf(stage, /sleep 100[123] /);
  await until(() => processesOf(stage, /sleep 100[123] /).length === 3);
  await kill9(first);
  await until(() => /pid=\d+\n[^]*every unit has started/.test(daemonLogOf(stage)));
  await until(() => processesOf(stage, /sleep 100[123] /).length === 3);
  assert.deepEqual(services.filter(isRunning), []);
  assert.notEqual(await pidOf(stage), first);
  assert.match(daemonLogOf(stage), /^guardian: the daemon has died with 137 and is started again in 1 s$/m);
  assert.equal((await stage.cli("down")).code, 0);
  await until(() => processesOf(stage, GUARDIAN).length === 0);
});

e2e("kill -9 of the guardian: the daemon goes on, and down ends it", async (stage) => {
  stage.write("daemon.toml", PAIR);
  assert.equal((await stage.cli("up")).code, 0);
  const pid = await pidOf(stage);
  await kill9(processesOf(stage, GUARDIAN)[0]);
  assert.equal(await pidOf(stage), pid);
  assert.equal((await stage.cli("down")).code, 0);
  assert.equal(isRunning(pid), false);
});

e2e("kill -9 of the daemon, then down: the guardian and what was left are ended, escapees too", async (stage) => {
  stage.write("daemon.toml", PAIR);
  assert.equal((await stage.cli("up")).code, 0);
  await until(() => processesOf(stage, /sleep 100[123] /).length === 3);
  await kill9(await pidOf(stage));
  const down = await stage.cli("down");
  assert.equal(down.code, 0, down.stderr);
  // On a busy machine the guardian may have started it again before.
  assert.match(down.stdout, /^pair-[0-9a-f]{8} had died\n[^]*b: ended what an earlier daemon left: pid |^pair \(pid \d+\) stopped after /);
  assert.deepEqual(processesOf(stage, ANY), []);
  assert.equal((await stage.cli("down")).code, 3);

  // The same without a guardian.
  const daemon = await stage.startDaemon();
  await until(() => processesOf(stage, /sleep 100[123] /).length === 3);
  daemon.kill("SIGKILL");
  await daemon.ended;
  const { code, stdout } = await stage.cli("down", "--json");
  assert.deepEqual([code, JSON.parse(stdout).ok, JSON.parse(stdout).how], [0, true, "had died"]);
  assert.deepEqual(processesOf(stage, ANY), []);
});

e2e("a guardian that has started a daemon before it heard of its end: down ends both", async (stage) => {
  const config = stage.write("daemon.toml", PAIR);
  const daemon = await stage.startDaemon();
  daemon.kill("SIGKILL");
  await daemon.ended;
  // One that starts a daemon when it is told to end, and does not hand that on.
  const mark = JSON.stringify({ lock: join(runFolderOf(stage), "lock"), origin: config });
  const body =
    `unset DAEMONKIT_GUARDIAN; export DAEMONKIT_BACKGROUND=1; trap "$0 $* & wait; exit" TERM; echo ready; while :; do sleep 0.01; done`;
  const guardian = stage.startThrough(`exec env 'DAEMONKIT_GUARDIAN=${mark}' /bin/sh -c '${body}' "$0" "$@"`, "run");
  await guardian.until(/ready/);
  const down = await stage.cli("down");
  assert.equal(down.code, 0, down.stderr);
  assert.match(down.stdout, /^pair \(pid \d+\) stopped after /);
  await guardian.ended;
  assert.deepEqual(processesOf(stage, ANY), []);
});

e2e("kill -9 of the daemon under a guardian that is suspended: down ends it", async (stage) => {
  stage.write("daemon.toml", PAIR);
  assert.equal((await stage.cli("up")).code, 0);
  const [guardian] = processesOf(stage, GUARDIAN);
  process.kill(guardian, "SIGSTOP");
  process.kill(await pidOf(stage), "SIGKILL");
  const down = await stage.cli("down");
  assert.equal(down.code, 0, down.stderr);
  assert.deepEqual(processesOf(stage, ANY), []);
});

e2e("kill -9 of the daemon while down waits: nothing is left and nothing is started again", async (stage) => {
  stage.write("daemon.toml", `${PAIR}[service.deaf]\nrun = "trap '' TERM; while :; do sleep 0.01; done"\nstop = { timeout = "60s" }\n`);
  assert.equal((await stage.cli("up", "--set", "shutdown.timeout=90s")).code, 0);
  const pid = await pidOf(stage);
  const down = stage.start("down");
  await until(() => processesOf(stage, /sleep 1001 /).length === 0);
  // The leftover process is told by its own plan, so it has to hear now.
  stage.write("daemon.toml", `${PAIR}[service.deaf]\nrun = "true"\nstop = { timeout = "100ms" }\n`);
  await kill9(pid);
  const { code, stdout, stderr } = await down.ended;
  assert.equal(code, 1, stderr);
  assert.match(stdout, /ended without a report[^]*deaf: ended what an earlier daemon left/);
  assert.deepEqual(processesOf(stage, /sleep|guardian\.sh|cli\.ts run|bin\/daemonkit run/), []);
});

e2e("up at the same moment: one daemon, and everybody is told that it runs", async (stage) => {
  stage.write("daemon.toml", PAIR);
  const all = await Promise.all(Array.from({ length: 4 }, () => stage.cli("up")));
  assert.deepEqual(all.map(({ code }) => code), [0, 0, 0, 0], all.map(({ stderr }) => stderr).join());
  const pid = await pidOf(stage);
  assert.deepEqual(all.map(({ stdout }) => /\(pid (\d+)\)/.exec(stdout)![1]), Array.from({ length: 4 }, () => String(pid)));
  assert.equal(all.filter(({ stdout }) => / runs and is ready/.test(stdout)).length, 1);
  await until(() => processesOf(stage, GUARDIAN).length === 1);
  assert.equal(processesOf(stage, /sleep 1001 /).length, 1);
  assert.equal((await stage.cli("down")).code, 0);
});
