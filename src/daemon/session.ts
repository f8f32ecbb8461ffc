import { type Clock, systemClock } from "../core/ports/clock.ts";
import type { Host } from "../core/ports/host.ts";
import { type Logger, silentLogger } from "../core/ports/log.ts";
import { CancelToken } from "../core/supervise/cancel.ts";
import type { Operations, UnitOutcome, UnitStatus } from "../core/supervise/operations.ts";
import type { Registration } from "../core/supervise/registration.ts";
import { type ShutdownSteps, ShutdownTimeline, type ShutdownTimes } from "../core/supervise/shutdown.ts";
import { hasRunInState, isLostState } from "../core/supervise/state.ts";
import { Supervisor, type SupervisorEnd, type Unstopped } from "../core/supervise/supervisor.ts";
import { runsAsProcess } from "../core/supervise/unit.ts";
import { isDaemonError, messageOf, ShutdownError, SubsystemError } from "../core/values/errors.ts";
import { EXIT_CODES } from "../core/values/exit_codes.ts";
import { nameKey } from "../core/values/names.ts";
import type { SignalName } from "../core/values/signal_name.ts";
import { guardDispatch } from "../platform/dispatch_guard.ts";
import { LineStore } from "../record/line_store.ts";
import type { Config } from "../settings/config.ts";
import type { MetricsCollector } from "../metrics/collector.ts";
import type { LoadedConfig } from "../settings/load_config.ts";
import { Attribution } from "./attribution.ts";
import { CodeStops } from "./code_stops.ts";
import { EventOutlet } from "./event_outlet.ts";
import type { ExitReport } from "./exit_report.ts";
import type { FeatureSet } from "./feature_set.ts";
import { Locator } from "./locator.ts";
import type { DaemonMemory } from "./memory.ts";
import { DaemonOperations } from "./operations.ts";
import { featureEntriesIn, type Plan, registrationsOf } from "./plan.ts";
import { programMetrics } from "./program_metrics.ts";
import { ReloadRequests } from "./reload_requests.ts";
import { ReportDraft } from "./report_draft.ts";
import type { StartOptions } from "./run_options.ts";
import type { Applier, OperatedSession, PreparedSession, ReloadingSession } from "./session_views.ts";
import { UnitPorts } from "./unit_ports.ts";

/** One life of a daemon: its start, its reloads, its end. Whatever else a daemon has, a room beside this one keeps. */
export class Session implements PreparedSession, OperatedSession, ReloadingSession, ShutdownSteps {
  readonly clock: Clock;
  readonly plan: Plan;
  readonly events: EventOutlet;
  readonly attribution: Attribution = new Attribution();
  readonly locator: Locator = new Locator(this);
  readonly ports: UnitPorts;
  readonly ended: Promise<ExitReport>;
  log: Logger = silentLogger;
  host: Host | undefined;
  features: FeatureSet | undefined;
  memory: DaemonMemory | undefined;

  readonly #requestShutdown: (reason: string) => void;
  readonly #draft = new ReportDraft();
  readonly #stops: CodeStops;
  readonly #timeline: ShutdownTimeline;
  readonly #startedMs: number;
  /** Told of each configuration that takes effect. */
  #appliers: Applier[] | undefined;
  #notices: (() => string | undefined)[] | undefined;
  #resolve!: (report: ExitReport) => void;
  #phase: "starting" | "running" | "stopping" | "over" = "starting";
  #reason = "";
  #hasStarted = false;
  #supervisor: Supervisor | undefined;
  #loaded: LoadedConfig | undefined;
  #configVersion = 1;
  /** When the shutdown began, on the wall. */
  #stoppingSinceMs = Infinity;
  #resources: AsyncDisposableStack | undefined;
  #others: Set<Registration> | undefined;
  #lines: LineStore | undefined;
  #metrics: MetricsCollector | undefined;
  #operations: Operations | undefined;
  #reloads: ReloadRequests | undefined;
  /** For who waits until there are units. */
  #preparing: PromiseWithResolvers<void> | undefined;

