import { DaemonError, messageOf, unknownUnit } from "../core/values/errors.ts";
import type { DaemonEvent } from "../core/supervise/event.ts";
import { SIGNAL_NUMBERS, type SignalName } from "../core/values/signal_name.ts";
import { groupKey, nameKey } from "../core/values/names.ts";
import {
  checkBooleans,
  checkFunction,
  checkKeys,
  checkOneOf,
  checkSignal,
  checkText,
  checkTexts,
  checkWait,
} from "../core/values/options.ts";
import type {
  DaemonMeasures,
  DaemonStatus,
  LineCounts,
  Operations,
  ReloadAnswer,
  UnitOutcome,
  UnitStatus,
  WaitGoal,
} from "../core/supervise/operations.ts";
import type { LogLine } from "../core/wire/line_block.ts";
import { isStartedState } from "../core/supervise/state.ts";
import { comparePlaces, type Place, type Supervisor } from "../core/supervise/supervisor.ts";
import { runsAsProcess, type Telling, type Unit, type UnitCommands } from "../core/supervise/unit.ts";
import type { EventStore } from "../record/event_store.ts";
import type { OperatedSession } from "./session_views.ts";
import { VERSION } from "../instance/version.ts";

/** Operations on a running daemon, carried out by its session. */
export class DaemonOperations implements Operations {
  readonly #session: OperatedSession;

  readonly #events: EventStore;
  /** Told once: a start that moves with the wall clock looks like a restart. */
  #startedAt: string | undefined;

  /** Creates the operations of a session; from now on it keeps its newest events. */
  constructor(session: OperatedSession) {
    this.#session = session;
    this.#events = session.events.store;
  }

  status(): DaemonStatus {
    const session = this.#session;
    const { config, loaded } = session;
    const uptimeMs = session.uptimeMs();
    const health = session.features?.health() ?? [];
    const details = session.features?.details();
    return {
      v: 1,
      name: config.name,
      id: session.memory?.id ?? config.name,
      version: VERSION,
      runtime: session.host?.runtime ?? "",
      pid: session.host?.processes.self().pid ?? 0,
      config: loaded?.path ?? null,
      configVersion: session.configVersion,
      state: session.phase,
      ready: session.phase === "running" && session.missing().length === 0 && health.every(({ ok }) => ok),
      startedAt: this.#startedAt ??= new Date(session.clock.wallMs() - uptimeMs).toISOString(),
      uptimeMs,
      residentBytes: session.host?.ownProcess.residentBytes() ?? 0,
      notices: session.notices(),
      ...details === undefined ? {} : { features: details },
      ...health.length === 0 ? {} : { health },
      units: session.units(),
    };
  }

  async prepared(options: { signal?: AbortSignal } = {}): Promise<void> {
    checkWait("wait for units", options);
    const { signal } = options;
    signal?.throwIfAborted();
    const prepared = this.#session.prepared();
    await (signal === undefined ? prepared : untilAborted(prepared, signal));
  }

  measures(): DaemonMeasures {
    const { hasStarted, host, events, reloads } = this.#session;
    return { hasStarted, reloads: reloads.counts, ...events.counts, process: host?.ownProcess.usage() ?? {} };
  }

  lineCounts(): readonly LineCounts[] {
    return this.#session.lines.counts();
  }

  resolve(patterns: readonly string[]): string[] {
    checkTexts("find units", "patterns", patterns);
    const found = new Map<Unit, Place>();
    for (const pattern of patterns) for (const place of this.#matches(pattern)) found.set(place.unit, place);
    return [...found.values()].sort(comparePlaces).map(({ unit }) => unit.path);
  }

  /** Finds the units that a pattern names; only one with wildcards, or one without a match, looks at all units. */
  #matches(pattern: string): Place[] {
    const supervisor = this.#supervisor();
    if (/[*?]/.test(pattern)) return supervisor.paths().filter(matcherOf(pattern)).flatMap((path) => supervisor.findAll(path));
    const matches = supervisor.findAll(pattern);
    if (matches.length > 0) return matches;
    throw unknownUnit(pattern, supervisor.paths());
  }

