import { CancelToken, stopReason } from "../core/supervise/cancel.ts";
import { systemClock } from "../core/ports/clock.ts";
import { type Duration, durationMs } from "../core/values/duration.ts";
import { DaemonError, messageOf, ShutdownError } from "../core/values/errors.ts";
import { EXIT_CODES } from "../core/values/exit_codes.ts";
import { silentLogger } from "../core/ports/log.ts";
import { checkBooleans, checkKeys, checkObject } from "../core/values/options.ts";
import type { EventBus } from "../core/messages/bus.ts";
import type { DaemonTopics } from "../core/supervise/event.ts";
import type { InstanceType } from "../core/supervise/program.ts";
import type { Operations, ReloadAnswer, UnitStatus } from "../core/supervise/operations.ts";
import type { Subsystem } from "../core/supervise/subsystem.ts";
import type { AddOptions, SubsystemEnd, SubsystemHandle } from "../core/supervise/children.ts";
import { addition } from "../core/supervise/registration.ts";
import { type ShutdownRequest, shutdownRequest } from "../core/supervise/verdict.ts";
import { lastWords } from "../platform/last_words.ts";
import { DaemonBuilder } from "./builder.ts";
import type { Config } from "../settings/config.ts";
import type { ExitReport } from "./exit_report.ts";
import type { LoadedConfig } from "../settings/load_settings.ts";
import type { Plan } from "./plan.ts";
import { Session } from "./session.ts";

/** Options of {@linkcode Daemon.start} and {@linkcode Daemon.run}. */
export interface RunOptions {
  /**
   * Whether the daemon may change the process: signals, working folder, exit code, uncaught errors, the console. Two owners are refused.
   *
   * @default {true for run(), false for start()}
   */
  ownsProcess?: boolean;
  /**
   * Whether nobody watches: records and the lines of services go to files below the state folder, and not to the console. Only for the
   * daemon of a configuration file that owns its process.
   *
   * @default {false}
   */
  isBackground?: boolean;
  /**
   * Whether the daemon takes a lock and opens a control socket, so that `status`, `stop` and the other commands reach it. It is found by the
   * file of its program; `runCli` asks for it. The daemon of a configuration file always does.
   *
   * @default {false}
   */
  isControlled?: boolean;
  /**
   * How long the process may live on after the daemon that owns it has stopped. Then it says what keeps it alive, such as a timer that a
   * subsystem forgot, and ends with the daemon's code. `never` leaves it alone: for programs that do something else afterwards.
   *
   * @default {"5s"}
   */
  exitGrace?: Duration | "never";
}

/** {@linkcode RunOptions} with their defaults. */
export interface StartOptions extends Required<Omit<RunOptions, "exitGrace">> {
  /** Milliseconds; undefined when the process may live on. */
  exitGraceMs: number | undefined;
}

/** Which supervisor something is for. */
export interface GroupOption {
  /** Path of the group, or its handle. @default {the daemon itself} */
  group?: string | Pick<SubsystemHandle, "name">;
}

/** Counts over all subsystems. */
export interface DaemonStats {
  /** Name from the configuration. */
  name: string;
  /** Milliseconds since the start, 0 before it. */
  uptimeMs: number;
  /** Whether a shutdown has begun. */
  isShutdown: boolean;
  /** Why, where it has. */
  shutdownReason: string | undefined;
  /** Restarts over the daemon's life. */
  totalRestarts: number;
  /** Subsystems by state; a state that none is in is missing. */
  states: Readonly<Partial<Record<UnitStatus["state"], number>>>;
}

/**
 * A program that runs until it is told to stop: subsystems, their supervision, and one graceful end.
 *
 * - Building it costs next to nothing and touches nothing; {@linkcode Daemon.start} does.
 * - It runs once. A second start is refused.
 * - Any number of daemons live in one process; at most one of them owns it.
 *
 * @example The smallest daemon: one task that works until it is told to stop
 * ```ts
 * import { Daemon } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const report = await Daemon.builder()
 *   .withTask("main", async (context) => {
 *     for (let round = 1; !context.isShutdown(); round++) {
 *       if (round === 3) context.requestShutdown("done");
 *       await context.sleep("1ms");
 *     }
 *   })
 *   .run({ ownsProcess: false });
 * assert.equal(report.exitCode, 0);
 * assert.equal(report.reason, "done");
 * ```
 */
export class Daemon implements AsyncDisposable {
  readonly #plan: Plan;
  #token: CancelToken | undefined;
  #shutdownReason: string | undefined;
  #shutdownTime: number | undefined;
  #exitCode: number | undefined;
  #session: Session | undefined;

  /** Creates a daemon from a plan; {@linkcode Daemon.builder} does it for you. */
  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Begins to describe a daemon with these settings, the defaults when none are given. */
  static builder(config?: Config): DaemonBuilder {
    return new DaemonBuilder(config);
  }

  /** Begins to describe the daemon of a configuration file: its services, its control socket, its lock. */
  static fromConfig(loaded: LoadedConfig): DaemonBuilder {
    return new DaemonBuilder(loaded.config, loaded);
  }

