import assert from "node:assert/strict";
import { realpathSync } from "node:fs";
import { e2e, isRunning } from "./driver.ts";
import { unitsOf, untilUnits } from "./units.ts";

const STEADY = `[service.steady]\nrun = ["sleep", "1000"]\n`;

// Acceptance runner 23: a crash loop ends as fatal with the last exit, signal and lines, also without a minimal uptime.
e2e(
  "runner 23: twenty crashes end as fatal with the last exit, signal and lines, also when every run counts as long enough",
  async (stage) => {
    const restart = `[service.NAME.restart]\ndelay = "1ms"\nmax_delay = "5ms"\nmax_restarts = 20\nreset_after = "0s"\n`;
    const crash = (name: string, run: string) => `[service.${name}]\nrun = "${run}"\n${restart.replace("NAME", name)}`;
    stage.write(
      "daemon.toml",
      `name = "crash"\n${STEADY}${crash("code", "echo disk is full >&2; exit 3")}${crash("signal", "echo bye; kill -SEGV $$")}`,
    );
    await stage.startDaemon();
    const { code, signal, steady } = await untilUnits(stage, ({ code, signal }) => code.state === "fatal" && signal.state === "fatal");
    assert.equal(steady.state, "running");
    for (const unit of [code, signal]) assert.deepEqual([unit.run, unit.restarts, unit.details.pid], [21, 20, null]);
    assert.match(code.reason, /exited with code 3 \(20 restarts are used up\)/);
    assert.match(signal.reason, /was ended by SIGSEGV/);
    assert.deepEqual([code.details.lastExit!.code, code.details.lastExit!.signal, code.details.lastLines], [3, null, ["disk is full"]]);
    assert.deepEqual([signal.details.lastExit!.code, signal.details.lastExit!.signal], [null, "SIGSEGV"]);
    assert.match((await stage.cli("status")).stdout, /^code +fatal .*20 +.*exited with code 3/m);
  },
);

// Acceptance runner 27: a manual stop holds against always, SIGHUP and a restart of the daemon.
e2e(
  "runner 27: a service that is always restarted stays stopped by hand, after SIGHUP and after a restart of the daemon",
  async (stage) => {
    stage.write("daemon.toml", `name = "manual"\n${STEADY}[service.x]\nrun = ["sleep", "1000"]\nrestart = "always"\n`);
    const first = await stage.startDaemon();
    assert.equal((await stage.cli("stop", "x")).code, 0);
    first.kill("SIGHUP");
    await first.until(/configuration unchanged/);
    assert.equal((await unitsOf(stage)).x.state, "stopped");
    assert.equal((await stage.cli("down")).code, 0);
    for (let start = 1; start <= 2; start++) {
      const daemon = await stage.startDaemon();
      const { x, steady } = await unitsOf(stage);
      assert.deepEqual([x.state, x.desired, x.reason, steady.state], ["stopped", "down", "stopped by an operator", "running"]);
      daemon.kill("SIGTERM");
      assert.equal((await daemon.ended).code, 0);
    }
    await stage.startDaemon();
    assert.equal((await stage.cli("start", "x")).code, 0);
    assert.equal((await unitsOf(stage)).x.state, "running");
  },
);

// Acceptance runner 27: a manual stop holds against always, SIGHUP and a restart of the daemon.
e2e("runner 27: what was stopped along with another is nobody's wish: it waits after a restart, and starts with it", async (stage) => {
  const chain = `[service.db]\nrun = ["sleep", "1000"]\n[service.web]\nrun = ["sleep", "1000"]\nafter = ["db"]\n`;
  stage.write("daemon.toml", `name = "along"\n${STEADY}${chain}`);
  const statesAfterRestart = async (...args: string[]) => {
    assert.equal((await stage.cli(...args)).code, 0);
    assert.equal((await stage.cli("down")).code, 0);
    await stage.startDaemon();
    return Object.values(await unitsOf(stage)).map(({ state, desired }) => `${state} ${desired}`);
  };
  await stage.startDaemon();
  assert.deepEqual(await statesAfterRestart("stop", "db"), ["running up", "stopped down", "waiting up"]);
  const { web } = await unitsOf(stage);
  assert.equal(web.reason, "waits for db, which is stopped by an operator");
  assert.deepEqual(await statesAfterRestart("start", "web"), ["running up", "running up", "running up"]);
  assert.deepEqual(await statesAfterRestart("stop", "web", "steady"), ["stopped down", "running up", "stopped down"]);
  assert.deepEqual(await statesAfterRestart("restart", "steady", "web"), ["running up", "running up", "running up"]);
});

