import assert from "node:assert/strict";
import { inspect } from "node:util";
import fc from "../property.ts";
import { test } from "../harness.ts";
import { ConfigError } from "../../src/core/values/errors.ts";
import { environmentNames } from "../../src/config/environment.ts";
import { fixedLeaves, type LeafNode } from "../../src/schema/node.ts";
import { formatPath, setAt, type Tree } from "../../src/schema/tree.ts";
import { Config, type ConfigBuilder } from "../../src/settings/config.ts";
import { DEADLINE_KEYS, settleDeadlines, type ShutdownDeadlines } from "../../src/settings/shutdown_deadlines.ts";
import { type LeafPath, LEAVES } from "../../src/settings/leaves.ts";

import { DAEMON_PLACES } from "../../src/settings/keys.ts";

/** For each leaf: its setter, what is right beside the default, and what is wrong. */
const ROWS: Record<LeafPath, { set: (builder: ConfigBuilder, value: never) => ConfigBuilder; right: unknown[]; wrong: unknown[] }> = {
  "name": { set: (b, x) => b.name(x), right: ["a", "A-1_b", "x".repeat(63)], wrong: ["", "-a", "a b", "a/b", "é", "x".repeat(64), 5] },
  "work_dir": { set: (b, x) => b.workDir(x), right: ["data", "/abs"], wrong: ["", 5] },
  "pid_file": { set: (b, x) => b.pidFile(x), right: ["x.pid"], wrong: ["", true] },
  "state_dir": { set: (b, x) => b.stateDir(x), right: ["/state"], wrong: ["", 1] },
  "hot_reload": { set: (b, x) => b.hotReload(x), right: [false, true], wrong: ["false"] },
  "logging.level": { set: (b, x) => b.logLevel(x), right: ["trace", "error"], wrong: ["verbose", "", 1] },
  "logging.json": { set: (b, x) => b.jsonLogging(x), right: [true], wrong: ["true", 1] },
  "logging.color": { set: (b, x) => b.logColor(x), right: [false], wrong: ["no"] },
  "logging.file": { set: (b, x) => b.logFile(x), right: ["x.log"], wrong: ["", false] },
  "logging.max_file_size": { set: (b, x) => b.logMaxFileSize(x), right: [1, "20MB", "64KiB"], wrong: [0, -1, 1.5, "20", "20 bytes"] },
  "logging.max_files": { set: (b, x) => b.logMaxFiles(x), right: [0, 9], wrong: [-1, 1.5, "5"] },
  "shutdown.drain_delay_ms": { set: (b, x) => b.drainDelay(x), right: [0, 100], wrong: [-1, "100", true] },
  "shutdown.timeout_ms": { set: (b, x) => b.shutdownTimeout(x), right: [1_000], wrong: [0, -1, 1.5, "10"] },
  "shutdown.force_timeout_ms": { set: (b, x) => b.forceTimeout(x), right: [10_000], wrong: [0, Infinity, "x"] },
  "shutdown.kill_timeout_ms": { set: (b, x) => b.killTimeout(x), right: [20_000], wrong: [0, NaN, "x"] },
  "shutdown.exit_code": { set: (b, x) => b.exitCode(x), right: ["zero", "signal"], wrong: ["one", 0] },
  "performance.worker_threads": { set: (b, x) => b.workerThreads(x), right: [0, 1, 1_024], wrong: [-1, 1.5, 1_025, "4"] },
  "performance.thread_pinning": { set: (b, x) => b.threadPinning(x), right: [false], wrong: [0] },
  "performance.memory_pool_size": { set: (b, x) => b.memoryPoolSize(x), right: [1_048_576], wrong: [0, "1MB"] },
  "performance.numa_aware": { set: (b, x) => b.numaAware(x), right: [false], wrong: [0] },
  "performance.lock_free": { set: (b, x) => b.lockFree(x), right: [true], wrong: [1] },
  "performance.scheduler_hints": { set: (b, x) => b.schedulerHints(x), right: [false], wrong: [0] },
  "performance.nice": { set: (b, x) => b.nice(x), right: [0], wrong: [20, -21, 0.5] },
  "monitoring.enable_metrics": { set: (b, x) => b.enableMetrics(x), right: [true, false], wrong: [1] },
  "monitoring.metrics_interval_ms": { set: (b, x) => b.metricsInterval(x), right: [1_000], wrong: [0, "1"] },
  "monitoring.track_resources": { set: (b, x) => b.trackResources(x), right: [true], wrong: ["x"] },
  "monitoring.health_checks": { set: (b, x) => b.healthChecks(x), right: [true], wrong: ["x"] },
  "monitoring.health_check_interval_ms": { set: (b, x) => b.healthCheckInterval(x), right: [5_000], wrong: [0] },
  "bus.capacity": { set: (b, x) => b.busCapacity(x), right: [2, 1_024, 1_048_576], wrong: [0, 1, 3, 2_097_152, "4096", 1.5] },
};

