import type { AfterCondition } from "./after.ts";
import type { AddOptions, SubsystemEnd, SubsystemHandle } from "./children.ts";
import type { CancelToken } from "./cancel.ts";
import type { Clock } from "../ports/clock.ts";
import { messageOf, SubsystemError } from "../values/errors.ts";
import { Grade, type Knot } from "./graph.ts";
import type { Logger } from "../ports/log.ts";
import type { UnitOutcome, UnitStatus } from "./operations.ts";
import type { OutcomeFacts } from "./outcomes.ts";
import type { Program } from "./program.ts";
import { addition, type Registration, type ResolvedSpec } from "./registration.ts";
import { RestartHistory } from "./restart.ts";
import type { RunContext, RunHost } from "./run_context.ts";
import { isCompletedState, isFailedState, isRunningState, isStartedState, isStartingState, type State } from "./state.ts";
import { hasRunIn, IDLE, type Phase } from "./step.ts";
import type { StopScope, Subsystem } from "./subsystem.ts";
import type { CheckedRequest } from "./verdict.ts";

/** Under this key a subsystem says in words what its supervisor can't know. */
export const WORDS: unique symbol = Symbol("in words");

/** A subsystem that tells more of its runs than that they ended. */
export interface Telling extends Subsystem {
  /** Of the present or last run. */
  readonly [WORDS]: Words;
  /** Returns a known reason why it can't be started now; undefined where there is none. */
  startProblem?(): Promise<string | undefined>;
}

/** Texts about a run. */
export interface Words {
  /** Why it is not ready yet. */
  readonly unready?: string;
  /** How it ended where it did not fail. */
  readonly end?: string;
  /** Error of the run itself: a stop that was asked for before that became known has nothing to do with it. */
  readonly failure?: unknown;
  /** Part of it that lives on although it is down. */
  readonly left?: string;
}

const NO_WORDS: Words = {};

/** Commands of an operator to the children of one supervisor, by their names. */
export interface UnitCommands {
  /** Starts them, and what they come after. */
  startUnits(names: readonly string[]): Promise<UnitOutcome[]>;
  /** Stops them, what comes after them first. */
  stopUnits(names: readonly string[], reason?: string): Promise<UnitOutcome[]>;
  /** Stops them and starts them again. */
  restartUnits(names: readonly string[]): Promise<UnitOutcome[]>;
}

/** The supervisor as its units see it. */
export interface UnitOwner extends UnitCommands {
  /** Time, and what all supervisors of a tree share. */
  readonly ports: {
    readonly clock: Clock;
    readonly program?: Program;
    readonly drain?: CancelToken;
    logger(path: string): Logger;
    remainingMs(): number | undefined;
    random(): number;
    requestShutdown(reason: string, exitCode?: number, isForced?: boolean): void;
    report(error: unknown): void;
  };
  /** Why a unit is in its phase. */
  reasonOf(unit: Unit): string;
  /** Milliseconds that its stop may take. */
  stopTimeoutOf(unit: Unit): number;
  /** Takes a message. */
  post(message: UnitMessage): void;
  /** Adds a sibling. */
  add(child: Registration): SubsystemHandle;
  /** Resolves with how it has ended. */
  ended(unit: Unit): Promise<SubsystemEnd>;
  /** Stops it. */
  stopUnit(unit: Unit): Promise<UnitOutcome>;
  /** Stops it and forgets it. */
  removeUnit(unit: Unit): Promise<UnitOutcome>;
}

/** Messages of a run to its supervisor. */
export type UnitMessage =
  | { kind: "verdict"; unit: Unit; context: RunContext; scope: StopScope }
  | { kind: "ending"; unit: Unit; context: RunContext }
  | { kind: "ready"; unit: Unit; context: RunContext }
  | { kind: "stopTimeout"; unit: Unit; context: RunContext };

/** Kinds of units whose runs are processes of their own. */
const PROCESS_KINDS: readonly string[] = ["service"];

/** Whether a run of a unit of this kind is a process of its own: it can be killed, and its faults are not those of this process. */
export function runsAsProcess(kind: string): boolean {
  return PROCESS_KINDS.includes(kind);
}

/** Desired state of a unit, and who wants it. */
export type Wish = "up" | "not started" | "operator" | "policy" | "removed" | "end";

