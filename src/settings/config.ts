import type { DaemonSettings } from "../core/supervise/program.ts";
import type { ByteSize } from "../core/values/bytes.ts";
import type { Duration } from "../core/values/duration.ts";
import { ConfigError, type ConfigIssue } from "../core/values/errors.ts";
import type { LogLevel } from "../core/ports/log.ts";
import type { Explanation } from "../config/explain.ts";
import type { LeafNode } from "../schema/node.ts";
import { DEADLINE_KEYS, settleDeadlines, type ShutdownDeadlines } from "./shutdown_deadlines.ts";
import type { LoadedTexts } from "./load_sources.ts";
import { defaultOf, isDaemonName, type LeafPath, LEAVES, type StopExitCode } from "./leaves.ts";

/**
 * The table `[logging]`. Immutable.
 *
 * @example What is not set has its default
 * ```ts
 * import { Config } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const { logging } = Config.builder().logLevel("debug").logMaxFileSize("20MB").build();
 * assert.deepEqual([logging.level, logging.maxFileSize, logging.maxFiles], ["debug", 20_000_000, 5]);
 * ```
 */
export class LoggingConfig {
  readonly #level: LogLevel;
  readonly #json: boolean;
  readonly #color: boolean;
  readonly #file: string | undefined;
  readonly #maxFileSize: number;
  readonly #maxFiles: number;

  /** Takes checked values; `Config.builder()` and `Config.load()` check them. */
  constructor(level: LogLevel, json: boolean, color: boolean, file: string | undefined, maxFileSize: number, maxFiles: number) {
    this.#level = level;
    this.#json = json;
    this.#color = color;
    this.#file = file;
    this.#maxFileSize = maxFileSize;
    this.#maxFiles = maxFiles;
  }

  /** Least important level that is recorded. */
  get level(): LogLevel {
    return this.#level;
  }

  /** Whether records are lines of JSON. */
  get json(): boolean {
    return this.#json;
  }

  /** Whether terminals get colour; files never do. */
  get color(): boolean {
    return this.#color;
  }

  /** Path of the log file; undefined means the console only. */
  get file(): string | undefined {
    return this.#file;
  }

  /** Size in bytes at which the file is rotated. */
  get maxFileSize(): number {
    return this.#maxFileSize;
  }

  /** Number of rotated files that are kept; 0 never rotates. */
  get maxFiles(): number {
    return this.#maxFiles;
  }
}

/**
 * The table `[shutdown]`: deadlines in milliseconds from the beginning of a shutdown, in rising order. Immutable.
 *
 * @example The deadlines of a daemon that nobody configured
 * ```ts
 * import { Config } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const { timeoutMs, forceTimeoutMs, killTimeoutMs } = Config.default().shutdown;
 * assert.deepEqual([timeoutMs, forceTimeoutMs, killTimeoutMs], [5_000, 10_000, 15_000]);
 * ```
 */
export class ShutdownConfig {
  readonly #drainDelayMs: number;
  readonly #timeoutMs: number;
  readonly #forceTimeoutMs: number;
  readonly #killTimeoutMs: number;
  readonly #exitCode: StopExitCode;
  /** Bit n is set when deadline n was given and did not follow from others. */
  readonly #given: number;

  /** Takes checked values; `Config.builder()` and `Config.load()` check them. */
  constructor(
    drainDelayMs: number,
    timeoutMs: number,
    forceTimeoutMs: number,
    killTimeoutMs: number,
    exitCode: StopExitCode,
    given: number,
  ) {
    this.#drainDelayMs = drainDelayMs;
    this.#timeoutMs = timeoutMs;
    this.#forceTimeoutMs = forceTimeoutMs;
    this.#killTimeoutMs = killTimeoutMs;
    this.#exitCode = exitCode;
    this.#given = given;
  }

  /** Milliseconds for which the daemon is not ready but still serves. */
  get drainDelayMs(): number {
    return this.#drainDelayMs;
  }

  /** End of the graceful time. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Moment at which everything that is left is killed. */
  get forceTimeoutMs(): number {
    return this.#forceTimeoutMs;
  }

  /** Moment at which the daemon gives up. */
  get killTimeoutMs(): number {
    return this.#killTimeoutMs;
  }

  /** Exit code after a stop by signal. */
  get exitCode(): "zero" | "signal" {
    return this.#exitCode;
  }

