import assert from "node:assert/strict";
import fc, { HISTORIES } from "../../property.ts";
import type { AfterCondition, AfterEdge } from "../../../src/core/supervise/after.ts";
import type { EventBody } from "../../../src/core/supervise/event.ts";
import { isMissing } from "../../../src/core/supervise/readiness.ts";
import { RestartPolicy, type RestartWhen } from "../../../src/core/supervise/restart.ts";
import type { State } from "../../../src/core/supervise/state.ts";
import { addition } from "../../../src/core/supervise/registration.ts";
import type { SubsystemHandle } from "../../../src/core/supervise/children.ts";
import { UnitHandle } from "../../../src/core/supervise/unit.ts";
import type { Strategy, Supervisor } from "../../../src/core/supervise/supervisor.ts";
import type { SubsystemSpec } from "../../../src/core/supervise/spec.ts";
import { test } from "../../harness.ts";
import { type Child, Rig, settle, Unanswered } from "./supervisor_driver.ts";
import { MAX_RESTARTS, type Plan, SupervisorModel } from "./supervisor_model.ts";

type Command =
  | { kind: "start" | "stop" | "restart"; units: number[] }
  | { kind: "fail" | "fatal" | "finish" | "ready" | "deaf" | "hearing" | "quit" | "handleStop" | "remove"; unit: number }
  | { kind: "advance"; ms: number }
  | { kind: "change"; gone: number[]; restart: number[] }
  | { kind: "add"; after: number; when: RestartWhen; temporary: boolean }
  | { kind: "stopAll" | "force" };

const SIZE = 6;
const unit = fc.nat(SIZE - 1);
const units = fc.array(unit, { minLength: 1, maxLength: 2 });

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("start", "stop", "restart"), units }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constantFrom("fail", "finish", "ready", "deaf", "hearing"), unit }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("advance"), ms: fc.constantFrom(1, 150, 700, 1_100, 2_500, 70_000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("change"), gone: fc.array(unit, { maxLength: 3 }), restart: units }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("fatal", "quit", "handleStop", "remove"), unit: fc.nat(SIZE + 3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("add"),
      after: fc.nat(SIZE + 1),
      when: fc.constantFrom<RestartWhen>("on-failure", "never", "always"),
      temporary: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("stopAll", "force") }) },
) as fc.Arbitrary<Command>;

const edge = fc.record({
  to: unit,
  condition: fc.constantFrom<AfterCondition>("ready", "ready", "started", "exited-ok"),
});
const shape = fc.record({
  edges: fc.array(edge, { maxLength: 2 }),
  when: fc.constantFrom<RestartWhen>("on-failure", "on-failure", "always", "never"),
  readiness: fc.constantFrom("auto", "auto", "manual", "none"),
  retryStart: fc.constantFrom(true, true, false),
  isDownAtFirst: fc.constantFrom(false, false, false, true),
  stopLast: fc.constantFrom(false, false, false, true),
});
const graph = fc.record({ shapes: fc.array(shape, { minLength: 2, maxLength: SIZE }), isReversed: fc.boolean() });
type Graph = typeof graph extends fc.Arbitrary<infer G> ? G : never;

/** Edges only lead to units with a smaller index, so that there are no circles; times differ, so that no two timers are due at once. */
function plansOf({ shapes }: Graph): Plan[] {
  return shapes.map(({ edges, when, readiness, retryStart }, index) => ({
    name: `u${index}`,
    after: index === 0 ? [] : edges.map(({ to, condition }) => ({ name: `u${to % index}`, condition })),
    when,
    readiness: readiness as Plan["readiness"],
    retryStart,
    delayMs: 100 + 0.1 * index,
    readyMs: 2_000 + 0.3 * index,
    stopMs: 1_000 + 0.7 * index,
  }));
}

