import { type AfterEdge, afterProblems } from "../core/supervise/after.ts";
import { nameKey } from "../core/values/names.ts";
import type { Context, Subsystem } from "../core/supervise/subsystem.ts";
import type { SubsystemSpec } from "../core/supervise/spec.ts";
import { checkFunction, checkObject } from "../core/values/options.ts";
import { checkSupervisorOptions } from "../core/supervise/supervisor_options.ts";
import { supervisorSubsystem } from "../core/supervise/nested_supervisor.ts";
import { checkName, checkSubsystem, registration } from "../core/supervise/registration.ts";
import { RestartPolicy } from "../core/supervise/restart.ts";
import type { SupervisorOptions } from "../core/supervise/supervisor.ts";
import { type HttpOptions, httpSpec } from "../http/options.ts";
import { serviceSpec } from "../service/make_spec.ts";
import type { ServiceOptions } from "../service/options.ts";
import type { ServiceSpec } from "../service/spec.ts";
import { longestStopOf, type StopTime, USUAL_STOP_MS } from "../settings/shutdown_deadlines.ts";
import type { Entry } from "./plan.ts";

/** Names beyond these are looked up instead of compared. */
const MANY_NAMES = 16;
const NO_ENTRIES: readonly Entry[] = [];
const NO_STOPS: readonly StopTime[] = [];

