import type { SubsystemSpec } from "./spec.ts";
import type { AddOptions, SubsystemHandle } from "./children.ts";
import type { Duration } from "../values/duration.ts";
import type { SubsystemError } from "../values/errors.ts";
import type { EventBus } from "../messages/bus.ts";
import type { DaemonTopics } from "./event.ts";
import type { Meter } from "../ports/meter.ts";
import type { Logger } from "../ports/log.ts";
import type { DaemonSettings } from "./program.ts";
import type { RetryOptions } from "./repeat.ts";
import type { RestartPolicy } from "./restart.ts";
import type { ShutdownRequest } from "./verdict.ts";

/** Result of a health check: a plain answer, or one with a note for the operator. */
export type HealthAnswer = boolean | { status: "pass" | "warn" | "fail"; note?: string };

/**
 * Something that a daemon starts, watches, restarts and stops.
 *
 * A subsystem may assume:
 * - `run` is called again only after the promise of the run before has settled and all its disposers have run.
 * - The context belongs to one run; a new run gets a new one.
 * - Whatever it throws, whenever, ends this run only.
 *
 * A subsystem must:
 * - Stay in `run` for as long as it works: the end of `run` is the end of the run, clean-up included.
 * - Return (or throw) soon after `context.signal` aborts. A promise can't be killed: a run that ignores the signal is named in the exit
 *   report as unstopped and is never started a second time beside itself.
 * - Clean up what a failed run left behind before it starts again, or hand it to `context.use`.
 *
 * How an end is read: a return or throw after its *own* signal aborted is a normal stop. Otherwise a return is a completion and a throw is
 * a failure, also when an AbortError of somebody else's signal is thrown.
 *
 * @example A subsystem that works until it is told to stop
 * ```ts
 * import { Daemon, type Context, type Subsystem } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * class Ticker implements Subsystem {
 *   readonly name = "ticker";
 *   ticks = 0;
 *   async run(context: Context): Promise<void> {
 *     while (!context.isShutdown()) {
 *       this.ticks++;
 *       if (this.ticks === 3) context.requestShutdown("three are enough");
 *       await context.sleep("1ms").catch(() => {});
 *     }
 *   }
 * }
 * const ticker = new Ticker();
 * const report = await Daemon.builder().withSubsystem(ticker).withoutSignals().run({ ownsProcess: false });
 * assert.equal(ticker.ticks, 3);
 * assert.equal(report.exitCode, 0);
 * ```
 */
export interface Subsystem {
  /** Unique among its siblings, without case. */
  readonly name: string;
  /** How it wants to be run, unless the one who registers it says otherwise. */
  readonly spec?: SubsystemSpec;
  /** Does the work. */
  run(context: Context): Promise<unknown> | unknown;
  /** When and how it is restarted; `RestartPolicy.OnFailure` by default. */
  restartPolicy?(): RestartPolicy;
  /** Says how it is, within the time that `signal` leaves. No daemon calls it yet: health comes from states and readiness alone. */
  healthCheck?(signal: AbortSignal): HealthAnswer | Promise<HealthAnswer>;
  /**
   * Takes no new work from now on: called on every subsystem at the beginning of a shutdown, before `drainDelay` and before any of them is
   * stopped. `context.onDrain` tells a task the same.
   */
  stopIntake?(): void;
  /** Facts for `status`: small, plain data. */
  details?(): Readonly<Record<string, unknown>>;
}

