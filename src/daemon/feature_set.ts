import type { HealthCheck } from "../core/supervise/operations.ts";
import type { AddedEntry, Feature, FeaturePorts, FeatureSettings, GivenPorts, OpenFeature, OwnFile, Undo } from "../core/feature.ts";
import { type Logger, silentLogger } from "../core/ports/log.ts";
import type { Survivor } from "../core/supervise/event.ts";
import type { Registration } from "../core/supervise/registration.ts";
import { messageOf } from "../core/values/errors.ts";
import { NO_OUTPUT, type UnitLogSettings } from "../core/wire/unit_output.ts";
import { formatPath, parsePath } from "../schema/tree.ts";
import type { LoadedConfig } from "../settings/load_config.ts";
import { addedFor, type Plan } from "./plan.ts";

/** Units at the top after a change, and those of them that must run afresh. */
interface ChangedUnits {
  readonly children: Registration[];
  readonly restart: ReadonlySet<string>;
}

/** The features of one daemon: whatever it asks of them is a loop in the order in which they were opened. */
export class FeatureSet {
  readonly #plan: Plan;
  readonly #cwd: string;
  readonly #features: readonly Feature[];
  readonly #open = new Map<string, OpenFeature>();

  /** Loads the code of the features of a plan; relative paths of the program count from `cwd`. */
  static async load(plan: Plan, cwd: string): Promise<FeatureSet> {
    return new FeatureSet(plan, cwd, await Promise.all(plan.features.map((source) => source.load())));
  }

  private constructor(plan: Plan, cwd: string, features: readonly Feature[]) {
    this.#plan = plan;
    this.#cwd = cwd;
    this.#features = features;
  }

