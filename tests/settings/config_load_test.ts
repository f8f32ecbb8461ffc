import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "../harness.ts";
import { ConfigError, IoError } from "../../src/core/values/errors.ts";
import { Config } from "../../src/settings/config.ts";
import { loadConfig, type LoadOptions } from "../../src/settings/load_config.ts";
import { configJsonSchema } from "../../src/settings/load_sources.ts";
import { hostOf } from "./config_files.ts";

/** The sample file of the Rust crate's API page, as it stands there. */
const SEED_FILE = `name = "my-production-daemon"

[logging]
level = "info"
json = false
color = true
file = "/var/log/my-daemon.log"
max_file_size = 104857600  # 100MB
max_files = 5

[shutdown]
timeout_ms = 30000
force_timeout_ms = 45000
kill_timeout_ms = 60000

[performance]
worker_threads = 0          # Auto-detect
thread_pinning = false
memory_pool_size = 1048576  # 1MB
numa_aware = false
lock_free = true

[monitoring]
enable_metrics = true
metrics_interval_ms = 1000
track_resources = true
health_checks = true
health_check_interval_ms = 5000
`;

/** The sample environment of the same page. */
const SEED_ENVIRONMENT = {
  DAEMON_NAME: "env-daemon",
  DAEMON_LOGGING_LEVEL: "debug",
  DAEMON_SHUTDOWN_TIMEOUT_MS: "60000",
  DAEMON_PERFORMANCE_WORKER_THREADS: "16",
};

const load = (text: string, options?: LoadOptions, environment?: Record<string, string>) =>
  loadConfig(hostOf({ "/etc/app/daemon.toml": text }, environment), options);

async function refusal(promise: Promise<unknown>): Promise<ConfigError> {
  const error = await promise.then(() => assert.fail("must be refused"), (error) => error);
  if (!(error instanceof ConfigError)) throw error;
  return error;
}

test("loadConfig: the seed's sample file loads unchanged", async () => {
  const { config, warnings } = await load(SEED_FILE);
  assert.equal(config.name, "my-production-daemon");
  assert.equal(config.logging.file, "/var/log/my-daemon.log");
  const { drainDelayMs, timeoutMs, forceTimeoutMs, killTimeoutMs } = config.shutdown;
  assert.deepEqual([drainDelayMs, timeoutMs, forceTimeoutMs, killTimeoutMs], [0, 30_000, 45_000, 60_000]);
  assert.deepEqual(warnings, []);
});

test("loadConfig: the seed's sample file and sample environment together lift the weaker deadlines, with a warning", async () => {
  const { config, warnings, explain } = await load(SEED_FILE, {}, SEED_ENVIRONMENT);
  assert.deepEqual([config.name, config.logging.level, config.performance.workerThreads], ["env-daemon", "debug", 16]);
  const { timeoutMs, forceTimeoutMs, killTimeoutMs } = config.shutdown;
  assert.deepEqual([timeoutMs, forceTimeoutMs, killTimeoutMs], [60_000, 90_000, 120_000]);
  assert.deepEqual(warnings, [
    "shutdown.force_timeout_ms = 45000 of daemon.toml becomes 90000, as environment sets shutdown.timeout_ms = 60000",
    "shutdown.kill_timeout_ms = 60000 of daemon.toml becomes 120000, as environment sets shutdown.timeout_ms = 60000",
    "performance.worker_threads = 16 has no effect on services: only programs that read it use it so far",
  ]);
  const { value, source, note } = await explain("shutdown.force_timeout_ms");
  assert.deepEqual([value, source], [90_000, "daemon.toml:13:20"]);
  assert.match(note!, /moved from 45000/);
});

test("loadConfig: every mistake of a file at once, with place and hint", async () => {
  const read = (name: string) => readFileSync(new URL(`../fixtures/config/${name}`, import.meta.url), "utf8");
  const error = await refusal(load(read("mistakes.toml")));
  assert.equal(`${error.message}\n`, read("mistakes.txt"));
});

