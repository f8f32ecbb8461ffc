import assert from "node:assert/strict";
import type { ConfigError } from "../../src/core/values/errors.ts";
import type { ReloadAnswer } from "../../src/core/supervise/operations.ts";
import type { FakeProcess } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { daemonFolders } from "../../src/instance/folders.ts";
import { Rig } from "./rig.ts";

const TWO = '[service.a]\nrun = ["serve"]\n[service.b]\nrun = ["serve"]\n';

/** A daemon of this text, and the answer of a reload of another one. */
async function reloaded(before: string, after: string, options: { dryRun?: boolean } = {}): Promise<[Rig, ReloadAnswer]> {
  const rig = await new Rig().run(before);
  await ready(rig);
  return [rig, await reload(rig, after, options)];
}

async function reload(rig: Rig, toml: string, options: { dryRun?: boolean } = {}): Promise<ReloadAnswer> {
  rig.write(toml);
  let answer: ReloadAnswer | undefined;
  let failure: { error: unknown } | undefined;
  void rig.daemon.reload(options).then((each) => answer = each, (error) => failure = { error });
  await rig.until(() => answer !== undefined || failure !== undefined);
  if (failure !== undefined) throw failure.error;
  return answer!;
}

/** Until nothing is on its way any more. */
async function ready(rig: Rig): Promise<void> {
  await rig.until(() => rig.daemon.operations.status().state === "running");
}

const linesOf = ({ changes }: ReloadAnswer) =>
  changes.map(({ kind, name, keys, effect }) => [kind, name, keys.join(" "), effect].join(" | "));
const statesOf = (rig: Rig) => Object.fromEntries(rig.daemon.subsystems().map(({ name, state }) => [name, state]));
const alive = (rig: Rig): FakeProcess[] => rig.programs.filter(({ isAlive }) => isAlive);

// Acceptance runner 50: a changed variable restarts its service only.
test("Daemon.reload restarts the service whose own keys have changed, and leaves the others alone", async () => {
  const [rig, answer] = await reloaded(TWO, `${TWO}env = { A = "1" }\n`);
  assert.deepEqual(linesOf(answer), ["changed | service.b | env.A | restart"]);
  assert.deepEqual([answer.ok, answer.version, answer.unchanged], [true, 2, 1]);
  assert.deepEqual(answer.units.map(({ name, outcome }) => `${name} ${outcome}`), ["b restarted"]);
  assert.deepEqual(rig.programs.map(({ isAlive, options }) => [isAlive, options.env.A]), [[true, undefined], [false, undefined], [
    true,
    "1",
  ]]);
  await rig.stop();
});

// Acceptance runner 51: what was removed from the file is gone after a reload.
test("Daemon.reload starts what is new and stops what is gone, dependents first", async () => {
  const before = `${TWO}after = ["a"]\n`;
  const [rig, answer] = await reloaded(before, '[service.c]\nrun = ["serve"]\n');
  assert.deepEqual(linesOf(answer).sort(), [
    "added | service.c |  | start",
    "removed | service.a |  | stop",
    "removed | service.b |  | stop",
  ]);
  assert.deepEqual(answer.units.map(({ name, outcome }) => `${name} ${outcome}`).sort(), ["a removed", "b removed", "c started"]);
  assert.deepEqual(statesOf(rig), { c: "running" });
  const stopped = rig.daemon.operations.events().filter((event) => event.type === "unit.state" && event.to === "stopped");
  assert.deepEqual(stopped.map((event) => "name" in event && event.name), ["b", "a"]);
  await rig.stop();
});

// Acceptance runner 49: a reload with a mistake keeps the old configuration, with line and column, and not with 0.
test("Daemon.reload of a file with mistakes changes nothing and names them all", async () => {
  const rig = await new Rig().run(TWO);
  await ready(rig);
  const error = await reload(rig, '[service.a]\nrunn = ["serve"]\n[logging]\nlevel = "loud"\n').catch((error) => error as ConfigError);
  assert.deepEqual((error as ConfigError).issues.map(({ source }) => source), ["daemon.toml:2:1", "daemon.toml:4:9"]);
  assert.deepEqual(statesOf(rig), { a: "running", b: "running" });
  assert.equal(rig.daemon.operations.status().configVersion, 1);
  assert.equal(alive(rig).length, 2);
  assert.match(rig.host.terminal.stderr, /the configuration was refused, the old one stays/);
  await rig.stop();
});