// Acceptance runner 29: a success exit code counts as 0 everywhere.
e2e(
  "runner 29: an exit code that is a success completes the service, its dependents follow, and nothing counts as failed",
  async (stage) => {
    stage.write(
      "daemon.toml",
      `name = "success"\n[service.migrate]\nrun = "exit 3"\nsuccess_exit_codes = [0, 3]\nessential = true\n` +
        `[service.web]\nrun = ["sleep", "1000"]\nafter = ["migrate:exited-ok"]\n`,
    );
    const daemon = await stage.startDaemon();
    // The daemon has started when migrate runs; web follows at its end.
    const { migrate, web } = await untilUnits(stage, ({ web }) => web.state === "running");
    assert.deepEqual([migrate.state, migrate.restarts, migrate.details.lastExit!.code, web.state], ["completed", 0, 3, "running"]);
    assert.equal(migrate.details.lastLines, undefined);
    assert.equal((await stage.cli("start", "migrate")).code, 0);
    daemon.kill("SIGTERM");
    const { code, stderr } = await daemon.ended;
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, / ERROR | error /);
  },
);

// Acceptance runner 30: a crash by a signal is recorded as such and is 128 + n to callers.
e2e("runner 30: a crash by a signal is recorded as such, and is 128 + n to whoever called run", async (stage) => {
  const end = (signal: string) => `run = "kill -${signal} $$"\nrestart = "never"\n`;
  stage.write("daemon.toml", `name = "signal"\n[service.x]\n${end("KILL")}`);
  const alone = await stage.cli("run");
  assert.equal(alone.code, 137);
  assert.match(alone.stderr, /was ended by SIGKILL/);
  stage.write("daemon.toml", `name = "signal"\n${STEADY}[service.x]\nessential = true\n${end("TERM")}`);
  const essential = await stage.cli("run");
  assert.equal(essential.code, 143);
  assert.match(essential.stderr, /x is essential and ended: .*was ended by SIGTERM/);
  stage.write("daemon.toml", `name = "signal"\n${STEADY}[service.x]\n${end("TERM")}`);
  await stage.startDaemon();
  const { x } = await untilUnits(stage, ({ x }) => x.state === "failed");
  assert.deepEqual([x.details.lastExit!.code, x.details.lastExit!.signal], [null, "SIGTERM"]);
});

// Acceptance runner 31: never ready and exits: dependents are skipped.
e2e(
  "runner 31: what comes after a service that is never ready and exits is skipped with the reason, and nothing waits for ever",
  async (stage) => {
    const db = `[service.db]\nrun = "echo no disk; exit 9"\nready = { log = "^never" }\nrestart = { delay = "1ms", max_restarts = 1 }\n`;
    const web = `[service.web]\nrun = ["sleep", "1000"]\nafter = ["db"]\n[service.edge]\nrun = ["sleep", "1000"]\nafter = ["web"]\n`;
    stage.write("daemon.toml", `name = "skip"\n${STEADY}${db}${web}`);
    await stage.startDaemon();
    const units = await untilUnits(stage, ({ edge }) => edge.state === "skipped");
    assert.deepEqual(Object.values(units).map(({ name, state }) => `${name} ${state}`), [
      "steady running",
      "db fatal",
      "web skipped",
      "edge skipped",
    ]);
    assert.deepEqual([units.web.reason, units.edge.reason], Array(2).fill(`db failed for good: ${units.db.reason.replace("db ", "")}`));
    assert.equal((await stage.cli("start", "web")).code, 1);
    assert.equal((await stage.cli("down")).code, 0);

    stage.write("daemon.toml", `name = "skip"\n${db}${web}`);
    const { code, stderr } = await stage.cli("run");
    assert.equal(code, 9, stderr);
  },
);

// Acceptance runner 34: a missed readiness deadline has its own exit code, the process is stopped.
e2e("runner 34: start of what is not ready by its deadline exits with 124, and the process is stopped", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "late"\n${STEADY}[service.x]\nrun = "echo up; exec sleep 1000"\nrestart = "never"\nready = { log = "^never", timeout = "300ms" }\n`,
  );
  await stage.startDaemon();
  const running = stage.start("start", "x");
  const { code, stdout } = await running.ended;
  assert.equal(code, 124);
  assert.match(stdout, /^x {2}timed out: .*not ready within 300ms: no line matched \/\^never\//);
  const { x } = await unitsOf(stage);
  assert.deepEqual([x.state, x.details.pid, x.run], ["failed", null, 2]);
  assert.equal((await stage.cli("start", "--all")).code, 124);
});

// Acceptance runner 35: a probe sees the service's environment, folder and port.
e2e("runner 35: a probe sees the environment, the folder and the port of its service", async (stage) => {
  const folder = realpathSync(stage.folder);
  stage.write(
    "daemon.toml",
    `name = "probe"\n[service.x]\nrun = ["sleep", "1000"]\nport = 7000\ninstances = 2\nenv = { GREETING = "hi" }\n` +
      `[service.x.ready]\nexec = '[ "$GREETING $PORT $(pwd)" = "hi {port} ${folder}" ] && [ {port} = 700{instance} ]'\nevery = "50ms"\n`,
  );
  const daemon = await stage.startDaemon();
  const units = await unitsOf(stage);
  assert.deepEqual(Object.values(units).map(({ name, ready }) => [name, ready]), [["x@0", true], ["x@1", true]]);
  const pids = Object.values(units).map((unit) => unit.details.pid!);
  daemon.kill("SIGTERM");
  await daemon.ended;
  assert.deepEqual(pids.filter(isRunning), []);
});
