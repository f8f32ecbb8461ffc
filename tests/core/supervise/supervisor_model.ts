import type { AfterEdge } from "../../../src/core/supervise/after.ts";
import type { RestartWhen } from "../../../src/core/supervise/restart.ts";
import type { State } from "../../../src/core/supervise/state.ts";

/** A child as the model and the rig build it. */
export interface Plan {
  name: string;
  after: AfterEdge[];
  when: RestartWhen;
  readiness: "auto" | "manual" | "none";
  retryStart: boolean;
  delayMs: number;
  readyMs: number;
  stopMs: number;
  /** It is forgotten at its end. */
  temporary?: boolean;
}

export const MAX_RESTARTS = 3;
const STABLE_MS = 60_000;

export class ModelUnit {
  state: State = "stopped";
  desired: "up" | "down" = "down";
  run = 0;
  isLive = false;
  isDeaf = false;
  /** Why its run is to stop, where it is. */
  why: "down" | "with" | "restart" | "change" | "late" | undefined;
  /** It was told to stop, and did not within its time. */
  isTold = false;
  isUnstopped = false;
  /** Its last run has been ready. */
  wasReady = false;
  /** It was stopped with what it comes after, and waits for that to be wanted again. */
  isHeld = false;
  startedMs = 0;
  inARow = 0;
  dueMs = Infinity;
  readyByMs = Infinity;
  stopByMs = Infinity;
  /** Its edges: those of its plan that lead to units that are there. */
  after: readonly AfterEdge[];
  /** Its next run is another one than the present. */
  isChanged = false;
  /** It is gone from the children and stays until its run has ended. */
  isRemoved = false;
  constructor(readonly plan: Plan) {
    this.after = plan.after;
  }

  get isDown(): boolean {
    return !this.isLive && this.state !== "waiting" && this.state !== "restarting";
  }
}

/**
 * The duty of a supervisor under `oneForOne`, said in the plainest way: a run that is told to stop and hears it ends in the next turn,
 * and after each turn everything that follows is computed from scratch.
 */
export class SupervisorModel {
  readonly units: Map<string, ModelUnit>;
  phase: "starting" | "up" | "stopping" = "starting";
  nowMs = 0;
  readonly #toStop = new Set<ModelUnit>();
  readonly #ending: ModelUnit[] = [];

  constructor(plans: readonly Plan[], down: ReadonlySet<string>) {
    this.units = new Map(plans.map((plan) => [plan.name, new ModelUnit(plan)]));
    for (const unit of this.units.values()) if (!down.has(unit.plan.name)) Object.assign(unit, { desired: "up", state: "waiting" });
    this.#turn(() => {});
  }

  start(names: readonly string[]): void {
    if (this.phase !== "stopping") this.#turn(() => this.#start(names.map((name) => this.units.get(name)!)));
  }

