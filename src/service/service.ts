import { type ErrorLink, IoError, isDaemonError, messageOf, SubsystemError } from "../core/values/errors.ts";
import type { ChildProcess, ControlGroup, ProcessIdentity, ProgramRun, RunProcess, SpawnOptions } from "../core/ports/processes.ts";
import type { ExitStatus } from "../core/values/exit_status.ts";
import type { Host } from "../core/ports/host.ts";
import { sleep } from "../core/ports/clock.ts";
import { formatDuration } from "../core/values/duration.ts";
import type { Logger } from "../core/ports/log.ts";
import type { Context, Subsystem } from "../core/supervise/subsystem.ts";
import type { SubsystemSpec } from "../core/supervise/spec.ts";
import { adoptedChild, commandDigest, groupOfStranger, isPassedOn } from "./continuity.ts";
import type { Continuity } from "../core/ports/continuity.ts";
import type { LeftoverPolicy } from "../core/ports/continuity.ts";
import { type Contents, contentsOf } from "./contents.ts";
import { MARKS, type Placeholders, serviceEnvironment } from "./environment.ts";
import { WORDS, type Words } from "../core/supervise/unit.ts";
import { tame } from "../core/values/terminal_text.ts";
import { describeExit, exitCodeOf } from "./exit.ts";
import { unitNames } from "./log.ts";
import type { LogPort } from "../core/wire/unit_output.ts";
import { ServiceOutput } from "./output.ts";
import { addressOf, checkTarget, commandArgv, createProbe, linePattern, type Probe, SLOW_MS, untilReady } from "./probe.ts";
import { formatTcpAddress, type TcpAddress } from "./tcp_address.ts";
import { MODULE_WORD, REPORT_SOCKET_VARIABLE, TOKEN_VARIABLE } from "../core/wire/module_protocol.ts";
import type { ModuleHub } from "./module_hub.ts";
import { ModuleLink } from "./module_link.ts";
import { unmetNeeds } from "./needs.ts";
import type { Neighbours } from "./neighbours.ts";
import { afterPatience } from "./patience.ts";
import { ProcessGroup } from "./process_group.ts";
import type { OwnRun } from "./port_owner.ts";
import { ReadyLine } from "./ready_line.ts";
import { endsAll } from "../core/values/kill_mode.ts";
import type { ServiceSpec } from "./spec.ts";
import { StopCommand } from "./stop_command.ts";

/** Ports that the daemon gives to services. */
export interface ServicePorts {
  /** The machine. */
  host: Host;
  /** Takes what they print. */
  logs: LogPort;
  /** Marks every child as belonging to this daemon. */
  daemonId: string;
  /** Answers questions about other processes; shared by all services of a daemon. */
  neighbours: Neighbours;
  /** Connects services with those of earlier and later daemons; undefined where there is no such daemon. */
  continuity?: Continuity;
  /** Where modules report. */
  modules: ModuleHub;
}

/** Time that a service has beyond its own stop timeout: for SIGKILL to work and for the output to be read to its end. */
const STOP_MARGIN_MS = 2_000;
/** Time that the next run is given before the process table is looked at as a whole, which takes longer than a start. */
const LOOK_AFTER_CRASH_MS = 50;
/** Time that it may take to find out whether somebody listens where a service is to. */
const LOOK_BEFORE_MS = 500;
/** Time for which a program must have lived when an answer may come from somebody who was there before it. */
const MUST_LIVE_MS = 1_000;
/** Time from the start of a module until it must be ready. */
const MODULE_READY_MS = 30_000;

/**
 * The subsystems of a service: one, or `name@0`, `name@1`, … when it has several instances; `prefix` leads to the group that it is in.
 *
 * @throws {RangeError | SyntaxError} if the address or the pattern of a probe is none.
 */
export function serviceSubsystems(spec: ServiceSpec, ports: ServicePorts, prefix: string = ""): Service[] {
  return unitNames(spec).map((unit, instance) => new Service(spec, ports, { name: unit, path: prefix + unit, instance }));
}

