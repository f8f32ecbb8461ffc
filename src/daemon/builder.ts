import { type AfterEdge, afterProblems } from "../core/after.ts";
import type { Host } from "../core/host.ts";
import type { LogSink } from "../core/log.ts";
import { nameKey } from "../core/names.ts";
import type { Context, Subsystem, SubsystemSpec, Task } from "../core/subsystem.ts";
import { checkSupervisorOptions } from "../core/supervisor_options.ts";
import { supervisorSubsystem } from "../core/nested_supervisor.ts";
import { checkName, checkSubsystem, type Registration, registration } from "../core/registration.ts";
import type { SupervisorOptions } from "../core/supervisor.ts";
import { sameFiles } from "../service/log.ts";
import { type ServiceOptions, serviceSpec } from "../service/options.ts";
import { Config } from "./config.ts";
import { Daemon, type RunOptions } from "./daemon.ts";
import { longestStopOf } from "./deadlines.ts";
import type { ExitReport } from "./exit_report.ts";
import type { LoadedConfig } from "./load.ts";
import type { Entry } from "./plan.ts";
import { SignalConfig } from "./signal_config.ts";

/** Names beyond these are looked up instead of compared. */
const MANY_NAMES = 16;

const DEFAULT_SIGNALS = new SignalConfig();

/** Gathers what a supervisor runs. */
export interface GroupBuilder {
  /** Adds a function. */
  withTask(name: string, task: Task, spec?: SubsystemSpec): this;
  /** Adds a subsystem. */
  withSubsystem(subsystem: Subsystem, spec?: SubsystemSpec): this;
  /** Adds a subsystem whose task is made anew for each run. */
  withSubsystemFn(name: string, make: () => Task, spec?: SubsystemSpec): this;
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
export class DaemonBuilder {
  readonly #config: Config;
  readonly #loaded: LoadedConfig | undefined;
  #entries: Entry[] = [];
  /** Their names without case, once there are many. */
  #keys: Set<string> | undefined;
  /** A daemon has the list: it is copied before it grows. */
  #isShared = false;
  #signals: SignalConfig | undefined = DEFAULT_SIGNALS;
  #sink: LogSink | undefined;
  #pidFile: string | undefined;
  #host: Host | undefined;
  #hasAfter = false;
  #hasLogFile = false;

  /** Creates a builder; `Daemon.builder()` and `Daemon.fromConfig()` do it for you. */
  constructor(config: Config = Config.default(), loaded?: LoadedConfig) {
    if (!(config instanceof Config)) throw new TypeError("Cannot build a daemon as its settings must be a Config: see Config.builder()");
    this.#config = config;
    this.#loaded = loaded;
    for (const service of loaded?.services ?? []) this.#add(service.name, { service }, service.after.length > 0);
  }