/** A rig that checks what must hold at every moment. */
class CheckedRig extends Rig {
  supervisorUnderTest!: Supervisor;
  isForced = false;
  isStopping = false;
  /** It has begun to stop, be it because its start has failed. */
  get isOver(): boolean {
    return this.supervisorUnderTest.isStopping;
  }
  /** A stop is ordered by the edges of the moment at which it was asked for, which only the model knows once they change. */
  hasChanged = false;
  readonly children: Map<string, Child>;
  readonly #plans: Plan[];
  readonly #specs: Map<string, SubsystemSpec>;
  readonly #edges: Map<string, readonly AfterEdge[]>;
  #gone: ReadonlySet<string> = new Set();
  /** Runs that have asked for their own stop, which those that come after them outlive. */
  readonly quitters: Set<string> = new Set();
  /** Children that were removed by their handles, or forgotten at their end. */
  readonly dropped: Set<string> = new Set();
  readonly #live = new Map<string, number>();
  /** Whose last run has been ready. */
  readonly #wasReady = new Set<string>();
  readonly violations: string[] = [];

  constructor(plans: readonly Plan[], { shapes, isReversed }: Graph, strategy: Strategy) {
    super();
    this.#plans = [...plans];
    this.#specs = new Map(plans.map((plan, index) => [
      plan.name,
      {
        after: plan.after.map(({ name, condition }) => `${name}:${condition}`),
        restart: new RestartPolicy(plan.when, { delay: plan.delayMs, jitter: 0, maxRestarts: MAX_RESTARTS }),
        readiness: plan.readiness,
        ready: { timeout: plan.readyMs },
        stop: { timeout: plan.stopMs },
        retryStart: plan.retryStart,
        stopLast: strategy !== "oneForOne" && shapes[index].stopLast,
      },
    ]));
    this.#edges = new Map(this.#plans.map(({ name, after }) => [name, after]));
    this.children = new Map([...this.#specs].map(([name, spec]) => [name, this.child(name, spec)]));
    const registrations = [...this.children.values()].map((child) => child.registration);
    this.supervisorUnderTest = this.supervisor(isReversed && strategy === "oneForOne" ? registrations.reverse() : registrations, {
      strategy,
    });
    this.supervisorUnderTest.onChild(({ subsystem: { name } }, isAdded) => {
      if (isAdded) return;
      this.dropped.add(name);
      // Its dependents come after its own dependencies from now on.
      this.hasChanged = true;
    });
    this.notes.push = (...notes) => {
      notes.forEach((note) => this.#look(note));
      return Array.prototype.push.apply(this.notes, notes);
    };
  }

  /** One more child beside the running ones. */
  add(plan: Plan): SubsystemHandle {
    const spec = {
      after: plan.after.map(({ name }) => name),
      restart: new RestartPolicy(plan.when, { delay: plan.delayMs, jitter: 0, maxRestarts: MAX_RESTARTS }),
      stop: { timeout: plan.stopMs },
      retryStart: plan.retryStart,
    };
    const child = this.child(plan.name, spec);
    this.children.set(plan.name, child);
    this.#plans.push(plan);
    this.#specs.set(plan.name, spec);
    this.#edges.set(plan.name, plan.after);
    return this.supervisorUnderTest.add(addition(child, { ...spec, temporary: plan.temporary }));
  }

  /** Units that are not where their wish and their policy want them, once everything has settled. */
  misplaced(): string[] {
    const status = this.status();
    const unstopped = new Set(this.supervisorUnderTest.unstopped().map(({ path }) => path));
    const isOff = (plan: Plan): boolean => {
      const unit = status.get(plan.name);
      if (unit === undefined) return false;
      const { state, desired } = unit;
      const isStuck = unstopped.has(plan.name);
      if (desired === "down") {
        return !["stopped", "completed", "failed", "fatal", "skipped"].includes(state) && !(isStuck && state === "stopping");
      }
      const missing = this.#after(plan).filter((edge) => !this.#isSatisfied(edge));
      switch (state) {
        case "running":
        case "fatal":
          return false;
        case "completed":
          return plan.when === "always";
        case "failed":
          return plan.when !== "never" && plan.retryStart;
        case "skipped":
          return !missing.some(({ name }) => ["failed", "fatal", "completed", "skipped"].includes(status.get(name)!.state));
        case "waiting":
          return missing.length === 0;
        case "stopped":
          return !missing.some(({ name }) => status.get(name)!.desired === "down" || status.get(name)!.state === "stopped");
        default:
          return !isStuck;
      }
    };
    return this.#plans.filter(isOff).map(({ name }) => `${name} ${JSON.stringify(status.get(name))}`);
  }

  /** Makes the children those that are not gone. */
  change(gone: ReadonlySet<string>, restart: ReadonlySet<string>): Promise<unknown> {
    if (!this.isStopping) {
      this.#gone = gone;
      // A temporary one does not come back.
      for (const { name, temporary } of this.#plans) if (temporary && gone.has(name)) this.dropped.add(name);
    }
    const present = this.#plans.filter(({ name }) => !gone.has(name) && !this.dropped.has(name));
    const isPresent = (edge: AfterEdge) => present.some(({ name }) => name === edge.name);
    const children = present.map(({ name, after, temporary }) => {
      const edges = after.filter(isPresent);
      if (!this.isStopping) this.#edges.set(name, edges);
      const spec = { ...this.#specs.get(name)!, after: edges.map((edge) => `${edge.name}:${edge.condition}`) };
      return addition(this.children.get(name)!, { ...spec, temporary });
    });
    this.hasChanged = true;
    return this.supervisorUnderTest.change({ children, restart, down: new Set() });
  }

  #after({ name }: Pick<Plan, "name">): readonly AfterEdge[] {
    const status = this.status();
    return this.#edges.get(name)!.flatMap((edge) => status.has(edge.name) ? edge : this.#after(edge));
  }

  status(): Map<string, { state: State; desired: string; run: number; ready: boolean | null }> {
    return new Map(
      this.supervisorUnderTest.status().map(({ name, state, desired, run, ready }) => [name, { state, desired, run, ready }]),
    );
  }

  /** Whether it is no child any more, and stays only until its run has ended. */
  isGone(name: string): boolean {
    return this.#gone.has(name) || this.dropped.has(name);
  }

  get live(): string[] {
    return [...this.#live.keys()].sort();
  }

  override emit(event: EventBody): void {
    super.emit(event);
    if (event.type !== "unit.state") return;
    const plan = this.#plans.find(({ name }) => name === event.name)!;
    if (event.to === "running") this.#wasReady.add(plan.name);
    if (event.to === "starting") {
      this.#wasReady.delete(plan.name);
      for (const edge of this.#after(plan)) {
        if (!this.#isSatisfied(edge)) this.violations.push(`${plan.name} starts before ${edge.name} is ${edge.condition}`);
      }
    }
    if (this.hasChanged) return;
    const status = this.status();
    if (
      event.to === "stopping" && this.#live.has(plan.name) && status.get(plan.name)!.desired === "down" && !this.isForced &&
      !this.quitters.has(plan.name)
    ) {
      for (const name of this.#dependents(plan.name)) {
        if (this.#live.has(name) && !this.#isGivenUp(name)) this.violations.push(`${plan.name} is told to stop before ${name} is down`);
      }
    }
  }

  #look(note: string): void {
    const [verb, name, run] = note.split(/[ #]/);
    if (verb === "leave") this.#live.delete(name);
    if (verb !== "enter") return;
    if (this.#live.has(name)) this.violations.push(`${name} runs twice at once`);
    this.#live.set(name, Number(run));
    this.quitters.delete(name);
  }

  #dependents(name: string): string[] {
    // A unit after a completed one does not need the units before that.
    return this.#plans.filter((plan) => this.#after(plan).some((edge) => edge.name === name)).flatMap((plan) => [
      plan.name,
      ...(this.status().get(plan.name)!.state === "completed" ? [] : this.#dependents(plan.name)),
    ]);
  }

  #isGivenUp(name: string): boolean {
    const { stopMs } = this.#plans.find((plan) => plan.name === name)!;
    return this.supervisorUnderTest.unstopped().some(({ path, waitedMs }) => path === name && waitedMs >= Math.floor(stopMs));
  }

  #isSatisfied({ name, condition }: { name: string; condition: AfterCondition }): boolean {
    const { state } = this.status().get(name)!;
    const { readiness } = this.#plans.find((plan) => plan.name === name)!;
    if (condition === "exited-ok") return state === "completed";
    if (state === "running") return true;
    if (condition === "started") return state === "completed" || (state === "starting" && readiness === "manual");
    return state === "completed" && (readiness !== "manual" || this.#wasReady.has(name));
  }
}

async function drive(given: Graph, commands: readonly Command[], strategy: Strategy): Promise<void> {
  const plans = plansOf(given);
  const rig = new CheckedRig(plans, given, strategy);
  const { supervisorUnderTest: supervisor } = rig;
  const down = new Set(plans.filter((_, index) => given.shapes[index].isDownAtFirst).map(({ name }) => name));
  const model = strategy === "oneForOne" ? new SupervisorModel(plans, down) : undefined;
  const nameOf = (index: number) => plans[index % plans.length].name;
  let added = 0;
  const unanswered = new Unanswered();
  /** Ends that those who added a child wait for. */
  let unended = 0;
  const check = (after: string) => {
    assert.deepEqual(rig.violations, [], after);
    if (model !== undefined) assert.deepEqual([...rig.status().keys()].sort(), [...model.units.keys()].sort(), after);
    for (const [name, { state, desired, run, ready }] of rig.status()) {
      const isReady = plans.find((plan) => plan.name === name)!.readiness === "none" ? null : state === "running";
      assert.equal(ready, isReady, `${name} is ${state} after ${after}`);
      if (model === undefined) continue;
      const expected = model.units.get(name)!;
      assert.deepEqual(
        { state, desired, run },
        { state: expected.state, desired: expected.desired, run: expected.run },
        `${name} after ${after}`,
      );
    }
  };

  unanswered.add(supervisor.start(down));
  await settle();
  check("the start");
  for (const [index, each] of commands.entries()) {
    switch (each.kind) {
      case "start":
      case "stop":
      case "restart": {
        const names = [...new Set(each.units.map(nameOf))].filter((name) => rig.status().has(name));
        unanswered.add(supervisor[`${each.kind}Units`](names));
        model?.[each.kind](names);
        break;
      }
      case "fail":
      case "fatal":
      case "finish": {
        const name = nameOf(each.unit);
        if (!rig.live.includes(name)) break;
        const child = rig.children.get(name)!;
        if (each.kind === "fatal") await child.fail(child.context!.fatal("no use"));
        else await child[each.kind]();
        model?.end(name, each.kind !== "finish", each.kind === "fatal");
        break;
      }
      case "quit": {
        const name = nameOf(each.unit);
        if (!rig.live.includes(name)) break;
        rig.quitters.add(name);
        rig.children.get(name)!.context!.stop();
        model?.quit(name);
        break;
      }
      case "handleStop":
      case "remove": {
        const name = nameOf(each.unit);
        const unit = supervisor.find(name);
        if (unit === undefined) break;
        const handle = new UnitHandle(unit);
        unanswered.add(each.kind === "remove" ? handle.remove() : handle.stop());
        if (each.kind === "remove") model?.remove(name);
        else model?.stop([name]);
        break;
      }
      case "ready": {
        const name = nameOf(each.unit);
        rig.children.get(name)!.context?.ready();
        if (model?.units.has(name)) model.ready(name);
        break;
      }
      case "deaf":
      case "hearing": {
        const name = nameOf(each.unit);
        rig.children.get(name)!.isDeaf = each.kind === "deaf";
        if (model?.units.has(name)) model.units.get(name)!.isDeaf = each.kind === "deaf";
        break;
      }
      case "change": {
        // Children under a strategy for siblings can't be changed.
        if (model === undefined) break;
        const gone = new Set(each.gone.map(nameOf));
        const restart = new Set(each.restart.map(nameOf));
        unanswered.add(rig.change(gone, restart));
        model.change(plans.filter(({ name }) => !gone.has(name) && !rig.dropped.has(name)), [...restart]);
        for (const [name, unit] of model.units) unit.isDeaf = rig.children.get(name)!.isDeaf;
        break;
      }
      case "add": {
        const to = nameOf(each.after);
        if (rig.isStopping || rig.isOver || !rig.status().has(to) || rig.isGone(to)) break;
        const index = SIZE + added++;
        const plan: Plan = {
          name: `d${index}`,
          after: [{ name: to, condition: "ready" }],
          when: each.when,
          temporary: each.temporary || plans.find(({ name }) => name === to)!.temporary === true,
          readiness: "auto",
          retryStart: true,
          delayMs: 100 + 0.1 * index,
          readyMs: 2_000 + 0.3 * index,
          stopMs: 1_000 + 0.7 * index,
        };
        plans.push(plan);
        const { ended } = rig.add(plan);
        unended++;
        ended.then(() => unended--);
        model?.add(plan);
        break;
      }
      case "advance":
        await rig.clock.advance(each.ms);
        model?.advance(each.ms);
        break;
      case "stopAll":
        rig.isStopping = true;
        unanswered.add(supervisor.stop("end"));
        model?.stopAll();
        break;
      case "force":
        rig.isForced = rig.isStopping = true;
        supervisor.force();
        model?.force();
    }
    await settle();
    check(`command ${index} ${JSON.stringify(each)}`);
  }

  // Nothing waits for what is there already.
  await rig.clock.advance(3_600_000);
  model?.advance(3_600_000);
  check("a quiet hour");
  assert.deepEqual(rig.misplaced(), []);
  assert.equal(rig.missing, supervisor.status().filter(isMissing).length);
  assert.equal(unanswered.count, 0, "commands without an answer after a quiet hour");
  for (const [name, { state }] of rig.status()) assert.ok(state !== "starting" && state !== "restarting", `${name} is ${state} for ever`);

  // After the end nothing lives but what was named, and once that has ended too nothing is left at all.
  unanswered.add(supervisor.stop("end"));
  model?.stopAll();
  await rig.clock.advance(60_000);
  model?.advance(60_000);
  check("the stop");
  assert.deepEqual(supervisor.unstopped().map(({ path }) => path).sort(), rig.live);
  for (const name of rig.live) {
    await rig.children.get(name)!.finish();
    model?.end(name, false);
  }
  await settle();
  check("the last end");
  assert.deepEqual(rig.live, []);
  assert.equal(rig.clock.pendingTimers, 0);
  assert.equal(unanswered.count, 0);
  assert.equal(unended, 0, "ends that nobody was told of");
}

const commands = fc.array(command, { maxLength: 40, size: "max" });

test("Supervisor does what the model says, whatever its graph and whatever happens to it", async () => {
  await fc.assert(fc.asyncProperty(graph, commands, (given, list) => drive(given, list, "oneForOne")), { numRuns: HISTORIES });
});

test("Supervisor with a strategy for siblings keeps order, runs nothing twice and leaves nothing waiting for ever", async () => {
  const strategy = fc.constantFrom<Strategy>("oneForAll", "restForOne");
  await fc.assert(fc.asyncProperty(graph, commands, strategy, drive), { numRuns: HISTORIES });
});