  /** The deadlines that were given; the others follow from them. */
  given(): Record<string, number> {
    const all = [this.#drainDelayMs, this.#timeoutMs, this.#forceTimeoutMs, this.#killTimeoutMs];
    return Object.fromEntries(DEADLINE_KEYS.map((key, place) => [key, all[place]]).filter((_entry, place) => this.#given & 1 << place));
  }
}

/**
 * The table `[performance]`. Immutable. All but `workerThreads` have one possible value so far.
 *
 * @example A fixed number of threads
 * ```ts
 * import { Config } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const { performance } = Config.builder().workerThreads(4).build();
 * assert.equal(performance.workerThreads, 4);
 * ```
 */
export class PerformanceConfig {
  readonly #workerThreads: number;

  /** Takes checked values; `Config.builder()` and `Config.load()` check them. */
  constructor(workerThreads: number) {
    this.#workerThreads = workerThreads;
  }

  /** Number of worker threads; 0 means one for each core. */
  get workerThreads(): number {
    return this.#workerThreads;
  }

  /** Whether worker processes are pinned to cores; the default, which nothing uses yet. */
  get threadPinning(): boolean {
    return defaultOf("performance.thread_pinning") as boolean;
  }

  /** Bytes of buffers that are allocated in advance; the default, which nothing uses yet. */
  get memoryPoolSize(): number {
    return defaultOf("performance.memory_pool_size") as number;
  }

  /** Whether pinned processes are spread over memory nodes; the default, which nothing uses yet. */
  get numaAware(): boolean {
    return defaultOf("performance.numa_aware") as boolean;
  }

  /** Whether worker threads are talked to through shared memory; the default, which nothing uses yet. */
  get lockFree(): boolean {
    return defaultOf("performance.lock_free") as boolean;
  }

  /** Whether `nice` and affinity are applied; the default, which nothing uses yet. */
  get schedulerHints(): boolean {
    return defaultOf("performance.scheduler_hints") as boolean;
  }

  /** Nice value of the daemon; the default, which nothing uses yet. */
  get nice(): number {
    return defaultOf("performance.nice") as number;
  }
}

/**
 * The table `[monitoring]`. Immutable. All but `enableMetrics` have one possible value so far.
 *
 * @example Health is checked every five seconds
 * ```ts
 * import { Config } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const { monitoring } = Config.default();
 * assert.equal(monitoring.healthCheckIntervalMs, 5_000);
 * ```
 */
export class MonitoringConfig {
  readonly #enableMetrics: boolean;

  /** Takes a checked value; `Config.builder()` and `Config.load()` check it. */
  constructor(enableMetrics: boolean) {
    this.#enableMetrics = enableMetrics;
  }

  /** Whether metrics are collected and `/metrics` is there. */
  get enableMetrics(): boolean {
    return this.#enableMetrics;
  }

  /** Milliseconds between two samples; the default, which nothing uses yet. */
  get metricsIntervalMs(): number {
    return defaultOf("monitoring.metrics_interval_ms") as number;
  }

  /** Whether the use of resources is followed; the default, which nothing uses yet. */
  get trackResources(): boolean {
    return defaultOf("monitoring.track_resources") as boolean;
  }

  /** Whether health checks are called; the default, which nothing uses yet. */
  get healthChecks(): boolean {
    return defaultOf("monitoring.health_checks") as boolean;
  }

  /** Milliseconds between two rounds of health checks; the default, which nothing uses yet. */
  get healthCheckIntervalMs(): number {
    return defaultOf("monitoring.health_check_interval_ms") as number;
  }
}

/**
 * The table `[bus]`. Immutable.
 *
 * @example A small bus for a small machine
 * ```ts
 * import { Config } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const { bus } = Config.builder().busCapacity(256).build();
 * assert.equal(bus.capacity, 256);
 * ```
 */
export class BusConfig {
  readonly #capacity: number;

  /** Takes a checked value; `Config.builder()` and `Config.load()` check it. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Events that the bus keeps for slow readers, a power of two. */
  get capacity(): number {
    return this.#capacity;
  }
}

// Made once out of the declared defaults: a build that sets nothing of a table shares them.
const LOGGING = loggingOf({});
const SHUTDOWN = shutdownOf({}, {});
const MONITORING = new MonitoringConfig(valueIn({}, "monitoring.enable_metrics"));
const BUS = new BusConfig(valueIn({}, "bus.capacity"));

/** Explains from which source a key of a {@linkcode Config} has its value. */
export type Explain = (key: string) => Promise<Explanation>;

/**
 * The settings of a daemon: complete, checked, immutable.
 *
 * Made by {@linkcode Config.builder} in code, or by {@linkcode Config.load} from `daemon.toml`, its local overlay and the environment.
 *
 * @example The deadlines that are not set follow from the one that is
 * ```ts
 * import { Config } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const config = Config.builder().name("my-daemon").shutdownTimeout("30s").build();
 * assert.equal(config.shutdown.forceTimeoutMs, 45_000);
 * assert.equal(config.shutdown.killTimeoutMs, 60_000);
 * assert.equal(config.logging.level, "info");
 * ```
 */
export class Config implements DaemonSettings {
  readonly #name: string;
  readonly #workDir: string | undefined;
  readonly #pidFile: string | undefined;
  readonly #stateDir: string | undefined;
  readonly #logging: LoggingConfig;
  readonly #shutdown: ShutdownConfig;
  readonly #workerThreads: number;
  /** Made when somebody asks: a third object would cost as much as the rest of a build on Bun. */
  #performance: PerformanceConfig | undefined = undefined;
  readonly #monitoring: MonitoringConfig;
  readonly #bus: BusConfig;
  readonly #hotReload: boolean;
  readonly #explain: Explain | undefined;

  /**
   * Takes checked values; {@linkcode Config.builder} and {@linkcode Config.load} check them.
   *
   * @internal
   */
  constructor(
    name: string,
    workDir: string | undefined,
    pidFile: string | undefined,
    stateDir: string | undefined,
    logging: LoggingConfig,
    shutdown: ShutdownConfig,
    workerThreads: number,
    monitoring: MonitoringConfig,
    bus: BusConfig,
    hotReload: boolean,
    explain: Explain | undefined,
  ) {
    this.#name = name;
    this.#workDir = workDir;
    this.#pidFile = pidFile;
    this.#stateDir = stateDir;
    this.#logging = logging;
    this.#shutdown = shutdown;
    this.#workerThreads = workerThreads;
    this.#monitoring = monitoring;
    this.#bus = bus;
    this.#hotReload = hotReload;
    this.#explain = explain;
  }

  /** The settings of a daemon that nobody configured; always the same object. */
  static default(): Config {
    return DEFAULT;
  }

  /** Begins to describe a configuration in code. */
  static builder(): ConfigBuilder {
    return new ConfigBuilder();
  }

  /**
   * Loads `daemon.toml` (or `daemon.json`) of the working folder with its local overlay and the `DAEMON_*` environment. With `optional` a
   * missing file is the same as an empty one.
   *
   * @throws {ConfigError} if there is no file and it is not optional, or there is a mistake in it; with every mistake found.
   * @throws {IoError} `IO_NO_RESOURCES` without a file left to open.
   */
  static async load(options: { optional?: boolean } = {}): Promise<Config> {
    return await loadFromHost(options);
  }

  /**
   * Loads the settings of a TOML or JSON file with its local overlay and the `DAEMON_*` environment. Its services and listeners are no
   * settings: `Daemon.load` runs them too.
   *
   * @throws {ConfigError} if there is no such file, or there is a mistake in it; with every mistake found.
   * @throws {IoError} `IO_NO_RESOURCES` without a file left to open.
   */
  static async loadFromFile(path: string): Promise<Config> {
    return await loadFromHost({ path });
  }

  /**
   * Reads a configuration from a text, without environment and other files; relative paths stay as they are. `source` names the text in
   * messages, by default `daemon.toml`; one that ends in `.json` is read as JSON. `env` has variables for `${VAR}`.
   *
   * @throws {ConfigError} if there is a mistake in it; with every mistake found.
   *
   * @example Every mistake at once, each with its place
   * ```ts
   * import { Config, ConfigError } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const error = await Config.parse('nam = "x"\n[logging]\nlevel = "inof"').catch((error) => error);
   * assert.ok(error instanceof ConfigError);
   * assert.deepEqual(error.issues.map((issue) => [issue.source, issue.hint]), [
   *   ["daemon.toml:1:1", "did you mean name?"],
   *   ["daemon.toml:3:9", 'did you mean "info"?'],
   * ]);
   * ```
   */
  static async parse(text: string, options: { source?: string; env?: Readonly<Record<string, string>> } = {}): Promise<Config> {
    const { parseSource } = await import("./load_sources.ts");
    return configOfSources(await parseSource(text, options));
  }

  /** Name of the daemon. */
  get name(): string {
    return this.#name;
  }

  /** Base of relative paths and working folder of children; undefined means the folder of the file. */
  get workDir(): string | undefined {
    return this.#workDir;
  }

  /** Where the process number is written; undefined means nowhere. */
  get pidFile(): string | undefined {
    return this.#pidFile;
  }

  /** Where the daemon keeps what it must not forget; undefined means the default place. */
  get stateDir(): string | undefined {
    return this.#stateDir;
  }

  /** Whether a changed file is loaded again by itself. */
  get hotReload(): boolean {
    return this.#hotReload;
  }

  /** The table `[logging]`. */
  get logging(): LoggingConfig {
    return this.#logging;
  }

  /** The table `[shutdown]`. */
  get shutdown(): ShutdownConfig {
    return this.#shutdown;
  }

  /** The table `[performance]`. */
  get performance(): PerformanceConfig {
    return this.#performance ??= new PerformanceConfig(this.#workerThreads);
  }

  /** The table `[monitoring]`. */
  get monitoring(): MonitoringConfig {
    return this.#monitoring;
  }

  /** The table `[bus]`. */
  get bus(): BusConfig {
    return this.#bus;
  }

  /** Whether log records are lines of JSON. */
  isJsonLogging(): boolean {
    return this.#logging.json;
  }

  /** Whether log records on terminals have colour: lines of JSON never have. */
  isColoredLogging(): boolean {
    return this.#logging.color && !this.#logging.json;
  }

  /**
   * Says where the value of a key comes from, such as `logging.level`, and what it overrides.
   *
   * @throws {ConfigError} if there is no such key.
   *
   * @example A value set in code
   * ```ts
   * import { Config } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const config = Config.builder().logLevel("debug").build();
   * const { value, source, overridden } = await config.explain("logging.level");
   * assert.deepEqual([value, source], ["debug", "Config.builder()"]);
   * assert.deepEqual(overridden, [{ value: "info", source: "default" }]);
   * ```
   */
  async explain(key: string): Promise<Explanation> {
    if (this.#explain !== undefined) return await this.#explain(key);
    const [{ explainGiven }, { givenTree }] = await Promise.all([import("./load_sources.ts"), import("./placed_leaves.ts")]);
    return await explainGiven(givenTree(this.toJSON(), this.shutdown.given()), key);
  }

  /** All settings as plain data, in the spelling of the file: a `.json` file with this content gives an equal configuration. */
  toJSON(): Record<string, unknown> {
    const { name, workDir, pidFile, stateDir, hotReload, logging, shutdown, performance, monitoring, bus } = this;
    return {
      name,
      ...(workDir === undefined ? {} : { work_dir: workDir }),
      ...(pidFile === undefined ? {} : { pid_file: pidFile }),
      ...(stateDir === undefined ? {} : { state_dir: stateDir }),
      hot_reload: hotReload,
      logging: {
        level: logging.level,
        json: logging.json,
        color: logging.color,
        ...(logging.file === undefined ? {} : { file: logging.file }),
        max_file_size: logging.maxFileSize,
        max_files: logging.maxFiles,
      },
      shutdown: {
        drain_delay_ms: shutdown.drainDelayMs,
        timeout_ms: shutdown.timeoutMs,
        force_timeout_ms: shutdown.forceTimeoutMs,
        kill_timeout_ms: shutdown.killTimeoutMs,
        exit_code: shutdown.exitCode,
      },
      performance: {
        worker_threads: performance.workerThreads,
        thread_pinning: performance.threadPinning,
        memory_pool_size: performance.memoryPoolSize,
        numa_aware: performance.numaAware,
        lock_free: performance.lockFree,
        scheduler_hints: performance.schedulerHints,
        nice: performance.nice,
      },
      monitoring: {
        enable_metrics: monitoring.enableMetrics,
        metrics_interval_ms: monitoring.metricsIntervalMs,
        track_resources: monitoring.trackResources,
        health_checks: monitoring.healthChecks,
        health_check_interval_ms: monitoring.healthCheckIntervalMs,
      },
      bus: { capacity: bus.capacity },
    };
  }

  /** Whether two configurations have the same settings, wherever they come from. */
  equals(other: Config): boolean {
    return JSON.stringify(this) === JSON.stringify(other);
  }
}

for (const hook of ["nodejs.util.inspect.custom", "Deno.customInspect"]) {
  Object.defineProperty(Config.prototype, Symbol.for(hook), {
    value: function (this: Config): string {
      return `Config ${JSON.stringify(this, undefined, 2)}`;
    },
  });
}

/**
 * Gathers the settings of a daemon, a method for each key of the file; {@linkcode ConfigBuilder.build} checks them all.
 *
 * @example A contradiction is refused, with the key that causes it
 * ```ts
 * import { Config, ConfigError } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const builder = Config.builder().shutdownTimeout("10s").forceTimeout("5s");
 * assert.throws(() => builder.build(), (error) => error instanceof ConfigError && error.issues[0].path === "shutdown.force_timeout_ms");
 * ```
 */
export class ConfigBuilder {
  // The settings of the headline bench have fields of their own: one small object, and no other until build().
  #name = "daemon";
  #workerThreads: number | undefined;
  #timeout: Duration | undefined;
  #forceTimeout: Duration | undefined;
  #more: Partial<Record<LeafPath, unknown>> | undefined;

  /** Name of the daemon: letters, digits, `_` and `-`. @default {"daemon"} */
  name(name: string): this {
    this.#name = name;
    return this;
  }

  /** Least important level that is recorded. @default {"info"} */
  logLevel(level: LogLevel): this {
    return this.#set("logging.level", level);
  }

  /** Whether log records are lines of JSON. @default {false} */
  jsonLogging(enabled: boolean): this {
    return this.#set("logging.json", enabled);
  }

  /** End of the graceful time of a shutdown. @default {"5s"} */
  shutdownTimeout(duration: Duration): this {
    this.#timeout = duration;
    return this;
  }

  /** Moment at which everything that is left is killed. @default {1.5 times the graceful time, 10s when neither is set} */
  forceTimeout(duration: Duration): this {
    this.#forceTimeout = duration;
    return this;
  }

  /** Moment at which the daemon gives up. @default {twice the graceful time, 15s when nothing is set} */
  killTimeout(duration: Duration): this {
    return this.#set("shutdown.kill_timeout_ms", duration);
  }

  /** Time for which the daemon is not ready but still serves. @default {0} */
  drainDelay(duration: Duration): this {
    return this.#set("shutdown.drain_delay_ms", duration);
  }

  /** Exit code after a stop by signal. @default {"zero"} */
  exitCode(exitCode: "zero" | "signal"): this {
    return this.#set("shutdown.exit_code", exitCode);
  }

  /** Base of relative paths and working folder of children. @default {undefined} */
  workDir(path: string): this {
    return this.#set("work_dir", path);
  }

  /** Where the process number is written. @default {undefined} */
  pidFile(path: string): this {
    return this.#set("pid_file", path);
  }

  /** Where the daemon keeps what it must not forget. @default {undefined} */
  stateDir(path: string): this {
    return this.#set("state_dir", path);
  }

  /** Whether a file that has changed is loaded again by itself; for daemons that come from one. @default {false} */
  hotReload(enabled: boolean): this {
    return this.#set("hot_reload", enabled);
  }

  /** Number of worker threads; 0 means one for each core. @default {0} */
  workerThreads(count: number): this {
    this.#workerThreads = count;
    return this;
  }

  /** Whether metrics are collected and `/metrics` is there. @default {true} */
  enableMetrics(enabled: boolean): this {
    return this.#set("monitoring.enable_metrics", enabled);
  }

  /** Bytes of buffers that are allocated in advance; only the default is accepted so far, and nothing uses it. @default {1_048_576} */
  memoryPoolSize(bytes: number): this {
    return this.#set("performance.memory_pool_size", bytes);
  }

  /** Whether worker threads are talked to through shared memory; only the default is accepted so far, and nothing uses it. @default {true} */
  lockFree(enabled: boolean): this {
    return this.#set("performance.lock_free", enabled);
  }

  /** Whether terminals get colour. @default {true} */
  logColor(enabled: boolean): this {
    return this.#set("logging.color", enabled);
  }

  /** Path of the log file. @default {undefined} */
  logFile(path: string): this {
    return this.#set("logging.file", path);
  }

  /** Size at which the log file is rotated. @default {104_857_600} */
  logMaxFileSize(size: ByteSize): this {
    return this.#set("logging.max_file_size", size);
  }

  /** Number of rotated log files that are kept; 0 never rotates. @default {5} */
  logMaxFiles(count: number): this {
    return this.#set("logging.max_files", count);
  }

  /** Whether worker processes are pinned to cores; only the default is accepted so far, and nothing uses it. @default {false} */
  threadPinning(enabled: boolean): this {
    return this.#set("performance.thread_pinning", enabled);
  }

  /** Whether pinned processes are spread over memory nodes; only the default is accepted so far, and nothing uses it. @default {false} */
  numaAware(enabled: boolean): this {
    return this.#set("performance.numa_aware", enabled);
  }

  /** Whether `nice` and affinity are applied; only the default is accepted so far, and nothing uses it. @default {false} */
  schedulerHints(enabled: boolean): this {
    return this.#set("performance.scheduler_hints", enabled);
  }

  /** Nice value of the daemon; only the default is accepted so far, and nothing uses it. @default {0} */
  nice(nice: number): this {
    return this.#set("performance.nice", nice);
  }

  /** Time between two samples of metrics; only the default is accepted so far, and nothing uses it. @default {"1s"} */
  metricsInterval(duration: Duration): this {
    return this.#set("monitoring.metrics_interval_ms", duration);
  }

  /** Whether the use of resources is followed; only the default is accepted so far, and nothing uses it. @default {true} */
  trackResources(enabled: boolean): this {
    return this.#set("monitoring.track_resources", enabled);
  }

  /** Whether health checks are called; only the default is accepted so far, and nothing uses it. @default {true} */
  healthChecks(enabled: boolean): this {
    return this.#set("monitoring.health_checks", enabled);
  }

  /** Time between two rounds of health checks; only the default is accepted so far, and nothing uses it. @default {"5s"} */
  healthCheckInterval(duration: Duration): this {
    return this.#set("monitoring.health_check_interval_ms", duration);
  }

  /** Events that the bus keeps for slow readers, a power of two. @default {4_096} */
  busCapacity(capacity: number): this {
    return this.#set("bus.capacity", capacity);
  }

  /**
   * Checks all settings and makes the configuration; the builder may go on to make others.
   *
   * @throws {ConfigError} with every mistake found; code `CONFIG_NOT_YET` for settings whose features have not landed.
   */
  build(): Config {
    const threads = this.#workerThreads;
    const timeout = this.#timeout;
    const force = this.#forceTimeout;
    // The common case costs two small objects; whatever is not plainly right goes through the whole check.
    if (this.#more !== undefined || !isDaemonName(this.#name) || !isThreadCount(threads)) return this.#buildChecked();
    let shutdown = SHUTDOWN;
    if (timeout !== undefined || force !== undefined) {
      if (!isPlainMs(timeout) || !(force === undefined || isPlainMs(force) && force > timeout)) return this.#buildChecked();
      const forceMs = force ?? ((timeout * 1.5 + 0.5) | 0);
      if (forceMs === timeout) return this.#buildChecked();
      shutdown = new ShutdownConfig(0, timeout, forceMs, (forceMs * 4 / 3 + 0.5) | 0, "zero", force === undefined ? 2 : 6);
    }
    return new Config(this.#name, undefined, undefined, undefined, LOGGING, shutdown, threads ?? 0, MONITORING, BUS, false, undefined);
  }

  #set(path: LeafPath, value: unknown): this {
    (this.#more ??= {})[path] = value;
    return this;
  }

  #buildChecked(): Config {
    const given: Partial<Record<LeafPath, unknown>> = { ...this.#more, name: this.#name };
    if (this.#workerThreads !== undefined) given["performance.worker_threads"] = this.#workerThreads;
    if (this.#timeout !== undefined) given["shutdown.timeout_ms"] = this.#timeout;
    if (this.#forceTimeout !== undefined) given["shutdown.force_timeout_ms"] = this.#forceTimeout;

    // Each value by itself.
    const issues: ConfigIssue[] = [];
    const values: Partial<Record<LeafPath, unknown>> = {};
    for (const [path, value] of Object.entries(given) as [LeafPath, unknown][]) {
      const { facts: { expects: inFile, notYet, default: standard }, accepts, inCode, read }: LeafNode = LEAVES[path];
      const { expects, accepts: takes } = inCode ?? { expects: inFile, accepts };
      const kept = takes(value) ? read === undefined ? value : read(value as never) : undefined;
      const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
      if (kept === undefined) {
        issues.push({ source: "Config.builder()", path, message: `expected ${expects}, got ${shown}`, code: "CONFIG_INVALID" });
      } else if (notYet && kept !== standard) {
        const message = `expected ${standard}, the only value so far, got ${shown}`;
        issues.push({
          source: "Config.builder()",
          path,
          message,
          hint: "remove it: its feature has not landed yet",
          code: "CONFIG_NOT_YET",
        });
      } else values[path] = kept;
    }

    // The deadlines together.
    const deadlines: ShutdownDeadlines = {};
    for (const key of DEADLINE_KEYS) {
      const ms = values[`shutdown.${key}`];
      if (ms !== undefined) deadlines[key] = ms as number;
    }
    for (const { key, earlier } of settleDeadlines([deadlines]).contradictions) {
      const message = `expected more than shutdown.${earlier} (${deadlines[earlier]}), got ${deadlines[key]}`;
      issues.push({ source: "Config.builder()", path: `shutdown.${key}`, message, code: "CONFIG_INVALID" });
    }
    if (issues.length > 0) {
      const code = issues.every((issue) => issue.code === "CONFIG_NOT_YET") ? "CONFIG_NOT_YET" : "CONFIG_INVALID";
      throw new ConfigError(code, "Cannot build Config as a setting is wrong:", { issues });
    }
    return configOf(values, deadlines);
  }
}

/** Makes a configuration out of what was loaded. */
export function configOfSources({ settings: { values, deadlines: { fixed, longestStopMs } }, explain }: LoadedTexts): Config {
  return configOf(values, fixed, { explain, longestStopMs });
}

/** Checked values by the path of their setting. */
type Values = Readonly<Partial<Record<LeafPath, unknown>>>;

/** Makes a configuration out of checked values; what is absent has its default. */
function configOf(
  values: Values,
  given: ShutdownDeadlines,
  { explain, longestStopMs }: { explain?: Explain; longestStopMs?: number } = {},
): Config {
  return new Config(
    valueIn(values, "name"),
    valueIn(values, "work_dir"),
    valueIn(values, "pid_file"),
    valueIn(values, "state_dir"),
    loggingOf(values),
    shutdownOf(values, given, longestStopMs),
    valueIn(values, "performance.worker_threads"),
    valueIn<boolean>(values, "monitoring.enable_metrics") ? MONITORING : new MonitoringConfig(false),
    new BusConfig(valueIn(values, "bus.capacity")),
    valueIn(values, "hot_reload"),
    explain,
  );
}

function loggingOf(values: Values): LoggingConfig {
  return new LoggingConfig(
    valueIn(values, "logging.level"),
    valueIn(values, "logging.json"),
    valueIn(values, "logging.color"),
    valueIn(values, "logging.file"),
    valueIn(values, "logging.max_file_size"),
    valueIn(values, "logging.max_files"),
  );
}

function shutdownOf(values: Values, given: ShutdownDeadlines, longestStopMs?: number): ShutdownConfig {
  const { drain_delay_ms, timeout_ms, force_timeout_ms, kill_timeout_ms } = settleDeadlines([given], longestStopMs).deadlines;
  const bits = DEADLINE_KEYS.reduce((bits, key, place) => given[key] === undefined ? bits : bits | 1 << place, 0);
  return new ShutdownConfig(drain_delay_ms, timeout_ms, force_timeout_ms, kill_timeout_ms, valueIn(values, "shutdown.exit_code"), bits);
}

/** The checked value of a setting, or its default. */
function valueIn<T>(values: Values, path: LeafPath): T {
  return (values[path] ?? defaultOf(path)) as T;
}

async function loadFromHost(options: { path?: string; optional?: boolean }): Promise<Config> {
  const [{ getHost }, { loadSources }] = await Promise.all([import("../platform/mod.ts"), import("./load_sources.ts")]);
  const { files, env, ownProcess } = await getHost();
  return configOfSources(await loadSources({ files, env, cwd: ownProcess.cwd() }, options));
}

/** Whether a value is plainly a number of milliseconds; below 12 days, so that what follows from it fits into 31 bits. */
function isPlainMs(value: Duration | undefined): value is number {
  return ((value as number) | 0) === value && value > 0 && value < 1e9;
}

function isThreadCount(value: number | undefined): boolean {
  return value === undefined || ((value | 0) === value && value >= 0 && value <= 1_024);
}

const DEFAULT = new Config("daemon", undefined, undefined, undefined, LOGGING, SHUTDOWN, 0, MONITORING, BUS, false, undefined);