// Acceptance runner 53: a misspelt key is an error with a suggestion.
test("loadConfig: a misspelt key is an error with a suggestion", async () => {
  const { issues } = await refusal(load('[service.api]\ncommnad = ["x"]'));
  assert.deepEqual(issues.map(({ source, path, hint }) => [source, path, hint]), [[
    "daemon.toml:2:1",
    "service.api.commnad",
    "did you mean run?",
  ]]);
  for (const word of ["command", "cmd", "exec", "script"]) {
    const [issue] = (await refusal(load(`[service.api]\n${word} = "x"`))).issues;
    assert.equal(issue.hint, "use run");
  }
  const [issue] = (await refusal(load('[logging]\npid_file = "x"'))).issues;
  assert.equal(issue.hint, "move it above the first table");
});

test("loadConfig: a probe that could not be made is refused where it stands", async () => {
  const rows: [toml: string, source: string, path: string][] = [
    ['ready = "https://127.0.0.1/healthz"', "daemon.toml:3:9", "service.api.ready"],
    ['ready = { http = "https://127.0.0.1/healthz" }', "daemon.toml:3:18", "service.api.ready.http"],
    ['ready = "http://me:secret@127.0.0.1/"', "daemon.toml:3:9", "service.api.ready"],
    ['ready = { tcp = "127.0.0.1:65536" }', "daemon.toml:3:17", "service.api.ready.tcp"],
    ['ready = { log = "[" }', "daemon.toml:3:17", "service.api.ready.log"],
  ];
  for (const [ready, source, path] of rows) {
    const { issues } = await refusal(load(`[service.api]\nrun = "x"\n${ready}`));
    assert.deepEqual(issues.map((issue) => [issue.source, issue.path]), [[source, path]], ready);
  }
  const [{ message }] = (await refusal(load(`[service.api]\nrun = "x"\n${rows[0][0]}`))).issues;
  assert.equal(
    message,
    'expected an http:// URL without name and password such as "http://127.0.0.1:{port}/healthz", got "https://127.0.0.1/healthz"',
  );
});

// Acceptance runner 54: values with special characters arrive verbatim.
test("loadConfig: values with ; # % $ {{ }} and quotes stay verbatim", async () => {
  const texts = ["a;b", "# no comment", "100%", "$HOME $(id) `id`", "{{ .Name }}", 'say "hi"', "it's", "\\d+", "tab\there", "line\nbreak"];
  const env = Object.fromEntries(texts.map((text, index) => [`V${index}`, text]));
  const toml = `[service.api]\nrun = [${texts.map((text) => JSON.stringify(text)).join(", ")}, "\${HOME}"]\n[service.api.env]\n` +
    Object.entries(env).map(([name, text]) => `${name} = ${JSON.stringify(text)}`).join("\n");
  const { services } = await load(toml);
  assert.deepEqual(services[0].env, env);
  assert.deepEqual(services[0].run, [...texts, "${HOME}"]);
});

// Acceptance runner 55: an undefined variable is named; a value of several lines in an env file is fine.
test("loadConfig: a variable that is not set is an error that names it", async () => {
  const text =
    '[service.api]\nrun = "echo ${IN_SHELL}"\nenv = { URL = "${DB_URL}", HOME = "${HOME}", LEVEL = "${LEVEL:-info}" }\nport = "${PORT}"';
  const { issues } = await refusal(load(text, {}, { HOME: "/root", PORT: "80" }));
  assert.deepEqual(issues.map(({ source, path }) => `${source} ${path}`), ["daemon.toml:3:15 service.api.env.URL"]);
  assert.match(issues[0].message, /DB_URL/);
  const { services: [service] } = await load(text, {}, { HOME: "/root", PORT: "80", DB_URL: "a\nb" });
  assert.deepEqual([service.env, service.port, service.run], [{ URL: "a\nb", HOME: "/root", LEVEL: "info" }, 80, "echo ${IN_SHELL}"]);
});

// Acceptance runner 57: names that would hurt are refused, without case.
test("loadConfig: names of services are checked, and unique without case", async () => {
  for (const name of ['"a/b"', "all", "daemon", "Daemon", '""', "_x", '"a b"']) {
    const error = await refusal(load(`[service.${name}]\nrun = "x"`));
    assert.equal(error.issues.length, 1, name);
    assert.match(error.issues[0].source, /^daemon\.toml:1:\d+$/);
  }
  const { issues } = await refusal(load('[service.API]\nrun = "x"\n[service.api]\nrun = "x"'));
  assert.deepEqual(issues.map(({ source, path }) => `${source} ${path}`), ["daemon.toml:3:10 service.api"]);
});

