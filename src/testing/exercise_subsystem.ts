import { CancelToken } from "../core/supervise/cancel.ts";
import { sleep, systemClock } from "../core/ports/clock.ts";
import { Deadlines } from "../core/supervise/deadlines.ts";
import { type Duration, durationMs } from "../core/values/duration.ts";
import { messageOf } from "../core/values/errors.ts";
import { silentLogger } from "../core/ports/log.ts";
import { RestartPolicy } from "../core/supervise/restart.ts";
import type { Context, HealthAnswer, Subsystem } from "../core/supervise/subsystem.ts";
import type { SubsystemSpec } from "../core/supervise/spec.ts";
import { registration } from "../core/supervise/registration.ts";
import { Turns } from "../core/supervise/turns.ts";
import { Supervisor, type SupervisorPorts } from "../core/supervise/supervisor.ts";

/** Options of {@linkcode exerciseSubsystem}. */
export interface ExerciseOptions {
  /** Rounds of start and stop, and number of commands given at once. @default {50} */
  rounds?: number;
  /** How long one start or one stop may take. @default {"5s"} */
  timeout?: Duration;
  /** Begins the row of chance by which commands are chosen; the same seed gives the same commands. @default {1} */
  seed?: number;
}

/**
 * Starts, stops, fails and restarts a subsystem in every order that its contract allows, on the real clock, and throws at the first thing
 * that it does not bear.
 *
 * - Each scenario gets a fresh instance from `make`; within one, the same instance runs again and again.
 * - Scenarios: a stop before the start, a stop while starting, a stop once ready, two stops at once, rounds of start and stop, a failure
 *   while starting and one while running, commands given without waiting, and an end by force.
 * - In each it must become ready, end by itself soon after its signal aborts, throw nothing but the reason, and run once at a time;
 *   `details`, `healthCheck` and `stopIntake` must not throw at any time.
 *
 * @throws {Error} naming the subsystem, the scenario and what was wrong.
 *
 * @example One that keeps its contract, and one that is deaf
 * ```ts
 * import type { Context } from "@daemonkit/daemonkit";
 * import { exerciseSubsystem } from "@daemonkit/daemonkit/testing";
 * import assert from "node:assert/strict";
 *
 * await exerciseSubsystem("good", () => ({ name: "good", run: (context: Context) => context.cancelled() }));
 * const deaf = { name: "deaf", run: () => new Promise<void>(() => {}) };
 * await assert.rejects(exerciseSubsystem("deaf", () => deaf, { timeout: "10ms" }), /Cannot accept deaf .* did not stop/);
 * ```
 */
export async function exerciseSubsystem(name: string, make: () => Subsystem, options: ExerciseOptions = {}): Promise<void> {
  const { rounds = 50, timeout = "5s", seed = 1 } = options;
  const timeoutMs = durationMs(timeout);
  for (const [scenario, play] of Object.entries(SCENARIOS)) {
    const stage = new Stage(make(), timeoutMs);
    try {
      await play(stage, { rounds, random: chance(seed) });
      await stage.end();
    } catch (error) {
      await stage.supervisor.stop("it was not accepted");
      throw new Error(`Cannot accept ${name} in the scenario "${scenario}": ${messageOf(error)}`, { cause: error });
    }
  }
}

/** As long as a daemon with the default deadlines grants. */
const STOP_TIMEOUT_MS = 5_000;

type Play = (stage: Stage, options: { rounds: number; random: () => number }) => Promise<void>;

const SCENARIOS: Record<string, Play> = {
  "stop before start": async (stage) => {
    stage.subject.stopIntake();
    await stage.supervisor.stop("before the start");
    await stage.supervisor.start().catch(() => {});
    if (stage.subject.runs > 0) throw new Error("it ran although it was stopped before");
  },
  "stop while starting": async (stage) => {
    const started = stage.supervisor.start().catch(() => {});
    await stage.supervisor.stop("while starting");
    await started;
  },
  "stop a moment after the start": async (stage) => {
    const started = stage.supervisor.start().catch(() => {});
    for (let turn = 0; turn < 3; turn++) await Promise.resolve();
    await stage.supervisor.stop("while starting");
    await started;
  },
  "stop once ready, twice at once": async (stage) => {
    await stage.start();
    await stage.subject.healthCheck();
    stage.subject.stopIntake();
    await Promise.all([stage.supervisor.stop("end"), stage.supervisor.stop("end again")]);
    stage.subject.stopIntake();
    await stage.subject.healthCheck();
  },
  "rounds of start and stop": async (stage, { rounds }) => {
    await stage.start();
    for (let round = 0; round < rounds; round++) {
      await stage.supervisor.stopUnits([stage.subject.name]);
      stage.check("stopped", "completed");
      await stage.supervisor.startUnits([stage.subject.name]);
      stage.check("running", "completed");
    }
  },
  "failure while starting": async (stage) => {
    stage.subject.faults = 3;
    await stage.start();
  },
  "failure while running": async (stage) => {
    await stage.start();
    for (let fault = 0; fault < 3; fault++) {
      stage.subject.fail();
      await stage.settled();
    }
  },
  "commands given without waiting": async (stage, { rounds, random }) => {
    await stage.start();
    const commands: Promise<unknown>[] = [];
    for (let command = 0; command < rounds; command++) {
      const kind = (["startUnits", "stopUnits", "restartUnits"] as const)[Math.floor(random() * 3)];
      commands.push(stage.supervisor[kind]([stage.subject.name]));
      if (random() < 0.5) await Promise.resolve();
      stage.subject.details();
    }
    await Promise.all(commands);
  },
  "end by force": async (stage) => {
    await stage.start();
    const stopped = stage.supervisor.stop("end");
    stage.supervisor.force();
    stage.supervisor.kill();
    await stopped;
  },
};

