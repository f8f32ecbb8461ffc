import { SubsystemError } from "../../src/core/values/errors.ts";
import type { DaemonEvent } from "../../src/core/supervise/event.ts";
import type { SignalName } from "../../src/core/values/signal_name.ts";
import { nearest } from "../../src/core/values/names.ts";
import type {
  DaemonMeasures,
  DaemonStatus,
  LineCounts,
  Operations,
  ReloadAnswer,
  UnitOutcome,
  UnitStatus,
  WaitGoal,
} from "../../src/core/supervise/operations.ts";
import type { LogLine } from "../../src/core/wire/line_block.ts";

/** A unit that runs. */
export function fakeUnit(name: string, changes: Partial<UnitStatus> = {}): UnitStatus {
  return {
    name,
    kind: "service",
    state: "running",
    ready: null,
    desired: "up",
    reason: "start",
    run: 1,
    restarts: 0,
    startedAt: "2026-01-01T00:00:00.000Z",
    details: { pid: 4242 },
    ...changes,
  };
}

/** Operations that note what they are asked and change nothing but states. */
export class FakeOperations implements Operations {
  readonly units: UnitStatus[];
  readonly calls: string[] = [];
  readonly logLines: LogLine[] = [];
  readonly pastEvents: DaemonEvent[] = [];
  readonly lineReaders: Set<(line: LogLine) => void> = new Set();
  readonly eventReaders: Set<(event: DaemonEvent) => void> = new Set();
  state: DaemonStatus["state"] = "running";
  hasStarted = true;
  /** Replaces what start, stop and restart do. */
  act: ((verb: string, names: readonly string[], signal?: AbortSignal) => Promise<UnitOutcome[]>) | undefined;

  readonly notices: string[] = [];

  constructor(units: readonly UnitStatus[]) {
    this.units = [...units];
  }

  prepared(): Promise<void> {
    return Promise.resolve();
  }

  status(): DaemonStatus {
    return {
      v: 1,
      name: "demo",
      id: "demo-0123abcd",
      version: "0.1.0",
      runtime: "fake 1.0",
      pid: 77,
      config: "/srv/daemon.toml",
      configVersion: 1,
      state: this.state,
      ready: true,
      startedAt: "2026-01-01T00:00:00.000Z",
      uptimeMs: 61_000,
      residentBytes: 30 * 2 ** 20,
      notices: [...this.notices],
      units: this.units.map((unit) => ({ ...unit })),
    };
  }

  measures(): DaemonMeasures {
    return {
      hasStarted: this.hasStarted,
      reloads: { applied: 2, unchanged: 0, refused: 1 },
      eventsPublished: 7,
      busLagged: 0,
      process: { residentBytes: 1_024, cpuSeconds: 0.25, openFiles: 9, startSeconds: 1_700_000_000.5 },
    };
  }

  /** From when on lines are kept, by unit. */
  readonly keptFrom: Record<string, string> = {};

  lineCounts(): readonly LineCounts[] {
    return this.units.map(({ name }) => ({ name, stdout: 3, stderr: 1, dropped: 0, failures: 0, keptFrom: this.keptFrom[name] ?? null }));
  }

  resolve(patterns: readonly string[]): string[] {
    const names = this.units.map((unit) => unit.name);
    return patterns.flatMap((pattern) => {
      if (pattern.includes("*")) return names.filter((name) => name.startsWith(pattern.slice(0, pattern.indexOf("*"))));
      if (names.includes(pattern)) return [pattern];
      const near = nearest(pattern, names);
      throw new SubsystemError("SUBSYSTEM_UNKNOWN", pattern, `Cannot find a unit named ${JSON.stringify(pattern)}`, {
        context: near === undefined ? {} : { nearest: near },
      });
    });
  }

  start(names: readonly string[], options: { signal?: AbortSignal }): Promise<UnitOutcome[]> {
    return this.#act("start", names, options.signal);
  }

