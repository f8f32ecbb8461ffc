import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/commands.ts";
import { LATER } from "../../src/cli/later.ts";
import { main } from "../../src/cli/main.ts";
import { type ControlHandler, controlHandler } from "../../src/control/mod.ts";
import { type Clock, sleep, systemClock } from "../../src/core/ports/clock.ts";
import { IoError } from "../../src/core/values/errors.ts";
import type { DaemonEvent, EventBody } from "../../src/core/supervise/event.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import type { State } from "../../src/core/supervise/state.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { pathHash } from "../../src/instance/folders.ts";
import { FakeOperations, fakeUnit } from "../control/fake_operations.ts";
import { test } from "../harness.ts";
import { FakeMachine } from "./fake_host.ts";
import { until } from "../until.ts";

interface Fixture {
  machine: FakeMachine;
  operations: FakeOperations;
  folder: string;
  /** Runs a command line; what it wrote is in `machine.out` and `machine.err`. */
  cli(...args: string[]): Promise<number>;
}

/** A user in a folder with a daemon.toml whose daemon runs. */
async function fixture(options: { protocol?: number } = {}): Promise<Fixture> {
  const machine = new FakeMachine();
  machine.env.XDG_RUNTIME_DIR = "/run/user/1000";
  machine.file("/home/me/daemon.toml", 'name = "demo"');
  const operations = new FakeOperations([
    fakeUnit("db", { ready: true }),
    fakeUnit("api", { state: "restarting", ready: false, restarts: 3, reason: "exited with code 1\u001b[2J, next try in 2s" }),
  ]);
  const folder = `/run/user/1000/daemonkit/demo-${await pathHash("/home/me/daemon.toml", machine.host)}`;
  machine.daemon(folder, controlHandler({ operations, version: "0.1.0", protocol: options.protocol ?? 1, log: silentLogger }));
  const cli = async (...args: string[]) => {
    machine.out = "";
    machine.err = "";
    return await main(args, { host: machine.host });
  };
  return { machine, operations, folder, cli };
}

test("main prints the version in every spelling", async () => {
  const { machine, cli } = await fixture();
  for (const args of [["version"], ["--version"], ["-V"]]) {
    assert.equal(await cli(...args), 0);
    assert.match(machine.out, /^daemonkit \d+\.\d+\.\d+ \(fake 1\.0\)\n$/);
  }
  assert.equal(await cli("version", "--json"), 0);
  const { v, protocol, runtime } = JSON.parse(machine.out);
  assert.deepEqual([v, protocol, runtime], [1, 1, "fake 1.0"]);
});

test("main gives every command a help with an example, on stdout and with code 0", async () => {
  const { machine, cli } = await fixture();
  assert.equal(await cli("--help"), 0);
  const verbs = [...machine.out.matchAll(/^ {2}(\w+)(?:\|\w+)*(?: .*)? {2,}/gm)].map((match) => match[1]);
  for (const { name } of COMMANDS) {
    assert.ok(verbs.includes(name.split(" ")[0]), name);
    assert.equal(await cli(...name.split(" "), "--help"), 0);
    assert.match(machine.out, new RegExp(`Examples:\\n {2}daemonkit ${name}`), name);
    assert.equal(machine.err, "");
  }
});

