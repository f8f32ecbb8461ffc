import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { EXECUTABLE, isStale } from "../tools/compile.ts";
import { test } from "../harness.ts";

/** The program under test: the sources under the runtime of the tests, or the compiled executable. */
export interface Subject {
  /** In the names of tests. */
  name: "source" | "compiled";
  /** Starts it, without arguments, in a stage's folder. */
  argv: (folder: string) => string[];
}

/** Result of a command line. */
export interface CliResult {
  /** Exit code; 128 + n is not used, a signal shows as -1. */
  code: number;
  /** Its output on stdout. */
  stdout: string;
  /** Its output on stderr. */
  stderr: string;
}

/** A program that runs, with what it has written so far. */
export interface Program {
  /** Process number. */
  readonly pid: number;
  /** Everything that it has written to stdout. */
  readonly stdout: () => string;
  /** Everything that it has written to stderr. */
  readonly stderr: () => string;
  /** Its end. */
  readonly ended: Promise<CliResult>;
  /** Resolves when its output on either stream matches; rejects when it ends before that, or has not written it in the time of a test. */
  until(pattern: RegExp): Promise<void>;
  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void;
  /** Stops reading: what the program writes from now on fails. */
  closeOutput(): void;
}

/** A temporary folder with everything that a daemon would otherwise put elsewhere, and what was started from it. */
export interface Stage {
  /** The folder; commands run in it. */
  readonly folder: string;
  /** Environment of what is started. */
  readonly env: Record<string, string>;
  /** Writes a file into the folder. */
  write(name: string, text: string): string;
  /** Runs a command line to its end, which must come in the time of a test. */
  cli(...args: string[]): Promise<CliResult>;
  /** Starts a command line. */
  start(...args: string[]): Program;
  /** Starts a command line through a script of the shell, in which `exec "$0" "$@"` stands for it. */
  startThrough(script: string, ...args: string[]): Program;
  /** Starts `run` and waits until every unit has started. */
  startDaemon(...args: string[]): Promise<Program>;
}

const ROOT = new URL("../../", import.meta.url).pathname;
const isDeno = "Deno" in globalThis;
/** Less than after what time a runner takes a test for hung. */
const TEST_LIMIT_MS = 110_000;
/** Nearly all that a test has: it is for what hangs, and a machine that is busy with ten other things makes everything ten times slower. */
const LIMIT_MS = 100_000;

/** The sources always; the executable when it is there and up to date, once and not under both runners. */
function subjects(): Subject[] {
  // By itself Deno locks node_modules at each start, and says so where it has to wait for another one.
  const command = isDeno ? [process.execPath, "run", "-A", "--no-check", "--node-modules-dir=manual"] : [process.execPath];
  const found: Subject[] = [{ name: "source", argv: () => [...command, join(ROOT, "cli.ts")] }];
  const executable = process.env.DAEMONKIT_BINARY ?? (!isDeno && existsSync(EXECUTABLE) && !isStale(EXECUTABLE) ? EXECUTABLE : undefined);
  if (executable === undefined && !isDeno) {
    console.log('tests of the compiled executable are left out, as dist/daemonkit is missing or stale: build it with "bun run compile"');
  }
  if (executable !== undefined) {
    found.push({
      name: "compiled",
      argv: (folder) => {
        const own = join(folder, "bin", "daemonkit");
        if (!existsSync(own)) {
          mkdirSync(join(folder, "bin"));
          copyFileSync(executable, own);
        }
        return [own];
      },
    });
  }
  return found;
}

/** A test of programs. */
type Body = (stage: Stage, subject: Subject) => Promise<void>;

/** Registers a test for each subject; ends what it started and removes its folder, however it goes. */
export function e2e(name: string, body: Body): void {
  register(name, subjects(), body);
}

/**
 * Registers a test for one subject: the compiled executable where it is there.
 *
 * - For words, exit codes and orders, which code above the platform decides: no engine changes them. Whatever is about processes, signals,
 *   files, sockets or time is `e2e`.
 */
export function e2eOnce(name: string, body: Body): void {
  register(name, isDeno ? [] : subjects().slice(-1), body);
}