/** Tells a piece of work that it must end, and how much time it has. */
export interface ShutdownHandle {
  /** Aborts when this run must stop. Made on first use; its listeners are isolated: one that throws is charged to this subsystem. */
  readonly signal: AbortSignal;
  /** Why the run must stop; undefined before that. */
  readonly reason: unknown;
  /** When the stop was asked for, in milliseconds since the Unix epoch; undefined before that. */
  readonly shutdownTime: number | undefined;
  /** Resolves when the run must stop. */
  cancelled(): Promise<void>;
  /** Whether the run must stop. */
  isShutdown(): boolean;
  /** Whether the graceful time is over and the end is near. */
  isForced(): boolean;
  /** Milliseconds left until this run counts as unstopped, at least 0; undefined before a stop. */
  timeRemaining(): number | undefined;
  /** Whether the end is near: the daemon drains, or the run must stop. From then on, say of your own health that you are leaving. */
  isDraining(): boolean;
  /**
   * Calls `fn` at the beginning of the end, at once when that is past: when the daemon's shutdown begins, `drainDelay` before `signal`
   * aborts, or when the run must stop for another reason. Disposing takes it back; the end of the run does so too.
   *
   * @example A server that tells its load balancer before it stops
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const order: string[] = [];
   * const daemon = Daemon.builder().withTask("api", async (context) => {
   *   context.onDrain(() => order.push(`draining, stopping: ${context.isShutdown()}`));
   *   await context.cancelled();
   *   order.push("stopping");
   * }).build();
   * await daemon.start();
   * daemon.shutdown();
   * await daemon.wait();
   * assert.deepEqual(order, ["draining, stopping: false", "stopping"]);
   * ```
   */
  onDrain(fn: () => void): Disposable;
  /** Resolves after `duration`, or rejects with the reason when the run must stop. */
  sleep(duration: Duration): Promise<void>;
  /**
   * Calls `fn` until it succeeds, with growing waits between the calls, and resolves with its result. Rejects with the last error when the
   * calls are used up, and with the reason when the run must stop.
   *
   * @example A server that comes up late
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * let answer = "";
   * await Daemon.builder().withTask("client", async (context) => {
   *   answer = await context.retry((attempt) => {
   *     if (attempt < 3) throw new Error("connection refused");
   *     return `connected at attempt ${attempt}`;
   *   }, { delay: "1ms" });
   * }).withoutSignals().run({ ownsProcess: false });
   * assert.equal(answer, "connected at attempt 3");
   * ```
   *
   * The promise rejects with a TypeError or RangeError if an option is wrong.
   */
  retry<T>(fn: (attempt: number) => Promise<T> | T, options?: RetryOptions): Promise<T>;
  /**
   * Calls `fn` now and then every `interval`, one call at a time, and resolves when the run must stop. Rejects with what `fn` throws.
   *
   * - Times are counted from the first call. A call that takes longer than the interval makes the next ones wait for the next full
   *   interval; none are made up for.
   *
   * @example Three rounds of work
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * let rounds = 0;
   * await Daemon.builder().withTask("ticker", (context) =>
   *   context.every("1ms", () => {
   *     if (++rounds === 3) context.requestShutdown("done");
   *   })).withoutSignals().run({ ownsProcess: false });
   * assert.equal(rounds, 3);
   * ```
   *
   * The promise rejects with a TypeError or RangeError if an argument is wrong.
   */
  every(interval: Duration, fn: () => unknown): Promise<void>;
  /** Settles like `promise`, or rejects with the reason when the run must stop; leaves nothing behind. */
  race<T>(promise: PromiseLike<T>): Promise<T>;
  /** A handle that ends with this one, or earlier by its own `cancel`. Dispose it when its work is over. */
  child(): ChildHandle;
  /**
   * Asks the whole daemon to stop. Returns at once, so a subsystem may call it from inside.
   *
   * @example A task that ends the daemon with a code of its own
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const report = await Daemon.builder().withTask("check", (context) => {
   *   context.requestShutdown({ reason: "nothing to do", exitCode: 3 });
   *   return context.cancelled();
   * }).withoutSignals().run({ ownsProcess: false });
   * assert.deepEqual([report.reason, report.exitCode], ["nothing to do", 3]);
   * ```
   *
   * @throws {TypeError | RangeError} if the request is wrong.
   */
  requestShutdown(request?: string | ShutdownRequest): void;
}

/** Work that a run has spawned. */
export interface WorkHandle {
  /** Its name, as the log calls it. */
  readonly name: string;
  /** Resolves when the work has ended: with what it failed with, or undefined when it returned or heard that it must end. Never rejects. */
  readonly ended: Promise<{ error: unknown } | undefined>;
  /** Tells this work, and only this, to end. */
  cancel(reason?: unknown): void;
}

/** A {@linkcode ShutdownHandle} that its maker can end early. */
export interface ChildHandle extends ShutdownHandle, Disposable {
  /** Ends the work below, and only that. */
  cancel(reason?: unknown): void;
}

