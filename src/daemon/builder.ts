import { type AfterEdge, afterProblems } from "../core/supervise/after.ts";
import type { Host } from "../core/ports/host.ts";
import type { LogSink } from "../core/ports/log.ts";
import { nameKey } from "../core/values/names.ts";
import type { Context, Subsystem, Task } from "../core/supervise/subsystem.ts";
import type { SubsystemSpec } from "../core/supervise/spec.ts";
import { checkFunction } from "../core/values/options.ts";
import { checkSupervisorOptions } from "../core/supervise/supervisor_options.ts";
import { supervisorSubsystem } from "../core/supervise/nested_supervisor.ts";
import { checkName, checkSubsystem, registration } from "../core/supervise/registration.ts";
import { RestartPolicy } from "../core/supervise/restart.ts";
import type { Strategy, SupervisorOptions } from "../core/supervise/supervisor.ts";
import { sameFiles } from "../service/log.ts";
import { type ServiceOptions, serviceSpec } from "../service/options.ts";
import type { ServiceSpec } from "../service/spec.ts";
import { Config } from "../settings/config.ts";
import { Daemon, type RunOptions } from "./daemon.ts";
import { longestStopOf } from "../settings/shutdown_deadlines.ts";
import type { ExitReport } from "./exit_report.ts";
import type { LoadedConfig } from "../settings/load_settings.ts";
import { type Entry, type EventListener, servicesIn } from "./plan.ts";
import { SignalConfig } from "./signal_config.ts";

/** Names beyond these are looked up instead of compared. */
const MANY_NAMES = 16;

const DEFAULT_SIGNALS = new SignalConfig();

/**
 * Gathers what a supervisor runs: that of a daemon, which is a {@linkcode DaemonBuilder}, or that of a group inside it, to any depth.
 *
 * @example A group inside a group: each has a strategy of its own
 * ```ts
 * import { Daemon } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const daemon = Daemon.builder()
 *   .withSupervisor("web", { strategy: "restForOne" }, (web) =>
 *     web
 *       .withTask("db", (context) => context.cancelled())
 *       .withSupervisor("api", { strategy: "oneForAll" }, (api) =>
 *         api.withTask("queue", (context) => context.cancelled()).withTask("pool", (context) => context.cancelled())))
 *   .build();
 * await daemon.start();
 * assert.deepEqual(daemon.subsystems().map(({ name }) => name), ["web", "web/db", "web/api", "web/api/queue", "web/api/pool"]);
 * daemon.shutdown();
 * assert.equal((await daemon.wait()).exitCode, 0);
 * ```
 */
export class GroupBuilder {
  /** Where relative paths of services count from; what is not known yet is asked for when there is a service. */
  readonly #baseDir: () => string;
  /** How a group that gave up is treated by default: at the top nobody is left to judge whether the same again helps. */
  readonly #groupRestart: RestartPolicy;
  #entries: Entry[] = [];
  /** Their names without case, once there are many. */
  #keys: Set<string> | undefined;
  /** Somebody has the list: it is copied before it grows. */
  #isShared = false;
  #hasAfter = false;
  #hasLogFile = false;

  /** Creates a builder; `Daemon.builder()` and `withSupervisor` do it for you. */
  constructor(baseDir: () => string, services: readonly ServiceSpec[] = [], groupRestart: RestartPolicy = RestartPolicy.OnFailure) {
    this.#baseDir = baseDir;
    this.#groupRestart = groupRestart;
    for (const service of services) this.#add(service.name, { service }, service.after.length > 0);
  }

  /** Adds a function, run inline: it is stopped by its signal and can't be killed. */
  withTask(name: string, task: Task, spec?: SubsystemSpec): this {
    return this.#register({ name, run: task }, "task", spec);
  }

  /** Adds a subsystem. What `spec` says wins over the subsystem's own wishes. */
  withSubsystem(subsystem: Subsystem, spec?: SubsystemSpec): this {
    return this.#register(subsystem, "subsystem", spec);
  }

  /** Adds a subsystem whose task is made anew for each run, so that no state survives a restart. */
  withSubsystemFn(name: string, make: () => Task, spec?: SubsystemSpec): this {
    return this.#register(freshEachRun(name, make), "subsystem", spec);
  }

