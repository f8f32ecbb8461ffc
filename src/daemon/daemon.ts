import type { RunOptions } from "./run_options.ts";
import { CancelToken, stopReason } from "../core/supervise/cancel.ts";
import { systemClock } from "../core/ports/clock.ts";
import { durationOption } from "../core/values/duration.ts";
import { DaemonError, messageOf, ShutdownError } from "../core/values/errors.ts";
import { EXIT_CODES } from "../core/values/exit_codes.ts";
import { type LogSink, silentLogger } from "../core/ports/log.ts";
import { checkBooleans, checkFunction, checkKeys, checkObject, checkText } from "../core/values/options.ts";
import type { EventBus } from "../core/messages/bus.ts";
import type { DaemonEvent, DaemonTopics } from "../core/supervise/event.ts";
import type { MetricsCollector } from "../metrics/collector.ts";
import type { Operations, ReloadAnswer, UnitStatus } from "../core/supervise/operations.ts";
import type { Subsystem } from "../core/supervise/subsystem.ts";
import type { AddOptions, SubsystemEnd, SubsystemHandle } from "../core/supervise/children.ts";
import { addition } from "../core/supervise/registration.ts";
import { type ShutdownRequest, shutdownRequest } from "../core/supervise/verdict.ts";
import { lastWords } from "../platform/last_words.ts";
import { GroupBuilder } from "./group_builder.ts";
import { Config } from "../settings/config.ts";
import type { Host } from "../core/ports/host.ts";
import { RestartPolicy } from "../core/supervise/restart.ts";
import type { SupervisorOptions } from "../core/supervise/supervisor.ts";
import { checkSupervisorOptions } from "../core/supervise/supervisor_options.ts";
import { sameFiles } from "../service/log.ts";
import type { ServiceSpec } from "../service/spec.ts";
import { FEATURES, type ListedFeature } from "./features.ts";
import { SignalConfig } from "./signal_config.ts";
import type { ExitReport } from "./exit_report.ts";
import type { LoadedConfig } from "../settings/load_config.ts";
import { type Entry, type EventListener, featureEntriesIn, type Plan } from "./plan.ts";
import { Session } from "./session.ts";

const DEFAULT_SIGNALS = new SignalConfig();

/** Counts over all subsystems. */
export interface DaemonStats {
  /** Name from the configuration. */
  name: string;
  /** Milliseconds since the start, 0 before it. */
  uptimeMs: number;
  /** Whether a shutdown has begun. */
  isShutdown: boolean;
  /** Why, where it has. */
  shutdownReason: string | undefined;
  /** Restarts over the daemon's life. */
  totalRestarts: number;
  /** Subsystems by state; a state that none is in is missing. */
  states: Readonly<Partial<Record<UnitStatus["state"], number>>>;
}

/**
 * A program that runs until it is told to stop: subsystems, their supervision, and one graceful end.
 *
 * - Building it costs next to nothing and touches nothing; {@linkcode Daemon.start} does.
 * - It runs once. A second start is refused.
 * - Any number of daemons live in one process; at most one of them owns it.
 *
 * @example The smallest daemon: one task that works until it is told to stop
 * ```ts
 * import { Daemon } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const report = await Daemon.builder()
 *   .withTask("main", async (context) => {
 *     for (let round = 1; !context.isShutdown(); round++) {
 *       if (round === 3) context.requestShutdown("done");
 *       await context.sleep("1ms");
 *     }
 *   })
 *   .run({ ownsProcess: false });
 * assert.equal(report.exitCode, 0);
 * assert.equal(report.reason, "done");
 * ```
 */
export class Daemon implements AsyncDisposable {
  readonly #plan: Plan;
  #token: CancelToken | undefined;
  #shutdownReason: string | undefined;
  #shutdownTime: number | undefined;
  #exitCode: number | undefined;
  #session: Session | undefined;

  /**
   * Creates a daemon from a plan; {@linkcode Daemon.builder} does it for you.
   *
   * @internal
   */
  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Begins to describe a daemon with these settings, the defaults when none are given. */
  static builder(config?: Config): DaemonBuilder {
    return new DaemonBuilder(config);
  }

