import { hasRunInState, isLostState, isStoppedState } from "../core/supervise/state.ts";
import { EventBus } from "../core/messages/bus.ts";
import { CancelToken, stopReason } from "../core/supervise/cancel.ts";
import { type Clock, systemClock } from "../core/ports/clock.ts";
import { ConfigError, isDaemonError, messageOf, ShutdownError, SubsystemError, unknownUnit } from "../core/values/errors.ts";
import { Deadlines } from "../core/supervise/deadlines.ts";
import type { ConfigReloadEvent, DaemonEvent, DaemonLifeEvent, DaemonTopics, EventBody } from "../core/supervise/event.ts";
import { EXIT_CODES, signalExitCode } from "../core/values/exit_codes.ts";
import type { Host } from "../core/ports/host.ts";
import type { OwnProcess } from "../core/ports/own_process.ts";
import { SIGNAL_NUMBERS, type SignalName } from "../core/values/signal_name.ts";
import { type Logger, silentLogger } from "../core/ports/log.ts";
import { didYouMean, nameKey, nearest } from "../core/values/names.ts";
import { checkFunction, checkText } from "../core/values/options.ts";
import type { InstanceType, Program } from "../core/supervise/program.ts";
import type { Operations, ReloadAnswer, UnitOutcome, UnitStatus } from "../core/supervise/operations.ts";
import { type ShutdownSteps, ShutdownTimeline, type ShutdownTimes } from "../core/supervise/shutdown.ts";
import type { Registration } from "../core/supervise/registration.ts";
import type { SubsystemEnd, SubsystemHandle } from "../core/supervise/children.ts";
import { Turns } from "../core/supervise/turns.ts";
import { innerOf, Supervisor, type SupervisorEnd, type Unstopped } from "../core/supervise/supervisor.ts";
import { guardDispatch } from "../platform/dispatch_guard.ts";
import { longestStopOf, settleDeadlines, shortDeadlines } from "../settings/shutdown_deadlines.ts";
import { logEvent } from "../record/event_log.ts";
import { EventStore } from "../record/event_store.ts";
import type { ExitReport } from "./exit_report.ts";
import { LineStore } from "../record/line_store.ts";
import type { LoadedConfig } from "../settings/load_config.ts";
import { DaemonOperations } from "./operations.ts";
import type { Config } from "../settings/config.ts";
import type { StartOptions } from "./run_options.ts";
import { addedFor, type EventListener, featureEntriesIn, type Plan, registrationsOf } from "./plan.ts";
import type { FeatureSettings, OpenFeature, Undo } from "../core/feature.ts";
import { runsAsProcess } from "../core/supervise/unit.ts";
import type { Reloads } from "./reload.ts";
import type { Applier, LogFiles, OperatedSession, PreparedSession, ReloadingSession, Surroundings } from "./session_views.ts";

/** Errors that the exit report has at most. */
const MOST_ERRORS = 100;

/** How long a unit has to stop that says nothing: nobody has asked for that time. */
const USUAL_STOP_MS = 5_000;

/**
 * One life of a daemon, from the start to the exit report: the supervisor of its units, the timeline of its shutdown, and what is held
 * meanwhile.
 */
export class Session implements PreparedSession, OperatedSession, ReloadingSession, ShutdownSteps, Program {
  /** Time. */
  readonly clock: Clock;
  /** Deadlines of stops. */
  readonly deadlines: Deadlines;
  /** Shared by all its supervisors. */
  readonly turns: Turns;
  /** Chance. */
  readonly random: () => number;
  /** Plan of the units to run. */
  readonly plan: Plan;
  /** Resolves with the report when everything has ended. */
  readonly ended: Promise<ExitReport>;
  /** Its root logger. */
  log: Logger = silentLogger;
  /** The machine, once it was needed. */
  host: Host | undefined;
  /** Reloads so far, by what became of them. */
  readonly reloads: Record<ConfigReloadEvent["outcome"], number> = { applied: 0, unchanged: 0, refused: 0 };
  /** Its features at work, by name, in the order in which they were opened. */
  readonly features = new Map<string, OpenFeature>();
  /** Folder that relative paths of the program count from. */
  programFolder = ".";
  /** Folders and memory of a daemon from a configuration file. */
  surroundings: Surroundings | undefined;

