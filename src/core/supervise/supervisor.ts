import type { AfterCondition } from "./after.ts";
import { type CancelToken, isAbort, stopReason } from "./cancel.ts";
import type { SubsystemEnd, SubsystemHandle } from "./children.ts";
import type { Clock } from "../ports/clock.ts";
import { Deque } from "../messages/deque.ts";
import type { Deadlines } from "./deadlines.ts";
import { type Duration, formatDuration } from "../values/duration.ts";
import {
  causeOf,
  type DaemonError,
  hasCode,
  isDaemonError,
  linkOf,
  messageOf,
  ShutdownError,
  SubsystemError,
  TimeoutError,
  unknownUnit,
} from "../values/errors.ts";
import type { EventBody } from "./event.ts";
import { type Edge, type EdgeTarget, Grade, link, regrade, unlink, withDependents, withNeeds } from "./graph.ts";
import type { Logger } from "../ports/log.ts";
import { IndexSet } from "../values/index_set.ts";
import { didYouMean, groupKey, nameKey, nearest } from "../values/names.ts";
import type { UnitOutcome, UnitStatus } from "./operations.ts";
import { outcomeOfRemoval, outcomeOfRestart, outcomeOfStart, outcomeOfStop } from "./outcomes.ts";
import {
  STOPPED_BY_ITSELF,
  STOPPED_BY_OPERATOR,
  STOPPED_BY_PROGRAM,
  stoppedForGoodWith,
  stoppedWith,
  waitsForRoom,
  waitsForStopped,
} from "./readiness.ts";
import type { Program } from "./program.ts";
import type { Registration } from "./registration.ts";
import { RestartHistory, RestartPolicy, type RestartVerdict } from "./restart.ts";
import { RunContext } from "./run_context.ts";
import {
  isCompletedState,
  isFailedState,
  isFatalState,
  isRetryingState,
  isRunningState,
  isSkippedState,
  isStartingState,
  isStoppedState,
  isUpState,
  type State,
} from "./state.ts";
import type { StopScope, Subsystem } from "./subsystem.ts";
import { afterEnd, step, type StepFacts, type StepInput, type StopWhy } from "./step.ts";
import type { Turns } from "./turns.ts";
import { fatalIn } from "./verdict.ts";
import { COUNTS, Unit, UnitHandle, type UnitMessage, Watch, type Wish } from "./unit.ts";

/** Options of a supervisor. */
export interface SupervisorOptions {
  /**
   * Siblings that are restarted with a child: none, all, or those registered after it. Other than `oneForOne` also starts them one after
   * another.
   *
   * @default {"oneForOne"}
   */
  strategy?: "oneForOne" | "oneForAll" | "restForOne";
  /** Restarts of all children together within `within`, whatever their own policies grant. @default {Infinity} */
  maxRestarts?: number;
  /** Length of the sliding window of `maxRestarts`. @default {"30s"} */
  within?: Duration;
  /** Effect beyond that: the supervisor fails, the child ends as fatal, or its restart waits for room. @default {"escalate"} */
  onExhausted?: "fatal" | "pause" | "escalate";
  /**
   * Ends the supervisor when the first, or the last, child marked `significant` has ended by itself. It has failed, and is judged like any
   * child, where one of those has failed for good; a failure for good of another child makes it fail too, but does not start it again.
   *
   * @default {"never"}
   */
  autoShutdown?: "never" | "anySignificant" | "allSignificant";
}

/** Siblings that are restarted with a child. */
export type Strategy = NonNullable<SupervisorOptions["strategy"]>;

/** Ports that supervisors get from the daemon, the same for all of one tree. */
export interface SupervisorPorts {
  /** Time. */
  readonly clock: Clock;
  /** Deadlines of stops. */
  readonly deadlines: Deadlines;
  /** When to pause. */
  readonly turns: Turns;
  /** Chance: a number in [0, 1). */
  readonly random: () => number;
  /** Cancelled when the daemon begins to drain; undefined where nothing ever does. */
  readonly drain?: CancelToken;
  /** The parts of the daemon that subsystems use; undefined where there is none. */
  readonly program?: Program;
  /** Whether anybody looks at events; when not, none are made. */
  isObserved(): boolean;
  /** Takes an event. */
  emit(event: EventBody): void;
  /** Takes an error that belongs into the exit report. */
  report(error: unknown): void;
  /** A subsystem has ended for good by failing. */
  failed(path: string, error: unknown): void;
  /** Asks the whole daemon to stop; a code other than undefined becomes its exit code, and a forced one leaves no time. */
  requestShutdown(reason: string, exitCode?: number, isForced?: boolean): void;
  /** Milliseconds until the daemon gives up; undefined before a shutdown. */
  remainingMs(): number | undefined;
  /** Milliseconds that the stop of a subsystem may take that names no time of its own; Infinity in a shutdown, which has deadlines. */
  stopTimeoutMs(): number;
  /** So many more units, or fewer, are to be up and are not. */
  countMissing(by: number): void;
  /** Paths, without case, of units that an operator stopped in an earlier life of their supervisors, and that nobody has started since. */
  readonly keptDown: ReadonlySet<string>;
  /** The logger of the subsystem with this path. */
  logger(path: string): Logger;
  /** Runs `fn` so that what it fails to handle is charged to `path`. */
  runAs<T>(path: string, fn: () => T): T;
}

/** Desired children of a supervisor from now on: see {@linkcode Supervisor.change}. */
export interface ChildrenChange {
  /** All children, in order. One whose subsystem runs already and is not to be restarted goes on with the new spec and edges. */
  children: readonly Registration[];
  /** Names of children that were there before and must run afresh. */
  restart: ReadonlySet<string>;
  /** Keys of the names of new children that stay down until somebody starts them. */
  down: ReadonlySet<string>;
}

/** A run that did not stop in its time. */
export interface Unstopped {
  /** Path of the subsystem. */
  path: string;
  /** How long it was waited for, in milliseconds. */
  waitedMs: number;
}

/** A unit that has failed for good. */
export interface FinalFailure {
  path: string;
  state: State;
  reason: string;
  error: unknown;
  /** Whether its end may end its supervisor: see `autoShutdown`. */
  isSignificant: boolean;
}

/** A unit, and where it stands in its tree: its place among its siblings, below those of the groups that it is in. */
export interface Place {
  unit: Unit;
  place: readonly number[];
}

/**
 * Why a supervisor should end: no child lives or will live by itself or by its operator, a significant child has ended, one asked for it, or one
 * escalated its failure.
 */
export type SupervisorEnd =
  | { kind: "idle" }
  | { kind: "autoShutdown"; name: string }
  | { kind: "asked"; name: string }
  | { kind: "escalated"; error: unknown };

/** Error of a run that threw; the thrown value itself may be undefined. */
type Failure = { error: unknown } | undefined;

/** A command, and who is to be told whom it is about. */
interface Command<T> {
  units: Unit[];
  done(touched: T): void;
}

/** Under this key a subsystem that is a group shows the supervisor inside it, while it runs. */
export const INNER: unique symbol = Symbol("the supervisor inside");

/** A subsystem that is a group of others. */
export interface Group extends Subsystem {
  /** The supervisor of the present run. */
  readonly [INNER]: Supervisor | undefined;
}

/** The supervisor inside a unit, where that is a group that runs. */
export function innerOf({ registration: { subsystem } }: Unit): Supervisor | undefined {
  return (subsystem as Partial<Group>)[INNER];
}

/** Everything that can happen to a supervisor; its loop handles one after another. */
type Message =
  | UnitMessage
  | { kind: "startAll"; down: ReadonlySet<string> }
  | { kind: "stopAll"; reason: string }
  | { kind: "startUnits"; command: Command<{ units: Set<Unit>; running: Set<Unit> }> }
  | { kind: "stopUnits"; command: Command<{ units: Set<Unit>; down: Set<Unit> }>; reason: string }
  | { kind: "restartUnits"; command: Command<Map<Unit, number>> }
  | { kind: "removeUnits"; command: Command<Unit[]> }
  | { kind: "change"; change: ChildrenChange; done(touched: Touched): void }
  | { kind: "added"; unit: Unit }
  | { kind: "forget"; unit: Unit }
  | { kind: "force" }
  | { kind: "kill" }
  | { kind: "giveUp" }
  | { kind: "settled"; unit: Unit; context: RunContext; failure: Failure }
  | { kind: "due"; unit: Unit }
  | { kind: "readyTimeout"; unit: Unit; context: RunContext };

interface RunOfUnit {
  readonly unit: Unit;
  readonly context: RunContext;
}

/** Units that a change has touched, for its outcomes. */
interface Touched {
  added: Unit[];
  /** With the number of the run that they were in. */
  restarted: Map<Unit, number>;
  removed: Unit[];
}

/** A restart of several siblings: all are down, and their waits over, before the first is started again. */
interface GroupRestart {
  /** Index of the first sibling that takes part. */
  from: number;
  /** Name of the child that failed last. */
  trigger: string;
  /** Siblings that wait to be restarted. */
  holding: number;
  /** Siblings whose run has not ended. */
  blocking: number;
  /** Whether some wait to be restarted, as the members were told. */
  isWaiting: boolean;
}

/** A look at siblings that is shared out over steps of the loop. */
interface Walk {
  readonly units: readonly Unit[];
  next: number;
  visit(unit: Unit): void;
}

/** A promise that all share who wait for the same. */
interface Waiting {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

/** Counts of which few units are part. */
const RARE_COUNTS = COUNTS.overdue | COUNTS.liveLast | COUNTS.failed | COUNTS.byOperator;

const NOBODY: ReadonlySet<string> = new Set();
const NO_UNITS: ReadonlySet<Unit> = new Set();
const settled: Promise<void> = Promise.resolve();

const CHANGED = "the configuration has changed";
const REMOVED = "removed from the configuration";
const REMOVED_BY_PROGRAM = "removed by the program";

/** Immediate restarts of one child in a row before the platform gets to breathe. */
const IMMEDIATE_RESTARTS = 64;
/** Where more children than these end at once, their ends are taken together, so that the loop can pause between them. */
const MANY = 256;
/** Turns of the microtask queue after which an async function that throws at once, below a few others, has failed. */
const ENTERING_TURNS = 5;

/**
 * Starts, watches, restarts and stops a group of subsystems: one loop over one mailbox, the only writer of their states.
 *
 * - Start follows `after`, a restart as the first one: a child starts only while what it waits for holds. What has no edge between it starts in
 *   order of registration, each entered before the next.
 * - Stop is the reverse: a child is told to stop when everything that comes after it is down, or did not get down in its time.
 * - A run is never followed by another before it has settled with all its disposers.
 * - A child that does not stop is named by {@linkcode Supervisor.unstopped}, not waited for without end.
 * - Each step looks only at what it touches: units keep count of their edges, the supervisor of its units.
 *
 * `supervisorSubsystem` makes one a subsystem of another.
 */
export class Supervisor {
  /** Ports from the daemon. */
  readonly ports: SupervisorPorts;
  readonly #strategy: Strategy;
  readonly #intensity: { policy: RestartPolicy; history: RestartHistory } | undefined;
  readonly #autoShutdown: "never" | "anySignificant" | "allSignificant";
  readonly #prefix: string;
  readonly #token: CancelToken;
  /** By the key of its name, in order of registration. */
  #enrolled: Map<string, Unit> = new Map();
  /** The same, for a strategy that orders siblings; each unit's index is its place here. */
  readonly #ordered: Unit[] = [];
  /** Instances by the key of their service, made when an edge asks for it. */
  #instances: Map<string, Set<Unit>> | undefined;
  #nextIndex = 0;