const OTHER_VALUES: Partial<Record<LeafPath, unknown>> = {
  "performance.thread_pinning": true,
  "performance.memory_pool_size": 4_096,
  "performance.numa_aware": true,
  "performance.lock_free": false,
  "performance.scheduler_hints": true,
  "performance.nice": 5,
  "monitoring.metrics_interval_ms": 2_000,
  "monitoring.track_resources": false,
  "monitoring.health_checks": false,
  "monitoring.health_check_interval_ms": 1,
};

const parseLeaf = (path: string, value: unknown): Promise<Config> => {
  const tree: Tree = {};
  setAt(tree, path.split("."), value);
  return Config.parse(JSON.stringify(tree, (_key, each) => typeof each === "number" && !Number.isFinite(each) ? null : each), {
    source: "leaf.json",
  });
};

const buildLeaf = (path: LeafPath, value: unknown): Config => ROWS[path].set(Config.builder(), value as never).build();

function refusal(build: () => unknown): ConfigError {
  try {
    build();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  assert.fail("must be refused");
}

test("LEAVES: the builder's settings are exactly the fixed keys of the file", () => {
  const leaves = fixedLeaves(DAEMON_PLACES).filter(({ leaf }) => leaf.facts.unitFormOf === undefined);
  assert.deepEqual(leaves.map(({ path }) => formatPath(path)).sort(), Object.keys(LEAVES).sort());
  for (const { path, leaf } of leaves) assert.equal(leaf, LEAVES[formatPath(path) as LeafPath]);
});

test("Config: each right value of each key is taken by the builder and by the file, with the same result", async () => {
  for (const [path, { right }] of Object.entries(ROWS) as [LeafPath, typeof ROWS[LeafPath]][]) {
    for (const value of right) {
      const built = buildLeaf(path, value);
      const parsed = await parseLeaf(path, value);
      assert.deepEqual(built.toJSON(), parsed.toJSON(), `${path} = ${value}`);
    }
  }
});

test("Config: each wrong value of each key is refused by the builder and by the file, with the same path", async () => {
  for (const [path, { wrong }] of Object.entries(ROWS) as [LeafPath, typeof ROWS[LeafPath]][]) {
    for (const value of wrong) {
      const error = refusal(() => buildLeaf(path, value));
      assert.deepEqual(error.issues.map((issue) => issue.path), [path], `${path} = ${value}`);
      const parsed: unknown = await parseLeaf(path, value).catch((error) => error);
      assert.ok(parsed instanceof ConfigError, `${path} = ${value} in a file`);
      assert.deepEqual(parsed.issues.map((issue) => issue.path), [path]);
    }
  }
});

test("Config: what has not landed is refused by the builder too", () => {
  for (const [path, leaf] of Object.entries(LEAVES) as [LeafPath, LeafNode][]) {
    assert.equal(path in OTHER_VALUES, leaf.facts.notYet ?? false, path);
    if (!leaf.facts.notYet) continue;
    const error = refusal(() => buildLeaf(path, OTHER_VALUES[path]));
    assert.deepEqual([error.code, error.issues[0].path], ["CONFIG_NOT_YET", path]);
  }
});

test("ConfigBuilder.build reports every mistake at once", () => {
  const builder = Config.builder().name("a b").workerThreads(-1).shutdownTimeout("10s").forceTimeout(5_000).logLevel(
    "loud" as never,
  );
  const error = refusal(() => builder.build());
  assert.equal(error.code, "CONFIG_INVALID");
  assert.deepEqual(error.issues.map((issue) => issue.path).sort(), [
    "logging.level",
    "name",
    "performance.worker_threads",
    "shutdown.force_timeout_ms",
  ]);
});

test("ConfigBuilder.build refuses deadlines out of order", () => {
  const wrong: ((builder: ConfigBuilder) => ConfigBuilder)[] = [
    (b) => b.shutdownTimeout(5_000).forceTimeout(5_000),
    (b) => b.shutdownTimeout(5_000).forceTimeout(4_000),
    (b) => b.shutdownTimeout("2s").forceTimeout("1s"),
    (b) => b.forceTimeout(5_000).killTimeout(5_000),
    (b) => b.shutdownTimeout(5_000).killTimeout(4_000),
    (b) => b.shutdownTimeout(5_000).drainDelay(5_000),
  ];
  for (const set of wrong) assert.throws(() => set(Config.builder()).build(), ConfigError);
});

test("ConfigBuilder.build: deadlines that are not set follow from those that are", () => {
  const rows: [(builder: ConfigBuilder) => ConfigBuilder, number[]][] = [
    [(b) => b, [0, 5_000, 10_000, 15_000]],
    [(b) => b.shutdownTimeout("30s"), [0, 30_000, 45_000, 60_000]],
    [(b) => b.shutdownTimeout(30_000), [0, 30_000, 45_000, 60_000]],
    [(b) => b.forceTimeout("45s"), [0, 30_000, 45_000, 60_000]],
    [(b) => b.killTimeout("60s"), [0, 30_000, 45_000, 60_000]],
    [(b) => b.shutdownTimeout(2_000).forceTimeout(5_000), [0, 2_000, 5_000, 6_667]],
    [(b) => b.shutdownTimeout("2s").forceTimeout("5s"), [0, 2_000, 5_000, 6_667]],
    [(b) => b.shutdownTimeout(30_000).killTimeout(40_000), [0, 30_000, 35_000, 40_000]],
    [(b) => b.drainDelay("10s"), [10_000, 15_000, 22_500, 30_000]],
    [(b) => b.shutdownTimeout(1), [0, 1, 2, 3]],
  ];
  for (const [set, expected] of rows) {
    const { drainDelayMs, timeoutMs, forceTimeoutMs, killTimeoutMs } = set(Config.builder()).build().shutdown;
    assert.deepEqual([drainDelayMs, timeoutMs, forceTimeoutMs, killTimeoutMs], expected);
  }
});

test("settleDeadlines: whatever the sources say, the result is in order, keeps the strongest keys, and a source alone is kept whole", () => {
  const ms = fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined });
  const source = fc.record(Object.fromEntries(DEADLINE_KEYS.map((key) => [key, ms]))).map((all) =>
    Object.fromEntries(
      Object.entries(all).filter(([key, value]) => value !== undefined && (value > 0 || key === "drain_delay_ms")),
    ) as ShutdownDeadlines
  );
  fc.assert(fc.property(fc.array(source, { maxLength: 3 }), (sources) => {
    const { deadlines, contradictions } = settleDeadlines(sources);
    if (contradictions.length > 0) return;
    const [drain, timeout, force, kill] = DEADLINE_KEYS.map((key) => deadlines[key]);
    assert.ok((drain === 0 || drain < timeout) && timeout < force && force < kill, JSON.stringify(deadlines));
    const strongest = sources.find((each) => Object.keys(each).length > 0) ?? {};
    for (const [key, value] of Object.entries(strongest)) assert.equal(deadlines[key as keyof ShutdownDeadlines], value);
  }));
});