  #others: Set<Registration> | undefined;
  readonly #requestShutdown: (reason: string) => void;
  #resolve!: (report: ExitReport) => void;
  readonly #timeline: ShutdownTimeline;
  readonly #startedMs: number;
  /** The newest, oldest first. */
  readonly #errors: unknown[] = [];
  #droppedErrors = 0;
  /** How many there were, dropped ones included, when the shutdown began: those are told, but its exit code is about what came after. */
  #errorsBefore = 0;
  #supervisor: Supervisor | undefined;
  #phase: "starting" | "running" | "stopping" | "over" = "starting";
  #reason = "";
  #exitCode: number | undefined;
  #stopSignal: SignalName | undefined;
  #gaveUp = false;
  #resources: AsyncDisposableStack | undefined;
  #lines: LineStore | undefined;
  #lastFailure: string | undefined;
  #bus: EventBus<DaemonTopics> | undefined;
  #seq = 0;
  #wasReady = false;
  /** How many units are to be up and are not. */
  #missing = 0;
  #hasStarted = false;
  #operations: Operations | undefined;
  #drain: CancelToken | undefined;
  #events: EventStore | undefined;
  #loaded: LoadedConfig | undefined;
  #configVersion = 1;
  /** The times that units of code have to stop, once they were looked for. */
  #stops: readonly { name: string; stopMs: number }[] | undefined;
  /** The longest time that a unit of code has to stop. */
  #longestOfCodeMs: number | undefined;
  /** Paths of services that the end of the daemon's own patience has killed. */
  #killed: Set<string> | undefined;
  /** When the shutdown began, on the wall. */
  #stoppingSinceMs = Infinity;
  #reloads: Promise<Reloads> | undefined;
  /** Text of the configuration that was read last; undefined where that was refused. */
  taken: string | undefined;
  /** For who waits until there are units. */
  #preparing: PromiseWithResolvers<void> | undefined;
  /** Told of each configuration that is to take effect; one that throws keeps it from that. */
  readonly #appliers: Applier[] = [];
  readonly #notices: (() => string | undefined)[] = [];
  readonly #logs: LogFiles[] = [];

  /** Creates a session that has not started. */
  constructor(plan: Plan, requestShutdown: (reason: string) => void) {
    this.plan = plan;
    this.clock = plan.host?.clock ?? systemClock;
    this.deadlines = new Deadlines(this.clock);
    this.turns = new Turns(this.clock);
    this.random = plan.host?.random ?? Math.random;
    this.host = plan.host;
    this.#loaded = plan.loaded;
    this.taken = plan.loaded?.fingerprint;
    this.#requestShutdown = requestShutdown;
    // Half the cost of Promise.withResolvers, which shows in the time of a whole start and stop.
    this.ended = new Promise((resolve) => this.#resolve = resolve);
    this.#startedMs = this.clock.nowMs();
    this.#timeline = new ShutdownTimeline(this.clock, this.#shutdownTimes(), this, this.deadlines);
  }

  /** The deadlines in force: those that nobody set leave the units of code the time that they have to stop, as they do those of the file. */
  #shutdownTimes(): ShutdownTimes {
    const { shutdown } = this.config;
    const ofFile = this.#loaded?.longestStopMs ?? 0;
    const longestMs = this.#longestOfCodeMs ??= longestStopOf(this.#stopsOfCode().map(({ stopMs }) => stopMs));
    if (longestMs <= ofFile) return shutdown;
    const { drain_delay_ms, timeout_ms, force_timeout_ms, kill_timeout_ms } = settleDeadlines([shutdown.given()], longestMs).deadlines;
    return { drainDelayMs: drain_delay_ms, timeoutMs: timeout_ms, forceTimeoutMs: force_timeout_ms, killTimeoutMs: kill_timeout_ms };
  }

  /** How long the units that code has added have to stop, where that is not the usual time. */
  #stopsOfCode(): readonly { name: string; stopMs: number }[] {
    if (this.#stops !== undefined) return this.#stops;
    const stops: { name: string; stopMs: number }[] = [];
    // A unit without a stop time of its own gets the time that the shutdown leaves.
    const note = (name: string, stopMs: number | undefined) =>
      stopMs !== undefined && stopMs !== USUAL_STOP_MS && stops.push({ name, stopMs });
    for (const entry of this.plan.entries) {
      if ("feature" in entry) { if (!entry.isConfigured) note(entry.name, entry.stopMs); }
      else if ("make" in entry) note(entry.name, entry.longestStopMs);
      else note(entry.subsystem.name, entry.spec.stopTimeoutMs);
    }
    return this.#stops = stops;
  }

  /** Whether the session has ended. */
  get isOver(): boolean {
    return this.#phase === "over";
  }