  /**
   * Begins to describe the daemon of a configuration file: with its services and listeners, its local overlay and the `DAEMON_*` environment, as
   * `daemonkit run` runs it. What code adds runs beside them. A reload reads the file again; the daemon has a control socket and a lock.
   *
   * @example A daemon of a file, and a task beside its services
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   * import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
   * import { tmpdir } from "node:os";
   *
   * const folder = mkdtempSync(`${tmpdir()}/app-`);
   * writeFileSync(`${folder}/daemon.toml`, `name = "demo"\nstate_dir = "state"\n[service.sleeper]\nrun = ["sleep", "1000"]\n`);
   * const builder = await Daemon.load(`${folder}/daemon.toml`);
   * const daemon = await builder.withTask("main", (context) => context.cancelled(), { after: ["sleeper"] }).withoutSignals().build().start();
   * assert.deepEqual(daemon.subsystems().map(({ name, state }) => `${name} is ${state}`), ["sleeper is running", "main is running"]);
   * daemon.shutdown();
   * await daemon.wait();
   * rmSync(folder, { recursive: true });
   * ```
   *
   * @throws {ConfigError} if there is no such file, or there is a mistake in it, with every mistake found; the promise rejects with it.
   */
  static async load(path?: string, options: DaemonLoadOptions = {}): Promise<DaemonBuilder> {
    const action = "load a daemon";
    if (path !== undefined) checkText(action, "path", path);
    checkKeys(action, options, ["set", "base", "envPrefix", "optional", "host"]);
    const { host: given, ...others } = options;
    const [{ getHost }, { loadConfig }] = await Promise.all([import("../platform/mod.ts"), import("../settings/load_config.ts")]);
    const host = given ?? await getHost();
    const { files, env, ownProcess } = host;
    const loaded = await loadConfig({ files, env, cwd: ownProcess.cwd() }, { ...others, ...(path === undefined ? {} : { path }) });
    const builder = new DaemonBuilder(loaded.config, loaded);
    return given === undefined ? builder : builder.withHost(given);
  }

  /**
   * Begins to describe the daemon of a configuration file: its services, its control socket, its lock.
   *
   * @internal
   */
  static fromConfig(loaded: LoadedConfig): DaemonBuilder {
    return new DaemonBuilder(loaded.config, loaded);
  }

  /** Its settings; after a reload those that are in force now. */
  get config(): Config {
    return this.#session?.config ?? this.#plan.config;
  }

  /** Whether it has started and not ended. */
  isRunning(): boolean {
    return this.#session !== undefined && !this.#session.isOver;
  }

  /** Whether a shutdown was asked for. */
  isShutdown(): boolean {
    return this.#shutdownReason !== undefined;
  }

  /** Why a shutdown was asked for; undefined before that. */
  get shutdownReason(): string | undefined {
    return this.#shutdownReason;
  }

  /** When it was asked for, in milliseconds since the Unix epoch; undefined before that. */
  get shutdownTime(): number | undefined {
    return this.#shutdownTime;
  }

