import type { Clock } from "../core/ports/clock.ts";
import { DaemonError } from "../core/values/errors.ts";
import type { Env } from "../core/ports/env.ts";
import type { Host } from "../core/ports/host.ts";
import type { Modules } from "../core/ports/modules.ts";
import type { OwnProcess, ProcessUsage } from "../core/ports/own_process.ts";
import type { SignalName } from "../core/values/signal_name.ts";
import type { Signals } from "../core/ports/signals.ts";
import type { Terminal } from "../core/ports/terminal.ts";
import { PacedOutput } from "../core/wire/paced_output.ts";
import type { PostOptions } from "../core/ports/terminal.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeFiles } from "./fake_files.ts";
import { FakeHttp } from "./fake_http.ts";
import { FakeIpc } from "./fake_ipc.ts";
import { FakeProcesses } from "./fake_processes.ts";
import { FakeProfiler } from "./fake_profiler.ts";
import { FakeResources } from "./fake_resources.ts";
import { FakeSockets } from "./fake_sockets.ts";
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

/** Signals that a test emits; a part of {@linkcode FakeHost}. */
export class FakeSignals implements Signals {
  readonly #handlers = new Map<SignalName, Set<() => void>>();

  /** Registers a handler. */
  on(signal: SignalName, handler: () => void): Disposable {
    const handlers = this.#handlers.get(signal) ?? new Set();
    this.#handlers.set(signal, handlers);
    const entry = () => handler();
    handlers.add(entry);
    return { [Symbol.dispose]: () => void handlers.delete(entry) };
  }

