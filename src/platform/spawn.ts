import fs from "node:fs";
import process from "node:process";
import { IoError, messageOf } from "../core/values/errors.ts";
import type { ErrorCode } from "../core/values/error_codes.ts";
import type { ExitStatus } from "../core/values/exit_status.ts";
import type { ProcessIdentity, SpawnOptions } from "../core/ports/processes.ts";
import type { Descriptors } from "./descriptors.ts";
import { errnoOf } from "./io_error.ts";
import { runKey } from "./kin.ts";
import type { LaunchTurns } from "./launch_turns.ts";
import { createLimitScript } from "./limits.ts";
import type { LibcCalls } from "./libc_calls.ts";
import { checkProgram, findProgram, isExecutable } from "./program.ts";

/** Options left to the runtime once program, mask and niceness are settled. */
export interface LaunchOptions {
  /** The program's file, absolute. */
  file: string;
  /** Arguments after the program's name. */
  args: readonly string[];
  /** Working folder, absolute. */
  cwd: string;
  /** The whole environment. */
  env: Readonly<Record<string, string>>;
  /** User to become. */
  uid?: number;
  /** Group to become. */
  gid?: number;
}

/** A program that a runtime has started, as leader of its own session and group. */
export interface Launched {
  /** Its number. */
  pid: number;
  /** Its output. */
  stdout: ReadableStream<Uint8Array>;
  /** Its error output. */
  stderr: ReadableStream<Uint8Array>;
  /** Its end; never rejects. */
  exited: Promise<ExitStatus>;
}

/** A program that a runtime has started to live on by itself. */
export type LaunchedDetached = Omit<Launched, "stdout" | "stderr">;

/** The ways in which a runtime starts programs. */
export interface Launcher {
  /** With its output piped. */
  launch: Launch;
  /** With its output thrown away, and without keeping this process alive. */
  launchDetached: Launch<LaunchedDetached>;
  /** The calls that care for orphans, or why there are none. */
  libcCalls: () => LibcCalls | string;
}

/** Starts a program before it returns, or throws what the system said; inherits this thread's umask and niceness. */
export type Launch<T extends LaunchedDetached = Launched> = (options: LaunchOptions) => T;

const CODES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ["SPAWN_NOT_FOUND", "its file or the interpreter that its first line names does not exist"],
  EACCES: ["SPAWN_DENIED", "its file or its folder may not be used by that user"],
  EAGAIN: ["IO_NO_RESOURCES", "the system allows no more processes"],
  ENOMEM: ["IO_NO_RESOURCES", "there is not enough memory"],
  EMFILE: ["IO_NO_RESOURCES", "this process has too many files open"],
  ENFILE: ["IO_NO_RESOURCES", "the system has too many files open"],
  E2BIG: ["SPAWN_FAILED", "its arguments and environment are too long"],
};
const MAX_ID = 2 ** 31 - 1;
/** Files that a launch opens on its way. Without room for all of them a runtime may fail after the program has been started. */
const FILES_OF_A_LAUNCH = 8;
const OOM_SCORE = "/proc/self/oom_score_adj";
/** Names of variables that every shell hands on. */
const SHELL_NAME = /^[A-Za-z_]\w*$/;
const BASH = ["/bin/bash", "/usr/bin/bash"];

/** Dependencies of each launch. */
export interface SpawnSurroundings {
  /** Returns the identity of the launched process. */
  identify: (pid: number) => ProcessIdentity;
  /** Calls `fn` so that what it launches wears the mark of a run that can't be taken off, where there is such a thing. */
  withTag: <T>(key: string, fn: () => T) => T;
  /** Launches as a user with all groups that he has. */
  launchAs: <T>(options: SpawnOptions, launch: (uid?: number, gid?: number) => T) => T;
  /** Takes note of a child until it was waited for; `key` stands for the run that it leads. */
  launched: (child: LaunchedDetached, key: string | undefined) => void;
  /** Kills a child that nobody will follow, and reads nothing of it. */
  abandon: (child: LaunchedDetached) => void;
  /** Ends the program with these marks, if a launch that failed has started it all the same. */
  endLost: (marks: Readonly<Record<string, string>>) => Promise<void>;
}