/** Counts that a unit belongs to, one bit each: the supervisor sums them up, so that it never has to look at all units. */
export const COUNTS = {
  /** It starts, stops, or waits for what does. */
  moving: 1,
  /** It stops, or is to. */
  ending: 2,
  /** It stops, or is to, or something that comes after it is. */
  flagged: 4,
  /** It runs, or will by itself or by its operator. */
  alive: 8,
  /** It is to be up and is not. */
  missing: 16,
  /** It has a run that is not given up. */
  live: 32,
  /** Its siblings wait until it is time for its restart. */
  holdsGroup: 64,
  /** Its siblings wait until its run has ended. */
  blocksGroup: 128,
  /** It has such a run, and stops last. */
  liveLast: 256,
  /** It counts for `autoShutdown`, and is not over. */
  significant: 512,
  /** Its run did not stop in its time. */
  overdue: 1024,
  /** It has failed for good, and nobody has stopped it since or has said that it may fail. */
  failed: 2048,
  /** An operator stopped it. */
  byOperator: 4096,
} as const;

/** A child of a supervisor. Only the supervisor's loop writes its fields. */
export class Unit implements RunHost, OutcomeFacts {
  /** Its supervisor. */
  readonly supervisor: UnitOwner;
  /** Registration of its present run, or of the next one. */
  registration: Registration;
  /** Registration of the next run, where it differs from that of the present one. */
  next: Registration | undefined;
  path: string;
  /** Place among its siblings. */
  index: number;
  /** Edges to the units before and after this one; undefined for most, as they have none. */
  knot: Knot<Unit> | undefined;
  phase: Phase = IDLE;
  /** Why it is in this phase, but for one that waits: see `Supervisor.status`. */
  lastReason = "not started yet";
  wish: Wish = "not started";
  /** Its counts: a sum of {@linkcode COUNTS}. */
  counts = 0;
  run = 0;
  restarts = 0;
  current: RunContext | undefined;
  startedMs = 0;
  /** How far its present or last run has come: it is or was ready, or was not in its time. */
  reached: "nothing" | "ready" | "late" = "nothing";
  /** Why its last run did not stop cleanly. */
  stopFailure: string | undefined;
  /** Error of its last run. */
  failure: { error: unknown } | undefined;
  /** The deadline or wait of the present phase. */
  timer: Disposable | undefined;
  /** Waits for an event of this unit. */
  watches: Watch[] | undefined;
  #history: RestartHistory | undefined;
  #startedAt: { run: number; text: string } | undefined;

