import assert from "node:assert/strict";
import type { Context, Subsystem } from "../../../src/core/supervise/subsystem.ts";
import { Daemon } from "../../../src/daemon/daemon.ts";
import type { Clock } from "../../../src/core/ports/clock.ts";
import { RestartPolicy } from "../../../src/core/supervise/restart.ts";
import { registration } from "../../../src/core/supervise/registration.ts";
import { supervisorSubsystem } from "../../../src/core/supervise/nested_supervisor.ts";
import type { Supervisor } from "../../../src/core/supervise/supervisor.ts";
import { Turns } from "../../../src/core/supervise/turns.ts";
import { test } from "../../harness.ts";
import { Rig, settle } from "./supervisor_driver.ts";

/** A task whose snapshots are counted. */
class Counted implements Subsystem {
  static looks = 0;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  run(context: Context): Promise<void> {
    return context.cancelled();
  }

  details(): Record<string, unknown> {
    Counted.looks++;
    return {};
  }
}

test("DaemonOperations look only at the units that a command is about", async () => {
  const builder = Daemon.builder().withoutSignals();
  for (let index = 0; index < 300; index++) builder.withSubsystem(new Counted(`u${index}`));
  builder.withSubsystem(new Counted("last"), { after: ["u7"] });
  const daemon = builder.build();
  await daemon.start();
  const { operations } = daemon;
  const commands: Record<string, () => unknown> = {
    resolve: () => assert.deepEqual(operations.resolve(["U7", "u3", "u7"]), ["u3", "u7"]),
    stop: () => operations.stop(["u7"]),
    start: () => operations.start(["last"]),
    restart: () => operations.restart(["u7"]),
    signal: () => operations.signal(["u7"], "SIGHUP"),
    wait: () => operations.wait(["u7"], "ready"),
  };
  for (const [name, command] of Object.entries(commands)) {
    Counted.looks = 0;
    await command();
    assert.ok(Counted.looks <= 4, `${name} took ${Counted.looks} snapshots`);
  }
  daemon.shutdown();
  await daemon.wait();
});

test("Supervisor: an edge to a service means its instances as they are when it is drawn, those that came and went included", async () => {
  const rig = new Rig();
  const [one, two, web] = [rig.child("api@1"), rig.child("api@2"), rig.child("web", { after: ["api"] })];
  const supervisor = rig.supervisor([one.registration, web.registration]);
  await supervisor.start();
  supervisor.add(two.registration);
  const paths = () => supervisor.findAll("API").map(({ unit }) => unit.path);
  assert.deepEqual(paths(), ["api@1", "api@2"]);
  supervisor.add(rig.child("late", { after: ["api"] }).registration);
  await supervisor.change({ children: [two, web].map((child) => child.registration), restart: new Set(), down: new Set() });
  assert.deepEqual(paths(), ["api@2"]);
  assert.deepEqual(supervisor.paths(), ["api@2", "web"]);
  assert.throws(() => supervisor.add(rig.child("x", { after: ["api@1"] }).registration), RangeError);
  await supervisor.stop("end");
});

/** A clock on which each look takes a millisecond, and turns of the event loop begin by hand. */
class Turning implements Clock {
  #nowMs = 0;
  #due: (() => void)[] = [];

