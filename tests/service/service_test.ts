import assert from "node:assert/strict";
import { chmodSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { stopReason } from "../../src/core/supervise/cancel.ts";
import { IoError, SubsystemError } from "../../src/core/values/errors.ts";
import type { ProgramRun } from "../../src/core/ports/processes.ts";
import { RestartPolicy } from "../../src/core/supervise/restart.ts";
import { getHost } from "../../src/platform/mod.ts";
import { serviceSpec } from "../../src/service/make_spec.ts";
import type { ServiceOptions } from "../../src/service/options.ts";
import { Neighbours, serviceSubsystems } from "../../src/service/mod.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { Drive, modulesOf, nowhere, tempDir, withSpawn } from "./drive.ts";
import { until } from "../until.ts";

const exitError = (context: Record<string, unknown>) => (error: unknown) => {
  assert.ok(error instanceof SubsystemError);
  assert.equal(error.code, "SUBSYSTEM_EXITED");
  assert.equal(error.subsystem, "api");
  assert.deepEqual({ exitCode: error.context?.exitCode, signal: error.context?.signal }, context);
  return true;
};

// --- What a service is to the supervisor

test("serviceSubsystems: one instance has the service's name, several are numbered and have a port each", async () => {
  const host = await getHost();
  const ports = { host, logs: nowhere, daemonId: "test", neighbours: new Neighbours(host), modules: modulesOf(host) };
  const [alone, ...others] = serviceSubsystems(serviceSpec("api", { run: "true", port: 4000 }, "/"), ports);
  assert.deepEqual([alone.name, others], ["api", []]);
  const many = serviceSubsystems(serviceSpec("api", { run: ["a", "b"], port: 4000, instances: 3 }, "/"), ports);
  assert.deepEqual(many.map(({ name }) => name), ["api@0", "api@1", "api@2"]);
  assert.deepEqual(
    many.map((each) => each.details()),
    [4000, 4001, 4002].map((port) => ({
      command: "a b",
      pid: null,
      port,
      lastExit: null,
      spawnFailures: 0,
    })),
  );
});

test("serviceSubsystems: every key of the spec reaches the supervisor", async () => {
  const host = await getHost();
  const restart = RestartPolicy.Always;
  const options = {
    run: "true",
    after: ["db:started"],
    restart,
    essential: true,
    stop: { timeout: "3s" },
    ready: { tcp: 1, timeout: "7s" },
  };
  const [service] = serviceSubsystems(serviceSpec("api", options, "/"), {
    host,
    logs: nowhere,
    daemonId: "test",
    neighbours: new Neighbours(host),
    modules: modulesOf(host),
  });
  assert.deepEqual(service.spec, {
    restart,
    after: ["db:started"],
    readiness: "manual",
    ready: { timeout: 7_000 },
    stop: { timeout: 5_000 },
    essential: true,
    retryStart: true,
  });
  const [plain] = serviceSubsystems(serviceSpec("api", { run: "true" }, "/"), {
    host,
    logs: nowhere,
    daemonId: "test",
    neighbours: new Neighbours(host),
    modules: modulesOf(host),
  });
  assert.deepEqual([plain.kind, plain.spec.readiness, plain.spec.ready], ["service", "none", { timeout: Infinity }]);
});

test("serviceSubsystems: a probe that could never be made is refused before anything runs", async () => {
  const host = await getHost();
  const ports = { host, logs: nowhere, daemonId: "test", neighbours: new Neighbours(host), modules: modulesOf(host) };
  for (
    const ready of [{ log: "(" }, { tcp: "nowhere" }, { tcp: "db:{port}" }, { http: "https://127.0.0.1/" }, { http: "127.0.0.1:80" }, {
      http: "http://me:secret@127.0.0.1/",
    }]
  ) {
    assert.throws(
      () => serviceSubsystems(serviceSpec("api", { run: "true", ready }, "/"), ports),
      /regular expression|must be/,
      JSON.stringify(ready),
    );
  }
});

// --- Starting

// Acceptance runner 1: what can't be started is a named error and a failed attempt, the daemon is fine.
test("Service: what can't be started fails the run with a code that says why, and the daemon is fine", async () => {
  const host = await getHost();
  using dir = tempDir();
  writeFileSync(`${dir.path}/data`, "x");
  chmodSync(`${dir.path}/data`, 0o600);
  const cases: [string, ConstructorParameters<typeof Drive>[1]][] = [
    ["SPAWN_NOT_FOUND", { run: ["no-such-program"] }],
    ["SPAWN_NOT_FOUND", { run: [`${dir.path}/none`] }],
    ["SPAWN_DENIED", { run: [`${dir.path}/data`] }],
    ["SPAWN_BAD_CWD", { run: "true", cwd: "none" }],
    ["SPAWN_BAD_CWD", { run: "true", cwd: "data" }],
    ["SPAWN_BAD_USER", { run: "true", user: "no-such-user" }],
    ["SPAWN_BAD_USER", { run: "true", group: "no-such-group" }],
    ["IO_NOT_FOUND", { run: "true", envFile: ["none.env"] }],
    ["CONFIG_SYNTAX", { run: "true", envFile: ["data"] }],
  ];
  for (const [code, options] of cases) {
    using drive = new Drive(host, options, { baseDir: dir.path });
    await assert.rejects(drive.done, (error) => {
      assert.ok(error instanceof SubsystemError && error.subsystem === "api", `${code}: ${error}`);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, /^api: Cannot |^Cannot start api/);
      return true;
    });
    assert.equal(drive.service.details().spawnFailures, 1);
    assert.equal(drive.service.details().pid, null);
  }
  using good = new Drive(host, { run: "true" });
  await good.done;
});

