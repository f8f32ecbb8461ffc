import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { RestartPolicy } from "../../src/core/supervise/restart.ts";
import type { Tree } from "../../src/schema/tree.ts";
import { prepareTree } from "../../src/config/prepare.ts";
import { SERVICE, type ServiceTable } from "../../src/service/keys.ts";
import { serviceSpecs } from "../../src/service/service_tables.ts";

const problemsOf = (services: Record<string, ServiceTable>, defaults: ServiceTable = {}) =>
  serviceSpecs(services, defaults, "/base").problems.map(({ path, message }) => `${path.join(".")}: ${message}`);

test("serviceSpecs: only run is needed, everything else has its default", () => {
  const { specs, problems } = serviceSpecs({ api: { run: ["serve"] } }, {}, "/base");
  assert.deepEqual(problems, []);
  assert.deepEqual(specs, [{
    name: "api",
    run: ["serve"],
    module: undefined,
    cwd: "/base",
    env: {},
    envFiles: [],
    inheritEnv: undefined,
    port: undefined,
    instances: 1,
    after: [],
    ready: undefined,
    restart: RestartPolicy.OnFailure,
    stop: { signal: "SIGTERM", timeoutMs: 5_000, killMode: "all", run: undefined },
    leftover: "stop",
    essential: false,
    successExitCodes: [0],
    user: undefined,
    group: undefined,
    umask: undefined,
    nice: 0,
    rlimits: {},
    oomScoreAdj: undefined,
    log: { file: undefined, maxSizeBytes: 20_000_000, keep: 5, maxTotalBytes: undefined, format: "text", maxLineBytes: 65_536 },
  }]);
});

test("serviceSpecs: every key reaches the spec", () => {
  const table: ServiceTable = {
    run: "exec serve",
    after: ["db:started"],
    port: 3_000,
    env: { LOG: "info" },
    env_file: [".env", "?.env.local"],
    cwd: "app",
    ready: { tcp: "127.0.0.1:{port}", every: "1s", timeout: "1m" },
    restart: {
      policy: "always",
      delay: "1s",
      factor: 3,
      max_delay: "9s",
      jitter: 0,
      max_restarts: 5,
      within: "1m",
      reset_after: "2m",
      on_exhausted: "pause",
    },
    stop: { run: ["ask", "it"], signal: "SIGINT", timeout: "1s", kill_mode: "process" },
    instances: 2,
    inherit_env: ["PATH", "APP_*"],
    leftover: "adopt",
    essential: true,
    success_exit_codes: [0, 3],
    user: "www-data",
    group: 33,
    umask: "027",
    nice: -5,
    rlimits: { nofile: 64, as: { soft: "1GiB", hard: "unlimited" } },
    oom_score_adj: 500,
    log: { file: "logs/api-{instance}.log", max_size: "1MB", keep: 2, max_total: "2MB", format: "json", max_line: "1KiB" },
  };
  const { specs: [spec], problems } = serviceSpecs({ api: table, db: { run: "db" } }, {}, "/base");
  assert.deepEqual(problems, []);
  const { restart, ...others } = spec;
  assert.deepEqual(others, {
    name: "api",
    run: "exec serve",
    module: undefined,
    cwd: "/base/app",
    env: { LOG: "info" },
    envFiles: [{ path: "/base/.env", optional: false }, { path: "/base/.env.local", optional: true }],
    inheritEnv: ["PATH", "APP_*"],
    port: 3_000,
    instances: 2,
    after: ["db:started"],
    ready: { target: { kind: "tcp", address: "127.0.0.1:{port}" }, owner: "unit", everyMs: 1_000, timeoutMs: 60_000 },
    stop: { signal: "SIGINT", timeoutMs: 1_000, killMode: "process", run: ["ask", "it"] },
    leftover: "adopt",
    essential: true,
    successExitCodes: [0, 3],
    user: "www-data",
    group: 33,
    umask: 0o027,
    nice: -5,
    rlimits: { nofile: { soft: 64, hard: 64 }, as: { soft: 2 ** 30, hard: Infinity } },
    oomScoreAdj: 500,
    log: {
      file: "/base/logs/api-{instance}.log",
      maxSizeBytes: 1_000_000,
      keep: 2,
      maxTotalBytes: 2_000_000,
      format: "json",
      maxLineBytes: 1_024,
    },
  });
  const { when, delayMs, factor, maxDelayMs, jitter, maxRestarts, withinMs, resetAfterMs, onExhausted } = restart;
  assert.deepEqual(
    [when, delayMs, factor, maxDelayMs, jitter, maxRestarts, withinMs, resetAfterMs, onExhausted],
    ["always", 1_000, 3, 9_000, 0, 5, 60_000, 120_000, "pause"],
  );
});