  /** Creates a session that has not started. */
  constructor(plan: Plan, requestShutdown: (reason: string) => void) {
    this.plan = plan;
    this.clock = plan.host?.clock ?? systemClock;
    this.host = plan.host;
    this.events = new EventOutlet(this, { capacity: plan.config.bus.capacity, listeners: plan.listeners });
    this.ports = new UnitPorts(this, plan.host?.random ?? Math.random);
    this.#loaded = plan.loaded;
    this.#requestShutdown = requestShutdown;
    // Half the cost of Promise.withResolvers, which shows in the time of a whole start and stop.
    this.ended = new Promise((resolve) => this.#resolve = resolve);
    this.#startedMs = this.clock.nowMs();
    this.#stops = new CodeStops(plan.stops);
    this.#timeline = new ShutdownTimeline(this.clock, this.#shutdownTimes(), this, this.ports.deadlines);
  }

  // --- The start

  /** Starts everything; see `Daemon.start`. */
  async start(options: StartOptions): Promise<void> {
    try {
      const needsMachine = this.#needsMachine(options);
      const registrations = needsMachine ? await (await import("./prepare.ts")).prepare(this, options) : this.#unitsOfCode();
      if (this.#phase === "stopping") throw new ShutdownError("SHUTDOWN_IN_PROGRESS", "Cannot finish the start as a shutdown has begun");
      const token = new CancelToken({ onListenerError: (error) => this.report(error), guard: guardDispatch });
      const supervisor = new Supervisor(this.ports, token, registrations, this.plan.supervision);
      this.#supervisor = supervisor;
      this.#preparing?.resolve();
      supervisor.onEnd((end) => this.#unitsEnded(end));
      supervisor.onChild((child, isAdded) => this.#childChanged(child, isAdded));
      this.events.announce("daemon.starting", "start");
      for (const warning of this.#stops.warnings(this.config)) this.log.warn(warning);
      await supervisor.start(this.memory?.down, needsMachine ? undefined : this.#startedMs);
      if (this.#phase === "starting") this.#started();
      if (supervisor.isIdle) this.#unitsEnded({ kind: "idle" });
    } catch (error) {
      if (this.#phase === "starting") {
        this.#draft.keep(error);
        this.#draft.endWith(EXIT_CODES.failed);
        this.#requestShutdown(messageOf(error));
      }
      if (this.#supervisor === undefined) {
        this.log.error("the start has failed", { reason: messageOf(error), err: error });
        this.#finish();
      }
      await this.ended;
      throw error;
    }
  }

  /** Whether it needs something from the machine; a daemon of tasks alone does not, and starts at once. */
  #needsMachine({ ownsProcess, isControlled }: StartOptions): boolean {
    const { pidFile, sink, host, entries, isPlain } = this.plan;
    return ownsProcess || isControlled || pidFile !== undefined || sink !== undefined || host !== undefined ||
      (!isPlain && featureEntriesIn(entries).length > 0);
  }

  #unitsOfCode(): readonly Registration[] {
    const { entries, isPlain } = this.plan;
    return isPlain ? entries as readonly Registration[] : registrationsOf(entries, () => this.ports, () => []);
  }

  #started(): void {
    this.#phase = "running";
    this.#hasStarted = true;
    const missing = this.events.isObserved ? this.missing() : [];
    if (missing.length === 0) this.events.announce("daemon.ready", "every unit has started");
    else this.events.announce("daemon.started", `not ready: ${missing.join(", ")}`);
  }

  /** Ends a session that was told to stop before it started. */
  neverStart(reason: string, exitCode: number | undefined): void {
    this.#reason = reason;
    this.#draft.endWith(exitCode);
    this.#finish();
  }

  /** Resolves when there are units, or will be none any more: first, what an earlier daemon left is ended, which may take its time. */
  async prepared(): Promise<void> {
    if (this.#supervisor === undefined && this.#phase !== "over") await (this.#preparing ??= Promise.withResolvers()).promise;
  }

  /** Measurements of the program; made on first use. */
  get metrics(): MetricsCollector {
    return this.#metrics ??= programMetrics(this.clock, () => this.log);
  }

  // --- While it runs

  /** A unit of code has come or gone. */
  #childChanged(child: Registration, isAdded: boolean): void {
    if (!isAdded) return void this.#others?.delete(child);
    // Only who reloads a file or serves operators asks for them later.
    if (this.features !== undefined) this.others.add(child);
    if (this.#stops.add(child)) this.#timeline.retime(this.#shutdownTimes());
  }

  /** The deadlines in force. */
  #shutdownTimes(): ShutdownTimes {
    return this.#stops.deadlines(this.config, this.#loaded?.longestStopMs ?? 0);
  }

  /**
   * Lets a configuration take effect: first all who might refuse it, then the units. Resolves with what becomes of the units that it touches,
   * which may take its time.
   *
   * @throws what a feature threw; nothing has changed then.
   */
  async apply(loaded: LoadedConfig, afresh: ReadonlySet<string>): Promise<{ outcomes: Promise<UnitOutcome[]> }> {
    const refuseWhenStopping = () => {
      if (this.isOpen) return;
      throw new ShutdownError("SHUTDOWN_IN_PROGRESS", "Cannot reload the configuration as the daemon is stopping");
    };
    refuseWhenStopping();
    await this.features!.tryAll(loaded, refuseWhenStopping, this.log);
    for (const apply of this.#appliers ?? []) apply(loaded);
    this.#loaded = loaded;
    this.#configVersion++;
    this.#timeline.retime(this.#shutdownTimes());
    const { children, restart } = this.features!.change(loaded, afresh);
    children.push(...this.others);
    const { memory } = this;
    const down = memory?.down ?? new Set<string>();
    const outcomes = this.#supervisor!.change({ children, restart, down });
    // A unit of that name that comes later is another one.
    const keys = new Set(children.map(({ subsystem: { name } }) => nameKey(name)));
    const gone = [...down].filter((path) => !keys.has(path.split("/", 1)[0]));
    if (gone.length > 0) memory!.rememberDown(down.difference(new Set(gone)));
    return { outcomes };
  }

  /** Keeps an error for the exit report and logs it. */
  report(error: unknown): void {
    this.#draft.keep(error);
    this.log.error(messageOf(error), { err: error });
  }

  /**
   * Something failed that nobody handled: the daemon stops with the code for that. Where the runtime does not tell who it was, whoever runs
   * inside this process comes into question.
   */
  uncaught(error: unknown, owner: string | undefined): void {
    const suspects = owner === undefined ? this.locator.insiders() : [owner];
    const path = suspects.length === 1 ? suspects[0] : "unattributed";
    const who = suspects.length > 1 ? `one of ${suspects.join(", ")}` : path;
    this.report(
      new SubsystemError("RUNTIME_PANIC", path, `Cannot go on as ${who} left an error unhandled: ${messageOf(error)}`, { cause: error }),
    );
    this.#draft.endSurelyWith(EXIT_CODES.internal);
    this.#requestShutdown(`unhandled error in ${who}: ${messageOf(error)}`);
  }

  // --- Reasons to end

  /** A signal asked to stop: the first one begins, a later one hurries. */
  signalled(signal: SignalName): void {
    if (this.#phase === "stopping") {
      this.#draft.endWith(EXIT_CODES.failed);
      this.events.announce("daemon.forced", `received ${signal} again`);
      this.#timeline.hurry();
    } else {
      this.#draft.stoppedBy(signal);
      this.#requestShutdown(`received ${signal}`);
    }
  }

  /** Asks the daemon to stop, with a code where the reason has one. */
  requestShutdown(reason: string, exitCode?: number, isForced: boolean = false): void {
    this.#draft.endWith(exitCode);
    // Listeners told of the shutdown are not the unit that asked for it, and may wait for the end.
    this.attribution.runAsDaemon(() => this.#requestShutdown(reason));
    if (isForced) this.hurry();
  }

  /** Leaves no more time for a graceful end. */
  hurry(): void {
    if (this.#supervisor !== undefined) this.#timeline.hurry();
  }

  #unitsEnded(end: SupervisorEnd): void {
    if (end.kind === "asked") return this.requestShutdown(`${end.name} asked for the end`);
    if (this.#phase === "starting" && end.kind === "idle") return;
    if (end.kind === "escalated") {
      this.#draft.keep(end.error);
      this.#draft.endWith(EXIT_CODES.failed);
      return this.#requestShutdown(messageOf(end.error));
    }
    if (end.kind === "autoShutdown") return this.#requestShutdown(`${end.name} has ended`);
    const failures = this.#supervisor?.failures() ?? [];
    // A daemon of services stays until it is told, but not when every one of them has failed for good.
    const isHopeless = () => failures.length > 0 && this.units().every(({ state }) => isLostState(state));
    if (this.#loaded !== undefined && !isHopeless()) return;
    const last = failures.find(({ path }) => path === this.ports.lastFailure) ?? failures.at(-1);
    if (last !== undefined) {
      const { path, error } = last;
      const exitCode = isDaemonError(error) ? error.context?.exitCode : undefined;
      this.#draft.keep(
        new SubsystemError("SUBSYSTEM_FAILED", path, `Cannot go on as ${path} has failed: ${messageOf(error)}`, { cause: error }),
      );
      this.#draft.endWith(typeof exitCode === "number" && exitCode !== 0 ? exitCode : EXIT_CODES.failed);
    }
    this.#requestShutdown(last !== undefined ? "every unit has failed" : "no subsystem is left");
  }

  // --- The end

  /** Begins to stop; the daemon calls it once. */
  shutdown(reason: string, exitCode?: number): void {
    if (this.#phase === "over") return;
    this.#draft.endWith(exitCode);
    if (this.#phase === "stopping") return;
    this.#phase = "stopping";
    // Only features ask for it, and a look at the clock shows in the time of a whole start and stop.
    if (this.features !== undefined) this.#stoppingSinceMs = this.clock.wallMs();
    this.#reason = reason;
    this.#noteFailures();
    this.#draft.beginStop();
    if (this.#supervisor === undefined) return;
    this.events.announce("daemon.stopping", reason);
    this.events.publishShutdown(reason);
    this.#supervisor.stopIntake();
    this.ports.beginDrain(reason);
    this.#timeline.begin();
  }

  /** Notes units that failed for good: they did not stop the daemon, but are no clean end of one that was made in code. */
  #noteFailures(): void {
    if (this.#draft.hasExitCode || this.#loaded !== undefined) return;
    for (const { path, reason, error: cause } of this.#supervisor?.failures() ?? []) {
      this.#draft.keep(
        new SubsystemError("SUBSYSTEM_FAILED", path, `Cannot end cleanly as ${path} has failed for good: ${reason}`, { cause }),
      );
      this.#draft.endWith(EXIT_CODES.failed);
    }
  }

  /** The timeline asks every unit to stop in its turn. */
  stop(nowMs: number): void {
    void this.#supervisor!.stop(this.#reason, nowMs).then(() => this.#finish());
  }

  /** The timeline tells every unit at once that patience is over. */
  force(): void {
    const late = this.events.isObserved ? this.#late() : [];
    if (late.length > 0) this.events.announce("daemon.forced", `not stopped yet: ${late.map(({ name }) => name).join(", ")}`);
    this.#supervisor?.force();
  }

  /** The timeline kills whatever can be killed. */
  kill(): void {
    for (const { name, kind } of this.#late()) if (runsAsProcess(kind)) this.#draft.addKilled(name);
    this.#supervisor?.kill();
  }

  /** The timeline ends with what is left, as unstopped. */
  giveUp(): void {
    this.#draft.giveUp();
    this.#supervisor?.giveUp();
    this.#finish();
  }

  /** Units that have not come to their end. */
  #late(): UnitStatus[] {
    return this.units().filter(({ state }) => hasRunInState(state));
  }

  /** No run is left, or patience is at its end: what is held is let go, and the report is made. */
  #finish(): void {
    if (this.#phase === "over") return;
    const isForced = this.#timeline.isForced;
    this.#timeline.finish();
    for (const path of this.features?.killedSince(this.#stoppingSinceMs) ?? []) this.#draft.addKilled(path);
    this.#draft.survivors = this.features?.survivors() ?? [];
    const unstopped = this.#supervisor?.unstopped() ?? [];
    this.#phase = "over";
    this.ports.turns[Symbol.dispose]();
    this.#preparing?.resolve();
    if (this.#resources === undefined || this.#supervisor !== undefined) this.#announceEnd();
    this.events.close();
    if (this.#resources === undefined) return this.#conclude(unstopped, isForced);
    void this.#release(this.#resources).then(() => this.#conclude(unstopped, isForced));
  }

  #announceEnd(): void {
    if (!this.events.isObserved) return;
    const { killed, survivors } = this.#draft;
    this.events.emit({
      type: "daemon.stopped",
      reason: this.#reason,
      ...killed.length === 0 ? {} : { killed },
      ...survivors.length === 0 ? {} : { survivors: [...survivors] },
    });
  }

  async #release(resources: AsyncDisposableStack): Promise<void> {
    try {
      await resources.disposeAsync();
    } catch (error) {
      this.#draft.keep(error);
    }
  }

  /** Resolves with the report; what went wrong while letting go of resources counts too, what an unstopped run does later does not. */
  #conclude(unstopped: Unstopped[], isForced: boolean): void {
    const isSignalTold = this.config.shutdown.exitCode === "signal";
    this.#resolve(this.#draft.finish({ reason: this.#reason, unstopped, isForced, uptimeMs: this.uptimeMs(), isSignalTold }));
  }

  // --- What others see of it: the interfaces are in session_views.ts

  get isOver(): boolean {
    return this.#phase === "over";
  }

  get isOpen(): boolean {
    return this.#phase === "starting" || this.#phase === "running";
  }

  get phase(): "starting" | "running" | "stopping" {
    return this.#phase === "over" ? "stopping" : this.#phase;
  }

  get stopReason(): string | undefined {
    return this.isOpen ? undefined : this.#reason;
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  get config(): Config {
    return this.#loaded?.config ?? this.plan.config;
  }

  get loaded(): LoadedConfig | undefined {
    return this.#loaded;
  }

  get configVersion(): number {
    return this.#configVersion;
  }

  get supervisor(): Supervisor | undefined {
    return this.#supervisor;
  }

  get resources(): AsyncDisposableStack {
    return this.#resources ??= new AsyncDisposableStack();
  }

  get others(): Set<Registration> {
    return this.#others ??= new Set();
  }

  get lines(): LineStore {
    return this.#lines ??= new LineStore();
  }

  get operations(): Operations {
    return this.#operations ??= new DaemonOperations(this);
  }

  get reloads(): ReloadRequests {
    return this.#reloads ??= new ReloadRequests(this);
  }

  units(): UnitStatus[] {
    return this.locator.units();
  }

  missing(): string[] {
    return this.ports.missing === 0 ? [] : this.#supervisor?.missing() ?? [];
  }

  isReady(): boolean {
    return this.ports.missing === 0 && this.#phase !== "stopping";
  }

  uptimeMs(): number {
    return Math.round(this.clock.nowMs() - this.#startedMs);
  }

  remainingMs(): number | undefined {
    return this.#timeline.remainingMs();
  }

  notices(): string[] {
    return [...this.features?.notices() ?? [], ...(this.#notices ?? []).map((look) => look()).filter((text) => text !== undefined)];
  }

  addNotice(look: () => string | undefined): void {
    (this.#notices ??= []).push(look);
  }

  onApply(fn: Applier): void {
    (this.#appliers ??= []).push(fn);
  }
}