  /** The settings of the daemon. */
  get config(): Config {
    return this.#config;
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

  /** Adds a program with its whole process group, with the keys of `[service.*]` in camel case; relative paths count from `workDir`. */
  withService(name: string, options: ServiceOptions): this {
    const service = serviceSpec(name, options, this.#loaded?.baseDir ?? this.#config.workDir ?? ".");
    this.#hasLogFile ||= service.log.file !== undefined;
    return this.#add(name, { service }, service.after.length > 0);
  }

  /** Adds a group of subsystems under a supervisor of their own, with its own strategy and limits. */
  withSupervisor(name: string, options: SupervisorOptions, add: (group: GroupBuilder) => void, spec?: SubsystemSpec): this {
    checkSupervisorOptions(`add supervisor ${JSON.stringify(name)}`, options);
    if (typeof add !== "function") throw new TypeError(`Cannot add supervisor ${JSON.stringify(name)} as "add" must be a function`);
    const children: Registration[] = [];
    add(new Group(children));
    checkNames(children.map((child) => child.subsystem.name));
    const isOrdered = options.strategy !== undefined && options.strategy !== "oneForOne";
    checkAfter(children.map(({ subsystem, after, spec }, index) => ({
      name: subsystem.name,
      // A strategy that restarts siblings starts each after the one before it, which must not contradict what is asked for.
      restart: spec.restart.when,
      after: [...after.map(textOf), ...(isOrdered && index > 0 ? [children[index - 1].subsystem.name] : [])],
    })));
    const after = spec?.after ?? [];
    return this.#add(name, {
      name,
      after,
      restart: spec?.restart?.when,
      longestStopMs: longestStopOf(children.flatMap((child) => child.spec.stopTimeoutMs ?? [])),
      make: (session) => registration(supervisorSubsystem(name, children, options, () => session), "supervisor", spec),
    }, after.length > 0);
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
    if (this.#hasAfter) checkAfter(this.#entries.flatMap(namesOf));
    if (this.#hasLogFile) checkLogFiles(this.#entries);
    this.#isShared = true;
    return new Daemon({
      config: this.#config,
      entries: this.#entries,
      signals: this.#signals,
      sink: this.#sink,
      pidFile: this.#pidFile ?? this.#config.pidFile,
      loaded: this.#loaded,
      host: this.#host,
    });
  }

  /** Builds the daemon, starts it and waits for its end: see {@linkcode Daemon.run}. */
  run(options?: RunOptions): Promise<ExitReport> {
    return this.build().run(options);
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

class Group implements GroupBuilder {
  readonly #children: Registration[];

  constructor(children: Registration[]) {
    this.#children = children;
  }

  withTask(name: string, task: Task, spec?: SubsystemSpec): this {
    return this.#add({ name, run: task }, "task", spec);
  }

  withSubsystem(subsystem: Subsystem, spec?: SubsystemSpec): this {
    return this.#add(subsystem, "subsystem", spec);
  }

  withSubsystemFn(name: string, make: () => Task, spec?: SubsystemSpec): this {
    return this.#add(freshEachRun(name, make), "subsystem", spec);
  }

  #add(subsystem: Subsystem, kind: string, spec: SubsystemSpec | undefined): this {
    checkSubsystem(subsystem);
    this.#children.push(registration(subsystem, kind, spec));
    return this;
  }
}

/** Names and edges of an entry, as `after` sees them. */
/** What the order of a daemon asks of a unit. */
type Node = Parameters<typeof afterProblems>[0][number];

function namesOf(entry: Entry): Node[] {
  if ("service" in entry) return [{ ...entry.service, restart: entry.service.restart.when }];
  if ("make" in entry) return [entry];
  return [{ name: entry.subsystem.name, after: entry.after.map(textOf), restart: entry.spec.restart.when }];
}

function textOf({ name, condition }: AfterEdge): string {
  return condition === "ready" ? name : `${name}:${condition}`;
}

function nameOf(entry: Entry): string {
  return "service" in entry ? entry.service.name : "make" in entry ? entry.name : entry.subsystem.name;
}

function freshEachRun(name: string, make: () => Task): Subsystem {
  if (typeof make !== "function") {
    throw new TypeError(`Cannot add ${JSON.stringify(name)} as "make" must be a function: current value is ${typeof make}`);
  }
  return { name, run: (context: Context) => make()(context) };
}

function checkNames(names: readonly string[]): void {
  const keys = new Set<string>();
  for (const name of names) {
    checkName(name);
    if (keys.has(nameKey(name))) throw takenName(name);
    keys.add(nameKey(name));
  }
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
  const [same] = sameFiles(entries.flatMap((entry) => "service" in entry ? [entry.service] : []));
  if (same === undefined) return;
  const { unit, other, file } = same;
  throw new RangeError(
    `Cannot build as the log file of ${JSON.stringify(unit)} must be its own: current value is ${file}, which ${
      JSON.stringify(other)
    } writes; ` +
      "write {instance} in its name where a service has several instances",
  );
}