  stop(names: readonly string[]): void {
    this.#turn(() => {
      const asked = names.map((name) => this.units.get(name)!);
      const after = new Set(asked);
      for (const { state, plan: { name } } of after) {
        if (state === "completed") continue;
        for (const unit of this.units.values()) if (unit.after.some((edge) => edge.name === name)) after.add(unit);
      }
      for (const unit of after) {
        if (asked.includes(unit) || unit.desired === "down") continue;
        if (unit.isLive) this.#tell([unit], "with");
        else if (unit.state === "restarting") Object.assign(unit, { state: "stopped", isHeld: true, dueMs: Infinity });
      }
      for (const unit of asked) unit.desired = "down";
      this.#tell(asked, "down");
    });
  }

  restart(names: readonly string[]): void {
    if (this.phase === "stopping") return;
    this.#turn(() => {
      const { live = [], down = [] } = Object.groupBy(
        names.map((name) => this.units.get(name)!).filter(({ isRemoved }) => !isRemoved),
        ({ isLive }) => isLive ? "live" : "down",
      );
      for (const unit of live) Object.assign(unit, { desired: "up", inARow: 0 });
      this.#tell(live, "restart");
      this.#start(down);
    });
  }

  /** One more child, which starts when its turn comes. */
  add(plan: Plan): void {
    if (this.phase === "stopping") return;
    this.#turn(() => this.units.set(plan.name, Object.assign(new ModelUnit(plan), { desired: "up", state: "waiting" })));
  }

  /** From now on the children are these, of which some must run afresh. */
  change(plans: readonly Plan[], restart: readonly string[]): void {
    if (this.phase === "stopping") return;
    this.#turn(() => {
      const names = plans.map(({ name }) => name);
      const removed = [...this.units.values()].filter(({ plan }) => !names.includes(plan.name));
      const fresh: ModelUnit[] = [];
      for (const plan of plans) {
        const known = this.units.get(plan.name);
        const unit = known ?? new ModelUnit(plan);
        this.units.set(plan.name, unit);
        if (known === undefined || unit.isRemoved) unit.desired = "up";
        if (known === undefined) unit.state = "waiting";
        else if (unit.isRemoved || restart.includes(plan.name)) {
          unit.isChanged ||= unit.isLive;
          if (unit.desired === "up") fresh.push(unit);
        }
        unit.isRemoved = false;
        unit.after = plan.after.filter(({ name }) => names.includes(name));
      }
      for (const unit of removed) Object.assign(unit, { isRemoved: true, desired: "down" });
      for (const unit of fresh) unit.inARow = 0;
      this.#tell(removed, "down");
      this.#tell(fresh.filter(({ isLive }) => isLive), "change");
      for (const unit of removed) this.#forget(unit);
      for (const unit of fresh) if (!unit.isLive) Object.assign(unit, { state: "waiting", isHeld: false, dueMs: Infinity });
    });
  }

  /** A child goes: it stops, and what comes after it goes on. */
  remove(name: string): void {
    const unit = this.units.get(name)!;
    this.#turn(() => {
      Object.assign(unit, { isRemoved: true, desired: "down" });
      this.#tell([unit], "down");
      this.#forget(unit);
    });
  }

  /** A run asks for its own stop. */
  quit(name: string): void {
    const unit = this.units.get(name)!;
    if (this.phase === "stopping") return;
    this.#turn(() => {
      unit.desired = "down";
      this.#tell([unit], "down");
    });
  }

  stopAll(): void {
    this.#turn(() => this.#stopAll());
  }

  force(): void {
    this.#turn(() => {
      this.#stopAll();
      for (const unit of this.#toStop) this.#told(unit);
    });
  }

  ready(name: string): void {
    const unit = this.units.get(name)!;
    if (unit.isLive && unit.state === "starting") {
      this.#turn(() => Object.assign(unit, { state: "running", wasReady: true, readyByMs: Infinity }));
    }
  }

  /** A run ends by itself. */
  end(name: string, isFailure: boolean, isFatal: boolean = false): void {
    this.#turn(() => this.#end(this.units.get(name)!, isFailure, isFatal));
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    const times = (unit: ModelUnit) => [unit.dueMs, unit.readyByMs, unit.stopByMs];
    for (;;) {
      const nextMs = Math.min(...[...this.units.values()].flatMap(times));
      if (nextMs > endMs) break;
      this.nowMs = nextMs;
      const unit = [...this.units.values()].find((each) => times(each).includes(nextMs))!;
      this.#turn(() => this.#timeIsUp(unit));
    }
    this.nowMs = endMs;
  }

  /** Everything that comes after a unit, at any distance. */
  dependents(name: string): ModelUnit[] {
    const direct = [...this.units.values()].filter(({ after }) => after.some((edge) => edge.name === name));
    return [...new Set(direct.flatMap((unit) => [unit, ...this.dependents(unit.plan.name)]))];
  }

  isSatisfied({ name, condition }: AfterEdge): boolean {
    const { state, wasReady, plan: { readiness } } = this.units.get(name)!;
    if (condition === "exited-ok") return state === "completed";
    if (state === "running") return true;
    if (condition === "started") return state === "completed" || (state === "starting" && readiness === "manual");
    return state === "completed" && (readiness !== "manual" || wasReady);
  }

  #turn(fn: () => void): void {
    fn();
    for (;;) {
      while (this.#startNext() || this.#stopNext() || this.#letGo());
      if (this.phase === "starting" && [...this.units.values()].every((unit) => this.#hasStarted(unit))) this.phase = "up";
      const next = this.#ending.shift();
      if (next === undefined) return;
      if (next.isLive) this.#end(next, false);
    }
  }

  /** Temporary children that are over are forgotten, once all others know how they ended. */
  #letGo(): boolean {
    if (this.phase === "stopping") return false;
    const isOver = ({ state, desired, isHeld }: ModelUnit) =>
      state === "stopped" ? desired === "down" && !isHeld : ["completed", "failed", "fatal", "skipped"].includes(state);
    for (const unit of this.units.values()) {
      if (!unit.plan.temporary || unit.isLive || !isOver(unit)) continue;
      for (const other of unit.state === "stopped" ? this.units.values() : []) {
        const isAfter = other.after.some(({ name }) => name === unit.plan.name);
        if (!isAfter || !other.plan.temporary || !(other.isHeld || (other.isLive && other.why === "with"))) continue;
        other.desired = "down";
        this.#tell([other], "down");
      }
      this.#forget(Object.assign(unit, { isRemoved: true }));
      return true;
    }
    return false;
  }

  #startNext(): boolean {
    if (this.phase === "stopping") return false;
    for (const unit of this.units.values()) {
      if (unit.desired === "down" || !(unit.state === "waiting" || unit.state === "skipped" || unit.isHeld)) continue;
      const missing = unit.after.filter((edge) => !this.isSatisfied(edge) || this.#toStop.has(this.units.get(edge.name)!));
      if (missing.length === 0) return this.#launch(unit);
      const isHopeless = missing.some((edge) => this.#isHopeless(edge));
      const isDown = (edge: AfterEdge) => !this.#isHopeless(edge) && this.units.get(edge.name)!.desired === "down";
      if (unit.isHeld && missing.some((edge) => isDown(edge) || this.units.get(edge.name)!.isHeld)) continue;
      const state = isHopeless ? "skipped" : "waiting";
      if (unit.state === state) continue;
      Object.assign(unit, { state, isHeld: false });
      return true;
    }
    return false;
  }

  #stopNext(): boolean {
    const isAhead = (unit: ModelUnit) => unit.isLive && !unit.isUnstopped && (this.#toStop.has(unit) || unit.state === "stopping");
    const unit = [...this.#toStop].find(({ plan }) => !this.dependents(plan.name).some(isAhead));
    if (unit !== undefined) this.#told(unit);
    return unit !== undefined;
  }

  #launch(unit: ModelUnit): true {
    const { readiness, readyMs } = unit.plan;
    const isReady = readiness === "auto";
    Object.assign(unit, {
      isLive: true,
      isChanged: false,
      isTold: false,
      why: undefined,
      isHeld: false,
      isUnstopped: false,
      startedMs: this.nowMs,
      dueMs: Infinity,
    });
    Object.assign(unit, {
      run: unit.run + 1,
      state: isReady ? "running" : "starting",
      wasReady: isReady,
      readyByMs: isReady ? Infinity : this.nowMs + readyMs,
    });
    return true;
  }

  #told(unit: ModelUnit): void {
    this.#toStop.delete(unit);
    Object.assign(unit, { isTold: true, state: "stopping", readyByMs: Infinity, stopByMs: this.nowMs + unit.plan.stopMs });
    if (!unit.isDeaf) this.#ending.push(unit);
  }

  #end(unit: ModelUnit, isFailure: boolean, isFatal: boolean = false): void {
    const wasReady = unit.state === "running";
    const isStop = this.#toStop.delete(unit) || unit.isTold;
    const isWanted = unit.desired === "up" && this.phase !== "stopping";
    Object.assign(unit, { isLive: false, isUnstopped: false, readyByMs: Infinity, stopByMs: Infinity });
    if (!isWanted) unit.state = "stopped";
    else if (isStop && unit.why === "with") Object.assign(unit, { state: "stopped", isHeld: true });
    else if (isStop && unit.why !== "late") unit.state = "waiting";
    else if (this.phase === "starting" && isFailure && !wasReady && !unit.plan.retryStart) {
      unit.state = "failed";
      this.#stopAll();
    } else if (isFatal) unit.state = "fatal";
    else this.#judge(unit, isFailure || unit.why === "late");
    this.#forget(unit);
  }

  #forget(unit: ModelUnit): void {
    if (!unit.isRemoved || unit.isLive) return;
    const { plan: { name }, after } = unit;
    this.units.delete(name);
    for (const other of this.units.values()) other.after = other.after.flatMap((edge) => edge.name === name ? after : edge);
  }

  #judge(unit: ModelUnit, isFailure: boolean): void {
    const { when, delayMs } = unit.plan;
    if (when === "never" || (when === "on-failure" && !isFailure)) unit.state = isFailure ? "failed" : "completed";
    else {
      unit.inARow = this.nowMs - unit.startedMs >= STABLE_MS ? 1 : unit.inARow + 1;
      unit.state = unit.inARow > MAX_RESTARTS ? "fatal" : "restarting";
      if (unit.state === "restarting") unit.dueMs = this.nowMs + delayMs * 2 ** (unit.inARow - 1);
    }
  }

  #timeIsUp(unit: ModelUnit): void {
    if (unit.dueMs <= this.nowMs) Object.assign(unit, { state: "waiting", dueMs: Infinity });
    else if (unit.readyByMs <= this.nowMs) {
      unit.readyByMs = Infinity;
      if (this.#toStop.has(unit)) return;
      if (this.phase === "starting" && !unit.plan.retryStart) return this.#stopAll();
      unit.why = "late";
      this.#told(unit);
    } else {
      unit.stopByMs = Infinity;
      unit.isUnstopped = true;
      if (unit.desired === "up" && this.phase !== "stopping") unit.state = "fatal";
    }
  }

  #isHopeless(edge: AfterEdge): boolean {
    return !this.isSatisfied(edge) && ["failed", "fatal", "skipped", "completed"].includes(this.units.get(edge.name)!.state);
  }

  #start(asked: readonly ModelUnit[]): void {
    const needed = new Set(asked.filter(({ isRemoved }) => !isRemoved));
    for (const unit of needed) {
      if (unit.isLive && unit.desired === "up" && unit.why !== "with") continue;
      for (const other of unit.after.map(({ name }) => this.units.get(name)!)) {
        if (other.isRemoved || other.state === "completed") continue;
        if (!other.isLive || other.desired === "down" || other.why === "with") needed.add(other);
      }
    }
    const stopped = [...needed].filter(({ desired }) => desired === "down");
    const back = new Set(stopped);
    for (const unit of back) {
      if (!stopped.includes(unit) && !unit.isHeld && unit.why !== "with") continue;
      for (const other of this.units.values()) if (other.after.some(({ name }) => name === unit.plan.name)) back.add(other);
    }
    for (const unit of [...needed].reverse()) this.#startOne(unit);
    for (const unit of back) if (unit.why === "with") this.#spare(unit);
  }

  #startOne(unit: ModelUnit): void {
    const wasWanted = unit.desired === "up";
    unit.desired = "up";
    if (unit.isLive) {
      if (!wasWanted || unit.why === "with") this.#spare(unit);
      return;
    }
    unit.inARow = 0;
    if (unit.state !== "waiting" && unit.state !== "skipped") Object.assign(unit, { state: "waiting", isHeld: false, dueMs: Infinity });
  }

  #spare(unit: ModelUnit): void {
    if (!this.#toStop.has(unit)) return;
    if (unit.isChanged) unit.why = "change";
    else {
      this.#toStop.delete(unit);
      unit.why = undefined;
      if (unit.state === "starting" && unit.readyByMs === Infinity) unit.readyByMs = this.nowMs + unit.plan.readyMs;
    }
  }

  #stopAll(): void {
    if (this.phase === "stopping") return;
    this.phase = "stopping";
    const units = [...this.units.values()];
    for (const unit of units) unit.desired = "down";
    this.#tell(units.filter(({ state }) => state !== "skipped"), "down");
  }

  #tell(units: readonly ModelUnit[], why: ModelUnit["why"]): void {
    for (const unit of units) {
      if (unit.isLive) {
        unit.why = why;
        if (!unit.isTold) this.#toStop.add(unit);
      } else if (unit.isHeld || ["waiting", "restarting", "skipped"].includes(unit.state)) {
        Object.assign(unit, { state: "stopped", isHeld: false, dueMs: Infinity });
      }
    }
  }

  #hasStarted(unit: ModelUnit): boolean {
    if (unit.isUnstopped) return true;
    if (unit.state === "starting" || unit.state === "stopping") return false;
    return unit.state !== "waiting" ||
      unit.after.some((edge) => !this.isSatisfied(edge) && this.#hasStarted(this.units.get(edge.name)!));
  }
}