test("Daemon.reload waits a moment for a missing or empty file, and then changes nothing", async () => {
  const rig = await new Rig().run(TWO);
  await ready(rig);
  const { files, clock } = rig.host;
  const asked = () => {
    const answer = rig.daemon.reload().then(() => "taken", (error) => error.code);
    return async () => {
      await clock.advance(1_000);
      return await answer;
    };
  };
  for (const empty of ["", " \n\n", undefined]) {
    if (empty === undefined) files.remove("/etc/app/daemon.toml");
    else rig.write(empty);
    assert.equal(await asked()(), "CONFIG_NOT_FOUND");
  }
  assert.equal(alive(rig).length, 2);
  const answer = asked();
  await clock.advance(60);
  rig.write(`${TWO}[service.c]\nrun = ["serve"]\n`);
  assert.equal(await answer(), "taken");
  assert.equal(alive(rig).length, 3);
  await rig.stop();
});

test("Daemon.reload with dryRun says what would be and does nothing", async () => {
  const [rig, answer] = await reloaded(TWO, '[service.a]\nrun = ["quick"]\n[logging]\nlevel = "warn"\n', { dryRun: true });
  assert.deepEqual(linesOf(answer), [
    "changed | logging.level |  | live",
    "changed | service.a | run | restart",
    "removed | service.b |  | stop",
  ]);
  assert.deepEqual([answer.changes[0].from, answer.changes[0].to], ['"info"', '"warn"']);
  assert.deepEqual([answer.dryRun, answer.version, answer.units], [true, 1, []]);
  assert.equal(rig.programs.length, 2);
  assert.equal(rig.daemon.config.logging.level, "info");
  await rig.stop();
});

test("Daemon.reload applies what can change while a service runs without touching it", async () => {
  const more = 'restart = { policy = "always", delay = "7s", jitter = 0 }\nsuccess_exit_codes = [0, 3]\nessential = true\n';
  const [rig, answer] = await reloaded(TWO, `${TWO}${more}[service.b.stop]\nsignal = "SIGINT"\n`);
  assert.deepEqual([...new Set(answer.changes.map(({ effect }) => effect))], ["live"]);
  assert.equal(rig.programs.length, 2);
  // The policy in force is the new one, and so are the codes: an end with 3 is no failure, and is followed by the new wait.
  rig.programs[1].exit(3);
  await rig.until(() => statesOf(rig).b === "restarting");
  assert.equal(rig.daemon.subsystems()[1].reason, "exited with code 3");
  await rig.host.clock.advance(7_000);
  await rig.until(() => rig.programs.length === 3);
  await rig.stop();
  assert.equal(rig.programs[2].received[0], "SIGINT");
});

test("Daemon.reload reads the files of tokens again, also where the configuration has not changed", async () => {
  const toml = `${TWO}[listen.http]\naddress = "127.0.0.1:9900"\nallow = ["control"]\ntoken_file = "http.token"\n`;
  const rig = new Rig();
  const write = (token: string) => rig.host.files.put("/etc/app/http.token", token, 0o600);
  write("leaked");
  await rig.run(toml);
  await ready(rig);
  const ask = async (token: string) => {
    const response = await rig.host.http.request({ hostname: "127.0.0.1", port: 9900 }, "/v1/status", {
      headers: { authorization: `Bearer ${token}` },
    });
    await response.body?.cancel();
    return response.status;
  };
  assert.deepEqual([await ask("leaked"), await ask("fresh")], [200, 401]);
  write("fresh");
  const answer = await reload(rig, toml);
  assert.deepEqual([answer.changes, answer.version], [[], 1]);
  assert.match(rig.host.terminal.stderr, /control asks for a new token .*listener=http/);
  assert.deepEqual([await ask("leaked"), await ask("fresh")], [401, 200]);
  // One that can't be used leaves the other one in force.
  write("");
  await assert.rejects(reload(rig, toml), { code: "CONFIG_INVALID", message: /must hold one token/ });
  assert.deepEqual([await ask("leaked"), await ask("fresh")], [401, 200]);
  await rig.stop();
});

