import type { FeatureSettings, OpenFeature } from "../core/feature.ts";
import type { Clock } from "../core/ports/clock.ts";
import type { Host } from "../core/ports/host.ts";
import type { Logger } from "../core/ports/log.ts";
import type { OwnProcess } from "../core/ports/own_process.ts";
import type { ConfigReloadEvent, EventBody } from "../core/supervise/event.ts";
import type { Operations, ReloadAnswer, UnitOutcome, UnitStatus } from "../core/supervise/operations.ts";
import type { Registration } from "../core/supervise/registration.ts";
import type { Supervisor, SupervisorPorts } from "../core/supervise/supervisor.ts";
import type { SignalName } from "../core/values/signal_name.ts";
import type { EventStore } from "../record/event_store.ts";
import type { LineStore } from "../record/line_store.ts";
import type { Continuity } from "../core/ports/continuity.ts";
import type { Config } from "../settings/config.ts";
import type { LoadedConfig } from "../settings/load_config.ts";
import type { ExitReport } from "./exit_report.ts";
import type { Plan } from "./plan.ts";

/** Takes a configuration that is to take effect. One that may refuse it by throwing is registered before those that can't. */
export type Applier = (loaded: LoadedConfig) => void;

/** Parts of a daemon from a configuration file beside its units. */
export interface Surroundings {
  /** Name and a hash of the configuration file's path. */
  readonly id: string;
  /** Where the processes of modules report. */
  readonly moduleSocket: string;
  /** Units that stay down until an operator starts them, by the keys of their paths. */
  readonly down: ReadonlySet<string>;
  /** Connects its services with those of the daemons before and after it. */
  readonly continuity: Continuity;
  /** Remembers which units an operator stopped; returns what keeps it from being remembered beyond the daemon's end. */
  rememberDown(names: ReadonlySet<string>): string | undefined;
}

/** Log files that are written and opened anew together. */
export interface LogFiles {
  /** Writes what waits. */
  flush(): void;
  /** Writes what waits and goes on with the files that have the paths now. */
  reopen(): void;
}

/** The part of a session that all its readers see. */
export interface SessionFacts {
  /** Time. */
  readonly clock: Clock;
  /** Its root logger. */
  readonly log: Logger;
  /** The machine, once it was needed. */
  readonly host: Host | undefined;
  /** Plan of the units to run. */
  readonly plan: Plan;
  /** The configuration file as it is in force; undefined for a daemon made in code. */
  readonly loaded: LoadedConfig | undefined;
  /** Number of the configuration in force, from 1. */
  readonly configVersion: number;
  /** Folders and memory of a daemon from a configuration file. */
  readonly surroundings: Surroundings | undefined;
  /** The supervisor of the units; undefined until it starts. */
  readonly supervisor: Supervisor | undefined;
  /** Its features at work, by name. */
  readonly features: Map<string, OpenFeature>;
  /** The settings of a feature, by the configuration in force or by another one. */
  settingsFor(feature: string, loaded?: LoadedConfig): FeatureSettings;
  /** Units beside those that features have made of the configuration file. */
  readonly others: Set<Registration>;
  /** Resolves when there are units to ask for. */
  prepared(): Promise<void>;
}

/** A session as operators see it, whose commands it carries out. */
export interface OperatedSession extends SessionFacts {
  /** The settings in force. */
  readonly config: Config;
  /** The newest events; they are kept from the first use on. */
  readonly events: EventStore;
  /** Lines that its services printed. */
  readonly lines: LineStore;
  /** How many events were published and lost. */
  readonly eventCounts: { eventsPublished: number; busLagged: number };
  /** Reloads so far, by what became of them. */
  readonly reloads: Readonly<Record<ConfigReloadEvent["outcome"], number>>;
  /** Whether every unit has started once. */
  readonly hasStarted: boolean;
  /** Where it is in its life. */
  readonly phase: "starting" | "running" | "stopping";
  /** A snapshot of all units. */
  units(): UnitStatus[];
  /** Names of units that should be ready and are not. */
  missing(): string[];
  /** Notices for the operator, in sentences. */
  notices(): string[];
  /** Milliseconds since the start. */
  uptimeMs(): number;
  /** Reads the configuration again and applies what differs. */
  reload(options?: { dryRun?: boolean }): Promise<ReloadAnswer>;
  /** Asks the daemon to stop. */
  requestShutdown(reason: string, exitCode?: number, isForced?: boolean): void;
}

/** A session that may own its process. */
export interface OwningSession {
  /** Plan of the units to run. */
  readonly plan: Plan;
  /** Its root logger. */
  readonly log: Logger;
  /** Resolves with the report when everything has ended. */
  readonly ended: Promise<ExitReport>;
  /** Charges stray errors to units from now on. */
  attribute(labels: Pick<OwnProcess, "runAs" | "label">): void;
  /** An error that nobody handled. */
  uncaught(error: unknown, owner: string | undefined): void;
  /** A signal asks it to stop. */
  signalled(signal: SignalName): void;
  /** Reads the configuration again, for a reason that is no command. */
  reloadUnasked(why: string): Promise<boolean>;
  /** Reopens log files. */
  reopenLogs(): void;
  /** Writes what waits for the log files. */
  flushLogs(): void;
}

/** A session whose configuration is read again. */
export interface ReloadingSession extends SessionFacts {
  /** Reloads so far, by what became of them. */
  readonly reloads: Record<ConfigReloadEvent["outcome"], number>;
  /** Text of the configuration that was read last; undefined where that was refused. */
  taken: string | undefined;
  /** Publishes an event. */
  emit(body: EventBody): void;
  /** Tells who wants to know that a reload has changed nothing. */
  reread(): Promise<void>;
  /** Lets a configuration take effect; `afresh` are names in tables of features whose units run anew. */
  apply(loaded: LoadedConfig, afresh: ReadonlySet<string>): Promise<{ outcomes: Promise<UnitOutcome[]> }>;
}

/** A session that is given what it needs from the machine. */
export interface PreparedSession extends OperatedSession, OwningSession, SupervisorPorts {
  /** Text of the configuration that was read last; undefined where that was refused. */
  readonly taken: string | undefined;
  readonly clock: Clock;
  log: Logger;
  readonly plan: Plan;
  host: Host | undefined;
  surroundings: Surroundings | undefined;
  /** Folder that relative paths of the program count from. */
  programFolder: string;
  /** Disposed in reverse order at the end, after the last unit is down. */
  readonly resources: AsyncDisposableStack;
  /** Operations for operators. */
  readonly operations: Operations;
  /** Makes what a unit that prints nothing logs into lines for `logs`. */
  linesOfLog: ((path: string) => ((log: Logger) => Logger) | undefined) | undefined;
  /** Has `fn` called with each configuration that is to take effect. */
  onApply(fn: Applier): void;
  /** Has `look` asked for a notice. */
  addNotice(look: () => string | undefined): void;
  /** Hands over log files, once they are open. */
  useLogs(...logs: LogFiles[]): void;
}