  /** The settings in force. */
  get config(): Config {
    return this.#loaded?.config ?? this.plan.config;
  }

  /** The configuration file as it is in force; undefined for a daemon made in code. */
  get loaded(): LoadedConfig | undefined {
    return this.#loaded;
  }

  /** Number of the configuration in force, from 1. */
  get configVersion(): number {
    return this.#configVersion;
  }

  /** Where it is in its life, for `status`. */
  get phase(): "starting" | "running" | "stopping" {
    return this.#phase === "over" ? "stopping" : this.#phase;
  }

  /** Whether every unit has started once. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** How many events were published and lost. The bus, once it is made, also counts what others publish on it. */
  get eventCounts(): { eventsPublished: number; busLagged: number } {
    return { eventsPublished: Math.max(this.#seq, this.#bus?.published ?? 0), busLagged: this.#bus?.lagged ?? 0 };
  }

  /** The bus, made on first use. */
  get bus(): EventBus<DaemonTopics> {
    return this.#bus ??= new EventBus<DaemonTopics>({
      capacity: this.plan.config.bus.capacity,
      onHandlerError: (cause, topic) => {
        const message = `Cannot run a handler of "${topic}" on the bus: ${messageOf(cause)}`;
        this.report(new SubsystemError("SUBSYSTEM_LISTENER_FAILED", "bus", message, { cause }));
      },
    });
  }

  /** Disposed in reverse order at the end, after the last unit is down. */
  get resources(): AsyncDisposableStack {
    return this.#resources ??= new AsyncDisposableStack();
  }

  /** Units beside the services of the configuration file. */
  get others(): Set<Registration> {
    return this.#others ??= new Set();
  }

  /** Lines that its services printed. */
  get lines(): LineStore {
    return this.#lines ??= new LineStore();
  }

  /** The newest events; they are kept from the first use on. */
  get events(): EventStore {
    return this.#events ??= new EventStore();
  }

  /** Operations for operators. */
  get operations(): Operations {
    return this.#operations ??= new DaemonOperations(this);
  }

  /** The supervisor of the units; undefined until it starts. */
  get supervisor(): Supervisor | undefined {
    return this.#supervisor;
  }

