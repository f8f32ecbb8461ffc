import type { EventBus } from "../messages/bus.ts";
import { CancelToken, isAbort, type ListenerErrorHandler, stopReason } from "./cancel.ts";
import type { AddOptions, SubsystemHandle } from "./children.ts";
import type { Clock } from "../ports/clock.ts";
import { messageOf, SubsystemError } from "../values/errors.ts";
import { type Duration, durationOption } from "../values/duration.ts";
import type { DaemonTopics } from "./event.ts";
import type { Meter } from "../ports/meter.ts";
import type { Logger } from "../ports/log.ts";
import { checkFunction, checkKeys, checkOneOf, checkText } from "../values/options.ts";
import type { DaemonSettings, Program } from "./program.ts";
import { every, type RepeatPorts, retry, type RetryOptions } from "./repeat.ts";
import type { ChildHandle, Context, ShutdownHandle, StopOptions, StopScope, Subsystem, WorkHandle, WorkOptions } from "./subsystem.ts";
import { type CheckedRequest, fatalError, type ShutdownRequest, shutdownRequest } from "./verdict.ts";

/** Functions that a handle needs of its runner. */
export interface HandleHost extends ListenerErrorHandler {
  /** Time. */
  readonly clock: Clock;
  /** Chance: a number in [0, 1). */
  random(): number;
  /** Cancelled when the daemon begins to drain; undefined where nothing ever does. */
  readonly drain: CancelToken | undefined;
  /** When the stop was asked for, on the monotonic clock; undefined before that. */
  readonly stopAskedMs: number | undefined;
  /** Milliseconds until the run counts as unstopped; undefined before a stop. */
  timeRemaining(): number | undefined;
  /** Asks the whole daemon to stop. */
  requestShutdown(request: CheckedRequest): void;
}

/** Functions that a context needs of its runner. */
export interface RunHost extends HandleHost {
  /** Path of the subsystem. */
  readonly path: string;
  /** Its logger, made on first use. */
  readonly log: Logger;
  /** The parts of the daemon that a run may use; undefined where there is none. */
  readonly program: Program | undefined;
  /** The run says that it is ready. */
  ready(context: RunContext): void;
  /** The run asks for its own stop, or for that of its group. */
  stop(context: RunContext, scope: StopScope): void;
  /** Adds a sibling. */
  add(subsystem: Subsystem, options?: AddOptions): SubsystemHandle;
  /** The run was told to end, by itself. */
  ending(context: RunContext): void;
  /** The time of the stop is over for what the run consists of. */
  late(context: RunContext): void;
}

/** Under this key the run of a group says that something of it has not stopped in its time. */
export const LATE: unique symbol = Symbol("late");

function isDisposable(resource: Disposable | AsyncDisposable): boolean {
  const { [Symbol.asyncDispose]: later, [Symbol.dispose]: now } = Object(resource) as Partial<Disposable & AsyncDisposable>;
  return typeof (later ?? now) === "function";
}

class Handle<Host extends HandleHost> implements ShutdownHandle {
  readonly token: CancelToken;
  readonly #host: Host;
  /** Cancelled when the daemon begins to drain, or this work is to stop; made on first use. */
  #drain: CancelToken | undefined;

  constructor(token: CancelToken, host: Host) {
    this.token = token;
    this.#host = host;
  }

  protected get host(): Host {
    return this.#host;
  }

  get signal(): AbortSignal {
    return this.token.signal;
  }

  get reason(): unknown {
    return this.token.reason;
  }

  get shutdownTime(): number | undefined {
    const { clock, stopAskedMs } = this.#host;
    return stopAskedMs === undefined ? undefined : clock.wallMs() - (clock.nowMs() - stopAskedMs);
  }

  cancelled(): Promise<void> {
    return this.token.cancelled();
  }

  isShutdown(): boolean {
    return this.token.isCancelled;
  }

  isForced(): boolean {
    return this.token.isForced;
  }

  isDraining(): boolean {
    return this.token.isCancelled || this.#host.drain?.isCancelled === true;
  }