test("environmentNames: no two keys of the daemon share a name", () => {
  const names = environmentNames(DAEMON_PLACES).map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (
    const name of [
      "DAEMON_NAME",
      "DAEMON_LOGGING_LEVEL",
      "DAEMON_SHUTDOWN_TIMEOUT_MS",
      "DAEMON_SHUTDOWN_TIMEOUT",
      "DAEMON_PERFORMANCE_WORKER_THREADS",
    ]
  ) {
    assert.ok(names.includes(name), name);
  }
  assert.ok(!names.some((name) => name.startsWith("DAEMON_SERVICE") || name.startsWith("DAEMON_DEFAULTS")));
});

test("parse: every key in milliseconds has a unit form", async () => {
  const config = await Config.parse(
    '[shutdown]\ndrain_delay = "1s"\ntimeout = "1m"\nforce_timeout = "1m30s"\nkill_timeout = "0.1h"\n[monitoring]\nmetrics_interval = "1s"',
  );
  const { drainDelayMs, timeoutMs, forceTimeoutMs, killTimeoutMs } = config.shutdown;
  assert.deepEqual([drainDelayMs, timeoutMs, forceTimeoutMs, killTimeoutMs], [1_000, 60_000, 90_000, 360_000]);
});

test("Config is immutable: no leaf and no section can be assigned", () => {
  const config = Config.builder().name("x").logLevel("debug").build();
  const before = JSON.stringify(config);
  for (const target of [config, config.logging, config.shutdown, config.performance, config.monitoring, config.bus]) {
    const getters = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(target))).filter(([, { get }]) =>
      get !== undefined
    );
    assert.ok(getters.length > 0);
    for (const [key] of getters) assert.throws(() => Object.assign(target, { [key]: "changed" }), TypeError, key);
    assert.deepEqual(Object.keys(target), []);
  }
  assert.equal(JSON.stringify(config), before);
});

