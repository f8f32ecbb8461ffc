/**
 * Builds and runs daemons: supervised subsystems that start in order, are restarted by policy, and stop gracefully.
 *
 * Read on by what you need:
 *
 * - **A daemon**: {@linkcode Daemon.builder} describes it, {@linkcode DaemonBuilder.run} runs it, {@linkcode ExitReport} says how it ended.
 *   {@linkcode GroupBuilder} has all that `with…` can add, {@linkcode SignalConfig} says which signals do what.
 * - **Subsystems**: {@linkcode Subsystem} is the contract, {@linkcode Context} is what each run gets, {@linkcode SubsystemSpec} and
 *   {@linkcode RestartPolicy} say how it is run. {@linkcode ServiceOptions} describes a program, {@linkcode HttpOptions} a server.
 * - **Settings**: {@linkcode Config}, by {@linkcode Config.builder} in code or by {@linkcode Config.load} from a file.
 * - **Operations, status, events**: {@linkcode Operations} is what `daemonkit` does by its commands; {@linkcode DaemonStatus},
 *   {@linkcode UnitStatus} and {@linkcode DaemonEvent} are what it shows.
 * - **Logs**: {@linkcode Logger} writes, {@linkcode LogSink} takes {@linkcode LogRecord}s.
 * - **Errors**: each is a {@linkcode DaemonError} with a code of {@linkcode ERROR_CODES}.
 * - **Messages**: {@linkcode EventBus} broadcasts, {@linkcode chan} makes queues; {@linkcode Receiver} reads either.
 * - **Measuring**: {@linkcode MetricsCollector}, {@linkcode ResourceTracker}, {@linkcode CpuProfiler}, {@linkcode timing}; and
 *   {@linkcode ObjectPool}, which saves what it measures.
 *
 * Fakes of the machine for tests, and its interfaces, are in `@daemonkit/daemonkit/testing`; a command line for a program of your own is in
 * `@daemonkit/daemonkit/cli`.
 *
 * @example A daemon of two tasks that ends by itself
 * ```ts
 * import { Daemon, RestartPolicy } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * let attempts = 0;
 * const report = await Daemon.builder()
 *   .withTask("flaky", (context) => {
 *     if (++attempts < 3) throw new Error("not yet");
 *     context.requestShutdown("it worked");
 *     return context.cancelled();
 *   }, { restart: RestartPolicy.onFailure({ delay: "1ms" }), retryStart: true })
 *   .withTask("steady", (context) => context.cancelled(), { after: ["flaky"] })
 *   .run({ ownsProcess: false });
 * assert.equal(attempts, 3);
 * assert.equal(report.exitCode, 0);
 * ```
 *
 * @module
 */

// A daemon.
export { Daemon, DaemonBuilder, type DaemonLoadOptions, type DaemonStats } from "./src/daemon/daemon.ts";
export { GroupBuilder } from "./src/daemon/group_builder.ts";
export type { SupervisorOptions } from "./src/core/supervise/supervisor.ts";
export type { RunOptions } from "./src/daemon/run_options.ts";
export type { ShutdownRequest } from "./src/core/supervise/verdict.ts";
export type { ExitReport } from "./src/daemon/exit_report.ts";
export { EXIT_CODES } from "./src/core/values/exit_codes.ts";
export { SignalConfig, signalDescription, type SignalOptions } from "./src/daemon/signal_config.ts";
export type { SignalName } from "./src/core/values/signal_name.ts";

// Subsystems and services.
export type { ChildHandle, Context, HealthAnswer, ShutdownHandle, Subsystem, WorkHandle } from "./src/core/supervise/subsystem.ts";
export type { SubsystemSpec } from "./src/core/supervise/spec.ts";
export type { AddOptions, SubsystemEnd, SubsystemHandle } from "./src/core/supervise/children.ts";
export type { RetryOptions } from "./src/core/supervise/repeat.ts";
export { type RestartOptions, RestartPolicy } from "./src/core/supervise/restart.ts";
export type { ProbeOptions, ServiceLogOptions, ServiceOptions } from "./src/service/options.ts";
export type { HttpOptions } from "./src/http/options.ts";
export type { Duration } from "./src/core/values/duration.ts";
export type { ByteSize } from "./src/core/values/bytes.ts";

// Settings.
export {
  BusConfig,
  Config,
  ConfigBuilder,
  LoggingConfig,
  MonitoringConfig,
  PerformanceConfig,
  ShutdownConfig,
} from "./src/settings/config.ts";
export type { DaemonSettings } from "./src/core/supervise/program.ts";
export type { Explanation } from "./src/config/explain.ts";

// Operations, status and events.
export type { DaemonStatus, Operations, ReloadAnswer, UnitOutcome, UnitStatus } from "./src/core/supervise/operations.ts";
export type { State as UnitState } from "./src/core/supervise/state.ts";
export type { DaemonEvent, DaemonTopics } from "./src/core/supervise/event.ts";
export type { LogLine } from "./src/core/wire/line_block.ts";

// Logs.
export { type Logger, LogLevel, type LogRecord, type LogSink } from "./src/core/ports/log.ts";

// Errors.
export {
  ConfigError,
  type ConfigIssue,
  DaemonError,
  type DaemonErrorOptions,
  type ErrorJson,
  IoError,
  isDaemonError,
  ProfilingError,
  ShutdownError,
  SubsystemError,
  TimeoutError,
} from "./src/core/values/errors.ts";
export { ERROR_CODES, type ErrorCategory, type ErrorCode, type ErrorSeverity } from "./src/core/values/error_codes.ts";

// Messages between parts of a program.
export { BusReceiver, EventBus, type EventBusOptions, LaggedError, type SubscribeOptions } from "./src/core/messages/bus.ts";
export { chan, ChannelReceiver, Sender } from "./src/core/messages/channel.ts";
export { Receiver } from "./src/core/messages/receiver.ts";

// Metrics and measuring.
export { type HistogramSnapshot, MetricsCollector, type MetricsCollectorOptions, type MetricsSnapshot } from "./src/metrics/collector.ts";
export type { Counter, Gauge, Histogram, HistogramOptions, Meter, MetricLabels, MetricOptions, Timer } from "./src/core/ports/meter.ts";
export type { MetricRejection } from "./src/metrics/series.ts";
export type { MeasurementIntake, MetricDelta, MetricKind, MetricsDelta, RejectionReason } from "./src/core/wire/metrics_delta.ts";
export { CpuProfiler } from "./src/standalone/cpu_profiler.ts";
export { writeHeapSnapshot } from "./src/standalone/heap_snapshot.ts";
export { ResourceTracker } from "./src/standalone/resource_tracker.ts";
export type { ResourceAlert, ResourceTrackerOptions, ResourceTrackerPorts } from "./src/resource/tracker.ts";
export type { ResourceUsage } from "./src/resource/usage.ts";
/** Moments on the monotonic clock, and how fine it is. */
export * as timing from "./src/core/ports/instant.ts";
export {
  BufferPool,
  type BufferPoolOptions,
  type BufferPoolStats,
  type Lease,
  ObjectPool,
  type ObjectPoolOptions,
  type PoolStats,
} from "./src/core/values/pool.ts";

// Parts of a daemon for programs of their own.
export { InstanceLock } from "./src/standalone/instance_lock.ts";
/** Messages between processes of this machine, over unix sockets. */
export * as ipc from "./src/standalone/ipc.ts";