test("main answers wrong usage with code 2, a suggestion, and nothing on stdout", async () => {
  const { machine, cli } = await fixture();
  const rows: [string[], RegExp][] = [
    [[], /Usage: daemonkit/],
    [["strat"], /^daemonkit: unknown command 'strat'\s+\(Did you mean start\?\)/],
    [["zzz"], /^daemonkit: unknown command 'zzz': see `daemonkit help`\n$/],
    [["stop", "--zzz"], /unknown option '--zzz': see `daemonkit stop --help`\n$/],
    [["config", "zzz"], /unknown command 'zzz': see `daemonkit config --help`\n$/],
    [["status", "--jsno"], /unknown option '--jsno'\s+\(Did you mean --json\?\)/],
    [["down", "now"], /too many arguments/],
    [["config", "explain"], /missing required argument 'KEY'/],
    [["config", "sohw"], /unknown command 'sohw'/],
    [["stop"], /Cannot stop as no unit is named: give a NAME, a pattern or --all; to stop the daemon itself, use `down`/],
    [["start"], /Cannot start as no unit is named: give a NAME/],
    [["start", "--all", "db"], /--all and names exclude each other: current names are db/],
    [["logs", "-n", "many"], /must be a whole number: current value is many/],
    [["profile", "cpu", "--seconds", "0"], /--seconds as it must be from 1 to 300: current value is 0/],
    [["profile", "cpu", "--seconds", "301"], /--seconds as it must be from 1 to 300: current value is 301/],
    [["logs", "--since", "yesterday"], /--since: Cannot read a duration .*current value is "yesterday"/],
    [["logs", "--grep", "(a"], /--grep: Cannot read a pattern as it must be a regular expression: current value is "\(a"/],
    [["stop", "db", "--timeout", "30"], /--timeout: Cannot read a duration/],
    [["run", "--log-level", "loud"], /'loud' is invalid. Allowed choices are trace, debug, info, warn, error/],
    [["run", "a.toml", "-c", "b.toml"], /FILE and -c exclude each other: current values are a.toml and b.toml/],
    [["signal"], /missing required argument 'SIG'/],
    [["signal", "HUP"], /Cannot signal as no unit is named: give a NAME, a pattern or --all/],
    [["signal", "HUPP", "db"], /current value is "HUPP"; did you mean HUP\?/],
    [["wait"], /missing required argument 'NAME'/],
    [["wait", "db", "--for", "ever"], /'ever' is invalid. Allowed choices are ready, started, stopped/],
    [["schema", "--socket", "x"], /unknown option '--socket'/],
  ];
  for (const [args, message] of rows) {
    assert.equal(await cli(...args), 2, args.join(" "));
    assert.match(machine.err, message, args.join(" "));
    assert.equal(machine.out, "", args.join(" "));
  }
});

test("main says of a command that is planned that it is not there yet, and what does for now", async () => {
  const { machine, cli } = await fixture();
  for (const verb of Object.keys(LATER)) {
    assert.ok(!COMMANDS.some(({ name, aliases = [] }) => [name.split(" ")[0], ...aliases].includes(verb)), verb);
    for (const args of [[verb], [verb, "ls", "--json"], ["-c", "daemon.toml", verb], ["help", verb], [verb, "--help"]]) {
      assert.equal(await cli(...args), 2, args.join(" "));
      assert.match(machine.err, new RegExp(`^daemonkit: Cannot carry out \`${verb}\` as daemonkit \\S+ does not have it yet: .+\\n$`));
      assert.equal(machine.out, "");
    }
  }
});

test("main status shows a table without colours or control characters where stdout is no terminal", async () => {
  const { machine, cli } = await fixture();
  assert.equal(await cli("status"), 0);
  const lines = machine.out.trimEnd().split("\n");
  assert.equal(lines[0], "demo  running  ready  pid 77  up 1m1s  30MiB  /srv/daemon.toml");
  assert.match(lines[2], /^NAME +STATE +READY +PID +UPTIME +RESTARTS +REASON$/);
  assert.match(lines[3], /^db +running +yes +4242 +\S+ +0$/);
  assert.match(lines[4], /^api +restarting +no +- +- +3 +exited with code 1, next try in 2s$/);
  assert.ok(!machine.out.includes("\u001b"));
});

test("main status colours and cuts for a terminal, and NO_COLOR wins", async () => {
  const { machine, cli } = await fixture();
  machine.terminalColumns = 60;
  assert.equal(await cli("ps"), 0);
  assert.ok(machine.out.includes("\u001b[32mrunning\u001b[0m"));
  machine.env.NO_COLOR = "1";
  assert.equal(await cli("ls"), 0);
  assert.ok(!machine.out.includes("\u001b"));
  for (const line of machine.out.split("\n").slice(2)) assert.ok([...line].length <= 60, line);
  assert.match(machine.out, /…$/m);
});