  readonly #mailbox: Deque<Message> = new Deque();
  /** Units whose turn to start or to stop may have come. */
  readonly #agenda: Deque<Unit> = new Deque();
  #isBusy = false;
  /** Busy, and in a pause. */
  #isPaused = false;
  /** So many messages come before the agenda. */
  #firstMessages = 0;
  #turnMs: number | undefined;
  /** Runs that were entered in this turn and have not failed yet. */
  #entering: RunOfUnit[] | undefined;
  /** Those that have been given the time to fail at once; the next one is ready. */
  #toEnter: { readonly runs: RunOfUnit[]; next: number } | undefined;
  /** Ends of runs that are taken together. */
  #ends: Message[] | undefined;

  #phase: "new" | "starting" | "up" | "stopping" = "new";
  #startFailure: unknown;
  /** Keys of the names of the units that are not started with the others. */
  #downAtFirst: ReadonlySet<string> = NOBODY;
  /** Children that are yet to be enrolled, in order. */
  #toEnrol: { readonly children: readonly Registration[]; next: number } | undefined;
  /** Units whose edges are yet to be drawn, in order: nothing else is done before. */
  #toConnect: { readonly units: Unit[]; next: number } | undefined;
  /** Units that are yet to be asked to stop with all others, the last one first. */
  #toAsk: { units: Unit[]; reason: string } | undefined;
  /** When the stop began during the start, each run had been entered, and nobody had to say more. */
  #hasEntered = false;
  #group: GroupRestart | undefined;
  /** Siblings that are yet to be looked at for their restart: nothing else is done before. */
  #walk: Walk | undefined;
  /** How many units count as what: see `COUNTS`. */
  #moving = 0;
  #alive = 0;
  #live = 0;
  #overdue = 0;
  #significant = 0;
  /** Live units that stop last. */
  #liveLast = 0;
  /** With a strategy that orders siblings: which of them are moving, and which are ending. */
  readonly #places: { moving: IndexSet; ending: IndexSet } | undefined;
  /** Units that stop last while all stop, with those that they come after. */
  #last: ReadonlySet<Unit> | undefined;
  /** Units that have failed for good and still count; made with the first one. */
  #failed: Set<Unit> | undefined;
  /** Units that an operator stopped; likewise. */
  #byOperator: Set<Unit> | undefined;
  /** Children that are groups of others; likewise. */
  #groups: Set<Unit> | undefined;
  /** Children that stop last, in their present run or the next; likewise. */
  #stopLast: Set<Unit> | undefined;
  #starting: Waiting | undefined;
  #stopping: Waiting | undefined;
  #emptying: Waiting | undefined;
  /** Watched units that something has happened to. */
  #watched: Unit[] = [];
  #isIdle = false;
  #onEnd: ((end: SupervisorEnd) => void) | undefined;
  #onChild: ((child: Registration, isAdded: boolean) => void) | undefined;

  /**
   * Creates a supervisor over these children.
   *
   * @throws {RangeError} if an option is wrong.
   */
  constructor(
    ports: SupervisorPorts,
    token: CancelToken,
    children: readonly Registration[],
    options: SupervisorOptions & { path?: string } = {},
  ) {
    const { strategy = "oneForOne", maxRestarts = Infinity, within = 30_000, onExhausted = "escalate", autoShutdown = "never", path = "" } =
      options;
    this.ports = ports;
    this.#token = token;
    this.#strategy = strategy;
    if (strategy !== "oneForOne") this.#places = { moving: new IndexSet(), ending: new IndexSet() };
    this.#autoShutdown = autoShutdown;
    this.#prefix = path === "" ? "" : `${path}/`;
    if (maxRestarts !== Infinity) {
      this.#intensity = {
        policy: new RestartPolicy("always", { delay: 0, jitter: 0, maxRestarts, within, onExhausted }),
        history: new RestartHistory(),
      };
    }
    this.#toEnrol = { children, next: 0 };
  }