test("Daemon.reload applies the deadlines of the shutdown", async () => {
  const [rig] = await reloaded(TWO, `${TWO}[shutdown]\ndrain_delay_ms = 2000\ntimeout_ms = 3000\n`);
  rig.daemon.shutdown();
  await rig.host.clock.advance(1_999);
  assert.deepEqual(rig.programs[0].received, []);
  await rig.host.clock.advance(1);
  assert.equal(rig.programs[0].received[0], "SIGTERM");
  await rig.ended();
});

test("Daemon.reload holds back what needs a restart of the daemon, says so each time, and applies the rest", async () => {
  const text = `name = "other"\nwork_dir = "elsewhere"\n[bus]\ncapacity = 64\n${TWO}env = { A = "1" }\n`;
  const rig = await new Rig().run(TWO);
  await ready(rig);
  rig.host.files.makeDir("/etc/app/elsewhere");
  const answer = await reload(rig, text);
  assert.deepEqual(linesOf(answer), [
    "changed | name |  | daemon",
    "changed | bus.capacity |  | daemon",
    "added | work_dir |  | daemon",
    "changed | service.b | env.A | restart",
  ]);
  assert.deepEqual([answer.changes[0].from, answer.changes[0].to], ['"daemon"', '"other"']);
  assert.equal(rig.daemon.config.name, "daemon");
  assert.deepEqual(rig.programs.map(({ options }) => options.cwd), ["/etc/app", "/etc/app", "/etc/app"]);
  const again = await reload(rig, text);
  assert.deepEqual([linesOf(again).length, again.version, rig.programs.length], [3, 2, 3]);
  await rig.stop();
});

test("Daemon.reload refuses what waits for a restart of the daemon and would keep it from starting then, and nothing that is in force", async () => {
  const before = `pid_file = "app.pid"\nstate_dir = "state"\n${TWO}`;
  const rig = await new Rig().run(before);
  await ready(rig);
  rig.host.files.put("/etc/app/file", "precious");
  for (
    const [place, key, text] of [
      ["1:12", "work_dir", `work_dir = "none"\n${before}`],
      ["1:12", "pid_file", before.replace("app.pid", "file")],
      ["2:13", "state_dir", before.replace('state"', 'file/state"')],
      ["6:11", "listen.http.address", `${before}[listen.http]\naddress = "unix:file"\n`.replace('[service.b]\nrun = ["serve"]\n', "")],
    ]
  ) {
    for (const dryRun of [true, false]) {
      const error = await reload(rig, text, { dryRun }).then(() => undefined, (error) => error as ConfigError);
      assert.deepEqual(error?.issues.map(({ source, path }) => `${source} ${path}`), [`daemon.toml:${place} ${key}`]);
    }
  }
  assert.ok(alive(rig).length === 2 && rig.programs.length === 2, "nothing was stopped");
  // The part in force has its own ways to tell of its loss, and the rest goes on.
  rig.host.files.put("/etc/app/app.pid", "somebody has written into it");
  const answer = await reload(rig, `${before}env = { A = "1" }\n`);
  assert.deepEqual(linesOf(answer), ["changed | service.b | env.A | restart"]);
  await rig.stop();
});

test("Daemon.reload leaves down what an operator stopped, and forgets that of what is gone", async () => {
  const rig = await new Rig().run(TWO);
  await ready(rig);
  const stopped = rig.daemon.operations.stop(["a"], {});
  await rig.until(() => statesOf(rig).a === "stopped");
  await stopped;
  const changed = await reload(rig, `${TWO}[service.a.env]\nA = "1"\n`);
  assert.deepEqual([changed.ok, changed.units, statesOf(rig).a], [true, [], "stopped"]);
  // It takes the change at its next start.
  const started = rig.daemon.operations.start(["a"], {});
  await rig.until(() => statesOf(rig).a === "running");
  await started;
  assert.equal(rig.programs.at(-1)!.options.env.A, "1");

  const again = rig.daemon.operations.stop(["a"], {});
  await rig.until(() => statesOf(rig).a === "stopped");
  await again;
  await reload(rig, '[service.b]\nrun = ["serve"]\n');
  await reload(rig, TWO);
  assert.equal(statesOf(rig).a, "running");
  await rig.stop();
});

