import fs from "node:fs";
import { posix } from "node:path";
import { IoError } from "../core/values/errors.ts";
import type { SpawnOptions } from "../core/ports/processes.ts";
import { errnoOf } from "./io_error.ts";

/** Where programs are looked for when the child has no PATH, as execvp(3) does. */
const DEFAULT_PATH = "/bin:/usr/bin";

/**
 * Finds the file of a program by the child's own PATH and folder, where the runtimes would partly use ours, and tells apart what they report
 * alike: a missing program, a missing folder, and missing rights.
 */
export function findProgram({ argv, cwd, env }: SpawnOptions): string {
  checkFolder(cwd, argv);
  const [name = ""] = argv;
  if (name === "") throw new IoError("SPAWN_NOT_FOUND", "Cannot start a program as argv must not be empty", { context: { argv, cwd } });
  const folders = name.includes("/") ? [""] : (env.PATH ?? DEFAULT_PATH).split(":");
  let refused: string | undefined;
  for (const folder of folders) {
    const path = posix.resolve(cwd, folder, name);
    const answer = look(path);
    if (answer === "runs") return path;
    // A folder of the PATH that may not be searched does not say that the program is there.
    if (answer === "denied" || answer === "hidden" && name.includes("/")) refused ??= path;
  }
  if (refused !== undefined) {
    throw new IoError("SPAWN_DENIED", `Cannot start ${name} as ${refused} must be an executable file`, {
      context: { argv, path: refused },
    });
  }
  const where = name.includes("/") ? `there is no file ${posix.resolve(cwd, name)}` : `no folder of its PATH has it: ${folders.join(":")}`;
  throw new IoError("SPAWN_NOT_FOUND", `Cannot start ${name} as ${where}`, { context: { argv, cwd } });
}

/**
 * Finds out, as far as one can, what the system would say about a program that a shell is to become: that the interpreter of its first line
 * is missing, or that the user it runs as may not use it.
 */
export function checkProgram(file: string, { argv, cwd, uid, gid }: SpawnOptions): void {
  const interpreter = interpreterOf(file);
  if (interpreter !== undefined && look(posix.resolve(cwd, interpreter)) === "missing") {
    throw new IoError("SPAWN_NOT_FOUND", `Cannot start ${argv[0]} as the interpreter ${interpreter} of its first line does not exist`, {
      context: { argv, cwd },
    });
  }
  if (uid === undefined || uid === 0) return;
  for (let path = file; path !== "/"; path = posix.dirname(path)) {
    const stats = fs.statSync(path, { throwIfNoEntry: false });
    // Rights beyond owner, group and others are for the system to judge.
    const shift = stats === undefined || stats.uid === uid ? 6 : stats.gid === gid ? 3 : 0;
    if (stats === undefined || ((stats.mode >> shift) & 1) === 1) continue;
    throw new IoError("SPAWN_DENIED", `Cannot start ${argv[0]} as ${path} may not be used by uid ${uid}`, { context: { argv, path, uid } });
  }
}

function interpreterOf(file: string): string | undefined {
  const bytes = new Uint8Array(256);
  let fd: number;
  try {
    fd = fs.openSync(file, "r");
  } catch {
    return undefined; // a program may be run by who can't read it
  }
  try {
    fs.readSync(fd, bytes, 0, bytes.length, 0);
  } finally {
    fs.closeSync(fd);
  }
  return /^#![ \t]*([^\s\0]+)/.exec(new TextDecoder("latin1").decode(bytes))?.[1];
}

/** Whether there is a program. */
export const isExecutable = (path: string): boolean => look(path) === "runs";

function look(path: string): "runs" | "denied" | "hidden" | "missing" {
  try {
    if (!fs.statSync(path).isFile()) return "denied";
  } catch (error) {
    return errnoOf(error) === "EACCES" ? "hidden" : "missing";
  }
  try {
    fs.accessSync(path, fs.constants.X_OK);
    return "runs";
  } catch {
    return "denied";
  }
}

function checkFolder(cwd: string, argv: readonly string[]): void {
  let reason: string | undefined;
  try {
    if (!fs.statSync(cwd).isDirectory()) reason = "is no folder";
    else fs.accessSync(cwd, fs.constants.X_OK);
  } catch (error) {
    reason = errnoOf(error) === "EACCES" ? "may not be entered" : "does not exist";
  }
  if (reason === undefined) return;
  throw new IoError("SPAWN_BAD_CWD", `Cannot start ${argv[0]} as its folder ${cwd} ${reason}`, { context: { argv, cwd } });
}