function register(name: string, subjects: readonly Subject[], body: Body): void {
  for (const subject of subjects) {
    test(`${name} (${subject.name})`, async () => {
      // Short, as a socket's path may have 100 bytes.
      const folder = mkdtempSync(join(tmpdir(), "dk-"));
      const started: Program[] = [];
      try {
        await withinLimit(body(makeStage(folder, subject, started), subject), started);
      } finally {
        for (const program of started) program.kill("SIGKILL");
        // A daemon that was killed leaves its services behind; they run in the stage's folder. Whoever holds a pipe keeps its program's end back.
        for (const pid of processesIn(folder)) endProcess(pid);
        await Promise.all(started.map((program) => program.ended));
        for (const pid of processesIn(folder)) endProcess(pid);
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
}

/** Rejects when a test takes too long, whatever it waits for, with the last words of all that runs. */
async function withinLimit(body: Promise<void>, started: readonly Program[]): Promise<void> {
  let limit: ReturnType<typeof setTimeout> | undefined;
  const isLate = new Promise<never>((_, reject) => {
    limit = setTimeout(() => {
      const words = started.map((program) => `process ${program.pid}: ${soFar(program).slice(-2_000)}`);
      reject(new Error(`Cannot wait any longer as the test must end within ${TEST_LIMIT_MS / 1_000} s\n${words.join("\n")}`));
    }, TEST_LIMIT_MS);
  });
  await Promise.race([body, isLate]).finally(() => clearTimeout(limit));
}

function makeStage(folder: string, subject: Subject, started: Program[]): Stage {
  const env: Record<string, string> = { XDG_RUNTIME_DIR: join(folder, "run"), XDG_STATE_HOME: join(folder, "state") };
  if (subject.name === "source") {
    // The runtimes themselves need a place for their caches, and Deno makes a PATH of its own when there is none.
    for (const name of ["HOME", "DENO_DIR", "PATH"]) if (process.env[name] !== undefined) env[name] = process.env[name];
  }
  const work = join(folder, "work");
  mkdirSync(work);
  const launch = (before: string[], args: string[]) => {
    const [program, ...own] = [...before, ...subject.argv(folder)];
    const made = watch(spawn(program, [...own, ...args], { cwd: work, env, stdio: ["ignore", "pipe", "pipe"] }));
    started.push(made);
    return made;
  };
  const start = (...args: string[]) => launch([], args);
  return {
    folder: work,
    env,
    write(name, text) {
      const path = join(work, name);
      writeFileSync(path, text);
      return path;
    },
    start,
    startThrough: (script, ...args) => launch(["/bin/sh", "-c", script], args),
    async cli(...args) {
      const program = start(...args);
      let limit: ReturnType<typeof setTimeout> | undefined;
      const isLate = new Promise<never>((_, reject) => {
        const fail = () =>
          reject(new Error(`Cannot go on as "${args.join(" ")}" did not end within ${LIMIT_MS / 1_000} s: ${soFar(program)}`));
        limit = setTimeout(fail, LIMIT_MS);
      });
      return await Promise.race([program.ended, isLate]).finally(() => clearTimeout(limit));
    },
    async startDaemon(...args) {
      const daemon = start("run", ...args);
      await daemon.until(/every unit has started|not ready: /);
      return daemon;
    },
  };
}

function soFar(program: Program): string {
  return `it has written\n${program.stdout()}\n${program.stderr()}`;
}

function watch(child: ChildProcess): Program {
  const text = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  let isOver = false;
  let isClosed = false;
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]!.setEncoding("utf8").on("data", (piece: string) => {
      text[stream] += piece;
      for (const look of waiting) look();
    });
  }
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", () => void (isOver = true));
    child.on("close", (code, signal) => {
      isClosed = true;
      // Its own words do not say so, and who looks at a failed test has nothing else.
      if (signal !== null) text.stderr += `\n(ended by ${signal})`;
      resolve({ code: code ?? -1, ...text });
      for (const look of waiting) look();
    });
  });
  return {
    pid: child.pid!,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    ended,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const settle = (failure: string | undefined) => {
          waiting.delete(look);
          clearTimeout(limit);
          if (failure === undefined) resolve();
          else {reject(
              new Error(`Cannot go on as ${failure} ${pattern}:
${text.stdout}
${text.stderr}`),
            );}
        };
        const look = () => {
          if (pattern.test(text.stdout) || pattern.test(text.stderr)) settle(undefined);
          else if (isClosed) settle("the program ended before it wrote");
        };
        const limit = setTimeout(() => settle(`within ${LIMIT_MS / 1_000} s the program did not write`), LIMIT_MS);
        waiting.add(look);
        look();
      }),
    // Not child.kill(): Deno's works once, and hides the exit code of a program that handled the signal.
    kill: (signal) => isOver || endProcess(child.pid!, signal),
    closeOutput() {
      child.stdout!.destroy();
      child.stderr!.destroy();
    },
  };
}

/** Living processes whose working folder lies in a folder. */
export function processesIn(folder: string): number[] {
  if (!existsSync("/proc")) return [];
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${folder}/`) && isRunning(pid);
    } catch {
      // Gone meanwhile, or somebody else's.
      return false;
    }
  });
}

/** Sends a process a signal; one that is gone is fine, also where its end is not heard of yet. */
export function endProcess(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}

/** Whether a process runs; one that has ended and was not waited for does not. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat[stat.lastIndexOf(")") + 2] !== "Z";
  } catch {
    return false;
  }
}
