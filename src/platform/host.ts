import { systemClock } from "../core/ports/clock.ts";
import type { Host } from "../core/ports/host.ts";
import type { Modules } from "../core/ports/modules.ts";
import { createEnv } from "./env.ts";
import { createDescriptors } from "./descriptors.ts";
import { createFiles, type LockableFile } from "./files.ts";
import { createHttp, type HttpFacts } from "./http.ts";
import { createIpc } from "./ipc.ts";
import { createOwnProcess, type ProcessFacts } from "./own_process.ts";
import { createProcesses } from "./processes.ts";
import { createProfiler } from "./profiler.ts";
import { createResources } from "./resources.ts";
import { createSignals } from "./signals.ts";
import type { Launcher } from "./spawn.ts";
import { createSockets } from "./sockets.ts";
import { createTerminal, type TerminalFacts } from "./terminal.ts";
import { createWatcher } from "./watcher.ts";

/** Parts of the host that depend on the runtime; the rest is the same for both. */
export interface RuntimeFacts {
  /** Name and version. */
  runtime: string;
  /** Arguments and the way to start the same program again. */
  ownProcess: ProcessFacts;
  /** Its access to the terminal. */
  terminal: TerminalFacts;
  /** Starts programs. */
  launcher: Launcher;
  /** Serves and sends. */
  http: HttpFacts;
  /** Loads code. */
  modules: Modules;
  /** Opens a file for reading, writing and locking, mode 0o600. */
  openLockable: (path: string) => LockableFile;
  /** Throws what keeps a folder from being watched, where `fs.watch` itself would tell it too late. */
  tryWatch: (folder: string) => void;
}

/** Makes a host of what a runtime brings along. */
export function createHost(facts: RuntimeFacts): Host {
  const signals = createSignals();
  const descriptors = createDescriptors();
  return {
    runtime: facts.runtime,
    clock: systemClock,
    random: Math.random,
    secret: () => crypto.randomUUID(),
    signals,
    files: createFiles({ clock: systemClock, openLockable: facts.openLockable, descriptors }),
    watcher: createWatcher({ clock: systemClock, tryWatch: facts.tryWatch }),
    processes: createProcesses(facts.launcher, signals, descriptors),
    resources: createResources(systemClock),
    http: createHttp(facts.http, descriptors),
    sockets: createSockets(),
    profiler: createProfiler(),
    ipc: createIpc(),
    modules: facts.modules,
    env: createEnv(),
    terminal: createTerminal(facts.terminal, systemClock, facts.launcher.libcCalls),
    ownProcess: createOwnProcess(facts.ownProcess),
  };
}