  /**
   * Adds a program with its whole process group, with the keys of `[service.*]` in camel case; relative paths count from `workDir`. In a group
   * its unit is called `group/name`, in marks, logs and `status` alike; `after` names siblings.
   */
  withService(name: string, options: ServiceOptions): this {
    const service = serviceSpec(name, options, this.#baseDir());
    this.#hasLogFile ||= service.log.file !== undefined;
    return this.#add(name, { service }, service.after.length > 0);
  }

  /**
   * Adds a group of subsystems under a supervisor of their own, with its own strategy and limits. For the one above it, it is a unit like any
   * other: ready when all in it have started, down when all are down, failed when it gives up.
   *
   * - With `oneForAll` and `restForOne` at most 10 restarts in 30 s are granted unless `maxRestarts` and `within` say otherwise, as each takes
   *   siblings down that are well. With `oneForOne` each child has its own limits only.
   * - A group that gives up is started again by the group that it is in, as any child that fails. At the top it has failed for good, unless
   *   `spec.restart` says otherwise.
   */
  withSupervisor(name: string, options: SupervisorOptions, add: (group: GroupBuilder) => void, spec?: SubsystemSpec): this {
    checkSupervisorOptions(`add supervisor ${JSON.stringify(name)}`, options);
    checkFunction(`add supervisor ${JSON.stringify(name)}`, "add", add);
    const group = new GroupBuilder(this.#baseDir);
    add(group);
    const entries = group.entries(options.strategy);
    const restart = spec?.restart ?? this.#groupRestart;
    const after = spec?.after ?? [];
    this.#hasLogFile ||= group.#hasLogFile;
    return this.#add(name, {
      name,
      after,
      restart: restart instanceof RestartPolicy ? restart.when : undefined,
      entries,
      longestStopMs: longestStopOf(entries.flatMap(stopOf)),
      make: (children, ports) => registration(supervisorSubsystem(name, children, options, ports), "supervisor", { ...spec, restart }),
    }, after.length > 0);
  }

