import assert from "node:assert/strict";
import { type ConfigError, IoError } from "../../src/core/values/errors.ts";
import type { ReloadAnswer, UnitOutcome } from "../../src/core/supervise/operations.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import { checkNeeds } from "../../src/settings/needs.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { formatIssue } from "../../src/core/values/errors.ts";
import { logFileLack } from "../../src/service/mod.ts";
import { test } from "../harness.ts";
import { Rig } from "../daemon/rig.ts";

const PATH = "/etc/app/daemon.toml";

/** A machine that has the program `serve` and these files. */
function machine(files: Record<string, string | Uint8Array> = {}, environment: Record<string, string> = {}): FakeHost {
  const host = new FakeHost({ env: environment });
  host.processes.program("serve", () => {});
  host.http.lackAddress("10.9.9.9");
  host.http.lackAddress("2001:db8::1");
  for (const [path, content] of Object.entries(files)) host.files.put(path, content);
  return host;
}

/** Problems of a configuration on that machine. */
async function foundOn(host: FakeHost, toml: string) {
  host.files.put(PATH, toml);
  const loaded = await loadConfig({ files: host.files, env: host.env, cwd: "/etc/app" });
  const { problems, warnings, inherited } = await checkNeeds(loaded, host);
  return { problems: (await loaded.issuesOf(problems)).map(formatIssue), warnings, inherited };
}

function found(toml: string, files: Record<string, string | Uint8Array> = {}, environment: Record<string, string> = {}) {
  return foundOn(machine(files, environment), toml);
}

const service = (keys: string) => `[service.a]\nrun = ["serve"]\n${keys}\n`;
const listener = (keys: string) => `[service.a]\nrun = ["serve"]\n[listen.http]\n${keys}\n`;
const latin1 = Uint8Array.from("A=1\nB=caf\xe9\n", (char) => char.charCodeAt(0));

interface Mistake {
  what: string;
  toml: string;
  /** Place, key and message; behind it, the hint. */
  finding: string;
  hint: string;
  files?: Record<string, string | Uint8Array>;
  others?: Record<string, "socket" | "pipe" | "device" | "null" | "other">;
  /** Does what the hint says: to the machine, or by another value in place of the one that was found. */
  follow: string | ((host: FakeHost) => void);
}

/** Permissions of a fake file. */
const chmod = (path: string, mode: number) => (host: FakeHost) => {
  const { info, isWritable } = host.files;
  host.files.info = (at) => at === path ? { ...info.call(host.files, at)!, mode } : info.call(host.files, at);
  host.files.isWritable = (at) => at === path ? (mode & 0o200) !== 0 : isWritable.call(host.files, at);
};