test("serviceSpecs: defaults lie below each service, table by table", () => {
  const { specs: [a] } = serviceSpecs(
    { a: { run: "a", env: { X: "own" }, stop: { timeout: "1s" }, after: [] } },
    { env: { X: "d", Y: "d" }, stop: { signal: "SIGINT", timeout: "9s" }, after: ["zz"], instances: 3 },
    "/base",
  );
  assert.deepEqual([a.env, a.stop, a.after, a.instances], [
    { X: "own", Y: "d" },
    { signal: "SIGINT", timeoutMs: 1_000, killMode: "all", run: undefined },
    [],
    3,
  ]);
});

test("serviceSpecs: rules over several keys", () => {
  const run = "x";
  assert.deepEqual(problemsOf({ a: {} }), ["service.a.run: expected run, got nothing"]);
  assert.deepEqual(problemsOf({ a: { run, ready: { every: "1s" } } }), [
    "service.a.ready: expected exactly one of http, tcp, exec, log and alive, got none",
  ]);
  assert.deepEqual(problemsOf({ a: { run, ready: { tcp: "h:1", log: "up" } } }), [
    "service.a.ready: expected exactly one of http, tcp, exec, log and alive, got tcp and log",
  ]);
  assert.deepEqual(problemsOf({ db: { run, restart: { policy: "always" } }, a: { run, after: ["db:exited-ok"] } }), [
    'service.a.after.0: must not wait until db has completed, as it is always restarted: current value is "db:exited-ok"',
  ]);
  assert.deepEqual(problemsOf({ a: { run, ready: { alive: "2s" } } }), []);
  assert.deepEqual(problemsOf({ a: { run, ready: { alive: "30s" } } }), [
    "service.a.ready.alive: expected less than ready.timeout (30s), got 30s",
  ]);
  assert.deepEqual(problemsOf({ a: { run, instances: 2, port: 80, ready: { http: "http://localhost:80/" } } }), [
    'service.a.ready.http: expected {port} for 2 instances, got one fixed port in "http://localhost:80/"',
  ]);
  assert.deepEqual(problemsOf({ a: { run, instances: 2, port: 80, ready: { http: "http://localhost:{port}/" } } }), []);
  assert.deepEqual(problemsOf({ a: { run, instances: 2, ready: { log: "listening" } } }), []);
  assert.deepEqual(problemsOf({ a: { run, ready: { tcp: "localhost:{port}" } } }), [
    "service.a.port: expected a port for ready.tcp, which has {port}, got nothing",
  ]);
  assert.deepEqual(problemsOf({ a: { run, instances: 6, ready: { tcp: "127.0.0.1:6553{instance}" } } }), []);
  assert.deepEqual(problemsOf({ a: { run, instances: 7, ready: { tcp: "127.0.0.1:6553{instance}" } } }), [
    'service.a.ready.tcp: expected an address for each of 7 instances, got "127.0.0.1:6553{instance}"',
  ]);
  assert.deepEqual(problemsOf({ a: { run, port: 65_535, instances: 2 } }), [
    "service.a.port: expected a port of at most 65534 for 2 instances, got 65535",
  ]);
  assert.equal(problemsOf({ API: { run }, api: { run } }).length, 1);
  assert.match(problemsOf({ a: { run, after: ["b:up"] }, b: { run } })[0], /^service\.a\.after\.0: /);
});