test("main status --json is the daemon's answer, filtered by names", async () => {
  const { machine, cli } = await fixture();
  assert.equal(await cli("status", "a*", "--json"), 0);
  const answer = JSON.parse(machine.out);
  assert.deepEqual([answer.v, answer.name, answer.units.map((unit: { name: string }) => unit.name)], [1, "demo", ["api"]]);
});

test("main start, stop and restart change units and say what happened", async () => {
  const { machine, cli, operations } = await fixture();
  assert.equal(await cli("stop", "db"), 0);
  assert.equal(machine.out, "db  stopped\n");
  assert.equal(await cli("start", "--all"), 0);
  assert.equal(machine.out, "db   started\napi  started\n");
  assert.equal(await cli("restart", "api", "db", "--json"), 0);
  assert.equal(JSON.parse(machine.out).units[0].outcome, "restarted");
  assert.deepEqual(operations.calls, ["stop db", "start db api", "restart api db"]);
});

test("main exits with 1 when a unit is not where the command wanted it, and says why", async () => {
  const { machine, cli, operations } = await fixture();
  operations.act = () => Promise.resolve([{ name: "api", state: "fatal", outcome: "failed", ok: false, reason: "exited with code 3" }]);
  assert.equal(await cli("start", "api"), 1);
  assert.equal(machine.out, "api  failed: exited with code 3\n");
});

test("main exits with 124 when units are late, and with 1 when one has failed beside them", async () => {
  const { machine, cli, operations } = await fixture();
  const late = { name: "api", state: "restarting", outcome: "timed out", ok: false, reason: "not ready within 2 s" } as const;
  operations.act = () => Promise.resolve([{ name: "db", state: "running", outcome: "started", ok: true, reason: "" }, late]);
  assert.equal(await cli("start", "--all"), 124);
  assert.equal(machine.out, "db   started\napi  timed out: not ready within 2 s\n");
  operations.act = () => Promise.resolve([{ name: "db", state: "fatal", outcome: "failed", ok: false, reason: "exited" }, late]);
  assert.equal(await cli("start", "--all"), 1);
});

test("main wait returns 0 when all are there, and 124 with who is missing and why", async () => {
  const { machine, cli, operations } = await fixture();
  assert.equal(await cli("wait", "db", "--for", "started"), 0);
  assert.equal(machine.out, "db  started\n");
  assert.equal(await cli("wait", "db", "api", "--timeout", "1ms"), 124);
  assert.equal(machine.out, "db   ready\napi  timed out: restarting: exited with code 1, next try in 2s\n");
  assert.equal(await cli("wait", "api", "--timeout", "1ms", "--json"), 124);
  assert.equal(JSON.parse(machine.out).units[0].outcome, "timed out");
  assert.deepEqual(operations.calls, ["wait started db", "wait ready db api", "wait ready api"]);
});

test("main signal sends to services, by every spelling, and exits with 1 when one does not run", async () => {
  const { machine, cli, operations } = await fixture();
  for (const text of ["HUP", "SIGHUP", "1"]) assert.equal(await cli("signal", text, "db"), 0);
  assert.equal(machine.out, "db  sent SIGHUP\n");
  assert.equal(await cli("signal", "usr2", "--all"), 1);
  assert.equal(machine.out, "db   sent SIGUSR2\napi  not running: restarting\n");
  assert.equal(await cli("signal", "TERM", "d*", "--json"), 0);
  assert.equal(JSON.parse(machine.out).units[0].outcome, "sent SIGTERM");
  assert.equal(await cli("signal", "TERM", "apj"), 4);
  assert.equal(await cli("signal", "TERM", "zz*"), 7);
  const [first, ...others] = operations.calls;
  assert.deepEqual([first, others.slice(2)], ["signal SIGHUP db", ["signal SIGUSR2 db api", "signal SIGTERM db", "signal SIGTERM "]]);
});

