import assert from "node:assert/strict";
import type { ConfigError } from "../../src/core/values/errors.ts";
import type { ReloadAnswer, UnitOutcome } from "../../src/core/supervise/operations.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import { checkNeeds } from "../../src/settings/needs.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { formatIssue } from "../../src/core/values/errors.ts";
import { logFileProblem } from "../../src/service/mod.ts";
import { test } from "../harness.ts";
import { Rig } from "../daemon/rig.ts";

const PATH = "/etc/app/daemon.toml";

/** What is found wrong with a configuration on a machine that has the program `serve` and these files. */
async function found(toml: string, files: Record<string, string | Uint8Array> = {}, environment: Record<string, string> = {}) {
  const host = new FakeHost({ env: environment });
  host.processes.program("serve", () => {});
  host.files.put(PATH, toml);
  for (const [path, content] of Object.entries(files)) host.files.put(path, content);
  const loaded = await loadConfig({ files: host.files, env: host.env, cwd: "/etc/app" });
  const { problems, warnings, inherited } = await checkNeeds(loaded, host);
  return { problems: (await loaded.issuesOf(problems)).map(formatIssue), warnings, inherited };
}

const service = (keys: string) => `[service.a]\nrun = ["serve"]\n${keys}\n`;
const latin1 = Uint8Array.from("A=1\nB=caf\xe9\n", (char) => char.charCodeAt(0));

const MISTAKES: [what: string, toml: string, expected: string, files?: Record<string, string | Uint8Array>][] = [
  [
    "an env file that is missing",
    service('env_file = ["?none", "app.env"]'),
    'daemon.toml:3:22: service.a.env_file[1]: expected a file, got nothing at "/etc/app/app.env"; write "?" before its path if it may be missing',
  ],
  [
    "an env file of the defaults",
    `[defaults.service]\nenv_file = ["app.env"]\n${service("")}[service.b]\nrun = ["serve"]`,
    'daemon.toml:2:13: defaults.service.env_file[0]: expected a file, got nothing at "/etc/app/app.env"; write "?" before its path if it may be missing',
  ],
  [
    "an env file with a mistake",
    service('env_file = ["app.env"]'),
    "daemon.toml:3:13: service.a.env_file[0]: expected variables, got a mistake at /etc/app/app.env:2:1: Cannot read the line as it must be NAME=value, a comment or blank",
    { "/etc/app/app.env": "A=1\nhunter2" },
  ],
  [
    "an env file in Latin-1",
    service('env_file = ["app.env"]'),
    "daemon.toml:3:13: service.a.env_file[0]: expected variables, got a mistake at /etc/app/app.env:2:6: expected UTF-8, got the byte 0xE9, which is é in Latin-1",
    { "/etc/app/app.env": latin1 },
  ],
  [
    "an env file that is a folder",
    service('env_file = ["sub"]'),
    'daemon.toml:3:13: service.a.env_file[0]: expected a file, got the folder "/etc/app/sub"',
    { "/etc/app/sub/x": "" },
  ],
  [
    "a program",
    '[service.a]\nrun = ["sreve"]',
    'daemon.toml:2:7: service.a.run: expected a program that can be started, got "sreve": the test has no program of that name',
  ],
  [
    "the program of a text",
    '[service.a]\nrun = "exec ./sreve --port 1"',
    'daemon.toml:2:7: service.a.run: expected a program that can be started, got "./sreve": the test has no program of that name',
  ],
  [
    "the program of a probe",
    service('ready = { exec = ["ask"] }'),
    'daemon.toml:3:18: service.a.ready.exec: expected a program that can be started, got "ask": the test has no program of that name',
  ],
  [
    "the program of a stop",
    service('stop = { run = ["ask"] }'),
    'daemon.toml:3:16: service.a.stop.run: expected a program that can be started, got "ask": the test has no program of that name',
  ],
  ["a folder", service('cwd = "none"'), 'daemon.toml:3:7: service.a.cwd: expected a folder, got nothing at "/etc/app/none"'],
  [
    "a folder that is a file",
    service('cwd = "daemon.toml"'),
    `daemon.toml:3:7: service.a.cwd: expected a folder, got something else at "${PATH}"`,
  ],
  ["a module", '[service.a]\nmodule = "a.ts"', 'daemon.toml:2:10: service.a.module: expected a file, got nothing at "/etc/app/a.ts"'],
  [
    "a log that is a folder",
    service('log = { file = "sub" }'),
    'daemon.toml:3:16: service.a.log.file: expected a file, got the folder "/etc/app/sub"',
    { "/etc/app/sub/x": "" },
  ],
  [
    "a log below a file",
    service('log = { file = "sub/a.log" }'),
    'daemon.toml:3:16: service.a.log.file: expected a folder for it, got something else at "/etc/app/sub"',
    { "/etc/app/sub": "" },
  ],
  ...["/proc/x.log", "/proc/sys/kernel/hostname", "/sys/power/state"].map((path) =>
    [
      `a log at ${path}`,
      service(`log = { file = "${path}" }`),
      `daemon.toml:3:16: service.a.log.file: expected a file on a disk, a device or an open descriptor, got the kernel's "${path}"`,
      { [path]: "" },
    ] as [string, string, string, Record<string, string>]
  ),
  [
    "the daemon's own log",
    `[logging]\nfile = "sub"\n${service("")}`,
    'daemon.toml:2:8: logging.file: expected a file, got the folder "/etc/app/sub"',
    { "/etc/app/sub/x": "" },
  ],
  [
    "a token that is not there",
    `${service("")}[listen.http]\naddress = "127.0.0.1:9900"\nallow = ["control"]\ntoken_file = "t"\n`,
    "daemon.toml:7:14: listen.http.token_file: its token_file must be there: current value is /etc/app/t; make one: (umask 077; head -c 32 /dev/urandom | base64 > /etc/app/t)",
  ],
  [
    "a token that is none",
    `${service("")}[listen.http]\naddress = "127.0.0.1:9900"\nallow = ["control"]\ntoken_file = "t"\n`,
    "daemon.toml:7:14: listen.http.token_file: /etc/app/t must hold one token: it holds several words",
    { "/etc/app/t": "two words" },
  ],
];
for (const [what, toml, expected, files] of MISTAKES) {
  test(`checkNeeds finds ${what}`, async () => {
    const { problems, warnings } = await found(toml, files);
    assert.deepEqual([problems, warnings], [[expected], []]);
  });
}