// Acceptance runner 36: cycle, self and unknown dependency are load errors that name the path.
test("loadConfig: cycle, self and unknown dependency are errors that name the path", async () => {
  const service = (name: string, after: string) => `[service.${name}]\nrun = "x"\nafter = ["${after}"]\n`;
  const messageOf = async (text: string) =>
    (await refusal(load(text))).issues.map(({ source, path, message }) => `${source} ${path}: ${message}`);
  const [cycle, ...others] = await messageOf(service("a", "b") + service("b", "c") + service("c", "a"));
  assert.match(cycle, /^daemon\.toml:\d+:10 service\.\w\.after\[0\]: .*a → b → c → a/);
  assert.deepEqual(others, []);
  assert.match((await messageOf(service("a", "a")))[0], /^daemon\.toml:3:10 service\.a\.after\[0\]: .*a → a/);
  assert.match((await messageOf(service("web", "dbb") + '[service.db]\nrun = "x"'))[0], /"dbb".*did you mean "db"/);
});

test("loadConfig: the strongest source wins, and explain shows file, line and column", async () => {
  const host = hostOf(
    {
      "/etc/app/daemon.toml": '[logging]\nlevel = "warn"\nmax_files = 1\ncolor = false',
      "/etc/app/daemon.local.toml": '# mine\n[logging]\nlevel = "error"\nmax_files = 2',
    },
    { DAEMON_LOGGING_LEVEL: "debug" },
  );
  const base = Config.builder().logLevel("info").logMaxFiles(9).logColor(false).logFile("code.log").build();
  const { config, explain, files, path } = await loadConfig(host, { set: ["logging.level=trace"], base });
  assert.deepEqual([config.logging.level, config.logging.maxFiles, config.logging.color, config.logging.file], [
    "trace",
    2,
    false,
    "/etc/app/code.log",
  ]);
  assert.deepEqual(await explain("logging.level"), {
    key: "logging.level",
    value: "trace",
    source: "--set",
    overridden: [
      { value: "debug", source: "environment DAEMON_LOGGING_LEVEL" },
      { value: "error", source: "daemon.local.toml:3:9" },
      { value: "warn", source: "daemon.toml:2:9" },
      { value: "info", source: "default" },
    ],
  });
  assert.deepEqual(await config.explain("logging.max_files"), {
    key: "logging.max_files",
    value: 2,
    source: "daemon.local.toml:4:13",
    overridden: [{ value: 1, source: "daemon.toml:3:13" }, { value: 9, source: "Config.builder()" }, { value: 5, source: "default" }],
  });
  assert.deepEqual([files, path], [["/etc/app/daemon.toml", "/etc/app/daemon.local.toml"], "/etc/app/daemon.toml"]);
});

test("loadConfig: values of [service.*.env] are in no message, no dump and no explanation", async () => {
  const { issues, message } = await refusal(load('[service.api]\nenv = { PASSWORD = 52317 }\nrun = ""'));
  assert.doesNotMatch(JSON.stringify([issues, message]), /52317/);
  const { shown, explain } = await load('[service.api]\nrun = "x"\nenv = { PASSWORD = "hunter2" }');
  assert.doesNotMatch(JSON.stringify([shown(), await explain("service.api.env.PASSWORD")]), /hunter2/);
});

// Acceptance runner 8: relative paths count from the configuration file's folder.
test("loadConfig: paths count from the folder of the file, or from work_dir", async () => {
  const text =
    'pid_file = "run/my.pid"\nstate_dir = "/state"\n[logging]\nfile = "../log/x"\n[service.api]\nrun = "x"\ncwd = "app"\nenv_file = [".env", "?/abs/.env"]';
  const host = (head: string) => hostOf({ "/etc/app/daemon.toml": head + text }, {}, "/elsewhere/deep");
  const plain = await loadConfig(host(""), { path: "../../etc/app/daemon.toml" });
  assert.equal(plain.path, "/etc/app/daemon.toml");
  assert.deepEqual([plain.config.workDir, plain.config.pidFile, plain.config.stateDir, plain.config.logging.file], [
    undefined,
    "/etc/app/run/my.pid",
    "/state",
    "/etc/log/x",
  ]);
  assert.equal(plain.services[0].cwd, "/etc/app/app");
  assert.deepEqual(plain.services[0].envFiles, [{ path: "/etc/app/.env", optional: false }, { path: "/abs/.env", optional: true }]);
  const moved = await loadConfig(host('work_dir = "data"\n'), { path: "/etc/app/daemon.toml" });
  assert.deepEqual([moved.config.workDir, moved.config.pidFile, moved.services[0].cwd, moved.baseDir], [
    "/etc/app/data",
    "/etc/app/data/run/my.pid",
    "/etc/app/data/app",
    "/etc/app/data",
  ]);
});

