import { type CancelToken, isAbort, stopReason } from "./cancel.ts";
import type { Clock } from "./clock.ts";
import type { Deadlines } from "./deadlines.ts";
import { type Duration, formatDuration } from "./duration.ts";
import { type DaemonError, isDaemonError, linkOf, messageOf, ShutdownError, SubsystemError, TimeoutError } from "./errors.ts";
import type { EventBody } from "./event.ts";
import type { Logger } from "./log.ts";
import { groupKey, nameKey } from "./names.ts";
import type { UnitOutcome, UnitStatus } from "./operations.ts";
import type { Registration } from "./registration.ts";
import { type OnExhausted, RestartHistory, RestartPolicy, type RestartVerdict } from "./restart.ts";
import { RunContext } from "./run_context.ts";
import { nextState, type StateInput } from "./state.ts";
import { Unit } from "./unit.ts";

/** Who else is restarted when one is: nobody, all siblings, or those registered after it. */
export type Strategy = "oneForOne" | "oneForAll" | "restForOne";

/** Options of a supervisor. */
export interface SupervisorOptions {
  /** Who else is restarted when one is. Other than `oneForOne` also starts siblings one after another. @default {"oneForOne"} */
  strategy?: Strategy;
  /** Restarts of all children together within `within`, whatever their own policies grant. @default {Infinity} */
  maxRestarts?: number;
  /** Length of the sliding window of `maxRestarts`. @default {"30s"} */
  within?: Duration;
  /** What happens beyond that: the supervisor fails, the child ends as fatal, or its restart waits for room. @default {"escalate"} */
  onExhausted?: OnExhausted;
  /** Ends the supervisor when the first, or the last, child marked `significant` has ended by itself. @default {"never"} */
  autoShutdown?: "never" | "anySignificant" | "allSignificant";
}

/** What supervisors get from the daemon, the same for all of one tree. */
export interface SupervisorPorts {
  /** Time. */
  readonly clock: Clock;
  /** Deadlines of stops. */
  readonly deadlines: Deadlines;
  /** Chance: a number in [0, 1). */
  readonly random: () => number;
  /** Cancelled when the daemon begins to drain; undefined where nothing ever does. */
  readonly drain?: CancelToken;
  /** Whether anybody looks at events; when not, none are made. */
  isObserved(): boolean;
  /** Takes an event. */
  emit(event: EventBody): void;
  /** Takes an error that belongs into the exit report. */
  report(error: unknown): void;
  /** A subsystem has ended for good by failing. */
  failed(path: string, error: unknown): void;
  /** Asks the whole daemon to stop; a code other than undefined becomes its exit code. */
  requestShutdown(reason: string, exitCode?: number): void;
  /** Milliseconds until the daemon gives up; undefined before a shutdown. */
  remainingMs(): number | undefined;
  /** The logger of the subsystem with this path. */
  logger(path: string): Logger;
  /** Runs `fn` so that what it fails to handle is charged to `path`. */
  runAs<T>(path: string, fn: () => T): T;
}

/** What the children of a supervisor are to be from now on: see {@linkcode Supervisor.change}. */
export interface ChildrenChange {
  /** All children, in order. One whose subsystem runs already and is not to be restarted goes on with the new spec and edges. */
  children: readonly Registration[];
  /** Names of children that were there before and must run afresh. */
  restart: ReadonlySet<string>;
  /** Names of new children that stay down until somebody starts them. */
  down: ReadonlySet<string>;
}

/** Whom a change has touched, for its outcomes. */
interface Touched {
  added: Unit[];
  /** With the number of the run that they were in. */
  restarted: Map<Unit, number>;
  removed: Unit[];
}

/** A run that did not stop in its time. */
export interface Unstopped {
  /** Path of the subsystem. */
  path: string;
  /** How long it was waited for, in milliseconds. */
  waitedMs: number;
}

/**
 * Why a supervisor should end: no child lives or will live by itself, a significant child has ended, or one escalated its failure.
 */
export type SupervisorEnd =
  | { kind: "idle" }
  | { kind: "autoShutdown"; name: string }
  | { kind: "escalated"; error: unknown };

/** Everything that can happen to a supervisor; its loop handles one after another. */
type Message =
  | { kind: "startAll"; down: ReadonlySet<string> }
  | { kind: "stopAll"; reason: string }
  | { kind: "startUnits"; units: Unit[] }
  | { kind: "stopUnits"; units: Unit[]; reason: string }
  | { kind: "restartUnits"; units: Unit[] }
  | { kind: "change"; change: ChildrenChange; touched: Touched }
  | { kind: "force" }
  | { kind: "kill" }
  | { kind: "giveUp" }
  | { kind: "ready"; unit: Unit; context: RunContext }
  | { kind: "settled"; unit: Unit; context: RunContext; failure: { error: unknown } | undefined }
  | { kind: "ending"; unit: Unit; context: RunContext }
  | { kind: "due"; unit: Unit }
  | { kind: "readyTimeout"; unit: Unit; context: RunContext }
  | { kind: "stopTimeout"; unit: Unit; context: RunContext };

/** A restart of several siblings: all are down before the first is started again. */
interface GroupRestart {
  trigger: Unit;
  members: Set<Unit>;
  isDue: boolean;
}

interface Waiter {
  isOver(): boolean;
  resolve(): void;
}

const NOBODY: ReadonlySet<string> = new Set();
const settled: Promise<void> = Promise.resolve();

const NONE: readonly never[] = [];
const STOPPED_BY_OPERATOR = "stopped by an operator";
const CHANGED = "the configuration has changed";
const REMOVED = "removed from the configuration";

/** Immediate restarts in one turn of the loop before the platform gets to breathe. */
const IMMEDIATE_RESTARTS = 64;