// Acceptance runner 60: an unknown name, nothing matched and no daemon have codes of their own.
test("main tells unknown names (4), nothing matched (7) and time over (124) apart", async () => {
  const { machine, cli, operations } = await fixture();
  for (const verb of ["status", "stop", "logs", "wait"]) {
    assert.equal(await cli(verb, "apj"), 4, verb);
    assert.match(machine.err, /Cannot find a unit named "apj"; did you mean "api"\?/);
    assert.equal(await cli(verb, "zz*"), 7, verb);
    assert.match(machine.err, /no unit matches zz\*/);
  }
  operations.act = (_verb, _names, signal) =>
    new Promise((_resolve, reject) => signal!.addEventListener("abort", () => reject(signal!.reason), { once: true }));
  assert.equal(await cli("stop", "db", "--timeout", "1ms"), 124);
  assert.match(machine.err, /Cannot wait any longer for stop after 1ms/);
});

// Acceptance runner 60: an unknown name, nothing matched and no daemon have codes of their own.
test("main exits with 3 when there is no socket, or a stale one, and says how to start a daemon", async () => {
  const { machine, cli, folder } = await fixture();
  machine.sockets.set(`${folder}/admin.sock`, "stale");
  machine.alive.clear();
  assert.equal(await cli("status"), 3);
  assert.match(machine.err, /nobody listens on the socket that was left .*daemonkit run/);
  for (const name of ["admin.sock", "lock"]) machine.nodes.delete(`${folder}/${name}`);
  assert.equal(await cli("status"), 3);
  assert.match(
    machine.err,
    /Cannot find a daemon as none runs from \/home\/me\/daemon.toml: start it with `daemonkit run \/home\/me\/daemon.toml`/,
  );
  assert.equal(await cli("status", "--socket", "other.sock"), 3);
  assert.match(machine.err, /there is no socket \/home\/me\/other.sock/);
});

test("main waits for the socket of a daemon that lives, and exits with 5 when it does not come", async () => {
  const { machine, cli, folder } = await fixture();
  const socket = `${folder}/admin.sock`;
  const handler = machine.sockets.get(socket)!;
  machine.sockets.delete(socket);
  systemClock.schedule(50, () => void machine.sockets.set(socket, handler));
  assert.equal(await cli("status"), 0);

  machine.sockets.set(socket, "stale");
  const hasty: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() * 100 };
  Object.assign(machine.host, { clock: hasty });
  assert.equal(await cli("status"), 5);
  assert.match(machine.err, /on .*admin\.sock, though it lives as process 77: .*daemonkit down.*kill -TERM 77/);
});

test("main finds a daemon by the lock that it holds, whatever has become of its folder and however it is called", async () => {
  const { machine, cli, folder } = await fixture();
  const handler = machine.sockets.get(`${folder}/admin.sock`)!;
  for (const name of ["admin.sock", "lock"]) machine.nodes.delete(`${folder}/${name}`);
  const socket = "/elsewhere/demo-1/admin.sock";
  machine.sockets.set(socket, handler);
  const identity = { pid: 77, startTicks: 770, bootId: machine.bootId };
  const text = JSON.stringify({
    ...identity,
    version: "0.1.0",
    protocol: 1,
    id: "demo-1",
    origin: "/home/me/daemon.toml",
    socket,
    claim: 0,
  });
  machine.lockedFiles.push({ identity, path: "/elsewhere/demo-1/lock", inode: 1, text });
  machine.links.set("/linked", "/home/me");
  for (const args of [["status"], ["status", "-c", "/linked/daemon.toml"], ["status", "--socket", socket]]) {
    assert.equal(await cli(...args), 0, args.join(" "));
  }
  // In the folder of its file it is meant without being named, be the file there or not.
  machine.nodes.delete("/home/me/daemon.toml");
  assert.equal(await cli("status"), 0);
  assert.doesNotMatch(machine.err, /the only daemon that runs/);
  const [here] = machine.lockedFiles;
  machine.lockedFiles[0] = { ...here, text: text.replace("/home/me/", "/home/me/app/") };
  assert.equal(await cli("status"), 0);
  assert.match(machine.err, /using demo-1, the only daemon that runs/);
  machine.lockedFiles[0] = here;

  // Another process says nothing about it.
  machine.lockedFiles[0] = { ...machine.lockedFiles[0], identity: { ...identity, pid: 78 } };
  assert.equal(await cli("status"), 3);
});