test("Config.default is always the same object and equals an empty builder", () => {
  assert.equal(Config.default(), Config.default());
  assert.ok(Config.builder().build().equals(Config.default()));
  assert.ok(!Config.builder().name("x").build().equals(Config.default()));
});

test("ConfigBuilder can go on after build, without touching what it built", () => {
  const builder = Config.builder().name("first").logLevel("debug");
  const first = builder.build();
  const second = builder.name("second").logLevel("warn").build();
  assert.deepEqual([first.name, first.logging.level, second.name, second.logging.level], ["first", "debug", "second", "warn"]);
});

test("Config.toJSON is a file that gives an equal configuration", async () => {
  const config = Config.builder().name("x").logFile("a.log").workDir("w").busCapacity(8).exitCode("signal").shutdownTimeout("3s").build();
  const again = await Config.parse(JSON.stringify(config), { source: "x.json" });
  assert.ok(config.equals(again), inspect([config, again]));
});

test("Config is shown as its settings", () => {
  assert.match(inspect(Config.default()), /^Config \{\n {2}"name": "daemon"/);
});

test("Config.isColoredLogging is false for JSON", () => {
  assert.deepEqual([Config.default().isColoredLogging(), Config.default().isJsonLogging()], [true, false]);
  const json = Config.builder().jsonLogging(true).build();
  assert.deepEqual([json.isColoredLogging(), json.isJsonLogging()], [false, true]);
});

test("Config.explain of a configuration made in code", async () => {
  const config = Config.builder().shutdownTimeout(2_000).busCapacity(8).build();
  assert.deepEqual(await config.explain("bus.capacity"), {
    key: "bus.capacity",
    value: 8,
    source: "Config.builder()",
    overridden: [{ value: 4_096, source: "default" }],
  });
  assert.equal((await config.explain("shutdown.timeout_ms")).source, "Config.builder()");
  const { value, source, note } = await config.explain("shutdown.kill_timeout_ms");
  assert.deepEqual([value, source, note], [4_000, "default", "follows from the deadlines that are set"]);
});
