/**
 * One session, as each of its readers sees it.
 *
 * @module
 */
import type { Clock } from "../core/ports/clock.ts";
import type { Host } from "../core/ports/host.ts";
import type { Logger } from "../core/ports/log.ts";
import type { ConfigReloadEvent } from "../core/supervise/event.ts";
import type { Operations, ReloadAnswer, UnitOutcome, UnitStatus } from "../core/supervise/operations.ts";
import type { Registration } from "../core/supervise/registration.ts";
import type { Supervisor } from "../core/supervise/supervisor.ts";
import type { SignalName } from "../core/values/signal_name.ts";
import type { LineStore } from "../record/line_store.ts";
import type { MetricsCollector } from "../metrics/collector.ts";
import type { Config } from "../settings/config.ts";
import type { LoadedConfig } from "../settings/load_config.ts";
import type { Attribution } from "./attribution.ts";
import type { EventOutlet } from "./event_outlet.ts";
import type { ExitReport } from "./exit_report.ts";
import type { FeatureSet } from "./feature_set.ts";
import type { DaemonMemory } from "./memory.ts";
import type { Plan } from "./plan.ts";
import type { UnitPorts } from "./unit_ports.ts";

/** Takes a configuration that takes effect. It must not throw. */
export type Applier = (loaded: LoadedConfig) => void;

/** The door through which commands, signals and changed files ask for a reload. */
export interface ReloadDoor {
  /** Reloads so far, by what became of them. */
  readonly counts: Record<ConfigReloadEvent["outcome"], number>;
  /** Text of the configuration that was read last; undefined where that was refused. */
  taken: string | undefined;
  /** Reads the configuration file again and applies what differs: see `Operations.reload`. */
  reload(options?: { dryRun?: boolean }): Promise<ReloadAnswer>;
  /**
   * A signal or a changed file asks for a reload: what goes wrong is in the log. While stopping, nothing happens. Resolves once it is in force
   * or refused, and with false when there was no file to read.
   */
  reloadUnasked(why: string): Promise<boolean>;
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
  /** Where it is in its life. */
  readonly phase: "starting" | "running" | "stopping";
  /** Measurements of the program. */
  readonly metrics: MetricsCollector;
  /** The configuration file as it is in force; undefined for a daemon made in code. */
  readonly loaded: LoadedConfig | undefined;
  /** Number of the configuration in force, from 1. */
  readonly configVersion: number;
  /** Its memory beyond its end; undefined for a daemon without folders. */
  readonly memory: DaemonMemory | undefined;
  /** The supervisor of the units; undefined until it starts. */
  readonly supervisor: Supervisor | undefined;
  /** Its features at work; undefined for a daemon that needs none. */
  readonly features: FeatureSet | undefined;
  /** Units beside those that features have made of the configuration file. */
  readonly others: Set<Registration>;
  /** Resolves when there are units to ask for. */
  prepared(): Promise<void>;
}

/** A session as operators see it, whose commands it carries out. */
export interface OperatedSession extends SessionFacts {
  /** The settings in force. */
  readonly config: Config;
  /** Its newest events, and counts of them. */
  readonly events: Pick<EventOutlet, "store" | "counts">;
  /** Lines that its services printed. */
  readonly lines: LineStore;
  /** Reloads, and their counts. */
  readonly reloads: Pick<ReloadDoor, "counts" | "reload">;
  /** Whether every unit has started once. */
  readonly hasStarted: boolean;
  /** A snapshot of all units. */
  units(): UnitStatus[];
  /** Names of units that should be ready and are not. */
  missing(): string[];
  /** Notices for the operator, in sentences. */
  notices(): string[];
  /** Milliseconds since the start. */
  uptimeMs(): number;
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
  /** Charges errors that nobody handles to units. */
  readonly attribution: Pick<Attribution, "use">;
  /** Reloads that no command asks for. */
  readonly reloads: Pick<ReloadDoor, "reloadUnasked">;
  /** Features, for their files. */
  readonly features: Pick<FeatureSet, "flush" | "reopen"> | undefined;
  /** An error that nobody handled. */
  uncaught(error: unknown, owner: string | undefined): void;
  /** A signal asks it to stop. */
  signalled(signal: SignalName): void;
}

/** A session whose configuration is read again. */
export interface ReloadingSession extends SessionFacts {
  /** Where its events come out. */
  readonly events: Pick<EventOutlet, "emit">;
  /** Lets a configuration take effect; `afresh` are entries of tables of features, such as `service.api`, whose units run anew. */
  apply(loaded: LoadedConfig, afresh: ReadonlySet<string>): Promise<{ outcomes: Promise<UnitOutcome[]> }>;
}

/** A session that is given what it needs from the machine. */
export interface PreparedSession extends OperatedSession, OwningSession {
  readonly plan: Plan;
  readonly events: EventOutlet;
  readonly reloads: ReloadDoor;
  log: Logger;
  host: Host | undefined;
  memory: DaemonMemory | undefined;
  features: FeatureSet | undefined;
  /** Ports for its supervisors. */
  readonly ports: UnitPorts;
  /** Disposed in reverse order at the end, after the last unit is down. */
  readonly resources: AsyncDisposableStack;
  /** Operations for operators. */
  readonly operations: Operations;
  /** Has `fn` called with each configuration that takes effect. */
  onApply(fn: Applier): void;
  /** Has `look` asked for a notice. */
  addNotice(look: () => string | undefined): void;
}
