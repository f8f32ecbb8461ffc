/**
 * Every module, method, key, variable, flag, error, example, bench and metric that the seeds name, and every line of the research that says a
 * part of the Rust crates only pretends ([S]) or is wrong ([B]): with ours, or with the reason why there is none.
 *
 * A name of ours is written as its kind and itself: `export:Daemon.run`, `type:Subsystem`, `key:logging.level`, `variable:DAEMON_NAME`,
 * `command:up`, `task:bench`, `metric:daemonkit_up`, `error:LOCK_HELD`, `file:examples/simple.ts`, `port:http` (of `./testing`'s host),
 * `test:TEXT` (part of the name of a test).
 */

/** One thing of the seeds. */
export type SeedRow =
  & {
    /** Its name there. */
    seed: string;
  }
  & (
    | {
      /** Names of ours that do what it says. */
      ours: readonly string[];
    }
    | {
      /** Number of the issue that brings it. */
      issue: number;
    }
    | {
      /** Reason why there is none. */
      reason: string;
    }
  );

const RUST_ONLY = "it is about Rust's compiler, allocator or runtime, which a JavaScript runtime brings along";

/** Seeds 000 to 002: the crate proc-daemon. */
export const PROC_DAEMON: readonly SeedRow[] = [
  // The daemon and its builder
  { seed: "Daemon", ours: ["export:Daemon"] },
  { seed: "Daemon::builder", ours: ["export:Daemon.builder"] },
  { seed: "Daemon::new (1.1.0)", ours: ["export:Daemon.builder"] },
  { seed: "with_task", ours: ["export:DaemonBuilder.withTask"] },
  { seed: "with_subsystem", ours: ["export:DaemonBuilder.withSubsystem"] },
  { seed: "with_subsystem_fn", ours: ["export:DaemonBuilder.withSubsystemFn"] },
  { seed: "with_signal_config", ours: ["export:DaemonBuilder.withSignalConfig"] },
  { seed: "without_signals", ours: ["export:DaemonBuilder.withoutSignals"] },
  { seed: "with_signals(term, int)", ours: ["export:DaemonBuilder.withSignalConfig"] },
  { seed: "with_pid_file", ours: ["export:DaemonBuilder.withPidFile"] },
  { seed: "with_config_path", ours: ["export:Daemon.load"] },
  { seed: "build", ours: ["export:DaemonBuilder.build"] },
  { seed: "run", ours: ["export:DaemonBuilder.run", "export:Daemon.run"] },
  { seed: "run returns a handle", ours: ["export:Daemon.start"] },
  { seed: "Daemon::shutdown", ours: ["export:Daemon.shutdown"] },
  { seed: "Daemon::is_running", ours: ["export:Daemon.isRunning"] },
  { seed: "Daemon::config", ours: ["export:Daemon.config"] },
  { seed: "Daemon::config_snapshot", ours: ["export:Daemon.config", "file:examples/hot_reload.ts"] },
  { seed: "Daemon::get_stats", ours: ["export:Daemon.getStats", "type:DaemonStats"] },
  { seed: "DaemonBuilder: Default (1.1.0)", ours: ["export:Daemon.builder"] },
  { seed: "coordinator.wait_initiated (1.1.0)", ours: ["type:ShutdownHandle"] },
  // Subsystems
  { seed: "Subsystem", ours: ["type:Subsystem"] },
  { seed: "Subsystem::run", ours: ["type:Subsystem"] },
  { seed: "Subsystem::name", ours: ["type:Subsystem"] },
  { seed: "Subsystem::restart_policy", ours: ["type:Subsystem"] },
  { seed: "Subsystem::health_check", issue: 10 },
  { seed: "RestartPolicy::Never", ours: ["export:RestartPolicy.Never"] },
  { seed: "RestartPolicy::Always", ours: ["export:RestartPolicy.Always"] },
  { seed: "RestartPolicy::OnFailure", ours: ["export:RestartPolicy.OnFailure"] },
  { seed: "RestartPolicy::ExponentialBackoff", ours: ["export:RestartPolicy.onFailure"] },
  { seed: "SubsystemManager", issue: 10 },
  { seed: "SubsystemManager::enable_events, try_next_event, subscribe_events", issue: 10 },
  { seed: "SubsystemEvent::StateChanged", ours: ["type:DaemonEvent"] },
  { seed: "ids of subsystems", reason: "a path is unique and says which; a run has a number" },
  // Shutdown
  { seed: "ShutdownHandle", ours: ["type:ShutdownHandle", "type:Context"] },
  {
    seed: "ShutdownHandle::cancelled, is_shutdown, is_forced, shutdown_reason, shutdown_time, time_remaining",
    ours: ["type:ShutdownHandle"],
  },
  { seed: "ShutdownHandle::ready", reason: "the end of run() is the end of clean-up; ready() is readiness here, as everywhere else" },
  { seed: "ShutdownReason", ours: ["error:SHUTDOWN_REQUESTED", "error:SHUTDOWN_FORCED"] },
  {
    seed: "ShutdownStats: progress, is_complete, elapsed",
    reason: "the exit report names what did not stop, and `down` shows what it waits for",
  },
  // Configuration
  { seed: "Config::new, Default", ours: ["export:Config.default"] },
  { seed: "Config::load", ours: ["export:Config.load"] },
  { seed: "Config::load_from_file", ours: ["export:Config.loadFromFile"] },
  { seed: "Config::load_with_provider", ours: ["export:Config.parse"] },
  { seed: "Config::validate", reason: "a Config that can be had is valid" },
  { seed: "Config::builder", ours: ["export:Config.builder"] },
  { seed: "Config::watch_file", ours: ["key:hot_reload"] },
  { seed: "Config::is_json_logging, is_colored_logging", ours: ["export:Config.isJsonLogging", "export:Config.isColoredLogging"] },
  { seed: "ConfigBuilder::name", ours: ["export:ConfigBuilder.name"] },
  { seed: "ConfigBuilder::log_level", ours: ["export:ConfigBuilder.logLevel"] },
  { seed: "ConfigBuilder::json_logging", ours: ["export:ConfigBuilder.jsonLogging"] },
  { seed: "ConfigBuilder::shutdown_timeout", ours: ["export:ConfigBuilder.shutdownTimeout"] },
  { seed: "ConfigBuilder::force_shutdown_timeout", ours: ["export:ConfigBuilder.forceTimeout"] },
  { seed: "ConfigBuilder::kill_timeout", ours: ["export:ConfigBuilder.killTimeout"] },
  { seed: "ConfigBuilder::work_dir", ours: ["export:ConfigBuilder.workDir"] },
  { seed: "ConfigBuilder::pid_file", ours: ["export:ConfigBuilder.pidFile"] },
  { seed: "ConfigBuilder::hot_reload", ours: ["export:ConfigBuilder.hotReload"] },
  { seed: "ConfigBuilder::worker_threads", ours: ["export:ConfigBuilder.workerThreads"] },
  { seed: "ConfigBuilder::enable_metrics", ours: ["export:ConfigBuilder.enableMetrics"] },
  { seed: "ConfigBuilder::memory_pool_size", ours: ["export:ConfigBuilder.memoryPoolSize"] },
  { seed: "ConfigBuilder::lock_free", ours: ["export:ConfigBuilder.lockFree"] },
  { seed: "LogLevel", ours: ["export:LogLevel"] },
  { seed: "daemon.toml", ours: ["command:init", "file:examples/quick-start/daemon.toml"] },
  { seed: "key name", ours: ["key:name"] },
  { seed: "key logging.level", ours: ["key:logging.level"] },
  { seed: "key logging.json", ours: ["key:logging.json"] },
  { seed: "key logging.color", ours: ["key:logging.color"] },
  { seed: "key logging.file", ours: ["key:logging.file"] },
  { seed: "key logging.max_file_size", ours: ["key:logging.max_file_size"] },
  { seed: "key logging.max_files", ours: ["key:logging.max_files"] },
  { seed: "key shutdown.timeout_ms", ours: ["key:shutdown.timeout_ms"] },
  { seed: "key shutdown.force_timeout_ms", ours: ["key:shutdown.force_timeout_ms"] },
  { seed: "key shutdown.kill_timeout_ms", ours: ["key:shutdown.kill_timeout_ms"] },
  { seed: "key performance.worker_threads", ours: ["key:performance.worker_threads"] },
  { seed: "key performance.thread_pinning", issue: 10 },
  { seed: "key performance.memory_pool_size", issue: 10 },
  { seed: "key performance.numa_aware", issue: 10 },
  { seed: "key performance.lock_free", issue: 10 },
  { seed: "key monitoring.enable_metrics", ours: ["key:monitoring.enable_metrics"] },
  { seed: "key monitoring.metrics_interval_ms", issue: 10 },
  { seed: "key monitoring.track_resources", issue: 10 },
  { seed: "key monitoring.health_checks", issue: 10 },
  { seed: "key monitoring.health_check_interval_ms", issue: 10 },
  { seed: "key work_dir", ours: ["key:work_dir"] },
  { seed: "key pid_file", ours: ["key:pid_file"] },
  { seed: "key hot_reload", ours: ["key:hot_reload"] },
  { seed: "DAEMON_NAME", ours: ["variable:DAEMON_NAME"] },
  { seed: "DAEMON_LOGGING_LEVEL", ours: ["variable:DAEMON_LOGGING_LEVEL"] },
  { seed: "DAEMON_SHUTDOWN_TIMEOUT_MS", ours: ["variable:DAEMON_SHUTDOWN_TIMEOUT_MS"] },
  { seed: "DAEMON_PERFORMANCE_WORKER_THREADS", ours: ["variable:DAEMON_PERFORMANCE_WORKER_THREADS"] },
  // Modules
  { seed: "metrics::MetricsCollector", ours: ["export:MetricsCollector"] },
  { seed: "increment_counter", ours: ["export:MetricsCollector.incrementCounter"] },
  { seed: "set_gauge", ours: ["export:MetricsCollector.setGauge"] },
  { seed: "record_histogram", ours: ["export:MetricsCollector.recordHistogram", "export:MetricsCollector.recordDuration"] },
  { seed: "get_metrics", ours: ["export:MetricsCollector.getMetrics", "type:MetricsSnapshot"] },
  { seed: "render_prometheus", ours: ["export:MetricsCollector.renderPrometheus"] },
  { seed: "metrics reset", ours: ["export:MetricsCollector.reset"] },
  { seed: "metrics::Timer", ours: ["export:MetricsCollector.startTimer", "type:Timer"] },
  { seed: "resources::ResourceTracker", ours: ["export:ResourceTracker.currentUsage", "export:ResourceTracker.history"] },
  { seed: "profiling::CpuProfiler", ours: ["export:CpuProfiler.start", "export:CpuProfiler.stopToFile"] },
  { seed: "profiling::heap::HeapProfiler", ours: ["export:writeHeapSnapshot"] },
  { seed: "coord::chan", ours: ["export:chan"] },
  { seed: "chan::unbounded, try_recv", ours: ["export:chan", "test:chan"] },
  { seed: "timing::now", ours: ["export:timing.now"] },
  { seed: "duration_since, as_nanos", ours: ["export:timing.now", "test:now measures on the monotonic clock"] },
  { seed: "scheduler::apply_process_hints, apply_runtime_hints", issue: 10 },
  { seed: "ipc::bind, connect", ours: ["export:ipc.serve", "export:ipc.connect"] },
  { seed: "lock::InstanceLock", ours: ["export:InstanceLock.acquire", "export:InstanceLock.isHeld"] },
  { seed: "pool::ObjectPool, PooledObject", ours: ["export:ObjectPool", "type:Lease"] },
  { seed: "pool::StringPool, PooledString", reason: "strings can't be used again in JavaScript" },
  { seed: "pool::VecPool, PooledVec", ours: ["export:BufferPool"] },
  { seed: "signal::SignalConfig", ours: ["export:SignalConfig"] },
  { seed: "signal::signal_description", ours: ["export:signalDescription"] },
  // Errors
  { seed: "Error", ours: ["export:DaemonError"] },
  { seed: "ConfigError", ours: ["export:ConfigError", "error:CONFIG_INVALID"] },
  { seed: "IoError", ours: ["export:IoError", "error:IO_FAILED"] },
  { seed: "SubsystemError", ours: ["export:SubsystemError", "error:SUBSYSTEM_FAILED"] },
  { seed: "ShutdownError", ours: ["export:ShutdownError", "error:SHUTDOWN_TIMEOUT"] },
  { seed: "ProfilingError", ours: ["export:ProfilingError", "error:PROFILING_FAILED"] },
  { seed: "Error::Timeout", ours: ["export:TimeoutError", "error:TIMEOUT"] },
  { seed: "ErrorCode", ours: ["export:ERROR_CODES", "type:ErrorCode"] },
  { seed: "category, is_retryable", ours: ["type:ErrorCategory", "export:DaemonError"] },
  { seed: "Result<T>", reason: "a function here throws or rejects, and its documentation says with what" },
  { seed: "macros subsystem!, task!, daemon_error!, time_block!", reason: RUST_ONLY },
  // Features
  { seed: "feature tokio, async-std", reason: RUST_ONLY },
  { seed: "feature metrics", ours: ["key:monitoring.enable_metrics"] },
  { seed: "feature console", ours: ["command:status", "command:logs"] },
  { seed: "feature json-logs", ours: ["key:logging.json"] },
  { seed: "feature config-watch", ours: ["key:hot_reload"] },
  { seed: "feature mmap-config", reason: "a configuration is read once, in some 100 µs" },
  { seed: "feature mimalloc", reason: RUST_ONLY },
  { seed: "feature high-res-timing", ours: ["export:timing.resolutionNs"] },
  { seed: "feature scheduler-hints, scheduler-hints-unix", issue: 10 },
  { seed: "feature lockfree-coordination", issue: 10 },
  { seed: "feature profiling, heap-profiling", ours: ["command:profile"] },
  { seed: "feature full", reason: "everything is there, and is loaded by who uses it" },
  // Examples
  { seed: "example simple", ours: ["file:examples/simple.ts"] },
  { seed: "example comprehensive", ours: ["file:examples/comprehensive.ts"] },
  { seed: "example hot_reload", ours: ["file:examples/hot_reload.ts"] },
  { seed: "example metrics_server", ours: ["file:examples/metrics_server.ts"] },
  // Performance
  { seed: "bench daemon creation", ours: ["file:bench/headline_bench.ts"] },
  { seed: "bench subsystem registration", ours: ["file:bench/headline_bench.ts"] },
  { seed: "bench config build", ours: ["file:bench/headline_bench.ts"] },
  { seed: "bench shutdown coordination", ours: ["file:bench/headline_bench.ts"] },
  { seed: "bench error creation, error chain", ours: ["file:bench/headline_bench.ts"] },
  { seed: "cargo bench", ours: ["task:bench"] },
  { seed: "cargo bench --features metrics", ours: ["file:bench/metrics_bench.ts"] },
  { seed: "memory: base, per subsystem, configuration, signals", ours: ["file:bench/memory.ts"] },
  { seed: "version performance history", issue: 13 },
  { seed: "100k+ concurrent tasks", ours: ["file:bench/supervisor_scale_bench.ts"] },
];

