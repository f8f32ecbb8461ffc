import assert from "node:assert/strict";
import { supervisorSubsystem } from "../../../src/core/supervise/nested_supervisor.ts";
import type { UnitStatus } from "../../../src/core/supervise/operations.ts";
import { isMissing } from "../../../src/core/supervise/readiness.ts";
import { type Registration, registration } from "../../../src/core/supervise/registration.ts";
import { RestartPolicy, type RestartWhen } from "../../../src/core/supervise/restart.ts";
import { innerOf, type Strategy, type Supervisor } from "../../../src/core/supervise/supervisor.ts";
import { test } from "../../harness.ts";
import fc, { HISTORIES } from "../../property.ts";
import { type Child, Rig, settle, Unanswered } from "./supervisor_driver.ts";

/** A child of a random tree: a function, or a group of others. */
type Shape =
  & { when: RestartWhen; readiness: "auto" | "manual" }
  & (
    | { kind: "leaf" }
    | { kind: "group"; strategy: Strategy; maxRestarts: number; children: Shape[] }
  );

type Command =
  | { kind: "start" | "stop" | "restart"; unit: number }
  | { kind: "fail" | "finish" | "deaf" | "hearing"; leaf: number }
  | { kind: "advance"; ms: number }
  | { kind: "add"; group: number; when: RestartWhen };

const MAX_RESTARTS = 3;
const MOST_UNITS = 30;
const when = fc.constantFrom<RestartWhen>("on-failure", "on-failure", "always", "never");
const readiness = fc.constantFrom<"auto" | "manual">("auto", "auto", "manual");
const leaf: fc.Arbitrary<Shape> = fc.record({ kind: fc.constant("leaf"), when, readiness });
const groupOf = (child: fc.Arbitrary<Shape>): fc.Arbitrary<Shape> =>
  fc.record({
    kind: fc.constant("group"),
    when,
    readiness,
    strategy: fc.constantFrom<Strategy>("oneForOne", "oneForAll", "restForOne"),
    maxRestarts: fc.constantFrom(Infinity, 0, 2),
    children: fc.array(child, { minLength: 1, maxLength: 3 }),
  }) as fc.Arbitrary<Shape>;
const shallow = fc.oneof(leaf, groupOf(leaf));
const tree = fc.record({
  strategy: fc.constantFrom<Strategy>("oneForOne", "oneForOne", "oneForAll", "restForOne"),
  children: fc.array(fc.oneof(leaf, groupOf(leaf), groupOf(shallow)), { minLength: 1, maxLength: 3 }),
});
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom("start", "stop", "restart"), unit: fc.nat(MOST_UNITS) }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constantFrom("fail", "fail", "finish", "deaf", "hearing"), leaf: fc.nat(MOST_UNITS) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("advance"), ms: fc.constantFrom(1, 150, 700, 1_100, 2_500, 70_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("add"), group: fc.nat(MOST_UNITS), when }) },
) as fc.Arbitrary<Command>;

/** A tree of groups, and what must hold of it at every moment. */
class TreeRig extends Rig {
  readonly root: Supervisor;
  readonly leaves: Child[] = [];
  readonly violations: string[] = [];
  readonly #live = new Set<string>();
  /** By the name of the leaf. */
  readonly #stopMs = new Map<string, number>();