  /** Resolves when a shutdown is asked for. */
  cancelled(): Promise<void> {
    if (this.#shutdownReason !== undefined) return Promise.resolve();
    return (this.#token ??= new CancelToken()).cancelled();
  }

  /** Events of the daemon, by topic. Readers see events published after they came. */
  get bus(): EventBus<DaemonTopics> {
    return this.#started("bus").events.bus;
  }

  /** Measurements of the program: those of `context.metrics`, and of whoever else takes them here. */
  get metrics(): MetricsCollector {
    return this.#started("metrics").metrics;
  }

  /**
   * The instance of this class among the subsystems that run; with `name`, the one with that path.
   *
   * @throws {DaemonError} if the daemon has not started, none runs, or several do and no name says which.
   */
  get<T extends object>(type: abstract new (...args: never[]) => T, name?: string): T {
    return this.#started("get").locator.get(type, name);
  }

  /** Operations for operators. */
  get operations(): Operations {
    return this.#started("operations").operations;
  }

  /** All subsystems, in order of registration. */
  subsystems(): UnitStatus[] {
    return this.#session?.units() ?? [];
  }

  /** Counts over all subsystems. */
  getStats(): DaemonStats {
    const units = this.subsystems();
    const states: Partial<Record<UnitStatus["state"], number>> = {};
    for (const { state } of units) states[state] = (states[state] ?? 0) + 1;
    return {
      name: this.config.name,
      uptimeMs: this.#session?.uptimeMs() ?? 0,
      isShutdown: this.isShutdown(),
      shutdownReason: this.#shutdownReason,
      totalRestarts: units.reduce((sum, unit) => sum + unit.restarts, 0),
      states,
    };
  }

  /**
   * Adds a subsystem to a running daemon, or to `group`, the path or the handle of a group that runs, and starts it. It is supervised like those that were there from
   * the beginning; one in a group ends with the present run of the group.
   *
   * @example A worker that comes and goes while the daemon runs
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const daemon = await Daemon.builder()
   *   .withSupervisor("workers", {}, (group) => group.withTask("first", (context) => context.cancelled()))
   *   .build().start();
   * const worker = daemon.add({ name: "second", run: (context) => context.cancelled() }, { group: "workers" });
   * assert.equal(worker.name, "workers/second");
   * assert.equal((await worker.remove()).outcome, "removed");
   * assert.equal((await worker.ended).state, "stopped");
   * assert.deepEqual(daemon.subsystems().map(({ name }) => name), ["workers", "workers/first"]);
   * daemon.shutdown();
   * await daemon.wait();
   * ```
   *
   * @throws {ShutdownError} if a shutdown has begun, or the group is stopping; the subsystem is never run.
   * @throws {SubsystemError} if there is no such group, or it does not run.
   * @throws {TypeError | RangeError} if it can't be run, its name is bad or taken, or `after` names no sibling.
   */
  add(subsystem: Subsystem, options: AddOptions & { group?: string | Pick<SubsystemHandle, "name"> } = {}): SubsystemHandle {
    checkObject("add a subsystem", options);
    const { group, ...others } = options;
    return this.#started("add").locator.add(addition(subsystem, Object.keys(others).length === 0 ? undefined : others), group);
  }

  /**
   * Resolves with how the subsystem with this path has ended, once nothing starts it again by itself: it has completed, failed for good or
   * was stopped, or the daemon has ended.
   *
   * @example A task whose end is awaited
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const daemon = await Daemon.builder()
   *   .withTask("server", (context) => context.cancelled())
   *   .withTask("migration", (context) => context.sleep("1ms"))
   *   .build().start();
   * assert.equal((await daemon.ended("migration")).state, "completed");
   * daemon.shutdown();
   * assert.equal((await daemon.ended("server")).state, "stopped");
   * await daemon.wait();
   * ```
   *
   * @throws {SubsystemError} if there is none with this path (as a rejection).
   * @throws {TypeError} if it is no text (likewise).
   */
  async ended(name: string): Promise<SubsystemEnd> {
    return await this.#started("ended").locator.endOf(name);
  }

  /**
   * Starts everything, in order. Resolves with the daemon once each subsystem has started.
   *
   * @throws {TypeError} if an option is unknown or of a wrong type (as a rejection, like all of these).
   * @throws {DaemonError} if it was started before, or a subsystem fails before it is ready: what had started is stopped again by then, and
   * the error's causes and {@linkcode Daemon.wait} say what else went wrong.
   */
  async start(options?: RunOptions): Promise<this> {
    // A start without options is on the way of every benchmark.
    if (options !== undefined) checkKeys("start", options, ["ownsProcess", "isBackground", "isControlled", "exitGrace"]);
    const { ownsProcess = false, isBackground = false, isControlled = false, exitGrace = "5s" } = options ?? {};
    if (options !== undefined) checkBooleans("start", { ownsProcess, isBackground, isControlled });
    const exitGraceMs = exitGrace === "never" || !ownsProcess ? undefined : durationOption("start", "exitGrace", exitGrace);
    if (this.#session !== undefined) throw startedTwice();
    const session = new Session(this.#plan, (reason) => void this.shutdown(reason));
    this.#session = session;
    if (this.#shutdownReason !== undefined) {
      session.neverStart(this.#shutdownReason, this.#exitCode);
      throw new ShutdownError("SHUTDOWN_IN_PROGRESS", `Cannot start as a shutdown was asked for before: ${this.#shutdownReason}`);
    }
    await session.start({ ownsProcess, isBackground, isControlled: isControlled || this.#plan.loaded !== undefined, exitGraceMs });
    return this;
  }

  /**
   * Reads the configuration file again and applies what differs: new services start, those that are gone stop, those whose own keys have
   * changed restart, and everything else goes on. Resolves when the units that it touches have started or stopped.
   *
   * @throws {ConfigError} with every mistake of the file; nothing has changed then.
   * @throws {DaemonError} if the daemon was not started from a file, or is stopping.
   */
  async reload(options: { dryRun?: boolean } = {}): Promise<ReloadAnswer> {
    checkKeys("reload", options, ["dryRun"]);
    checkBooleans("reload", { dryRun: options.dryRun ?? false });
    return await this.#started("reload").reloads.reload(options);
  }

  /**
   * Resolves with the report when the daemon has ended.
   *
   * @throws {DaemonError} if it was not started, or is called by a subsystem of this daemon: its end would wait for itself. Where the daemon
   * does not own the process, that is noticed only before the subsystem's first `await`.
   */
  wait(): Promise<ExitReport> {
    const session = this.#started("wait");
    const caller = session.attribution.callingUnit();
    if (caller !== undefined && !session.isOver) {
      throw new DaemonError(
        "RUNTIME_STATE",
        `Cannot wait for the end of the daemon inside ${caller}, as the daemon can't end before it: return, or call requestShutdown()`,
      );
    }
    return session.ended;
  }

  /**
   * Starts everything, waits for the end and returns the report; a start that fails is an end too.
   *
   * As the owner of the process it handles signals, says on stderr why a start failed, sets the exit code, and leaves the process to end by
   * itself. It exits when a run did not stop, or something keeps the process alive for `exitGrace`, as it would live on for ever.
   *
   * @throws {DaemonError} if it was started before.
   */
  async run(options: RunOptions = {}): Promise<ExitReport> {
    checkObject("run", options);
    const { ownsProcess = true } = options;
    if (this.#session !== undefined) throw startedTwice();
    // A failed start is in the report.
    const failure = await this.start({ ...options, ownsProcess }).then(() => undefined, (error: unknown) => ({ error }));
    if (failure !== undefined) {
      const session = this.#session as Session | undefined;
      if (session === undefined) throw failure.error;
      // Otherwise its log has said it.
      if (ownsProcess && session.log === silentLogger) {
        lastWords(`Cannot start ${this.config.name}: ${messageOf(failure.error)}`, EXIT_CODES.failed);
      }
    }
    return await this.wait();
  }

  /**
   * Asks the daemon to stop and returns at once, so that a subsystem may call it; {@linkcode Daemon.wait} waits for the end.
   *
   * With `force`, a task that does not listen still has what lies between `forceTimeout` and `killTimeout` of the configuration, by
   * default 5 s; asking with `force` once more ends that too.
   *
   * @example No time for a task that does not listen
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const daemon = await Daemon.builder().withTask("slow", async (context) => {
   *   const forced = Promise.withResolvers<void>();
   *   context.onForce(forced.resolve);
   *   await forced.promise;
   * }).build().start();
   * daemon.shutdown({ reason: "the disk is gone", exitCode: 74, force: true });
   * const { reason, exitCode, unstopped } = await daemon.wait();
   * assert.deepEqual([reason, exitCode, unstopped], ["the disk is gone", 74, []]);
   * ```
   *
   * @returns whether this was the first request.
   * @throws {TypeError | RangeError} if the request is wrong.
   */
  shutdown(request?: string | ShutdownRequest): boolean {
    const { reason, exitCode, isForced } = shutdownRequest(request, "shutdown was requested");
    this.#exitCode ??= exitCode;
    const isFirst = this.#shutdownReason === undefined;
    if (isFirst) {
      this.#shutdownReason = reason;
      this.#shutdownTime = (this.#plan.host?.clock ?? systemClock).wallMs();
      this.#token?.cancel(stopReason(reason));
    }
    this.#session?.shutdown(reason, exitCode);
    if (isForced) this.#session?.hurry();
    return isFirst;
  }

  /** Stops the daemon and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.shutdown();
    await this.#session?.ended;
  }

  #started(what: string): Session {
    if (this.#session === undefined) throw new DaemonError("RUNTIME_STATE", `Cannot use "${what}" before the daemon was started`);
    return this.#session;
  }
}

function startedTwice(): DaemonError {
  return new DaemonError("RUNTIME_STATE", "Cannot start a daemon twice: build another one");
}

/** Options of {@linkcode Daemon.load}. */
export interface DaemonLoadOptions {
  /** `key=value` texts that win over everything, as `--set` does. @default {[]} */
  set?: readonly string[];
  /** Settings made in code, over which everything else wins. @default {Config.default()} */
  base?: Config;
  /** Prefix of names in the environment. @default {"DAEMON_"} */
  envPrefix?: string;
  /** Whether a missing file is the same as an empty one. @default {false} */
  optional?: boolean;
  /** Another machine than the real one, such as the fake of `./testing`. @default {the real one} */
  host?: Host;
}

/**
 * Gathers what a daemon runs and how; {@linkcode DaemonBuilder.build} makes the daemon. Made by `Daemon.builder()`.
 *
 * Nothing happens before the daemon starts: wrong arguments throw here, everything else is found out there.
 *
 * @example Two tasks, one after the other
 * ```ts
 * import { Daemon } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const order: string[] = [];
 * const daemon = Daemon.builder()
 *   .withTask("api", async (context) => { order.push("api"); await context.cancelled(); }, { after: ["db"] })
 *   .withTask("db", async (context) => { order.push("db"); await context.cancelled(); })
 *   .build();
 * await daemon.start();
 * daemon.shutdown();
 * const { exitCode } = await daemon.wait();
 * assert.deepEqual(order, ["db", "api"]);
 * assert.equal(exitCode, 0);
 * ```
 */
export class DaemonBuilder extends GroupBuilder {
  readonly #config: Config;
  readonly #loaded: LoadedConfig | undefined;
  readonly #features: readonly ListedFeature[];
  #supervision: SupervisorOptions | undefined;
  #signals: SignalConfig | undefined = DEFAULT_SIGNALS;
  #sink: LogSink | undefined;
  #pidFile: string | undefined;
  #host: Host | undefined;
  /** Shared by the daemons that it makes; the set is made with the first listener. */
  readonly #listeners: { all: Set<EventListener> | undefined } = { all: undefined };

  /**
   * Creates a builder; `Daemon.builder()` does it for you.
   *
   * @internal
   */
  constructor(config: Config = Config.default(), loaded?: LoadedConfig, features: readonly ListedFeature[] = FEATURES) {
    if (!(config instanceof Config)) throw new TypeError("Cannot build a daemon as its settings must be a Config: see Config.builder()");
    super(loaded?.baseDir ?? config.workDir ?? ".", RestartPolicy.Never);
    this.#config = config;
    this.#loaded = loaded;
    this.#features = features;
    if (loaded !== undefined) this.addServices(loaded.services);
  }

  /** The settings of the daemon. */
  get config(): Config {
    return this.#config;
  }

  /**
   * Says how the units at the top are restarted together, as `withSupervisor` does for a group. Without it each is restarted alone, and only
   * its own limits count: one restless unit must not end a daemon.
   *
   * @example Three failures of any unit within a minute end the daemon
   * ```ts
   * import { Daemon, RestartPolicy } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const { exitCode, reason } = await Daemon.builder()
   *   .withSupervision({ maxRestarts: 2, within: "1m" })
   *   .withTask("flaky", () => { throw new Error("boom"); }, { restart: RestartPolicy.onFailure({ delay: 0 }), retryStart: true })
   *   .run({ ownsProcess: false });
   * assert.equal(exitCode, 1);
   * assert.match(reason, /Cannot restart flaky any more/);
   * ```
   *
   * @throws {TypeError | RangeError} if an option is unknown or wrong.
   */
  withSupervision(options: SupervisorOptions): this {
    checkSupervisorOptions("set the supervision", options);
    if (this.#loaded !== undefined && options.strategy !== undefined && options.strategy !== "oneForOne") {
      throw new RangeError(
        `Cannot set the supervision as the services of a configuration file must be restarted one by one: current value is "${options.strategy}"; ` +
          "add a group with this strategy",
      );
    }
    this.#supervision = options;
    return this;
  }

  /** Says which signals do what, when the daemon owns the process. */
  withSignalConfig(signals: SignalConfig): this {
    if (!(signals instanceof SignalConfig)) {
      throw new TypeError("Cannot set signals as they must be a SignalConfig: make one of these options");
    }
    this.#signals = signals;
    return this;
  }

  /** Leaves all signals alone. */
  withoutSignals(): this {
    this.#signals = undefined;
    return this;
  }

  /** Writes the process number to a file while the daemon runs; a file of a live process refuses the start. */
  withPidFile(path: string): this {
    if (typeof path !== "string" || path === "") {
      throw new TypeError(`Cannot set a PID file as it must be a path: current value is ${messageOf(path)}`);
    }
    this.#pidFile = path;
    return this;
  }

  /** Sends log records to `sink` instead of the console. */
  withLogger(sink: LogSink): this {
    checkFunction("set a logger", "sink", sink);
    this.#sink = sink;
    return this;
  }

  /**
   * Calls `listener` with every event of the daemons that this builder makes, from the first one on: also with those of the start, which come
   * before anybody can reach the bus. Its error, or that of its promise, is in the exit report; nobody waits for it. Disposing what
   * is returned takes it back.
   *
   * @example The first events of a daemon
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const seen: string[] = [];
   * const builder = Daemon.builder().withTask("main", (context) => context.cancelled());
   * builder.onEvent((event) => seen.push(event.type === "unit.state" ? `${event.name} is ${event.to}` : event.type));
   * const daemon = await builder.build().start();
   * assert.deepEqual(seen.slice(0, 3), ["daemon.starting", "main is waiting", "main is starting"]);
   * daemon.shutdown();
   * await daemon.wait();
   * assert.equal(seen.at(-1), "daemon.stopped");
   * ```
   */
  onEvent(listener: (event: DaemonEvent) => unknown): Disposable {
    checkFunction("listen to events", "listener", listener);
    // One that is given twice is called twice, and taken back once.
    const own: EventListener = (event) => listener(event);
    const listeners = this.#listeners.all ??= new Set();
    listeners.add(own);
    return { [Symbol.dispose]: () => void listeners.delete(own) };
  }

  /** Runs on another machine than the real one, such as the fake of `./testing`. */
  withHost(host: Host): this {
    checkObject("set a host", host);
    checkFunction("set a host", "clock.schedule", host.clock?.schedule);
    this.#host = host;
    return this;
  }

  /**
   * Makes the daemon. Synchronous, no I/O. The builder may go on to make others.
   *
   * @throws {TypeError | RangeError} if a name is bad or taken, or `after` names nothing or leads back to itself, or two
   * services write the same log file.
   */
  build(): Daemon {
    const entries = this.entries(this.#supervision?.strategy);
    if (this.hasLogFile) checkLogFiles(entries);
    return new Daemon({
      config: this.#config,
      entries,
      isPlain: this.isPlain,
      stops: this.stops,
      supervision: this.#supervision,
      signals: this.#signals,
      sink: this.#sink,
      pidFile: this.#pidFile ?? this.#config.pidFile,
      loaded: this.#loaded,
      listeners: this.#listeners,
      features: this.#features,
      host: this.#host,
    });
  }

  /** Builds the daemon, starts it and waits for its end: see {@linkcode Daemon.run}. */
  run(options?: RunOptions): Promise<ExitReport> {
    return this.build().run(options);
  }
}

function checkLogFiles(entries: readonly Entry[]): void {
  const [same] = sameFiles(
    featureEntriesIn(entries).filter(({ entry }) => entry.feature === "service").map(({ value, prefix, entry: { name } }) => ({
      ...value as ServiceSpec,
      name: prefix + name,
    })),
  );
  if (same === undefined) return;
  const { unit, other, file } = same;
  throw new RangeError(
    `Cannot build as the log file of ${JSON.stringify(unit)} must be its own: current value is ${file}, which ${
      JSON.stringify(other)
    } writes; ` +
      "write {instance} in its name where a service has several instances",
  );
}