test("Daemon.reload starts a service that has failed when its own keys have changed, and not otherwise", async () => {
  const text = (key: string) => `[service.a]\nrun = ["crash"]\nrestart = "never"\n${key}[service.b]\nrun = ["serve"]\n`;
  const rig = await new Rig().run(text(""));
  await rig.until(() => statesOf(rig).a === "failed");
  await reload(rig, `${text("")}env = { B = "1" }\n`);
  assert.equal(statesOf(rig).a, "failed");
  const crashes = rig.programs.filter(({ options }) => options.argv[0] === "crash").length;
  rig.program("crash", () => {});
  const answer = await reload(rig, text('env = { A = "1" }\n'));
  assert.ok(answer.ok);
  assert.equal(statesOf(rig).a, "running");
  assert.equal(rig.programs.filter(({ options }) => options.argv[0] === "crash").length, crashes + 1);
  await rig.stop();
});

test("Daemon.reload says that a service did not start, and keeps the configuration", async () => {
  const [rig, answer] = await reloaded(TWO, `${TWO}[service.c]\nrun = ["crash"]\nrestart = "never"\nready = { log = "up" }\n`);
  assert.deepEqual([answer.ok, answer.version], [false, 2]);
  assert.deepEqual(answer.units.map(({ name, ok, outcome }) => [name, ok, outcome]), [["c", false, "failed"]]);
  assert.equal(statesOf(rig).a, "running");
  await rig.stop();
});

test("Daemon.reload of another number of instances leaves alone those that were there before", async () => {
  const text = (count: number) => `[service.a]\nrun = ["serve"]\ninstances = ${count}\n`;
  const [rig, answer] = await reloaded(text(2), text(3));
  assert.deepEqual(linesOf(answer), ["changed | service.a | instances | scale"]);
  assert.deepEqual(statesOf(rig), { "a@0": "running", "a@1": "running", "a@2": "running" });
  assert.deepEqual(alive(rig).length, 3);
  const fewer = await reload(rig, text(2));
  assert.deepEqual(fewer.units.map(({ name, outcome }) => `${name} ${outcome}`), ["a@2 removed"]);
  const one = await reload(rig, text(1));
  assert.deepEqual(one.units.map(({ name, outcome }) => `${name} ${outcome}`).sort(), ["a started", "a@0 removed", "a@1 removed"]);
  await rig.stop();
});

test("Daemon.reload takes new edges of after: order of the next stop, and a start that need not wait any more", async () => {
  const [rig] = await reloaded(TWO, `${TWO}after = ["a"]\n`);
  const stopped = rig.daemon.operations.stop(["a"], {});
  await rig.until(() => alive(rig).length === 0);
  assert.deepEqual((await stopped).map(({ name }) => name).sort(), ["a", "b"]);
  const events = rig.daemon.operations.events().filter((event) => event.type === "unit.state" && event.to === "stopped");
  assert.deepEqual(events.map((event) => "name" in event && event.name), ["b", "a"]);
  await rig.stop();
});

test("Daemon.reload with a change of [defaults.service] restarts those that take from it, and no others", async () => {
  const text = (value: string) => `[defaults.service]\nenv = { A = "${value}" }\n${TWO}env = { A = "own" }\n`;
  const [rig, answer] = await reloaded(text("1"), text("2"));
  assert.deepEqual(linesOf(answer), ["changed | service.a | env.A | restart"]);
  await rig.stop();
});

test("Daemon.reload during another one waits for it, and who comes meanwhile shares it", async () => {
  const rig = await new Rig().run(TWO);
  await ready(rig);
  const answers: ReloadAnswer[] = [];
  const ask = () => void rig.daemon.reload().then((answer) => answers.push(answer));
  rig.write(`${TWO}env = { A = "1" }\n`);
  ask();
  await Promise.resolve();
  rig.write(`${TWO}env = { A = "2" }\n`);
  for (let count = 0; count < 20; count++) ask();
  await rig.until(() => answers.length === 21);
  assert.deepEqual(rig.programs.filter(({ isAlive }) => isAlive).map(({ options }) => options.env.A), [undefined, "2"]);
  assert.ok(rig.daemon.operations.status().configVersion <= 3);
  await rig.stop();
});

test("Daemon.reload gives up nothing that a slow start holds up: the next one need not wait for it", async () => {
  const slow = '[service.c]\nrun = ["serve"]\nready = { log = "^up" }\n';
  const rig = await new Rig().run(TWO);
  await ready(rig);
  rig.write(`${TWO}${slow}`);
  let first: ReloadAnswer | undefined;
  void rig.daemon.reload().then((answer) => first = answer);
  await rig.until(() => statesOf(rig).c === "starting");
  const second = await reload(rig, TWO);
  assert.deepEqual(second.units.map(({ name, outcome }) => `${name} ${outcome}`), ["c removed"]);
  await rig.until(() => first !== undefined);
  assert.equal(first!.ok, false);
  await rig.stop();
});

