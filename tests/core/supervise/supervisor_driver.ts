import { CancelToken } from "../../../src/core/supervise/cancel.ts";
import { Deadlines } from "../../../src/core/supervise/deadlines.ts";
import type { EventBody } from "../../../src/core/supervise/event.ts";
import { silentLogger } from "../../../src/core/ports/log.ts";
import type { Context, Subsystem } from "../../../src/core/supervise/subsystem.ts";
import type { SubsystemSpec } from "../../../src/core/supervise/spec.ts";
import { type Registration, registration } from "../../../src/core/supervise/registration.ts";
import { Supervisor, type SupervisorEnd, type SupervisorOptions, type SupervisorPorts } from "../../../src/core/supervise/supervisor.ts";
import { Turns } from "../../../src/core/supervise/turns.ts";
import { FakeClock } from "../../../src/testing/mod.ts";

/** A supervisor under a fake clock that notes all it does. */
export class Rig implements SupervisorPorts {
  readonly clock: FakeClock = new FakeClock();
  readonly deadlines: Deadlines = new Deadlines(this.clock);
  /** Of a clock that stands still, so that no turn is ever over. */
  readonly turns: Turns = new Turns(new FakeClock());
  readonly events: EventBody[] = [];
  readonly errors: unknown[] = [];
  readonly ends: SupervisorEnd[] = [];
  /** The steps of subsystems, in order: "enter a#1", "leave a#1". */
  readonly notes: string[] = [];
  /** Number of units that are to be up and are not. */
  missing = 0;
  /** Paths of units that an operator stopped in an earlier life. */
  readonly keptDown = new Set<string>();
  shutdown: { reason: string; exitCode: number | undefined } | undefined;
  random: () => number = () => 0.5;

  isObserved(): boolean {
    return true;
  }
  emit(event: EventBody): void {
    this.events.push(event);
  }
  report(error: unknown): void {
    this.errors.push(error);
  }
  failed(): void {}
  requestShutdown(reason: string, exitCode?: number): void {
    this.shutdown ??= { reason, exitCode };
  }
  remainingMs(): number | undefined {
    return undefined;
  }
  stopTimeoutMs(): number {
    return this.remainingMs() === undefined ? 5_000 : Infinity;
  }
  countMissing(by: number): void {
    this.missing += by;
  }
  logger(): typeof silentLogger {
    return silentLogger;
  }
  runAs<T>(_path: string, fn: () => T): T {
    return fn();
  }

  supervisor(children: Registration[], options: SupervisorOptions = {}): Supervisor {
    const supervisor = new Supervisor(this, new CancelToken(), children, options);
    supervisor.onEnd((end) => this.ends.push(end));
    return supervisor;
  }

  /** A child that works until it is told to stop, and fails whenever its control says so. */
  child(name: string, spec?: SubsystemSpec): Child {
    return new Child(this, name, spec);
  }

  /** Transitions of one child, as "from>to". */
  moves(name: string): string[] {
    return this.events.flatMap((event) => event.type === "unit.state" && event.name === name ? [`${event.from}>${event.to}`] : []);
  }

  /** Waits of the restarts of one child, in milliseconds. */
  delays(name: string): number[] {
    return this.events.flatMap((event) =>
      event.type === "unit.state" && event.name === name && event.to === "restarting" ? [event.delayMs!] : []
    );
  }
}

/** A scripted subsystem. */
export class Child implements Subsystem {
  readonly name: string;
  readonly registration: Registration;
  readonly #rig: Rig;
  #end: { resolve(): void; reject(error: unknown): void } | undefined;
  context: Context | undefined;
  /** Called when a run is entered; what it throws, the run throws. */
  onEnter: (context: Context) => unknown = () => {};
  /** Ignores its signal. */
  isDeaf = false;
  /** Thrown when it is told to stop. */
  stopError: unknown = undefined;

  constructor(rig: Rig, name: string, spec?: SubsystemSpec) {
    this.#rig = rig;
    this.name = name;
    this.registration = registration(this, "subsystem", spec);
  }

  async run(context: Context): Promise<void> {
    this.context = context;
    this.#rig.notes.push(`enter ${this.name}#${context.run}`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#end = { resolve, reject };
    const onAbort = () => {
      this.#rig.notes.push(`told ${this.name}#${context.run}`);
      if (this.isDeaf) return;
      if (this.stopError !== undefined) reject(this.stopError);
      else resolve();
    };
    context.signal.addEventListener("abort", onAbort, { once: true });
    try {
      const entering = this.onEnter(context);
      if (entering !== undefined) await entering;
      await promise;
    } finally {
      // The end of a run cancels its signal too, which tells nobody to stop any more.
      context.signal.removeEventListener("abort", onAbort);
      this.#rig.notes.push(`leave ${this.name}#${context.run}`);
    }
  }

  fail(error: unknown = new Error("boom")): Promise<void> {
    this.#end!.reject(error);
    return settle();
  }

  finish(): Promise<void> {
    this.#end!.resolve();
    return settle();
  }
}

/** Counts promises that have not settled. */
export class Unanswered {
  count = 0;

  add(promise: Promise<unknown>): void {
    this.count++;
    promise.then(() => this.count--, () => this.count--);
  }
}

/** Lets everything that is ready to go on do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}

export { registration };