/** Seed 003: the daemon of scheduled jobs. */
export const SCHEDULED_JOBS: readonly SeedRow[] = [
  { seed: "regularly scheduled jobs in configuration files", issue: 11 },
  { seed: "background worker pool, minimum and maximum", issue: 11 },
  { seed: "a port on which requests are processed asynchronously", issue: 11 },
  { seed: "failures are logged", ours: ["command:logs", "command:events"] },
  { seed: "restarts to recover from unexpected events", ours: ["key:service.restart.policy", "command:up"] },
  { seed: "executable files, daemon process, configuration files", ours: ["task:compile", "command:run", "command:validate"] },
];

/** Seed 004: ron-kernel's performance document, and what the kernel itself names. */
export const RON_KERNEL: readonly SeedRow[] = [
  { seed: "Bus", ours: ["export:EventBus"] },
  { seed: "publish, subscribe, receiver_count", ours: ["export:EventBus.publish", "export:EventBus.subscribe"] },
  { seed: "exact Lagged(n)", ours: ["export:LaggedError", "test:with the exact lag"] },
  { seed: "bus_lagged_total", ours: ["metric:bus_lagged_total"] },
  { seed: "events_published_total", ours: ["metric:events_published_total"] },
  { seed: "service_restarts_total", ours: ["metric:service_restarts_total"] },
  { seed: "request_latency_seconds", ours: ["test:request_latency_seconds counts by server"] },
  { seed: "bus.capacity", ours: ["key:bus.capacity"] },
  { seed: "restart-storm control", ours: ["key:service.restart.within", "key:service.restart.on_exhausted"] },
  { seed: "config hot swap", ours: ["command:reload", "key:hot_reload"] },
  { seed: "/readyz, /healthz", ours: ["test:readyz"] },
  { seed: "/metrics in Prometheus's format", ours: ["metric:daemonkit_up", "test:in both formats"] },
  { seed: "broadcast_publish_latency, broadcast_fanout_throughput", issue: 13 },
  { seed: "supervisor_restart_path", issue: 13 },
  { seed: "config_hot_swap", issue: 13 },
  { seed: "bus_fanout_load, perf_bus_fanout", issue: 13 },
  { seed: "restart_storm, perf_restart_storm", issue: 13 },
  { seed: "config_reload_loop, perf_config_reload", issue: 13 },
  { seed: "regression gates, baselines, waivers", issue: 13 },
  { seed: "flame graph", ours: ["command:profile", "test:flameGraph draws"] },
  { seed: "tokio-console", issue: 13 },
  { seed: "triage runbook", issue: 13 },
  { seed: "acceptance checklist", issue: 13 },
  {
    seed: "amnesia mode, mog_autotune, edge notify, SoA ring",
    reason: "they belong to ron-kernel's own experiments, and the research found them wrong or slower",
  },
];

