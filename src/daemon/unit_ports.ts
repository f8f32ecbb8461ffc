import type { EventBus } from "../core/messages/bus.ts";
import type { Clock } from "../core/ports/clock.ts";
import type { Logger } from "../core/ports/log.ts";
import { CancelToken, stopReason } from "../core/supervise/cancel.ts";
import { Deadlines } from "../core/supervise/deadlines.ts";
import type { DaemonTopics, EventBody } from "../core/supervise/event.ts";
import type { Program } from "../core/supervise/program.ts";
import type { SupervisorPorts } from "../core/supervise/supervisor.ts";
import { Turns } from "../core/supervise/turns.ts";
import { messageOf } from "../core/values/errors.ts";
import type { MetricsCollector } from "../metrics/collector.ts";
import type { Config } from "../settings/config.ts";
import type { Attribution } from "./attribution.ts";
import type { EventOutlet } from "./event_outlet.ts";
import type { Locator } from "./locator.ts";
import type { DaemonMemory } from "./memory.ts";

const NOBODY: ReadonlySet<string> = new Set();

/** A daemon as its supervisors need it. */
export interface SupervisedDaemon {
  /** Time. */
  readonly clock: Clock;
  /** Its root logger. */
  readonly log: Logger;
  /** The settings in force. */
  readonly config: Config;
  /** Its memory beyond its end. */
  readonly memory: DaemonMemory | undefined;
  /** Where its events come out. */
  readonly events: EventOutlet;
  /** Tells whose code runs. */
  readonly attribution: Attribution;
  /** Finds its units. */
  readonly locator: Locator;
  /** Measurements of its program. */
  readonly metrics: MetricsCollector;
  /** Why it stops; undefined before that. */
  readonly stopReason: string | undefined;
  /** Takes an error that belongs into the exit report. */
  report(error: unknown): void;
  /** Asks it to stop. */
  requestShutdown(reason: string, exitCode?: number, isForced?: boolean): void;
  /** Milliseconds until it gives up; undefined before a shutdown. */
  remainingMs(): number | undefined;
}

/** The ports of a daemon for the supervisors of its units, and through these for its subsystems. */
export class UnitPorts implements SupervisorPorts, Program {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly turns: Turns;
  readonly random: () => number;
  /** Makes what a unit that prints nothing logs into lines for `logs`, where somebody can ask for them; undefined for services. */
  linesOfLog: ((path: string) => ((log: Logger) => Logger) | undefined) | undefined;
  readonly #daemon: SupervisedDaemon;
  #missing = 0;
  #lastFailure: string | undefined;
  #drain: CancelToken | undefined;

  /** Creates the ports of a daemon. */
  constructor(daemon: SupervisedDaemon, random: () => number) {
    this.#daemon = daemon;
    this.clock = daemon.clock;
    this.deadlines = new Deadlines(daemon.clock);
    this.turns = new Turns(daemon.clock);
    this.random = random;
  }

  /** How many units are to be up and are not. */
  get missing(): number {
    return this.#missing;
  }

  /** Path of the unit that has failed for good last. */
  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  /** Begins to drain: the daemon is about to stop. */
  beginDrain(reason: string): void {
    this.#drain?.cancel(stopReason(reason));
  }

  /** Cancelled when a shutdown begins, before anything is told to stop; made on first use. */
  get drain(): CancelToken {
    if (this.#drain === undefined) {
      this.#drain = new CancelToken();
      const reason = this.#daemon.stopReason;
      if (reason !== undefined) this.#drain.cancel(stopReason(reason));
    }
    return this.#drain;
  }

  get program(): Program {
    return this;
  }

  get bus(): EventBus<DaemonTopics> {
    return this.#daemon.events.bus;
  }

  get config(): Config {
    return this.#daemon.config;
  }

  get metrics(): MetricsCollector {
    return this.#daemon.metrics;
  }

  get<T extends object>(type: abstract new (...args: never[]) => T, name?: string): T {
    return this.#daemon.locator.get(type, name);
  }

  isObserved(): boolean {
    return this.#daemon.events.isObserved;
  }

  emit(body: EventBody): void {
    this.#daemon.events.emit(body);
  }

  report(error: unknown): void {
    this.#daemon.report(error);
  }

  failed(path: string): void {
    this.#lastFailure = path;
  }

  requestShutdown(reason: string, exitCode?: number, isForced?: boolean): void {
    this.#daemon.requestShutdown(reason, exitCode, isForced);
  }

  remainingMs(): number | undefined {
    return this.#daemon.remainingMs();
  }

  /** Outside a shutdown a stop may take as long as all stops of one, inside one what its deadlines leave. */
  stopTimeoutMs(): number {
    return this.#daemon.remainingMs() === undefined ? this.config.shutdown.timeoutMs : Infinity;
  }

  countMissing(by: number): void {
    this.#missing += by;
  }

  get keptDown(): ReadonlySet<string> {
    return this.#daemon.memory?.down ?? NOBODY;
  }

  logger(path: string): Logger {
    const log = this.#daemon.log.child(path);
    const lines = this.linesOfLog?.(path);
    return lines === undefined ? log : lines(log);
  }

  runAs<T>(path: string, fn: () => T): T {
    return this.#daemon.attribution.runAs(path, fn);
  }
}

/** The same ports without events, for what runs beside the units: its life is no news about them. */
export function portsBeside(ports: SupervisorPorts, log: Logger): SupervisorPorts {
  const { clock, deadlines, turns, random } = ports;
  return {
    clock,
    deadlines,
    turns,
    random,
    isObserved: () => false,
    emit: () => {},
    failed: (path, error) => log.error(`${path} has failed for good`, { reason: messageOf(error), err: error }),
    report: (error) => ports.report(error),
    requestShutdown: (reason, exitCode, isForced) => ports.requestShutdown(reason, exitCode, isForced),
    remainingMs: () => ports.remainingMs(),
    stopTimeoutMs: () => ports.stopTimeoutMs(),
    countMissing: () => {},
    keptDown: NOBODY,
    logger: (path) => ports.logger(path),
    runAs: (path, fn) => ports.runAs(path, fn),
  };
}
