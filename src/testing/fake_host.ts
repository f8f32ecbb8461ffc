import type { Host } from "../core/ports/host.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeEnv } from "./fake_env.ts";
import { FakeFiles } from "./fake_files.ts";
import { FakeHttp } from "./fake_http.ts";
import { FakeIpc } from "./fake_ipc.ts";
import { FakeModules } from "./fake_modules.ts";
import { FakeOwnProcess } from "./fake_own_process.ts";
import { FakeProcesses } from "./fake_processes.ts";
import { FakeProfiler } from "./fake_profiler.ts";
import { FakeResources } from "./fake_resources.ts";
import { FakeSignals } from "./fake_signals.ts";
import { FakeSockets } from "./fake_sockets.ts";
import { FakeTerminal } from "./fake_terminal.ts";
import { FakeWatcher } from "./fake_watcher.ts";

/** Options of {@linkcode FakeHost}. */
export interface FakeHostOptions {
  /** Environment variables. @default {{}} */
  env?: Readonly<Record<string, string>>;
  /** Command line arguments. @default {[]} */
  args?: readonly string[];
  /** Chance. @default {() => 0.5} */
  random?: () => number;
}

/**
 * A machine in memory: time stands still until told to go on, programs are functions, files and network fail on order, and whatever is done
 * to the process is recorded.
 *
 * @example A daemon's surroundings in a test
 * ```ts
 * import { FakeHost } from "@daemonkit/daemonkit/testing";
 * import assert from "node:assert/strict";
 *
 * const host = new FakeHost({ env: { HOME: "/root" } });
 * let stops = 0;
 * using _listener = host.signals.on("SIGTERM", () => stops++);
 * assert.ok(host.signals.emit("SIGTERM"));
 * assert.equal(stops, 1);
 *
 * host.processes.program("once", (process) => process.exit(3));
 * const child = await host.processes.spawn({ argv: ["once"], cwd: "/", env: {} });
 * assert.deepEqual(await child.exited, { code: 3, signal: null });
 * ```
 */
export class FakeHost implements Host {
  /** A name that no runtime has. */
  readonly runtime = "fake 1.0.0";
  /** Time. */
  readonly clock: FakeClock = new FakeClock();
  /** Chance. */
  readonly random: () => number;
  /** Texts that are easy to guess: `secret-1`, `secret-2`, … */
  readonly secret: () => string;
  /** Signals. */
  readonly signals: FakeSignals = new FakeSignals();
  /** Files. */
  readonly files: FakeFiles;
  /** Changes in folders of {@linkcode FakeHost.files}. */
  readonly watcher: FakeWatcher;
  /** Processes. */
  readonly processes: FakeProcesses = new FakeProcesses();
  /** Network. */
  readonly http: FakeHttp = new FakeHttp();
  /** Resource use of processes. */
  readonly resources: FakeResources = new FakeResources();
  /** Sockets of the machine. */
  readonly sockets: FakeSockets = new FakeSockets();
  /** Profiles. */
  readonly profiler: FakeProfiler = new FakeProfiler();
  /** Connections between processes. */
  readonly ipc: FakeIpc = new FakeIpc();
  /** Modules. */
  readonly modules: FakeModules = new FakeModules();
  /** Environment variables. */
  readonly env: FakeEnv;
  /** Terminal. */
  readonly terminal: FakeTerminal = new FakeTerminal(this.clock);
  /** Effects on the process. */
  readonly ownProcess: FakeOwnProcess;

  /** Creates a machine on which nothing has happened. */
  constructor(options: FakeHostOptions = {}) {
    const { env = {}, args = [], random = () => 0.5 } = options;
    this.watcher = new FakeWatcher((path) => this.files.info(path)?.kind === "directory");
    this.files = new FakeFiles(() => this.clock.wallMs(), (folder) => this.watcher.emit(folder));
    this.random = random;
    let secrets = 0;
    this.secret = () => `secret-${++secrets}`;
    this.ownProcess = new FakeOwnProcess(args);
    this.env = new FakeEnv(env);
  }
}