  /** Its settings; after a reload those that are in force now. */
  get config(): Config {
    return this.#session?.config ?? this.#plan.config;
  }

  /** Whether it has started and not ended. */
  get isRunning(): boolean {
    return this.#session !== undefined && !this.#session.isOver;
  }

  /** Whether a shutdown was asked for. */
  get isShutdown(): boolean {
    return this.#shutdownReason !== undefined;
  }

  /** Why a shutdown was asked for; undefined before that. */
  get shutdownReason(): string | undefined {
    return this.#shutdownReason;
  }

  /** When it was asked for, in milliseconds since the Unix epoch; undefined before that. */
  get shutdownTime(): number | undefined {
    return this.#shutdownTime;
  }

  /** Resolves when a shutdown is asked for. */
  cancelled(): Promise<void> {
    if (this.#shutdownReason !== undefined) return Promise.resolve();
    return (this.#token ??= new CancelToken()).cancelled();
  }

  /** Events of the daemon, by topic. Readers see events published after they came. */
  get bus(): EventBus<DaemonTopics> {
    return this.#started("bus").bus;
  }

  /**
   * The instance of this class among the subsystems that run; with `name`, the one with that path.
   *
   * @throws {DaemonError} if the daemon has not started, none runs, or several do and no name says which.
   */
  get<T extends object>(type: InstanceType<T>, name?: string): T {
    return this.#started("get").get(type, name);
  }

  /** Operations for operators. */
  get operations(): Operations {
    return this.#started("operations").operations;
  }

  /** All subsystems, in order of registration. */
  subsystems(): UnitStatus[] {
    return this.#session?.units() ?? [];
  }

  /** Counts over all subsystems. */
  getStats(): DaemonStats {
    const units = this.subsystems();
    const states: Partial<Record<UnitStatus["state"], number>> = {};
    for (const { state } of units) states[state] = (states[state] ?? 0) + 1;
    return {
      name: this.config.name,
      uptimeMs: this.#session?.uptimeMs() ?? 0,
      isShutdown: this.isShutdown,
      shutdownReason: this.#shutdownReason,
      totalRestarts: units.reduce((sum, unit) => sum + unit.restarts, 0),
      states,
    };
  }

  /**
   * Adds a subsystem to a running daemon, or to one of its groups that runs, and starts it. It is supervised like those that were there from
   * the beginning; one in a group ends with the present run of the group.
   *
   * @example A worker that comes and goes while the daemon runs
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const daemon = await Daemon.builder()
   *   .withSupervisor("workers", {}, (group) => group.withTask("first", (context) => context.cancelled()))
   *   .build().start();
   * const worker = daemon.add({ name: "second", run: (context) => context.cancelled() }, { group: "workers" });
   * assert.equal(worker.name, "workers/second");
   * assert.equal((await worker.remove()).outcome, "removed");
   * assert.equal((await worker.ended).state, "stopped");
   * assert.deepEqual(daemon.subsystems().map(({ name }) => name), ["workers", "workers/first"]);
   * daemon.shutdown();
   * await daemon.wait();
   * ```
   *
   * @throws {ShutdownError} if a shutdown has begun, or the group is stopping; the subsystem is never run.
   * @throws {SubsystemError} if there is no such group, or it does not run.
   * @throws {TypeError | RangeError} if it can't be run, its name is bad or taken, or `after` names no sibling.
   */
  add(subsystem: Subsystem, options: AddOptions & GroupOption = {}): SubsystemHandle {
    checkObject("add a subsystem", options);
    const { group, ...others } = options;
    return this.#started("add").add(addition(subsystem, Object.keys(others).length === 0 ? undefined : others), group);
  }

  /**
   * Resolves with how the subsystem with this path has ended, once nothing starts it again by itself: it has completed, failed for good or
   * was stopped, or the daemon has ended.
   *
   * @example A task whose end is awaited
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const daemon = await Daemon.builder()
   *   .withTask("server", (context) => context.cancelled())
   *   .withTask("migration", (context) => context.sleep("1ms"))
   *   .build().start();
   * assert.equal((await daemon.ended("migration")).state, "completed");
   * daemon.shutdown();
   * assert.equal((await daemon.ended("server")).state, "stopped");
   * await daemon.wait();
   * ```
   *
   * @throws {SubsystemError} if there is none with this path (as a rejection).
   * @throws {TypeError} if it is no text (likewise).
   */
  async ended(name: string): Promise<SubsystemEnd> {
    return await this.#started("ended").endOf(name);
  }

  /**
   * Starts everything, in order. Resolves with the daemon once each subsystem has started.
   *
   * @throws {TypeError} if an option is unknown or of a wrong type (as a rejection, like all of these).
   * @throws {DaemonError} if it was started before, or a subsystem fails before it is ready: what had started is stopped again by then, and
   * the error's causes and {@linkcode Daemon.wait} say what else went wrong.
   */
  async start(options?: RunOptions): Promise<this> {
    // A start without options is on the way of every benchmark.
    if (options !== undefined) checkKeys("start", options, ["ownsProcess", "isBackground", "isControlled", "exitGrace"]);
    const { ownsProcess = false, isBackground = false, isControlled = false, exitGrace = "5s" } = options ?? {};
    if (options !== undefined) checkBooleans("start", { ownsProcess, isBackground, isControlled });
    const exitGraceMs = exitGrace === "never" || !ownsProcess ? undefined : durationMs(exitGrace);
    if (this.#session !== undefined) throw startedTwice();
    const session = new Session(this.#plan, (reason) => void this.shutdown(reason));
    this.#session = session;
    if (this.#shutdownReason !== undefined) {
      session.neverStart(this.#shutdownReason, this.#exitCode);
      throw new ShutdownError("SHUTDOWN_IN_PROGRESS", `Cannot start as a shutdown was asked for before: ${this.#shutdownReason}`);
    }
    await session.start({ ownsProcess, isBackground, isControlled: isControlled || this.#plan.loaded !== undefined, exitGraceMs });
    return this;
  }

  /**
   * Reads the configuration file again and applies what differs: new services start, those that are gone stop, those whose own keys have
   * changed restart, and everything else goes on. Resolves when the units that it touches have started or stopped.
   *
   * @throws {ConfigError} with every mistake of the file; nothing has changed then.
   * @throws {DaemonError} if the daemon was not started from a file, or is stopping.
   */
  async reload(options: { dryRun?: boolean } = {}): Promise<ReloadAnswer> {
    return await this.#started("reload").reload(options);
  }

  /**
   * Resolves with the report when the daemon has ended.
   *
   * @throws {DaemonError} if it was not started, or is called by a subsystem of this daemon: its end would wait for itself. Where the daemon
   * does not own the process, that is noticed only before the subsystem's first `await`.
   */
  wait(): Promise<ExitReport> {
    const session = this.#started("wait");
    const caller = session.callingUnit();
    if (caller !== undefined && !session.isOver) {
      throw new DaemonError(
        "RUNTIME_STATE",
        `Cannot wait for the end of the daemon inside ${caller}, as the daemon can't end before it: return, or call requestShutdown()`,
      );
    }
    return session.ended;
  }

  /**
   * Starts everything, waits for the end and returns the report; a start that fails is an end too.
   *
   * As the owner of the process it handles signals, says on stderr why a start failed, sets the exit code, and leaves the process to end by
   * itself. It exits when a run did not stop, or something keeps the process alive for `exitGrace`, as it would live on for ever.
   *
   * @throws {DaemonError} if it was started before.
   */
  async run(options: RunOptions = {}): Promise<ExitReport> {
    const { ownsProcess = true } = options;
    if (this.#session !== undefined) throw startedTwice();
    // A failed start is in the report.
    const failure = await this.start({ ...options, ownsProcess }).then(() => undefined, (error: unknown) => ({ error }));
    if (failure !== undefined) {
      const session = this.#session as Session | undefined;
      if (session === undefined) throw failure.error;
      // Otherwise its log has said it.
      if (ownsProcess && session.log === silentLogger) {
        lastWords(`Cannot start ${this.config.name}: ${messageOf(failure.error)}`, EXIT_CODES.failed);
      }
    }
    return await this.wait();
  }

  /**
   * Asks the daemon to stop and returns at once, so that a subsystem may call it; {@linkcode Daemon.wait} waits for the end.
   *
   * @example No time for a task that does not listen
   * ```ts
   * import { Daemon } from "@daemonkit/daemonkit";
   * import assert from "node:assert/strict";
   *
   * const daemon = await Daemon.builder().withTask("slow", async (context) => {
   *   const forced = Promise.withResolvers<void>();
   *   context.onForce(forced.resolve);
   *   await forced.promise;
   * }).build().start();
   * daemon.shutdown({ reason: "the disk is gone", exitCode: 74, force: true });
   * const { reason, exitCode, unstopped } = await daemon.wait();
   * assert.deepEqual([reason, exitCode, unstopped], ["the disk is gone", 74, []]);
   * ```
   *
   * @returns whether this was the first request.
   * @throws {TypeError | RangeError} if the request is wrong.
   */
  shutdown(request?: string | ShutdownRequest): boolean {
    const { reason, exitCode, isForced } = shutdownRequest(request, "shutdown was requested");
    this.#exitCode ??= exitCode;
    const isFirst = this.#shutdownReason === undefined;
    if (isFirst) {
      this.#shutdownReason = reason;
      this.#shutdownTime = (this.#plan.host?.clock ?? systemClock).wallMs();
      this.#token?.cancel(stopReason(reason));
    }
    this.#session?.shutdown(reason, exitCode);
    if (isForced) this.#session?.hurry();
    return isFirst;
  }

  /** Stops the daemon and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.shutdown();
    await this.#session?.ended;
  }

  #started(what: string): Session {
    if (this.#session === undefined) throw new DaemonError("RUNTIME_STATE", `Cannot use "${what}" before the daemon was started`);
    return this.#session;
  }
}

function startedTwice(): DaemonError {
  return new DaemonError("RUNTIME_STATE", "Cannot start a daemon twice: build another one");
}