test("Daemon.reload never runs a service twice: one that is added again while it still stops starts when it has stopped", async () => {
  const rig = new Rig().program("slow", (process) => process.onSignal("SIGTERM", () => {}));
  await rig.run(`${TWO}[service.c]\nrun = ["slow"]\n`);
  await ready(rig);
  rig.write(TWO);
  void rig.daemon.reload();
  await rig.until(() => rig.programs[2].received.includes("SIGTERM"));
  rig.write(`${TWO}[service.c]\nrun = ["slow"]\n`);
  let answer: ReloadAnswer | undefined;
  void rig.daemon.reload().then((each) => answer = each);
  await rig.until(() => rig.daemon.operations.status().configVersion === 3);
  assert.equal(rig.programs.length, 3);
  rig.programs[2].exit(0);
  await rig.until(() => answer !== undefined);
  assert.deepEqual([answer!.ok, rig.programs.length, statesOf(rig).c], [true, 4, "running"]);
  rig.programs[3].onSignal("SIGTERM", () => rig.programs[3].exit(0));
  await rig.stop();
});

test("Daemon.reload is refused while the daemon stops, and without a file; SIGHUP is ignored then", async () => {
  const rig = new Rig().program("slow", (process) => process.onSignal("SIGTERM", () => {}));
  await rig.run('[service.c]\nrun = ["slow"]\n');
  await ready(rig);
  rig.daemon.shutdown();
  rig.write(TWO);
  await assert.rejects(rig.daemon.reload(), { code: "SHUTDOWN_IN_PROGRESS" });
  rig.host.signals.emit("SIGHUP");
  rig.programs[0].exit(0);
  await rig.ended();
  assert.equal(rig.programs.length, 1);
});

test("SIGHUP reloads, and what it did is an event, a record and news on the bus", async () => {
  const rig = await new Rig().run(TWO);
  await ready(rig);
  const news: unknown[] = [];
  rig.daemon.bus.on("configUpdated", (value) => void news.push(value));
  rig.write(`${TWO}env = { A = "1" }\n`);
  rig.host.signals.emit("SIGHUP");
  await rig.until(() => rig.programs.length === 3 && news.length > 0);
  assert.deepEqual(news, [{ version: 2, changed: ["service.b"] }]);
  rig.write("nonsense");
  rig.host.signals.emit("SIGHUP");
  await rig.until(() => rig.daemon.operations.events().some((event) => event.type === "config.reload" && event.outcome === "refused"));
  rig.host.signals.emit("SIGHUP");
  const reloads = rig.daemon.operations.events().filter((event) => event.type === "config.reload");
  assert.deepEqual(reloads.map((event) => event.type === "config.reload" && [event.outcome, event.version]), [["applied", 2], [
    "refused",
    2,
  ]]);
  assert.match(rig.host.terminal.stderr, /~ service\.b env\.A/);
  await rig.stop();
});

const LISTEN = '[listen.http]\naddress = "127.0.0.1:9900"\n';

/** Takes the port of {@linkcode LISTEN}. */
const takePort = (rig: Rig) => rig.host.http.answer({ hostname: "127.0.0.1", port: 9900 }, () => new Response());

test("Daemon.reload that a listener refuses changes nothing, the logs included", async () => {
  const rig = await new Rig().run(TWO);
  await ready(rig);
  using _other = takePort(rig);
  const refused = await reload(rig, `${LISTEN}[logging]\nlevel = "error"\n[service.a]\nrun = ["serve"]\n`).catch((error) => error);
  assert.equal(refused.code, "IO_ADDRESS_IN_USE");
  assert.deepEqual([statesOf(rig), rig.daemon.operations.status().configVersion], [{ a: "running", b: "running" }, 1]);
  const writtenBefore = rig.host.terminal.stderr.length;
  rig.host.signals.emit("SIGHUP");
  assert.match(rig.host.terminal.stderr.slice(writtenBefore), /reloading the configuration/);
  await rig.stop();
});