  nowMs(): number {
    return this.#nowMs++;
  }
  wallMs(): number {
    return this.#nowMs;
  }
  schedule(_delayMs: number, fn: () => void): Disposable {
    this.#due.push(fn);
    return { [Symbol.dispose]: () => void (this.#due = this.#due.filter((each) => each !== fn)) };
  }

  get hasTurns(): boolean {
    return this.#due.length > 0;
  }

  turn(): void {
    const due = this.#due;
    this.#due = [];
    for (const fn of due) fn();
  }
}

/** Many units under a clock by which a turn is over after a few hundred steps. */
class Crowd extends Rig {
  readonly turning = new Turning();
  override readonly turns: Turns = new Turns(this.turning);
  /** Events of the present turn. */
  happened = 0;
  mostInATurn = 0;
  turnsTaken = 0;

  override emit(): void {
    this.happened++;
  }

  /** Lets turns go by until a promise is settled. */
  async until(promise: Promise<unknown>): Promise<void> {
    let isOver = false;
    const over = promise.then(() => isOver = true);
    for (this.turnsTaken = this.mostInATurn = 0;; this.turnsTaken++) {
      this.happened = 0;
      this.turning.turn();
      // A row of microtasks is part of the turn, however long it is.
      for (let before = -1; before !== this.happened && !isOver;) {
        before = this.happened;
        await settle();
      }
      this.mostInATurn = Math.max(this.mostInATurn, this.happened);
      if (isOver) return await over.then(() => {});
      assert.ok(this.turning.hasTurns, "nothing is left that could go on");
    }
  }

  /** A turn is over after some 600 steps, of each of which somebody tells two or three times. */
  check(what: string): void {
    assert.ok(this.mostInATurn <= 1_500, `${what}: ${this.mostInATurn} events in a turn`);
    assert.ok(this.turnsTaken >= 4, `${what}: ${this.turnsTaken} turns`);
  }
}

const SIZE = 3_000;

for (const where of ["root", "group", "twenty groups"] as const) {
  test(`Supervisor lets others have their turn while ${SIZE} units start, crash, restart and stop (${where})`, async () => {
    const crowd = new Crowd();
    const crash = Promise.withResolvers<void>();
    const registrations = Array.from({ length: SIZE }, (_, index) => {
      const run = async (context: Context) => {
        if (context.run > 1) return await context.cancelled();
        await context.race(crash.promise);
        throw new Error("boom");
      };
      return registration({ name: `u${index}`, run }, "task", { restart: RestartPolicy.onFailure({ delay: 0 }) });
    });
    const groups = where === "root" ? 0 : where === "group" ? 1 : 20;
    const children = groups === 0 ? registrations : Array.from({ length: groups }, (_, index) => {
      const own = registrations.slice(index * SIZE / groups, (index + 1) * SIZE / groups);
      const strategy = where === "group" ? "oneForAll" : "oneForOne";
      return registration(supervisorSubsystem(`g${index}`, own, { strategy }, () => crowd), "supervisor");
    });
    const supervisor: Supervisor = crowd.supervisor(children);
    await crowd.until(supervisor.start());
    crowd.check("start");
    assert.equal(crowd.missing, 0);
    crash.resolve();
    await crowd.until((async () => {
      while (supervisor.status().some(({ kind, run, state }) => kind === "task" && (run < 2 || state !== "running"))) await settle();
    })());
    crowd.check("crash");
    await crowd.until(supervisor.stop("end"));
    crowd.check("stop");
    assert.deepEqual(supervisor.unstopped(), []);
  });
}

test("Supervisor begins its stop with one look at each intake, and finds who has failed, stops last or has not stopped without a look", async () => {
  const crowd = new Crowd();
  let looks = 0;
  let looksForIntake = 0;
  const ended: string[] = [];
  const counted = Array.from({ length: SIZE }, (_, index) => {
    const { spec, ...given } = registration({ name: `u${index}`, run: (context: Context) => context.cancelled() }, "task");
    const subsystem = Object.defineProperty(given.subsystem, "stopIntake", { get: () => void looksForIntake++ });
    return {
      ...given,
      subsystem,
      get spec() {
        looks++;
        return spec;
      },
    };
  });
  const intake = { name: "intake", run: (context: Context) => context.cancelled(), stopIntake: () => void ended.push("intake") };
  const failing = { name: "failing", run: () => Promise.reject(new Error("boom")) };
  const spec = { restart: RestartPolicy.Never, retryStart: true };
  const supervisor = crowd.supervisor([
    registration(intake, "task", { stopLast: true }),
    registration(failing, "task", spec),
    registration(supervisorSubsystem("group", [registration({ ...intake, name: "inner" }, "task")], {}, () => crowd), "supervisor"),
    registration(supervisorSubsystem("ends", [registration(failing, "task", spec)], {}, () => crowd), "supervisor", spec),
    ...counted,
  ]);
  await crowd.until(supervisor.start());
  looks = looksForIntake = 0;
  supervisor.stopIntake();
  assert.equal(looksForIntake, SIZE);
  assert.deepEqual(ended, ["intake", "intake"]);
  assert.deepEqual(supervisor.failures().map(({ path }) => path), ["failing", "ends"]);
  assert.deepEqual(supervisor.stoppedByOperator(), new Set());
  assert.equal(looks, 0);
  const stopped = supervisor.stop("end");
  assert.ok(crowd.turning.hasTurns, "it is in a pause");
  assert.ok(looks < 2_000, `${looks} looks at units in the first turn`);
  await crowd.until(stopped);
  looks = 0;
  assert.deepEqual(supervisor.unstopped(), []);
  assert.equal(looks, 0);
});

test("Supervisor.kill, force and giveUp wait for no pause", async () => {
  const crowd = new Crowd();
  let killed = 0;
  const run = (context: Context) => {
    context.onKill(() => killed++);
    return new Promise<void>(() => {});
  };
  const supervisor = crowd.supervisor(Array.from({ length: SIZE }, (_, index) => registration({ name: `u${index}`, run }, "task")));
  await crowd.until(supervisor.start());
  const stopped = supervisor.stop("end");
  assert.ok(crowd.turning.hasTurns, "it is in a pause");
  supervisor.kill();
  assert.equal(killed, SIZE);
  supervisor.force();
  supervisor.giveUp();
  assert.equal(supervisor.unstopped().length, SIZE);
  await crowd.until(stopped);
});

test("Supervisor.stop during a pause of the start stops what had started, and says so to who waits for the start", async () => {
  const crowd = new Crowd();
  let started = 0;
  const run = (context: Context) => (started++, context.cancelled());
  const supervisor = crowd.supervisor(Array.from({ length: SIZE }, (_, index) => registration({ name: `u${index}`, run }, "task")));
  const start = supervisor.start();
  start.catch(() => {});
  assert.ok(crowd.turning.hasTurns, "it is in a pause");
  await crowd.until(supervisor.stop("end"));
  assert.ok(started < SIZE, `${started} had started`);
  await assert.rejects(start, { code: "SHUTDOWN_IN_PROGRESS" });
  assert.ok(supervisor.status().every(({ state, desired }) => state === "stopped" && desired === "down"));
});

test("Supervisor draws the edges of many units in turns that it shares, and nothing is done before all are drawn", async () => {
  const crowd = new Crowd();
  const ended: string[] = [];
  let looks = 0;
  const chain = Array.from({ length: SIZE }, (_, index) => {
    const name = `u${index}`;
    const run = async (context: Context) => {
      await context.cancelled();
      ended.push(name);
    };
    const { after, ...others } = registration({ name, run }, "task", { after: index === 0 ? [] : [`u${index - 1}`] });
    const counted = {
      get after() {
        looks++;
        return after;
      },
    };
    return Object.assign(counted, others);
  });
  const supervisor = crowd.supervisor(chain);
  const start = supervisor.start();
  assert.ok(crowd.turning.hasTurns, "it is in a pause");
  assert.ok(looks < SIZE, `${looks} looks at edges in a turn`);
  assert.equal(crowd.happened, 0, "something has started");
  // A status shows all of them, and a command finds the edges.
  assert.equal(supervisor.status().length, SIZE);
  const stopped = supervisor.stopUnits([`u${SIZE - 2}`]);
  await crowd.until(start);
  await crowd.until(stopped);
  assert.deepEqual((await stopped).map(({ name }) => name), [`u${SIZE - 2}`]);
  assert.equal(supervisor.find(`u${SIZE - 1}`)!.reason, `waits for u${SIZE - 2}, which is stopped by an operator`);
  await crowd.until(supervisor.stop("end"));
  assert.deepEqual(ended, Array.from({ length: SIZE - 2 }, (_, index) => `u${SIZE - 3 - index}`));
});

test("Supervisor.force and giveUp find the edges of units that wait for them to be drawn", async () => {
  const crowd = new Crowd();
  const children = Array.from({ length: SIZE }, (_, index) => {
    const after = index === 0 ? [] : ["u0"];
    return registration({ name: `u${index}`, run: (context: Context) => context.cancelled() }, "task", { after });
  });
  const supervisor = crowd.supervisor(children);
  const start = supervisor.start();
  start.catch(() => {});
  assert.ok(crowd.turning.hasTurns, "it is in a pause");
  supervisor.force();
  supervisor.giveUp();
  await crowd.until(supervisor.stop("end"));
  await assert.rejects(start, { code: "SHUTDOWN_IN_PROGRESS" });
  assert.equal(supervisor.status().length, SIZE);
  assert.deepEqual([supervisor.unstopped(), crowd.errors], [[], []]);
});

test("Supervisor.start fails where an edge leads nowhere, and nothing has started", async () => {
  const rig = new Rig();
  const supervisor = rig.supervisor([rig.child("a").registration, rig.child("b", { after: ["nobody"] }).registration]);
  await assert.rejects(supervisor.start(), /"b" as "after" must name a sibling: current value is "nobody"/);
  assert.deepEqual(rig.notes, []);
});