test("main names the program as it is called, where it is one of your own", async () => {
  const { machine } = await fixture();
  const builder = Daemon.builder();
  assert.equal(await main(["status"], { host: machine.host, builder, program: "mine" }), 3);
  assert.match(machine.err, /^mine: Cannot reach daemon-\w+ as no daemon runs: there is no socket .*; start it with `mine run`\n$/);
});

test("main exits with 6 when the configuration file that was named is missing", async () => {
  const { machine, cli } = await fixture();
  for (
    const args of [["status", "-c", "nope.toml"], ["-c", "nope.toml", "down"], ["--config=nope.toml", "status"], ["-cnope.toml", "down"], [
      "validate",
      "nope.toml",
    ], ["run", "nope.toml"]]
  ) {
    assert.equal(await cli(...args), 6, args.join(" "));
    assert.match(machine.err, /there is no file \/home\/me\/nope\.toml/);
  }
});

// Acceptance runner 61: client and daemon of different versions: a clear message, status and down still work.
test("main lets a client of another protocol look and stop, and says what to do about the rest", async () => {
  const { machine, cli, operations } = await fixture({ protocol: 2 });
  assert.equal(await cli("status"), 0);
  assert.equal(await cli("stop", "db"), 1);
  assert.match(
    machine.err,
    /this is daemonkit \S+ with protocol 1, the daemon is 0\.1\.0 with protocol 2.*`daemonkit down` works with every version/,
  );
  assert.deepEqual(operations.calls, []);
});

test("main finds the only daemon that runs and says which, lists several, and is told by -c and --socket", async () => {
  const { machine, cli, folder } = await fixture();
  machine.cwd = "/tmp";
  assert.equal(await cli("status"), 0);
  assert.match(machine.err, /^daemonkit: using demo-[0-9a-f]{8}, the only daemon that runs\n$/);

  const other = "/home/me/.local/state/daemonkit/other-01234567";
  machine.env.HOME = "/home/me";
  machine.daemon(other, machine.sockets.get(`${folder}/admin.sock`) as Parameters<FakeMachine["daemon"]>[1], 78);
  machine.daemon("/run/user/1000/daemonkit/dead-00000000", "stale", 79);
  assert.equal(await cli("status"), 2);
  assert.match(
    machine.err,
    /2 run: name one by -c FILE or --socket PATH\n.*demo-[0-9a-f]{8} .*\n.*other-01234567 .*other-01234567\/admin.sock\n$/,
  );

  for (const args of [["status", "-c", "/home/me/daemon.toml"], ["--socket", `${other}/admin.sock`, "status"]]) {
    assert.equal(await cli(...args), 0, args.join(" "));
    assert.equal(machine.err, "");
  }
  machine.alive.clear();
  assert.equal(await cli("status"), 3);
});

test("main logs prints lines after the unit's name, and passes JSON through", async () => {
  const { machine, cli, operations } = await fixture();
  operations.print("db", "ready to accept connections");
  operations.print("api", "listening");
  assert.equal(await cli("logs"), 0);
  assert.equal(machine.out, "db | ready to accept connections\napi | listening\n");
  assert.equal(await cli("logs", "api", "-n", "1", "--json"), 0);
  assert.equal(JSON.parse(machine.out).text, "listening");
});

