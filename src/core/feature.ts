/**
 * The contract by which a feature becomes part of a daemon. A daemon knows its features by `daemon/features.ts` alone: start, reload, status,
 * metrics, routes, recovery and the end are loops over that list.
 *
 * @module
 */
import type { Clock } from "./ports/clock.ts";
import type { Continuity, Recoverable } from "./ports/continuity.ts";
import type { Host } from "./ports/host.ts";
import type { Logger } from "./ports/log.ts";
import type { EventBody } from "./supervise/event.ts";
import type { Registration } from "./supervise/registration.ts";
import type { LogPort, UnitLogSettings } from "./wire/unit_output.ts";

/** Something that a program has added in code for a feature to make units of. */
export interface AddedEntry {
  /** Its description, as the feature's own function has made and checked it. */
  readonly value: unknown;
  /** Path of the group that it is in, with a slash at the end; empty at the top. */
  readonly prefix: string;
}

/** What a feature is to run, as of one configuration. */
export interface FeatureSettings {
  /** Its part of the configuration file, as its declaration has read it; undefined for a daemon made in code. */
  readonly configured: unknown;
  /** What the program has added in code. */
  readonly added: readonly AddedEntry[];
  /** Folder that relative paths of the program count from. */
  readonly cwd: string;
}

/** What a feature gets from its daemon. */
export interface FeaturePorts {
  /** The machine. */
  readonly host: Host;
  /** Time. */
  readonly clock: Clock;
  /** The daemon's log. */
  readonly log: Logger;
  /** Tells this daemon from all others on the machine. */
  readonly daemonId: string;
  /** Path of the socket where processes of this daemon may report. */
  readonly reportSocket: string;
  /** Where the output of units goes. */
  readonly output: LogPort;
  /** Connects units with those of the daemons before and after this one; undefined for a daemon without a memory. */
  readonly continuity: Continuity | undefined;
  /** Whether the daemon owns its process. */
  readonly ownsProcess: boolean;
  /** Publishes an event. */
  emit(body: EventBody): void;
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

/** A request that a feature answers, for whoever may use control. */
export interface FeatureRoute {
  /** Method, such as `GET`. */
  readonly method: string;
  /** Whole path, which begins with `/v1/` and the name of the feature. */
  readonly path: string;
  /** Answers it; what it throws is told as a problem. */
  readonly answer: (request: Request) => Response | Promise<Response>;
}

/** A feature at work. Whatever it leaves out, it has none of. */
export interface OpenFeature extends Partial<AsyncDisposable> {
  /** Its units at the top, as its settings were when it was opened. */
  units?(): readonly Registration[];
  /** The units of something that the program has added in code. */
  unitsOf?(entry: AddedEntry): readonly Registration[];
  /** Looks at what a reload would bring. What it throws refuses the whole reload, before anything is applied. */
  check?(next: FeatureSettings): void | Promise<void>;
  /** Takes its new settings, when nobody can refuse any more; `afresh` are names in its table whose units must run afresh. */
  change?(next: FeatureSettings, afresh: ReadonlySet<string>): FeatureChange;
  /** Files named by its settings that hold something else than when their units were started, by name in its table. */
  rewritten?(next: FeatureSettings): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Files whose change is one of the configuration: those that are known at once, and all, once they have been found by reading. */
  filesNamed?(settings: FeatureSettings): { known: readonly string[]; all: Promise<ReadonlySet<string>> };
  /** Units whose processes a killed daemon may have left, to be looked for before the first unit starts. */
  recoverable?(): readonly Recoverable[];
  /** Paths of units that had to be killed since a time in milliseconds since the Unix epoch. */
  killedSince?(sinceMs: number): readonly string[];
  /** Series of its own. */
  metrics?(): readonly FeatureMetric[];
  /** Requests that it answers. */
  routes?(): readonly FeatureRoute[];
  /** Facts for `status`: small, plain data. */
  details?(): Readonly<Record<string, unknown>>;
  /** Something that an operator should know now, in a sentence. */
  notice?(): string | undefined;
}