test("Service: a program beside the working folder, by a relative path, is found there", async () => {
  const host = await getHost();
  using dir = tempDir();
  mkdirSync(`${dir.path}/app`);
  writeFileSync(`${dir.path}/app/serve`, "#!/bin/sh\npwd\n");
  chmodSync(`${dir.path}/app/serve`, 0o700);
  using drive = new Drive(host, { run: ["./serve"], cwd: "app" }, { baseDir: dir.path });
  await drive.done;
  assert.deepEqual(drive.texts, [realpathSync(`${dir.path}/app`)]);
});

test("Service: a stop before the start starts nothing", async () => {
  const host = await getHost();
  using dir = tempDir();
  using drive = new Drive(host, { run: "echo ran" }, { baseDir: dir.path });
  await drive.stop();
  assert.deepEqual(drive.leftovers(), []);
});

test("Service: it runs as the user that was named, with that user's HOME, USER and LOGNAME", async () => {
  const host = await getHost();
  if (host.processes.uid !== 0) return; // only root may become somebody else
  const nobody = host.processes.user("nobody");
  using drive = new Drive(host, { run: 'id -u; id -g; echo "$HOME $USER $LOGNAME"', cwd: "/", user: "nobody" });
  await drive.done;
  assert.deepEqual(drive.texts, [String(nobody.uid), String(nobody.gid), `${nobody.home} nobody nobody`]);
});

// --- Environment