/** Makes {@linkcode Processes.spawn} of a runtime's way to launch. */
export function createSpawn<T extends LaunchedDetached>(
  launch: Launch<T>,
  { identify, withTag, launchAs, launched, abandon, endLost }: SpawnSurroundings,
  descriptors: Descriptors,
  turns: LaunchTurns,
): (options: SpawnOptions) => Promise<Omit<T, "pid"> & { identity: ProcessIdentity }> {
  const limitScript = createLimitScript();
  const spawn = async (options: SpawnOptions) => {
    checkUser(options);
    checkTexts(options);
    checkRoom(options, descriptors);
    const file = findProgram(options);
    const script = limitScript(options);
    // The shell runs first then, so nobody else would tell what is wrong with the program.
    if (script !== "") checkProgram(file, options);
    const marks = options.marks && Object.fromEntries(options.marks.map((name) => [name, options.env[name]]));
    const key = marks && runKey(marks);
    let started: T | undefined;
    try {
      const launchIt: Launch<T> = (how) => launchAs(options, (uid, gid) => started = launch({ ...how, uid, gid }));
      const start = () => withOomScore(options, () => withNice(file, options, limited(script, launchIt)));
      const child = withUmask(options.umask, () => key === undefined ? start() : withTag(key, start));
      launched(child, key);
      const { pid, ...rest } = child;
      // The child can't be reaped before the loop goes on, so its number still means it.
      return { identity: identify(pid), ...rest };
    } catch (cause) {
      const error = cause instanceof IoError ? cause : spawnError(cause, options);
      // The program itself is not what has failed then, so it may run.
      if (started !== undefined) {
        launched(started, key);
        abandon(started);
      } else if (marks !== undefined && ["IO_NO_RESOURCES", "SPAWN_FAILED"].includes(error.code)) await endLost(marks);
      throw error;
    }
  };
  return (options) => turns.take(() => spawn(options), options);
}

/** Throws what can be known to be wrong with a program without starting it. */
export function checkSpawn(options: SpawnOptions): void {
  checkUser(options);
  checkTexts(options);
  checkProgram(findProgram(options), options);
}

function checkUser({ argv, uid, gid }: SpawnOptions): void {
  for (const id of [uid, gid]) {
    if (id === undefined || (Number.isInteger(id) && id >= 0 && id <= MAX_ID)) continue;
    throw new IoError("SPAWN_BAD_USER", `Cannot start ${argv[0]} as its uid and gid must be from 0 to ${MAX_ID}: current value is ${id}`, {
      context: { argv, uid, gid },
    });
  }
}

/** The last files are for control: a daemon that can't be asked or stopped is worse than one that starts a service later. */
function checkRoom({ argv, isUrgent = false }: SpawnOptions, { limit, reserve, hasRoomFor }: Descriptors): void {
  if (isUrgent || hasRoomFor(reserve + FILES_OF_A_LAUNCH)) return;
  throw new IoError(
    "IO_NO_RESOURCES",
    `Cannot start ${argv[0]} as this process has too many files open: it may have ${limit} and keeps ${reserve} for its control socket; ` +
      `raise the limit (ulimit -n, LimitNOFILE)`,
    { context: { argv, limit, reserve } },
  );
}

/** Refuses texts that the system can't hand on. The runtimes refuse them late, in words that show the value of a variable. */
function checkTexts({ argv, env }: SpawnOptions): void {
  const isWhole = (text: string) => !text.includes("\0");
  const at = argv.findIndex((text) => !isWhole(text));
  if (at >= 0) throw notSpawned(argv, `argument ${at} must hold no NUL character`);
  for (const [name, value] of Object.entries(env)) {
    if (name.includes("=") || !isWhole(name)) {
      throw notSpawned(argv, `the name of a variable must be a text without "=" and NUL: current value is ${JSON.stringify(name)}`);
    }
    if (!isWhole(value)) throw notSpawned(argv, `its variable ${name} must hold no NUL character`);
  }
}

function notSpawned(argv: readonly string[], reason: string): IoError {
  return new IoError("SPAWN_FAILED", `Cannot start ${argv[0]} as ${reason}`, { context: { argv } });
}

/** Between the two calls nothing else runs on this thread, so that no file of ours is made under the child's mask. */
function withUmask<T>(umask: number | undefined, fn: () => T): T {
  if (umask === undefined) return fn();
  const own = process.umask(umask);
  try {
    return fn();
  } finally {
    process.umask(own);
  }
}

