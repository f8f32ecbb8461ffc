/**
 * The contract by which a feature becomes part of a daemon. A daemon knows its features by `daemon/features.ts` alone: start, reload, status,
 * metrics, routes, recovery and the end are loops over that list.
 *
 * @module
 */
import type { Clock } from "./ports/clock.ts";
import type { Continuity, Recoverable } from "./ports/continuity.ts";
import type { Host } from "./ports/host.ts";
import type { Logger, LogSink } from "./ports/log.ts";
import type { EventBody, Survivor } from "./supervise/event.ts";
import type { HealthCheck, Operations } from "./supervise/operations.ts";
import type { Registration } from "./supervise/registration.ts";
import type { MeasurementIntake } from "./wire/metrics_delta.ts";
import type { ServedRoute } from "./wire/route.ts";
import type { LogPort, UnitLines, UnitLogSettings } from "./wire/unit_output.ts";

/** Something that a program has added in code for a feature to make units of. */
export interface AddedEntry {
  /** Its description, as the feature's own function has made and checked it. */
  readonly value: unknown;
  /** Path of the group that it is in, with a slash at the end; empty at the top. */
  readonly prefix: string;
}

/** Settings of a feature, as of one configuration. */
export interface FeatureSettings {
  /** Its part of the configuration file, as its declaration has read it; undefined for a daemon made in code. */
  readonly configured: unknown;
  /** Its units that the program has added in code. */
  readonly added: readonly AddedEntry[];
  /** Folder that relative paths of the program count from. */
  readonly cwd: string;
  /** Log settings of the units of all features. */
  outputs(): readonly UnitLogSettings[];
}

/** Ports that a feature gives to those that are opened after it, and to the daemon. */
export interface GivenPorts {
  /** The daemon's log; before it is given, records go nowhere. */
  readonly log: Logger;
  /** Where the output of units goes. */
  readonly output: LogPort;
  /** Connects units with those of the daemons before and after this one; undefined for a daemon without a memory. */
  readonly continuity: Continuity | undefined;
}

/** Ports of a daemon for its features. */
export interface FeaturePorts extends GivenPorts {
  /** The machine. */
  readonly host: Host;
  /** Time. */
  readonly clock: Clock;
  /** Tells this daemon from all others on the machine. */
  readonly daemonId: string;
  /** Path of the socket where processes of this daemon may report. */
  readonly reportSocket: string;
  /** Whether the daemon owns its process. */
  readonly ownsProcess: boolean;
  /** Ports for the logs. */
  readonly logging: LoggingPorts;
  /** Which daemon this is, as no other may be that now; undefined for one that keeps nothing on disk. */
  readonly instance: InstancePorts | undefined;
  /** Ports for listeners; undefined for a daemon that nobody can reach. */
  readonly control: ControlPorts | undefined;
  /** Takes the measurements of processes that run code of the program. */
  readonly measurements: MeasurementIntake;
  /** Publishes an event. */
  emit(body: EventBody): void;
  /** Starts something beside the units, which runs until the last one of them is down; rejects when it does not start. */
  runBeside(child: Registration): Promise<void>;
}

/** Ports for the feature that keeps logs. */
export interface LoggingPorts {
  /** Name of the daemon, with which its records begin. */
  readonly name: string;
  /** Takes the records of the daemon in place of the console. */
  readonly sink: LogSink | undefined;
  /** Folder of the logs of a daemon in the background, which has no console. */
  readonly folder: string | undefined;
  /** The working folder. */
  readonly workDir: string;
  /** Whether there is somebody to read records, now or after a reload, also where they go nowhere at first. */
  readonly isKept: boolean;
  /** Keeps the newest lines of units. */
  readonly lines: UnitLines;
  /** Whether there is a unit with this path, be it only until it has stopped. */
  hasUnit(path: string): boolean;
}

/** Ports for the feature that looks for what a killed daemon has left. */
export interface InstancePorts {
  /** Tells the daemon from all others on the machine, also after a restart. */
  readonly id: string;
  /** Path of the control socket. */
  readonly socket: string;
  /** Path of the list of what runs. */
  readonly groups: string;
  /** The daemon before this one, where it has died. */
  readonly crashed: { readonly pid: number } | undefined;
  /** Milliseconds that what was left has to stop by itself. */
  readonly stopTimeoutMs: number;
}

/** Ports for a feature that answers requests. */
export interface ControlPorts {
  /** Path of the control socket. */
  readonly socket: string;
  /** Version of daemonkit. */
  readonly version: string;
  /** Version of the protocol. */
  readonly protocol: number;
  /** Operations of the daemon. */
  readonly operations: Operations;
  /** The features at work, for their series and routes. */
  features(): Iterable<OpenFeature>;
  /** Whether metrics are there, by the configuration in force. */
  isMetricsEnabled(): boolean;
  /** Measurements of the program, in the format that an `Accept` header asks for. */
  programMetrics(accept: string | undefined): string;
}