const MISTAKES: Mistake[] = [
  {
    what: "an env file that is missing",
    toml: service('env_file = ["?none", "app.env"]'),
    finding: '3:22: service.a.env_file[1]: expected a file, got nothing at "/etc/app/app.env"',
    hint: 'write "?" before its path if it may be missing',
    follow: '"?app.env"',
  },
  {
    what: "an env file of the defaults",
    toml: `[defaults.service]\nenv_file = ["app.env"]\n${service("")}[service.b]\nrun = ["serve"]`,
    finding: '2:13: defaults.service.env_file[0]: expected a file, got nothing at "/etc/app/app.env"',
    hint: 'write "?" before its path if it may be missing',
    follow: '"?app.env"',
  },
  {
    what: "an env file with a mistake",
    toml: service('env_file = ["app.env"]'),
    finding:
      "3:13: service.a.env_file[0]: expected variables, got a mistake at /etc/app/app.env:2:1: Cannot read the line as it must be NAME=value, a comment or blank",
    hint: "mend that line",
    files: { "/etc/app/app.env": "A=1\nhunter2" },
    follow: (host) => host.files.put("/etc/app/app.env", "A=1\nB=hunter2"),
  },
  {
    what: "an env file in Latin-1",
    toml: service('env_file = ["app.env"]'),
    finding:
      "3:13: service.a.env_file[0]: expected variables, got a mistake at /etc/app/app.env:2:6: expected UTF-8, got the byte 0xE9, which is é in Latin-1",
    hint: "save the file as UTF-8",
    files: { "/etc/app/app.env": latin1 },
    follow: (host) => host.files.put("/etc/app/app.env", "A=1\nB=café\n"),
  },
  {
    what: "an env file that is a folder",
    toml: service('env_file = ["sub"]'),
    finding: '3:13: service.a.env_file[0]: expected a file, got the folder "/etc/app/sub"',
    hint: "name a file",
    files: { "/etc/app/sub/x": "" },
    follow: '"sub/x"',
  },
  ...["/dev/zero", "/dev/tty"].map((path): Mistake => ({
    what: `an env file that is ${path}`,
    toml: service(`env_file = ["?${path}"]`),
    finding: `3:13: service.a.env_file[0]: expected a file or a pipe, got the device "${path}"`,
    hint: "name a file",
    files: { "/etc/app/app.env": "" },
    others: { [path]: "device" },
    follow: '"?app.env"',
  })),
  {
    what: "an env file that is a socket",
    toml: service('env_file = ["sock"]'),
    finding: '3:13: service.a.env_file[0]: expected a file or a pipe, got the socket "/etc/app/sock"',
    hint: "name a file",
    files: { "/etc/app/app.env": "" },
    others: { "/etc/app/sock": "socket" },
    follow: '"app.env"',
  },
  {
    what: "a program",
    toml: '[service.a]\nrun = ["sreve"]',
    finding: '2:7: service.a.run: expected a program that can be started, got "sreve": the test has no program of that name',
    hint: "install the program, or write its whole path",
    follow: (host) => host.processes.program("sreve", () => {}),
  },
  {
    what: "the program of a text",
    toml: '[service.a]\nrun = "exec ./sreve --port 1"',
    finding: '2:7: service.a.run: expected a program that can be started, got "./sreve": the test has no program of that name',
    hint: "install the program, or write its whole path",
    follow: (host) => host.processes.program("./sreve", () => {}),
  },
  {
    what: "the program of a probe",
    toml: service('ready = { exec = ["ask"] }'),
    finding: '3:18: service.a.ready.exec: expected a program that can be started, got "ask": the test has no program of that name',
    hint: "install the program, or write its whole path",
    follow: (host) => host.processes.program("ask", () => {}),
  },
  {
    what: "the program of a stop",
    toml: service('stop = { run = ["ask"] }'),
    finding: '3:16: service.a.stop.run: expected a program that can be started, got "ask": the test has no program of that name',
    hint: "install the program, or write its whole path",
    follow: (host) => host.processes.program("ask", () => {}),
  },
  {
    what: "a folder",
    toml: service('cwd = "no ne"'),
    finding: '3:7: service.a.cwd: expected a folder, got nothing at "/etc/app/no ne"',
    hint: "make it: mkdir -p '/etc/app/no ne'",
    follow: (host) => host.files.makeDir("/etc/app/no ne"),
  },
  {
    what: "a folder that is a file",
    toml: service('cwd = "daemon.toml"'),
    finding: `3:7: service.a.cwd: expected a folder, got something else at "${PATH}"`,
    hint: "name a folder",
    follow: '"."',
  },
  {
    what: "a module",
    toml: '[service.a]\nmodule = "a.ts"',
    finding: '2:10: service.a.module: expected a file, got nothing at "/etc/app/a.ts"',
    hint: "make it, or name another file",
    follow: (host) => host.files.put("/etc/app/a.ts", ""),
  },
  {
    what: "a log that is a folder",
    toml: service('log = { file = "sub" }'),
    finding: '3:16: service.a.log.file: expected a file, got the folder "/etc/app/sub"',
    hint: "name a file",
    files: { "/etc/app/sub/x": "" },
    follow: '"sub/a.log"',
  },
  {
    what: "a log below a file",
    toml: service('log = { file = "sub/a.log" }'),
    finding: '3:16: service.a.log.file: expected a folder for it, got something else at "/etc/app/sub"',
    hint: "name a path below a folder",
    files: { "/etc/app/sub": "" },
    follow: '"logs/a.log"',
  },
  ...["/proc/x.log", "/proc/sys/kernel/hostname", "/sys/power/state"].map((path): Mistake => ({
    what: `a log at ${path}`,
    toml: service(`log = { file = "${path}" }`),
    finding: `3:16: service.a.log.file: expected a file on a disk, a device or an open descriptor, got the kernel's "${path}"`,
    hint: "name a file on a disk",
    files: { [path]: "" },
    follow: '"a.log"',
  })),
  {
    what: "the daemon's own log",
    toml: `[logging]\nfile = "sub"\n${service("")}`,
    finding: '2:8: logging.file: expected a file, got the folder "/etc/app/sub"',
    hint: "name a file",
    files: { "/etc/app/sub/x": "" },
    follow: '"sub/own.log"',
  },
  {
    what: "a working folder, once for all that start in it",
    toml: `work_dir = "none"\n${service("")}[service.b]\nrun = ["serve"]\n`,
    finding: '1:12: work_dir: expected a folder, got nothing at "/etc/app/none"',
    hint: "make it: mkdir -p /etc/app/none",
    follow: (host) => host.files.makeDir("/etc/app/none"),
  },
  {
    what: "a working folder that is a file",
    toml: `work_dir = "daemon.toml"\n${service("")}`,
    finding: `1:12: work_dir: expected a folder, got something else at "${PATH}"`,
    hint: "name a folder",
    follow: '"."',
  },
  {
    what: "a state folder that is a file",
    toml: `state_dir = "state"\n${service("")}`,
    finding: '1:13: state_dir: expected a folder for it, got something else at "/etc/app/state"',
    hint: "name a path below a folder",
    files: { "/etc/app/state": "" },
    follow: '"other/state"',
  },
  {
    what: "a state folder that can't be written",
    toml: `state_dir = "ro/deep/state"\n${service("")}`,
    finding: '1:13: state_dir: expected a folder that may be written, got "/etc/app/ro"',
    hint: "let the user of the daemon write to it, or name another path",
    files: { "/etc/app/ro/x": "" },
    others: {},
    follow: chmod("/etc/app/ro", 0o755),
  },
  {
    what: "a state folder to which others may write",
    toml: `state_dir = "open"\n${service("")}`,
    finding:
      "1:13: state_dir: expected a folder of one's own, got \"/etc/app/open\": it must be a folder of one's own: others may write to it (mode 777)",
    hint: "name a folder of this user that others can't write to",
    files: { "/etc/app/open/x": "" },
    follow: '"own"',
  },
  {
    what: "a PID file that holds something else",
    toml: `pid_file = "app.pid"\n${service("")}`,
    finding: '1:12: pid_file: expected nothing or a file with a process number, got something else at "/etc/app/app.pid"',
    hint: "name another file",
    files: { "/etc/app/app.pid": "precious" },
    follow: '"run/app.pid"',
  },
  {
    what: "a PID file that is a folder",
    toml: `pid_file = "sub"\n${service("")}`,
    finding: '1:12: pid_file: expected nothing or a file with a process number, got something else at "/etc/app/sub"',
    hint: "name another file",
    files: { "/etc/app/sub/x": "" },
    follow: '"sub/app.pid"',
  },
  {
    what: "a PID file below a file",
    toml: `pid_file = "sub/app.pid"\n${service("")}`,
    finding: '1:12: pid_file: expected a folder for it, got something else at "/etc/app/sub"',
    hint: "name a path below a folder",
    files: { "/etc/app/sub": "" },
    follow: '"app.pid"',
  },
  {
    what: "a socket in whose place is a file",
    toml: listener('address = "unix:http.sock"'),
    finding: '4:11: listen.http.address: expected nothing or a socket, got a file at "/etc/app/http.sock"',
    hint: "remove it, or name another path",
    files: { "/etc/app/http.sock": "precious" },
    follow: (host) => host.files.remove("/etc/app/http.sock"),
  },
  {
    what: "a socket in whose place is a folder",
    toml: listener('address = "unix:sub"'),
    finding: '4:11: listen.http.address: expected nothing or a socket, got a folder at "/etc/app/sub"',
    hint: "remove it, or name another path",
    files: { "/etc/app/sub/x": "" },
    follow: '"unix:sub/http.sock"',
  },
  {
    what: "a socket below a file",
    toml: listener('address = "unix:sub/http.sock"'),
    finding: '4:11: listen.http.address: expected a folder for it, got something else at "/etc/app/sub"',
    hint: "name a path below a folder",
    files: { "/etc/app/sub": "" },
    follow: '"unix:run/http.sock"',
  },
  {
    what: "a socket in a folder that can't be written",
    toml: listener('address = "unix:ro/http.sock"'),
    finding: '4:11: listen.http.address: expected a folder that may be written, got "/etc/app/ro"',
    hint: "let the user of the daemon write to it, or name another path",
    files: { "/etc/app/ro/x": "" },
    follow: chmod("/etc/app/ro", 0o755),
  },
  {
    what: "the group of a socket",
    toml: listener('address = "unix:http.sock"\ngroup = "web"'),
    finding: "5:9: listen.http.group: expected a group of this machine: Cannot find the group as the test has none: current value is web",
    hint: "name a group of this machine",
    follow: (host) => host.processes.addUser({ uid: 33, gid: 33, name: "web", home: "/" }),
  },
  ...[["10.9.9.9:9900", "127.0.0.1:9900"], ["[2001:db8::1]:9900", "[::1]:9900"]].map(([address, own]): Mistake => ({
    what: `the address ${address}, which this machine does not have`,
    toml: listener(`address = "${address}"`),
    finding: `4:11: listen.http.address: expected an address to listen on, got "${address}": this machine has no such address`,
    hint: `write address = "${own}", or another address of this machine`,
    follow: `"${own}"`,
  })),
  {
    what: "a token that is not there",
    toml: listener('address = "127.0.0.1:9900"\nallow = ["control"]\ntoken_file = "t"'),
    finding: "6:14: listen.http.token_file: its token_file must be there: current value is /etc/app/t",
    hint: "make one: (umask 077; head -c 32 /dev/urandom | base64 > /etc/app/t)",
    follow: (host) => host.files.put("/etc/app/t", "dG9rZW4K"),
  },
  {
    what: "a token that is none",
    toml: listener('address = "127.0.0.1:9900"\nallow = ["control"]\ntoken_file = "t"'),
    finding: "6:14: listen.http.token_file: /etc/app/t must hold one token: it holds several words",
    hint: "write one word without blanks into it",
    files: { "/etc/app/t": "two words" },
    follow: (host) => host.files.put("/etc/app/t", "two-words"),
  },
  {
    what: "a token that is a device",
    toml: listener('address = "127.0.0.1:9900"\nallow = ["control"]\ntoken_file = "/dev/zero"'),
    finding: "6:14: listen.http.token_file: /dev/zero must hold one token: it is a device",
    hint: "name a file",
    files: { "/etc/app/t": "token" },
    others: { "/dev/zero": "device" },
    follow: '"t"',
  },
];
for (const { what, toml, finding, hint, files, others = {}, follow } of MISTAKES) {
  test(`checkNeeds finds ${what}, and nothing once its hint was followed`, async () => {
    const host = machine(files);
    for (const [path, kind] of Object.entries(others)) host.files.putOther(path, kind);
    if (files?.["/etc/app/ro/x"] !== undefined) chmod("/etc/app/ro", 0o555)(host);
    if (files?.["/etc/app/open/x"] !== undefined) chmod("/etc/app/open", 0o777)(host);
    assert.deepEqual(await foundOn(host, toml), { problems: [`daemon.toml:${finding}; ${hint}`], warnings: [], inherited: [] });
    if (typeof follow === "function") follow(host);
    const [line, column] = finding.split(":").map(Number);
    const lines = toml.split("\n");
    if (typeof follow === "string") {
      lines[line - 1] = lines[line - 1].slice(0, column - 1) + lines[line - 1].slice(column - 1).replace(/"(?:[^"])*"/, follow);
    }
    assert.deepEqual(await foundOn(host, lines.join("\n")), { problems: [], warnings: [], inherited: [] });
  });
}