test("checkNeeds finds users and groups that are not there, all at once and each at its key", async () => {
  const { problems } = await found(`${service('user = "nobody-here"\ngroup = "none"\ncwd = "none"')}[service.b]\nrun = ["sreve"]`);
  assert.deepEqual(problems.map((text) => text.split(": ").slice(0, 2).join(" ")), [
    "daemon.toml:3:8 service.a.user",
    "daemon.toml:4:9 service.a.group",
    "daemon.toml:5:7 service.a.cwd",
    "daemon.toml:7:7 service.b.run",
  ]);
});

test("checkNeeds finds a log to which others could lead root, by the rule of whoever opens it, and lets descriptors below /proc pass", () => {
  const host = new FakeHost({});
  host.files.whyUntrusted = () => "everybody may write to the folder /logs";
  assert.equal(
    logFileProblem("/logs/a.log", host.files),
    'expected a file to which others can\'t lead root, got "/logs/a.log": everybody may write to the folder /logs',
  );
  host.files.whyUntrusted = () => undefined;
  host.files.put("/proc/1/fd/1", "");
  assert.equal(logFileProblem("/proc/1/fd/1", host.files), undefined);
});

test("checkNeeds lets pass what is there, and what another service may make before", async () => {
  const fine = await found(service('env_file = ["app.env", "?none.env"]\nlog = { file = "logs/deep/a.log" }'), {
    "/etc/app/app.env": "A=#1",
  });
  assert.deepEqual(fine, { problems: [], warnings: [], inherited: [] });
  const built =
    `[service.build]\nrun = ["serve"]\n[service.web]\nrun = ["./web"]\nafter = ["build:exited-ok"]\n[service.c]\nrun = ["serve"]\ncwd = "out"\nafter = ["web"]\n`;
  const { problems, warnings } = await found(built);
  assert.deepEqual(problems, []);
  assert.deepEqual(warnings.map((text) => text.replace(/: expected.*;/, ";")), [
    "daemon.toml:4:7: service.web.run; it may be made by what ends before",
    "daemon.toml:8:7: service.c.cwd; it may be made by what ends before",
  ]);
});

