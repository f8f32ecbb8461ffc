import type { DaemonEvent } from "../core/supervise/event.ts";
import type { Host } from "../core/ports/host.ts";
import type { LogSink } from "../core/ports/log.ts";
import type { Registration } from "../core/supervise/registration.ts";
import type { RestartWhen } from "../core/supervise/restart.ts";
import type { SupervisorOptions, SupervisorPorts } from "../core/supervise/supervisor.ts";
import type { AddedEntry } from "../core/feature.ts";
import type { Config } from "../settings/config.ts";
import type { StopTime } from "../settings/shutdown_deadlines.ts";
import type { LoadedConfig } from "../settings/load_config.ts";
import type { ListedFeature } from "./features.ts";
import type { SignalConfig } from "./signal_config.ts";

/** Something that a builder was told to run: ready as it is, or made when the daemon starts and knows its host. */
export type Entry = Registration | FeatureEntry | GroupEntry;

/** Something of which a feature makes units. */
export interface FeatureEntry {
  /** Name of the feature. */
  readonly feature: string;
  /** Name of the unit, or of the group of its instances. */
  readonly name: string;
  readonly after: readonly string[];
  readonly restart: RestartWhen;
  /** How long it has to stop, in milliseconds; undefined for what the shutdown leaves. */
  readonly stopMs: number | undefined;
  /** Its description, which only the feature understands. */
  readonly value: unknown;
  /** It stands in the configuration file, whose present state says what runs. */
  readonly isConfigured: boolean;
}

/** A group of others. */
export interface GroupEntry {
  readonly name: string;
  readonly after: readonly string[];
  readonly restart?: RestartWhen;
  /** Entries of the group. */
  readonly entries: readonly Entry[];
  /** The longest time that one of its own has to stop, in milliseconds. */
  readonly longestStopMs: number;
  /** Makes the unit out of those of its entries. */
  readonly make: (children: readonly Registration[], ports: () => SupervisorPorts) => Registration;
}

/** The entries for features, at any depth. */
export function featureEntriesIn(entries: readonly Entry[]): (AddedEntry & { readonly entry: FeatureEntry })[] {
  const found: (AddedEntry & { readonly entry: FeatureEntry })[] = [];
  // By a list, not by recursion: nobody limits how deep groups lie.
  const groups: { entries: readonly Entry[]; prefix: string }[] = [{ entries, prefix: "" }];
  for (const { entries, prefix } of groups) {
    for (const entry of entries) {
      if ("make" in entry) groups.push({ entries: entry.entries, prefix: `${prefix}${entry.name}/` });
      else if ("feature" in entry) found.push({ entry, value: entry.value, prefix });
    }
  }
  return found;
}

/** The entries that a program has added in code for one feature. */
export function addedFor(feature: string, entries: readonly Entry[]): AddedEntry[] {
  return featureEntriesIn(entries).filter(({ entry }) => entry.feature === feature && !entry.isConfigured);
}

/** Makes the units of entries, those of groups first; `unitsOf` makes those of what a feature is to run. */
export function registrationsOf(
  entries: readonly Entry[],
  ports: () => SupervisorPorts,
  unitsOf: (entry: FeatureEntry, prefix: string) => readonly Registration[],
): Registration[] {
  interface Level {
    group: GroupEntry | undefined;
    prefix: string;
    entries: readonly Entry[];
    next: number;
    made: Registration[];
  }
  const root: Level = { group: undefined, prefix: "", entries, next: 0, made: [] };
  const levels = [root];
  for (;;) {
    const level = levels.at(-1)!;
    if (level.next < level.entries.length) {
      const entry = level.entries[level.next++];
      if ("feature" in entry) level.made.push(...unitsOf(entry, level.prefix));
      else if (!("make" in entry)) level.made.push(entry);
      else levels.push({ group: entry, prefix: `${level.prefix}${entry.name}/`, entries: entry.entries, next: 0, made: [] });
      continue;
    }
    if (level === root) return root.made;
    levels.pop();
    levels.at(-1)!.made.push(level.group!.make(level.made, ports));
  }
}

/** Takes the events of a daemon; what it throws, or its promise rejects with, is reported. */
export type EventListener = (event: DaemonEvent) => unknown;

/** Everything that a builder has gathered; read by the daemon, written by nobody. */
export interface Plan {
  /** The daemon's settings. */
  readonly config: Config;
  /** Entries that it runs, in order of registration. */
  readonly entries: readonly Entry[];
  /** Whether each of these is a registration, ready as it is. */
  readonly isPlain: boolean;
  /** How long those of code have to stop, where that is not the usual time. */
  readonly stops: readonly StopTime[];
  /** How the units at the top are restarted together; undefined restarts each alone. */
  readonly supervision: SupervisorOptions | undefined;
  /** Which signals do what; undefined leaves them all alone. */
  readonly signals: SignalConfig | undefined;
  /** Where log records go; undefined means the console when the daemon owns the process, else nowhere. */
  readonly sink: LogSink | undefined;
  /** Path of the PID file; undefined writes none. */
  readonly pidFile: string | undefined;
  /** The configuration file that it was made from, with its control socket, lock and folders; undefined for a daemon made in code. */
  readonly loaded: LoadedConfig | undefined;
  /** Told of every event, from the first one on; who comes or goes later is heard too. */
  readonly listeners: { readonly all: ReadonlySet<EventListener> | undefined };
  /** The features that it may need. */
  readonly features: readonly ListedFeature[];
  /** The machine; undefined takes the real one when it is first needed. */
  readonly host: Host | undefined;
}