  /**
   * The registrations so far, for the supervisor that runs them; later changes of the builder do not touch them.
   *
   * @throws {RangeError} if `after` names nothing or leads back to itself, or contradicts the order of the strategy.
   * @internal
   */
  protected entries(strategy: Strategy = "oneForOne"): readonly Entry[] {
    // A strategy that restarts siblings starts each after the one before it, which must not contradict what is asked for.
    const isOrdered = strategy !== "oneForOne";
    if (this.#hasAfter) {
      checkAfter(
        this.#entries.flatMap(namesOf).map((node, index, all) =>
          isOrdered && index > 0 ? { ...node, after: [...node.after, all[index - 1].name] } : node
        ),
      );
    }
    this.#isShared = true;
    return this.#entries;
  }

  /** Whether a service in it, at any depth, names a log file. */
  protected get hasLogFile(): boolean {
    return this.#hasLogFile;
  }

  #register(subsystem: Subsystem, kind: string, spec: SubsystemSpec | undefined): this {
    checkSubsystem(subsystem);
    const entry = registration(subsystem, kind, spec);
    return this.#add(subsystem.name, entry, entry.after.length > 0);
  }

  #add(name: string, entry: Entry, hasAfter: boolean): this {
    checkName(name);
    const key = nameKey(name);
    // A few names are compared faster than they are gathered.
    if (this.#entries.length >= MANY_NAMES) this.#keys ??= new Set(this.#entries.map((entry) => nameKey(nameOf(entry))));
    if (this.#keys?.has(key) ?? this.#entries.some((entry) => nameKey(nameOf(entry)) === key)) throw takenName(name);
    this.#keys?.add(key);
    if (this.#isShared) {
      this.#entries = [...this.#entries];
      this.#isShared = false;
    }
    this.#entries.push(entry);
    this.#hasAfter ||= hasAfter;
    return this;
  }
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
  #supervision: SupervisorOptions | undefined;
  #signals: SignalConfig | undefined = DEFAULT_SIGNALS;
  #sink: LogSink | undefined;
  #pidFile: string | undefined;
  #host: Host | undefined;
  /** Shared by the daemons that it makes; the set is made with the first listener. */
  readonly #listeners: { all: Set<EventListener> | undefined } = { all: undefined };

  /** Creates a builder; `Daemon.builder()` and `Daemon.fromConfig()` do it for you. */
  constructor(config: Config = Config.default(), loaded?: LoadedConfig) {
    if (!(config instanceof Config)) throw new TypeError("Cannot build a daemon as its settings must be a Config: see Config.builder()");
    super(() => loaded?.baseDir ?? config.workDir ?? ".", loaded?.services, RestartPolicy.Never);
    this.#config = config;
    this.#loaded = loaded;
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
      throw new TypeError(`Cannot set a PID file as it must be a path: current value is ${path}`);
    }
    this.#pidFile = path;
    return this;
  }

  /** Sends log records to `sink` instead of the console. */
  withLogger(sink: LogSink): this {
    if (typeof sink !== "function") {
      throw new TypeError(`Cannot set a logger as it must be a function: current value is of type ${typeof sink}`);
    }
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
   * builder.onEvent((event) => seen.push(event.type === "subsystem.state" ? `${event.name} is ${event.to}` : event.type));
   * const daemon = await builder.build().start();
   * assert.deepEqual(seen.slice(0, 3), ["daemon.starting", "main is waiting", "main is starting"]);
   * daemon.shutdown();
   * await daemon.wait();
   * assert.equal(seen.at(-1), "daemon.stopped");
   * ```
   */
  onEvent(listener: EventListener): Disposable {
    checkFunction("listen to events", "listener", listener);
    // One that is given twice is called twice, and taken back once.
    const own: EventListener = (event) => listener(event);
    const listeners = this.#listeners.all ??= new Set();
    listeners.add(own);
    return { [Symbol.dispose]: () => void listeners.delete(own) };
  }

  /** Runs on another machine than the real one, such as the fake of `./testing`. */
  withHost(host: Host): this {
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
      supervision: this.#supervision,
      signals: this.#signals,
      sink: this.#sink,
      pidFile: this.#pidFile ?? this.#config.pidFile,
      loaded: this.#loaded,
      listeners: this.#listeners,
      host: this.#host,
    });
  }

  /** Builds the daemon, starts it and waits for its end: see {@linkcode Daemon.run}. */
  run(options?: RunOptions): Promise<ExitReport> {
    return this.build().run(options);
  }
}

/** A unit as the check of the order sees it. */
type Node = Parameters<typeof afterProblems>[0][number];

/** Names and edges of an entry, as `after` sees them. */
function namesOf(entry: Entry): Node[] {
  if ("service" in entry) return [{ ...entry.service, restart: entry.service.restart.when }];
  if ("make" in entry) return [entry];
  return [{ name: entry.subsystem.name, after: entry.after.map(textOf), restart: entry.spec.restart.when }];
}

/** How long a child of a group has to stop, in milliseconds, where it or one below it says so. */
function stopOf(entry: Entry): number[] {
  if ("service" in entry) return [entry.service.stop.timeoutMs];
  if ("make" in entry) return [entry.longestStopMs];
  return entry.spec.stopTimeoutMs === undefined ? [] : [entry.spec.stopTimeoutMs];
}

function textOf({ name, condition }: AfterEdge): string {
  return condition === "ready" ? name : `${name}:${condition}`;
}

function nameOf(entry: Entry): string {
  return "service" in entry ? entry.service.name : "make" in entry ? entry.name : entry.subsystem.name;
}

function freshEachRun(name: string, make: () => Task): Subsystem {
  checkFunction(`add ${JSON.stringify(name)}`, "make", make);
  return { name, run: (context: Context) => make()(context) };
}

function takenName(name: string): RangeError {
  return new RangeError(`Cannot add a subsystem as its name must be free, without case: current value is ${JSON.stringify(name)}`);
}

function checkAfter(units: readonly Node[]): void {
  const problems = afterProblems(units);
  if (problems.length === 0) return;
  const lines = problems.map(({ name, message, hint }) =>
    `Cannot build as "after" of ${JSON.stringify(name)} ${message}${hint === undefined ? "" : `; ${hint}`}`
  );
  throw new RangeError(lines.join("\n"));
}

function checkLogFiles(entries: readonly Entry[]): void {
  const [same] = sameFiles(servicesIn(entries).map(({ service, prefix }) => ({ ...service, name: prefix + service.name })));
  if (same === undefined) return;
  const { unit, other, file } = same;
  throw new RangeError(
    `Cannot build as the log file of ${JSON.stringify(unit)} must be its own: current value is ${file}, which ${
      JSON.stringify(other)
    } writes; ` +
      "write {instance} in its name where a service has several instances",
  );
}