/** Context of one run of a subsystem. */
export interface Context extends ShutdownHandle {
  /** Path of the subsystem: its name, below the names of its supervisors. */
  readonly name: string;
  /** Number of this run, from 1. */
  readonly run: number;
  /** The number of restarts in a row that led to this run, 0 for a first or a stable one. */
  readonly attempt: number;
  /** Logs under the subsystem's path. */
  readonly log: Logger;
  /**
   * The bus of the daemon, on which a subsystem hears what happens. In a module it is that of the module's own process.
   *
   * @throws {SubsystemError} if no daemon runs the subsystem, as under `exerciseSubsystem`.
   */
  readonly bus: EventBus<DaemonTopics>;
  /**
   * The settings in force, also after a reload: read them anew where they matter. In a module they are the defaults.
   *
   * @throws {SubsystemError} if no daemon runs the subsystem, as under `exerciseSubsystem`.
   */
  readonly config: DaemonSettings;
  /**
   * Measurements of the program, which `/metrics` shows beside those of the daemon. Those of a module reach its daemon within a second; its
   * gauges add up with those of other processes, and go when it ends.
   *
   * @example Requests that were served, for Prometheus
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const daemon = Daemon.builder().withTask("api", (context) => {
   *   const requests = context.metrics.counter("http_requests", { help: "Requests that were served." });
   *   requests.increment();
   *   context.requestShutdown("served");
   * }).withoutSignals().build();
   * await daemon.run({ ownsProcess: false });
   * assert.deepEqual(daemon.metrics.getMetrics().counters, { http_requests_total: 1 });
   * ```
   *
   * @throws {SubsystemError} if no daemon runs the subsystem, as under `exerciseSubsystem`.
   */
  readonly metrics: Meter;
  /** Calls `fn` when the graceful time is over, at once when it is already. */
  onForce(fn: () => void): Disposable;
  /** Calls `fn` when whatever can be killed must be killed now, at once when it is already so. */
  onKill(fn: () => void): Disposable;
  /** Says that it is ready to serve. Later calls, and calls after the run has ended, do nothing. */
  ready(): void;
  /**
   * Hands a resource to the run, which disposes it at its end: in reverse order, each one even when others throw. Returns it.
   *
   * @throws {SubsystemError} if `run` has returned.
   * @throws {TypeError} if it can't be disposed.
   */
  use<T extends Disposable | AsyncDisposable>(resource: T): T;
  /**
   * Takes a resource back from the run, which will not dispose it. False when the run does not have it.
   *
   * @example A connection that is replaced while the run goes on
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const closed: string[] = [];
   * const connect = (name: string) => ({ [Symbol.dispose]: () => void closed.push(name) });
   * await Daemon.builder().withTask("client", (context) => {
   *   const first = context.use(connect("first"));
   *   assert.equal(context.release(first), true);
   *   first[Symbol.dispose]();
   *   context.use(connect("second"));
   * }).withoutSignals().run({ ownsProcess: false });
   * assert.deepEqual(closed, ["first", "second"]);
   * ```
   */
  release(resource: Disposable | AsyncDisposable): boolean;
  /**
   * Starts work that belongs to this run: it is cancelled and awaited before the run counts as settled. The log calls it by its name. Its
   * failure fails the run, which is then judged by its restart policy, or with `onFailure: "log"` is only logged.
   *
   * @example Two pieces of work, one of which may fail
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const report = await Daemon.builder().withTask("main", async (context) => {
   *   const guess = context.spawn("guess", () => Promise.reject(new Error("no luck")), { onFailure: "log" });
   *   const wait = context.spawn("wait", (handle) => handle.sleep("1h"));
   *   assert.equal(((await guess.ended)?.error as Error).message, "no luck");
   *   wait.cancel();
   *   assert.equal(await wait.ended, undefined);
   * }).withoutSignals().run({ ownsProcess: false });
   * assert.equal(report.exitCode, 0);
   * ```
   *
   * @throws {SubsystemError} if `run` has returned.
   * @throws {RangeError} if `onFailure` is none of its values.
   */
  spawn(name: string, fn: (handle: ShutdownHandle) => Promise<unknown> | unknown, options?: { onFailure?: "failRun" | "log" }): WorkHandle;
  /**
   * Makes the error that says that another run would fail too: thrown by the run, it is not restarted, whatever its policy says, and ends as
   * `fatal`.
   *
   * @example A licence that has expired does not come back by itself
   * ```ts
   * import { Daemon, RestartPolicy } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * let runs = 0;
   * const daemon = Daemon.builder().withTask("worker", async (context) => {
   *   runs++;
   *   await context.sleep("1ms");
   *   throw context.fatal(new Error("the licence has expired"));
   * }, { restart: RestartPolicy.Always }).withoutSignals().build();
   * const report = await daemon.run({ ownsProcess: false });
   * assert.deepEqual([runs, report.exitCode], [1, 1]);
   * assert.deepEqual(daemon.subsystems().map(({ state, reason }) => [state, reason]), [["fatal", "the licence has expired"]]);
   * ```
   */
  fatal(cause: unknown): SubsystemError;
  /**
   * Asks for the stop of this subsystem, which is not restarted, or with `scope: "group"` of its whole group, which is the daemon for what
   * belongs to none. Returns at once; the run hears of it by its signal,
   * like of any other stop. Its dependents go on. In a module it ends the module's process.
   *
   * - A daemon whose last subsystem has stopped itself ends, as when it had returned; one whose last subsystem was stopped from outside, by
   *   `handle.stop()` or an operator, goes on, as that one may be started again.
   * - A group that ends so has completed, unless a child of it has failed for good: then it has failed for good too.
   *
   * @example A task that ends its group, and with it the daemon that has nothing else to do
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const daemon = Daemon.builder().withSupervisor("import", {}, (group) =>
   *   group.withTask("reader", (context) => context.cancelled())
   *     .withTask("writer", async (context) => {
   *       context.stop({ scope: "group" });
   *       await context.cancelled();
   *     })).withoutSignals().build();
   * const report = await daemon.run({ ownsProcess: false });
   * assert.equal(report.exitCode, 0);
   * assert.equal((await daemon.ended("import")).state, "completed");
   * ```
   *
   * @throws {TypeError | RangeError} if an option is wrong.
   */
  stop(options?: { scope?: "self" | "group" }): void;
  /**
   * The instance of this class among the subsystems that run: a typed way to another subsystem. Come `after` it, and ask anew in each run, as
   * a reload or an addition may bring another instance.
   *
   * @example A web server that uses the pool of connections
   * ```ts
   * import { type Context, Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * class Pool {
   *   readonly name = "pool";
   *   readonly run = (context: Context) => context.cancelled();
   *   query = (text: string) => `${text}: 1 row`;
   * }
   * let answer = "";
   * await Daemon.builder()
   *   .withSubsystem(new Pool())
   *   .withTask("web", (context) => {
   *     answer = context.get(Pool).query("select 1");
   *     context.requestShutdown("done");
   *   }, { after: ["pool"] })
   *   .run({ ownsProcess: false });
   * assert.equal(answer, "select 1: 1 row");
   * ```
   *
   * @throws {SubsystemError} if none runs, or several do and `name`, a path, does not say which.
   */
  get<T extends object>(type: abstract new (...args: never[]) => T, name?: string): T;
  /**
   * Adds a subsystem beside this one, under the same supervisor, and starts it. It is supervised like those that were there from the
   * beginning and outlives this run; one in a group ends with the present run of the group, and one that a module adds with the module's process.
   *
   * @example A listener that adds a temporary subsystem for each session
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const daemon = Daemon.builder().withTask("listener", async (context) => {
   *   for (let id = 1; id <= 3; id++) {
   *     const session = context.add({ name: `session-${id}`, run: (own) => own.sleep("1ms") }, { temporary: true });
   *     assert.equal((await session.ended).state, "completed");
   *   }
   *   context.requestShutdown("enough");
   * }).build();
   * assert.equal((await daemon.run({ ownsProcess: false })).exitCode, 0);
   * assert.deepEqual(daemon.subsystems().map(({ name }) => name), ["listener"]);
   * ```
   *
   * @throws {ShutdownError} if the supervisor is stopping; the subsystem is never run.
   * @throws {SubsystemError} if `run` has returned.
   * @throws {TypeError | RangeError} if it can't be run, its name is bad or taken, or `after` names no sibling.
   */
  add(subsystem: Subsystem, options?: AddOptions): SubsystemHandle;
}

/** Options of {@linkcode Context.spawn}. */
export type WorkOptions = NonNullable<Parameters<Context["spawn"]>[2]>;

/** Options of {@linkcode Context.stop}. */
export type StopOptions = NonNullable<Parameters<Context["stop"]>[0]>;

/** Units that a run stops: itself, or all that its supervisor runs. */
export type StopScope = NonNullable<StopOptions["scope"]>;