/** Something that a daemon has on disk and needs for as long as it lives. */
export interface OwnFile {
  /** How it is called in messages. */
  readonly name: string;
  /** Makes it anew where it was removed or replaced; true when it was. Throws what keeps it from that. */
  restore(): boolean | Promise<boolean>;
}

/** A part of a daemon. */
export interface Feature {
  /** Its name, which is also that of its table in the configuration file, where it has one. */
  readonly name: string;
  /** Log settings of every unit that it would run, by the path of the unit: needed before anything is opened. */
  outputs?(settings: FeatureSettings): readonly UnitLogSettings[];
  /** Opens it, before any unit starts. What it returns is disposed after the last unit is down. */
  open(settings: FeatureSettings, ports: FeaturePorts): OpenFeature | Promise<OpenFeature>;
}

/** Where a feature comes from: its code is loaded by the daemon that needs it. */
export interface FeatureSource {
  /** Its name. */
  readonly name: string;
  /** Loads it. */
  load(): Feature | Promise<Feature>;
}

/** Units after a change of the configuration. */
export interface FeatureChange {
  /** All units of the feature at the top. */
  readonly units: readonly Registration[];
  /** Names of those that must run afresh. */
  readonly restart: ReadonlySet<string>;
}

/** A family of series on `/metrics`. */
export interface FeatureMetric {
  /** Name of its series; that of a counter ends in `_total`. */
  readonly name: string;
  /** Kind of its value. */
  readonly type: "counter" | "gauge";
  /** Its meaning, in a sentence. */
  readonly help: string;
  /** Names of its labels, the same for every series. */
  readonly labels: readonly string[];
  /** Hands over each series: its value, and the values of its labels in their order. */
  readonly read: (add: (value: number, ...labels: string[]) => void) => void;
}

/** Takes back what was done. */
export type Undo = () => void | Promise<void>;

/** A feature at work. Whatever it leaves out, it has none of. */
export interface OpenFeature extends Partial<AsyncDisposable> {
  /** Ports that it gives to those that are opened after it, and to the daemon. */
  readonly gives?: Partial<GivenPorts>;
  /** Its units at the top, as its settings were when it was opened. */
  units?(): readonly Registration[];
  /** The units of something that the program has added in code. */
  unitsOf?(entry: AddedEntry): readonly Registration[];
  /**
   * Tries what a reload would bring, as far as that may fail. What it throws refuses the whole reload; what it has returned undoes it then,
   * when another feature refuses.
   */
  check?(next: FeatureSettings): void | Undo | Promise<void | Undo>;
  /**
   * Takes its new settings, when nobody can refuse any more; `afresh` are names in its table whose units must run afresh. Returns nothing
   * where its units stay as they are.
   */
  change?(next: FeatureSettings, afresh: ReadonlySet<string>): FeatureChange | void;
  /** Reads again what may have changed outside of the configuration, when a reload leaves that as it is. What it throws refuses the reload. */
  reread?(): Promise<void>;
  /** Files of its own that must be there. */
  ownFiles?(): readonly OwnFile[];
  /** Files named by its settings that hold something else than when their units were started, by name in its table. */
  rewritten?(next: FeatureSettings): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Files whose change is one of the configuration: those that are known at once, and all, once they have been found by reading. */
  filesNamed?(settings: FeatureSettings): { known: readonly string[]; all: Promise<ReadonlySet<string>> };
  /** Writes what waits to its files: the process is about to end at once. */
  flush?(): void;
  /** Goes on with the files that have its paths now, after something else has moved them. */
  reopen?(): void;
  /** Units whose processes a killed daemon may have left, to be looked for before the first unit starts. */
  recoverable?(): readonly Recoverable[];
  /** Deals with what a killed daemon has left of these units, before the first one starts; `down` are keys of paths that stay down. */
  recover?(units: readonly Recoverable[], down: ReadonlySet<string>): Promise<void>;
  /** Paths of units that had to be killed since a time in milliseconds since the Unix epoch. */
  killedSince?(sinceMs: number): readonly string[];
  /** Processes that its units have started at any time, and that live on as they could not be ended. */
  survivors?(): readonly Survivor[];
  /** Series of its own. */
  metrics?(): readonly FeatureMetric[];
  /** Requests that it answers, for whoever may use control: each path begins with `/v1/` and its name. Asked for once. */
  routes?(): readonly ServedRoute[];
  /** Checks of its own for `/readyz`; while one fails, the daemon is not ready. */
  health?(): readonly HealthCheck[];
  /** Facts for `status`: small, plain data. */
  details?(): Readonly<Record<string, unknown>>;
  /** Notices for the operator, each in a sentence. */
  notices?(): readonly string[];
}