test("checkNeeds lets pass what the daemon makes itself, and what is its own", async () => {
  const host = machine();
  host.files.put("/etc/app/app.pid", "77\n");
  host.files.putOther("/etc/app/run/http.sock", "socket");
  host.files.putOther("/dev/null", "null");
  host.files.putOther("/etc/app/fifo", "pipe");
  const toml = `state_dir = "deep/state"\npid_file = "app.pid"\n${service('env_file = ["/dev/null", "fifo"]')}` +
    '[listen.http]\naddress = "unix:run/http.sock"\n[listen.tcp]\naddress = "127.0.0.1:0"\nallow = ["control"]\ntoken_file = "fifo"\n';
  assert.deepEqual((await foundOn(host, toml)).problems, []);
  assert.equal(host.files.info("/etc/app/deep"), undefined, "nothing is made");
});

test("checkNeeds finds the PID file of another living process, and lets that of this very daemon pass", async () => {
  const host = machine();
  const { identity } = await host.processes.spawn({ argv: ["serve"], cwd: "/", env: {} });
  host.files.put("/etc/app/app.pid", `${identity.pid}\n`);
  const toml = `pid_file = "app.pid"\n${service("")}`;
  assert.deepEqual((await foundOn(host, toml)).problems, [
    `daemon.toml:1:12: pid_file: expected a file whose process has ended, got "/etc/app/app.pid" of process ${identity.pid}; stop that process, or name another file`,
  ]);
  const record = { ...identity, version: "1", protocol: 1, id: "daemon-1", origin: PATH, socket: "/run/x/admin.sock" };
  using _held = host.processes.holdLock({ identity, path: "/run/x/lock", inode: 1, text: JSON.stringify(record) });
  assert.deepEqual((await foundOn(host, toml)).problems, []);
});