/** How the last run of a service ended, as `status` shows it. */
export interface LastExit extends ExitStatus {
  /** ISO 8601 time in UTC. */
  at: string;
}

/**
 * One instance of a service: a subsystem whose run owns a program and its process group.
 *
 * - A run ends when the program has ended, everything that it has started is gone and all it printed was handed on; with
 *   `killMode: "group"` what has left its process group lives on, and is reported; with `killMode: "process"` helpers of the program live
 *   on, and what they print is still read, until the daemon ends.
 * - What can't be ended fails the run, and the next one until it is gone: nothing runs beside what an earlier run has left.
 * - An exit code that is none of `successExitCodes` fails the run with `SUBSYSTEM_EXITED`; its context holds `exitCode` (128 + n after
 *   signal n), `signal` and `lastLines`.
 * - A program that can't be started fails the run with the code that says why; the restart policy decides about the next try. With
 *   `SPAWN_NO_RESOURCES` the daemon itself had no room for it (files, processes, memory): it waits, and no restart is counted.
 */
export class Service implements Subsystem {
  /** Kind of unit, for `status`. */
  readonly kind = "service";
  readonly name: string;
  /** Its name behind those of the groups that it is in. */
  readonly path: string;
  #service: ServiceSpec;
  readonly #ports: ServicePorts;
  readonly #placeholders: Placeholders;
  readonly #readyPattern: RegExp | undefined;
  #pid: number | null = null;
  /** The program of an earlier daemon that this one goes on with. */
  #adopted: ProcessIdentity | undefined;
  #lastExit: LastExit | null = null;
  #lastLines: readonly string[] | undefined;
  #spawnFailures = 0;
  #wasKilled = false;
  /** Digests of the files that it names, taken at the last start or attempt to start. */
  #contents: Contents | undefined;
  /** The channel to the module of the present run. */
  #link: ModuleLink | undefined;
  /** Processes of earlier runs that were left, or could not be ended. */
  #escaped: readonly RunProcess[] = [];
  /** Those of them that could not be ended. */
  #unkilled: readonly RunProcess[] = [];
  /** The group of the present run. */
  #group: ProcessGroup | undefined;
  /** Why it is not ready, or why this run never was; undefined once it is. */
  #probeAnswer: string | undefined;
  /** Process that held the address of its probe before this run began. */
  #taken: string | undefined;
  /** How the last run ended, where it did not fail. */
  #end: string | undefined;
  /** Error of the last run; a run that was asked to stop does not fail. */
  #failure: unknown;