test("loadConfig: a missing file is CONFIG_NOT_FOUND with its path, unless it is optional", async () => {
  const error = await refusal(loadConfig(hostOf({}), { path: "conf/x.toml" }));
  assert.equal(error.code, "CONFIG_NOT_FOUND");
  assert.match(error.message, /\/etc\/app\/conf\/x\.toml: create it/);
  const { config, path, files } = await loadConfig(hostOf({}, { DAEMON_NAME: "alone" }), { optional: true });
  assert.deepEqual([config.name, path, files], ["alone", null, []]);
});

test("loadConfig: an empty file is a daemon with the defaults", async () => {
  const { config, services } = await load("");
  assert.ok(config.equals(Config.default()));
  assert.deepEqual(services, []);
});

test("loadConfig: a JSON file of the same shape gives the same result", async () => {
  const json = JSON.stringify({ name: "x", service: { api: { run: ["a"], restart: "always" } } });
  const fromJson = await loadConfig(hostOf({ "/etc/app/daemon.json": json }));
  const fromToml = await load('name = "x"\n[service.api]\nrun = ["a"]\nrestart = "always"');
  assert.deepEqual(fromJson.services, fromToml.services);
  assert.ok(fromJson.config.equals(fromToml.config));
});

test("loadConfig: a contradiction of deadlines is an error inside one source only", async () => {
  const { issues } = await refusal(load("[shutdown]\nforce_timeout_ms = 5000\ntimeout_ms = 6000"));
  assert.deepEqual(issues.map(({ source, path }) => `${source} ${path}`), ["daemon.toml:2:20 shutdown.force_timeout_ms"]);
  const drained = await refusal(load('[shutdown]\ndrain_delay = "10s"\ntimeout = "10s"'));
  assert.equal(drained.issues[0].path, "shutdown.timeout");
  const { config, warnings } = await load("[shutdown]\ntimeout_ms = 6000", { set: ["shutdown.kill_timeout=3s"] });
  assert.deepEqual([config.shutdown.timeoutMs, config.shutdown.forceTimeoutMs, config.shutdown.killTimeoutMs], [1_500, 2_250, 3_000]);
  assert.equal(warnings.length, 1);
});

test("loadConfig: [defaults.service] lies below every service, and is no source of environment names", async () => {
  const text = '[defaults.service]\nrun = "fallback"\nenv = { A = "1", B = "2" }\nrestart = "never"\n' +
    '[service.a]\nenv = { B = "3" }\n[service.b]\nrun = "own"\n[service.b.restart]\npolicy = "always"';
  const { services: [a, b], explain, warnings } = await load(text, {}, { DAEMON_DEFAULTS_SERVICE_RUN: "x" });
  assert.deepEqual([a.run, a.env, a.restart.when], ["fallback", { A: "1", B: "3" }, "never"]);
  assert.deepEqual([b.run, b.env, b.restart.when], ["own", { A: "1", B: "2" }, "always"]);
  assert.equal((await explain("service.a.restart.policy")).source, "daemon.toml:4:11");
  assert.equal(warnings.length, 1);
});