/** Lines of the research that are marked [S] or [B], each with what shows that ours does it. */
export const PRETENDED: readonly SeedRow[] = [
  { seed: "[B] codes and sections can't be named by users", ours: ["export:ERROR_CODES", "export:ShutdownConfig", "export:ConfigBuilder"] },
  { seed: "[B] escapes in log files", ours: ["test:colour"] },
  { seed: "[B] a shutdown timeout alone fails validation", ours: ["test:deadlines"] },
  { seed: "[B] unknown keys are ignored", ours: ["test:unknown"] },
  { seed: "[B] precedence of file and environment is inconsistent", ours: ["command:config explain", "test:layer"] },
  { seed: "[B] the environment reaches 8 of 23 leaves", ours: ["variable:DAEMON_MONITORING_ENABLE_METRICS"] },
  { seed: "[B] JSON is parsed as TOML; a missing file is silent defaults", ours: ["error:CONFIG_NOT_FOUND", "test:JSON"] },
  { seed: "[B] hot reload follows the file, without validation, and applies nothing", ours: ["command:reload", "test:reload"] },
  { seed: "[B] with_pid_file does not exist", ours: ["export:DaemonBuilder.withPidFile"] },
  { seed: "[B] shutdown is noticed after a whole health interval", ours: ["file:bench/headline_bench.ts"] },
  { seed: "[B] a shutdown by code hangs while signals are on", ours: ["test:shutdown()"] },
  { seed: "[B] a clone has no subsystems; stats while running are empty", ours: ["export:Daemon.getStats", "export:Daemon.subsystems"] },
  { seed: "[B] a second daemon in one process fails", ours: ["test:two of them live in one process"] },
  { seed: "[S] automatic restart is dead code", ours: ["test:restart"] },
  { seed: "[B] restart_subsystem starts a second instance", ours: ["test:no second instance"] },
  { seed: "[B] the first wait is twice the initial one", ours: ["export:RestartPolicy.waitMs"] },
  { seed: "[B] a fast end is overwritten by running", ours: ["file:tests/core/supervise/supervisor_model_test.ts"] },
  { seed: "[B] subscribers steal events from one another", ours: ["export:EventBus.subscribe"] },
  {
    seed: "[B] a stop waits 500 ms whatever is configured, then hangs",
    ours: ["key:service.stop.timeout", "error:SUBSYSTEM_STOP_TIMEOUT"],
  },
  { seed: "[B] there is no order of dependencies", ours: ["key:service.after"] },
  { seed: "[S] force aborts nothing, kill kills nothing", ours: ["key:shutdown.force_timeout", "key:shutdown.kill_timeout"] },
  { seed: "[B] Forced is never recorded", ours: ["error:SHUTDOWN_FORCED"] },
  { seed: "[S] QUIT, HUP, USR1, USR2 and custom signals are never delivered", ours: ["export:SignalConfig", "command:signal"] },
  { seed: "[B] a second Ctrl+C does nothing", ours: ["test:second signal"] },
  { seed: "[S] the instance lock is not used; it truncates before it owns", ours: ["error:LOCK_HELD"] },
  { seed: "[B] Timer.stop records twice", ours: ["test:a timer once"] },
  {
    seed: "[B] histograms fall, names are not checked",
    ours: ["test:never fall between two scrapes", "test:MetricsCollector refuses wrong declarations"],
  },
  { seed: "[S] metrics are not wired to the daemon", ours: ["export:Daemon.metrics", "test:what a module measures is on /metrics"] },
  {
    seed: "[B] the first CPU sample is a spike; alerts at every sample",
    ours: ["test:Tracker: processor time", "test:Tracker alerts once"],
  },
  { seed: "[B] IPC steals a live socket", ours: ["error:IO_ADDRESS_IN_USE", "test:refuses a live one"] },
  {
    seed: "[B] an io error loses its source; no code, severity, chain, JSON",
    ours: ["export:DaemonError.chain", "export:DaemonError.toJSON"],
  },
  { seed: "[B] a closed bus looks like a lag", ours: ["error:CHANNEL_CLOSED", "error:BUS_LAGGED"] },
  { seed: "[B] a clean exit is a crash", ours: ["key:service.restart.policy"] },
  { seed: "[B] liveness follows readiness", ours: ["test:livez"] },
  { seed: "[B] /metrics without a content type", ours: ["test:metricsFormat"] },
  { seed: "[S] named rigs and benches do not exist", issue: 13 },
];
