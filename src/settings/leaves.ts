import type { Duration } from "../core/values/duration.ts";
import { LOGGING, type LoggingOptions } from "../log/keys.ts";
import { fixedLeaves, type LeafNode, type Of, type TableNode } from "../schema/node.ts";
import { flag, integer, milliseconds, number, oneOf, path, text } from "../schema/shapes.ts";
import { type KeyName, keyOf, table } from "../schema/table.ts";
import { formatPath } from "../schema/tree.ts";

/** Exit code after a stop by signal: 0, or 128 plus the signal's number. */
export type StopExitCode = "zero" | "signal";

/** The settings of a daemon as a program gives them: each key of the fixed tables, under the name that it has in code. */
export interface SettingOptions {
  readonly name?: string;
  readonly workDir?: string;
  readonly pidFile?: string;
  readonly stateDir?: string;
  readonly hotReload?: boolean;
  readonly logging?: LoggingOptions;
  readonly shutdown?: ShutdownOptions;
  readonly performance?: PerformanceOptions;
  readonly monitoring?: MonitoringOptions;
  readonly bus?: BusOptions;
}

interface ShutdownOptions {
  readonly drainDelayMs?: Duration;
  readonly timeoutMs?: Duration;
  readonly forceTimeoutMs?: Duration;
  readonly killTimeoutMs?: Duration;
  readonly exitCode?: StopExitCode;
}

interface PerformanceOptions {
  readonly workerThreads?: number;
  readonly threadPinning?: boolean;
  readonly memoryPoolSize?: number;
  readonly numaAware?: boolean;
  readonly lockFree?: boolean;
  readonly schedulerHints?: boolean;
  readonly nice?: number;
}

interface MonitoringOptions {
  readonly enableMetrics?: boolean;
  readonly metricsIntervalMs?: Duration;
  readonly trackResources?: boolean;
  readonly healthChecks?: boolean;
  readonly healthCheckIntervalMs?: Duration;
}

interface BusOptions {
  readonly capacity?: number;
}

const live = keyOf("live");
const daemon = keyOf("daemon");

const SHUTDOWN = table<ShutdownOptions>({
  drainDelayMs: live("How long the daemon goes on serving, no longer ready, before anything is told to stop.", milliseconds(0), {
    example: 2_000,
  }),
  timeoutMs: live("The end of the graceful time.", milliseconds(1), { example: 30_000 }),
  forceTimeoutMs: live("When whatever can be killed is killed.", milliseconds(1), { example: 45_000 }),
  killTimeoutMs: live("When the daemon ends with what has not stopped.", milliseconds(1), { example: 60_000 }),
  exitCode: live("The exit code after a stop by a signal: 0, or 128 and the number of the signal.", oneOf(["zero", "signal"]), {
    default: "zero",
  }),
}, { expects: "a table of shutdown keys" });

const PERFORMANCE = table<PerformanceOptions>({
  workerThreads: daemon("How many workers may run at once; 0 stands for the number of cores.", integer(0, 1_024), { default: 0 }),
  threadPinning: daemon("Whether the processes of modules are pinned to cores.", flag(), { default: false, notYet: true }),
  memoryPoolSize: daemon("Bytes of buffers that are allocated beforehand.", integer(1), { default: 1_048_576, notYet: true }),
  numaAware: daemon("Whether pinned processes are spread over the nodes of the machine.", flag(), { default: false, notYet: true }),
  lockFree: daemon("Whether worker threads are reached by shared memory.", flag(), { default: true, notYet: true }),
  schedulerHints: daemon("Whether niceness and affinity are applied.", flag(), { default: false, notYet: true }),
  nice: daemon("The niceness of the daemon itself.", integer(-20, 19), { default: 0, notYet: true }),
}, { expects: "a table of performance keys" });

const MONITORING = table<MonitoringOptions>({
  enableMetrics: live("Whether /metrics is answered.", flag(), { default: true }),
  metricsIntervalMs: live("How often gauges are sampled.", milliseconds(1), { default: 1_000, notYet: true }),
  trackResources: daemon("Whether memory and processor time of units are measured.", flag(), { default: true, notYet: true }),
  healthChecks: daemon("Whether the health checks of units are called.", flag(), { default: true, notYet: true }),
  healthCheckIntervalMs: live("How often health checks are called.", milliseconds(1), { default: 5_000, notYet: true }),
}, { expects: "a table of monitoring keys" });

const BUS = table<BusOptions>({
  capacity: daemon(
    "How many events a slow reader may be behind before it misses some.",
    number("a power of two from 2 to 1048576", isBusCapacity, { minimum: 2, maximum: 1_048_576 }),
    { default: 4_096 },
  ),
}, { expects: "a table of bus keys" });

/** The settings of a daemon: the root of its configuration without the tables of features. */
export const SETTINGS: Of<SettingOptions, TableNode> = table<SettingOptions>({
  name: daemon(
    "The name of the daemon, in its log and in the names of its files.",
    text({ expects: '1 to 63 letters, digits, "_" or "-" that start with a letter or digit', isGood: isDaemonName }),
    { default: "daemon" },
  ),
  workDir: daemon(
    "The base of relative paths and the folder that services start in; by default that of the configuration file.",
    path(),
    { example: "." },
  ),
  pidFile: daemon("A file that holds the process id while the daemon runs, for other programs; the lock is another one.", path(), {
    example: "run/my.pid",
  }),
  stateDir: daemon("The folder for logs and for what is remembered, in place of the usual one.", path(), { example: "state" }),
  hotReload: live("Whether a change of the file, or of one that it names, is applied at once.", flag(), { default: false }),
  logging: LOGGING,
  shutdown: SHUTDOWN,
  performance: PERFORMANCE,
  monitoring: MONITORING,
  bus: BUS,
});

/** Path of a setting in the file. */
export type LeafPath = PathIn<SettingOptions>;

type PathIn<Options> = {
  [Name in keyof Options & string]-?: NonNullable<Options[Name]> extends object ? `${KeyName<Name>}.${PathIn<NonNullable<Options[Name]>>}`
    : KeyName<Name>;
}[keyof Options & string];

/** Every setting by its path. */
export const LEAVES = Object.fromEntries(
  fixedLeaves(SETTINGS).filter(({ leaf }) => leaf.facts.unitFormOf === undefined).map(({ path, leaf }) => [formatPath(path), leaf]),
) as Record<LeafPath, LeafNode>;

/** The value of a setting without any source; undefined where there is none, or where it follows from others. */
export function defaultOf(path: LeafPath): unknown {
  return LEAVES[path].facts.default;
}

/** Whether a value can be the name of a daemon; it becomes part of paths. */
export function isDaemonName(value: unknown): value is string {
  if (typeof value !== "string" || value.length === 0 || value.length > 63) return false;
  // A loop, not a regular expression: this runs in every build of a configuration.
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    const isWord = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57);
    if (!isWord && (index === 0 || (code !== 45 && code !== 95))) return false;
  }
  return true;
}

function isBusCapacity(value: number): boolean {
  return Number.isInteger(value) && value >= 2 && value <= 1_048_576 && Number.isInteger(Math.log2(value));
}