/**
 * Gathers what a supervisor runs: that of a daemon, which is a `DaemonBuilder`, or that of a group inside it, to any depth.
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
  /** Where relative paths of services count from. */
  readonly #baseDir: string;
  /** How a group that gave up is treated by default: at the top nobody is left to judge whether the same again helps. */
  readonly #groupRestart: RestartPolicy;
  #entries: readonly Entry[] = NO_ENTRIES;
  /** Their names without case, once there are many. */
  #keys: Set<string> | undefined;
  /** Somebody has the lists: they are copied before they grow. */
  #isShared = true;
  #hasAfter = false;
  #hasLogFile = false;
  #isPlain = true;
  /** Made with the first one that says how long it has to stop. */
  #stops: StopTime[] | undefined;

  /** Creates a builder; `Daemon.builder()` and `withSupervisor` do it for you. */
  constructor(baseDir: string, groupRestart: RestartPolicy = RestartPolicy.OnFailure) {
    this.#baseDir = baseDir;
    this.#groupRestart = groupRestart;
  }

  /** Adds a function, run inline: it is stopped by its signal and can't be killed. */
  withTask(name: string, task: (context: Context) => Promise<unknown> | unknown, spec?: SubsystemSpec): this {
    return this.#register({ name, run: task }, "task", spec);
  }

  /** Adds a subsystem. What `spec` says wins over the subsystem's own wishes. */
  withSubsystem(subsystem: Subsystem, spec?: SubsystemSpec): this {
    return this.#register(subsystem, "subsystem", spec);
  }

  /** Adds a subsystem whose task is made anew for each run, so that no state survives a restart. */
  withSubsystemFn(name: string, make: () => (context: Context) => Promise<unknown> | unknown, spec?: SubsystemSpec): this {
    return this.#register(freshEachRun(name, make), "subsystem", spec);
  }

  /**
   * Adds a program with its whole process group, with the keys of `[service.*]` in camel case; relative paths count from `workDir`. In a group
   * its unit is called `group/name`, in marks, logs and `status` alike; `after` names siblings.
   */
  withService(name: string, options: ServiceOptions): this {
    const service = serviceSpec(name, options, this.#baseDir);
    this.#hasLogFile ||= service.log.file !== undefined;
    return this.#add(name, entryOf(service, false), service.after.length > 0, service.stop.timeoutMs);
  }

  /**
   * Adds a server: `fetch` answers its requests, such as that of a hono app. It is ready when it listens; told to stop, it accepts no more and
   * lets the requests under way end. What `fetch` throws is logged and answered with 500. `request_latency_seconds` measures it. The path of a
   * socket counts from `workDir`.
   *
   * - It speaks HTTP/1.1; WebSockets are none of it. A body that never ends is cut when the graceful time is over: end it when the context's
   *   signal aborts.
   *
   * @example A server that answers and stops
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const daemon = Daemon.builder()
   *   .withHttp("web", { address: "127.0.0.1:0", fetch: (request) => new Response(`you asked for ${new URL(request.url).pathname}`) })
   *   .withoutSignals().build();
   * await daemon.start();
   * const { address } = daemon.subsystems()[0].details;
   * assert.equal(await (await fetch(`http://${address}/news`)).text(), "you asked for /news");
   * daemon.shutdown();
   * assert.equal((await daemon.wait()).exitCode, 0);
   * ```
   *
   * @throws {TypeError | RangeError} if an option is wrong.
   */
  withHttp(name: string, options: HttpOptions, spec?: SubsystemSpec): this {
    const server = httpSpec(name, options, this.#baseDir);
    // The unit is made later, but what is wrong with its spec is said now.
    const { after, spec: { restart, stopTimeoutMs: stopMs } } = registration({ name, run: () => {} }, "server", spec);
    const entry = {
      feature: "http",
      name,
      after: after.map(textOf),
      restart: restart.when,
      stopMs,
      value: { server, spec },
      isConfigured: false,
    };
    return this.#add(name, entry, after.length > 0, stopMs);
  }

  /**
   * Adds a group of subsystems under a supervisor of their own, with its own strategy and limits. For the one above it, it is a unit like any
   * other: ready when all in it have started, down when all are down, failed when it gives up.
   *
   * - With `oneForAll` and `restForOne` at most 10 restarts in 30 s are granted unless `maxRestarts` and `within` say otherwise, as each takes
   *   siblings down that are well. With `oneForOne` each child has its own limits only.
   * - A group ends when nothing in it runs or will run. One that is made without a child is a place for those that `add` brings: it stays,
   *   also when the last of them has gone, until it is told to stop.
   * - A group that gives up is started again by the group that it is in, as any child that fails. At the top it has failed for good, unless
   *   `spec.restart` says otherwise.
   */
  withSupervisor(name: string, options: SupervisorOptions, add: (group: GroupBuilder) => void, spec?: SubsystemSpec): this {
    checkSupervisorOptions(`add supervisor ${JSON.stringify(name)}`, options);
    checkFunction(`add supervisor ${JSON.stringify(name)}`, "add", add);
    if (spec !== undefined) checkObject(`register ${JSON.stringify(name)}`, spec);
    const restart = spec?.restart ?? this.#groupRestart;
    const after = spec?.after ?? [];
    // The unit is made later, but what is wrong with its spec is said now.
    registration({ name, run: () => {} }, "supervisor", { ...spec, restart });
    const group = new GroupBuilder(this.#baseDir);
    add(group);
    const entries = group.entries(options.strategy);
    this.#hasLogFile ||= group.#hasLogFile;
    const longestStopMs = longestStopOf(entries.flatMap(stopOf));
    return this.#add(
      name,
      {
        name,
        after,
        restart: restart instanceof RestartPolicy ? restart.when : undefined,
        entries,
        longestStopMs,
        make: (children, ports) => registration(supervisorSubsystem(name, children, options, ports), "supervisor", { ...spec, restart }),
      },
      after.length > 0,
      longestStopMs || undefined,
    );
  }

  /**
   * The registrations so far, for the supervisor that runs them; later changes of the builder do not touch them.
   *
   * @throws {RangeError} if `after` names nothing or leads back to itself, or contradicts the order of the strategy.
   * @internal
   */
  protected entries(strategy: SupervisorOptions["strategy"] = "oneForOne"): readonly Entry[] {
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

  /** Whether each entry is a registration, ready as it is. */
  protected get isPlain(): boolean {
    return this.#isPlain;
  }

  /** How long its own entries have to stop, where that is not the usual time. */
  protected get stops(): readonly { readonly name: string; readonly stopMs: number }[] {
    return this.#stops ?? NO_STOPS;
  }

  /** Whether a service in it, at any depth, names a log file. */
  protected get hasLogFile(): boolean {
    return this.#hasLogFile;
  }

  /**
   * Adds the services of a configuration file.
   *
   * @internal
   */
  protected addServices(services: readonly ServiceSpec[]): void {
    // The file says itself how long they have to stop.
    for (const service of services) this.#add(service.name, entryOf(service, true), service.after.length > 0, undefined);
  }

  #register(subsystem: Subsystem, kind: string, spec: SubsystemSpec | undefined): this {
    checkSubsystem(subsystem);
    const entry = registration(subsystem, kind, spec);
    return this.#add(subsystem.name, entry, entry.after.length > 0, entry.spec.stopTimeoutMs);
  }

  #add(name: string, entry: Entry, hasAfter: boolean, stopMs: number | undefined): this {
    checkName(name);
    const key = nameKey(name);
    // A few names are compared faster than they are gathered.
    if (this.#entries.length >= MANY_NAMES) this.#keys ??= new Set(this.#entries.map((entry) => nameKey(nameOf(entry))));
    if (this.#keys?.has(key) ?? this.#entries.some((entry) => nameKey(nameOf(entry)) === key)) throw takenName(name);
    this.#keys?.add(key);
    if (this.#isShared) {
      this.#entries = [...this.#entries, entry];
      this.#stops = this.#stops && [...this.#stops];
      this.#isShared = false;
    } else (this.#entries as Entry[]).push(entry);
    this.#hasAfter ||= hasAfter;
    this.#isPlain &&= "subsystem" in entry;
    if (stopMs !== undefined && stopMs !== USUAL_STOP_MS) (this.#stops ??= []).push({ name, stopMs });
    return this;
  }
}

/** A unit as the check of the order sees it. */
type Node = Parameters<typeof afterProblems>[0][number];

function entryOf(service: ServiceSpec, isConfigured: boolean): Entry {
  const { name, after, restart, stop } = service;
  return { feature: "service", name, after, restart: restart.when, stopMs: stop.timeoutMs, value: service, isConfigured };
}

/** Names and edges of an entry, as `after` sees them. */
function namesOf(entry: Entry): Node[] {
  if ("feature" in entry || "make" in entry) return [entry];
  return [{ name: entry.subsystem.name, after: entry.after.map(textOf), restart: entry.spec.restart.when }];
}

/** How long a child of a group has to stop, in milliseconds, where it or one below it says so. */
function stopOf(entry: Entry): { stopMs: number }[] {
  const stopMs = "feature" in entry ? entry.stopMs : "make" in entry ? entry.longestStopMs : entry.spec.stopTimeoutMs;
  return stopMs === undefined ? [] : [{ stopMs }];
}

function textOf({ name, condition }: AfterEdge): string {
  return condition === "ready" ? name : `${name}:${condition}`;
}

function nameOf(entry: Entry): string {
  return "subsystem" in entry ? entry.subsystem.name : entry.name;
}

function freshEachRun(name: string, make: () => Subsystem["run"]): Subsystem {
  checkFunction(`add ${JSON.stringify(name)}`, "make", make);
  return {
    name,
    run(context: Context) {
      const task = make();
      checkFunction(`run ${name}`, "make()", task);
      return task(context);
    },
  };
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