test("checkNeeds tells of a path that can't even be looked at, by its key", async () => {
  const host = machine();
  const { info } = host.files;
  host.files.info = (path) => {
    if (path.startsWith("/etc/app/loop")) throw new IoError("IO_FAILED", `Cannot look at ${path} as links there lead in a circle`);
    return info.call(host.files, path);
  };
  const toml = `state_dir = "loop"\npid_file = "loop"\n${service('cwd = "loop"\nenv_file = ["?loop"]\nlog = { file = "loop/a" }')}` +
    '[listen.http]\naddress = "unix:loop/s"\n';
  const { problems } = await foundOn(host, toml);
  assert.deepEqual(problems.map((text) => text.split(": ").slice(0, 3).join(" ")), [
    "daemon.toml:1:13 state_dir expected a path that can be looked at",
    "daemon.toml:2:12 pid_file expected a path that can be looked at",
    "daemon.toml:5:7 service.a.cwd expected a path that can be looked at",
    "daemon.toml:6:13 service.a.env_file[0] expected a path that can be looked at",
    "daemon.toml:7:16 service.a.log.file expected a path that can be looked at",
    "daemon.toml:9:11 listen.http.address expected a path that can be looked at",
  ]);
});

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
    logFileLack("/logs/a.log", host.files)?.message,
    'expected a file to which others can\'t lead root, got "/logs/a.log": everybody may write to the folder /logs',
  );
  host.files.whyUntrusted = () => undefined;
  host.files.put("/proc/1/fd/1", "");
  assert.equal(logFileLack("/proc/1/fd/1", host.files), undefined);
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
    // A small step: digests are made on another thread, and what waits for them is not to be given up meanwhile.
    void rig.host.clock.advance(1);
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