  async start(names: readonly string[], options: { signal?: AbortSignal } = {}): Promise<UnitOutcome[]> {
    checkCommand("start units", names, options);
    const { able, refused } = await this.#sorted(names, ({ state }) => !isStartedState(state));
    const asked = this.#bySupervisor(able, options);
    return [...refused, ...await this.#started(this.#ask(asked, options, (supervisor, own) => supervisor.startUnits(own)))];
  }

  async stop(names: readonly string[], options: { signal?: AbortSignal } = {}): Promise<UnitOutcome[]> {
    checkCommand("stop units", names, options);
    // A refused command stops nothing, so nothing of it is remembered.
    const asked = this.#bySupervisor(names, options);
    const stopping = this.#ask(asked, options, (supervisor, own) => supervisor.stopUnits(own));
    const forgotten = this.#rememberDown(names);
    // Dependents were stopped with these units and start with them: their stop is nobody's wish to be remembered.
    return withNote(await stopping, forgotten);
  }

  async restart(names: readonly string[], options: { signal?: AbortSignal } = {}): Promise<UnitOutcome[]> {
    checkCommand("restart units", names, options);
    // Before anything is stopped: what runs is better than what can't start.
    const { able, refused } = await this.#sorted(names, () => true);
    const asked = this.#bySupervisor(able, options);
    return [...refused, ...await this.#started(this.#ask(asked, options, (supervisor, own) => supervisor.restartUnits(own)))];
  }

  /** Tells those that could not be started, as far as one can know, from the others; only those that are meant are looked at. */
  async #sorted(names: readonly string[], isMeant: (unit: Unit) => boolean): Promise<{ able: string[]; refused: UnitOutcome[] }> {
    const able: string[] = [];
    const refused: UnitOutcome[] = [];
    for (const name of names) {
      const unit = this.#session.supervisor?.find(name);
      const reason = unit !== undefined && isMeant(unit) ? await startProblemOf(unit) : undefined;
      if (reason === undefined) able.push(name);
      else refused.push({ name: unit!.path, state: unit!.state, outcome: "refused", ok: false, reason });
    }
    return { able, refused };
  }

  signal(names: readonly string[], signal: SignalName): UnitOutcome[] {
    const paths = this.#pathsOf("signal units", names);
    checkOneOf("signal units", "signal", signal, Object.keys(SIGNAL_NUMBERS));
    return this.#statusOf(new Set(paths)).map((unit) => this.#signalOne(unit, signal));
  }

  /** The paths of these units as they are written where they were added. */
  #pathsOf(action: string, names: readonly string[]): string[] {
    checkTexts(action, "names", names);
    const supervisor = this.#supervisor();
    return names.map((name) => supervisor.unitAt(name).path);
  }

  /** A snapshot of these units, as far as they are there. */
  #statusOf(names: Iterable<string>): UnitStatus[] {
    return [...names].flatMap((name) => this.#session.supervisor?.find(name)?.status() ?? []);
  }