test("main logs --since and --grep show what is young enough and matches", async () => {
  const { machine, cli, operations } = await fixture();
  operations.print("db", "error: an old one");
  operations.print("db", "error: a new one", new Date().toISOString());
  operations.print("api", "fine", new Date().toISOString());
  assert.equal(await cli("logs", "--since", "10m", "--grep", "^error"), 0);
  assert.equal(machine.out, "db | error: a new one\n");
  assert.equal(await cli("logs", "--grep", "nothing like it"), 0);
  assert.deepEqual([machine.out, machine.err], ["", ""]);
  operations.keptFrom.db = "2026-11-21T10:00:00.000Z";
  assert.equal(await cli("logs", "--grep", "^error"), 0);
  const note = "daemonkit: not all lines from before 2026-11-21T10:00:00.000Z are in memory any more; log files may have them\n";
  assert.equal(machine.err, note);
});

test("main events prints what the daemon still has, and goes on with -f until its end", async () => {
  const { machine, cli, operations, folder } = await fixture();
  const time = "2026-01-01T00:00:00.000Z";
  operations.happen({ v: 1, seq: 1, time, type: "daemon.starting", reason: "start" });
  operations.happen({
    v: 1,
    seq: 2,
    time,
    type: "unit.state",
    name: "db",
    run: 1,
    from: "waiting",
    to: "starting",
    reason: "\u001b[2Jstart",
  });
  operations.happen({ v: 1, seq: 3, time, type: "unit.ready", name: "db", run: 1, ready: true });
  assert.equal(await cli("events"), 0);
  assert.equal(machine.out, `${time}  daemon  starting: start\n${time}  db      starting: start\n${time}  db      ready\n`);

  const following = cli("events", "-f", "--json");
  await until(() => operations.eventReaders.size > 0);
  operations.happen({ v: 1, seq: 4, time, type: "daemon.stopping", reason: "test" });
  (machine.sockets.get(`${folder}/admin.sock`) as ControlHandler).streams.end();
  assert.equal(await following, 0);
  assert.deepEqual(machine.out.trim().split("\n").map((line) => JSON.parse(line).seq), [1, 2, 3, 4]);
});

test("main exits with 5 when the daemon is there but does not answer in time", async () => {
  const { machine, cli, folder } = await fixture();
  machine.sockets.set(`${folder}/admin.sock`, "silent");
  const hasty: Clock = { ...systemClock, schedule: (delayMs, fn) => systemClock.schedule(delayMs / 1_000, fn) };
  Object.assign(machine.host, { clock: hasty });
  for (const args of [["status"], ["stop", "db"], ["down"], ["logs"]]) {
    assert.equal(await cli(...args), 5, args.join(" "));
    assert.match(machine.err, /must answer within 5 s: it is there .*admin\.sock/);
  }
});

/** Lets the fake daemon end as a real one does once it was told to: events, then the end of the streams, then the end of the process. */
function endLikeADaemon({ machine, operations, folder }: Fixture, events: readonly EventBody[]): void {
  operations.shutdown = () => {
    operations.calls.push("shutdown");
    let seq = 0;
    for (const body of events) {
      for (const read of operations.eventReaders) read({ v: 1, seq: ++seq, time: "2026-01-01T00:00:00.000Z", ...body } as DaemonEvent);
    }
    (machine.sockets.get(`${folder}/admin.sock`) as ControlHandler).streams.end();
    machine.nodes.delete(`${folder}/admin.sock`);
    if (events.some(({ type }) => type === "daemon.stopped")) machine.file(`${folder}/lock`, "");
    systemClock.schedule(20, () => void machine.alive.delete(77));
  };
}

const ended = (name: string, to: State): EventBody => ({ type: "unit.state", name, run: 1, from: "stopping", to, reason: "" });

test("main down returns when the daemon's process is gone, and says how it went", async () => {
  const made = await fixture();
  endLikeADaemon(made, [ended("db", "stopped"), ended("api", "stopped"), { type: "daemon.stopped", reason: "" }]);
  assert.equal(await made.cli("down"), 0);
  assert.ok(!made.machine.alive.has(77));
  assert.match(made.machine.out, /^demo \(pid 77\) stopped after \S+\n$/);
});