  /** Creates the subsystem of instance number `instance`; nothing is started. */
  constructor(service: ServiceSpec, ports: ServicePorts, { name, path, instance }: { name: string; path: string; instance: number }) {
    const { ready, port } = service;
    this.name = name;
    this.path = path;
    this.#service = service;
    this.#ports = ports;
    this.#placeholders = { port: port === undefined ? undefined : port + instance, instance };
    if (ready !== undefined) checkTarget(ready.target, this.#placeholders);
    if (ready?.target.kind === "log") this.#readyPattern = linePattern(ready.target, this.#placeholders);
  }

  /** How it is run, as its service says now. */
  get spec(): SubsystemSpec {
    const { ready, stop, restart, after, essential, module } = this.#service;
    const readyMs = ready?.timeoutMs ?? (module === undefined ? undefined : MODULE_READY_MS);
    return {
      restart,
      after,
      readiness: readyMs === undefined ? "none" : "manual",
      // Without a probe it has started once it is launched, and among thousands its turn for that may come late.
      ready: { timeout: readyMs ?? Infinity },
      stop: { timeout: stop.timeoutMs + STOP_MARGIN_MS },
      essential,
      retryStart: true,
    };
  }

  /** For the sentences of its supervisor. */
  get [WORDS](): Words {
    const { survivors } = this;
    return {
      unready: this.#probeAnswer,
      end: this.#end,
      failure: this.#failure,
      left: survivors.length === 0 ? undefined : `process ${survivors.join(", ")} can't be killed`,
    };
  }

  /** Takes a changed service whose keys can change while it runs; those that decide what runs must be the same. */
  update(service: ServiceSpec): void {
    this.#service = service;
  }

  /**
   * `command`, `pid` (of the program, for a text of its shell: the leader of the group), `adopted` (while it runs and an earlier daemon
   * started it), `port`, `lastExit`, `spawnFailures`, `probe` (why it is or was not ready), `heartbeat` (of a module that is blocked),
   * `ending` (its program has ended, and what that has started is being ended), `escaped` (processes of earlier runs that live) and, after
   * a run that failed or never became ready, `lastLines`.
   */
  details(): Readonly<Record<string, unknown>> {
    const { run, module } = this.#service;
    const escaped = pidsOf(this.#livingEscaped());
    const ending = pidsOf(this.#group?.left ?? []);
    // The pid must not be shown once it belongs to another process: a signal to it would hit that one.
    const pid = this.#adopted !== undefined && isPassedOn(this.#adopted, this.#ports.host.processes) ? null : this.#pid;
    return {
      command: run === undefined ? `module ${module}` : typeof run === "string" ? run : run.join(" "),
      pid,
      ...(this.#adopted !== undefined && pid !== null ? { adopted: true } : {}),
      ...(this.#placeholders.port === undefined ? {} : { port: this.#placeholders.port }),
      lastExit: this.#lastExit,
      ...(this.#lastLines === undefined ? {} : { lastLines: this.#lastLines }),
      ...(this.#probeAnswer === undefined ? {} : { probe: this.#probeAnswer }),
      spawnFailures: this.#spawnFailures,
      ...(this.#link?.silence === undefined ? {} : { heartbeat: `none for ${this.#link.silence}` }),
      ...(ending.length === 0 ? {} : { ending }),
      ...(escaped.length === 0 ? {} : { escaped }),
    };
  }

  /** Treatment of a run that an earlier daemon left, and how to stop it. */
  get recovery(): { leftover: LeftoverPolicy; stop: Omit<ServiceSpec["stop"], "run"> & { uid?: number } } {
    const { leftover, stop, user } = this.#service;
    try {
      return { leftover, stop: user === undefined ? stop : { ...stop, uid: this.#ports.host.processes.user(user).uid } };
    } catch {
      return { leftover, stop }; // whoever is none runs nothing
    }
  }

  /** When its last run ended, in ISO 8601, if that was to stop and had to be killed. */
  get killedAt(): string | undefined {
    return this.#wasKilled ? this.#lastExit?.at : undefined;
  }

  /** Numbers of processes that its runs have started, and that live on as they could not be ended. */
  get survivors(): number[] {
    return pidsOf(this.#living(this.#unkilled));
  }

  /** Whether something that it has started lives, as far as it knows. */
  get isAlive(): boolean {
    return this.#pid !== null || this.#group !== undefined || this.survivors.length > 0;
  }

  /** Name of the service that it is an instance of. */
  get service(): string {
    return this.#service.name;
  }

  /** Digests of the files that it names, at its last start; undefined before the first one. */
  get contents(): Contents | undefined {
    return this.#contents;
  }

  /** Returns a known reason why it can't be started now; undefined where there is none. */
  async startProblem(): Promise<string | undefined> {
    const { needs } = await unmetNeeds(this.#service, this.#ports.host);
    return needs.length === 0 ? undefined : needs.map(({ message }) => message).join("; ");
  }

  /**
   * Stands for what a run would start now.
   *
   * @throws {DaemonError} if nothing could be started, because of an env file or a user.
   */
  async command(): Promise<string> {
    return this.#digest(await this.#launch(this.path, ""));
  }

  /** Starts the program and sees it to its end. */
  async run(context: Context): Promise<void> {
    this.#end = undefined;
    this.#failure = undefined;
    this.#probeAnswer = this.#firstAnswer();
    if (context.isShutdown()) return;
    const { host, logs, daemonId, neighbours, continuity } = this.#ports;
    // A reload may change these while it runs.
    const stop = () => this.#service.stop;
    const { processes, clock } = host;
    const inherited = continuity === undefined ? undefined : await continuity.inherit(context.name);
    // A program taken over from an earlier daemon is ours to stop.
    if (context.isShutdown() && inherited === undefined) return;
    const runNumber = inherited?.run ?? context.run;
    const unitValue = `${daemonId}/${context.name}/${runNumber}`;

    // Start the program and take hold of everything that has to end with it.
    let isReady = false;
    let isOver = false;
    const becomeReady = () => {
      isReady = true;
      this.#probeAnswer = undefined;
      context.ready();
    };
    using link = this.#createLink(context, becomeReady);
    using expected = link === undefined ? undefined : this.#ports.modules.expect(link);
    let child: ChildProcess;
    let control: ControlGroup | undefined;
    let command: string;
    let probe: Probe | undefined;
    const local = this.#localAddress();
    let wasAnswered = false;
    let launch: Omit<SpawnOptions, "argv">;
    try {
      logs.open(context.name);
      launch = await this.#tellingSlow(this.#launch(context.name, unitValue, inherited === undefined ? context.signal : undefined));
      if (context.isShutdown() && inherited === undefined) return;
      command = continuity === undefined ? "" : this.#digest(launch);
      probe = this.#createProbe(launch);
      const program = { ...this.#program(launch, expected?.token), marks: MARKS.filter((name) => name in launch.env) };
      this.#refuseBesideSurvivors(context.name);
      if (local !== undefined && inherited === undefined) wasAnswered = await this.#lookBefore(local, context);
      if (context.isShutdown() && inherited === undefined) return;
      if (expected !== undefined) await this.#ports.modules.open();
      if (stop().killMode === "cgroup") control = processes.controlGroup(`daemonkit-${daemonId}-${context.name.replaceAll("/", ".")}`);
      child = inherited === undefined
        ? await processes.spawn({ ...program, signal: context.signal })
        : adoptedChild(inherited.identity, host);
      if (inherited === undefined && control !== undefined) this.#putInto(control, child);
    } catch (cause) {
      this.#spawnFailures++;
      logs.close(context.name);
      control?.[Symbol.dispose]();
      // Nothing was started, so nothing could fail to stop.
      if (context.isShutdown()) return;
      throw this.#failure = this.#startError(context.name, cause);
    }
    using _control = control;
    using _record = continuity?.remember({ unit: context.name, run: runNumber, identity: child.identity, command, uid: launch.uid });
    this.#link = link;
    this.#pid = child.identity.pid;
    this.#adopted = inherited?.identity;
    const run: ProgramRun = {
      leader: child.identity,
      marks: Object.fromEntries(MARKS.filter((name) => name in launch.env).map((name) => [name, launch.env[name]])),
      uid: launch.uid,
    };
    const onTrouble = (message: string, fields: Readonly<Record<string, unknown>>) => context.log.warn(message, fields);
    const group = new ProcessGroup(child, {
      ...(inherited === undefined ? { processes, neighbours } : groupOfStranger(inherited.identity, { processes, neighbours })),
      clock,
      get stopSignal() {
        return stop().signal;
      },
      get stopTimeoutMs() {
        return stop().timeoutMs;
      },
      get killMode() {
        return stop().killMode;
      },
      get stopCommand() {
        const { run, timeoutMs } = stop();
        return run === undefined ? link : new StopCommand({
          name: context.name,
          launch: { ...launch, argv: commandArgv(run) },
          timeoutMs,
          processes,
          neighbours,
          clock,
          logs,
          onTrouble,
        });
      },
      kin: async (look) => {
        const found = await neighbours.kinOf(run, look);
        const known = new Set(found.map(({ identity }) => identity.pid));
        return control === undefined ? found : [...found, ...control.members().filter(({ identity }) => !known.has(identity.pid))];
      },
      ...(control === undefined ? {} : { killAll: () => control.kill() }),
      onTrouble,
      onKill: () => this.#wasKilled = context.isShutdown(),
    });
    this.#wasKilled = false;
    this.#group = group;
    const readyLine = this.#readyPattern === undefined ? undefined : new ReadyLine(this.#readyPattern);
    const output = new ServiceOutput(child, {
      name: context.name,
      clock,
      maxLineBytes: () => logs.maxLineBytes(context.name),
      room: () => logs.room(),
      keep: (bytes, count) => logs.keep(context.name, bytes, count),
      publish: (block) => logs.publish(block),
      onLines: (block) => !isReady && !isOver && readyLine?.isIn(block) && becomeReady(),
      onBroken: () => group.kill(),
    });

    // Watch it: for a request to stop, for readiness, for its end.
    const probing = new AbortController();
    void context.cancelled().then(() => {
      probing.abort();
      group.stop();
    });
    using _hurrying = context.onForce(() => group.hurry());
    using _killing = context.onKill(() => group.kill());
    void child.exited.then(() => probing.abort());
    // The line that an adopted program became ready with was read by the daemon before this one.
    if (inherited !== undefined && this.#readyPattern !== undefined) becomeReady();
    if (probe !== undefined && local !== undefined) {
      const own = { program: run, mark: unitValue, hasHelpers: stop().killMode === "process" };
      probe = this.#localProbe(probe, local, own, { wasAnswered, log: context.log });
    }
    const probed = this.#untilReady(probe, context.log, probing.signal).then((isUp) => isUp && becomeReady());

    // See it to its end: all that it has started, the probe that may be under way, the output.
    void child.exited.then(() => this.#pid = null);
    const status = await group.ended();
    this.#link = undefined;
    this.#group = undefined;
    this.#lastExit = { ...status, at: new Date(clock.wallMs()).toISOString() };
    await probed;
    const { killMode } = stop();
    const drained = output.drain({ readsOn: killMode === "process" });
    // A crash is answered before anything is looked at; what is stopped is reported before the daemon may be gone.
    const delayMs = context.isShutdown() ? 0 : LOOK_AFTER_CRASH_MS;
    const told = killMode !== "group"
      ? undefined
      : neighbours.tellKin(run, { delayMs, tell: async (found) => this.#tellOfEscaped(found, await drained, context.log) });
    const isDrained = await drained;
    // Later output of a helper says nothing about this run.
    isOver = true;
    if (killMode === "process" && !isDrained) neighbours.adopt(output);
    if (context.isShutdown()) await told;
    const { survivors } = group;
    if (survivors.length > 0) this.#unkilled = [...this.#living(this.#unkilled), ...survivors];
    if (endsAll(killMode)) {
      this.#escaped = survivors;
      // The quick look before the next start believed what was found out earlier.
      if (!context.isShutdown()) void neighbours.tellKin(run, { delayMs, tell: (found) => this.#endLate(found, context.log) });
    } else if (survivors.length > 0) this.#escaped = survivors;

    // Judge the end.
    const exitCode = exitCodeOf(status);
    const isFailure = !context.isShutdown() && !this.#service.successExitCodes.includes(exitCode);
    this.#lastLines = isFailure || !isReady ? output.lastLines : undefined;
    const error = link?.error;
    if (survivors.length > 0) throw this.#survivorError("SUBSYSTEM_STOP_FAILED", `${context.name} is down, but not all that it started`);
    if (!isFailure) {
      this.#end = describeExit(status);
      if (error !== undefined) context.log.warn("the module failed while it stopped", { reason: describeError(error) });
      return;
    }
    if (error !== undefined) {
      const code = error.code === "SUBSYSTEM_FATAL" ? error.code : "SUBSYSTEM_FAILED";
      throw this.#failure = new SubsystemError(code, context.name, `${context.name} failed: ${describeError(error)}`, {
        context: { exitCode, signal: status.signal, lastLines: output.lastLines, error },
      });
    }
    const taken = isReady || this.#taken === undefined ? "" : `; ${this.#taken}`;
    throw this.#failure = new SubsystemError("SUBSYSTEM_EXITED", context.name, `${context.name} ${describeExit(status)}${taken}`, {
      context: { exitCode, signal: status.signal, lastLines: output.lastLines },
    });
  }

  /** Before the loop goes on; what it has started until then is known as its own all the same. */
  #putInto(control: ControlGroup, child: ChildProcess): void {
    try {
      control.add(child.identity.pid);
    } catch (error) {
      this.#ports.host.processes.signalGroup(child.identity.pid, "SIGKILL", { isSeen: true });
      for (const stream of [child.stdout, child.stderr]) void stream.cancel();
      throw error;
    }
  }

  /** Reports, once for a run, who has left its process group and lives on, which only the kill mode `group` allows. */
  #tellOfEscaped(found: readonly RunProcess[], isDrained: boolean, log: Logger): void {
    this.#escaped = [...this.#livingEscaped(), ...found];
    if (found.length === 0 && isDrained) return;
    log.warn('left processes behind that have escaped its process group; with kill_mode = "group" they are not stopped', {
      pids: pidsOf(found),
      ...(isDrained ? {} : { holdOutput: true }),
    });
  }

  /** Kills what the look before the next start has missed. */
  #endLate(found: readonly RunProcess[], log: Logger): void {
    if (found.length === 0) return;
    for (const { identity } of found) {
      try {
        if (this.#ports.host.processes.isAlive(identity)) this.#ports.host.processes.signal(identity.pid, "SIGKILL");
      } catch (error) {
        log.warn("could not end what an earlier run has left", { pid: identity.pid, err: error });
      }
    }
    log.warn("killed what an earlier run has left", { pids: pidsOf(found) });
  }

  /** @throws {SubsystemError} while something of an earlier run lives that could not be ended: nothing runs twice. */
  #refuseBesideSurvivors(unit: string): void {
    if (!endsAll(this.#service.stop.killMode)) return;
    this.#escaped = this.#livingEscaped();
    if (this.#escaped.length > 0) {
      throw this.#survivorError("SUBSYSTEM_START_FAILED", `Cannot start ${unit} beside what an earlier run left`);
    }
  }

  #survivorError(code: "SUBSYSTEM_STOP_FAILED" | "SUBSYSTEM_START_FAILED", what: string): SubsystemError {
    const list = this.#escaped.map(({ identity: { pid }, name }) => `${pid} (${tame(name)})`).join(", ");
    return new SubsystemError(code, this.path, `${what}: process ${list} can't be killed`, { context: { pids: pidsOf(this.#escaped) } });
  }

  #livingEscaped(): readonly RunProcess[] {
    return this.#living(this.#escaped);
  }

  #living(processes: readonly RunProcess[]): readonly RunProcess[] {
    return processes.filter(({ identity }) => this.#ports.host.processes.isAlive(identity));
  }

  /** Waits until its probe succeeds, and says whether it did; a log probe is not waited for here. */
  async #untilReady(probe: Probe | undefined, log: Logger, signal: AbortSignal): Promise<boolean> {
    const { ready: spec, module } = this.#service;
    // A module says itself that it is ready.
    if (spec === undefined) return module === undefined;
    const { clock } = this.#ports.host;
    if (spec.target.kind === "alive") return await sleep(clock, spec.target.forMs, { signal }).then(() => true, () => false);
    if (probe === undefined) return false;
    const onAnswer = (answer: string) => {
      if (answer !== this.#probeAnswer) log.debug("is not ready yet", { reason: answer });
      this.#probeAnswer = answer;
    };
    return await untilReady(probe, { clock, spec, signal, onAnswer });
  }

  /** Where its probe connects to, when that is on this machine. */
  #localAddress(): TcpAddress | undefined {
    const { ready } = this.#service;
    const address = ready === undefined ? undefined : addressOf(ready.target, this.#placeholders);
    return address !== undefined && this.#ports.neighbours.ports.isLocal(address) ? address : undefined;
  }

  /**
   * Whether somebody listens already where its probe will ask, before it starts; it is started all the same, as two may share a port, and a
   * program may take another one. A connection is cheaper than a look at who it is, and mostly refused.
   */
  async #lookBefore(address: TcpAddress, context: Context): Promise<boolean> {
    const { host: { http, clock }, neighbours } = this.#ports;
    this.#taken = undefined;
    const patience = new AbortController();
    using _time = afterPatience(clock, LOOK_BEFORE_MS, () => patience.abort());
    using token = context.child();
    void token.cancelled().then(() => patience.abort());
    try {
      await http.connect(address, { signal: patience.signal });
    } catch {
      return false;
    }
    if (this.#service.ready?.owner === "any") return true;
    const owner = await neighbours.ports.ask(address);
    if (owner.kind !== "other") return true;
    context.log.warn("somebody else listens already where its probe asks", { address: formatTcpAddress(address), holder: owner.who });
    this.#taken = `${formatTcpAddress(address)} was held by ${owner.who} when it started; ${MEANT}`;
    return true;
  }

  /** A probe on this machine: who answers has to belong to this run, where it is asked for and known, or the program has to live. */
  #localProbe(probe: Probe, address: TcpAddress, run: OwnRun, { wasAnswered, log }: { wasAnswered: boolean; log: Logger }): Probe {
    const { neighbours: { ports }, host: { clock, processes } } = this.#ports;
    const startMs = clock.nowMs();
    return async (signal, tell) => {
      const answer = await probe(signal, tell);
      if (answer !== undefined) return answer;
      if (this.#service.ready?.owner === "unit") {
        const owner = await ports.ask(address, run);
        if (owner.kind === "own") return undefined;
        if (owner.kind === "other") {
          return `${formatTcpAddress(address)} is answered by ${owner.who}, which does not belong to it; ${MEANT}`;
        }
        ports.tellUnknown(() =>
          log.warn("can't tell who listens here, so whoever answers a probe counts", { address: formatTcpAddress(address) })
        );
      }
      // An answer of a process that was there before proves nothing, and a program that finds its port taken dies soon.
      const restMs = wasAnswered ? startMs + MUST_LIVE_MS - clock.nowMs() : 0;
      if (restMs > 0) {
        tell(`${formatTcpAddress(address)} was answered before it started, so it has to live for ${formatDuration(MUST_LIVE_MS)}`);
        await sleep(clock, restMs, { signal });
      }
      return processes.isAlive(run.program.leader) ? undefined : "it has ended";
    };
  }

  /** Returns the answer to show before the first probe; undefined where a probe will soon give a better one. */
  #firstAnswer(): string | undefined {
    const { ready, module } = this.#service;
    if (ready === undefined) return module === undefined ? undefined : "it has not said that it is";
    if (ready.target.kind === "log") return `no line matched ${this.#readyPattern}`;
    return ready.target.kind === "alive" ? `it has to live for ${formatDuration(ready.target.forMs)}` : undefined;
  }

  /** Tells what a start waits for whose env files may be pipes that nobody writes into. */
  async #tellingSlow<T>(launching: Promise<T>): Promise<T> {
    const paths = this.#service.envFiles.map(({ path }) => path).join(", ");
    using _slow = this.#ports.host.clock.schedule(SLOW_MS, () => this.#probeAnswer = `waits for the end of its env_file ${paths}`);
    try {
      return await launching;
    } finally {
      this.#probeAnswer = this.#firstAnswer();
    }
  }

  #createLink(context: Context, onReady: () => void): ModuleLink | undefined {
    const { module, ready, stop } = this.#service;
    if (module === undefined) return undefined;
    return new ModuleLink({
      welcome: { unit: context.name, run: context.run, attempt: context.attempt, stopTimeoutMs: stop.timeoutMs },
      clock: this.#ports.host.clock,
      log: context.log,
      // Where a probe is asked, it alone decides.
      onReady: ready === undefined ? onReady : () => {},
      onShutdown: (request) => context.requestShutdown(request),
      measurements: this.#ports.modules.measurements,
    });
  }

  /** Options of the program: the service's own, or this program again with the word that makes it run a module. */
  #program(launch: Omit<SpawnOptions, "argv">, token: string | undefined): SpawnOptions {
    const { run, module } = this.#service;
    const { host: { files, ownProcess, modules: code }, modules } = this.#ports;
    if (run !== undefined) return { ...launch, argv: commandArgv(run) };
    if (files.info(module!)?.kind !== "file") {
      throw new IoError("IO_NOT_FOUND", `Cannot start a module as there must be a file: current value is "${module}"`, {
        context: { path: module },
      });
    }
    const reason = code.unloadable(module!);
    if (reason !== undefined) throw new IoError("IO_FAILED", `Cannot start a module as ${reason}`, { context: { path: module } });
    return {
      ...launch,
      argv: [...ownProcess.command, MODULE_WORD, module!],
      env: { ...launch.env, [REPORT_SOCKET_VARIABLE]: modules.socket, [TOKEN_VARIABLE]: token! },
    };
  }

  #createProbe(launch: Omit<SpawnOptions, "argv">): Probe | undefined {
    const target = this.#service.ready?.target;
    if (target === undefined || target.kind === "log" || target.kind === "alive") return undefined;
    return createProbe(target, { ...this.#placeholders, host: this.#ports.host, neighbours: this.#ports.neighbours, launch });
  }

  async #launch(unit: string, unitValue: string, signal?: AbortSignal): Promise<Omit<SpawnOptions, "argv">> {
    const { host } = this.#ports;
    const { envFiles, module } = this.#service;
    if (envFiles.length > 0 || module !== undefined) this.#contents = await contentsOf(this.#service, host.files);
    const { cwd, user: wanted, group, umask, nice, rlimits, oomScoreAdj } = this.#service;
    const user = wanted === undefined ? undefined : host.processes.user(wanted);
    // Becoming who one is already needs rights that only root has, so it is left out.
    const isOther = user !== undefined && user.uid !== host.processes.uid;
    const gid = group !== undefined ? host.processes.group(group) : isOther ? user.gid : undefined;
    return {
      cwd,
      env: await serviceEnvironment(this.#service, host, {
        ...this.#placeholders,
        unit,
        unitValue,
        socket: this.#ports.continuity?.socket,
        user,
        signal,
      }),
      ...(isOther ? { uid: user.uid, user: user.name } : {}),
      ...(gid === undefined ? {} : { gid }),
      ...(umask === undefined ? {} : { umask }),
      ...(nice === 0 ? {} : { nice }),
      rlimits,
      ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
    };
  }

  #digest(launch: Omit<SpawnOptions, "argv">): string {
    const { run, module = "" } = this.#service;
    return commandDigest({ ...launch, argv: run === undefined ? [MODULE_WORD, module] : commandArgv(run) }, this.#ports.host.env.all());
  }

  #startError(unit: string, cause: unknown): unknown {
    if (!isDaemonError(cause) || cause instanceof SubsystemError) return cause;
    // A lack of the daemon's own resources says nothing about the service.
    const code = cause.code === "IO_NO_RESOURCES" ? "SPAWN_NO_RESOURCES" : cause.code;
    return new SubsystemError(code, unit, `${unit}: ${messageOf(cause)}`, { cause, context: cause.context });
  }
}

/** Advice for when a foreign process answers a probe. */
const MEANT = 'if that is meant, write owner = "any" in ready';

function pidsOf(processes: readonly RunProcess[]): number[] {
  return processes.map(({ identity }) => identity.pid);
}

function describeError({ name, code, message }: ErrorLink): string {
  return `${name === "Error" ? "" : `${name}: `}${message}${code === undefined ? "" : ` [${code}]`}`;
}