  constructor({ strategy, children }: { strategy: Strategy; children: readonly Shape[] }) {
    super();
    const notes = this.notes;
    notes.push = (...added) => {
      added.forEach((note) => this.#look(note));
      return Array.prototype.push.apply(notes, added);
    };
    this.root = this.supervisor(children.map((child) => this.#make(child)), { strategy });
  }

  get live(): string[] {
    return [...this.#live];
  }

  status(): UnitStatus[] {
    return this.root.status();
  }

  /** One more leaf, which becomes ready by itself. */
  leaf(when: RestartWhen, readiness: "auto" | "manual" = "auto"): Registration {
    const index = this.leaves.length;
    const stopMs = 1_000 + 0.7 * index;
    const leaf = this.child(`n${index}`, {
      restart: new RestartPolicy(when, { delay: 100 + 0.1 * index, jitter: 0, maxRestarts: MAX_RESTARTS }),
      readiness,
      ready: { timeout: 2_000 },
      stop: { timeout: stopMs },
      retryStart: true,
    });
    if (readiness === "manual") leaf.onEnter = (context) => context.sleep(10 + 0.3 * index).then(() => context.ready(), () => {});
    this.#stopMs.set(leaf.name, stopMs);
    this.leaves.push(leaf);
    return leaf.registration;
  }

  #make(shape: Shape): Registration {
    if (shape.kind === "leaf") return this.leaf(shape.when, shape.readiness);
    const { strategy, maxRestarts, when, children } = shape;
    const inner = children.map((child) => this.#make(child));
    const name = `g${this.leaves.length}-${children.length}-${inner.map(({ subsystem }) => subsystem.name).join("-")}`.slice(0, 60);
    const restart = new RestartPolicy(when, { delay: 100, jitter: 0, maxRestarts: MAX_RESTARTS });
    const group = supervisorSubsystem(name, inner, { strategy, maxRestarts, within: "30s" }, () => this);
    return registration(group, "supervisor", { restart, retryStart: true });
  }

  #look(note: string): void {
    const [verb, name] = note.split(/[ #]/);
    if (verb === "leave") this.#live.delete(name);
    if (verb !== "enter") return;
    if (this.#live.has(name)) this.violations.push(`${name} runs twice at once`);
    this.#live.add(name);
  }
}

/** As {@linkcode settle}, for what goes through all levels of a tree, one unit after another. */
async function calm(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await settle();
}

/** Whether something keeps a unit from being where it should be: the one above it does not run. */
function isBelow(path: string, above: readonly UnitStatus[]): boolean {
  return above.some(({ name, state }) => path.startsWith(`${name}/`) && state !== "running");
}

async function drive(given: { strategy: Strategy; children: Shape[] }, commands: readonly Command[]): Promise<void> {
  const rig = new TreeRig(given);
  const { root, clock } = rig;
  const unanswered = new Unanswered();
  const check = (after: string) => assert.deepEqual(rig.violations, [], after);
  const at = <T>(list: readonly T[], index: number): T => list[index % list.length];

  unanswered.add(root.start());
  await calm();
  check("the start");
  for (const [index, each] of commands.entries()) {
    switch (each.kind) {
      case "start":
      case "stop":
      case "restart": {
        const { name: path } = at(rig.status(), each.unit);
        const unit = root.find(path)!;
        unanswered.add(unit.supervisor[`${each.kind}Units`]([unit.name]));
        break;
      }
      case "fail":
      case "finish": {
        const leaf = at(rig.leaves, each.leaf);
        if (rig.live.includes(leaf.name)) await leaf[each.kind]();
        break;
      }
      case "deaf":
      case "hearing":
        at(rig.leaves, each.leaf).isDeaf = each.kind === "deaf";
        break;
      case "advance":
        await clock.advance(each.ms);
        break;
      case "add": {
        const groups = rig.status().filter(({ kind }) => kind === "supervisor");
        if (groups.length === 0) break;
        const group = root.find(at(groups, each.group).name);
        const inner = group && innerOf(group);
        if (inner !== undefined && !inner.isStopping) inner.add(rig.leaf(each.when));
      }
    }
    await calm();
    check(`command ${index} ${JSON.stringify(each)}`);
  }

  for (let minutes = 0; minutes < 60; minutes++) {
    await clock.advance(60_000);
    await calm();
  }
  check("a quiet hour");
  assert.equal(unanswered.count, 0, "commands without an answer after a quiet hour");
  const status = rig.status();
  const unstopped = new Set(root.unstopped().map(({ path }) => path));
  const isHeldUp = (path: string) => [...unstopped].some((each) => each === path || each.startsWith(`${path}/`));
  const groups = status.filter(({ kind }) => kind === "supervisor");
  const misplaced = status.filter(({ name, state, desired }) => {
    if (isBelow(name, groups) || isHeldUp(name) || unstopped.size > 0) return false;
    if (desired === "down") return !["stopped", "completed", "failed", "fatal"].includes(state);
    return !["running", "completed", "failed", "fatal"].includes(state);
  });
  assert.deepEqual(misplaced, []);
  assert.equal(rig.missing, status.filter(isMissing).length);

  unanswered.add(root.stop("end"));
  for (let minutes = 0; minutes < 2; minutes++) {
    await calm();
    await clock.advance(60_000);
  }
  await calm();
  check("the stop");
  // Deaf units are named, and nobody else lives.
  const named = new Set(root.unstopped().map(({ path }) => path.split("/").at(-1)!));
  for (const name of rig.live) assert.ok(named.has(name), `${name} lives and is not named`);
  for (const name of rig.live) await rig.leaves.find((leaf) => leaf.name === name)!.finish();
  await calm();
  await clock.advance(120_000);
  assert.deepEqual(rig.live, []);
  assert.equal(clock.pendingTimers, 0);
  assert.equal(unanswered.count, 0);
}

test("A tree of supervisors runs nothing twice, leaves nothing waiting for ever, and puts each unit where it is wanted", async () => {
  await fc.assert(fc.asyncProperty(tree, fc.array(command, { maxLength: 30, size: "max" }), drive), {
    numRuns: Math.ceil(HISTORIES / 3),
  });
});