test("checkNeeds names the variables that a shell may not hand on, from wherever they come, and only where there is a shell", async () => {
  const keys = 'env = { "a.b" = "1", C = "2" }\nenv_file = ["app.env"]\n';
  const text = `[service.a]\nrun = "serve"\n${keys}`;
  const files = { "/etc/app/app.env": "d-e=1\nF=2\n" };
  const environment = { "spring.datasource.url": "x", "BASH_FUNC_greet%%": "() { :; }", HOME: "/" };
  const end = "write run as a list";
  const { warnings, inherited } = await found(text, files, environment);
  assert.deepEqual([...warnings, ...inherited], [
    `service.a.run: sh hands on no variable of such a name: d-e, a.b; ${end}`,
    `environment: where run is a text, sh hands on no variable of such a name: spring.datasource.url, BASH_FUNC_greet%%; ${end}`,
  ]);
  const none = await found(service(keys), files, environment);
  assert.deepEqual([none.warnings, none.inherited], [[], []]);
});

/** A daemon with two services, one of which has an env file. */
async function rigOf(toml = TWO, files: Record<string, string> = { "app.env": "A=1" }): Promise<Rig> {
  const rig = new Rig();
  for (const [name, text] of Object.entries(files)) rig.host.files.put(`/etc/app/${name}`, text);
  await rig.run(toml);
  // Env files are read before a program starts, which takes turns of its own.
  await rig.until(() => rig.daemon.operations.status().state === "running" && rig.programs.length === toml.split("[service.").length - 1);
  return rig;
}
const TWO = '[service.a]\nrun = ["serve"]\nenv_file = ["app.env"]\n[service.b]\nrun = ["serve"]\n';
const variables = (rig: Rig) => rig.programs.filter(({ isAlive }) => isAlive).map(({ options }) => options.env.A);

async function answered<T>(rig: Rig, asked: Promise<T>): Promise<T> {
  let isDone = false;
  asked.then(() => isDone = true, () => isDone = true);
  await rig.until(() => {
    void rig.host.clock.advance(50);
    return isDone;
  });
  return await asked;
}
const changes = ({ changes }: ReloadAnswer) => changes.map(({ kind, name, keys, effect }) => `${kind} ${name} ${keys} ${effect}`);

test("Daemon.reload restarts the service whose env file holds something else, and only that; of what it holds nothing is told", async () => {
  const rig = await rigOf();
  rig.host.files.put("/etc/app/app.env", "A=hunter2");
  const answer = await answered(rig, rig.daemon.reload());
  assert.deepEqual(changes(answer), ["changed service.a content of /etc/app/app.env restart"]);
  assert.deepEqual([answer.units.map(({ name, outcome }) => `${name} ${outcome}`), answer.unchanged], [["a restarted"], 1]);
  assert.deepEqual(variables(rig), [undefined, "hunter2"]);
  assert.doesNotMatch(`${JSON.stringify([answer, rig.daemon.operations.events()])} ${rig.host.terminal.stderr}`, /hunter2/);
  rig.host.files.put("/etc/app/app.env", "A=hunter2");
  assert.deepEqual(changes(await answered(rig, rig.daemon.reload())), []);
  await rig.stop();
});

