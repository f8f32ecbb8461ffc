import type { AsyncLocalStorage } from "node:async_hooks";
import fs from "node:fs";
import process from "node:process";
import { DaemonError, IoError } from "../core/values/errors.ts";
import type { OwnProcess } from "../core/ports/own_process.ts";
import { resolvePath } from "../core/values/paths.ts";
import { ioError } from "./io_error.ts";
import { REPLACEMENT, variable } from "./env.ts";

/** Facts about its process that each runtime gets in its own way. */
export interface ProcessFacts {
  /** Command line arguments after the program. */
  args: readonly string[];
  /** Argv that starts this program again. */
  command: readonly string[];
  /** Kinds of what keeps the process alive, once for each thing. */
  activeResources(): readonly string[];
}

/** Where owners are written down: on the process itself, because two copies of this library still share one process. */
const OWNERS = Symbol.for("@daemonkit/daemonkit.owners");
const PROCESS = "this process";
/** Longest period that a platform timer honours. */
const LONGEST_PERIOD_MS = 2 ** 31 - 1;

/** Process-wide effects by node:process, which both runtimes implement natively. */
export function createOwnProcess(facts: ProcessFacts): OwnProcess {
  let owners: AsyncLocalStorage<string | undefined> | undefined;
  // Kept, as two clocks never tell quite the same twice, and a start that moves looks like a restart.
  let startSeconds: number | undefined;
  return {
    ...facts,
    claim,
    cwd: workingFolder,
    chdir(path) {
      try {
        process.chdir(path);
      } catch (error) {
        throw ioError(error, `change to folder ${path}`, { path });
      }
    },
    setExitCode: (code) => void (process.exitCode = code),
    exit: (code) => process.exit(code),
    hold() {
      const timer = setInterval(() => {}, LONGEST_PERIOD_MS);
      return { [Symbol.dispose]: () => clearInterval(timer) };
    },
    // Only some errors come with their owner. Deno: rejections, microtasks, listeners; not timers. Bun: timers, listeners; not rejections.
    onUncaught(handler) {
      const listener = (error: unknown) => handler(error, owners?.getStore());
      process.on("uncaughtException", listener);
      process.on("unhandledRejection", listener);
      return {
        [Symbol.dispose]() {
          process.off("uncaughtException", listener);
          process.off("unhandledRejection", listener);
        },
      };
    },
    runAs(owner, fn) {
      owners ??= new (process.getBuiltinModule("node:async_hooks").AsyncLocalStorage)<string | undefined>();
      return owners.run(owner, fn);
    },
    label: () => owners?.getStore(),
    onOverstay(delayMs, fn) {
      const timer = setTimeout(() => {
        if (!ownersOf().has(PROCESS)) fn(counted(facts.activeResources()));
      }, Math.min(delayMs, LONGEST_PERIOD_MS));
      (timer as unknown as { unref(): void }).unref();
    },
    residentBytes,
    usage() {
      const { user, system } = process.cpuUsage();
      const resident = residentBytes();
      const openFiles = countOpenFiles();
      return {
        ...(resident === 0 ? {} : { residentBytes: resident }),
        cpuSeconds: (user + system) / 1e6,
        ...(openFiles === undefined ? {} : { openFiles }),
        startSeconds: startSeconds ??= Math.round(Date.now() - process.uptime() * 1_000) / 1_000,
      };
    },
  };
}

/**
 * The folder under the name by which one came here, as far as a shell says it and it is still this folder: where a link on the way is switched
 * later, that name goes on to lead where the operator means.
 */
function workingFolder(): string {
  const named = variable("PWD");
  if (named !== undefined && isPlain(named) && isHere(named)) return named;
  let folder: string | undefined;
  let cause: unknown;
  try {
    folder = process.cwd();
  } catch (error) {
    cause = error;
  }
  if (folder !== undefined && (!folder.includes(REPLACEMENT) || isHere(folder))) return folder;
  // Deno gives no name to a folder whose path is no UTF-8, and Bun that of another one.
  if (folder !== undefined || hasName()) {
    const message = "Cannot name this folder as its path is no UTF-8: rename it, or change to another one, as by `cd /`";
    throw new IoError("UNSUPPORTED", message, { cause });
  }
  throw new IoError("IO_NOT_FOUND", "Cannot tell which folder this is as it was removed: change to another one, as by `cd /`", { cause });
}

/** Whether this folder is still in another one. */
function hasName(): boolean {
  try {
    return fs.statSync(".").nlink > 0;
  } catch {
    return false;
  }
}

function isHere(folder: string): boolean {
  try {
    return isSame(fs.statSync(folder), fs.statSync("."));
  } catch {
    return false; // nothing is there by that name
  }
}

function isPlain(path: string): boolean {
  return path.startsWith("/") && resolvePath("/", path) === path;
}

function isSame(a: fs.Stats, b: fs.Stats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

function residentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return 0; // without a file left to open, Bun does not know
  }
}

/** Open descriptors, without the one that counts them; undefined where the system does not tell, or none is left to count with. */
function countOpenFiles(): number | undefined {
  try {
    return fs.readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined;
  }
}

/** Makes `owner` the one owner in this process of the process itself, or of a thing: see {@linkcode OwnProcess.claim}. */
export function claim(owner: string, thing: string = PROCESS): Disposable {
  const owners = ownersOf();
  const other = owners.get(thing);
  if (other !== undefined) {
    throw new DaemonError("RUNTIME_STATE", `Cannot let "${owner}" own ${thing} as "${other}" owns it`, {
      context: { owner: other, pid: process.pid },
    });
  }
  owners.set(thing, owner);
  let isHeld = true;
  return {
    [Symbol.dispose]() {
      if (isHeld) owners.delete(thing);
      isHeld = false;
    },
  };
}

/** Owners by what they own. */
function ownersOf(): Map<string, string> {
  return (process as { [OWNERS]?: Map<string, string> })[OWNERS] ??= new Map();
}

/** `["Timeout", "Timeout"]` as `["2 Timeout"]`. */
function counted(kinds: readonly string[]): string[] {
  return [...Map.groupBy(kinds, (kind) => kind)].map(([kind, each]) => `${each.length} ${kind}`);
}
