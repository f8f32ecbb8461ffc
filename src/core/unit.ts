import type { AfterCondition } from "./after.ts";
import type { CancelToken } from "./cancel.ts";
import type { Clock } from "./clock.ts";
import { messageOf, SubsystemError } from "./errors.ts";
import type { Logger } from "./log.ts";
import type { UnitOutcome, UnitStatus } from "./operations.ts";
import type { Registration, ResolvedSpec } from "./registration.ts";
import { RestartHistory } from "./restart.ts";
import type { RunContext, RunHost } from "./run_context.ts";
import type { State } from "./state.ts";
import type { Subsystem } from "./subsystem.ts";
import type { Supervisor } from "./supervisor.ts";

/** Under this key a subsystem that is a group shows the supervisor inside it, while it runs. */
export const INNER: unique symbol = Symbol("the supervisor inside");

/** Under this key a subsystem says in words what its supervisor can't know. */
export const WORDS: unique symbol = Symbol("in words");

/** A subsystem that tells more of its runs than that they ended. */
export interface Telling extends Subsystem {
  /** Of the present or last run. */
  readonly [WORDS]: Words;
}

/** What there is to say of a run. */
export interface Words {
  /** Why it is not ready yet. */
  readonly unready?: string;
  /** How it ended where it did not fail. */
  readonly end?: string;
  /** What it failed of by itself: a stop that was asked for before that became known has nothing to do with it. */
  readonly failure?: unknown;
}

/** A subsystem that is a group of others. */
export interface Group extends Subsystem {
  /** The supervisor of the present run. */
  readonly [INNER]: Supervisor | undefined;
}

/** Shared by all units without edges, as most have none. */
const NONE: readonly never[] = [];

/** A child of a supervisor. Only the supervisor's loop writes its fields. */
export class Unit implements RunHost {
  /** Who runs it. */
  readonly supervisor: Supervisor;
  /** What its present run was started from, or the next one will be. */
  registration: Registration;
  /** What the next run is started from, where that is something else than the present one runs. */
  next: Registration | undefined;
  readonly path: string;
  index: number;
  /** What comes first, and what comes after this one. */
  after: readonly { unit: Unit; condition: AfterCondition }[] = NONE;
  dependents: readonly Unit[] = NONE;

  state: State = "stopped";
  reason = "not started yet";
  desired: "up" | "down" = "down";
  isReady = false;
  run = 0;
  restarts = 0;
  current: RunContext | undefined;
  startedMs = 0;
  stopAskedMs: number | undefined;
  /** It is to stop, and waits for what comes after it. */
  awaitsStop = false;
  /** It did not stop in its time; the others no longer wait for it. */
  isUnstopped = false;
  /** Why its last run did not stop cleanly. */
  stopFailure: string | undefined;
  /** It is no child any more, and stays only until its run has ended. */
  isRemoved = false;
  /** It was told to stop because it was not ready in its time; that is a failure to judge, not a stop. */
  isOverdue = false;
  /** The deadline or wait of the present state. */
  timer: Disposable | undefined;
  #history: RestartHistory | undefined;
  #startedAt: { run: number; text: string } | undefined;

  constructor(supervisor: Supervisor, given: Registration, path: string, index: number) {
    this.supervisor = supervisor;
    this.registration = given;
    this.path = path;
    this.index = index;
  }

  get name(): string {
    return this.registration.subsystem.name;
  }

  get spec(): ResolvedSpec {
    return this.registration.spec;
  }

  get history(): RestartHistory {
    return this.#history ??= new RestartHistory();
  }

  get clock(): Clock {
    return this.supervisor.ports.clock;
  }

  get drain(): CancelToken | undefined {
    return this.supervisor.ports.drain;
  }

  get log(): Logger {
    return this.supervisor.ports.logger(this.path);
  }

  /** The supervisor inside, where the subsystem is a group that runs. */
  get inner(): Supervisor | undefined {
    return (this.registration.subsystem as Partial<Group>)[INNER];
  }

  /** What the subsystem itself says of the present or last run. */
  get words(): Words {
    return (this.registration.subsystem as Partial<Telling>)[WORDS] ?? {};
  }

  /** Why it is so, without its own name at the beginning: for sentences that have named it. */
  get why(): string {
    for (const start of [`Cannot start ${this.path} as it `, `${this.path} `, `${this.path}: `]) {
      if (this.reason.startsWith(start)) return this.reason.slice(start.length);
    }
    return this.reason;
  }

  /** Neither has a run nor will get one by itself. */
  get isDown(): boolean {
    return this.current === undefined && this.state !== "waiting" && this.state !== "restarting";
  }