/**
 * Starts, watches, restarts and stops a group of subsystems: one loop over one mailbox, the only writer of their states.
 *
 * - Start follows `after`; what has no edge between it starts in order of registration, each entered before the next.
 * - Stop is the reverse: a child is told to stop when everything that comes after it is down, or did not get down in its time.
 * - A run is never followed by another before it has settled with all its disposers.
 * - What does not stop is named by {@linkcode Supervisor.unstopped}, not waited for without end.
 *
 * `supervisorSubsystem` makes one a subsystem of another.
 */
export class Supervisor {
  /** What the daemon gave. */
  readonly ports: SupervisorPorts;
  readonly #strategy: Strategy;
  readonly #intensity: { policy: RestartPolicy; history: RestartHistory } | undefined;
  readonly #autoShutdown: "never" | "anySignificant" | "allSignificant";
  readonly #prefix: string;
  readonly #token: CancelToken;
  readonly #units: Unit[] = [];
  readonly #mailbox: Message[] = [];
  #isDraining = false;
  #turnMs: number | undefined;
  #phase: "new" | "starting" | "up" | "stopping" = "new";
  #startFailure: unknown;
  #groupRestart: GroupRestart | undefined;
  /** How many units are to stop and wait for what comes after them. */
  #awaitingStop = 0;
  #waiters: Waiter[] = [];
  #isIdle = false;
  #onEnd: ((end: SupervisorEnd) => void) | undefined;

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
    this.#autoShutdown = autoShutdown;
    this.#prefix = path === "" ? "" : `${path}/`;
    if (maxRestarts !== Infinity) {
      this.#intensity = {
        policy: new RestartPolicy("always", { delay: 0, jitter: 0, maxRestarts, within, onExhausted }),
        history: new RestartHistory(),
      };
    }
    for (const child of children) this.#units.push(this.#unitOf(child));
    for (const unit of this.#units) this.#connect(unit);
  }

  /**
   * Starts all children but those whose names are in `down`. Resolves when each has started once: is ready, has ended, waits to be
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
    return this.#when(() => this.#phase === "up" || (this.#phase === "stopping" && this.#isAllDown()), () => {
      if (this.#startFailure !== undefined) throw this.#startFailure;
      if (this.#phase === "stopping") throw new ShutdownError("SHUTDOWN_IN_PROGRESS", "Cannot finish the start as a shutdown has begun");
    });
  }

  /** Stops all children. Resolves when each is down or was given up. `nowMs` is the clock's time, where the caller has just read it. */
  stop(reason: string, nowMs?: number): Promise<void> {
    this.#turnMs ??= nowMs;
    this.post({ kind: "stopAll", reason });
    return this.#when(() => this.#isAllDown());
  }

  /** Tells every run at once that patience is over. */
  force(): void {
    this.post({ kind: "force" });
  }

  /** Tells every run at once that whatever can be killed must be. */
  kill(): void {
    this.post({ kind: "kill" });
  }

  /** Waits no longer for what has not stopped: it is unstopped from now on, and whoever waits for it, or for the start, gets an answer. */
  giveUp(): void {
    this.post({ kind: "giveUp" });
  }

  /** Calls `fn` whenever the supervisor should end. Must be set before the start; it is for `fn` to stop it, or to let it stay. */
  onEnd(fn: (end: SupervisorEnd) => void): void {
    this.#onEnd = fn;
  }

  /**
   * Adds a child and, when the others run, starts it.
   *
   * @throws {ShutdownError} if the supervisor is stopping; the child is never run.
   * @throws {RangeError} if the name is taken or `after` names no child.
   */
  add(child: Registration): void {
    if (this.#phase === "stopping") {
      throw new ShutdownError("SHUTDOWN_IN_PROGRESS", `Cannot register ${JSON.stringify(child.subsystem.name)} as the daemon is stopping`);
    }
    const { name } = child.subsystem;
    if (this.#units.some((unit) => unit.name.toLowerCase() === name.toLowerCase())) {
      throw new RangeError(`Cannot register as the name must be free: current value is ${JSON.stringify(name)}`);
    }
    const unit = this.#unitOf(child);
    // Connected first: what is refused leaves nothing behind, and a child that names itself finds no sibling.
    this.#connect(unit);
    this.#units.push(unit);
    if (this.#phase !== "new") this.post({ kind: "startUnits", units: [unit] });
  }

  /** Starts children, with what they come after. Resolves when each is up, has ended, or waits to be restarted. */
  async startUnits(names: readonly string[]): Promise<UnitOutcome[]> {
    this.#refuseWhenStopping("start");
    const units = names.map((name) => this.#unit(name));
    // Of several who ask at once, the first one starts it; the others find a run under way, even if it is not ready yet.
    const running = new Set(units.filter((unit) => unit.current !== undefined && unit.desired === "up"));
    this.post({ kind: "startUnits", units });
    await this.#when(() => units.every((unit) => this.#hasStarted(unit)));
    return units.map((unit) => unit.outcomeOfStart(running.has(unit)));
  }

  /** Stops children, those that come after them first. Resolves when each is down or its time is up; lists all that were stopped. */
  async stopUnits(names: readonly string[], reason: string = STOPPED_BY_OPERATOR): Promise<UnitOutcome[]> {
    const asked = names.map((name) => this.#unit(name));
    const units = this.#withDependents(asked).filter((unit) => asked.includes(unit) || !unit.isDown);
    const down = new Set(units.filter((unit) => unit.isDown));
    this.post({ kind: "stopUnits", units, reason });
    await this.#when(() => units.every((unit) => unit.isDown || unit.isUnstopped || unit.desired === "up"));
    return units.map((unit) => unit.outcomeOfStop(down.has(unit)));
  }

  /** Stops and starts children; those that come after them stay as they are. Resolves as {@linkcode Supervisor.startUnits} does. */
  async restartUnits(names: readonly string[]): Promise<UnitOutcome[]> {
    this.#refuseWhenStopping("restart");
    const units = names.map((name) => this.#unit(name));
    const runs = new Map(units.map((unit) => [unit, unit.run]));
    this.post({ kind: "restartUnits", units });
    await this.#when(() => units.every((unit) => !unit.awaitsStop && this.#hasStarted(unit)));
    return units.map((unit) => unit.outcomeOfRestart(runs.get(unit)!));
  }

  /**
   * Makes the children what they are to be: starts new ones, stops those that are no longer listed and forgets them, restarts those that
   * must run afresh, and lets all others go on. Only for a supervisor without a strategy for siblings. Resolves when that is done, with what
   * became of those that were touched.
   *
   * - What an operator stopped stays down, and takes the change at its next start.
   * - What has ended or failed is started when it is to run afresh: the change may be the cure.
   * - A child of the same name is never run beside one that has not ended yet.
   *
   * @throws {ShutdownError} if the supervisor is stopping.
   * @throws {RangeError} if `after` names no child; nothing has changed then.
   */
  async change(change: ChildrenChange): Promise<UnitOutcome[]> {
    this.#refuseWhenStopping("change");
    // Before the loop has it: what fails there fails halfway.
    const keys = new Set(change.children.flatMap(({ subsystem: { name } }) => siblingKeys(name)));
    for (const { subsystem, after } of change.children) {
      for (const { name } of after) if (!keys.has(name.toLowerCase())) throw noSibling(subsystem.name, name);
    }
    const touched: Touched = { added: [], restarted: new Map(), removed: [] };
    this.post({ kind: "change", change, touched });
    const { added, restarted, removed } = touched;
    const isGoneOrBack = (unit: Unit) => !unit.isRemoved || isGone(unit);
    const isUp = (unit: Unit) => !unit.awaitsStop && (unit.isRemoved || this.#hasStarted(unit));
    await this.#when(() => removed.every(isGoneOrBack) && added.every(isUp) && [...restarted.keys()].every(isUp));
    return [
      ...removed.map((unit) => unit.outcomeOfRemoval()),
      ...[...restarted].map(([unit, run]) => run === 0 ? unit.outcomeOfStart(false) : unit.outcomeOfRestart(run)),
      ...added.map((unit) => unit.outcomeOfStart(false)),
    ];
  }

  /** Whether it has started and no child lives or will live by itself. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** Children that were told to stop and did not within their time. */
  unstopped(): Unstopped[] {
    const unstopped: Unstopped[] = [];
    for (const unit of this.#units) {
      const { path, stopAskedMs, inner } = unit;
      if (unit.current !== undefined && stopAskedMs !== undefined) {
        unstopped.push({ path, waitedMs: Math.round(this.ports.clock.nowMs() - stopAskedMs) });
      }
      if (inner !== undefined) unstopped.push(...inner.unstopped());
    }
    return unstopped;
  }

  /** A snapshot of all children, in order of registration, each nested supervisor followed by its own. */
  status(): UnitStatus[] {
    return this.#units.flatMap((unit) => [unit.status(), ...unit.inner?.status() ?? []]);
  }

  /** Ends the intake of every child that has one, whatever it throws. */
  stopIntake(): void {
    for (const { path, registration: { subsystem }, inner } of this.#units) {
      try {
        subsystem.stopIntake?.();
      } catch (cause) {
        const message = `Cannot end the intake of ${path}: ${messageOf(cause)}`;
        this.ports.report(new SubsystemError("SUBSYSTEM_STOP_FAILED", path, message, { cause }));
      }
      inner?.stopIntake();
    }
  }

  /** The supervisor of the child with this path, and the child's name within it; undefined when there is none. */
  find(path: string): { supervisor: Supervisor; name: string } | undefined {
    const [name, ...rest] = path.slice(this.#prefix.length).split("/");
    const unit = this.#units.find((each) => each.name.toLowerCase() === name.toLowerCase());
    if (unit === undefined || rest.length === 0) return unit && { supervisor: this, name: unit.name };
    return unit.inner?.find(path);
  }

  /** Puts a message into the mailbox; handled at once unless the loop is busy with another. For units and timers. */
  post(message: Message): void {
    this.#mailbox.push(message);
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (let index = 0; index < this.#mailbox.length; index++) {
      try {
        this.#handle(this.#mailbox[index]);
      } catch (cause) {
        // A defect, ours or of a port: the loop goes on, or nothing would ever be stopped again.
        const message = this.#mailbox[index];
        const unit = "unit" in message ? message.unit : undefined;
        const what = `"${message.kind}"${unit === undefined ? "" : ` of ${unit.path}`}`;
        const path = unit?.path ?? this.#prefix.slice(0, -1);
        this.ports.report(new SubsystemError("RUNTIME_PANIC", path, `Cannot handle ${what}: ${messageOf(cause)}`, { cause }));
      }
    }
    this.#mailbox.length = 0;
    this.#isDraining = false;
    this.#turnMs = undefined;
    this.#wake();
  }

  #handle(message: Message): void {
    switch (message.kind) {
      case "startAll":
        return this.#startAll(message.down);
      case "stopAll":
        return this.#stopAll(message.reason);
      case "startUnits":
        return this.#startUnits(message.units);
      case "stopUnits":
        return this.#stopUnits(message.units, message.reason);
      case "restartUnits":
        return this.#restartUnits(message.units);
      case "change":
        return this.#change(message.change, message.touched);
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
        return this.#settled(message.unit, message.failure);
      case "ending":
        return this.#ending(message.unit, message.context);
      case "due":
        return this.#due(message.unit);
      case "readyTimeout":
        return this.#readyTimeout(message.unit, message.context);
      case "stopTimeout":
        return this.#stopTimeout(message.unit, message.context);
    }
  }

  // --- Starting

  #startAll(down: ReadonlySet<string>): void {
    if (this.#phase !== "new") return;
    this.#phase = "starting";
    for (const unit of this.#units) {
      if (down.has(unit.name)) unit.reason = STOPPED_BY_OPERATOR;
      else {
        unit.desired = "up";
        this.#move(unit, "want", "start");
      }
    }
    for (const unit of this.#units) if (this.#phase === "starting") this.#consider(unit);
  }

  #startUnits(units: Unit[]): void {
    if (this.#phase === "stopping") return;
    for (const unit of units) {
      if (unit.isRemoved) continue;
      for (const { unit: other } of unit.after) {
        if ((other.isDown || other.desired === "down") && other.state !== "completed") this.#startUnits([other]);
      }
      const wasDesired = unit.desired;
      unit.desired = "up";
      if (unit.current !== undefined) {
        unit.isOverdue = false;
        // What waits for its turn to stop is spared; what waits for its turn to restart, or is to run something else by now, is not.
        if (wasDesired === "down" && unit.next === undefined && this.#endsAwaitingStop(unit)) {
          unit.reason = "start";
          if (unit.state === "starting" && unit.timer === undefined) this.#armReady(unit, unit.current);
          this.#groupRestart?.members.delete(unit);
          this.#advanceGroup();
          for (const other of unit.dependents) this.#consider(other);
        }
        continue;
      }
      unit.history.clear();
      unit.isUnstopped = false;
      if (unit.state === "restarting") this.#due(unit);
      else {
        this.#move(unit, "want", "start");
        this.#consider(unit);
      }
    }
  }

  #restartUnits(units: Unit[]): void {
    if (this.#phase === "stopping") return;
    const running = units.filter((unit) => unit.current !== undefined && !unit.isRemoved);
    for (const unit of running) {
      unit.desired = "up";
      unit.isOverdue = false;
      unit.history.clear();
    }
    this.#tellToStop(running, "restart");
    this.#startUnits(units.filter((unit) => !running.includes(unit)));
  }

  #change({ children, restart, down }: ChildrenChange, { added, restarted, removed }: Touched): void {
    if (this.#phase === "stopping") return;

    // Who stays, who is new, who goes.
    const before = new Map(this.#units.map((unit) => [unit.name, unit]));
    const units = children.map((child) => {
      const { name } = child.subsystem;
      const unit = before.get(name) ?? this.#unitOf(child);
      const isNew = !before.delete(name);
      const isFresh = unit.isRemoved || restart.has(name);
      if (isNew || unit.isRemoved) {
        unit.desired = down.has(name) ? "down" : "up";
        unit.reason = unit.desired === "down" ? STOPPED_BY_OPERATOR : CHANGED;
      }
      unit.isRemoved = false;
      if (unit.next !== undefined || (isFresh && unit.current !== undefined)) unit.next = child;
      else unit.registration = child;
      if (unit.desired === "down") return unit;
      if (isNew) added.push(unit);
      else if (isFresh) restarted.set(unit, unit.current === undefined ? 0 : unit.run);
      return unit;
    });
    removed.push(...before.values());
    for (const unit of removed) {
      unit.isRemoved = true;
      unit.desired = "down";
    }
    this.#units.splice(0, Infinity, ...units, ...removed);
    this.#reindex();
    this.#connectAll();

    // What goes, and what must run afresh, is told to stop, in order.
    const fresh = [...restarted.keys()];
    for (const unit of fresh) {
      unit.isOverdue = false;
      unit.history.clear();
    }
    this.#tellToStop(removed, REMOVED);
    this.#tellToStop(fresh.filter((unit) => unit.current !== undefined), CHANGED);
    for (const unit of removed) this.#forget(unit);

    // What is new, and what had ended and is to run afresh, starts when its turn comes; for others the way may be free now.
    for (const unit of [...fresh, ...added]) {
      if (unit.current !== undefined) continue;
      unit.clearTimer();
      this.#move(unit, "want", CHANGED);
    }
    const verdicts = new Map<Unit, boolean>();
    for (const unit of units) {
      if (unit.state === "skipped" && unit.desired === "up" && !isBarred(unit, verdicts)) this.#move(unit, "want", CHANGED);
    }
    for (const unit of units) this.#consider(unit);
  }

  /** Lets go of a child that was taken away, once nothing of it lives. What came after it comes after what it came after. */
  #forget(unit: Unit): void {
    if (!unit.isRemoved || unit.current !== undefined) return;
    this.#units.splice(unit.index, 1);
    this.#reindex();
    for (const { unit: other } of unit.after) other.dependents = other.dependents.filter((each) => each !== unit);
    for (const dependent of unit.dependents) {
      const kept = dependent.after.filter((edge) => edge.unit !== unit);
      const inherited = unit.after.filter(({ unit: other }) => !kept.some((edge) => edge.unit === other));
      for (const { unit: other } of inherited) other.dependents = [...other.dependents, dependent];
      dependent.after = [...kept, ...inherited];
    }
  }

  /** Starts a unit that waits for its turn, or leaves it waiting, or skips it: as what it comes after says. */
  #consider(unit: Unit): void {
    if (this.#phase === "stopping" || unit.desired === "down" || (unit.state !== "waiting" && unit.state !== "skipped")) return;
    const { verdict, reason } = this.#turnOf(unit);
    if (verdict === "skip") return this.#move(unit, "skip", reason);
    if (unit.state === "skipped") {
      if (verdict === "wait") return;
      this.#move(unit, "want", reason);
    }
    if (verdict === "wait") unit.reason = reason;
    else this.#launch(unit, reason);
  }

  #turnOf(unit: Unit): { verdict: "go" | "wait" | "skip"; reason: string } {
    const group = this.#groupRestart;
    if (group !== undefined && group.members.has(unit) && !this.#isGroupDown(group)) {
      return { verdict: "wait", reason: `restarts with ${group.trigger.name}` };
    }
    for (const { unit: other, condition } of unit.after) {
      if (other.awaitsStop) return { verdict: "wait", reason: `waits for ${other.name}, which is about to stop` };
      if (other.satisfies(condition)) continue;
      if (other.state === "failed" || other.state === "fatal") {
        return { verdict: "skip", reason: `${other.name} ${other.state === "fatal" ? "failed for good" : "failed"}: ${other.why}` };
      }
      // The one that has failed is named, not those between it and this one.
      if (other.state === "skipped") return { verdict: "skip", reason: other.reason };
      if (other.state === "completed") return { verdict: "skip", reason: `${other.name} completed without becoming ${condition}` };
      return { verdict: "wait", reason: `waits for ${other.name}${stateInWords(other)}` };
    }
    return { verdict: "go", reason: "start" };
  }

  #launch(unit: Unit, reason: string): void {
    unit.registration = unit.next ?? unit.registration;
    unit.next = undefined;
    const { subsystem } = unit.registration;
    const { readiness } = unit.spec;
    unit.clearTimer();
    unit.run++;
    unit.isReady = false;
    unit.isUnstopped = unit.isOverdue = false;
    unit.stopAskedMs = undefined;
    unit.stopFailure = undefined;
    unit.startedMs = this.#nowMs();
    const token = this.#token.child(unit);
    const context = new RunContext(token, unit, unit.run, unit.run === 1 ? 0 : unit.history.inARow);
    unit.current = context;
    this.#move(unit, "start", reason);
    let running: Promise<void> | void;
    try {
      running = this.ports.runAs(unit.path, () => subsystem.run(context)) as Promise<void> | void;
    } catch (error) {
      return this.#ended(unit, context, { error });
    }
    if (readiness === "auto") this.#becomeReady(unit);
    if (running === undefined || typeof running.then !== "function") return this.#ended(unit, context, undefined);
    running.then(
      () => this.#ended(unit, context, undefined),
      (error) => this.#ended(unit, context, { error }),
    );
    if (readiness !== "auto") this.#armReady(unit, context);
  }

  #armReady(unit: Unit, context: RunContext): void {
    const { readyTimeoutMs } = unit.spec;
    if (readyTimeoutMs === Infinity) return;
    unit.timer = this.ports.clock.schedule(readyTimeoutMs, () => this.post({ kind: "readyTimeout", unit, context }));
  }

  #becomeReady(unit: Unit): void {
    if (unit.isReady || (unit.state !== "starting" && unit.state !== "running")) return;
    unit.clearTimer();
    unit.isReady = true;
    if (unit.state === "starting") this.#move(unit, "ready", "ready");
    if (this.ports.isObserved()) this.ports.emit({ type: "subsystem.ready", name: unit.path, run: unit.run, ready: true });
  }

  #becomeUnready(unit: Unit): void {
    if (!unit.isReady) return;
    unit.isReady = false;
    if (this.ports.isObserved()) this.ports.emit({ type: "subsystem.ready", name: unit.path, run: unit.run, ready: false });
  }

  #readyTimeout(unit: Unit, context: RunContext): void {
    if (unit.current !== context || unit.state !== "starting") return;
    unit.clearTimer();
    // It is to stop anyway, in its turn.
    if (unit.awaitsStop) return;
    const { unready } = unit.words;
    const late = `not ready within ${formatDuration(unit.spec.readyTimeoutMs)}${unready === undefined ? "" : `: ${unready}`}`;
    const error = new TimeoutError("SUBSYSTEM_START_TIMEOUT", `Cannot start ${unit.path} as it was ${late}`);
    context.failure ??= { error };
    if (this.#phase === "starting" && !unit.spec.retryStart) {
      this.#startFailure = error;
      return this.#stopAll(error.message);
    }
    unit.reason = late;
    unit.isOverdue = true;
    this.#cancelRun(unit);
  }

  // --- The end of a run

  #ended(unit: Unit, context: RunContext, body: { error: unknown } | undefined): void {
    context.isOver = true;
    if (context.hasLeftovers) {
      this.post({ kind: "ending", unit, context });
      void context.close(body).then((failure) => this.post({ kind: "settled", unit, context, failure }));
    } else this.post({ kind: "settled", unit, context, failure: body });
  }

  /** A run is on its way to its end by itself: what of it does not get there in the time of a stop is unstopped. */
  #ending(unit: Unit, context: RunContext): void {
    if (unit.current !== context || unit.stopAskedMs !== undefined) return;
    unit.clearTimer();
    unit.stopAskedMs = this.#nowMs();
    this.#armStop(unit, context);
  }

  #settled(unit: Unit, bodyFailure: { error: unknown } | undefined): void {
    const context = unit.current!;
    const failure = context.hasLeftovers ? bodyFailure ?? context.failure : context.failure ?? bodyFailure;
    const wasReady = unit.isReady;
    context.token[Symbol.dispose]();
    unit.clearTimer();
    unit.current = undefined;
    unit.isUnstopped = false;
    this.#becomeUnready(unit);
    // It ended by itself before its turn to be told: a stop all the same, but not one that could fail.
    const isWorking = unit.state === "starting" || unit.state === "running";
    const wasTold = !this.#endsAwaitingStop(unit) && !(unit.desired === "down" && isWorking);
    if (!wasTold) this.#move(unit, "stop", unit.reason);
    const failedToStart = unit.isOverdue && unit.desired === "up" && this.#phase !== "stopping";
    if (!failedToStart && (unit.state === "stopping" || unit.state === "fatal")) {
      if (wasTold) this.#reportFailedStop(unit, context, failure);
      this.#settledStop(unit, failure?.error);
    } else if (this.#phase === "starting" && failure !== undefined && !wasReady && !unit.spec.retryStart) {
      this.#failStart(unit, failure.error);
    } else this.#judge(unit, failure);
    this.#forget(unit);
    this.#advanceStops();
  }

  #reportFailedStop(unit: Unit, context: RunContext, failure: { error: unknown } | undefined): void {
    if (failure === undefined || failure.error === this.#startFailure || isAbort(failure.error, context.reason)) return;
    const { failure: itsOwn } = unit.words;
    if (itsOwn !== undefined && failure.error === itsOwn) return;
    unit.stopFailure = messageOf(failure.error);
    const message = `Cannot stop ${unit.path} cleanly: ${unit.stopFailure}`;
    this.ports.report(new SubsystemError("SUBSYSTEM_STOP_FAILED", unit.path, message, { cause: failure.error }));
  }

  #settledStop(unit: Unit, error: unknown): void {
    this.#move(unit, "settle", unit.reason, error);
    if (unit.desired === "up" && this.#phase !== "stopping") this.#move(unit, "want", "restart");
    this.#advanceGroup();
    this.#consider(unit);
  }

  #judge(unit: Unit, failure: { error: unknown } | undefined): void {
    const policy = unit.spec.restart;
    const error = failure?.error;
    if (isDaemonError(error) && error.code === "SPAWN_NO_RESOURCES") return this.#postpone(unit, error);
    const why = failure === undefined ? unit.words.end ?? "returned" : messageOf(error);
    const nowMs = this.#nowMs();
    const ranMs = nowMs - unit.startedMs;
    const verdict = unit.history.judge(policy, { failed: failure !== undefined, ranMs, nowMs, random: this.ports.random() });
    if (verdict.kind === "end") {
      this.#move(unit, failure === undefined ? "complete" : "fail", why, error);
      return this.#endedForGood(unit, failure);
    }
    if (verdict.kind === "exhausted") {
      return this.#exhausted(
        unit,
        `${why} (${usedUp(verdict)})`,
        error,
        verdict.onExhausted,
      );
    }
    let { delayMs } = verdict;
    let isPaused = verdict.kind === "pause";
    const shared = this.#intensity?.history.judge(this.#intensity.policy, { failed: true, ranMs: 0, nowMs, random: 0.5 });
    if (shared?.kind === "exhausted") {
      return this.#exhausted(unit, `${why} (the supervisor's restarts are used up)`, error, shared.onExhausted);
    }
    if (shared?.kind === "pause") {
      delayMs = Math.max(delayMs, shared.delayMs);
      isPaused = true;
    }
    unit.restarts++;
    this.#move(unit, "retry", isPaused ? `${why} (paused: too many restarts)` : why, error, { attempt: verdict.attempt, delayMs });
    this.#beginGroupRestart(unit);
    if (delayMs === 0 && verdict.attempt % IMMEDIATE_RESTARTS !== 0) this.post({ kind: "due", unit });
    else unit.timer = this.ports.clock.schedule(delayMs, () => this.post({ kind: "due", unit }));
  }

  /** The daemon itself had no room to start it: that is no failure of the unit, and is tried again until there is room. */
  #postpone(unit: Unit, error: DaemonError): void {
    const { attempt, delayMs } = unit.history.postpone(this.ports.random());
    this.#move(unit, "retry", error.message, error, { attempt, delayMs });
    unit.timer = this.ports.clock.schedule(delayMs, () => this.post({ kind: "due", unit }));
  }

  #due(unit: Unit): void {
    if (unit.state !== "restarting" || this.#phase === "stopping") return;
    unit.clearTimer();
    const group = this.#groupRestart;
    if (group?.trigger === unit) {
      group.isDue = true;
      return this.#advanceGroup();
    }
    if (group?.members.has(unit)) return;
    this.#launch(unit, `restart: ${unit.why}`);
  }

  #exhausted(unit: Unit, reason: string, cause: unknown, onExhausted: "fatal" | "escalate"): void {
    this.#move(unit, "exhaust", reason, cause);
    const error = new SubsystemError("SUBSYSTEM_EXHAUSTED", unit.path, `Cannot restart ${unit.path} any more: ${reason}`, {
      cause,
      context: exitContext(cause),
    });
    if (onExhausted === "escalate") this.#onEnd?.({ kind: "escalated", error });
    this.#endedForGood(unit, { error });
  }

  /** Draws the consequences of an end that no restart follows. */
  #endedForGood(unit: Unit, failure: { error: unknown } | undefined): void {
    if (failure !== undefined) this.ports.failed(unit.path, failure.error);
    if (failure !== undefined && unit.spec.essential) {
      const code = exitContext(failure.error)?.exitCode;
      this.ports.report(failure.error);
      this.ports.requestShutdown(`${unit.path} is essential and ended: ${messageOf(failure.error)}`, typeof code === "number" ? code : 1);
    }
    if (!unit.spec.significant || this.#autoShutdown === "never" || this.#phase === "stopping") return;
    const isLast = this.#units.every((each) => !each.spec.significant || each.isDown);
    if (this.#autoShutdown === "anySignificant" || isLast) this.#onEnd?.({ kind: "autoShutdown", name: unit.name });
  }

  /** A child failed before it was ready: nothing more is started, and what was is stopped again, in reverse and with time of its own. */
  #failStart(unit: Unit, cause: unknown): void {
    this.#move(unit, "fail", messageOf(cause), cause);
    this.#startFailure = new SubsystemError("SUBSYSTEM_START_FAILED", unit.path, `Cannot start ${unit.path}: ${messageOf(cause)}`, {
      cause,
      context: exitContext(cause),
    });
    this.#stopAll(`${unit.path} did not start`);
  }

  // --- Restarting siblings

  #beginGroupRestart(trigger: Unit): void {
    if (this.#strategy === "oneForOne" || this.#phase !== "up") return;
    const earlier = this.#groupRestart;
    const first = earlier !== undefined && earlier.trigger.index < trigger.index ? earlier.trigger : trigger;
    const members = new Set(earlier?.members);
    for (const unit of this.#units) {
      const isAffected = unit !== first && (this.#strategy === "oneForAll" || unit.index > first.index);
      if (isAffected && (!unit.isDown || unit === trigger)) members.add(unit);
    }
    if (earlier !== undefined && earlier.trigger !== first) members.add(earlier.trigger);
    members.delete(first);
    this.#groupRestart = { trigger: first, members, isDue: false };
    for (const unit of members) {
      unit.isOverdue = false;
      if (unit.spec.restart.when === "never") unit.desired = "down";
    }
    this.#tellToStop([...members], `restarts with ${first.name}`);
  }

  #isGroupDown(group: GroupRestart): boolean {
    return group.isDue && [...group.members].every((unit) => unit.current === undefined || unit.isUnstopped);
  }

  #advanceGroup(): void {
    const group = this.#groupRestart;
    if (group === undefined || !this.#isGroupDown(group)) return;
    this.#groupRestart = undefined;
    for (const unit of this.#units) {
      if (unit !== group.trigger && !group.members.has(unit) || unit.desired === "down" || unit.current !== undefined) continue;
      this.#move(unit, "want", `restarts with ${group.trigger.name}`);
      this.#consider(unit);
    }
  }

  // --- Stopping

  #stopAll(reason: string): void {
    if (this.#phase === "stopping") return;
    this.#phase = "stopping";
    this.#groupRestart = undefined;
    this.#stopUnits(this.#units, reason);
  }

  #stopUnits(units: readonly Unit[], reason: string): void {
    for (const unit of units) unit.desired = "down";
    this.#tellToStop(units, reason);
  }

  #tellToStop(units: readonly Unit[], reason: string): void {
    for (const unit of units) {
      if (unit.current !== undefined) {
        if (unit.stopAskedMs === undefined && !unit.awaitsStop) {
          unit.awaitsStop = true;
          this.#awaitingStop++;
        }
        if (!unit.isUnstopped) unit.reason = reason;
      } else if (unit.state === "waiting" || unit.state === "restarting") {
        unit.clearTimer();
        this.#move(unit, "stop", reason);
        if (this.#groupRestart?.trigger === unit) this.#groupRestart.isDue = true;
      }
    }
    this.#advanceStops();
    this.#advanceGroup();
  }

  /** Tells each unit to stop whose turn it is: everything that comes after it is down, or did not get down in its time. */
  #advanceStops(): void {
    if (this.#awaitingStop === 0) return;
    for (let index = this.#units.length - 1; index >= 0; index--) {
      const unit = this.#units[index];
      if (!unit.awaitsStop) continue;
      const isTurn = unit.dependents.length === 0 ||
        this.#withDependents([unit]).every((other) => other === unit || isGone(other) || !this.#isStopping(other));
      if (isTurn && (!unit.spec.stopLast || this.#phase !== "stopping" || this.#isRestOver(unit))) this.#cancelRun(unit);
    }
  }

  /** Whether all that stops before a unit marked stopLast is down. What the unit comes after has to wait for it all the same. */
  #isRestOver(last: Unit): boolean {
    return this.#units.every((unit) => unit.spec.stopLast || isGone(unit) || this.#withDependents([unit]).includes(last));
  }

  /** Takes a unit out of those that wait to be told; false when it was not among them. */
  #endsAwaitingStop(unit: Unit): boolean {
    if (!unit.awaitsStop) return false;
    unit.awaitsStop = false;
    this.#awaitingStop--;
    return true;
  }

  #isStopping(unit: Unit): boolean {
    return unit.state === "stopping" || unit.awaitsStop;
  }

  #cancelRun(unit: Unit): void {
    const context = unit.current!;
    this.#endsAwaitingStop(unit);
    unit.clearTimer();
    unit.stopAskedMs = this.#nowMs();
    this.#becomeUnready(unit);
    this.#move(unit, "stop", unit.reason);
    context.token.cancel(stopReason(unit.reason));
    this.#armStop(unit, context);
  }

  #armStop(unit: Unit, context: RunContext): void {
    const { stopTimeoutMs } = unit.spec;
    if (stopTimeoutMs === Infinity) return;
    unit.timer = this.ports.deadlines.after(stopTimeoutMs, () => this.post({ kind: "stopTimeout", unit, context }));
  }

  #stopTimeout(unit: Unit, context: RunContext): void {
    if (unit.current !== context) return;
    unit.isUnstopped = true;
    const waitedMs = Math.round(this.ports.clock.nowMs() - unit.stopAskedMs!);
    const reason = `did not stop within ${waitedMs} ms`;
    this.ports.report(new TimeoutError("SUBSYSTEM_STOP_TIMEOUT", `Cannot stop ${unit.path} as it ${reason}`, { context: { waitedMs } }));
    if (unit.state === "starting" || unit.state === "running") this.#move(unit, "stop", reason);
    if (unit.desired === "up" && this.#phase !== "stopping") {
      unit.desired = "down";
      this.#move(unit, "park", `${reason}; it is not started a second time while the old run lives`);
    } else unit.reason = reason;
    this.#advanceStops();
    this.#advanceGroup();
  }

  #forceAll(): void {
    this.#stopAll("the graceful time is over");
    for (const unit of this.#units) if (unit.awaitsStop) this.#cancelRun(unit);
    this.#token.force(stopReason("the graceful time is over"));
  }

  #giveUp(): void {
    this.#stopAll("the daemon gives up");
    for (const unit of this.#units) {
      unit.inner?.giveUp();
      if (unit.current === undefined) continue;
      if (unit.awaitsStop) this.#cancelRun(unit);
      unit.clearTimer();
      unit.isUnstopped = true;
    }
  }

  // --- Bookkeeping

  #unitOf(child: Registration): Unit {
    return new Unit(this, child, this.#prefix + child.subsystem.name, this.#units.length);
  }

  #reindex(): void {
    this.#units.forEach((unit, index) => unit.index = index);
  }

  /** Draws the edges of all children anew; those that were taken away keep theirs, as what they come after stops after them. */
  #connectAll(): void {
    const byName = new Map(this.#units.map((unit) => [unit.name, unit]));
    for (const unit of this.#units) unit.dependents = NONE;
    for (const unit of this.#units) {
      if (!unit.isRemoved) {
        unit.after = NONE;
        this.#connect(unit);
      } else this.#setAfter(unit, unit.after.map((edge) => ({ ...edge, unit: byName.get(edge.unit.name) ?? edge.unit })));
    }
  }

  #connect(unit: Unit): void {
    const { after: given } = unit.next ?? unit.registration;
    if (given.length === 0 && this.#strategy === "oneForOne") return;
    const edges = [...given];
    const previous = this.#units[unit.index - 1];
    if (this.#strategy !== "oneForOne" && previous !== undefined) edges.push({ name: previous.name, condition: "ready" });
    const after = edges.flatMap(({ name, condition }) => {
      const key = nameKey(name);
      const others = this.#units.filter(({ name: other, isRemoved }) => !isRemoved && siblingKeys(other).includes(key));
      if (others.length === 0) throw noSibling(unit.name, name);
      return others.map((other) => ({ unit: other, condition }));
    });
    this.#setAfter(unit, after);
  }

  #setAfter(unit: Unit, after: Unit["after"]): void {
    unit.after = after;
    for (const { unit: other } of after) other.dependents = [...other.dependents, unit];
  }

  #unit(name: string): Unit {
    const unit = this.#units.find((each) => each.name === name);
    if (unit === undefined) throw new SubsystemError("SUBSYSTEM_UNKNOWN", name, `Cannot find a unit named ${JSON.stringify(name)}`);
    return unit;
  }

  #withDependents(units: readonly Unit[]): Unit[] {
    const all = new Set<Unit>();
    const visit = (unit: Unit) => {
      if (all.has(unit)) return;
      all.add(unit);
      unit.dependents.forEach(visit);
    };
    units.forEach(visit);
    return [...all];
  }

  #refuseWhenStopping(verb: string): void {
    if (this.#phase === "stopping") throw new ShutdownError("SHUTDOWN_IN_PROGRESS", `Cannot ${verb} a unit as the daemon is stopping`);
  }

  /** The only place where a state is written. */
  #move(unit: Unit, input: StateInput, reason: string, error?: unknown, restart?: { attempt: number; delayMs: number }): void {
    const from = unit.state;
    const to = nextState(from, input);
    unit.reason = reason;
    if (to === from) return;
    unit.state = to;
    if (this.ports.isObserved()) {
      const failure = error === undefined ? {} : { error: linkOf(error) };
      this.ports.emit({ type: "subsystem.state", name: unit.path, run: unit.run, from, to, reason, ...failure, ...restart });
    }
    for (const other of unit.dependents) this.#consider(other);
  }

  /** Whether a unit has started once, or can't before one that has started once. */
  #hasStarted(unit: Unit, asked?: Set<Unit>): boolean {
    // Nobody knows when what did not stop in its time will: it is not waited for.
    if (unit.isUnstopped) return true;
    if (unit.state === "starting" || unit.state === "stopping") return false;
    if (unit.state !== "waiting") return true;
    // Many ways lead through a graph: a unit whose answer was no is not asked again.
    if (asked?.has(unit)) return false;
    asked ??= new Set();
    asked.add(unit);
    return unit.after.some(({ unit: other, condition }) => !other.satisfies(condition) && this.#hasStarted(other, asked));
  }

  /** The time of the present turn of the loop: read once, as reading a clock costs more than most of what is done with it. */
  #nowMs(): number {
    return this.#turnMs ??= this.ports.clock.nowMs();
  }

  #isAllDown(): boolean {
    return this.#units.every(isDownOrGivenUp);
  }

  /** After each turn of the loop: has the start come to its end, is nothing left, who waited for that. */
  #wake(): void {
    if (this.#phase === "starting" && this.#units.every((unit) => this.#hasStarted(unit))) this.#phase = "up";
    const isIdle = this.#phase === "up" && this.#units.every(isDown);
    if (isIdle && !this.#isIdle) this.#onEnd?.({ kind: "idle" });
    this.#isIdle = isIdle;
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      if (waiter.isOver()) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }

  #when(isOver: () => boolean, check?: () => void): Promise<void> {
    if (check === undefined && !this.#isDraining && isOver()) return settled;
    return new Promise<void>((resolve, reject) => {
      const end = () => {
        try {
          check?.();
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      if (!this.#isDraining && isOver()) end();
      else this.#waiters.push({ isOver, resolve: end });
    });
  }
}

/** What `after` may call a unit: by its name, or by that of the service of which it is an instance. */
function siblingKeys(name: string): string[] {
  return [nameKey(name), groupKey(name)];
}

function noSibling(name: string, other: string): RangeError {
  return new RangeError(
    `Cannot register ${JSON.stringify(name)} as "after" must name a sibling: current value is ${JSON.stringify(other)}`,
  );
}

/** How it is with a unit that another one waits for, after its name. */
function stateInWords({ state, isDown, reason, why }: Unit): string {
  if (state === "restarting") return `, which is restarting: ${why}`;
  if (!isDown) return "";
  return reason.startsWith("stopped ") ? `, which is ${reason}` : `, which is ${state}: ${why}`;
}

function usedUp({ restarts, withinMs }: Extract<RestartVerdict, { kind: "exhausted" }>): string {
  const which = withinMs === undefined ? "" : ` within ${formatDuration(withinMs)}`;
  return `${restarts} restart${restarts === 1 ? "" : "s"}${which} ${restarts === 1 ? "is" : "are"} used up`;
}

function exitContext(error: unknown): { exitCode?: unknown } | undefined {
  return isDaemonError(error) ? error.context as { exitCode?: unknown } | undefined : undefined;
}

/**
 * Whether something that a unit comes after has ended for good, or is skipped for that reason. Many ways lead through a graph: verdicts are
 * kept.
 */
function isBarred(unit: Unit, verdicts: Map<Unit, boolean>): boolean {
  const known = verdicts.get(unit);
  if (known !== undefined) return known;
  const verdict = unit.after.some(({ unit: other, condition }) => {
    if (other.satisfies(condition)) return false;
    return other.state === "skipped" ? isBarred(other, verdicts) : ["failed", "fatal", "completed"].includes(other.state);
  });
  verdicts.set(unit, verdict);
  return verdict;
}

const isGone = (unit: Unit): boolean => unit.current === undefined || unit.isUnstopped;

const isDown = (unit: Unit): boolean => unit.isDown;

const isDownOrGivenUp = (unit: Unit): boolean => unit.isDown || unit.isUnstopped;
