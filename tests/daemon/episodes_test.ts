import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import {
  type Context,
  Daemon,
  type GroupBuilder,
  type RestartOptions,
  RestartPolicy,
  type Subsystem,
  type SubsystemHandle,
  type SubsystemSpec,
  type SupervisorOptions,
  type UnitStatus,
} from "../../mod.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { HISTORIES } from "../property.ts";

/** Ways in which a run answers; the last ones are for who is hostile, a few times each. */
const ANSWERS = [
  "promise",
  "promise",
  "settles twice",
  "settles late",
  "throws",
  "returns",
  "then throws",
  "then throws late",
  "getter throws",
];
const ACTIONS = [
  ...["fail", "fail", "fail", "return", "stop itself", "stop its group", "fatal", "spawned work fails", "grow deaf", "hear"],
  ...["start", "start", "stop", "restart", "add", "add temporary", "handle.stop", "handle.remove", "wait", "wait"],
];
const STRATEGIES: readonly SupervisorOptions["strategy"][] = ["oneForOne", "oneForAll", "restForOne"];
const MOST_HOSTILE = 4;

interface Run {
  readonly context: Context;
  end(): void;
  fail(error: unknown): void;
}

/** A random tree of hostile subsystems, what is done to it, and the laws that hold of it; all of it comes from the seed. */
class Episode {
  readonly host = new FakeHost();
  daemon!: Daemon;
  /** By path. */
  readonly runs = new Map<string, Run>();
  readonly #deaf = new Set<string>();
  readonly #handles: SubsystemHandle[] = [];
  readonly #unanswered = new Set<string>();
  readonly #twice: string[] = [];
  /** Units that lived when the report was made. */
  #alive: string[] | undefined;
  #state: number;
  #names = 0;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** Builds and starts it; after so many turns of the microtask queue it is shut down, or else left to what happens. */
  async play(shutdownAfter: number | undefined, actions: number): Promise<void> {
    const builder = Daemon.builder().withHost(this.host).withoutSignals().withLogger(() => {}).withTask("keeper", (own) => own.cancelled());
    builder.withSupervision({ strategy: this.#pick(STRATEGIES) });
    this.#fill(builder, 3);
    if (this.#chance(0.2)) builder.onEvent(() => boom("a listener of events"));
    const daemon = this.daemon = builder.build();
    daemon.start().catch(() => {/* told by the report */});
    void daemon.wait().then(() => this.#alive = [...this.runs.keys()]);
    if (shutdownAfter === undefined) {
      await this.#live(actions);
      await this.#quieten();
      if (!daemon.isShutdown()) this.#checkPlaces();
    } else await turns(shutdownAfter);
    daemon.shutdown("the episode is over");
    await this.#checkEnd();
  }

  async #live(actions: number): Promise<void> {
    await this.#settle();
    for (let action = 0; action < actions && !this.daemon.isShutdown(); action++) {
      this.#act(this.#pick(ACTIONS));
      await turns(this.#below(this.#chance(0.5) ? 3 : 60));
      if (!this.#chance(0.2)) continue;
      await this.host.clock.advance(this.#pick([1, 10, 200, 1_500, 6_000, 40_000]));
      // An end that came meanwhile takes turns of the platform: who lives then is to be seen before the next action.
      await this.#settle();
    }
  }

  #act(action: string): void {
    const { daemon } = this;
    const run = this.runs.size === 0 ? undefined : this.#pick([...this.runs.values()]);
    const unit = this.#pick(daemon.subsystems()).name;
    switch (action) {
      case "fail":
        return run?.fail(this.#pick([new Error("failed"), undefined, null, Object.freeze({}), "text", Symbol("thrown")]));
      case "return":
        return run?.end();
      case "fatal":
        return run?.fail(run.context.fatal(new Error("no other run")));
      case "stop itself":
        return run?.context.stop();
      case "stop its group":
        return run?.context.name.includes("/") ? run.context.stop({ scope: "group" }) : undefined;
      case "spawned work fails":
        return void run?.context.spawn("work", () => boom("spawned"), { onFailure: this.#pick(["failRun", "log"]) });
      case "grow deaf":
        return void (run !== undefined && this.#deaf.add(run.context.name));
      case "hear":
        return this.#hear();
      case "start":
      case "stop":
      case "restart":
        return unit === "keeper" ? undefined : this.#command(`${action} ${unit}`, daemon.operations[action]([unit]));
      case "add":
      case "add temporary":
        return this.#add(action === "add temporary", run);
      case "handle.stop":
      case "handle.remove": {
        const handle = this.#handles.length === 0 ? undefined : this.#pick(this.#handles);
        if (handle !== undefined) this.#command(`${action} ${handle.name}`, action === "handle.stop" ? handle.stop() : handle.remove());
      }
    }
  }

  #add(temporary: boolean, run: Run | undefined): void {
    const { subsystem, spec: { significant: _, ...spec } } = this.#task();
    const groups = this.daemon.subsystems().filter(({ kind, state }) => kind === "supervisor" && state === "running");
    const group = groups.length > 0 && this.#chance(0.7) ? { group: this.#pick(groups).name } : {};
    try {
      const isInside = run !== undefined && this.#chance(0.3);
      const handle = isInside
        ? run.context.add(subsystem, { ...spec, temporary })
        : this.daemon.add(subsystem, { ...spec, temporary, ...group });
      this.#handles.push(handle);
    } catch (error) {
      assert.match(String(error), /is stopping|has ended/);
    }
  }

  #command(what: string, answer: Promise<unknown>): void {
    this.#unanswered.add(what);
    const answered = () => void this.#unanswered.delete(what);
    answer.then(answered, answered);
  }

  // --- The tree

  #fill(group: GroupBuilder, depth: number): void {
    const names: string[] = [];
    for (let rest = 1 + this.#below(3); rest > 0; rest--) {
      const after = names.length > 0 && this.#chance(0.4) ? [`${this.#pick(names)}${this.#pick(["", ":started", ":ready"])}`] : [];
      if (depth === 0 || this.#chance(0.5)) {
        const { subsystem, spec } = this.#task();
        group.withSubsystem(subsystem, { ...spec, after });
        names.push(subsystem.name);
        continue;
      }
      const name = `g${this.#names++}`;
      const limits = this.#chance(0.3)
        ? { maxRestarts: this.#below(4), within: "5s", onExhausted: this.#pick(["fatal", "pause", "escalate"]) }
        : {};
      const autoShutdown = this.#pick(["never", "never", "anySignificant", "allSignificant"] as const);
      const restart = this.#pick([RestartPolicy.OnFailure, RestartPolicy.Never, RestartPolicy.onFailure({ delay: 0, maxRestarts: 2 })]);
      const strategy = this.#pick(STRATEGIES);
      group.withSupervisor(name, { strategy, autoShutdown, ...limits }, (inner) => this.#fill(inner, depth - 1), {
        after,
        restart,
        retryStart: true,
      });
      names.push(name);
    }
  }

  #task(): { subsystem: Subsystem; spec: SubsystemSpec } {
    const limits: RestartOptions = { delay: 10, maxRestarts: 2, within: "1s", onExhausted: this.#pick(["fatal", "pause", "escalate"]) };
    const restart = this.#pick([RestartPolicy.OnFailure, RestartPolicy.Never, RestartPolicy.onFailure(limits)]);
    const spec = {
      restart,
      retryStart: this.#chance(0.9),
      stopLast: this.#chance(0.05),
      ...this.#chance(0.2) ? { readiness: "manual" as const } : {},
      ...this.#chance(0.3) ? { significant: this.#chance(0.6) } : {},
      ...this.#chance(0.2) ? { stop: { timeout: 1_000 } } : {},
    };
    const traits = { listener: this.#chance(0.1), disposer: this.#chance(0.1), work: this.#chance(0.2) };
    const answer = this.#pick(ANSWERS);
    let hostile = 0;
    const run = (context: Context): unknown => {
      if (this.runs.has(context.name)) this.#twice.push(context.name);
      const { promise, run } = this.#enter(context);
      context.signal.addEventListener("abort", () => this.#deaf.has(context.name) || run.end());
      if (spec.readiness === "manual") context.sleep(5).then(() => context.ready(), () => {});
      if (traits.work) context.spawn("work", (handle) => handle.cancelled());
      const isHostile = hostile++ < MOST_HOSTILE && this.#chance(0.4);
      if (isHostile && traits.listener) context.onDrain(() => boom("a listener of the drain"));
      if (isHostile && traits.listener) context.signal.addEventListener("abort", () => boom("a listener of the signal"));
      if (isHostile && traits.disposer) context.use({ [Symbol.dispose]: () => boom("a disposer") });
      return this.#answer(isHostile ? answer : "promise", context.name, promise);
    };
    const stopIntake = () => boom("the end of the intake");
    return { subsystem: { name: `t${this.#names++}`, run, ...this.#chance(0.05) ? { stopIntake } : {} }, spec };
  }

  #enter(context: Context): { promise: Promise<void>; run: Run } {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {/* the supervisor hears of it, or has heard of an end before */});
    const leave = () => void (this.runs.get(context.name) === run && this.runs.delete(context.name));
    const run: Run = { context, end: () => (leave(), resolve()), fail: (error) => (leave(), reject(error)) };
    this.runs.set(context.name, run);
    return { promise, run };
  }

  /** The result or error of a run; a run that is over by that lives no longer. */
  #answer(answer: string, path: string, promise: Promise<void>): unknown {
    if (answer === "settles late") {
      return { then: (resolve: () => void, reject: () => void) => void promise.then(() => queueMicrotask(resolve), reject) };
    }
    if (answer === "settles twice") {
      return {
        then(resolve: () => void, reject: (error: unknown) => void) {
          promise.then(() => (resolve(), reject(new Error("late"))), (error) => (reject(error), resolve(), queueMicrotask(resolve)));
        },
      };
    }
    if (answer === "promise") return promise;
    this.runs.delete(path);
    if (answer === "returns") return 5;
    if (answer === "then throws") return { then: () => boom("then") };
    if (answer === "then throws late") {
      return {
        then(resolve: () => void, reject: () => void) {
          promise.then(resolve, reject);
          boom("then");
        },
      };
    }
    if (answer === "getter throws") return Object.defineProperty({}, "then", { get: () => boom("a getter") });
    return boom("at once");
  }

  #hear(): void {
    for (const path of this.#deaf) {
      this.#deaf.delete(path);
      const run = this.runs.get(path);
      if (run?.context.isShutdown()) run.end();
    }
  }

  // --- The laws

  /** Lets an hour pass in which nobody is deaf and nothing new happens. */
  async #quieten(): Promise<void> {
    this.#hear();
    for (let minute = 0; minute < 60; minute++) {
      await this.host.clock.advance(60_000);
      await turns(60);
    }
    await this.#settle();
  }

  /** Each unit is where `desired` and its policy want it, whoever waits says for whom that is down, and every command was answered. */
  #checkPlaces(): void {
    assert.deepEqual([...this.#unanswered], [], "commands without an answer");
    const units = this.daemon.subsystems();
    const groups = units.filter(({ kind, state }) => kind === "supervisor" && state !== "running");
    const counted = units.filter(({ name }) => !groups.some((group) => name.startsWith(`${group.name}/`)));
    assert.deepEqual(
      counted.filter((unit) => !isPlaced(unit)).map(({ name, state, desired, reason }) => [name, state, desired, reason]),
      [],
    );
    for (const { name, kind, state } of units) {
      if (kind === "supervisor" || name === "keeper") continue;
      assert.equal(this.runs.has(name), state === "running" || state === "starting", `${name} is ${state}`);
    }
    for (const path of this.runs.keys()) assert.ok(units.some(({ name }) => name === path), `${path} lives, and nobody knows it`);
  }

  async #checkEnd(): Promise<void> {
    await this.#settle();
    for (let minute = 0; minute < 5 && this.#alive === undefined; minute++) {
      await this.host.clock.advance(60_000);
      await this.#settle();
    }
    assert.ok(this.#alive !== undefined, "no report");
    const named = (await this.daemon.wait()).unstopped.map(({ path }) => path);
    assert.deepEqual(named.filter((path) => !this.#alive!.some((run) => isAtOrBelow(run, path))), [], "named, but not alive");
    assert.deepEqual(this.#alive.filter((run) => !named.includes(run)), [], "alive, but not named");
    this.#hear();
    await this.#settle();
    await this.host.clock.advance(120_000);
    assert.deepEqual([this.runs.size, this.host.clock.pendingTimers, [...this.#unanswered], this.#twice], [0, 0, [], []]);
  }

  /** Lets all go on that can, modules that load and what the platform does included. */
  async #settle(): Promise<void> {
    for (let turn = 0; turn < 12; turn++) {
      await turns(30);
      await setImmediate();
      await this.host.clock.advance(0);
    }
  }

  // --- Chance

  /** A number from 0 up to and without `limit`, by a generator of 32 bits (mulberry32). */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * limit);
  }

  #chance(share: number): boolean {
    return this.#below(1_000) < 1_000 * share;
  }

  #pick<const T>(list: readonly T[]): T {
    return list[this.#below(list.length)];
  }
}

function boom(what: string): never {
  throw new Error(`${what} throws`);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await undefined;
}

const isAtOrBelow = (path: string, top: string): boolean => path === top || path.startsWith(`${top}/`);

function isPlaced({ state, desired, reason }: UnitStatus): boolean {
  if (["completed", "failed", "fatal"].includes(state)) return true;
  if (desired === "down") return state === "stopped";
  if (state === "stopped") return reason.startsWith("stopped with ");
  if (state === "waiting") return reason.includes(", which is stopped ") || / which is (failed|fatal|skipped|completed)/.test(reason);
  return state === "running" || state === "skipped";
}

test("Random trees of hostile subsystems keep the laws, whatever is done to them and by whom", async () => {
  for (let seed = 1; seed <= Math.ceil(HISTORIES / 75); seed++) {
    await new Episode(seed).play(undefined, 40).catch((cause) => Promise.reject(new Error(`episode ${seed}: ${cause.message}`, { cause })));
  }
});

test("A shutdown at any turn of a start ends all that the start began", async () => {
  for (let seed = 1; seed <= Math.ceil(HISTORIES / 40); seed++) {
    await new Episode(seed).play(seed, 0).catch((cause) => Promise.reject(new Error(`episode ${seed}: ${cause.message}`, { cause })));
  }
});