  /**
   * Starts all children but those the keys of whose names are in `down`. Resolves when each has started once: is ready, has ended, waits to be
   * restarted, or waits for one that does. `nowMs` is the clock's time, where the caller has just read it.
   *
   * @throws {SubsystemError} if a child without `retryStart` failed before it was ready; all others are down again by then, and the
   * causes hold what else went wrong.
   * @throws {ShutdownError} if it was stopped meanwhile.
   */
  start(down: ReadonlySet<string> = NOBODY, nowMs?: number): Promise<void> {
    this.#turnMs = nowMs;
    this.post({ kind: "startAll", down });
    if (this.#phase === "up") return settled;
    const { promise } = this.#starting ??= waiting();
    if (!this.#isBusy) this.#answer();
    return promise;
  }

  /** Stops all children. Resolves when each is down or was given up. `nowMs` is the clock's time, where the caller has just read it. */
  stop(reason: string, nowMs?: number): Promise<void> {
    this.#turnMs ??= nowMs;
    this.post({ kind: "stopAll", reason });
    if (!this.#isBusy && this.#hasStopped) return settled;
    return (this.#stopping ??= waiting()).promise;
  }

  /** Tells every run at once that patience is over. */
  force(): void {
    this.#urge({ kind: "force" });
  }

  /** Tells every run at once that whatever can be killed must be. */
  kill(): void {
    this.#urge({ kind: "kill" });
  }

  /** Waits no longer for what has not stopped: it is unstopped from now on, and whoever waits for it, or for the start, gets an answer. */
  giveUp(): void {
    this.#urge({ kind: "giveUp" });
  }

  /** Calls `fn` whenever the supervisor should end. Must be set before the start; it is for `fn` to stop it, or to let it stay. */
  onEnd(fn: (end: SupervisorEnd) => void): void {
    this.#onEnd = fn;
  }

  /** Calls `fn` with each child that is added from now on, and with each that goes by itself or is removed by the program. */
  onChild(fn: (child: Registration, isAdded: boolean) => void): void {
    this.#onChild = fn;
  }

  /**
   * Adds a child and, when the others run, starts it.
   *
   * @throws {ShutdownError} if the supervisor is stopping; the child is never run.
   * @throws {RangeError} if the name is taken or `after` names no child.
   */
  add(child: Registration): SubsystemHandle {
    const { name } = child.subsystem;
    if (this.#phase === "stopping") {
      const whose = this.#prefix === "" ? "the daemon" : `${JSON.stringify(this.#prefix.slice(0, -1))}`;
      throw new ShutdownError("SHUTDOWN_IN_PROGRESS", `Cannot add ${JSON.stringify(name)} as ${whose} is stopping`);
    }
    if (this.#units.has(nameKey(name))) {
      throw new RangeError(`Cannot add a subsystem as its name must be free: current value is ${JSON.stringify(name)}`);
    }
    // Looked up first: what is refused leaves nothing behind, and a child that names itself finds no sibling.
    for (const { name: other } of child.after) {
      const others = this.#named(other);
      if (others.length === 0) throw noSibling(name, other, this.#names());
      if (!child.spec.temporary && others.some(({ spec }) => spec.temporary)) {
        throw new RangeError(
          `Cannot add ${
            JSON.stringify(name)
          } as "after" must not name a temporary sibling unless it is temporary itself: current value is ` +
            JSON.stringify(other),
        );
      }
    }
    const unit = this.#enrol(child);
    this.#connect(unit);
    this.#onChild?.(child, true);
    if (this.#phase !== "new") this.post({ kind: "added", unit });
    return new UnitHandle(unit);
  }

  /** Resolves with how a child ended, once nothing starts it again by itself: see {@linkcode SubsystemHandle.ended}. */
  ended(unit: Unit): Promise<SubsystemEnd> {
    if (this.#hasEnded(unit)) return Promise.resolve(endOf(unit));
    return new Promise((resolve) => new Watch((unit) => this.#hasEnded(unit), () => resolve(endOf(unit))).add(unit));
  }

  /** Stops a child for the program, as {@linkcode Supervisor.stopUnits} does for an operator. */
  async stopUnit(unit: Unit): Promise<UnitOutcome> {
    if (this.#isForgotten(unit)) return outcomeOfStop(unit, true);
    const { down } = await this.#command<{ units: Set<Unit>; down: Set<Unit> }>(
      [unit],
      (command) => ({ kind: "stopUnits", command, reason: STOPPED_BY_PROGRAM }),
      ({ units }) => units,
      hasStopped,
    );
    return outcomeOfStop(unit, down.has(unit));
  }

  /** Stops a child and forgets it; what comes after it goes on. Resolves when it is down or its time is up. */
  async removeUnit(unit: Unit): Promise<UnitOutcome> {
    if (!unit.isRemoved) this.#onChild?.(unit.registration, false);
    if (!this.#isForgotten(unit)) {
      await this.#command<Unit[]>([unit], (command) => ({ kind: "removeUnits", command }), (units) => units, hasChanged);
    }
    return outcomeOfRemoval(unit);
  }

  /**
   * Starts children, with what they come after. Resolves when each is up, has ended, or waits to be restarted; lists all that were started,
   * those that were stopped with one of them included.
   */
  async startUnits(names: readonly string[]): Promise<UnitOutcome[]> {
    this.#refuseWhenStopping("start");
    const asked = names.map((name) => this.#unit(name));
    const { units, running } = await this.#command<{ units: Set<Unit>; running: Set<Unit> }>(
      asked,
      (command) => ({ kind: "startUnits", command }),
      ({ units }) => units,
      isSettled,
    );
    return [...units].map((unit) => outcomeOfStart(unit, running.has(unit)));
  }

  /**
   * Stops children, those that come after them first. Resolves when each is down or its time is up; lists all that were stopped. Those that
   * were stopped with one that was named start again with it.
   */
  async stopUnits(names: readonly string[], reason: string = STOPPED_BY_OPERATOR): Promise<UnitOutcome[]> {
    const asked = names.map((name) => this.#unit(name));
    const { units, down } = await this.#command<{ units: Set<Unit>; down: Set<Unit> }>(
      asked,
      (command) => ({ kind: "stopUnits", command, reason }),
      ({ units }) => units,
      hasStopped,
    );
    return [...units].map((unit) => outcomeOfStop(unit, down.has(unit), unit.phase.name === "held" ? unit.reason : ""));
  }

  /** Stops and starts children; those that come after them stay as they are. Resolves as {@linkcode Supervisor.startUnits} does. */
  async restartUnits(names: readonly string[]): Promise<UnitOutcome[]> {
    this.#refuseWhenStopping("restart");
    const asked = names.map((name) => this.#unit(name));
    const runs = await this.#command<Map<Unit, number>>(
      asked,
      (command) => ({ kind: "restartUnits", command }),
      (runs) => runs.keys(),
      hasRestarted,
    );
    return [...runs].map(([unit, run]) => outcomeOfRestart(unit, run));
  }

  /**
   * Makes the children what they are to be: starts new ones, stops those that are no longer listed and forgets them, restarts those that
   * must run afresh, and lets all others go on. Resolves when that is done, with what became of those that were touched.
   *
   * - A child that an operator stopped stays down, and takes the change at its next start.
   * - A child that has ended or failed is started when it is to run afresh: the change may be the cure.
   * - A child of the same name is never run beside one that has not ended yet.
   *
   * @throws {ShutdownError} if the supervisor is stopping.
   * @throws {RangeError} if `after` names no child; nothing has changed then.
   */
  async change(change: ChildrenChange): Promise<UnitOutcome[]> {
    this.#refuseWhenStopping("change");
    // Before the loop has it: what fails there fails halfway.
    const keys = new Set(change.children.flatMap(({ subsystem: { name } }) => [nameKey(name), groupKey(name)]));
    for (const { subsystem, after } of change.children) {
      for (const { name } of after) if (!keys.has(nameKey(name))) throw noSibling(subsystem.name, name, keys);
    }
    const { promise, resolve } = Promise.withResolvers<Touched>();
    this.post({
      kind: "change",
      change,
      done: (touched) => {
        const units = [...touched.removed, ...touched.restarted.keys(), ...touched.added];
        this.#watch(units, hasChanged, () => resolve(touched));
      },
    });
    const { added, restarted, removed } = await promise;
    return [
      ...removed.map((unit) => outcomeOfRemoval(unit)),
      ...[...restarted].map(([unit, run]) => run === 0 ? outcomeOfStart(unit) : outcomeOfRestart(unit, run)),
      ...added.map((unit) => outcomeOfStart(unit)),
    ];
  }

  /** Whether it has started and no child lives or will live by itself or by its operator. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** Whether it has begun to stop, or has stopped. */
  get isStopping(): boolean {
    return this.#phase === "stopping";
  }

  /** Keys of the names of the children that an operator stopped. */
  stoppedByOperator(): Set<string> {
    return new Set(Array.from(this.#byOperator ?? NO_UNITS, ({ name }) => nameKey(name)));
  }

  /** How many children it has. */
  get size(): number {
    return this.#units.size;
  }

  /** Children that were told to stop and did not within their time; in the place of a group, those of its own that keep it. */
  unstopped(): Unstopped[] {
    const unstopped: Unstopped[] = [];
    const isDown = this.#live + this.#overdue === 0;
    if (isDown && this.#groups === undefined) return unstopped;
    // Usually nothing of it lives but what a group has left behind.
    for (const unit of isDown ? inOrder(this.#groups!) : this.#units.values()) {
      const { path, stopAskedMs } = unit;
      const inner = innerOf(unit);
      if (inner !== undefined) { for (const each of inner.unstopped()) unstopped.push(each); }
      else if (stopAskedMs !== undefined) unstopped.push({ path, waitedMs: Math.round(this.ports.clock.nowMs() - stopAskedMs) });
    }
    return unstopped;
  }

  /** Resolves when also those have ended that did not stop in their time. */
  emptied(): Promise<void> {
    if (!this.#isBusy && this.#live + this.#overdue === 0) return settled;
    return (this.#emptying ??= waiting()).promise;
  }

  /** Children that have failed for good and still count: nobody has stopped them since, and nobody has said that they may fail. */
  failures(): FinalFailure[] {
    if (this.#failed === undefined && this.#groups === undefined) return [];
    const failures: FinalFailure[] = [];
    for (const unit of inOrder(new Set([...this.#failed ?? [], ...this.#groups ?? []]))) {
      const { phase: { name, state }, spec, path, failure } = unit;
      if (unit.counts & COUNTS.failed) {
        failures.push({ path, state, reason: unit.reason, error: failure?.error, isSignificant: spec.significant });
      } else if (name !== "failed" && name !== "fatal") {
        // Below a group that goes on nothing has ended this one.
        for (const failure of innerOf(unit)?.failures() ?? []) failures.push({ ...failure, isSignificant: false });
      }
    }
    return failures;
  }

  /** Children that run and are instances of a class, in order of registration, each nested supervisor followed by its own. */
  instances<T extends object>(type: abstract new (...args: never[]) => T): { path: string; instance: T }[] {
    const found: { path: string; instance: T }[] = [];
    this.#visit(({ path, hasRun, registration: { subsystem } }) => {
      if (hasRun && subsystem instanceof type) found.push({ path, instance: subsystem });
    });
    return found;
  }

  /** A snapshot of all children, in order of registration, each nested supervisor followed by its own. */
  status(): UnitStatus[] {
    const all: UnitStatus[] = [];
    this.#visit((unit) => all.push(unit.status()));
    return all;
  }

  /** Ends the intake of every child that has one, whatever it throws. */
  stopIntake(): void {
    for (const unit of this.#units.values()) {
      const { path, registration: { subsystem } } = unit;
      try {
        // Looked for now: some have one only since their run has made it.
        subsystem.stopIntake?.();
      } catch (cause) {
        const message = `Cannot end the intake of ${path}: ${messageOf(cause)}`;
        this.ports.report(new SubsystemError("SUBSYSTEM_STOP_FAILED", path, message, { cause }));
      }
      if (this.#groups?.has(unit)) innerOf(unit)?.stopIntake();
    }
  }

  /** Paths of all children, in order of registration, each nested supervisor followed by its own. */
  paths(): string[] {
    const all: string[] = [];
    this.#visit(({ path }) => all.push(path));
    return all;
  }

  /** Paths of those that are to be up and are not, in order. */
  missing(): string[] {
    const missing: string[] = [];
    this.#visit(({ counts, path }) => {
      if (counts & COUNTS.missing) missing.push(path);
    });
    return missing;
  }

  /** Calls `fn` with all children, in order of registration, each nested supervisor followed by its own. */
  #visit(fn: (unit: Unit) => void): void {
    for (const unit of this.#units.values()) {
      fn(unit);
      const inner = innerOf(unit);
      if (inner !== undefined) inner.#visit(fn);
    }
  }

  /** The child with this path; undefined when there is none. */
  find(path: string): Unit | undefined {
    const [name, ...rest] = path.slice(this.#prefix.length).split("/");
    const unit = this.#units.get(nameKey(name));
    return rest.length === 0 ? unit : unit && innerOf(unit)?.find(path);
  }

  /**
   * The child with this path.
   *
   * @throws {SubsystemError} if there is none; names the nearest.
   */
  unitAt(path: string): Unit {
    const unit = this.find(path);
    if (unit === undefined) throw unknownUnit(path, this.paths());
    return unit;
  }

  /** All that a path means: a child, and the instances of a service, each with its place in the tree. Looks at nobody else. */
  findAll(path: string): Place[] {
    const [name, ...rest] = path.slice(this.#prefix.length).split("/");
    if (rest.length > 0) {
      const unit = this.#units.get(nameKey(name));
      const found = unit === undefined ? [] : innerOf(unit)?.findAll(path) ?? [];
      return found.map(({ unit: inner, place }) => ({ unit: inner, place: [unit!.index, ...place] }));
    }
    const key = nameKey(name);
    const units = new Set(this.#instancesOf(key));
    const unit = this.#units.get(key);
    if (unit !== undefined) units.add(unit);
    return [...units].map((unit) => ({ unit, place: [unit.index] }));
  }

  // --- The loop

  /** Puts a message into the mailbox; handled at once unless the loop is busy with another. For units and timers. */
  post(message: Message): void {
    this.#mailbox.push(message);
    if (!this.#isBusy) this.#work();
  }

  /** The same at once, also during a pause: the end of somebody's patience waits for nobody. */
  #urge(message: Message): void {
    if (this.#isBusy && !this.#isPaused) return void this.#mailbox.push(message);
    while (this.#prepareNext()) { /* the order must be known first */ }
    this.#take(message);
    if (!this.#isBusy) this.#work();
  }

  /** Works until nothing is left to do, or for as long as one turn may take. */
  #work(): void {
    this.#isBusy = true;
    const { turns } = this.ports;
    for (;;) {
      const hasTurns = this.#agenda.length > 0;
      const hasMessage = this.#mailbox.length > 0;
      const isWalking = this.#walk !== undefined || this.#toAsk !== undefined;
      if (!hasTurns && !isWalking && this.#group !== undefined && this.#lookAtGroup(this.#group)) continue;
      if (!hasTurns && !hasMessage && !isWalking && this.#toEnter === undefined) break;
      if (turns.isOver()) return this.#pause();
      if (this.#prepareNext()) continue;
      if (this.#walk !== undefined) this.#walkNext(this.#walk);
      else if (this.#firstMessages > 0) {
        this.#firstMessages--;
        this.#take(this.#mailbox.shift());
        // Before anybody is told to stop, all are asked: it must be known who stops.
      } else if (this.#toAsk !== undefined) this.#askNext();
      else if (hasTurns) this.#attend(this.#agenda.shift());
      else if (this.#toEnter !== undefined) this.#enterNext(this.#toEnter);
      else this.#take(this.#mailbox.shift());
    }
    this.#agenda.trim();
    this.#mailbox.trim();
    this.#turnMs = undefined;
    this.#isBusy = false;
    this.#wake();
  }

  /** Lets the rest of the program have its turn; who asks for something meanwhile comes first then. */
  #pause(): void {
    this.#turnMs = undefined;
    this.#isPaused = true;
    this.ports.turns.pause(() => {
      this.#isPaused = false;
      this.#firstMessages = this.#mailbox.length;
      this.#work();
    });
  }

  #take(message: Message): void {
    try {
      this.#handle(message);
    } catch (cause) {
      this.#blame("unit" in message ? message.unit : undefined, message.kind, cause);
    }
  }

  #attend(unit: Unit): void {
    try {
      this.#act(unit);
    } catch (cause) {
      this.#blame(unit, "turn", cause);
    }
  }

  /** A defect, ours or of a port: the loop goes on, or nothing would ever be stopped again. */
  #blame(unit: Unit | undefined, kind: string, cause: unknown): void {
    const what = `"${kind}"${unit === undefined ? "" : ` of ${unit.path}`}`;
    const path = unit?.path ?? this.#prefix.slice(0, -1);
    this.ports.report(new SubsystemError("RUNTIME_PANIC", path, `Cannot handle ${what}: ${messageOf(cause)}`, { cause }));
  }

  #handle(message: Message): void {
    switch (message.kind) {
      case "startAll":
        return this.#startAll(message.down);
      case "stopAll":
        return this.#stopAll(message.reason);
      case "startUnits":
        return message.command.done(this.#startUnits(message.command.units));
      case "stopUnits":
        return message.command.done(this.#stopUnits(message.command.units, message.reason));
      case "restartUnits":
        return message.command.done(this.#restartUnits(message.command.units));
      case "removeUnits":
        return message.command.done(this.#removeUnits(message.command.units));
      case "change":
        return message.done(this.#change(message.change));
      case "added":
        return this.#added(message.unit);
      case "forget":
        return this.#endTemporary(message.unit);
      case "force":
        return this.#forceAll();
      case "kill":
        return void this.#token.kill(stopReason("the daemon is killed"));
      case "giveUp":
        return this.#giveUp();
      case "ready":
        if (message.unit.current === message.context) this.#becomeReady(message.unit);
        return;
      case "settled":
        if (message.unit.current === message.context) this.#settled(message.unit, message.failure);
        return;
      case "verdict":
        if (message.unit.current === message.context) this.#stopAsAsked(message.unit, message.scope);
        return;
      case "ending":
        if (message.unit.current === message.context) this.#ending(message.unit);
        return;
      case "due":
        return this.#due(message.unit);
      case "readyTimeout":
        if (message.unit.current === message.context) this.#readyTimeout(message.unit, message.context);
        return;
      case "stopTimeout":
        if (message.unit.current === message.context) this.#stopTimeout(message.unit);
        return;
    }
  }

  /** Takes the next step that a unit can take by itself: start, when its turn has come, or be told to stop. */
  #act(unit: Unit): void {
    switch (unit.phase.name) {
      case "idle":
        return this.#begin(unit);
      case "waiting":
      case "held":
      case "skipped":
        return this.#consider(unit);
      case "queued":
        if (this.#isTurnToStop(unit)) this.#tell(unit);
        return;
    }
  }

  /** After each turn of the loop: has the start come to its end, is nothing left, who waited for that. */
  #wake(): void {
    if (this.#phase === "starting" && this.#moving === 0) this.#phase = "up";
    const isIdle = this.#phase === "up" && this.#alive === 0;
    if (isIdle && !this.#isIdle) this.#onEnd?.({ kind: "idle" });
    this.#isIdle = isIdle;
    while (this.#watched.length > 0) {
      const watched = this.#watched;
      this.#watched = [];
      for (const unit of watched) {
        const watches = unit.watches?.filter((watch) => watch.look(unit)) ?? [];
        unit.watches = watches.length === 0 ? undefined : watches;
      }
    }
    this.#answer();
  }

  get #hasStopped(): boolean {
    return this.#phase === "stopping" && this.#live === 0;
  }

  /** Answers those who wait for the start, the stop or the last end, where that is over. */
  #answer(): void {
    if (this.#starting !== undefined && (this.#phase === "up" || this.#hasStopped)) {
      const { resolve, reject } = this.#starting;
      this.#starting = undefined;
      if (this.#startFailure !== undefined) reject(this.#startFailure);
      else if (this.#phase === "up" || this.#hasEntered) resolve();
      else reject(new ShutdownError("SHUTDOWN_IN_PROGRESS", "Cannot finish the start as a shutdown has begun"));
    }
    if (this.#stopping !== undefined && this.#hasStopped) {
      this.#stopping.resolve();
      this.#stopping = undefined;
    }
    if (this.#emptying !== undefined && this.#live + this.#overdue === 0) {
      this.#emptying.resolve();
      this.#emptying = undefined;
    }
  }

  /** Gives a command to the loop, and waits until `isThere` holds of each unit that it is about. */
  async #command<T>(
    units: Unit[],
    toMessage: (command: Command<T>) => Message,
    unitsOf: (touched: T) => Iterable<Unit>,
    isThere: (unit: Unit) => boolean,
  ): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    this.post(toMessage({ units, done: (touched) => this.#watch(unitsOf(touched), isThere, () => resolve(touched)) }));
    return await promise;
  }

  /** Calls `fn` after a turn of the loop, once `isThere` holds, or has held, of each unit. */
  #watch(units: Iterable<Unit>, isThere: (unit: Unit) => boolean, fn: () => void): void {
    const watch = new Watch(isThere, fn);
    let isEmpty = true;
    for (const unit of units) {
      isEmpty = false;
      watch.add(unit);
      this.#watched.push(unit);
    }
    if (isEmpty) fn();
  }

  // --- Starting

  #startAll(down: ReadonlySet<string>): void {
    if (this.#phase !== "new") return;
    this.#phase = "starting";
    this.#downAtFirst = down;
    for (const unit of this.#units.values()) this.#agenda.push(unit);
  }

  /** Makes a unit what it is to be at first. */
  #begin(unit: Unit): void {
    if (unit.wish !== "not started" || this.#phase === "new" || this.#phase === "stopping") return;
    if (this.#downAtFirst.has(nameKey(unit.name))) {
      unit.lastReason = STOPPED_BY_OPERATOR;
      this.#wish(unit, "operator");
    } else this.#want(unit, "start");
  }

  #added(unit: Unit): void {
    if (this.#phase !== "stopping" && unit.wish === "not started") this.#want(unit, "start");
  }

  /** Makes a unit wait for its turn to start, unless it has a run. */
  #want(unit: Unit, reason: string): void {
    if (unit.hasRun) return this.#wish(unit, "up");
    // Counted once, by the move.
    unit.wish = "up";
    this.#agenda.push(unit);
    this.#move(unit, "want", reason);
  }

  #startUnits(asked: readonly Unit[]): { units: Set<Unit>; running: Set<Unit> } {
    const running = new Set<Unit>();
    if (this.#phase === "stopping") return { units: new Set(asked), running };
    // Of several who ask at once, the first one starts it; the others find a run under way, even if it is not ready yet.
    for (const unit of asked) if (unit.hasRun && unit.wish === "up") running.add(unit);
    // Add the units that they come after, as far as those are not up and never met the condition.
    const needed = withNeeds(
      asked.filter((unit) => !unit.isRemoved),
      ({ from, to }) => {
        const goesOn = from.hasRun && from.wish === "up" && from.phase.why !== "with";
        if (goesOn || to.isRemoved || isCompletedState(to.state)) return false;
        return !to.hasRun || to.wish !== "up" || to.phase.why === "with";
      },
    );
    const units = new Set(asked);
    // Units that were stopped with one of them come back with it.
    const stopped = [...needed].filter((unit) => unit.wish !== "up");
    const roots = new Set(stopped);
    const back = withDependents(stopped, (unit) => roots.has(unit) || unit.phase.name === "held" || unit.phase.why === "with");
    for (const unit of [...needed].reverse()) {
      if (unit.wish !== "up" || this.#isOver(unit.phase.name)) units.add(unit);
      this.#startUnit(unit);
    }
    for (const unit of back) {
      if (unit.phase.name === "held" && (unit.knot?.down ?? 0) === 0) {
        units.add(unit);
        this.#want(unit, "start");
      } else if (unit.phase.name === "queued" && unit.phase.why === "with") this.#spare(unit);
    }
    return { units, running };
  }

  #startUnit(unit: Unit): void {
    const wasWanted = unit.wish === "up";
    this.#wish(unit, "up");
    if (unit.hasRun) return wasWanted && unit.phase.why !== "with" ? undefined : this.#spare(unit);
    unit.history.clear();
    // Not at once: what it comes after may be started by the same command.
    unit.clearTimer();
    if (unit.phase.name === "waiting" || unit.phase.name === "skipped") this.#agenda.push(unit);
    else this.#want(unit, "start");
  }

  #isOver(name: Unit["phase"]["name"]): boolean {
    return name === "idle" || name === "completed" || name === "failed" || name === "fatal";
  }

  /** Spares what waits for its turn to stop, unless it is to run something else by now or its siblings restart with it. */
  #spare(unit: Unit): void {
    if (unit.phase.name !== "queued") return;
    if (unit.next !== undefined || this.#isInGroup(unit)) {
      return this.#move(unit, "ask", CHANGED, undefined, { why: unit.next === undefined ? "group" : "change" });
    }
    this.#move(unit, "spare", "start");
    if (isStartingState(unit.state) && unit.timer === undefined && unit.spec.readiness !== "auto") this.#armReady(unit, unit.current!);
  }

  #restartUnits(asked: readonly Unit[]): Map<Unit, number> {
    const runs = new Map(asked.map((unit) => [unit, unit.run]));
    if (this.#phase === "stopping") return runs;
    const running = asked.filter((unit) => unit.hasRun && !unit.isRemoved);
    for (const unit of running) {
      this.#wish(unit, "up");
      unit.forgetLate();
      unit.history.clear();
    }
    this.#ask(running, "restart", "restart");
    for (const unit of this.#startUnits(asked.filter((unit) => !unit.hasRun)).units) if (!runs.has(unit)) runs.set(unit, unit.run);
    return runs;
  }

  #change({ children, restart, down }: ChildrenChange): Touched {
    const touched: Touched = { added: [], restarted: new Map(), removed: [] };
    if (this.#phase === "stopping") return touched;
    const { added, restarted, removed } = touched;

    // Sort the units into those that stay, that are new, and that go.
    const before = this.#units;
    this.#enrolled = new Map();
    this.#instances = undefined;
    this.#ordered.length = 0;
    this.#nextIndex = 0;
    for (const child of children) {
      const { name } = child.subsystem;
      const key = nameKey(name);
      const known = before.get(key);
      // The caller has not heard yet that this one is gone.
      if (child.spec.temporary && (known === undefined || known.isRemoved)) continue;
      before.delete(key);
      const unit = known ?? new Unit(this, child, this.#prefix + name, 0);
      this.#place(key, unit);
      this.#noteKind(unit, child);
      const isFresh = unit.isRemoved || restart.has(name) || unit.name !== name;
      if (known === undefined || unit.isRemoved) {
        unit.wish = down.has(key) ? "operator" : "up";
        unit.lastReason = unit.wish === "up" ? CHANGED : STOPPED_BY_OPERATOR;
      }
      unit.path = this.#prefix + name;
      if (unit.next !== undefined || (isFresh && unit.hasRun)) unit.next = child;
      else unit.registration = child;
      if (unit.wish !== "up") continue;
      if (known === undefined) added.push(unit);
      else if (isFresh) restarted.set(unit, unit.hasRun ? unit.run : 0);
    }
    for (const [key, unit] of before) {
      removed.push(unit);
      this.#place(key, unit);
      unit.wish = "removed";
    }
    this.#reconnect();

    // Units that go, or must run afresh, are told to stop, in order.
    const fresh = [...restarted.keys()];
    for (const unit of fresh) {
      unit.forgetLate();
      unit.history.clear();
    }
    this.#ask(removed, "down", REMOVED);
    this.#ask(fresh.filter((unit) => unit.hasRun), "change", CHANGED);
    for (const unit of removed) this.#forget(unit);

    // New units, and ended ones that are to run afresh, start when their turn comes; for others the way may be free now.
    for (const unit of [...fresh, ...added]) {
      if (unit.hasRun) continue;
      unit.clearTimer();
      this.#want(unit, CHANGED);
    }
    for (const unit of this.#units.values()) this.#agenda.push(unit);
    return touched;
  }

  /** Takes children away: they stop in their turn, and what comes after them goes on. */
  #removeUnits(units: Unit[]): Unit[] {
    for (const unit of units) {
      this.#wish(unit, "removed");
      if (this.#phase !== "stopping" || !unit.hasRun) this.#ask([unit], "down", REMOVED_BY_PROGRAM);
      this.#forget(unit);
    }
    return units;
  }

  /** Takes a temporary child away that has ended for good, after those that wait for it have heard of that. */
  #letGo(unit: Unit): void {
    if (!unit.spec.temporary || unit.isRemoved || this.#phase === "stopping" || !this.#hasEnded(unit)) return;
    this.#wish(unit, "removed");
    this.#onChild?.(unit.registration, false);
    this.post({ kind: "forget", unit });
  }

  /** Ends units that were stopped with a temporary child that does not come back, where they are temporary too. */
  #endTemporary(unit: Unit): void {
    if (!unit.isRemoved) return this.#letGo(unit);
    for (const { from } of unit.knot?.dependents ?? []) if (from.phase.name === "skipped") this.#letGo(from);
    if (isStoppedState(unit.state)) {
      for (const { from } of [...unit.knot?.dependents ?? []]) {
        if (!from.spec.temporary || !(from.phase.name === "held" || from.phase.why === "with")) continue;
        if (!from.isRemoved) this.#wish(from, "operator");
        this.#askOne(from, "down", stoppedWith(unit.name));
        this.#letGo(from);
      }
    }
    this.#forget(unit);
  }

  #isForgotten(unit: Unit): boolean {
    return this.#units.get(nameKey(unit.name)) !== unit;
  }

  /** Whether nothing starts a unit any more by itself. */
  #hasEnded(unit: Unit): boolean {
    const { phase: { name }, wish } = unit;
    if (unit.hasRun) return this.#phase === "stopping" && unit.isOverdue;
    if (name === "completed" || name === "failed" || name === "fatal" || this.#phase === "stopping") return true;
    if (name === "skipped") return unit.spec.temporary;
    return name === "idle" && wish !== "up" && wish !== "not started";
  }

  /** Lets go of a child that was taken away, once nothing of it lives. Its dependents then depend on its own dependencies. */
  #forget(unit: Unit): void {
    if (!unit.isRemoved || unit.hasRun) return;
    const key = nameKey(unit.name);
    if (this.#units.get(key) !== unit) return;
    this.#units.delete(key);
    this.#instances?.get(groupKey(key))?.delete(unit);
    this.#groups?.delete(unit);
    this.#stopLast?.delete(unit);
    const { knot } = unit;
    if (knot !== undefined) {
      const inherited = knot.after.map(({ to, condition }) => ({ to, condition }));
      const heirs = [...knot.dependents];
      this.#unlink(unit);
      for (const { from } of heirs) {
        const kept = from.knot!.after.filter(({ to }) => to !== unit).map(({ to, condition }) => ({ to, condition }));
        this.#unlink(from);
        this.#link(from, [
          ...kept,
          ...inherited.filter(({ to, condition }) => !kept.some((edge) => edge.to === to && edge.condition === condition)),
        ]);
      }
    }
    this.#count(unit, 0);
    if (this.#places === undefined) return;
    // Its place stays empty for now: to count all anew for each that goes would cost the square of their number.
    if (this.#ordered.length > 2 * this.#units.size) this.#reorder();
  }

  /** Starts a unit that waits for its turn, or leaves it waiting, or skips it: as what it comes after says. */
  #consider(unit: Unit): void {
    if (this.#phase === "stopping" || unit.wish !== "up") return;
    const { phase: { name }, knot } = unit;
    if (knot !== undefined && knot.unmet > 0) {
      if (name === "held" && knot.down > 0) return;
      if (knot.barred > 0) {
        if (name === "skipped") return;
        this.#move(unit, "skip", whySkipped(unit));
        // Whether that holds is known once all others have had their turn.
        if (unit.spec.temporary) this.post({ kind: "forget", unit });
        return;
      }
      return name === "waiting" ? undefined : this.#move(unit, "want", this.#whyWaits(unit));
    }
    if (name !== "waiting") this.#move(unit, "want", "start");
    if (this.#isInGroup(unit) || (this.#places !== undefined && this.#places.moving.lowest < unit.index)) return;
    this.#launch(unit, "start");
  }

  #launch(unit: Unit, reason: string): void {
    unit.registration = unit.next ?? unit.registration;
    unit.next = undefined;
    const { subsystem, spec: { readiness } } = unit.registration;
    unit.clearTimer();
    unit.run++;
    unit.reached = "nothing";
    unit.stopFailure = undefined;
    unit.failure = undefined;
    unit.startedMs = this.#nowMs();
    const context = new RunContext(this.#token.child(unit), unit, unit.run, unit.run === 1 ? 0 : unit.inARow);
    unit.current = context;
    this.#move(unit, "start", reason);
    let running: Promise<void> | void;
    try {
      running = this.ports.runAs(unit.path, () => subsystem.run(context)) as Promise<void> | void;
      if (typeof running?.then === "function") {
        this.#follow(running, unit, context);
      } else running = undefined;
    } catch (error) {
      return this.#ended(unit, context, { error });
    }
    if (running === undefined) {
      if (readiness === "auto") this.#becomeReady(unit);
      this.#ended(unit, context, undefined);
    } else if (readiness === "auto") this.#entered(unit, context);
    else this.#armReady(unit, context);
  }

  /** Hears of the end of a run: apart from the launch, as what hears of it lives as long as the run and keeps all that it sees. */
  #follow(running: Promise<void>, unit: Unit, context: RunContext): void {
    running.then(() => this.#ended(unit, context, undefined), (error) => this.#ended(unit, context, { error }));
  }

  /** A run is ready once it was entered, which an async function that throws at once was not. */
  #entered(unit: Unit, context: RunContext): void {
    if (this.#entering === undefined) this.#enterLater(this.#entering = [{ unit, context }]);
    else this.#entering.push({ unit, context });
  }

  #enterLater(runs: RunOfUnit[]): void {
    let turnsLeft = ENTERING_TURNS;
    // Not by an async function: on Bun its turns take twice the time.
    const turn = () => {
      if (turnsLeft === ENTERING_TURNS) this.#entering = undefined;
      if (--turnsLeft > 0) return queueMicrotask(turn);
      if (this.#toEnter === undefined) this.#toEnter = { runs, next: 0 };
      else for (const run of runs) this.#toEnter.runs.push(run);
      if (!this.#isBusy) this.#work();
    };
    queueMicrotask(turn);
  }

  #enterNext(entering: { readonly runs: RunOfUnit[]; next: number }): void {
    const { unit, context } = entering.runs[entering.next++];
    if (entering.next === entering.runs.length) this.#toEnter = undefined;
    try {
      if (unit.current === context && !context.isOver) this.#becomeReady(unit);
    } catch (cause) {
      this.#blame(unit, "entered", cause);
    }
  }

  #armReady(unit: Unit, context: RunContext): void {
    const { readyTimeoutMs } = unit.spec;
    if (readyTimeoutMs === Infinity || unit.timer !== undefined) return;
    unit.timer = this.ports.clock.schedule(readyTimeoutMs, () => this.post({ kind: "readyTimeout", unit, context }));
  }

  #becomeReady(unit: Unit): void {
    const { name, state } = unit.phase;
    if (!isStartingState(state) || name === "closing") return;
    unit.clearTimer();
    unit.reached = "ready";
    this.#move(unit, "ready", name === "queued" ? unit.lastReason : "ready");
  }

  #readyTimeout(unit: Unit, context: RunContext): void {
    unit.clearTimer();
    // A unit that waits for its turn to stop is to stop anyway.
    if (unit.phase.name !== "starting") return;
    const { unready } = unit.words;
    const reason = `not ready within ${formatDuration(unit.spec.readyTimeoutMs)}${unready === undefined ? "" : `: ${unready}`}`;
    const error = new TimeoutError("SUBSYSTEM_START_TIMEOUT", `Cannot start ${unit.path} as it was ${reason}`);
    context.failure ??= { error };
    if (this.#phase === "starting" && !unit.spec.retryStart) {
      this.#startFailure = error;
      return this.#stopAll(error.message);
    }
    unit.reached = "late";
    unit.lastReason = reason;
    this.#tell(unit, "late");
  }

  // --- The end of a run

  /** The body of a run has ended, for the first time: a thenable may settle twice. */
  #ended(unit: Unit, context: RunContext, body: Failure): void {
    if (context.isOver) return;
    const wasTold = context.token.isCancelled;
    context.body = wasTold ? "ended when told" : "ended first";
    // The run's own verdict holds, even if other faults are known.
    if (fatalIn(body?.error) !== undefined) context.failure = body;
    // Work that the run has started must not outlive it, whoever holds its signal.
    if (!wasTold) context.token.cancel(body === undefined ? stopReason(`${unit.path} has returned`) : body.error);
    if (context.hasLeftovers) {
      this.post({ kind: "ending", unit, context });
      void context.close(body).then((failure) => this.post({ kind: "settled", unit, context, failure }));
    } else if (this.#units.size > MANY && !this.#isBusy) this.#gather({ kind: "settled", unit, context, failure: body });
    else this.post({ kind: "settled", unit, context, failure: body });
  }

  /** Takes what ends in one turn of the microtask queue together. */
  #gather(end: Message): void {
    if (this.#ends === undefined) {
      this.#ends = [];
      queueMicrotask(() => {
        const ends = this.#ends!;
        this.#ends = undefined;
        for (const each of ends) this.#mailbox.push(each);
        if (!this.#isBusy) this.#work();
      });
    }
    this.#ends.push(end);
  }

  /** A run is on its way to its end by itself: what of it does not get there in the time of a stop is unstopped. */
  #ending(unit: Unit): void {
    if (unit.stopAskedMs !== undefined) return;
    unit.clearTimer();
    this.#move(unit, "close", unit.lastReason, undefined, { nowMs: this.#nowMs() });
    this.#armStop(unit, unit.current!);
  }

  #settled(unit: Unit, bodyFailure: Failure): void {
    const context = unit.current!;
    const failure = context.hasLeftovers ? bodyFailure ?? context.failure : context.failure ?? bodyFailure;
    context.token[Symbol.dispose]();
    unit.clearTimer();
    unit.current = undefined;
    unit.failure = failure;
    const { phase } = unit;
    const isWanted = unit.wish === "up" && this.#phase !== "stopping";
    const next = afterEnd(phase, isWanted);
    if (next === "judge") {
      const wasReady = isRunningState(unit.state);
      if (this.#phase === "starting" && failure !== undefined && !wasReady && !unit.spec.retryStart && phase.why !== "late") {
        this.#failStart(unit, failure);
      } else this.#judge(unit, failure);
    } else {
      // It ended by itself before its turn to be told: a stop all the same, but not one that could fail.
      const isStopping = phase.name === "stopping" || phase.name === "overdue";
      const wasTold = isStopping && context.body === "ended when told";
      const trouble = wasTold && failure !== undefined && isAbort(failure.error, context.reason) ? undefined : failure;
      if (wasTold) this.#reportFailedStop(unit, trouble);
      if (!isStopping) this.#move(unit, "tell", unit.lastReason, undefined, { nowMs: this.#nowMs(), why: "down" });
      unit.failure = trouble;
      this.#move(unit, "settle", unit.lastReason, trouble);
      if (next === "again") this.#want(unit, "restart");
      else if (next === "held") {
        this.#move(unit, "hold", unit.lastReason);
        this.#agenda.push(unit);
      }
    }
    this.#forget(unit);
    this.#letGo(unit);
  }

  #reportFailedStop(unit: Unit, failure: Failure): void {
    if (failure === undefined || (this.#startFailure !== undefined && failure.error === this.#startFailure)) return;
    const { failure: itsOwn } = unit.words;
    if (itsOwn !== undefined && failure.error === itsOwn) return;
    unit.stopFailure = messageOf(failure.error);
    const message = `Cannot stop ${unit.path} cleanly: ${unit.stopFailure}`;
    this.ports.report(new SubsystemError("SUBSYSTEM_STOP_FAILED", unit.path, message, { cause: failure.error }));
  }

  #judge(unit: Unit, failure: Failure): void {
    const policy = unit.spec.restart;
    if (failure !== undefined && hasCode(failure.error, "SPAWN_NO_RESOURCES")) return this.#postpone(unit, failure.error);
    const why = failure === undefined ? unit.words.end ?? "returned" : messageOf(failure.error);
    const fatal = fatalIn(failure?.error);
    if (fatal !== undefined) {
      this.#move(unit, "exhaust", messageOf(causeOf(fatal) ?? fatal), failure);
      return this.#endedForGood(unit, failure);
    }
    const nowMs = this.#nowMs();
    const ranMs = nowMs - unit.startedMs;
    const verdict = unit.history.judge(policy, { failed: failure !== undefined, ranMs, nowMs, random: this.ports.random() });
    if (verdict.kind === "end") {
      this.#move(unit, failure === undefined ? "complete" : "fail", why, failure);
      return this.#endedForGood(unit, failure);
    }
    if (verdict.kind === "exhausted") {
      return this.#exhausted(unit, `${why} (${usedUp(verdict)})`, failure, verdict.onExhausted);
    }
    let { delayMs } = verdict;
    let isPaused = verdict.kind === "pause";
    const shared = this.#intensity?.history.judge(this.#intensity.policy, { failed: true, ranMs: 0, nowMs, random: 0.5 });
    if (shared?.kind === "exhausted") {
      return this.#exhausted(unit, `${why} (the supervisor's restarts are used up)`, failure, shared.onExhausted);
    }
    if (shared?.kind === "pause") {
      delayMs = Math.max(delayMs, shared.delayMs);
      isPaused = true;
    }
    unit.restarts++;
    this.#move(unit, "retry", isPaused ? `${why} (paused: too many restarts)` : why, failure, { attempt: verdict.attempt, delayMs });
    if (delayMs === 0 && verdict.attempt % IMMEDIATE_RESTARTS !== 0) this.post({ kind: "due", unit });
    else unit.timer = this.ports.clock.schedule(delayMs, () => this.post({ kind: "due", unit }));
    if (this.#strategy !== "oneForOne") this.#restartGroup(unit);
  }

  /** The daemon itself had no room to start it: that is no failure of the unit, and is tried again until there is room. */
  #postpone(unit: Unit, error: DaemonError): void {
    const { attempt, delayMs } = unit.history.postpone(this.ports.random());
    const own = `${unit.path}: `;
    const why = error.message.startsWith(own) ? error.message.slice(own.length) : error.message;
    this.#move(unit, "retry", waitsForRoom(why), { error }, { attempt, delayMs });
    unit.timer = this.ports.clock.schedule(delayMs, () => this.post({ kind: "due", unit }));
  }

  /** The wait of a restart is over. It starts as it did the first time: once what it comes after holds, and its siblings before it, if so. */
  #due(unit: Unit): void {
    if (unit.phase.name !== "backoff" || this.#phase === "stopping") return;
    unit.clearTimer();
    const reason = `restart: ${unit.why}`;
    if (this.#strategy === "oneForOne" && (unit.knot === undefined || unit.knot.unmet === 0)) return this.#launch(unit, reason);
    this.#move(unit, "want", reason);
    this.#agenda.push(unit);
  }

  #exhausted(unit: Unit, reason: string, failure: Failure, onExhausted: "fatal" | "escalate"): void {
    this.#move(unit, "exhaust", reason, failure);
    const error = new SubsystemError("SUBSYSTEM_EXHAUSTED", unit.path, `Cannot restart ${unit.path} any more: ${reason}`, {
      cause: failure?.error,
      context: exitContext(failure?.error),
    });
    if (onExhausted === "escalate") this.#onEnd?.({ kind: "escalated", error });
    this.#endedForGood(unit, { error });
  }

  /** Draws the consequences of an end that no restart follows. */
  #endedForGood(unit: Unit, failure: Failure): void {
    if (failure !== undefined) this.ports.failed(unit.path, failure.error);
    if (failure !== undefined && unit.spec.essential) {
      const code = exitContext(failure.error)?.exitCode;
      this.ports.report(failure.error);
      this.ports.requestShutdown(`${unit.path} is essential and ended: ${messageOf(failure.error)}`, typeof code === "number" ? code : 1);
    }
    if (!unit.spec.significant || this.#autoShutdown === "never" || this.#phase === "stopping") return;
    if (this.#autoShutdown === "anySignificant" || this.#significant === 0) this.#onEnd?.({ kind: "autoShutdown", name: unit.name });
  }

  /** A child failed before it was ready: nothing more is started, and what was is stopped again, in reverse and with time of its own. */
  #failStart(unit: Unit, { error: cause }: { error: unknown }): void {
    this.#move(unit, "fail", messageOf(cause), { error: cause });
    // A failure inside a group is named by its whole path already.
    const isInside = hasCode(cause, "SUBSYSTEM_START_FAILED") && cause instanceof SubsystemError && cause.subsystem !== unit.path;
    const message = isInside ? messageOf(cause) : `Cannot start ${unit.path}: ${messageOf(cause)}`;
    this.#startFailure = new SubsystemError("SUBSYSTEM_START_FAILED", unit.path, message, {
      cause,
      context: exitContext(cause),
    });
    this.#stopAll(`${unit.path} did not start`);
  }

  // --- Restarting siblings

  /** All siblings that take part stop, and start again in order once all are down and nobody's wait is left. */
  #restartGroup(trigger: Unit): void {
    if (this.#phase === "stopping") return;
    const before = this.#group;
    const from = Math.min(this.#strategy === "oneForAll" ? 0 : trigger.index, before?.from ?? Infinity);
    // Those that take part already are counted already.
    this.#group = { from, trigger: trigger.name, holding: before?.holding ?? 0, blocking: before?.blocking ?? 0, isWaiting: true };
    this.#walkFrom(from, (unit) => this.#joinGroup(unit));
  }

  /** A sibling is to stop with the others, to start again with them, where it runs and is wanted. */
  #joinGroup(unit: Unit): void {
    const { phase: { name, why } } = unit;
    if (this.#group !== undefined && unit.hasRun && name !== "overdue" && unit.wish === "up") {
      const { trigger } = this.#group;
      unit.forgetLate();
      const isLast = unit.spec.restart.when === "never";
      if (isLast) this.#wish(unit, "policy");
      if (isLast || name === "starting" || name === "running" || name === "closing") {
        this.#askOne(unit, isLast ? "down" : "group", isLast ? stoppedForGoodWith(trigger) : `restarts with ${trigger}`);
      } else if (why === "late" || why === "with") this.#askOne(unit, "group", `restarts with ${trigger}`);
    }
    this.#recount(unit);
  }

  /** Goes on with a restart of siblings as far as it can; false when there is nothing to do for now. */
  #lookAtGroup(group: GroupRestart): boolean {
    const isOver = group.holding === 0 && group.blocking === 0;
    const isWaiting = group.holding > 0;
    if (!isOver && isWaiting === group.isWaiting) return false;
    group.isWaiting = isWaiting;
    if (isOver) this.#group = undefined;
    this.#walkFrom(group.from, (unit) => {
      this.#recount(unit);
      this.#agenda.push(unit);
    });
    return true;
  }

  /** Visits siblings from this place on, one a step, before anything else is done. */
  #walkFrom(from: number, visit: (unit: Unit) => void): void {
    this.#walk = { units: this.#ordered.slice(from), next: 0, visit };
  }

  #walkNext(walk: Walk): void {
    const { units, visit } = walk;
    if (walk.next === units.length) return void (this.#walk = undefined);
    const unit = units[walk.next++];
    try {
      if (!this.#isForgotten(unit)) visit(unit);
    } catch (cause) {
      this.#blame(unit, "restart of siblings", cause);
    }
  }

  #isInGroup(unit: Unit): boolean {
    return this.#group !== undefined && unit.index >= this.#group.from;
  }

  // --- Stopping

  #stopAll(reason: string): void {
    if (this.#phase === "stopping") return;
    const units = [...this.#units.values()];
    this.#hasEntered = this.#phase === "up" ||
      units.every((unit) => unit.wish !== "not started" && (isSettled(unit) || isEntered(unit)));
    this.#phase = "stopping";
    this.#group = this.#walk = undefined;
    const last = this.#stopLast === undefined ? [] : inOrder(this.#stopLast).filter(stopsLast);
    if (last.length > 0) {
      // A strategy orders siblings: what was registered before one that stops last stops after it. Each is counted when it is asked.
      this.#last = this.#strategy === "oneForOne" ? withNeeds(last) : new Set(this.#ordered.slice(0, last.at(-1)!.index + 1));
    }
    this.#toAsk = { units, reason };
  }

  /** Asks the next of all; false when each was asked. */
  #askNext(): boolean {
    if (this.#toAsk === undefined) return false;
    const { units, reason } = this.#toAsk;
    const unit = units.pop();
    if (unit === undefined) this.#toAsk = undefined;
    else if (unit.phase.name === "skipped") this.#wish(unit, "end");
    else {
      // Counted once, by the move.
      if (!unit.isRemoved) unit.wish = "end";
      this.#askOne(unit, "down", reason);
    }
    return unit !== undefined;
  }

  /** Stops these, and with them what comes after them and lives. */
  #stopUnits(asked: readonly Unit[], reason: string): { units: Set<Unit>; down: Set<Unit> } {
    const down = new Set(asked.filter((unit) => unit.isDown));
    const units = new Set(asked);
    // Dependents of a completed unit do not need it any more.
    const all = withDependents(asked, (unit) => unit.phase.name !== "completed");
    const tops = new Map<Unit, string>();
    for (const unit of asked) tops.set(unit, unit.name);
    const kept: Unit[] = [];
    for (const unit of all) {
      for (const { from } of unit.knot?.dependents ?? []) if (!tops.has(from)) tops.set(from, tops.get(unit)!);
      if (units.has(unit) || unit.wish !== "up") continue;
      if (unit.hasRun || unit.phase.name === "backoff") kept.push(unit);
    }
    // Dependents are asked first, so that nobody's turn comes before it is known who stops.
    const asking: [Unit, StopWhy, string][] = [
      ...kept.map((unit): [Unit, StopWhy, string] => [unit, "with", stoppedWith(tops.get(unit)!)]),
      ...asked.map((unit): [Unit, StopWhy, string] => [unit, "down", reason]),
    ];
    for (const [unit, why, because] of asking) {
      if (why === "down" && !unit.isRemoved) this.#wish(unit, "operator");
      if (unit.phase.name === "backoff" && why === "with") {
        unit.clearTimer();
        this.#move(unit, "hold", because);
        this.#agenda.push(unit);
      } else this.#askOne(unit, why, because);
      if (why === "with") units.add(unit);
      else this.#letGo(unit);
    }
    return { units, down };
  }

  /** A run asks for its own stop, or for that of all its siblings. */
  #stopAsAsked(unit: Unit, scope: StopScope): void {
    if (this.#phase === "stopping") return;
    if (scope === "group") return this.#onEnd?.({ kind: "asked", name: unit.name });
    if (!unit.isRemoved) this.#wish(unit, "policy");
    this.#ask([unit], "down", STOPPED_BY_ITSELF);
  }

  /** Asks runs to stop, each in its turn; who has none is down. */
  #ask(units: readonly Unit[], why: StopWhy, reason: string): void {
    // The last first, which is the order where no edge gives one.
    for (let index = units.length - 1; index >= 0; index--) this.#askOne(units[index], why, reason);
  }

  #askOne(unit: Unit, why: StopWhy, reason: string): void {
    if (!unit.hasRun) {
      const wasWaiting = !this.#isOver(unit.phase.name);
      if (wasWaiting) unit.failure = undefined;
      unit.clearTimer();
      this.#move(
        unit,
        "ask",
        wasWaiting || why === "down" && unit.phase.name === "idle" && unit.wish === "operator" ? reason : unit.lastReason,
      );
      return;
    }
    this.#move(unit, "ask", unit.isOverdue ? unit.lastReason : reason, undefined, { why });
    this.#agenda.push(unit);
  }

  /** Whether everything that comes after a unit is down, or did not get down in its time. */
  #isTurnToStop(unit: Unit): boolean {
    if (unit.knot !== undefined && unit.knot.ahead > 0) return false;
    if (this.#places !== undefined && this.#places.ending.highest > unit.index) return false;
    return !unit.spec.stopLast || this.#phase !== "stopping" || this.#live === this.#liveLast;
  }

  #tell(unit: Unit, why: StopWhy | undefined = unit.phase.why): void {
    const context = unit.current!;
    unit.clearTimer();
    this.#move(unit, "tell", unit.lastReason, undefined, { why, nowMs: this.#nowMs() });
    context.token.cancel(stopReason(unit.lastReason));
    this.#armStop(unit, context);
  }

  /** How long a stop of this unit may take. */
  stopTimeoutOf(unit: Unit): number {
    return unit.spec.stopTimeoutMs ?? this.ports.stopTimeoutMs();
  }

  #armStop(unit: Unit, context: RunContext): void {
    const timeoutMs = this.stopTimeoutOf(unit);
    if (timeoutMs === Infinity) return;
    unit.timer = this.ports.deadlines.after(timeoutMs, () => this.post({ kind: "stopTimeout", unit, context }));
  }

  #stopTimeout(unit: Unit): void {
    unit.clearTimer();
    if (unit.stopAskedMs === undefined || unit.isOverdue) return;
    const waitedMs = Math.round(this.ports.clock.nowMs() - unit.stopAskedMs);
    // The group has reported those that keep it.
    const within = innerOf(unit)?.unstopped().map(({ path }) => path) ?? [];
    const reason = within.length === 0
      ? `did not stop within ${waitedMs} ms`
      : `${within.join(", ")} did not stop in ${within.length === 1 ? "its" : "their"} time`;
    if (within.length === 0) {
      this.ports.report(new TimeoutError("SUBSYSTEM_STOP_TIMEOUT", `Cannot stop ${unit.path} as it ${reason}`, { context: { waitedMs } }));
    }
    const isParked = unit.wish === "up" && this.#phase !== "stopping";
    const why = isParked ? `${reason}; it is not started a second time while the old run lives` : reason;
    this.#move(unit, "late", why, undefined, { isParked });
  }

  #forceAll(): void {
    this.#stopAll("the graceful time is over");
    while (this.#askNext()) { /* nobody is left out */ }
    for (const unit of this.#units.values()) if (unit.phase.name === "queued") this.#tell(unit);
    this.#token.force(stopReason("the graceful time is over"));
  }

  #giveUp(): void {
    this.#stopAll("the daemon gives up");
    while (this.#askNext()) { /* nobody is left out */ }
    for (const unit of this.#units.values()) {
      innerOf(unit)?.giveUp();
      if (!unit.hasRun) continue;
      if (unit.stopAskedMs === undefined) this.#tell(unit);
      unit.clearTimer();
      if (!unit.isOverdue) this.#move(unit, "late", unit.lastReason);
    }
  }

  // --- Bookkeeping

  #enrol(child: Registration): Unit {
    const { name } = child.subsystem;
    const unit = new Unit(this, child, this.#prefix + name, 0);
    this.#place(nameKey(name), unit);
    this.#noteKind(unit, child);
    return unit;
  }

  /** Keeps which of the children have children of their own, or are to stop last. */
  #noteKind(unit: Unit, { subsystem, spec }: Registration): void {
    if (spec.stopLast) (this.#stopLast ??= new Set()).add(unit);
    if (INNER in subsystem) (this.#groups ??= new Set()).add(unit);
  }

  #place(key: string, unit: Unit): void {
    this.#enrolled.set(key, unit);
    unit.index = this.#nextIndex++;
    if (this.#strategy !== "oneForOne") this.#ordered.push(unit);
    if (this.#instances !== undefined) noteInstance(this.#instances, key, unit);
  }

  /** Counts the places of siblings anew, after many have gone. */
  #reorder(): void {
    if (this.#group !== undefined) {
      const { from } = this.#group;
      this.#group.from = this.#ordered.slice(0, from).filter((unit) => !this.#isForgotten(unit)).length;
    }
    this.#ordered.length = 0;
    this.#instances = undefined;
    this.#nextIndex = 0;
    for (const [key, unit] of this.#units) this.#place(key, unit);
    this.#places?.moving.clear();
    this.#places?.ending.clear();
    for (const unit of this.#ordered) {
      if (unit.counts & COUNTS.moving) this.#places?.moving.add(unit.index);
      if (unit.counts & COUNTS.ending) this.#places?.ending.add(unit.index);
      if (unit.wish === "up") this.#agenda.push(unit);
    }
  }

  /** The children that an edge means by this name: one, or all instances of a service. */
  #named(name: string): readonly Unit[] {
    const key = nameKey(name);
    const unit = this.#units.get(key);
    if (unit !== undefined && !unit.isRemoved) return [unit];
    return [...this.#instancesOf(key)].filter((instance) => !instance.isRemoved);
  }

  #instancesOf(key: string): ReadonlySet<Unit> {
    if (this.#instances === undefined) {
      this.#instances = new Map();
      for (const [key, unit] of this.#units) noteInstance(this.#instances, key, unit);
    }
    return this.#instances.get(key) ?? NO_UNITS;
  }

  /** The children, by the key of their name: whoever asks for them sees all. */
  get #units(): Map<string, Unit> {
    while (this.#enrolNext()) { /* nobody is left out */ }
    return this.#enrolled;
  }

  /** Enrols the next child, or draws the edges of the next unit; false when that is done. */
  #prepareNext(): boolean {
    return this.#enrolNext() || this.#connectNext();
  }

  #enrolNext(): boolean {
    if (this.#toEnrol === undefined) return false;
    const { children, next } = this.#toEnrol;
    if (next === children.length) {
      this.#toEnrol = undefined;
      return false;
    }
    this.#toEnrol.next++;
    const unit = this.#enrol(children[next]);
    if (children[next].after.length > 0) (this.#toConnect ??= { units: [], next: 0 }).units.push(unit);
    return true;
  }

  #connectNext(): boolean {
    if (this.#toConnect === undefined) return false;
    const { units } = this.#toConnect;
    if (this.#toConnect.next === units.length) {
      this.#toConnect = undefined;
      return false;
    }
    try {
      this.#connect(units[this.#toConnect.next++]);
    } catch (error) {
      this.#startFailure ??= error;
      this.#stopAll(messageOf(error));
    }
    return true;
  }

  /** Draws the edges of a unit. */
  #connect(unit: Unit): void {
    const { after } = unit.next ?? unit.registration;
    if (after.length === 0) return;
    this.#link(
      unit,
      after.flatMap(({ name, condition }) => {
        const others = this.#named(name);
        if (others.length === 0) throw noSibling(unit.name, name, this.#names());
        return others.map((to) => ({ to, condition }));
      }),
    );
  }

  #link(unit: Unit, targets: readonly Omit<EdgeTarget<Unit>, "grade">[]): void {
    link(unit, targets.map(({ to, condition }) => ({ to, condition, grade: to.gradeOf(condition) })));
    if (unit.counts & COUNTS.flagged) {
      for (const { to } of targets) {
        to.knot!.ahead++;
        this.#recount(to);
      }
    }
    this.#recount(unit);
    this.#agenda.push(unit);
  }

  #unlink(unit: Unit): void {
    const after = unit.knot?.after ?? [];
    unlink(unit);
    if ((unit.counts & COUNTS.flagged) === 0) return;
    for (const { to } of after) {
      to.knot!.ahead--;
      this.#recount(to);
      this.#agenda.push(to);
    }
  }

  /** Draws the edges of all children anew; those that were taken away keep theirs, as what they come after stops after them. */
  #reconnect(): void {
    const kept = new Map<Unit, Omit<EdgeTarget<Unit>, "grade">[]>();
    for (const unit of this.#units.values()) {
      if (unit.isRemoved && unit.knot !== undefined) kept.set(unit, unit.knot.after.map(({ to, condition }) => ({ to, condition })));
    }
    for (const unit of this.#units.values()) {
      unit.knot = undefined;
      this.#count(unit, 0);
    }
    this.#places?.moving.clear();
    this.#places?.ending.clear();
    for (const unit of this.#units.values()) {
      if (!unit.isRemoved) this.#connect(unit);
      else if (kept.has(unit)) this.#link(unit, kept.get(unit)!);
    }
    for (const unit of this.#units.values()) this.#recount(unit);
  }

  #unit(name: string): Unit {
    const unit = this.#units.get(nameKey(name));
    if (unit === undefined) throw unknownUnit(name, this.#names());
    return unit;
  }

  #names(): string[] {
    return [...this.#units.values()].map(({ name }) => name);
  }

  #refuseWhenStopping(verb: string): void {
    if (this.#phase === "stopping") throw new ShutdownError("SHUTDOWN_IN_PROGRESS", `Cannot ${verb} a unit as the daemon is stopping`);
  }

  #wish(unit: Unit, wish: Wish): void {
    if (unit.wish === wish) return;
    unit.wish = wish;
    this.#recount(unit);
  }

  /** The only place where a phase is written. */
  #move(unit: Unit, input: StepInput, reason: string, failure?: Failure, facts?: StepFacts & { attempt?: number; delayMs?: number }): void {
    const { state: from } = unit.phase;
    unit.phase = step(unit.phase, input, facts);
    const { state: to } = unit.phase;
    unit.lastReason = reason;
    this.#recount(unit);
    if (from !== to && this.ports.isObserved()) {
      const { path: name, run } = unit;
      if (isRunningState(from)) this.#emit(unit, { type: "unit.ready", name, run, ready: false });
      const error = failure === undefined ? {} : { error: linkOf(failure.error) };
      const restart = facts?.attempt === undefined ? {} : { attempt: facts.attempt, delayMs: facts.delayMs };
      this.#emit(unit, { type: "unit.state", name, run, from, to, reason, ...error, ...restart });
      if (isRunningState(to)) this.#emit(unit, { type: "unit.ready", name, run, ready: true });
    }
  }

  /** Emits an event; a listener that throws must not stop the supervisor. */
  #emit(unit: Unit, event: EventBody): void {
    try {
      this.ports.emit(event);
    } catch (cause) {
      this.#blame(unit, event.type, cause);
    }
  }

  /** Counts a unit anew, and all whose counts that changes: along the edges, without recursion. */
  #recount(first: Unit): void {
    const counts = this.#countsOf(first);
    if (first.knot === undefined) return this.#count(first, counts);
    const changed: Unit[] = [first];
    for (let index = 0; index < changed.length; index++) {
      const unit = changed[index];
      const { counts: before, knot } = unit;
      const after = this.#countsOf(unit);
      if (index > 0 && before === after) continue;
      this.#count(unit, after);
      if ((before ^ after) & COUNTS.flagged) {
        for (const { to } of knot!.after) {
          to.knot!.ahead += after & COUNTS.flagged ? 1 : -1;
          changed.push(to);
          this.#agenda.push(to);
        }
      }
      this.#regrade(unit, knot!.dependents, changed);
    }
  }

  /** Says how the edges to a unit stand by now. They may be many: whom that does not concern is left alone. */
  #regrade(unit: Unit, edges: Iterable<Edge<Unit>>, changed: Unit[]): void {
    let condition: AfterCondition | undefined;
    let grade = Grade.Met;
    for (const edge of edges) {
      if (edge.condition !== condition) {
        condition = edge.condition;
        grade = unit.gradeOf(condition);
      }
      if (grade === edge.grade) continue;
      const { from } = edge;
      const { late } = from.knot!;
      regrade(edge, grade);
      const { name } = from.phase;
      if (name !== "waiting" && name !== "held" && name !== "skipped") continue;
      this.#agenda.push(from);
      if (name === "waiting" && (late === 0) !== (from.knot!.late === 0)) changed.push(from);
    }
  }

  #countsOf(unit: Unit): number {
    const { phase: { name, state }, wish, knot } = unit;
    const { hasRun } = unit;
    const isWanted = wish === "up";
    const isLive = hasRun && name !== "overdue";
    const isEnding = name === "queued" || name === "stopping" || name === "closing";
    const isInGroup = this.#isInGroup(unit);
    const isMoving = isStartingState(state) && name !== "overdue" || name === "stopping" ||
      (name === "waiting" && (knot === undefined || knot.late === 0) && !(isInGroup && this.#group!.isWaiting));
    const isAlive = hasRun || name === "waiting" || name === "backoff" || name === "held" || wish === "operator";
    let counts = 0;
    if (isMoving) counts |= COUNTS.moving;
    if (isEnding) counts |= COUNTS.ending;
    if (isEnding || (knot !== undefined && knot.ahead > 0)) counts |= COUNTS.flagged;
    if (isAlive) counts |= COUNTS.alive;
    if (isWanted && !isUpState(state)) counts |= COUNTS.missing;
    if (isLive) counts |= COUNTS.live;
    if (isInGroup && name === "backoff") counts |= COUNTS.holdsGroup;
    if (isInGroup && isLive) counts |= COUNTS.blocksGroup;
    if (isLive && this.#last !== undefined && this.#last.has(unit)) counts |= COUNTS.liveLast;
    if (unit.spec.significant && isAlive) counts |= COUNTS.significant;
    if (name === "overdue") counts |= COUNTS.overdue;
    else if ((name === "failed" || name === "fatal") && isWanted && !unit.spec.mayFail) counts |= COUNTS.failed;
    if (wish === "operator") counts |= COUNTS.byOperator;
    return counts;
  }

  /** Writes down what a unit counts as, and adds up. */
  #count(unit: Unit, counts: number): void {
    if (unit.watches !== undefined) this.#watched.push(unit);
    const before = unit.counts;
    if (before === counts) return;
    unit.counts = counts;
    const changed = before ^ counts;
    if (changed & COUNTS.moving) this.#moving += counts & COUNTS.moving ? 1 : -1;
    if (changed & COUNTS.alive) this.#alive += counts & COUNTS.alive ? 1 : -1;
    if (changed & COUNTS.live) this.#live += counts & COUNTS.live ? 1 : -1;
    if (changed & COUNTS.missing) this.ports.countMissing(counts & COUNTS.missing ? 1 : -1);
    if (changed & COUNTS.significant) this.#significant += counts & COUNTS.significant ? 1 : -1;
    if (changed & RARE_COUNTS) this.#countRare(unit, counts, changed);
    if (this.#last !== undefined && this.#live === this.#liveLast && changed & (COUNTS.live | COUNTS.liveLast)) {
      // The last other one is down, or the last one was asked; those that stop last go down one by one from then on.
      const wasLast = changed & COUNTS.liveLast && !(counts & COUNTS.liveLast);
      if (!wasLast) { for (const last of this.#last) if (stopsLast(last)) this.#agenda.push(last); }
    }
    if (this.#places === undefined) return;
    if (this.#group !== undefined) {
      if (changed & COUNTS.holdsGroup) this.#group.holding += counts & COUNTS.holdsGroup ? 1 : -1;
      if (changed & COUNTS.blocksGroup) this.#group.blocking += counts & COUNTS.blocksGroup ? 1 : -1;
    }
    this.#countInOrder(this.#places, unit, changed);
  }

  /** Keeps the few that somebody asks for later. */
  #countRare(unit: Unit, counts: number, changed: number): void {
    if (changed & COUNTS.overdue) this.#overdue += counts & COUNTS.overdue ? 1 : -1;
    if (changed & COUNTS.liveLast) this.#liveLast += counts & COUNTS.liveLast ? 1 : -1;
    if (changed & counts & COUNTS.failed) (this.#failed ??= new Set()).add(unit);
    else if (changed & COUNTS.failed) this.#failed!.delete(unit);
    if (changed & counts & COUNTS.byOperator) (this.#byOperator ??= new Set()).add(unit);
    else if (changed & COUNTS.byOperator) this.#byOperator!.delete(unit);
  }

  /** Keeps who moves and who ends; whose turn comes by that is on the agenda. */
  #countInOrder(places: { moving: IndexSet; ending: IndexSet }, { index, counts }: Unit, changed: number): void {
    if (changed & counts & COUNTS.moving) places.moving.add(index);
    else if (changed & COUNTS.moving) {
      places.moving.delete(index);
      const { lowest } = places.moving;
      if (lowest > index && lowest !== Infinity) this.#agenda.push(this.#ordered[lowest]);
    }
    if (changed & counts & COUNTS.ending) places.ending.add(index);
    else if (changed & COUNTS.ending) {
      places.ending.delete(index);
      const { highest } = places.ending;
      if (highest >= 0 && highest < index) this.#agenda.push(this.#ordered[highest]);
    }
  }

  /** Why a unit is where it is; of one that waits, for whom by now. */
  reasonOf(unit: Unit): string {
    return unit.phase.name === "waiting" && this.#phase !== "new" ? this.#whyWaits(unit) : unit.lastReason;
  }

  #whyWaits(unit: Unit): string {
    for (const { to, condition } of unit.knot?.after ?? []) {
      if (to.phase.name === "queued") return `waits for ${to.name}, which is about to stop`;
      if (to.satisfies(condition)) continue;
      const stopped = stoppedBelow(to);
      if (stopped !== undefined) return waitsForStopped(stopped.name, stopped.lastReason);
      return `waits for ${to.name}${stateInWords(to)}`;
    }
    if (this.#isInGroup(unit)) return `restarts with ${this.#group!.trigger}`;
    const first = this.#places === undefined ? undefined : this.#ordered[this.#places.moving.lowest];
    return first !== undefined && first.index < unit.index ? `waits for ${first.name}` : unit.lastReason;
  }

  /** The time of the present turn of the loop: read once, as reading a clock costs more than most of what is done with it. */
  #nowMs(): number {
    return this.#turnMs ??= this.ports.clock.nowMs();
  }
}

/** Adds a unit to the instances of its service, where it is one. */
function noteInstance(instances: Map<string, Set<Unit>>, key: string, unit: Unit): void {
  const group = groupKey(key);
  if (group === key) return;
  const known = instances.get(group);
  if (known === undefined) instances.set(group, new Set([unit]));
  else known.add(unit);
}

/** Orders units as {@linkcode Supervisor.status} lists them. */
export function comparePlaces({ place: a }: Place, { place: b }: Place): number {
  const depth = Math.min(a.length, b.length);
  for (let at = 0; at < depth; at++) if (a[at] !== b[at]) return a[at] - b[at];
  return a.length - b.length;
}

function endOf({ path: name, state, reason, failure }: Unit): SubsystemEnd {
  return { name, state, reason, error: failure?.error };
}

function noSibling(name: string, other: string, known: Iterable<string>): RangeError {
  const near = nearest(other, [...known].filter((each) => nameKey(each) !== nameKey(name)));
  return new RangeError(
    `Cannot add ${JSON.stringify(name)} as "after" must name a sibling: current value is ${JSON.stringify(other)}${
      near === undefined ? "" : `; ${didYouMean(near)}`
    }`,
  );
}

/** How it is with a unit that another one waits for, after its name. */
function stateInWords({ state, isDown, lastReason, why }: Unit): string {
  if (isRetryingState(state)) return `, which is restarting: ${why}`;
  if (!isDown) return "";
  return lastReason.startsWith("stopped ") ? `, which is ${lastReason}` : `, which is ${state}: ${why}`;
}

function usedUp({ restarts, withinMs }: Extract<RestartVerdict, { kind: "exhausted" }>): string {
  const which = withinMs === undefined ? "" : ` within ${formatDuration(withinMs)}`;
  return `${restarts} restart${restarts === 1 ? "" : "s"}${which} ${restarts === 1 ? "is" : "are"} used up`;
}

function exitContext(error: unknown): { exitCode?: unknown } | undefined {
  try {
    return isDaemonError(error) ? error.context as { exitCode?: unknown } | undefined : undefined;
  } catch {
    return undefined;
  }
}

function whySkipped(unit: Unit): string {
  for (const { to, condition } of unit.knot!.after) {
    if (to.satisfies(condition)) continue;
    const { state } = to;
    if (isCompletedState(state)) return `${to.name} completed without becoming ${condition}`;
    if (isFailedState(state)) return `${to.name} ${isFatalState(state) ? "failed for good" : "failed"}: ${to.why}`;
    // The one that has failed is named, not those between it and this one.
    if (isSkippedState(state)) return to.lastReason;
  }
  return unit.lastReason;
}

/** The unit that is down by somebody's wish and keeps this one, or what it waits for, from starting. */
function stoppedBelow(unit: Unit): Unit | undefined {
  let at: Unit | undefined = unit;
  while (at !== undefined && !((at.wish === "operator" || at.wish === "policy") && at.phase.name === "idle")) {
    if (at.phase.name !== "waiting" && at.phase.name !== "held") return undefined;
    at = at.knot?.after.find(({ to, condition }) => !to.satisfies(condition))?.to;
  }
  return at;
}

function waiting(): Waiting {
  let resolve!: () => void, reject!: (error: unknown) => void;
  // Half the cost of Promise.withResolvers.
  const promise = new Promise<void>((whenOver, whenFailed) => {
    resolve = whenOver;
    reject = whenFailed;
  });
  return { promise, resolve, reject };
}

/** These units as they were registered. */
function inOrder(units: ReadonlySet<Unit>): Unit[] {
  return [...units].sort((a, b) => a.index - b.index);
}

const stopsLast = ({ spec }: Unit): boolean => spec.stopLast;

const isSettled = (unit: Unit): boolean => (unit.counts & COUNTS.moving) === 0;

const isEntered = ({ phase: { name }, spec: { readiness } }: Unit): boolean => name === "starting" && readiness === "auto";

const hasStopped = (unit: Unit): boolean => (unit.counts & COUNTS.ending) === 0;

const hasRestarted = (unit: Unit): boolean => unit.phase.name !== "queued" && isSettled(unit);

const hasChanged = (unit: Unit): boolean => unit.isRemoved ? !unit.hasRun || unit.isOverdue : hasRestarted(unit);
