/**
 * Builds and runs daemons: supervised subsystems that start in order, are restarted by policy, and stop gracefully.
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
export { type ByteSize, byteSize, formatBytes } from "./src/core/values/bytes.ts";
export type { AddOptions, SubsystemEnd, SubsystemHandle } from "./src/core/supervise/children.ts";
export { type Clock, sleep, type SleepOptions, systemClock } from "./src/core/ports/clock.ts";
export { type Duration, durationMs, formatDuration } from "./src/core/values/duration.ts";
export { ERROR_CODES, type ErrorCategory, type ErrorCode, type ErrorCodeEntry, type ErrorSeverity } from "./src/core/values/error_codes.ts";
export {
  ConfigError,
  type ConfigIssue,
  DaemonError,
  type DaemonErrorOptions,
  type ErrorContext,
  type ErrorJson,
  type ErrorLink,
  formatIssue,
  IoError,
  isDaemonError,
  messageOf,
  ProfilingError,
  ShutdownError,
  SubsystemError,
  TimeoutError,
} from "./src/core/values/errors.ts";
export type {
  ConfigReloadEvent,
  DaemonEvent,
  DaemonLifeEvent,
  DaemonTopics,
  EventHead,
  Survivor,
  UnitReadyEvent,
  UnitStateEvent,
} from "./src/core/supervise/event.ts";
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
export type { Counter, Gauge, Histogram, HistogramOptions, Meter, MetricLabels, MetricOptions, Timer } from "./src/core/ports/meter.ts";
export { type HistogramSnapshot, MetricsCollector, type MetricsCollectorOptions, type MetricsSnapshot } from "./src/metrics/collector.ts";
export type { HttpOptions } from "./src/http/options.ts";
export { CpuProfiler } from "./src/standalone/cpu_profiler.ts";
export { writeHeapSnapshot } from "./src/standalone/heap_snapshot.ts";
export { ResourceTracker } from "./src/standalone/resource_tracker.ts";
export type { ResourceAlert, ResourceTrackerOptions, ResourceTrackerPorts } from "./src/resource/tracker.ts";
export type { ProcessReading, Resources } from "./src/core/ports/resources.ts";
export type { ResourceUsage } from "./src/resource/usage.ts";
export type { MetricRejection } from "./src/metrics/series.ts";
export type { MeasurementIntake, MetricDelta, MetricKind, MetricsDelta, RejectionReason } from "./src/core/wire/metrics_delta.ts";
export { EXIT_CODES, signalExitCode } from "./src/core/values/exit_codes.ts";
export { type Host } from "./src/core/ports/host.ts";
export type { SignalName } from "./src/core/values/signal_name.ts";
export type { LineFormat } from "./src/core/wire/line_block.ts";
export { type LogFields, type Logger, LogLevel, type LogRecord, type LogSink, silentLogger } from "./src/core/ports/log.ts";
export type {
  DaemonMeasures,
  DaemonStatus,
  LineCounts,
  Operations,
  ReloadAnswer,
  ReloadChange,
  UnitOutcome,
  UnitStatus,
  WaitGoal,
} from "./src/core/supervise/operations.ts";
export type { LogLine } from "./src/core/wire/line_block.ts";
export {
  type BackoffOptions,
  type OnExhausted,
  type RestartOptions,
  RestartPolicy,
  type RestartWhen,
} from "./src/core/supervise/restart.ts";
export type { RlimitOption, RlimitValue } from "./src/core/values/rlimits.ts";
export type { State } from "./src/core/supervise/state.ts";
export type {
  ChildHandle,
  Context,
  HealthAnswer,
  ShutdownHandle,
  StopOptions,
  StopScope,
  Subsystem,
  Task,
  WorkHandle,
  WorkOptions,
} from "./src/core/supervise/subsystem.ts";
export type { RetryOptions } from "./src/core/supervise/repeat.ts";
export type { SubsystemSpec } from "./src/core/supervise/spec.ts";
export type { Strategy, SupervisorOptions, Unstopped } from "./src/core/supervise/supervisor.ts";
export type { ShutdownRequest } from "./src/core/supervise/verdict.ts";
export type { LeftoverPolicy } from "./src/core/ports/continuity.ts";
export type { ProbeOptions, ServiceLogOptions, ServiceOptions } from "./src/service/options.ts";
export { GroupBuilder } from "./src/daemon/group_builder.ts";
export type { EventListener } from "./src/daemon/plan.ts";
export { Daemon, DaemonBuilder, type DaemonLoadOptions, type DaemonStats, type GroupOption } from "./src/daemon/daemon.ts";
export { type RunOptions } from "./src/daemon/run_options.ts";
export type { ExitReport } from "./src/daemon/exit_report.ts";
export type { InstanceType, Settings } from "./src/core/supervise/program.ts";
export { SignalConfig, signalDescription, type SignalOptions } from "./src/daemon/signal_config.ts";
export {
  BusConfig,
  Config,
  ConfigBuilder,
  type ConfigLoadOptions,
  LoggingConfig,
  MonitoringConfig,
  PerformanceConfig,
  ShutdownConfig,
} from "./src/settings/config.ts";
export type { StopExitCode } from "./src/settings/leaves.ts";
export type { ConfigParseOptions } from "./src/settings/load_sources.ts";
export type { ConfigJson } from "./src/settings/placed_leaves.ts";
export {
  BusReceiver,
  EventBus,
  type EventBusOptions,
  LaggedError,
  type SubscribeOptions,
  type TopicEvent,
  type TopicOf,
} from "./src/core/messages/bus.ts";
export { chan, ChannelReceiver, type Channels, Sender } from "./src/core/messages/channel.ts";
export { type Received, Receiver } from "./src/core/messages/receiver.ts";
export type { WaitOptions } from "./src/core/messages/waiters.ts";
export type { Explanation, SourcedValue } from "./src/config/explain.ts";
export type { Explain } from "./src/settings/config.ts";
export type { KillMode } from "./src/core/values/kill_mode.ts";