  /**
   * Opens all, one after another; each gets the ports that those before it give, and `onGiven` is told of them. They end in reverse, with
   * `resources`.
   */
  async open(
    ports: Omit<FeaturePorts, keyof GivenPorts>,
    resources: AsyncDisposableStack,
    onGiven: (given: GivenPorts) => void,
  ): Promise<void> {
    let given: GivenPorts = { log: silentLogger, output: NO_OUTPUT, continuity: undefined };
    for (const feature of this.#features) {
      const opened = await feature.open(this.settingsOf(feature.name, this.#plan.loaded), { ...ports, ...given });
      resources.defer(() => opened[Symbol.asyncDispose]?.());
      this.#open.set(feature.name, opened);
      if (opened.gives !== undefined) onGiven(given = { ...given, ...opened.gives });
    }
  }

  /** Those at work. */
  opened(): Iterable<OpenFeature> {
    return this.#open.values();
  }

  /** The settings of one, by a configuration file or by those of code. */
  settingsOf(name: string, loaded: LoadedConfig | undefined): FeatureSettings {
    const { features, entries, config } = this.#plan;
    const ofConfig = features.find((each) => each.name === name)?.settingsIn?.(loaded?.config ?? config);
    return {
      configured: ofConfig ?? loaded?.features[name],
      added: addedFor(name, entries),
      cwd: this.#cwd,
      outputs: () => this.outputs(loaded),
    };
  }

  /** Log settings of all units. */
  outputs(loaded: LoadedConfig | undefined): UnitLogSettings[] {
    return this.#features.flatMap((feature) => feature.outputs?.(this.settingsOf(feature.name, loaded)) ?? []);
  }

  /** Units at the top, as they were when the features were opened. */
  units(): Registration[] {
    return this.#each((feature) => feature.units?.());
  }

  /** The units of something that the program has added in code. */
  unitsOf(name: string, entry: AddedEntry): readonly Registration[] {
    return this.#open.get(name)?.unitsOf?.(entry) ?? [];
  }

  /** Deals with what a killed daemon has left, before the first unit starts. */
  async recover(down: ReadonlySet<string>): Promise<void> {
    const units = this.#each((feature) => feature.recoverable?.());
    for (const feature of this.#open.values()) await feature.recover?.(units, down);
  }

  /** Lets each try what would come; where one refuses, or `refuse` throws, the others take it back. */
  async tryAll(loaded: LoadedConfig, refuse: () => void, log: Logger): Promise<void> {
    const undos: Undo[] = [];
    try {
      for (const [name, feature] of this.#open) {
        const undo = await feature.check?.(this.settingsOf(name, loaded));
        if (undo !== undefined) undos.push(undo);
      }
      refuse();
    } catch (error) {
      for (const undo of undos.reverse()) {
        try {
          await undo();
        } catch (cause) {
          log.error("a part of a refused reload could not be taken back", { reason: messageOf(cause), err: cause });
        }
      }
      throw error;
    }
  }

  /** Lets a configuration take effect; `afresh` are entries of tables of features, such as `service.api`, whose units run anew. */
  change(loaded: LoadedConfig, afresh: ReadonlySet<string>): ChangedUnits {
    const children: Registration[] = [];
    const restart = new Set<string>();
    for (const [name, feature] of this.#open) {
      const change = feature.change?.(this.settingsOf(name, loaded), entriesOf(name, afresh));
      children.push(...change?.units ?? feature.units?.() ?? []);
      for (const unit of change?.restart ?? []) restart.add(unit);
    }
    return { children, restart };
  }

  /** Lets them read again what may have changed outside of the configuration. */
  async reread(): Promise<void> {
    for (const feature of this.#open.values()) await feature.reread?.();
  }

  /** Files that hold something else than when the unit that names them was started, by the entry of that unit. */
  async rewritten(loaded: LoadedConfig): Promise<Map<string, readonly string[]>> {
    const found = new Map<string, readonly string[]>();
    for (const [name, feature] of this.#open) {
      for (const [unit, paths] of await feature.rewritten?.(this.settingsOf(name, loaded)) ?? []) {
        found.set(formatPath([name, unit]), paths);
      }
    }
    return found;
  }

  /** Files whose change is one of the configuration: those that are known at once, and all, once they have been found by reading. */
  filesNamed(loaded: LoadedConfig): { known: ReadonlySet<string>; all: Promise<ReadonlySet<string>> } {
    const found = [...this.#open].flatMap(([name, feature]) => feature.filesNamed?.(this.settingsOf(name, loaded)) ?? []);
    return {
      known: new Set(found.flatMap(({ known }) => known)),
      all: Promise.all(found.map(({ all }) => all)).then((all) => new Set(all.flatMap((paths) => [...paths]))),
    };
  }

  /** Files of theirs that must be there. */
  ownFiles(): OwnFile[] {
    return this.#each((feature) => feature.ownFiles?.());
  }

  /** Writes what waits to their files. */
  flush(): void {
    for (const feature of this.#open.values()) feature.flush?.();
  }

  /** Has them go on with the files that have their paths now. */
  reopen(): void {
    for (const feature of this.#open.values()) feature.reopen?.();
  }

  /** Processes that units have started, and that live on as they could not be ended. */
  survivors(): Survivor[] {
    return this.#each((feature) => feature.survivors?.());
  }

  /** Paths of units that had to be killed since a time in milliseconds since the Unix epoch. */
  killedSince(sinceMs: number): string[] {
    return this.#each((feature) => feature.killedSince?.(sinceMs));
  }

  /** Checks that must hold for the daemon to be ready. */
  health(): HealthCheck[] {
    return this.#each((feature) => feature.health?.());
  }

  /** Facts for `status`, by name; undefined where there are none. */
  details(): Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined {
    const details = [...this.#open].flatMap(([name, feature]) => feature.details === undefined ? [] : [[name, feature.details()]]);
    return details.length === 0 ? undefined : Object.fromEntries(details);
  }

  /** Notices for the operator. */
  notices(): string[] {
    return this.#each((feature) => feature.notices?.());
  }

  #each<T>(ask: (feature: OpenFeature) => readonly T[] | undefined): T[] {
    return [...this.#open.values()].flatMap((feature) => ask(feature) ?? []);
  }
}

/** The names of the entries that stand in the table of one feature. */
function entriesOf(feature: string, entries: ReadonlySet<string>): Set<string> {
  const paths = [...entries].map((entry) => parsePath(entry) ?? []);
  return new Set(paths.filter(([table]) => table === feature).map(([, entry]) => String(entry)));
}