/** A supervisor over the one subsystem that is exercised. */
class Stage implements SupervisorPorts {
  readonly clock = systemClock;
  readonly deadlines: Deadlines = new Deadlines(systemClock);
  readonly turns: Turns = new Turns(systemClock);
  readonly random: () => number = () => 0.5;
  readonly keptDown: ReadonlySet<string> = new Set();
  readonly subject: Subject;
  readonly supervisor: Supervisor;
  readonly #timeoutMs: number;
  readonly #errors: unknown[] = [];

  constructor(subsystem: Subsystem, timeoutMs: number) {
    this.subject = new Subject(subsystem);
    this.#timeoutMs = timeoutMs;
    const spec: SubsystemSpec = {
      after: [],
      restart: RestartPolicy.onFailure({ delay: 1, factor: 1, maxRestarts: Infinity }),
      ready: { timeout: timeoutMs },
      stop: { timeout: timeoutMs },
      essential: false,
      significant: false,
      retryStart: true,
    };
    this.supervisor = new Supervisor(this, new CancelToken(), [registration(this.subject, "subsystem", spec)]);
  }

  isObserved(): boolean {
    return false;
  }
  emit(): void {}
  report(error: unknown): void {
    this.#errors.push(error);
  }
  failed(): void {}
  requestShutdown(): void {}
  stopTimeoutMs(): number {
    return STOP_TIMEOUT_MS;
  }
  countMissing(): void {}
  remainingMs(): undefined {
    return undefined;
  }
  logger(): typeof silentLogger {
    return silentLogger;
  }
  runAs<T>(_path: string, fn: () => T): T {
    return fn();
  }

  async start(): Promise<void> {
    await this.supervisor.start();
    await this.settled();
  }

  /** Resolves when a run is up that was not made to fail. */
  async settled(): Promise<void> {
    const enough = new AbortController();
    const late = sleep(this.clock, this.#timeoutMs, enough).then(() => {
      throw new Error(`it was not restarted within ${this.#timeoutMs} ms after a failure`);
    });
    try {
      await Promise.race([this.subject.recovered, late]);
    } finally {
      enough.abort();
      late.catch(() => {});
    }
    await this.supervisor.startUnits([this.subject.name]);
    this.check("running", "completed");
  }

  check(...states: string[]): void {
    const [{ state, reason }] = this.supervisor.status();
    const { failure } = this.subject;
    if (failure !== undefined) throw new Error(`it failed by itself: ${messageOf(failure.error)}`, { cause: failure.error });
    if (this.#errors.length > 0) throw this.#errors[0];
    if (this.subject.overlaps > 0) throw new Error("it ran twice at once");
    if (!states.includes(state)) throw new Error(`it is ${state} instead of ${states.join(" or ")}: ${reason}`);
  }

  async end(): Promise<void> {
    await this.supervisor.stop("end");
    this.turns[Symbol.dispose]();
    const [late] = this.supervisor.unstopped();
    if (late !== undefined) throw new Error(`it did not stop within ${late.waitedMs} ms`);
    this.check("stopped", "completed");
    this.subject.details();
  }
}

/** The subsystem that is exercised, with faults that come on order. */
class Subject implements Subsystem {
  readonly name: string;
  readonly spec: SubsystemSpec;
  readonly #subsystem: Subsystem;
  #live = 0;
  #fail: () => void = () => {};
  /** Runs that are still to fail right after they were entered. */
  faults = 0;
  /** Runs so far, and those beside another one. */
  runs = 0;
  overlaps = 0;
  /** Error that it threw although nothing had told it to stop. */
  failure: { error: unknown } | undefined;
  #recovered = Promise.withResolvers<void>();

  constructor(subsystem: Subsystem) {
    this.#subsystem = subsystem;
    this.name = subsystem.name;
    this.spec = subsystem.spec ?? {};
    this.details();
  }

  async run(context: Context): Promise<void> {
    this.runs++;
    if (this.#live++ > 0) this.overlaps++;
    const fault = Promise.withResolvers<void>();
    this.#fail = () => fault.reject(new Error("a failure on order"));
    if (this.faults-- > 0) this.#fail();
    else this.#recovered.resolve();
    context.spawn("fault", (handle) => handle.race(fault.promise));
    try {
      await this.#subsystem.run(context);
    } catch (error) {
      if (!context.isShutdown()) this.failure ??= { error };
      throw error;
    } finally {
      this.#live--;
    }
  }

  get recovered(): Promise<void> {
    return this.#recovered.promise;
  }

  /** Makes the present run fail, where there is one. */
  fail(): void {
    if (this.#live === 0) return;
    this.#recovered = Promise.withResolvers();
    this.#fail();
  }

  stopIntake(): void {
    this.#subsystem.stopIntake?.();
  }

  details(): Readonly<Record<string, unknown>> {
    return this.#subsystem.details?.() ?? {};
  }

  async healthCheck(): Promise<HealthAnswer> {
    return await this.#subsystem.healthCheck?.(new AbortController().signal) ?? true;
  }
}

/** A row of numbers in [0, 1) that looks like chance, the same for the same seed (a linear congruence modulo 2^32). */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