  onDrain(fn: () => void): Disposable {
    checkFunction("wait for the drain", "fn", fn);
    if (this.#drain === undefined) {
      const drain = this.#drain = this.#host.drain?.child(this.#host) ?? new CancelToken(this.#host);
      // The end of the run is no draining: nobody is told then.
      this.token.onCancel((reason) => this.hasEnded ? this.forgetDrain() : void drain.cancel(reason));
    }
    return this.#drain.onCancel(fn);
  }

  timeRemaining(): number | undefined {
    return this.#host.timeRemaining();
  }

  /** Lets go of the daemon's draining. */
  protected forgetDrain(): void {
    this.#drain?.[Symbol.dispose]();
  }

  /** Whether the work is over, and its token is cancelled for that only. */
  protected get hasEnded(): boolean {
    return false;
  }

  sleep(duration: Duration): Promise<void> {
    let ms: number;
    try {
      ms = durationOption("sleep", "duration", duration);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.token.isCancelled) return Promise.reject(this.token.reason);
    const { clock } = this.#host;
    return new Promise((resolve, reject) => {
      const timer = clock.schedule(ms, () => {
        listener[Symbol.dispose]();
        resolve();
      });
      const listener = this.token.onCancel((reason) => {
        timer[Symbol.dispose]();
        reject(reason);
      });
    });
  }

