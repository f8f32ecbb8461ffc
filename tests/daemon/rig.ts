import { setImmediate } from "node:timers/promises";
import { type Daemon, DaemonBuilder } from "../../src/daemon/daemon.ts";
import { FEATURES, type ListedFeature } from "../../src/daemon/features.ts";
import type { ExitReport } from "../../src/daemon/exit_report.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import type { FeatureTable } from "../../src/schema/feature_table.ts";
import { FakeHost, type FakeHostOptions, type FakeProcess, type FakeProgram } from "../../src/testing/mod.ts";
import { until } from "../until.ts";

/** The daemon of a configuration text, on a machine in memory, run as the executable runs it. */
export class Rig {
  readonly host: FakeHost;
  /** Features of its daemon. */
  features: readonly ListedFeature[] = FEATURES;
  /** Tables of features beside the usual ones. */
  tables: readonly FeatureTable[] = [];
  /** Monotonic times at which programs were started. */
  readonly startsMs: number[] = [];
  #daemon: Daemon | undefined;
  #ended: Promise<ExitReport> | undefined;

  /** `serve` runs until it is told to stop; `crash` and `quick` end at once, with 3 and with 0. */
  constructor(options: FakeHostOptions = {}) {
    this.host = new FakeHost(options);
    this.program("serve", () => {});
    this.program("crash", (process) => process.exit(3));
    this.program("quick", (process) => process.exit(0));
  }

  program(name: string, program: FakeProgram): this {
    this.host.processes.program(name, (process) => {
      this.startsMs.push(this.host.clock.nowMs());
      program(process);
    });
    return this;
  }

  /** Loads `daemon.toml` of /etc/app and runs it, with what code adds, until everything that can happen by itself has happened. */
  async run(toml: string, add?: (builder: DaemonBuilder) => void): Promise<this> {
    await this.begin(toml, add);
    await this.until(() => this.daemon.subsystems().length > 0);
    return this;
  }

  /** The same without waiting for anything. */
  async begin(toml: string, add: (builder: DaemonBuilder) => void = () => {}): Promise<void> {
    const { files, env } = this.host;
    this.write(toml);
    const loaded = await loadConfig({ files, env, cwd: "/etc/app" }, { tables: this.tables });
    const builder = new DaemonBuilder(loaded.config, loaded, this.features).withHost(this.host);
    add(builder);
    this.#daemon = builder.build();
    this.#ended = this.#daemon.run();
  }

  /** Replaces the file. */
  write(toml: string): void {
    this.host.files.put("/etc/app/daemon.toml", toml);
  }

  get daemon(): Daemon {
    return this.#daemon!;
  }

  get programs(): readonly FakeProcess[] {
    return this.host.processes.started;
  }

  /** Lets modules load and everything settle until something is true. */
  async until(isTrue: () => boolean): Promise<void> {
    const settle = () => this.host.clock.advance(0);
    await settle();
    await until(isTrue, { go: async () => (await setImmediate(), await settle()), context: () => this.host.terminal.stderr });
  }

  /** Stops it, and returns its report. */
  async stop(): Promise<ExitReport> {
    this.daemon.shutdown("the test is over");
    return await this.ended();
  }

  /** Its report, once it has ended by itself. */
  async ended(): Promise<ExitReport> {
    let report: ExitReport | undefined;
    void this.#ended!.then((each) => report = each);
    await this.until(() => report !== undefined);
    return report!;
  }

  /** Whole milliseconds between one start of a program and the next. */
  get waitsMs(): number[] {
    return this.startsMs.slice(1).map((startMs, index) => Math.round(startMs - this.startsMs[index]));
  }
}