test("SERVICE: wrong values are refused, key by key", () => {
  const rows: [unknown, string][] = [
    [{ run: "" }, "run"],
    [{ run: [] }, "run"],
    [{ run: ["a", 1] }, "run"],
    [{ port: 0 }, "port"],
    [{ port: 65_536 }, "port"],
    [{ instances: 0 }, "instances"],
    [{ env_file: [""] }, "env_file.0"],
    [{ success_exit_codes: [256] }, "success_exit_codes.0"],
    [{ user: -1 }, "user"],
    [{ user: "" }, "user"],
    [{ ready: { http: "ftp://x" } }, "ready.http"],
    [{ ready: { http: "https://127.0.0.1/" } }, "ready.http"],
    [{ ready: { http: "127.0.0.1:80" } }, "ready.http"],
    [{ ready: { tcp: "localhost" } }, "ready.tcp"],
    [{ ready: { tcp: "localhost:70000" } }, "ready.tcp"],
    [{ ready: { tcp: "a:b:80" } }, "ready.tcp"],
    [{ ready: { log: "(" } }, "ready.log"],
    [{ ready: { log: "[z-{port}]" } }, "ready.log"],
    [{ ready: { alive: "0s" } }, "ready.alive"],
    [{ ready: { alive: 2 } }, "ready.alive"],
    [{ ready: { every: "0s" } }, "ready.every"],
    [{ ready: { timeout: 5 } }, "ready.timeout"],
    [{ restart: { policy: "sometimes" } }, "restart.policy"],
    [{ restart: { jitter: 1 } }, "restart.jitter"],
    [{ restart: { factor: 0.5 } }, "restart.factor"],
    [{ restart: { within: "0s" } }, "restart.within"],
    [{ restart: { max_restarts: -1 } }, "restart.max_restarts"],
    [{ stop: { signal: "TERM" } }, "stop.signal"],
    [{ stop: { kill_mode: "none" } }, "stop.kill_mode"],
    [{ log: { max_line: "10" } }, "log.max_line"],
    [{ log: { max_line: 1 } }, "log.max_line"],
  ];
  for (const [table, path] of rows) {
    const { wrong } = prepareTree(SERVICE, table as Tree);
    assert.deepEqual(wrong.map((each) => each.join(".")), [path], JSON.stringify(table));
  }
  const right = {
    ready: { tcp: "127.0.0.1:{port}" },
    restart: { max_restarts: Infinity },
    user: 0,
    group: "x",
    log: { max_line: 4_096 },
    stop: { timeout: "0s" },
  };
  assert.deepEqual(prepareTree(SERVICE, right).wrong, []);
});

test("serviceSpecs: two units that would write the same log file are refused, with what to do", () => {
  const problemsOf = (services: Record<string, ServiceTable>, defaults: ServiceTable = {}) =>
    serviceSpecs(services, defaults, "/base").problems.map(({ path, message, hint }) => [path.join("."), message, hint]);
  assert.deepEqual(problemsOf({ a: { run: "a", log: { file: "x.log" } }, b: { run: "b", log: { file: "/base/y/../x.log" } } }), [
    ["service.b.log.file", "expected a file of its own for b, got /base/y/../x.log, which a writes", "name another one"],
  ]);
  assert.deepEqual(problemsOf({ a: { run: "a", instances: 3, log: { file: "x.log" } } }), [
    ["service.a.log.file", "expected a file of its own for a@1, got /base/x.log, which a@0 writes", "write {instance} in its name"],
  ]);
  assert.equal(problemsOf({ a: { run: "a" }, b: { run: "b" } }, { log: { file: "x.log" } }).length, 1);
  // Rotation gives its older files numbers.
  for (const [file, other] of [["x.log", "x.log.1"], ["x.log.12", "x.log"]]) {
    assert.deepEqual(problemsOf({ a: { run: "a", log: { file } }, b: { run: "b", log: { file: other } } }), [
      ["service.b.log.file", `expected a file of its own for b, got /base/${other}, which a writes`, "name another one"],
    ]);
  }
  assert.deepEqual(problemsOf({ a: { run: "a", instances: 3, log: { file: "x.log.{instance}" } } }), []);
  for (const file of ["x-{instance}.log", "x-{port}.log"]) {
    assert.deepEqual(problemsOf({ a: { run: "a", port: 3_000, instances: 3, log: { file } } }), []);
  }
  assert.deepEqual(
    serviceSpecs({ a: { run: "a", log: { file: "x.log" } } }, {}, "/base", { "/base/x.log": "the daemon itself" }).problems.map((each) =>
      each.hint
    ),
    ["name another one"],
  );
  assert.deepEqual(problemsOf({ a: { run: "a", log: { file: "{port}.log" } } }).map(([path]) => path), ["service.a.port"]);
});

test("serviceSpecs: log.max_total is at least log.max_size, also where that is the default", () => {
  for (const log of [{ max_total: "19MB" }, { max_size: "1MB", max_total: 999_999 }]) {
    const { problems: [{ path, message }] } = serviceSpecs({ a: { run: "a", log } }, {}, "/base");
    assert.deepEqual([path.join("."), /^expected at least log.max_size/.test(message)], ["service.a.log.max_total", true]);
  }
});