  constructor(supervisor: UnitOwner, given: Registration, path: string, index: number) {
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

  get state(): State {
    return this.phase.state;
  }

  get reason(): string {
    return this.supervisor.reasonOf(this);
  }

  get desired(): "up" | "down" {
    return this.wish === "up" ? "up" : "down";
  }

  get isRemoved(): boolean {
    return this.wish === "removed";
  }

  get hasRun(): boolean {
    return hasRunIn(this.phase);
  }

  get wasLate(): boolean {
    return this.reached === "late";
  }

  get isOverdue(): boolean {
    return this.phase.name === "overdue";
  }

  get stopAskedMs(): number | undefined {
    return this.phase.askedMs;
  }

  get history(): RestartHistory {
    return this.#history ??= new RestartHistory();
  }

  /** Restarts in a row so far. */
  get inARow(): number {
    return this.#history?.inARow ?? 0;
  }

  get clock(): Clock {
    return this.supervisor.ports.clock;
  }

  get program(): Program | undefined {
    return this.supervisor.ports.program;
  }

  random(): number {
    return this.supervisor.ports.random();
  }

  get drain(): CancelToken | undefined {
    return this.supervisor.ports.drain;
  }

  get log(): Logger {
    return this.supervisor.ports.logger(this.path);
  }

  /** Texts of the subsystem about the present or last run. */
  get words(): Words {
    return (this.registration.subsystem as Partial<Telling>)[WORDS] ?? NO_WORDS;
  }

  /** Why it is so, without its own name at the beginning: for sentences that have named it. */
  get why(): string {
    const { path, lastReason } = this;
    for (const start of [`Cannot start ${path} as it `, `${path} `, `${path}: `]) {
      if (lastReason.startsWith(start)) return lastReason.slice(start.length);
    }
    return lastReason;
  }

  /** Neither has a run nor waits to get one. */
  get isDown(): boolean {
    const { name } = this.phase;
    return !this.hasRun && name !== "waiting" && name !== "backoff";
  }

  timeRemaining(): number | undefined {
    const { askedMs } = this.phase;
    if (askedMs === undefined) return undefined;
    const ownMs = Math.max(0, askedMs + this.supervisor.stopTimeoutOf(this) - this.clock.nowMs());
    const left = Math.min(ownMs, this.supervisor.ports.remainingMs() ?? Infinity);
    return left;
  }

  requestShutdown({ reason, exitCode, isForced }: CheckedRequest): void {
    this.supervisor.ports.requestShutdown(reason, exitCode, isForced);
  }

  stop(context: RunContext, scope: StopScope): void {
    this.supervisor.post({ kind: "verdict", unit: this, context, scope });
  }

  add(subsystem: Subsystem, options?: AddOptions): SubsystemHandle {
    return this.supervisor.add(addition(subsystem, options));
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

  late(context: RunContext): void {
    this.supervisor.post({ kind: "stopTimeout", unit: this, context });
  }

  /** Judges it by its next run, as it is to be started anew. */
  forgetLate(): void {
    if (this.wasLate) this.reached = "nothing";
  }

  clearTimer(): void {
    this.timer?.[Symbol.dispose]();
    this.timer = undefined;
  }

  /** A snapshot. */
  status(): UnitStatus {
    const { clock, registration: { kind }, spec, state } = this;
    return {
      name: this.path,
      kind,
      state,
      ready: spec.readiness === "none" ? null : isRunningState(state),
      desired: this.desired,
      reason: this.#reasonNow(),
      run: this.run,
      restarts: this.restarts,
      startedAt: this.current === undefined ? null : this.#startedAtOf(clock),
      details: detailsOf(this.registration.subsystem),
    };
  }

  /** Returns the reason for its state: why a start takes its time, and why there is another one. */
  #reasonNow(): string {
    const { reason, words: { unready } } = this;
    if (!isStartingState(this.state) || unready === undefined) return reason;
    return `is not ready yet: ${unready}${reason === "start" ? "" : `; ${reason}`}`;
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
    const { state } = this.phase;
    if (condition === "exited-ok") return isCompletedState(state);
    if (isRunningState(state)) return true;
    const isManual = this.spec.readiness === "manual";
    if (condition === "started") return isManual ? isStartedState(state) : isCompletedState(state);
    return isCompletedState(state) && (!isManual || this.reached === "ready");
  }

  /** How an edge of `after` to this unit stands. */
  gradeOf(condition: AfterCondition): Grade {
    const { name, state } = this.phase;
    const isQueued = name === "queued";
    const isSatisfied = this.satisfies(condition);
    if (isSatisfied && !isQueued) return Grade.Met;
    if (name === "skipped" || isCompletedState(state) || isFailedState(state)) return Grade.Barred;
    const isMoving = (this.counts & COUNTS.moving) !== 0;
    if (this.wish !== "up" || name === "held") return isMoving || isSatisfied ? Grade.Going : Grade.Down;
    return isMoving || isSatisfied ? Grade.Coming : Grade.Late;
  }
}

/** Handle of a unit for the code that added it. */
export class UnitHandle implements SubsystemHandle {
  readonly #unit: Unit;
  #ended: Promise<SubsystemEnd> | undefined;

  constructor(unit: Unit) {
    this.#unit = unit;
  }

  get name(): string {
    return this.#unit.path;
  }

  get state(): State {
    return this.#unit.state;
  }

  get ended(): Promise<SubsystemEnd> {
    return this.#ended ??= this.#unit.supervisor.ended(this.#unit);
  }

  stop(): Promise<UnitOutcome> {
    return this.#unit.supervisor.stopUnit(this.#unit);
  }

  remove(): Promise<UnitOutcome> {
    return this.#unit.supervisor.removeUnit(this.#unit);
  }
}

/** Somebody waits until something is so of several units, of each at a time of its own. */
export class Watch {
  readonly #isThere: (unit: Unit) => boolean;
  readonly #resolve: () => void;
  #left = 0;

  constructor(isThere: (unit: Unit) => boolean, resolve: () => void) {
    this.#isThere = isThere;
    this.#resolve = resolve;
  }

  /** Waits for this unit too. */
  add(unit: Unit): void {
    this.#left++;
    (unit.watches ??= []).push(this);
  }

  /** Looks at a unit; false once it need not be looked at again. */
  look(unit: Unit): boolean {
    if (!this.#isThere(unit)) return true;
    if (--this.#left === 0) this.#resolve();
    return false;
  }
}

function detailsOf(subsystem: Subsystem): Readonly<Record<string, unknown>> {
  try {
    return subsystem.details?.() ?? {};
  } catch (error) {
    return { error: messageOf(error) };
  }
}