test("loadConfig: what has not landed is CONFIG_NOT_YET, wherever it comes from", async () => {
  const tables = [
    '[job.x]\nschedule = "@daily"',
    "[workers]\nmin = 1",
    "[store]\n",
    '[listen.x]\naddress = "127.0.0.1:1"\nallow = ["submit"]',
    "[defaults.job]\n",
  ];
  const leaves = [
    "[performance]\nthread_pinning = true",
    "[performance]\nnuma_aware = true",
    "[performance]\nscheduler_hints = true",
  ]
    .concat(
      "[performance]\nnice = 5",
      "[performance]\nmemory_pool_size = 4096",
      "[performance]\nlock_free = false",
      "[monitoring]\ntrack_resources = false",
    )
    .concat('[monitoring]\nmetrics_interval = "2s"', "[monitoring]\nhealth_check_interval_ms = 1");
  const keys = ["live", "watch", "notify", "limits"].map((key) => `[service.x]\nrun = "x"\n${key} = 1`);
  for (const text of [...tables, ...leaves, ...keys]) {
    const error = await refusal(load(text));
    assert.equal(error.code, "CONFIG_NOT_YET", text);
    assert.deepEqual(error.issues.map((issue) => issue.code), ["CONFIG_NOT_YET"], text);
  }
  assert.equal((await refusal(load("", {}, { DAEMON_PERFORMANCE_NUMA_AWARE: "true" }))).code, "CONFIG_NOT_YET");
  assert.equal((await refusal(load("", { set: ["monitoring.health_checks=false"] }))).code, "CONFIG_NOT_YET");
});

test("loadConfig: the prefix of the environment can be chosen", async () => {
  const { config } = await load("", { envPrefix: "APP_" }, { APP_NAME: "mine", DAEMON_NAME: "other" });
  assert.equal(config.name, "mine");
});

test("loadConfig: a file that can't be read is a mistake of the configuration, and to be out of files is none", async () => {
  const host = hostOf({ "/etc/app/daemon.toml": "" });
  for (const [code, expected] of [["IO_DENIED", "CONFIG_UNREADABLE"], ["IO_NOT_FOUND", "CONFIG_NOT_FOUND"], ["IO_NO_RESOURCES"]] as const) {
    host.files.read = () => Promise.reject(new IoError(code, "Cannot read it"));
    await assert.rejects(loadConfig(host), { code: expected ?? code, message: /Cannot read it/ });
  }
});

test("configJsonSchema describes every key, with defaults and without what has not landed", async () => {
  const schema = JSON.parse(JSON.stringify(await configJsonSchema()));
  assert.equal(schema.additionalProperties, false);
  assert.equal(schema.properties.logging.properties.level.default, "info");
  assert.deepEqual(schema.properties.logging.properties.level.enum, ["trace", "debug", "info", "warn", "error"]);
  assert.equal(schema.properties.performance.properties.numa_aware.const, false);
  assert.equal(schema.properties.job, undefined);
  const service = schema.properties.service.additionalProperties.properties;
  assert.ok(service.run && service.ready && !service.watch);
  assert.doesNotMatch(JSON.stringify(schema), /"facts"/);
  // A shorthand is what its key is, or the whole table.
  const [policy, restart] = service.restart.anyOf;
  assert.deepEqual(policy, restart.properties.policy);
  assert.deepEqual([policy.enum, restart.type], [["never", "on-failure", "always"], "object"]);
  assert.deepEqual([service.ready.anyOf[0].type, service.stop.anyOf], ["string", undefined]);
  assert.match(service.restart.description, /^a table, or a policy/);
});

test("loadConfig: mistakes of names and edges are listed with all others, and what follows from another mistake is not", async () => {
  const text = [
    "nmae = 5",
    "[service.a]",
    'run = ["x"]',
    'after = ["b", "nobody", "bad"]',
    "[service.b]",
    'run = ["x"]',
    'after = ["a"]',
    "port = 0",
    "[service.B]",
    'run = "${NOPE}"',
    "[service]",
    "bad = 5",
    '"a b" = { run = "x" }',
    "[service.c]",
    'after = ["c", "a b"]',
  ].join("\n");
  const error = await refusal(load(text));
  assert.deepEqual(error.issues.map(({ source, path, message }) => `${source} ${path}: ${message.slice(0, 40)}`), [
    'daemon.toml:1:1 nmae: expected a known key, got "nmae"',
    "daemon.toml:4:10 service.a.after[0]: must not lead back to the unit itself: c",
    "daemon.toml:4:15 service.a.after[1]: must name a unit that exists: current va",
    "daemon.toml:8:8 service.b.port: expected a port from 1 to 65535, got 0",
    'daemon.toml:9:10 service.B: expected a name that differs from "b" by',
    "daemon.toml:12:7 service.bad: expected a table, got 5",
    'daemon.toml:13:1 service."a b": the name must be 1 to 63 letters, digits',
    "daemon.toml:14:10 service.c.run: expected run, got nothing",
    "daemon.toml:15:10 service.c.after[0]: must not lead back to the unit itself: c",
  ]);
});