  /** Cancelled when a shutdown begins, before anything is told to stop; made on first use. */
  get drain(): CancelToken {
    if (this.#drain === undefined) {
      this.#drain = new CancelToken();
      if (this.#phase === "stopping" || this.#phase === "over") this.#drain.cancel(stopReason(this.#reason));
    }
    return this.#drain;
  }

  /** The parts of it that subsystems use. */
  get program(): Program {
    return this;
  }

  get<T extends object>(type: InstanceType<T>, name?: string): T {
    checkFunction("get an instance", "type", type);
    if (name !== undefined) checkText("get an instance", "name", name);
    const all = this.#supervisor?.instances(type) ?? [];
    const found = name === undefined ? all : all.filter(({ path }) => nameKey(path) === nameKey(name));
    if (found.length === 1) return found[0].instance;
    const who = `${type.name === "" ? "a class" : type.name}${name === undefined ? "" : ` called ${JSON.stringify(name)}`}`;
    const near = found.length > 0 || name === undefined ? undefined : nearest(name, all.map(({ path }) => path));
    const why = found.length === 0
      ? `one must run: none does${near === undefined ? "" : `; ${didYouMean(near)}`}`
      : `only one may run, or a name must say which: ${found.map(({ path }) => path).join(", ")}`;
    throw new SubsystemError("RUNTIME_STATE", name ?? type.name, `Cannot get an instance of ${who} as ${why}`);
  }

  /** Milliseconds since the start. */
  uptimeMs(): number {
    return Math.round(this.clock.nowMs() - this.#startedMs);
  }

  /** A snapshot of all units. */
  units(): UnitStatus[] {
    return this.#supervisor?.status() ?? [];
  }

  /** Names of units that should be ready and are not. */
  missing(): string[] {
    return this.#missing === 0 ? [] : this.#supervisor?.missing() ?? [];
  }

  /** Starts everything; see `Daemon.start`. */
  async start(options: StartOptions): Promise<void> {
    const { ownsProcess, isControlled } = options;
    try {
      const { pidFile, sink, host, entries } = this.plan;
      const isPlain = !entries.some((entry) => "feature" in entry || "make" in entry);
      const needsHost = ownsProcess || isControlled || pidFile !== undefined || sink !== undefined ||
        host !== undefined || !isPlain && featureEntriesIn(entries).length > 0;
      let registrations: readonly Registration[];
      let nowMs: number | undefined = this.#startedMs;
      if (needsHost) {
        const { prepare } = await import("./prepare.ts");
        registrations = await prepare(this, options);
        nowMs = undefined;
      } else if (isPlain) registrations = entries as readonly Registration[];
      else registrations = registrationsOf(entries, () => this, () => []);
      if (this.#phase === "stopping") throw new ShutdownError("SHUTDOWN_IN_PROGRESS", "Cannot finish the start as a shutdown has begun");
      const token = new CancelToken({ onListenerError: (error) => this.report(error), guard: guardDispatch });
      const supervisor = new Supervisor(this, token, registrations, this.plan.supervision);
      this.#supervisor = supervisor;
      this.#preparing?.resolve();
      supervisor.onEnd((end) => this.#unitsEnded(end));
      supervisor.onChild((child, isAdded) => this.#childChanged(child, isAdded));
      this.#announce("daemon.starting", "start");
      const stops = this.#stopsOfCode();
      if (stops.length > 0) { for (const warning of shortDeadlines(this.config.shutdown.given(), stops)) this.log.warn(warning); }
      await supervisor.start(this.surroundings?.down, nowMs);
      if (this.#phase === "starting") {
        this.#phase = "running";
        this.#hasStarted = true;
        const missing = this.isObserved() ? this.missing() : [];
        if (missing.length === 0) this.#announce("daemon.ready", "every unit has started");
        else this.#announce("daemon.started", `not ready: ${missing.join(", ")}`);
      }
      if (supervisor.isIdle) this.#unitsEnded({ kind: "idle" });
    } catch (error) {
      if (this.#phase === "starting") {
        this.#keep(error);
        this.#exitCode ??= EXIT_CODES.failed;
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

  /** Ends a session that was told to stop before it started. */
  neverStart(reason: string, exitCode: number | undefined): void {
    this.#reason = reason;
    this.#exitCode = exitCode;
    this.#finish();
  }

  /** Begins to stop; the daemon calls it once. */
  shutdown(reason: string, exitCode?: number): void {
    if (this.#phase === "over") return;
    if (exitCode !== undefined) this.#exitCode ??= exitCode;
    if (this.#phase === "stopping") return;
    this.#phase = "stopping";
    this.#stoppingSinceMs = this.clock.wallMs();
    this.#reason = reason;
    this.#noteFailures();
    this.#errorsBefore = this.#errors.length + this.#droppedErrors;
    if (this.#supervisor === undefined) return;
    this.#announce("daemon.stopping", reason);
    this.#bus?.publish("shutdown", { reason });
    this.#supervisor.stopIntake();
    this.#drain?.cancel(stopReason(reason));
    this.#timeline.begin();
  }

  /** Notes units that failed for good: they did not stop the daemon, but are no clean end of one that was made in code. */
  #noteFailures(): void {
    if (this.#exitCode !== undefined || this.#loaded !== undefined) return;
    for (const { path, reason, error: cause } of this.#supervisor?.failures() ?? []) {
      this.#keep(new SubsystemError("SUBSYSTEM_FAILED", path, `Cannot end cleanly as ${path} has failed for good: ${reason}`, { cause }));
      this.#exitCode = EXIT_CODES.failed;
    }
  }

  /** A signal asked to stop: the first one begins, a later one hurries. */
  signalled(signal: SignalName): void {
    if (this.#phase === "stopping") {
      this.#exitCode ??= EXIT_CODES.failed;
      this.#announce("daemon.forced", `received ${signal} again`);
      this.#timeline.hurry();
    } else {
      this.#stopSignal = signal;
      this.#requestShutdown(`received ${signal}`);
    }
  }

  /** Adds what may say something that an operator has to know; undefined for nothing. */
  addNotice(look: () => string | undefined): void {
    this.#notices.push(look);
  }

  /** Notices for the operator. */
  notices(): string[] {
    return this.#notices.map((look) => look()).filter((text) => text !== undefined);
  }

  /** Resolves when there are units, or will be none any more: first, what an earlier daemon left is ended, which may take its time. */
  async prepared(): Promise<void> {
    if (this.#supervisor === undefined && this.#phase !== "over") await (this.#preparing ??= Promise.withResolvers()).promise;
  }

  /** Reads the configuration file again and applies what differs: see `Operations.reload`. */
  async reload(options: { dryRun?: boolean } = {}): Promise<ReloadAnswer> {
    return await (await this.#theReloads()).reload(options);
  }

  /** The promise is kept, not what it resolves with: who comes during the import must share it. */
  #theReloads(): Promise<Reloads> {
    return this.#reloads ??= import("./reload.ts").then(({ Reloads }) => new Reloads(this));
  }

  /**
   * A signal or a changed file asks for a reload: what goes wrong is in the log. While stopping, nothing happens. Resolves once it is in force
   * or refused, and with false when there was no file to read.
   */
  async reloadUnasked(why: string): Promise<boolean> {
    if (this.#phase === "stopping" || this.#phase === "over") return true;
    this.log.info("reloading the configuration", { reason: why });
    const reloads = await this.#theReloads();
    // Mistakes of the file are in the log already.
    const tell = (error: unknown) =>
      error instanceof ConfigError || this.log.error("the configuration could not be reloaded", { reason: messageOf(error), err: error });
    try {
      const { outcomes } = await reloads.apply();
      outcomes.catch(tell);
      return true;
    } catch (error) {
      tell(error);
      return reloads.hasRead(error);
    }
  }

  /** Calls `fn` with each configuration that is to take effect, before anything else of it is applied; what throws keeps it from that. */
  onApply(fn: Applier): void {
    this.#appliers.push(fn);
  }

  /** Lets the files that the configuration in force names be read again. */
  async reread(): Promise<void> {
    for (const feature of this.features.values()) await feature.reread?.();
  }

  /**
   * Lets a configuration take effect: first all who might refuse it, then the units. Resolves with what becomes of the units that it touches,
   * which may take its time.
   *
   * @throws what an applier threw; nothing has changed then.
   */
  async apply(loaded: LoadedConfig, afresh: ReadonlySet<string>): Promise<{ outcomes: Promise<UnitOutcome[]> }> {
    const refuseWhenStopping = () => {
      if (this.#phase !== "stopping" && this.#phase !== "over") return;
      throw new ShutdownError("SHUTDOWN_IN_PROGRESS", "Cannot reload the configuration as the daemon is stopping");
    };
    refuseWhenStopping();
    await this.#tryFeatures(loaded, refuseWhenStopping);
    for (const apply of this.#appliers) apply(loaded);
    this.#loaded = loaded;
    this.#configVersion++;
    this.#timeline.retime(this.#shutdownTimes());
    const { surroundings } = this;
    const children: Registration[] = [];
    const restart = new Set<string>();
    for (const [name, feature] of this.features) {
      const change = feature.change?.(this.settingsFor(name, loaded), afresh);
      children.push(...change?.units ?? feature.units?.() ?? []);
      for (const unit of change?.restart ?? []) restart.add(unit);
    }
    children.push(...this.others);
    const outcomes = this.#supervisor!.change({ children, restart, down: surroundings?.down ?? new Set() });
    // A unit of that name that comes later is another one.
    const keys = new Set(children.map(({ subsystem: { name } }) => nameKey(name)));
    const gone = [...surroundings?.down ?? []].filter((path) => !keys.has(path.split("/", 1)[0]));
    if (gone.length > 0) surroundings!.rememberDown(surroundings!.down.difference(new Set(gone)));
    return { outcomes };
  }

  /** Lets every feature try what would come; where one refuses, or the daemon has begun to stop, the others take it back. */
  async #tryFeatures(loaded: LoadedConfig, refuseWhenStopping: () => void): Promise<void> {
    const undos: Undo[] = [];
    try {
      for (const [name, feature] of this.features) {
        const undo = await feature.check?.(this.settingsFor(name, loaded));
        if (undo !== undefined) undos.push(undo);
      }
      refuseWhenStopping();
    } catch (error) {
      for (const undo of undos.reverse()) {
        try {
          await undo();
        } catch (cause) {
          this.log.error("a part of a refused reload could not be taken back", { reason: messageOf(cause), err: cause });
        }
      }
      throw error;
    }
  }

  /** The settings of a feature, by the configuration in force or by another one. */
  settingsFor(feature: string, loaded: LoadedConfig | undefined = this.#loaded): FeatureSettings {
    return { configured: loaded?.features[feature], added: addedFor(feature, this.plan.entries), cwd: this.programFolder };
  }

  /** Hands over log files, once they are open. */
  useLogs(...logs: LogFiles[]): void {
    this.#logs.push(...logs);
  }

  /** Writes what waits for the log files: the process is about to end at once. */
  flushLogs(): void {
    for (const log of this.#logs) log.flush();
  }

  /** Reopens log files, after something else has moved them. */
  reopenLogs(): void {
    for (const log of this.#logs) log.reopen();
  }

  /** Adds a unit while running, to the group with this path where one is given. */
  add(child: Registration, group: string | { readonly name: string } | undefined): SubsystemHandle {
    const name = JSON.stringify(child.subsystem.name);
    if (this.#supervisor === undefined || this.#phase === "stopping" || this.#phase === "over") {
      throw new ShutdownError("SHUTDOWN_IN_PROGRESS", `Cannot add ${name} as the daemon does not run`);
    }
    if (group === undefined) return this.#supervisor.add(child);
    const path = typeof group === "string" ? group : group?.name;
    if (typeof path !== "string") {
      throw new TypeError(`Cannot add ${name} as "group" must be a path or a handle: current value is ${messageOf(group)}`);
    }
    const unit = this.#supervisor.unitAt(path);
    const inner = innerOf(unit);
    if (inner === undefined) {
      const why = unit.registration.kind === "supervisor" ? `is ${unit.state}` : "is no group";
      throw new SubsystemError("RUNTIME_STATE", unit.path, `Cannot add ${name} to ${unit.path} as it ${why}`);
    }
    return inner.add(child);
  }

  /** Resolves with how the unit with this path has ended. */
  async endOf(path: string): Promise<SubsystemEnd> {
    if (typeof path !== "string") {
      throw new TypeError(`Cannot wait for the end of a unit as its path must be a text: current value is ${messageOf(path)}`);
    }
    const unit = this.#supervisor?.unitAt(path);
    if (unit === undefined) throw unknownUnit(path, []);
    return await unit.supervisor.ended(unit);
  }

  /** A unit of code has come or gone. */
  #childChanged(child: Registration, isAdded: boolean): void {
    if (!isAdded) return void this.#others?.delete(child);
    // Only who reloads a file or serves operators asks for them later.
    if (this.features.size > 0) this.others.add(child);
    const { stopTimeoutMs = USUAL_STOP_MS } = child.spec;
    const longestMs = stopTimeoutMs === USUAL_STOP_MS ? 0 : longestStopOf([stopTimeoutMs]);
    if (longestMs <= this.#longestOfCodeMs!) return;
    this.#longestOfCodeMs = longestMs;
    this.#timeline.retime(this.#shutdownTimes());
  }

  /**
   * Something failed that nobody handled: the daemon stops with the code for that. Where the runtime does not tell who it was, whoever runs
   * inside this process comes into question.
   */
  uncaught(error: unknown, owner: string | undefined): void {
    const suspects = owner === undefined ? this.#insiders() : [owner];
    const path = suspects.length === 1 ? suspects[0] : "unattributed";
    const who = suspects.length > 1 ? `one of ${suspects.join(", ")}` : path;
    this.report(
      new SubsystemError("RUNTIME_PANIC", path, `Cannot go on as ${who} left an error unhandled: ${messageOf(error)}`, { cause: error }),
    );
    this.#exitCode = EXIT_CODES.internal;
    this.#requestShutdown(`unhandled error in ${who}: ${messageOf(error)}`);
  }

  /** Paths of units that have run as code of this process; a service is a program of its own, a supervisor runs only others. */
  #insiders(): string[] {
    return this.units().filter(({ kind, run }) => run > 0 && !runsAsProcess(kind) && kind !== "supervisor").map(({ name }) => name);
  }

  // --- What the timeline asks

  /** Stops every unit in its turn. */
  stop(nowMs: number): void {
    const supervisor = this.#supervisor!;
    void supervisor.stop(this.#reason, nowMs).then(() => this.#finish());
  }

  /** Tells every unit at once that patience is over. */
  force(): void {
    const late = this.isObserved() ? this.#late() : [];
    if (late.length > 0) this.#announce("daemon.forced", `not stopped yet: ${late.map(({ name }) => name).join(", ")}`);
    this.#supervisor?.force();
  }

  /** Units that have not come to their end. */
  #late(): UnitStatus[] {
    return this.units().filter(({ state }) => hasRunInState(state));
  }

  /** Kills whatever can be killed. */
  kill(): void {
    for (const { name, kind } of this.#late()) if (runsAsProcess(kind)) (this.#killed ??= new Set()).add(name);
    this.#supervisor?.kill();
  }

  /** Ends with what is left, as unstopped. */
  giveUp(): void {
    this.#gaveUp = true;
    this.#supervisor?.giveUp();
    this.#finish();
  }

  // --- What supervisors ask

  /** Whether anybody looks at events. */
  isObserved(): boolean {
    return this.#bus !== undefined || (this.plan.listeners.all?.size ?? 0) > 0 || this.#events !== undefined || this.log !== silentLogger;
  }

  /** Numbers and dates an event, logs it, and publishes it. */
  emit(body: EventBody): void {
    if (!this.isObserved()) return;
    const event = { v: 1, seq: ++this.#seq, time: new Date(this.clock.wallMs()).toISOString(), ...body } as DaemonEvent;
    logEvent(this.log, event);
    this.#events?.publish(event);
    for (const listener of this.plan.listeners.all ?? []) this.#tell(listener, event);
    const bus = this.#bus;
    if (bus === undefined) return;
    bus.publish("event", event);
    if (event.type === "unit.state" && event.error !== undefined && !isStoppedState(event.to)) {
      bus.publish("serviceCrashed", { service: event.name, reason: event.reason, error: event.error });
    }
    if (event.type === "config.reload" && event.outcome === "applied") {
      bus.publish("configUpdated", { version: event.version, changed: event.changed });
    }
    if (event.type === "unit.ready" || event.type === "unit.state") this.#publishReadiness(bus);
  }

  #tell(listener: EventListener, event: DaemonEvent): void {
    const fail = (cause: unknown) => {
      const message = `Cannot run a listener of events: ${messageOf(cause)}`;
      this.report(new SubsystemError("SUBSYSTEM_LISTENER_FAILED", "events", message, { cause }));
    };
    try {
      const answer = listener(event) as PromiseLike<unknown> | undefined;
      if (typeof answer?.then === "function") answer.then(undefined, fail);
    } catch (cause) {
      fail(cause);
    }
  }

  /** Keeps an error for the exit report and logs it. */
  report(error: unknown): void {
    this.#keep(error);
    this.log.error(messageOf(error), { err: error });
  }

  #keep(error: unknown): void {
    this.#errors.push(error);
    if (this.#errors.length <= MOST_ERRORS) return;
    this.#errors.shift();
    this.#droppedErrors++;
  }

  /** Remembers which unit failed last. */
  failed(path: string): void {
    this.#lastFailure = path;
  }

  /** Asks the daemon to stop, with a code where the reason has one. */
  requestShutdown(reason: string, exitCode?: number, isForced: boolean = false): void {
    if (exitCode !== undefined) this.#exitCode ??= exitCode;
    this.#askDaemon(reason);
    if (isForced) this.hurry();
  }

  /** Leaves no more time for a graceful end. */
  hurry(): void {
    if (this.#supervisor !== undefined) this.#timeline.hurry();
  }

  #askDaemon(reason: string): void {
    // Listeners told of the shutdown are not the unit that asked for it, and may wait for the end.
    if (this.#labels === undefined) this.#requestShutdown(reason);
    else this.#labels.runAs(undefined, () => this.#requestShutdown(reason));
  }

  /** Milliseconds until the daemon gives up. */
  remainingMs(): number | undefined {
    return this.#timeline.remainingMs();
  }

  /** Makes what a unit that prints nothing logs into lines for `logs`, where somebody can ask for them; undefined for services. */
  linesOfLog: ((path: string) => ((log: Logger) => Logger) | undefined) | undefined;

  /** Milliseconds that a stop may take: outside a shutdown as long as all stops of one may, inside one what its deadlines leave. */
  stopTimeoutMs(): number {
    return this.#timeline.hasBegun ? Infinity : this.config.shutdown.timeoutMs;
  }

  /** So many more units, or fewer, are to be up and are not. */
  countMissing(by: number): void {
    this.#missing += by;
  }

  /** Whether an operator stopped this unit before the daemon started. */
  isKeptDown(path: string): boolean {
    return this.surroundings?.down.has(nameKey(path)) ?? false;
  }

  /** The logger of a unit. */
  logger(path: string): Logger {
    const log = this.log.child(path);
    const lines = this.linesOfLog?.(path);
    return lines === undefined ? log : lines(log);
  }

  /** Runs `fn` so that what it leaves unhandled is charged to `path`, where this daemon owns the process. */
  runAs<T>(path: string, fn: () => T): T {
    const outer = this.#entered;
    this.#entered = path;
    try {
      return this.#labels === undefined ? fn() : this.#labels.runAs(path, fn);
    } finally {
      this.#entered = outer;
    }
  }

  /** Path of the unit whose code has just been entered. */
  #entered: string | undefined;
  #labels: Pick<OwnProcess, "runAs" | "label"> | undefined;

  /** Charges stray errors to units from now on; for the owner of the process. */
  attribute(labels: Pick<OwnProcess, "runAs" | "label">): void {
    this.#labels = labels;
  }

  /** Path of the unit whose code calls, as far as it can be told: anywhere for the owner of the process, else before its first `await`. */
  callingUnit(): string | undefined {
    return this.#labels?.label() ?? this.#entered;
  }

  // --- The end

  #unitsEnded(end: SupervisorEnd): void {
    if (end.kind === "asked") return this.requestShutdown(`${end.name} asked for the end`);
    if (this.#phase === "starting" && end.kind === "idle") return;
    if (end.kind === "escalated") {
      this.#keep(end.error);
      this.#exitCode ??= EXIT_CODES.failed;
      return this.#requestShutdown(messageOf(end.error));
    }
    if (end.kind === "autoShutdown") return this.#requestShutdown(`${end.name} has ended`);
    const failures = this.#supervisor?.failures() ?? [];
    if (this.#loaded !== undefined) {
      // A daemon of services stays until it is told, but not when every one of them has failed for good.
      const isHopeless = failures.length > 0 &&
        this.units().every(({ state }) => isLostState(state));
      if (!isHopeless) return;
    }
    const last = failures.find(({ path }) => path === this.#lastFailure) ?? failures.at(-1);
    if (last !== undefined) {
      const { path, error } = last;
      const exitCode = isDaemonError(error) ? error.context?.exitCode : undefined;
      this.#keep(new SubsystemError("SUBSYSTEM_FAILED", path, `Cannot go on as ${path} has failed: ${messageOf(error)}`, { cause: error }));
      this.#exitCode ??= typeof exitCode === "number" && exitCode !== 0 ? exitCode : EXIT_CODES.failed;
    }
    this.#requestShutdown(last !== undefined ? "every unit has failed" : "no subsystem is left");
  }

  #finish(): void {
    if (this.#phase === "over") return;
    const isForced = this.#timeline.isForced;
    this.#timeline.finish();
    for (const feature of this.features.values()) {
      for (const path of feature.killedSince?.(this.#stoppingSinceMs) ?? []) (this.#killed ??= new Set()).add(path);
    }
    const unstopped = this.#supervisor?.unstopped() ?? [];
    this.#phase = "over";
    this.turns[Symbol.dispose]();
    this.#preparing?.resolve();
    if (this.#resources === undefined) {
      this.#announceEnd();
      this.#bus?.close();
      return this.#conclude(unstopped, isForced);
    }
    void this.#release().then(() => this.#conclude(unstopped, isForced));
  }

  /** Resolves with the report; what went wrong while letting go of resources counts too, what an unstopped run does later does not. */
  #conclude(unstopped: Unstopped[], isForced: boolean): void {
    const errors = this.#errors.slice();
    const droppedErrors = this.#droppedErrors;
    const isClean = unstopped.length === 0 && errors.length + droppedErrors === this.#errorsBefore &&
      !this.#gaveUp && !isForced;
    const signalCode = this.config.shutdown.exitCode === "signal" && this.#stopSignal !== undefined
      ? signalExitCode(SIGNAL_NUMBERS[this.#stopSignal])
      : EXIT_CODES.ok;
    const exitCode = this.#exitCode ?? (isClean ? signalCode : EXIT_CODES.failed);
    this.#resolve({
      exitCode,
      reason: this.#reason,
      errors,
      droppedErrors,
      unstopped,
      killed: this.#killedPaths(),
      uptimeMs: this.uptimeMs(),
    });
  }

  async #release(): Promise<void> {
    if (this.#supervisor !== undefined) this.#announceEnd();
    this.#bus?.close();
    try {
      await this.resources.disposeAsync();
    } catch (error) {
      this.#keep(error);
    }
  }

  #killedPaths(): string[] {
    return this.#killed === undefined ? [] : [...this.#killed];
  }

  #announceEnd(): void {
    if (!this.isObserved()) return;
    const killed = this.#killedPaths();
    this.emit({ type: "daemon.stopped", reason: this.#reason, ...killed.length === 0 ? {} : { killed } });
  }

  #announce(type: DaemonLifeEvent["type"], reason: string): void {
    if (this.isObserved()) this.emit({ type, reason });
  }

  #publishReadiness(bus: EventBus<DaemonTopics>): void {
    const ready = this.#missing === 0 && this.#phase !== "stopping";
    if (ready === this.#wasReady) return;
    this.#wasReady = ready;
    bus.publish("readiness", { ready, missing: this.missing() });
  }
}