  /** Sends a signal to this process; false when nobody listens, where a real process would mostly die. */
  emit(signal: SignalName): boolean {
    const handlers = [...this.#handlers.get(signal) ?? []];
    for (const handler of handlers) handler();
    return handlers.length > 0;
  }

  /** Number of handlers, of one signal or of all. */
  count(signal?: SignalName): number {
    if (signal !== undefined) return this.#handlers.get(signal)?.size ?? 0;
    return [...this.#handlers.values()].reduce((sum, handlers) => sum + handlers.size, 0);
  }
}

/** A terminal that remembers; a part of {@linkcode FakeHost}. */
export class FakeTerminal implements Terminal {
  /** Everything written to stdout. */
  stdout = "";
  /** Everything written to stderr. */
  stderr = "";
  /** Answer of {@linkcode FakeTerminal.isTerminal}. */
  isInteractive = false;
  /** Whether its loss would end this process, as that of a controlling terminal does. */
  isControlling = false;
  /** Width in characters. */
  width = 80;
  /** Height in lines. */
  height = 24;
  /** Whether the reader has gone away. */
  isClosed = false;
  readonly #outputs: Readonly<Record<1 | 2, PacedOutput>>;
  #reading: PromiseWithResolvers<void> | undefined;

  /** Creates one whose reader takes everything at once. */
  constructor(clock: Clock = new FakeClock()) {
    const open = (fd: 1 | 2) =>
      new PacedOutput({
        clock,
        isGone: () => true,
        write: (bytes) => {
          const take = () => {
            if (!this.write(fd, new TextDecoder().decode(bytes))) throw new Error("the reader has gone away");
            return bytes.length;
          };
          return this.#reading === undefined ? take() : this.#reading.promise.then(take);
        },
      });
    this.#outputs = { 1: open(1), 2: open(2) };
  }

  /** Lets the reader take nothing of what is posted until the result is disposed. */
  stall(): Disposable {
    const reading = Promise.withResolvers<void>();
    this.#reading = reading;
    return {
      [Symbol.dispose]: () => {
        if (this.#reading === reading) this.#reading = undefined;
        reading.resolve();
      },
    };
  }

  /** Remembers text as soon as the reader takes it; false once closed. */
  post(fd: 1 | 2, text: string | Uint8Array, options?: PostOptions): boolean {
    return this.#outputs[fd].post(text, options);
  }

  /** Resolves when the reader has caught up; undefined when it has, or has stopped reading. */
  room(fd: 1 | 2): Promise<void> | undefined {
    return this.#outputs[fd].room();
  }

  /** Whether posted text waits for the reader. */
  isBusy(fd: 1 | 2): boolean {
    return this.#outputs[fd].isBusy;
  }

  /** Waits for the reader. */
  async flush(): Promise<boolean> {
    return (await Promise.all([this.#outputs[1].flush(), this.#outputs[2].flush()])).every((isDone) => isDone);
  }

  /** Returns {@linkcode FakeTerminal.isControlling}. */
  canHangUp(): boolean {
    return this.isControlling;
  }

  /** Does nothing. */
  keepWriting(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  /** Whether it acts as a terminal. */
  isTerminal(): boolean {
    return this.isInteractive;
  }

  /** Width in characters. */
  columns(): number {
    return this.width;
  }

  /** Height in lines. */
  rows(): number {
    return this.height;
  }

  /** Remembers text; false once closed. */
  write(fd: 1 | 2, text: string): boolean {
    if (this.isClosed) return false;
    if (fd === 1) this.stdout += text;
    else this.stderr += text;
    return true;
  }
}

/** Thrown by {@linkcode FakeOwnProcess.exit}, which must not return. */
export class FakeExit extends Error {
  /** The code given. */
  readonly code: number;

  /** Created for a code. */
  constructor(code: number) {
    super(`the process was ended with code ${code}`);
    this.name = "FakeExit";
    this.code = code;
  }
}

/** A process whose effects are recorded; a part of {@linkcode FakeHost}. */
export class FakeOwnProcess implements OwnProcess {
  /** Command line arguments. */
  readonly args: readonly string[];
  /** Argv that would start it again. */
  readonly command: readonly string[] = ["/usr/bin/fake"];
  /** The code it would end with by itself, undefined when nobody has set one. */
  exitCode: number | undefined;
  /** The code of a forced end, undefined when nobody has forced one. */
  exitedWith: number | undefined;
  /** How many hold it alive. */
  holds = 0;
  /** Resources that {@linkcode FakeOwnProcess.overstay} names as holding it alive. */
  heldBy: readonly string[] = [];
  /** Delays of those who wait for it to overstay. */
  readonly overstays: { delayMs: number; fn: (heldBy: readonly string[]) => void }[] = [];
  #cwd = "/";
  #label: string | undefined;
  readonly #owners = new Map<string, string>();
  readonly #uncaught = new Set<(error: unknown, owner: string | undefined) => void>();

  /** Created with command line arguments. */
  constructor(args: readonly string[] = []) {
    this.args = args;
  }

  /** Takes ownership. */
  claim(owner: string, thing: string = "this process"): Disposable {
    const other = this.#owners.get(thing);
    if (other !== undefined) throw new DaemonError("RUNTIME_STATE", `Cannot let "${owner}" own ${thing} as "${other}" owns it`);
    this.#owners.set(thing, owner);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#owners.delete(thing);
        isHeld = false;
      },
    };
  }

  /** Name of the current owner. */
  get owner(): string | undefined {
    return this.#owners.get("this process");
  }

  /** The label of the code that runs now. */
  label(): string | undefined {
    return this.#label;
  }

  /** Waits for {@linkcode FakeOwnProcess.overstay}. */
  onOverstay(delayMs: number, fn: (heldBy: readonly string[]) => void): void {
    this.overstays.push({ delayMs, fn });
  }

  /** Lets the process still be there when all who wait for that have waited long enough. */
  overstay(): void {
    for (const { fn } of this.overstays.splice(0)) if (this.owner === undefined) fn(this.heldBy);
  }

  /** Current working folder. */
  cwd(): string {
    return this.#cwd;
  }

  /** Changes the working folder. */
  chdir(path: string): void {
    this.#cwd = path;
  }

  /** Records the code. */
  setExitCode(code: number): void {
    this.exitCode = code;
  }

  /** Records the code and throws {@linkcode FakeExit}. */
  exit(code: number): never {
    this.exitedWith = code;
    throw new FakeExit(code);
  }

  /** Counts. */
  hold(): Disposable {
    this.holds++;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.holds--;
        isHeld = false;
      },
    };
  }

  /** Registers a handler for {@linkcode FakeOwnProcess.emitUncaught}. */
  onUncaught(handler: (error: unknown, owner: string | undefined) => void): Disposable {
    this.#uncaught.add(handler);
    return { [Symbol.dispose]: () => void this.#uncaught.delete(handler) };
  }

  /** Runs `fn` under a label, which holds for its synchronous part only. */
  runAs<T>(owner: string | undefined, fn: () => T): T {
    const before = this.#label;
    this.#label = owner;
    try {
      return fn();
    } finally {
      this.#label = before;
    }
  }

  /** Throws an error at nobody; `owner` is the label of the moment unless given. False when nobody listens. */
  emitUncaught(error: unknown, owner: string | undefined = this.#label): boolean {
    for (const handler of this.#uncaught) handler(error, owner);
    return this.#uncaught.size > 0;
  }

  /** A round number. */
  residentBytes(): number {
    return 50_000_000;
  }

  /** Round numbers. */
  usage(): ProcessUsage {
    return { residentBytes: 50_000_000, cpuSeconds: 1.5, openFiles: 12, startSeconds: 1_000 };
  }
}

/** Modules whose exports a test says; a part of {@linkcode FakeHost}. */
export class FakeModules implements Modules {
  /** Exports by path. */
  readonly exports: Map<string, Readonly<Record<string, unknown>>> = new Map();
  /** Modules that were provided, by name. */
  readonly provided: Map<string, () => Promise<Readonly<Record<string, unknown>>>> = new Map();

  /** The exports that the test has set. */
  load(path: string): Promise<Readonly<Record<string, unknown>>> {
    const exports = this.exports.get(path);
    return exports === undefined ? Promise.reject(new Error(`Cannot find module "${path}"`)) : Promise.resolve(exports);
  }

  /** Nothing is. */
  unloadable(): string | undefined {
    return undefined;
  }

  /** Keeps what was provided. */
  provide(name: string, exports: () => Promise<Readonly<Record<string, unknown>>>): void {
    this.provided.set(name, exports);
  }
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
  readonly env: Env;
  /** Terminal. */
  readonly terminal: FakeTerminal = new FakeTerminal(this.clock);
  /** Effects on the process. */
  readonly process: FakeOwnProcess;

  /** Creates a machine on which nothing has happened. */
  constructor(options: FakeHostOptions = {}) {
    const { env = {}, args = [], random = () => 0.5 } = options;
    this.watcher = new FakeWatcher((path) => this.files.info(path)?.kind === "directory");
    this.files = new FakeFiles(() => this.clock.wallMs(), (folder) => this.watcher.emit(folder));
    this.random = random;
    let secrets = 0;
    this.secret = () => `secret-${++secrets}`;
    this.process = new FakeOwnProcess(args);
    this.env = { get: (name) => env[name], all: () => ({ ...env }), broken: () => [] };
  }
}