test("main down exits with 1 after a forced end and names who did not stop", async () => {
  const made = await fixture();
  endLikeADaemon(made, [ended("db", "stopped"), ended("api", "stopping"), { type: "daemon.forced", reason: "" }, {
    type: "daemon.stopped",
    reason: "",
  }]);
  assert.equal(await made.cli("down", "--json"), 1);
  const { ok, how, unstopped } = JSON.parse(made.machine.out);
  assert.deepEqual([ok, how, unstopped], [false, "was forced to stop", ["api"]]);
});

test("main down exits with 1 when the daemon died without coming to its end", async () => {
  const made = await fixture();
  endLikeADaemon(made, [ended("db", "stopped"), ended("api", "stopped")]);
  assert.equal(await made.cli("down"), 1);
  assert.match(made.machine.out, /ended without a report/);
});

test("main down --timeout exits with 124 while the daemon goes on stopping", async () => {
  const made = await fixture();
  made.operations.shutdown = () => {};
  assert.equal(await made.cli("down", "--timeout", "5ms"), 124);
  assert.match(made.machine.err, /Cannot wait any longer for demo \(pid 77\) after 5ms; it goes on stopping/);
  assert.equal(made.operations.eventReaders.size, 0);
});

test("main down of a daemon that somebody else stops waits for its end also when the socket is closed already", async () => {
  const made = await fixture();
  endLikeADaemon(made, [ended("db", "stopped"), ended("api", "stopped"), { type: "daemon.stopped", reason: "" }]);
  const socket = `${made.folder}/admin.sock`;
  const handler = made.machine.sockets.get(socket) as ControlHandler;
  made.machine.sockets.set(
    socket,
    Object.assign(async (request: Request) => {
      if (!request.url.endsWith("/v1/stop")) return await handler(request);
      const lock = made.machine.text(`${made.folder}/lock`)!;
      made.operations.shutdown("somebody else");
      made.machine.file(`${made.folder}/lock`, lock);
      systemClock.schedule(5, () => made.machine.file(`${made.folder}/lock`, ""));
      made.machine.sockets.delete(socket);
      throw new IoError("IO_REFUSED", "Cannot connect: refused");
    }, { streams: handler.streams }),
  );
  assert.equal(await made.cli("down"), 0, made.machine.err);
  assert.match(made.machine.out, /^demo \(pid 77\) stopped after/);
});

test("main down has an end when the daemon lives and does not answer any more, and says what to do", async () => {
  const made = await fixture();
  const socket = `${made.folder}/admin.sock`;
  made.operations.shutdown = () => void made.machine.sockets.set(socket, "silent");
  const hasty: Clock = { ...systemClock, schedule: (delayMs, fn) => systemClock.schedule(delayMs / 500, fn) };
  Object.assign(made.machine.host, { clock: hasty });
  assert.equal(await made.cli("down"), 5);
  assert.match(made.machine.err, /has not answered for a minute: end it with `kill -9 77`, then `daemonkit down` ends what it leaves/);
});

// Acceptance runner 61: client and daemon of different versions: a clear message, status and down still work.
test("main down stops a daemon of another protocol", async () => {
  const made = await fixture({ protocol: 2 });
  endLikeADaemon(made, [ended("db", "stopped"), ended("api", "stopped"), { type: "daemon.stopped", reason: "" }]);
  assert.equal(await made.cli("down"), 0);
});

test("Output.waitFor shows a line on a terminal once it has taken 300 ms, and takes it away", async () => {
  const { machine, cli, operations } = await fixture();
  machine.terminalColumns = 80;
  const hasty: Clock = { ...systemClock, schedule: (delayMs, fn) => systemClock.schedule(delayMs / 100, fn) };
  Object.assign(machine.host, { clock: hasty });
  operations.act = async (_verb, names) => {
    await sleep(systemClock, 20);
    return names.map((name) => ({ name, state: "stopped", outcome: "stopped", ok: true, reason: "" }));
  };
  assert.equal(await cli("stop", "db"), 0);
  assert.ok(machine.err.startsWith("\r\u001b[K- stopping db … 0s"));
  assert.ok(machine.err.endsWith("\r\u001b[K"));
});
