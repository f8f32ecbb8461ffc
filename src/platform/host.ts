import process from "node:process";
import { systemClock } from "../core/clock.ts";
import type { Host, Modules } from "../core/host.ts";
import { createFiles, type LockableFile } from "./files.ts";
import { createHttp, type HttpFacts } from "./http.ts";
import { createIpc } from "./ipc.ts";
import { createOwnProcess, type ProcessFacts } from "./own_process.ts";
import { createProcesses } from "./processes.ts";
import { createSignals } from "./signals.ts";
import type { Launch } from "./spawn.ts";
import { createTerminal, type TerminalFacts } from "./terminal.ts";

/** What a runtime brings along; the rest is the same for both. */
export interface RuntimeFacts {
  /** Name and version. */
  runtime: string;
  /** Arguments and the way to start the same program again. */
  process: ProcessFacts;
  /** What it knows of the terminal. */
  terminal: TerminalFacts;
  /** Starts a program. */
  launch: Launch;
  /** Serves and sends. */
  http: HttpFacts;
  /** Loads code. */
  modules: Modules;
  /** Opens a file for reading, writing and locking, mode 0o600. */
  openLockable: (path: string) => LockableFile;
}

/** Makes a host of what a runtime brings along. */
export function createHost(facts: RuntimeFacts): Host {
  return {
    runtime: facts.runtime,
    clock: systemClock,
    random: Math.random,
    secret: () => crypto.randomUUID(),
    signals: createSignals(),
    files: createFiles(facts.openLockable),
    processes: createProcesses(facts.launch),
    http: createHttp(facts.http),
    ipc: createIpc(),
    modules: facts.modules,
    env: {
      get: (name) => process.env[name],
      all: () => ({ ...process.env }) as Record<string, string>,
    },
    terminal: createTerminal(facts.terminal),
    process: createOwnProcess(facts.process),
  };
}