// Acceptance runner 54: values with special characters arrive verbatim.
// Acceptance runner 55: an undefined variable is named; a value of several lines in an env file is fine.
test("Service: values of the environment arrive as they were written", async () => {
  const host = await getHost();
  using dir = tempDir();
  const hostile = { A: "x; y # z % $HOME ${HOME} {{ t }} \"q\" 'p' \\n `b`", B: "two\nlines", C: "{port}/{instance}/{other}", D: "" };
  writeFileSync(`${dir.path}/.env`, `E="multi\nline # kept"\nF=a#b;c%$d{{e}}\nA=loses\n`);
  using drive = new Drive(host, {
    run: ["env", "-0"],
    env: hostile,
    envFile: [".env", "?.env.local"],
    port: 4321,
  }, { baseDir: dir.path });
  await drive.done;
  const seen = new Map(
    drive.texts.join("\n").split("\0").map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
  const expected = { ...hostile, C: "4321/0/{other}", E: "multi\nline # kept", F: "a#b;c%$d{{e}}", PORT: "4321" };
  for (const [name, value] of Object.entries(expected)) assert.equal(seen.get(name), value, name);
  assert.match(seen.get("DAEMONKIT_UNIT")!, /\/api\/1$/);
});

test("Service: the daemon's own settings are not handed on, the rest of its environment is", async () => {
  const real = await getHost();
  const host = {
    ...real,
    env: { get: () => undefined, all: () => ({ DAEMON_NAME: "x", BUN_BE_BUN: "1", BUN_OPTIONS: "-i", KEPT: "yes" }), broken: () => [] },
  };
  using drive = new Drive(host, { run: ["env"] });
  await drive.done;
  const names = drive.texts.map((text) => text.split("=", 1)[0]).sort();
  assert.deepEqual(names, ["DAEMONKIT_UNIT", "KEPT", "PATH"]);
});

test("Service: what it inherits is said by inherit_env; without it, one of another user gets nothing that may be a secret", async () => {
  const host = new FakeHost({ env: { PATH: "/bin", LC_ALL: "C", TZ: "UTC", TOKEN: "secret", APP_A: "1", APP_B: "2" } });
  host.processes.addUser({ uid: 33, gid: 44, name: "www", home: "/var/www" });
  host.processes.program("serve", (process) => process.exit(0));
  const got = async (options: Pick<ServiceOptions, "user" | "inheritEnv">) => {
    using drive = new Drive(host, { run: ["serve"], ...options });
    await drive.done;
    const own = ["DAEMONKIT_UNIT", "HOME", "LOGNAME", "USER"];
    return Object.keys(host.processes.started.at(-1)!.options.env).filter((name) => !own.includes(name)).sort();
  };
  assert.deepEqual(await got({}), ["APP_A", "APP_B", "LC_ALL", "PATH", "TOKEN", "TZ"]);
  assert.deepEqual(await got({ user: "www" }), ["LC_ALL", "PATH", "TZ"]);
  assert.deepEqual(await got({ user: "www", inheritEnv: ["APP_*", "TZ"] }), ["APP_A", "APP_B", "PATH", "TZ"]);
  assert.deepEqual(await got({ inheritEnv: [] }), ["PATH"], "some PATH there always is");
  assert.deepEqual(await got({ user: "www", inheritEnv: ["*"] }), ["APP_A", "APP_B", "LC_ALL", "PATH", "TOKEN", "TZ"]);
});

test("Service: env files are read anew at every start", async () => {
  const host = await getHost();
  using dir = tempDir();
  const options = { run: 'echo "$A"', envFile: ["?.env"], env: {} };
  using first = new Drive(host, options, { baseDir: dir.path });
  await first.done;
  writeFileSync(`${dir.path}/.env`, "A=now");
  using second = new Drive(host, options, { baseDir: dir.path });
  await second.done;
  assert.deepEqual([first.texts, second.texts], [[""], ["now"]]);
});

test("Service: nothing is expanded inside run", async () => {
  const host = await getHost();
  using drive = new Drive(host, { run: ["printf", "%s\\n", "{port}", "$HOME", "{{x}} # %"], port: 4000 });
  await drive.done;
  assert.deepEqual(drive.texts, ["{port}", "$HOME", "{{x}} # %"]);
});

// --- How an end is read

// Acceptance runner 29: a success exit code counts as 0 everywhere.
test("Service: an exit code that is a success completes the run", async () => {
  const host = await getHost();
  for (
    const options of [
      { run: "exit 0" },
      { run: "exit 7", successExitCodes: [0, 7] },
      { run: "kill -TERM $$", successExitCodes: [143] },
    ]
  ) {
    using drive = new Drive(host, options);
    await drive.done;
  }
  using failed = new Drive(host, { run: "exit 0", successExitCodes: [7] });
  await assert.rejects(failed.done, exitError({ exitCode: 0, signal: null }));
});

test("Service: any other end fails the run with code, signal and the last lines", async () => {
  const host = await getHost();
  using drive = new Drive(host, { run: "for i in $(seq 30); do echo line $i; done; echo oops >&2; exit 3" });
  await assert.rejects(drive.done, exitError({ exitCode: 3, signal: null }));
  const { lastExit, lastLines, pid } = drive.service.details() as {
    lastExit: { code: number; at: string };
    lastLines: string[];
    pid: null;
  };
  assert.equal(lastExit.code, 3);
  assert.ok(Math.abs(Date.now() - Date.parse(lastExit.at)) < 60_000);
  assert.equal(lastLines.length, 20);
  assert.ok(lastLines.includes("oops"));
  assert.ok(lastLines.includes("line 30"));
  assert.equal(pid, null);
});

// Acceptance runner 30: a crash by a signal is recorded as such and is 128 + n to callers.
test("Service: the end by a signal is told apart, and is 128 + n for callers", async () => {
  const host = await getHost();
  for (const [signal, exitCode] of [["SIGKILL", 137], ["SIGSEGV", 139], ["SIGTERM", 143]] as const) {
    using drive = new Drive(host, { run: `kill -${signal.slice(3)} $$` });
    await assert.rejects(drive.done, exitError({ exitCode, signal }));
  }
});

// --- Stopping

// Acceptance runner 7: signals reach what a shell text started; the pid shown is documented.
test("Service: a stop reaches everything that a shell text started", async () => {
  const host = await getHost();
  using drive = new Drive(host, { run: "echo up; sleep 1000 && echo never" });
  await drive.printed("up");
  assert.equal(host.processes.isAlive(host.processes.identify(drive.service.details().pid as number)!), true);
  await drive.stop();
  assert.deepEqual([drive.stdout, drive.leftovers(), drive.warnings], [["up"], [], []]);
});

test("Service: it is stopped with its own signal, and may take its time", async () => {
  const host = await getHost();
  const run = "trap 'echo bye; exit 0' INT; trap '' TERM; echo up; while :; do sleep 0.02; done";
  using drive = new Drive(host, { run, stop: { signal: "SIGINT" } });
  await drive.printed("up");
  await drive.stop();
  assert.deepEqual(drive.stdout, ["up", "bye"]);
  assert.deepEqual(drive.service.details().lastExit, { ...(drive.service.details().lastExit as object), code: 0, signal: null });
});

// Acceptance runner 11: a program that ignores the stop signal.
test("Service: a program that ignores the stop signal is killed at its timeout, and has not stopped before", async () => {
  const host = await getHost();
  using drive = new Drive(host, { run: "trap '' TERM; echo up; while :; do sleep 0.02; done", stop: { timeout: "300ms" } });
  await drive.printed("up");
  await drive.stop();
  assert.deepEqual(drive.leftovers(), []);
  assert.equal((drive.service.details().lastExit as { signal: string }).signal, "SIGKILL");
  assert.match(drive.warnings[0].message, /killed/);
});

// Acceptance runner 9: the leader exits on TERM, a child of the group ignores it.
test("Service: a leader that goes first leaves nobody: the whole group is killed at the timeout, and only then has it stopped", async () => {
  const host = await getHost();
  const run = "trap 'exit 0' TERM; (trap '' TERM; echo child; while :; do sleep 0.02; done) & while :; do sleep 0.02; done";
  using drive = new Drive(host, { run, stop: { timeout: "300ms" } });
  await drive.printed("child");
  await drive.stop();
  assert.deepEqual(drive.leftovers(), []);
  assert.match(drive.warnings[0].message, /killed/);
});

test("Service: what a crashed program leaves in its group is stopped before the run ends", async () => {
  const host = await getHost();
  using dir = tempDir();
  const run = "(trap 'echo told; exit 0' TERM; echo child; touch up; while :; do sleep 0.02; done) & " +
    "while [ ! -e up ]; do sleep 0.02; done; exit 3";
  using drive = new Drive(host, { run }, { baseDir: dir.path });
  await assert.rejects(drive.done, exitError({ exitCode: 3, signal: null }));
  assert.deepEqual([drive.stdout, drive.leftovers()], [["child", "told"], []]);
});

test("Service: a suspended program is stopped too", async () => {
  const host = await getHost();
  using drive = new Drive(host, { run: "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done" });
  await drive.printed("up");
  host.processes.signalGroup(drive.service.details().pid as number, "SIGSTOP");
  await drive.stop();
  assert.deepEqual([drive.stdout, drive.warnings], [["up", "bye"], []]);
});

test("Service: kill ends it at once, whatever its stop timeout", async () => {
  const host = await getHost();
  using drive = new Drive(host, { run: "trap '' TERM; echo up; while :; do sleep 0.02; done", stop: { timeout: "1h" } });
  await drive.printed("up");
  drive.token.kill("now");
  await drive.done;
  assert.deepEqual(drive.leftovers(), []);
});

test("Service: with kill_mode process a helper survives the stop, and does not hold it up", async () => {
  const host = await getHost();
  const run = "(echo helper; exec sleep 1000) & echo up; wait";
  using drive = new Drive(host, { run, stop: { killMode: "process" } });
  await Promise.all([drive.printed("up"), drive.printed("helper")]);
  await drive.stop();
  const left = drive.leftovers();
  assert.equal(left.length, 1);
  assert.deepEqual(drive.warnings, []);
});

test("Service: with kill_mode group a process that left the group is reported and does not hold up the stop", async () => {
  const host = await getHost();
  const run = "setsid sh -c 'echo escaped; exec sleep 1000' & echo up; wait";
  using drive = new Drive(host, { run, stop: { killMode: "group" } });
  await Promise.all([drive.printed("up"), drive.printed("escaped")]);
  await drive.stop();
  const left = drive.leftovers();
  assert.equal(left.length, 1);
  assert.deepEqual(drive.warnings.map(({ fields }) => fields?.pids), [left]);
});

// --- Output

test("Service: all that is printed before the end is handed on, in order", async () => {
  const host = await getHost();
  using drive = new Drive(host, { run: "seq 1 100000" });
  await drive.done;
  // On a busy machine a line pauses in its midst, between two writes, and comes in two parts.
  const numbers = Array.from({ length: 100_000 }, (_, index) => String(index + 1));
  assert.ok(drive.lines.map(({ text }) => text).join("") === numbers.join(""));
});

test("Service: lines carry unit, stream and time, and the last one needs no line end", async () => {
  const host = await getHost();
  using drive = new Drive(host, { run: "echo out; echo err >&2; printf 'no end'" });
  await drive.done;
  assert.deepEqual(drive.lines.map(({ name, stream, text }) => [name, stream, text]).sort(), [
    ["api", "stderr", "err"],
    ["api", "stdout", "no end"],
    ["api", "stdout", "out"],
  ]);
  assert.ok(drive.lines.every(({ time }) => time === new Date(time).toISOString()));
});

// Acceptance runner 39: a line of 50 MB without an end: bounded memory, split, continues.
test("Service: 50 MB without a line end come in bounded pieces, and what follows still comes", async () => {
  const host = await getHost();
  let bytes = 0;
  let longest = 0;
  let last = "";
  const run = "head -c 50000000 /dev/zero | tr '\\0' x; echo; echo after";
  using drive = new Drive(host, { run, log: { maxLine: "64KiB" } }, {
    onLine: (text) => {
      bytes += text.length;
      longest = Math.max(longest, text.length);
      last = text;
    },
  });
  await drive.done;
  assert.deepEqual([bytes, longest, last], [50_000_000 + "after".length, 65_536, "after"]);
});

test("Service: a character that is cut by a read stays whole", async () => {
  const host = await getHost();
  using drive = new Drive(host, { run: "printf '\\303'; sleep 0.1; printf '\\244\\n'" });
  await drive.done;
  assert.deepEqual(drive.texts, ["ä"]);
});

test("Service: output that nobody can take ends the run as a failure instead of blocking the program", async () => {
  const host = await getHost();
  using drive = new Drive(host, { run: "while :; do echo more; done" }, {
    onLine: () => {
      throw new RangeError("disk on fire");
    },
  });
  await assert.rejects(drive.done, RangeError);
  assert.deepEqual(drive.leftovers(), []);
});

// --- What has escaped

// Acceptance runner 13: a grandchild that did setsid is gone; with kill_mode group it is reported as escaped.
test("Service: with kill_mode group who left the group is reported once when the service stops, held output or not, and lives on", async () => {
  const host = await getHost();
  const run = "setsid sleep 1000 >/dev/null 2>&1 & echo $!; echo up; exec sleep 1000";
  using drive = new Drive(host, { run, stop: { killMode: "group" } });
  await drive.printed("up");
  // setsid(1) leads no group when a shell starts it in the background, so it does not fork and keeps its number.
  const pid = Number(drive.stdout[0]);
  await until(() => host.processes.groupMembers(pid).includes(pid));
  await drive.stop();
  assert.deepEqual(drive.warnings.map(({ fields }) => fields), [{ pids: [pid] }]);
  assert.match(drive.warnings[0].message, /left processes behind that have escaped/);
  assert.deepEqual(drive.service.details().escaped, [pid]);
  host.processes.signal(pid, "SIGKILL");
  await until(() => host.processes.identify(pid) === undefined);
  assert.equal("escaped" in drive.service.details(), false);
});

test("Service: with kill_mode group who floods the output from outside the group is named, and does not hold up the stop", async () => {
  const host = await getHost();
  const run = "setsid sh -c 'echo $$; while :; do echo flood; done' & until read -r line < /proc/$!/comm; do :; done; exec sleep 1000";
  let flooder = 0;
  using drive = new Drive(host, { run, stop: { killMode: "group" } }, { onLine: (text) => flooder ||= Number(text) || 0 });
  await until(() => flooder > 0);
  await drive.stop();
  assert.deepEqual(drive.warnings.map(({ fields }) => fields), [{ pids: [flooder], holdOutput: true }]);
});

test("Service: where no control group can be made, kill_mode cgroup fails the start with the reason", async () => {
  const host = new FakeHost();
  host.processes.program("serve", () => {});
  host.processes.controlGroup = () => {
    throw new IoError("UNSUPPORTED", "Cannot make a control group");
  };
  using drive = new Drive(host, { run: ["serve"], stop: { killMode: "cgroup" } });
  await assert.rejects(drive.done, /Cannot make a control group/);
  assert.equal(host.processes.started.length, 0);
});

test("Service: with killMode process nobody counts as escaped", async () => {
  const host = await getHost();
  using drive = new Drive(host, { run: "setsid sleep 1000 >/dev/null 2>&1 & echo up; exec sleep 1000", stop: { killMode: "process" } });
  await drive.printed("up");
  await drive.stop();
  assert.deepEqual([drive.warnings, "escaped" in drive.service.details()], [[], false]);
});

const aRun = (unit: string): ProgramRun => ({ leader: { pid: 2, startTicks: 1, bootId: "" }, marks: { UNIT: unit } });

test("Neighbours: services that stop at once share the looks at the process table", async () => {
  const host = new FakeHost();
  let looks = 0;
  const belonging = host.processes.belonging.bind(host.processes);
  host.processes.belonging = (runs) => {
    looks++;
    return belonging(runs);
  };
  const neighbours = new Neighbours(host);
  const found = await Promise.all(Array.from({ length: 1_000 }, (_, index) => neighbours.kinOf(aRun(`unit@${index}`))));
  assert.deepEqual([found.flat(), looks], [[], 1]);
});

test("Neighbours: who waits for a later look is told before the disposal is over", async () => {
  const host = new FakeHost();
  const neighbours = new Neighbours(host);
  const heard: unknown[] = [];
  void neighbours.tellKin(aRun("x"), { delayMs: 50, tell: (found) => void heard.push(found) });
  assert.deepEqual([heard, host.clock.pendingTimers], [[], 1]);
  await neighbours[Symbol.asyncDispose]();
  assert.deepEqual([heard, host.clock.pendingTimers], [[[]], 0]);
});

test("Neighbours: who may not look knows of nobody", async () => {
  const host = new FakeHost();
  host.processes.belonging = () => {
    throw new IoError("IO_DENIED", "Cannot look");
  };
  assert.deepEqual(await new Neighbours(host).kinOf(aRun("x")), []);
});

test("Service: with killMode process a helper that prints later is read on, and does not hold up the end of its run", async () => {
  const host = await getHost();
  using dir = tempDir();
  const helper = `while [ ! -e ${dir.path}/go ]; do sleep 0.02; done; echo late`;
  using drive = new Drive(host, { run: `(${helper}) & echo up; exec sleep 1000`, stop: { killMode: "process" } });
  await drive.printed("up");
  await drive.stop();
  writeFileSync(`${dir.path}/go`, "");
  await drive.printed("late");
  assert.deepEqual(drive.stdout, ["up", "late"]);
  await until(() => drive.leftovers().length === 0);
});

test("Service: a start that is refused when a stop was already asked for is a normal end", async () => {
  const real = await getHost();
  let stop = () => {};
  const host = withSpawn(real, (options) => {
    stop();
    return Promise.reject(new IoError("IO_NO_RESOURCES", `Cannot start ${options.argv[0]} as this process has too many files open`));
  });
  using refused = new Drive(host, { run: ["true"] });
  await assert.rejects(refused.done, { code: "SPAWN_NO_RESOURCES" });
  const later = withSpawn(real, async () => {
    await Promise.resolve();
    stop();
    throw new IoError("IO_NO_RESOURCES", "Cannot start it as this process has too many files open");
  });
  using stopped = new Drive(later, { run: ["true"] });
  stop = () => stopped.token.cancel(stopReason("the test is over"));
  await stopped.done;
  assert.equal(stopped.service.details().spawnFailures, 1);
});