test("Daemon.reload compares with what a service was started with: one that has been restarted since has it already", async () => {
  const rig = await rigOf();
  rig.host.files.put("/etc/app/app.env", "A=2");
  await answered(rig, rig.daemon.operations.restart(["a"], {}));
  assert.deepEqual(variables(rig), [undefined, "2"]);
  assert.deepEqual(changes(await answered(rig, rig.daemon.reload())), []);
  assert.equal(rig.programs.length, 3);
  await rig.stop();
});

test("Daemon.reload restarts a service whose optional env file has come or gone, beside changes of its keys", async () => {
  const toml = '[service.a]\nrun = ["serve"]\nenv_file = ["?app.env"]\n';
  const rig = await rigOf(toml, {});
  rig.host.files.put("/etc/app/app.env", "A=1");
  rig.write(`${toml}essential = true\n`);
  assert.deepEqual(changes(await answered(rig, rig.daemon.reload())), ["changed service.a essential,content of /etc/app/app.env restart"]);
  assert.deepEqual(variables(rig), ["1"]);
  rig.host.files.remove("/etc/app/app.env");
  await answered(rig, rig.daemon.reload());
  assert.deepEqual(variables(rig), [undefined]);
  await rig.stop();
});

test("Daemon.reload, restart and start refuse what can't start before anything is stopped, and name it", async () => {
  const rig = await rigOf();
  for (const text of [undefined, "A='open"]) {
    if (text === undefined) rig.host.files.remove("/etc/app/app.env");
    else rig.host.files.put("/etc/app/app.env", text);
    const error = await answered(rig, rig.daemon.reload()).catch((error) => error as ConfigError);
    assert.deepEqual([(error as ConfigError).code, (error as ConfigError).issues.map(({ source, path }) => `${source} ${path}`)], [
      "CONFIG_INVALID",
      ["daemon.toml:3:13 service.a.env_file[0]"],
    ]);
    const outcomes = await answered(rig, rig.daemon.operations.restart(["a", "b"], {}));
    assert.deepEqual(outcomes.map(({ name, outcome, ok }) => `${name} ${outcome} ${ok}`).sort(), ["a refused false", "b restarted true"]);
    assert.match(outcomes.find(({ name }) => name === "a")!.reason, /app\.env/);
    assert.ok(variables(rig).includes("1"), "the healthy one runs on");
  }
  // A start of what runs has nothing to do, and so nothing to refuse.
  assert.deepEqual((await answered(rig, rig.daemon.operations.start(["a"], {}))).map(({ ok }) => ok), [true]);
  await answered(rig, rig.daemon.operations.stop(["a"], {}));
  const started: UnitOutcome[] = await answered(rig, rig.daemon.operations.start(["a"], {}));
  assert.deepEqual(started.map(({ outcome, state }) => `${outcome} ${state}`), ["refused stopped"]);
  await rig.stop();
});

test("hot_reload sees env files too, also one that comes in a folder that was not there, and reloads once for each", async () => {
  const toml = `hot_reload = true\n${TWO}[service.c]\nrun = ["serve"]\nenv_file = ["?late/c.env"]\n`;
  const rig = await rigOf(toml);
  const reloads = () => rig.daemon.operations.events().filter(({ type }) => type === "config.reload").length;
  const put = async (path: string, text: string, expected: number) => {
    rig.host.files.put(path, text);
    await rig.host.clock.advance(100);
    await rig.until(() => reloads() === expected);
  };
  await rig.host.clock.advance(6_000);
  assert.equal(reloads(), 0);
  assert.doesNotMatch(rig.host.terminal.stderr, /hot_reload does nothing/);
  await put("/etc/app/app.env", "A=2", 1);
  await rig.until(() => variables(rig).includes("2"));
  rig.host.files.put("/etc/app/late/c.env", "A=3");
  await rig.host.clock.advance(6_000);
  await rig.until(() => reloads() === 2);
  await rig.until(() => variables(rig).includes("3"));
  await rig.host.clock.advance(60_000);
  assert.equal(reloads(), 2);
  await rig.stop();
});