  retry<T>(fn: (attempt: number) => Promise<T> | T, options?: RetryOptions): Promise<T> {
    return retry(this.#repeatPorts(), fn, options);
  }

  every(interval: Duration, fn: () => unknown): Promise<void> {
    return every(this.#repeatPorts(), interval, fn);
  }

  #repeatPorts(): RepeatPorts {
    const { token } = this;
    return {
      get reason() {
        return token.reason;
      },
      nowMs: () => this.#host.clock.nowMs(),
      random: () => this.#host.random(),
      isShutdown: () => token.isCancelled,
      sleep: (delayMs) => this.sleep(delayMs),
    };
  }

  race<T>(promise: PromiseLike<T>): Promise<T> {
    return this.token.race(promise);
  }

  child(): ChildHandle {
    return new Child(this.token.child(), this.#host);
  }

  requestShutdown(request?: string | ShutdownRequest): void {
    this.#host.requestShutdown(shutdownRequest(request, "requested by a subsystem"));
  }
}

class Child extends Handle<HandleHost> implements ChildHandle {
  cancel(reason?: unknown): void {
    this.token.cancel(reason);
  }

  [Symbol.dispose](): void {
    this.forgetDrain();
    this.token[Symbol.dispose]();
  }
}

/** One run of a subsystem: its {@linkcode Context}, and what must be cleaned up when it ends. */
export class RunContext extends Handle<RunHost> implements Context {
  readonly run: number;
  readonly attempt: number;
  /** First error of a spawned piece of work; it fails the run. */
  failure: { error: unknown } | undefined;
  /** Whether its body has ended, and if so whether it was told to before. */
  body: "works" | "ended first" | "ended when told" = "works";
  /** In the order in which they were handed over. */
  #resources: Set<Disposable | AsyncDisposable> | undefined;
  /** Work that has not ended. */
  #spawned: Set<Promise<unknown>> | undefined;

  /** Creates the context of run number `run`. */
  constructor(token: CancelToken, host: RunHost, run: number, attempt: number) {
    super(token, host);
    this.run = run;
    this.attempt = attempt;
  }

  /** Its body has ended. */
  get isOver(): boolean {
    return this.body !== "works";
  }

  get name(): string {
    return this.host.path;
  }

  get log(): Logger {
    return this.host.log;
  }

  ready(): void {
    this.host.ready(this);
  }

  /** Says that the time of the stop is over, as it is for what the run consists of. */
  [LATE](): void {
    this.host.late(this);
  }

  onForce(fn: () => void): Disposable {
    checkFunction("wait for force", "fn", fn);
    return this.token.onForce(fn);
  }

  onKill(fn: () => void): Disposable {
    checkFunction("wait for the kill", "fn", fn);
    return this.token.onKill(fn);
  }

  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    this.#refuseWhenOver("use a resource");
    // At the end of the run it would be too late to say whose mistake it is.
    if (!isDisposable(resource)) {
      throw new TypeError(
        `Cannot use a resource as it must have Symbol.dispose or Symbol.asyncDispose: current value is ${messageOf(resource)}`,
      );
    }
    (this.#resources ??= new Set()).add(resource);
    return resource;
  }

  release(resource: Disposable | AsyncDisposable): boolean {
    return this.#resources?.delete(resource) ?? false;
  }

  spawn(name: string, fn: (handle: ShutdownHandle) => Promise<unknown> | unknown, options?: WorkOptions): WorkHandle {
    if (options !== undefined) checkKeys("spawn work", options, ["onFailure"]);
    const { onFailure = "failRun" } = options ?? {};
    checkOneOf("spawn work", "onFailure", onFailure, ["failRun", "log"]);
    checkText("spawn work", "name", name);
    checkFunction("spawn work", "fn", fn);
    this.#refuseWhenOver("spawn work");
    const child = this.child();
    const work = (async () => {
      try {
        await fn(child);
      } catch (error) {
        if (child.isShutdown() && isAbort(error, child.reason)) return;
        // Only the first failure becomes that of the run, which does not say whose it is.
        this.log.warn("spawned work failed", { work: name, err: error });
        if (onFailure === "failRun") {
          this.failure ??= { error };
          this.token.cancel(error);
          this.host.ending(this);
        }
        return { error };
      } finally {
        child[Symbol.dispose]();
      }
    })();
    const spawned = this.#spawned ??= new Set();
    spawned.add(work);
    const ended = work.then((failure) => {
      spawned.delete(work);
      return failure;
    });
    return { name, ended, cancel: (reason = stopReason(`${name} was cancelled`)) => child.cancel(reason) };
  }

  fatal(cause: unknown): SubsystemError {
    return fatalError(this.name, cause);
  }

  stop(options?: StopOptions): void {
    if (options !== undefined) checkKeys("stop", options, ["scope"]);
    const { scope = "self" } = options ?? {};
    checkOneOf("stop", "scope", scope, ["self", "group"]);
    if (!this.isOver) this.host.stop(this, scope);
  }

  get bus(): EventBus<DaemonTopics> {
    return this.#program("bus").bus;
  }

  get config(): DaemonSettings {
    return this.#program("config").config;
  }

  get metrics(): Meter {
    return this.#program("metrics").metrics;
  }

  get<T extends object>(type: abstract new (...args: never[]) => T, name?: string): T {
    return this.#program("get").get(type, name);
  }

  #program(member: string): Program {
    const { program } = this.host;
    if (program !== undefined) return program;
    throw new SubsystemError("RUNTIME_STATE", this.name, `Cannot use "${member}" of the context as no daemon runs ${this.name}`);
  }

  add(subsystem: Subsystem, options?: AddOptions): SubsystemHandle {
    this.#refuseWhenOver("add a subsystem");
    return this.host.add(subsystem, options);
  }

  #refuseWhenOver(action: string): void {
    if (!this.isOver) return;
    throw new SubsystemError("RUNTIME_STATE", this.name, `Cannot ${action} as run ${this.run} of ${this.name} has ended`);
  }

  protected override get hasEnded(): boolean {
    return this.isOver;
  }

  /** Whether something is left to clean up after `run` has settled. */
  get hasLeftovers(): boolean {
    return (this.#resources?.size ?? 0) > 0 || (this.#spawned?.size ?? 0) > 0;
  }

  /**
   * Waits for what the run spawned, whose token is cancelled by now, then disposes what it used in reverse order; resolves with the body's
   * error and those of the disposers joined.
   */
  async close(body: { error: unknown } | undefined): Promise<{ error: unknown } | undefined> {
    await Promise.all(this.#spawned ?? []);
    let failure = this.failure ?? body;
    for (const resource of [...this.#resources ?? []].reverse()) {
      try {
        const { [Symbol.asyncDispose]: later } = resource as Partial<AsyncDisposable>;
        if (later !== undefined && later !== null) await later.call(resource);
        else (resource as Disposable)[Symbol.dispose]();
      } catch (error) {
        failure = { error: failure === undefined ? error : new SuppressedError(error, failure.error, "Cannot clean up without errors") };
      }
    }
    return failure;
  }
}
