import type { EventBus } from "../core/messages/bus.ts";
import type { DaemonTopics } from "../core/supervise/event.ts";
import type { DaemonSettings } from "../core/supervise/program.ts";
import type { RetryOptions } from "../core/supervise/repeat.ts";
import type { AddOptions, SubsystemHandle } from "../core/supervise/children.ts";
import type { Duration } from "../core/values/duration.ts";
import type { SubsystemError } from "../core/values/errors.ts";
import type { Meter } from "../core/ports/meter.ts";
import type { Logger } from "../core/ports/log.ts";
import type { ChildHandle, Context, ShutdownHandle, StopOptions, Subsystem, WorkHandle, WorkOptions } from "../core/supervise/subsystem.ts";
import type { ShutdownRequest } from "../core/supervise/verdict.ts";

/** Parts of the context that differ between code in a process of its own and code in the daemon. */
export type ModuleFacts = Pick<Context, "name" | "run" | "attempt" | "log" | "ready" | "requestShutdown">;

/** The context of a module: that of its own daemon, but for what only the daemon that has started the process knows. */
export class ModuleContext implements Context {
  readonly #inner: Context;
  readonly #facts: ModuleFacts;

  /** Wraps the context of a run. */
  constructor(inner: Context, facts: ModuleFacts) {
    this.#inner = inner;
    this.#facts = facts;
  }

  get name(): string {
    return this.#facts.name;
  }

  get run(): number {
    return this.#facts.run;
  }

  get attempt(): number {
    return this.#facts.attempt;
  }

  get log(): Logger {
    return this.#facts.log;
  }

  get bus(): EventBus<DaemonTopics> {
    return this.#inner.bus;
  }

  get config(): DaemonSettings {
    return this.#inner.config;
  }

  get metrics(): Meter {
    return this.#inner.metrics;
  }

  get<T extends object>(type: abstract new (...args: never[]) => T, name?: string): T {
    return this.#inner.get(type, name);
  }

  ready(): void {
    this.#facts.ready();
  }

  requestShutdown(request?: string | ShutdownRequest): void {
    this.#facts.requestShutdown(request);
  }

  get signal(): AbortSignal {
    return this.#inner.signal;
  }

  get reason(): unknown {
    return this.#inner.reason;
  }

  get shutdownTime(): number | undefined {
    return this.#inner.shutdownTime;
  }

  cancelled(): Promise<void> {
    return this.#inner.cancelled();
  }

  isShutdown(): boolean {
    return this.#inner.isShutdown();
  }

  isForced(): boolean {
    return this.#inner.isForced();
  }

  timeRemaining(): number | undefined {
    return this.#inner.timeRemaining();
  }

  isDraining(): boolean {
    return this.#inner.isDraining();
  }

  onDrain(fn: () => void): Disposable {
    return this.#inner.onDrain(fn);
  }

  sleep(duration: Duration): Promise<void> {
    return this.#inner.sleep(duration);
  }

  retry<T>(fn: (attempt: number) => Promise<T> | T, options?: RetryOptions): Promise<T> {
    return this.#inner.retry(fn, options);
  }

  every(interval: Duration, fn: () => unknown): Promise<void> {
    return this.#inner.every(interval, fn);
  }

  race<T>(promise: PromiseLike<T>): Promise<T> {
    return this.#inner.race(promise);
  }

  child(): ChildHandle {
    return this.#inner.child();
  }

  onForce(fn: () => void): Disposable {
    return this.#inner.onForce(fn);
  }

  onKill(fn: () => void): Disposable {
    return this.#inner.onKill(fn);
  }

  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    return this.#inner.use(resource);
  }

  release(resource: Disposable | AsyncDisposable): boolean {
    return this.#inner.release(resource);
  }

  spawn(name: string, fn: (handle: ShutdownHandle) => Promise<unknown> | unknown, options?: WorkOptions): WorkHandle {
    return this.#inner.spawn(name, fn, options);
  }

  add(subsystem: Subsystem, options?: AddOptions): SubsystemHandle {
    return this.#inner.add(subsystem, options);
  }

  fatal(cause: unknown): SubsystemError {
    return this.#inner.fatal(cause);
  }

  stop(options?: StopOptions): void {
    this.#inner.stop(options);
  }
}