  #signalOne({ name, kind, state, reason, details: { pid } }: UnitStatus, signal: SignalName): UnitOutcome {
    const failed = (outcome: string, why: string): UnitOutcome => ({ name, state, outcome, ok: false, reason: why });
    if (!runsAsProcess(kind)) return failed("no service", `a ${kind} has no process`);
    try {
      const isSent = typeof pid === "number" && this.#session.host!.processes.signalGroup(pid, signal);
      if (isSent) return { name, state, outcome: `sent ${signal}`, ok: true, reason: "" };
      return failed("not running", reason === "" ? state : `${state}: ${reason}`);
    } catch (error) {
      return failed("failed", messageOf(error));
    }
  }

  async wait(names: readonly string[], goal: WaitGoal, options: { signal?: AbortSignal } = {}): Promise<UnitOutcome[]> {
    checkCommand("wait for units", names, options);
    checkOneOf("wait for units", "goal", goal, ["ready", "started", "stopped"] satisfies WaitGoal[]);
    const { signal } = options;
    const paths = this.#pathsOf("wait for units", names);
    const { untilThere } = await import("../record/until_there.ts");
    const units = () => this.#statusOf(new Set(paths));
    return await untilThere(paths, goal, { units, events: this.#events, ...(signal === undefined ? {} : { signal }) });
  }

  async reload(options: { dryRun?: boolean; signal?: AbortSignal } = {}): Promise<ReloadAnswer> {
    checkKeys("reload", options, ["dryRun", "signal"]);
    const { dryRun = false, signal } = options;
    checkBooleans("reload", { dryRun });
    checkSignal("reload", signal);
    signal?.throwIfAborted();
    const reloading = this.#session.reloads.reload({ dryRun });
    return await (signal === undefined ? reloading : untilAborted(reloading, signal));
  }

  shutdown(reason: string): void {
    checkText("shut down", "reason", reason);
    this.#session.requestShutdown(reason);
  }

  lines(names: readonly string[], limit: number, isWanted?: (line: LogLine) => boolean): LogLine[] {
    const paths = this.#pathsOf("read lines", names);
    if (!(limit >= 0)) throw new RangeError(`Cannot read lines as "limit" must be >= 0: current value is ${messageOf(limit)}`);
    if (isWanted !== undefined) checkFunction("read lines", "isWanted", isWanted);
    return this.#session.lines.last(paths, limit, isWanted);
  }

  followLines(names: readonly string[], fn: (line: LogLine) => void): Disposable {
    checkFunction("follow lines", "fn", fn);
    return this.#session.lines.follow(this.#pathsOf("follow lines", names), fn);
  }

  events(): DaemonEvent[] {
    return this.#events.kept();
  }

  followEvents(fn: (event: DaemonEvent) => void): Disposable {
    checkFunction("follow events", "fn", fn);
    return this.#events.follow(fn);
  }

  /** Forgets the manual stops of what was started, which is more than what was named: also what that comes after. */
  async #started(starting: Promise<UnitOutcome[]>): Promise<UnitOutcome[]> {
    const kept = this.#forgetUp();
    try {
      return withNote(await starting, kept);
    } finally {
      this.#forgetUp();
    }
  }

  #forgetUp(): string | undefined {
    const { memory, supervisor } = this.#session;
    if (memory === undefined) return undefined;
    const { down } = memory;
    const up = [...down].filter((name) => supervisor?.find(name)?.desired === "up");
    return up.length === 0 ? undefined : memory.rememberDown(down.difference(new Set(up)));
  }

  /** Returns what keeps it from being remembered. */
  #rememberDown(names: readonly string[]): string | undefined {
    const { memory } = this.#session;
    if (memory === undefined) return undefined;
    const { down } = memory;
    const keys = names.map(nameKey);
    return keys.every((key) => down.has(key)) ? undefined : memory.rememberDown(down.union(new Set(keys)));
  }

  /** Returns the supervisor of all units; before it is there, nobody can say which names are unknown. */
  #supervisor(): Supervisor {
    const { supervisor } = this.#session;
    if (supervisor !== undefined) return supervisor;
    throw new DaemonError(
      "RUNTIME_STATE",
      `Cannot ask for units yet as the daemon ${this.#session.notices().at(0) ?? "is still being prepared"}: try again later`,
    );
  }

  /** Groups the names by their supervisors; refuses an unknown one, and whoever has left already. */
  #bySupervisor(names: readonly string[], { signal }: { signal?: AbortSignal }): Map<UnitCommands, string[]> {
    signal?.throwIfAborted();
    const bySupervisor = new Map<UnitCommands, string[]>();
    for (const path of names) {
      const found = this.#supervisor().unitAt(path);
      const own = bySupervisor.get(found.supervisor) ?? [];
      own.push(found.name);
      bySupervisor.set(found.supervisor, own);
    }
    return bySupervisor;
  }

  /** Asks all supervisors at once. */
  async #ask(
    asked: Map<UnitCommands, string[]>,
    { signal }: { signal?: AbortSignal },
    ask: (supervisor: UnitCommands, names: string[]) => Promise<UnitOutcome[]>,
  ): Promise<UnitOutcome[]> {
    const all = Promise.all([...asked].map(([supervisor, own]) => ask(supervisor, own)));
    return (await (signal === undefined ? all : untilAborted(all, signal))).flat();
  }
}

function checkCommand(action: string, names: readonly string[], options: { signal?: AbortSignal }): void {
  checkTexts(action, "names", names);
  checkWait(action, options);
}

/** Returns the reason why a unit can't be started, with the settings of its next run. */
async function startProblemOf({ next, registration }: Unit): Promise<string | undefined> {
  return await ((next ?? registration).subsystem as Partial<Telling>).startProblem?.();
}

/** The outcomes with what keeps them from being remembered. */
function withNote(outcomes: UnitOutcome[], problem: string | false | undefined): UnitOutcome[] {
  if (problem === undefined || problem === false) return outcomes;
  const note = `will be forgotten when the daemon ends: ${problem}`;
  return outcomes.map((outcome) => ({ ...outcome, note }));
}

/** A plain name means that unit, or all instances of that service; `*` and `?` match any text and any character. */
function matcherOf(pattern: string): (name: string) => boolean {
  const key = nameKey(pattern);
  return (name) => isMatch(key, nameKey(name)) || isMatch(key, groupKey(name));
}

/** Whether a pattern matches a text. Not by a regular expression: anybody who asks for health may write a dozen `*`, which these try in all ways. */
function isMatch(pattern: string, text: string): boolean {
  let [at, from] = [0, 0];
  /** The last `*`, and up to where it reaches: only that one is ever tried again. */
  let star: { at: number; to: number } | undefined;
  while (from < text.length) {
    if (pattern[at] === "*") star = { at: at++, to: from };
    else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === text[from])) {
      at++;
      from++;
    } else if (star !== undefined) {
      at = star.at + 1;
      from = ++star.to;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