  timeRemaining(): number | undefined {
    if (this.stopAskedMs === undefined) return undefined;
    const ownMs = Math.max(0, this.stopAskedMs + this.spec.stopTimeoutMs - this.clock.nowMs());
    return Math.min(ownMs, this.supervisor.ports.remainingMs() ?? Infinity);
  }

  requestShutdown(reason: string): void {
    this.supervisor.ports.requestShutdown(reason);
  }

  onListenerError(cause: unknown): void {
    const message = `Cannot run an abort listener of ${this.path}: ${messageOf(cause)}`;
    this.supervisor.ports.report(new SubsystemError("SUBSYSTEM_LISTENER_FAILED", this.path, message, { cause }));
  }

  ending(context: RunContext): void {
    this.supervisor.post({ kind: "ending", unit: this, context });
  }

  ready(context: RunContext): void {
    this.supervisor.post({ kind: "ready", unit: this, context });
  }

  clearTimer(): void {
    this.timer?.[Symbol.dispose]();
    this.timer = undefined;
  }

  /** A snapshot. */
  status(): UnitStatus {
    const { clock, registration: { kind }, spec } = this;
    return {
      name: this.path,
      kind,
      state: this.state,
      ready: spec.readiness === "none" ? null : this.isReady,
      desired: this.desired,
      reason: this.#reasonNow(),
      run: this.run,
      restarts: this.restarts,
      startedAt: this.current === undefined ? null : this.#startedAtOf(clock),
      details: detailsOf(this.registration.subsystem),
    };
  }

  /** What is known of a start that takes its time, and why there is another one. */
  #reasonNow(): string {
    const { unready } = this.words;
    if (this.state !== "starting" || unready === undefined) return this.reason;
    return `is not ready yet: ${unready}${this.reason === "start" ? "" : `; ${this.reason}`}`;
  }

  /** Told once for each run, as two clocks never tell quite the same twice, and a start that moves looks like a restart. */
  #startedAtOf(clock: Clock): string {
    if (this.#startedAt?.run !== this.run) {
      this.#startedAt = { run: this.run, text: new Date(clock.wallMs() - (clock.nowMs() - this.startedMs)).toISOString() };
    }
    return this.#startedAt.text;
  }

  /** Whether an edge of `after` to this unit is satisfied. */
  satisfies(condition: AfterCondition): boolean {
    if (condition === "exited-ok") return this.state === "completed";
    if (this.state === "running") return true;
    const isManual = this.spec.readiness === "manual";
    if (condition === "started") return this.state === "completed" || (this.state === "starting" && isManual);
    return this.state === "completed" && !isManual;
  }

  /** What a command to start it did. */
  outcomeOfStart(wasRunning: boolean): UnitOutcome {
    const ok = this.state === "running" || this.state === "completed";
    if (!ok) return { name: this.path, state: this.state, outcome: this.isOverdue ? "timed out" : "failed", ok, reason: this.reason };
    const outcome = wasRunning ? "already running" : this.state === "completed" ? "completed" : "started";
    return { name: this.path, state: this.state, outcome, ok, reason: "" };
  }

  /** What a command to restart it did, which found it in run number `runBefore`. */
  outcomeOfRestart(runBefore: number): UnitOutcome {
    const outcome = this.outcomeOfStart(false);
    if (!outcome.ok) return outcome;
    if (this.run > runBefore) return { ...outcome, outcome: outcome.outcome === "started" ? "restarted" : outcome.outcome };
    return { ...outcome, outcome: "failed", ok: false, reason: "another command came between" };
  }

  /** What became of it when it was taken away. */
  outcomeOfRemoval(): UnitOutcome {
    const { path: name, state, reason } = this;
    if (!this.isRemoved) return { name, state, outcome: "failed", ok: false, reason: "it was added again meanwhile" };
    if (this.current === undefined) return { name, state, outcome: "removed", ok: true, reason: "" };
    return { name, state, outcome: "timed out", ok: false, reason };
  }

  /** What a command to stop it did. */
  outcomeOfStop(wasDown: boolean): UnitOutcome {
    const { path: name, state } = this;
    if (this.current === undefined && !wasDown && this.stopFailure !== undefined) {
      return { name, state, outcome: "failed", ok: false, reason: this.stopFailure };
    }
    if (this.current === undefined) return { name, state, outcome: wasDown ? "already stopped" : "stopped", ok: true, reason: "" };
    if (this.isUnstopped) return { name, state, outcome: "timed out", ok: false, reason: this.reason };
    return { name, state, outcome: "failed", ok: false, reason: "another command started it again" };
  }
}

function detailsOf(subsystem: Subsystem): Readonly<Record<string, unknown>> {
  try {
    return subsystem.details?.() ?? {};
  } catch (error) {
    return { error: messageOf(error) };
  }
}