test("hot_reload offers a file once whose listener is refused", async () => {
  const rig = await new Rig().run(`hot_reload = true\n${TWO}`);
  await ready(rig);
  using _other = takePort(rig);
  rig.write(`hot_reload = true\n${TWO}${LISTEN}`);
  const refusals = () => rig.daemon.operations.measures().reloads.refused;
  await rig.host.clock.advance(100);
  await rig.until(() => refusals() === 1);
  for (let look = 0; look < 20; look++) await rig.host.clock.advance(100);
  assert.equal(refusals(), 1);
  await rig.stop();
});

/** A daemon that is held up before its first unit: what the one before has left of `old` does not stop when told to. */
async function heldUp(toml: string): Promise<Rig> {
  // The modules that are loaded on demand are there, so that nothing waits for them.
  await import("../../src/daemon/reload.ts");
  const rig = new Rig().program("deaf", (process) => process.ignoreSignals(["SIGTERM"]));
  const { host } = rig;
  const { identity } = await host.processes.spawn({ argv: ["deaf"], cwd: "/", env: {} });
  const { id, groups } = await daemonFolders({ name: "daemon", configPath: "/etc/app/daemon.toml" }, host);
  host.files.put(groups, JSON.stringify({ v: 1, id, programs: [{ unit: "old", run: 1, identity, command: "c" }] }));
  await rig.begin(toml);
  await rig.until(() => rig.programs[0].received.includes("SIGTERM"));
  return rig;
}

test("Daemon.reload before the first unit waits for it, and is then applied whole", async () => {
  const rig = await heldUp(TWO);
  rig.write('[service.b]\nrun = ["serve"]\n[service.c]\nrun = ["serve"]\n');
  rig.host.signals.emit("SIGHUP");
  let answer: ReloadAnswer | undefined;
  void rig.daemon.reload().then((each) => answer = each);
  let turns = 0;
  await rig.until(() => ++turns > 20);
  assert.equal(rig.daemon.operations.status().configVersion, 1);
  await rig.host.clock.advance(10_000);
  await rig.until(() => answer !== undefined);
  assert.deepEqual([answer!.ok, answer!.version, statesOf(rig)], [true, 2, { b: "running", c: "running" }]);
  assert.equal(alive(rig).length, 2);
  await rig.stop();
});

test("DaemonOperations: before the first unit nobody is unknown, it is too early", async () => {
  const rig = await heldUp(TWO);
  const { operations } = rig.daemon;
  for (const pattern of ["a", "*"]) assert.throws(() => operations.resolve([pattern]), { code: "RUNTIME_STATE" });
  assert.deepEqual(operations.resolve([]), []);
  for (const ask of ["start", "stop", "restart"] as const) await assert.rejects(operations[ask](["a"], {}), { code: "RUNTIME_STATE" });
  await rig.host.clock.advance(10_000);
  await ready(rig);
  assert.deepEqual(operations.resolve(["a"]), ["a"]);
  await rig.stop();
});

test("Daemon.reload before the first unit is refused when the daemon is stopped before there is one", async () => {
  const rig = await heldUp(TWO);
  rig.write('[service.c]\nrun = ["serve"]\n');
  const refused = assert.rejects(rig.daemon.reload(), { code: "SHUTDOWN_IN_PROGRESS" });
  rig.daemon.shutdown();
  await rig.host.clock.advance(10_000);
  await rig.ended();
  await refused;
  assert.equal(rig.programs.length, 1);
});

test("Daemon.reload refuses a file that does not go together with what code has added, and changes nothing", async () => {
  const rig = await new Rig().run(TWO, (builder) => builder.withTask("main", (context) => context.cancelled(), { after: ["b"] }));
  await ready(rig);
  const rows: [text: string, issue: RegExp][] = [
    ['[service.a]\nrun = ["serve"]\n', /service\.b: expected to stay, as "main" of the program comes after it/],
    [`${TWO}[service.Main]\nrun = ["serve"]\n`, /service\.Main: expected a name that is free, got that of "main"/],
  ];
  for (const [text, issue] of rows) {
    for (const dryRun of [true, false]) await assert.rejects(reload(rig, text, { dryRun }), issue);
    assert.deepEqual(statesOf(rig), { a: "running", b: "running", main: "running" });
    assert.equal(rig.daemon.operations.status().configVersion, 1);
  }
  const answer = await reload(rig, '[service.b]\nrun = ["serve"]\n');
  assert.deepEqual([answer.ok, statesOf(rig)], [true, { b: "running", main: "running" }]);
  await rig.stop();
});