/**
 * The child is to be nice from its first instruction on. A positive value is set by nice(1), because who raises his own may not be
 * allowed to lower it again; a negative one is our own while we fork, because the user that the child becomes may not lower it.
 */
function withNice<T extends LaunchedDetached>(file: string, options: SpawnOptions, launch: Launch<T>): T {
  const { argv, nice = 0, cwd, env, uid, gid } = options;
  const plain = { file, args: argv.slice(1), cwd, env, uid, gid };
  if (nice === 0) return launchOrShell(plain, launch);
  if (nice > 0) {
    const wrapper = findProgram({ argv: ["nice"], cwd: "/", env: {} });
    return launch({ ...plain, file: wrapper, args: ["-n", String(nice), file, ...plain.args] });
  }
  const { getPriority, setPriority } = process.getBuiltinModule("node:os");
  const own = getPriority(0);
  try {
    setPriority(0, Math.max(-20, own + nice));
  } catch (error) {
    throw new IoError(
      "SPAWN_DENIED",
      `Cannot start ${argv[0]} as this process may not lower its nice value: current value of nice is ${nice}`,
      {
        cause: error,
        context: { argv, nice },
      },
    );
  }
  try {
    return launchOrShell(plain, launch);
  } finally {
    setPriority(0, own);
  }
}

/** A shell sets the limits and becomes the program. */
function limited<T extends LaunchedDetached>(script: string, launch: Launch<T>): Launch<T> {
  if (script === "") return launch;
  return (options) => {
    const [file, ...flags] = shellFor(options.env);
    return launch({ ...options, file, args: [...flags, "-c", `${script}exec "$0" "$@"`, options.file, ...options.args] });
  };
}

/** Picks a shell that hands all variables on: bash if there is one, as dash drops names such as `log.level`; `-p` keeps its functions out. */
function shellFor(env: Readonly<Record<string, string>>): readonly string[] {
  const bash = Object.keys(env).every((name) => SHELL_NAME.test(name)) ? undefined : BASH.find(isExecutable);
  return bash === undefined ? ["/bin/sh"] : [bash, "--posix", "-p"];
}

/** The score is our own while we fork: whoever the program becomes may not lower it, and it holds from the first instruction on. */
function withOomScore<T>({ argv, oomScoreAdj }: SpawnOptions, fn: () => T): T {
  if (oomScoreAdj === undefined) return fn();
  let own: string;
  try {
    own = fs.readFileSync(OOM_SCORE, "utf8");
    fs.writeFileSync(OOM_SCORE, String(oomScoreAdj));
  } catch (error) {
    throw new IoError(
      "SPAWN_DENIED",
      `Cannot start ${argv[0]} as this process may not set oom_score_adj: current value is ${oomScoreAdj}`,
      {
        cause: error,
        context: { argv, oomScoreAdj },
      },
    );
  }
  try {
    return fn();
  } finally {
    fs.writeFileSync(OOM_SCORE, own);
  }
}

/** A script without a first line that names its interpreter is the shell's, as execvp(3) has it; Deno's own launch does that already. */
function launchOrShell<T extends LaunchedDetached>(options: LaunchOptions, launch: Launch<T>): T {
  try {
    return launch(options);
  } catch (error) {
    if (errnoOf(error) !== "ENOEXEC") throw error;
    return launch({ ...options, file: "/bin/sh", args: [options.file, ...options.args] });
  }
}

function spawnError(error: unknown, { argv, cwd, uid, gid }: SpawnOptions): IoError {
  const errno = errnoOf(error) ?? "";
  const wantsOther = uid !== undefined || gid !== undefined;
  const [code, reason] = errno === "EPERM"
    ? wantsOther
      ? ["SPAWN_BAD_USER", `this process may not become uid ${uid}, gid ${gid}`] as const
      : ["SPAWN_DENIED", "the system does not permit it"] as const
    : CODES[errno] ?? ["SPAWN_FAILED", messageOf(error)];
  return new IoError(code, `Cannot start ${argv[0]} as ${reason}`, { cause: error, context: { argv, cwd, uid, gid, errno } });
}