  /** The answer to a reload. */
  reloading: (options: { dryRun?: boolean }) => Promise<ReloadAnswer> = ({ dryRun = false }) =>
    Promise.resolve({ v: 1, ok: true, dryRun, version: 1, changes: [], unchanged: this.units.length, units: [] });

  reload(options: { dryRun?: boolean }): Promise<ReloadAnswer> {
    this.calls.push(options.dryRun ? "reload, dry" : "reload");
    return this.reloading(options);
  }

  stop(names: readonly string[], options: { signal?: AbortSignal }): Promise<UnitOutcome[]> {
    return this.#act("stop", names, options.signal);
  }

  restart(names: readonly string[], options: { signal?: AbortSignal }): Promise<UnitOutcome[]> {
    return this.#act("restart", names, options.signal);
  }

  signal(names: readonly string[], signal: SignalName): UnitOutcome[] {
    this.calls.push(`signal ${signal} ${names.join(" ")}`);
    return this.units.filter(({ name }) => names.includes(name)).map(({ name, state }) => {
      if (state === "running") return { name, state, outcome: `sent ${signal}`, ok: true, reason: "" };
      return { name, state, outcome: "not running", ok: false, reason: state };
    });
  }

  async wait(names: readonly string[], goal: WaitGoal, { signal }: { signal?: AbortSignal }): Promise<UnitOutcome[]> {
    this.calls.push(`wait ${goal} ${names.join(" ")}`);
    const missing = () => this.units.filter((unit) => names.includes(unit.name) && (unit.state !== "running" || unit.ready === false));
    if (missing().length > 0) await new Promise((resolve) => signal!.addEventListener("abort", resolve, { once: true }));
    return names.map((name) => {
      const unit = missing().find((each) => each.name === name);
      if (unit === undefined) return { name, state: "running", outcome: goal, ok: true, reason: "" };
      return { name, state: unit.state, outcome: "timed out", ok: false, reason: `${unit.state}: ${unit.reason}` };
    });
  }

  shutdown(reason: string): void {
    this.calls.push(`shutdown: ${reason}`);
    this.state = "stopping";
  }

  lines(names: readonly string[], limit: number, isWanted: (line: LogLine) => boolean = () => true): LogLine[] {
    return this.logLines.filter((line) => (names.length === 0 || names.includes(line.name)) && isWanted(line)).slice(-limit);
  }

  followLines(names: readonly string[], fn: (line: LogLine) => void): Disposable {
    const reader = (line: LogLine) => {
      if (names.length === 0 || names.includes(line.name)) fn(line);
    };
    this.lineReaders.add(reader);
    return { [Symbol.dispose]: () => void this.lineReaders.delete(reader) };
  }

  events(): DaemonEvent[] {
    return this.pastEvents;
  }

  followEvents(fn: (event: DaemonEvent) => void): Disposable {
    this.eventReaders.add(fn);
    return { [Symbol.dispose]: () => void this.eventReaders.delete(fn) };
  }

  /** A service prints a line. */
  print(name: string, text: string, time: string = "2026-01-01T00:00:01.000Z"): void {
    const line: LogLine = { seq: this.logLines.length + 1, time, name, stream: "stdout", text };
    this.logLines.push(line);
    for (const reader of this.lineReaders) reader(line);
  }

  /** Something happens. */
  happen(event: DaemonEvent): void {
    this.pastEvents.push(event);
    for (const reader of this.eventReaders) reader(event);
  }

  async #act(verb: string, names: readonly string[], signal?: AbortSignal): Promise<UnitOutcome[]> {
    this.calls.push(`${verb} ${names.join(" ")}`);
    if (this.act !== undefined) return await this.act(verb, names, signal);
    const [state, outcome] = verb === "stop"
      ? ["stopped", "stopped"] as const
      : ["running", verb === "start" ? "started" : "restarted"] as const;
    for (const unit of this.units) if (names.includes(unit.name)) unit.state = state;
    return names.map((name) => ({ name, state, outcome, ok: true, reason: "" }));
  }
}
