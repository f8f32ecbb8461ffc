import { DaemonError, isDaemonError, messageOf } from "../core/values/errors.ts";
import type { Env } from "../core/ports/env.ts";
import type { Files } from "../core/ports/files.ts";
import type { Modules } from "../core/ports/modules.ts";
import type { Processes, SpawnOptions } from "../core/ports/processes.ts";
import { folderOf } from "../core/values/paths.ts";
import { MAX_ENV_FILE_BYTES, readEnv } from "./env_file.ts";
import { DEFAULT_PATH } from "./environment.ts";
import { unitLogs } from "./log.ts";
import { commandArgv } from "./probe.ts";
import { folderLack, type Lack, looked, remedyOf, unmakeable } from "./place.ts";
import type { ServiceSpec } from "./spec.ts";

/** Something that a service names and that is not as it needs it. */
export interface UnmetNeed extends Lack {
  /** The key that names it, within the table of the service. */
  path: readonly (string | number)[];
}

/** The parts of a host that needs are looked up on. */
export interface NeedHost {
  /** Files and folders. */
  files: Pick<Files, "read" | "info" | "isWritable" | "whyUntrusted">;
  /** Where programs are looked for. */
  env: Pick<Env, "get">;
  /** Users and programs. */
  processes: Pick<Processes, "user" | "group" | "uid" | "checkSpawn" | "controlGroup">;
  /** Looks whether modules can be loaded. */
  modules: Pick<Modules, "unloadable">;
}

/** Looks up on the machine, without starting anything, what a service needs for its next start. */
export async function unmetNeeds(spec: ServiceSpec, host: NeedHost): Promise<{ needs: UnmetNeed[]; shellDrops: string[] }> {
  const needs: UnmetNeed[] = [];
  const { variables, needs: ofFiles } = await envFileNeeds(spec, host.files);
  needs.push(...ofFiles);
  const account = accountNeeds(spec, host.processes);
  needs.push(...account.needs, ...at(["cwd"], () => folderLack(spec.cwd, host.files)));
  // A folder that is not there would be reported once for each program.
  if (needs.length === ofFiles.length) needs.push(...programNeeds(spec, host, { ...account.ids, path: pathOf(spec, variables, host.env) }));
  const { module } = spec;
  if (module !== undefined) needs.push(...at(["module"], () => moduleLack(module, host)));
  needs.push(...at(["log", "file"], () => logLack(spec, host.files)), ...controlNeeds(spec, host));
  const names = typeof spec.run === "string" ? [...variables.keys(), ...Object.keys(spec.env)] : [];
  return { needs, shellDrops: [...new Set(names.filter((name) => !isShellName(name)))] };
}

function at(path: UnmetNeed["path"], look: () => Lack | undefined): UnmetNeed[] {
  const found = looked(look);
  return found === undefined ? [] : [{ path, ...found }];
}

/** Whether a shell takes a text for the name of a variable; what it does not, some shells hand on to nobody. */
export function isShellName(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name);
}

/** Whether this system's `/bin/sh` hands on variables whose names it would not take itself: of the usual shells, only bash does. */
export function handsOnAll(files: Pick<Files, "realPath">): boolean {
  try {
    return /\/bash$/.test(files.realPath("/bin/sh"));
  } catch {
    return false; // not there, or not to be told
  }
}

async function envFileNeeds(
  { envFiles }: ServiceSpec,
  files: NeedHost["files"],
): Promise<{ variables: Map<string, string>; needs: UnmetNeed[] }> {
  const variables = new Map<string, string>();
  const needs: UnmetNeed[] = [];
  for (const [index, file] of envFiles.entries()) {
    const found = looked(() => envFileLack(file, files)) ?? await readVariables(file.path, files, variables);
    if (found !== undefined) needs.push({ path: ["env_file", index], ...found });
  }
  return { variables, needs };
}

function envFileLack({ path, optional }: ServiceSpec["envFiles"][number], files: NeedHost["files"]): Lack | undefined {
  const kind = files.info(path)?.kind;
  const text = JSON.stringify(path);
  if (kind === undefined) {
    if (optional) return undefined;
    return { message: `expected a file, got nothing at ${text}`, hint: 'write "?" before its path if it may be missing', isMissing: true };
  }
  if (kind === "directory") return { message: `expected a file, got the folder ${text}`, hint: "name a file" };
  // The data of a device has no end, or somebody types it.
  if (kind === "device" || kind === "socket") return { message: `expected a file or a pipe, got the ${kind} ${text}`, hint: "name a file" };
  return undefined;
}

/** Reads an env file, for what a program is looked up by. A pipe gives its data once, and the service needs it. */
async function readVariables(path: string, files: NeedHost["files"], variables: Map<string, string>): Promise<Lack | undefined> {
  if (files.info(path)?.kind !== "file") return undefined;
  try {
    const read = readEnv((await files.read(path, { maxBytes: MAX_ENV_FILE_BYTES })).bytes);
    if ("mistake" in read) {
      const { line, column, message, hint } = read.mistake;
      return { message: `expected variables, got a mistake at ${path}:${line}:${column}: ${message}`, hint };
    }
    for (const [name, value] of read.variables) variables.set(name, value);
    return undefined;
  } catch (error) {
    if (!isDaemonError(error)) throw error;
    return { message: `expected a file that can be read, got ${JSON.stringify(path)}: ${messageOf(error)}`, hint: remedyOf(error) };
  }
}

function accountNeeds(
  { user: wantedUser, group: wantedGroup }: ServiceSpec,
  processes: NeedHost["processes"],
): { ids: Pick<SpawnOptions, "uid" | "gid">; needs: UnmetNeed[] } {
  const ids: { uid?: number; gid?: number } = {};
  const needs: UnmetNeed[] = [];
  const attempt = (key: "user" | "group", look: () => void) => {
    try {
      look();
    } catch (error) {
      if (!isDaemonError(error)) throw error;
      needs.push({
        path: [key],
        message: `expected a ${key} of this machine: ${messageOf(error)}`,
        hint: remedyOf(error),
        isMissing: true,
      });
    }
  };
  if (wantedUser !== undefined) {
    attempt("user", () => {
      const { uid, gid } = processes.user(wantedUser);
      if (uid === processes.uid) return;
      Object.assign(ids, { uid, gid });
      if (processes.uid === 0) return;
      throw new DaemonError("SPAWN_DENIED", `only root may start a program as ${wantedUser}, and this is uid ${processes.uid}`);
    });
  }
  if (wantedGroup !== undefined) attempt("group", () => ids.gid = processes.group(wantedGroup));
  return { ids, needs };
}

/** Another place of the daemon may have what this one lacks. */
function controlNeeds({ stop: { killMode } }: ServiceSpec, { processes }: NeedHost): UnmetNeed[] {
  if (killMode !== "cgroup") return [];
  try {
    processes.controlGroup("daemonkit-check")[Symbol.dispose]();
    return [];
  } catch (error) {
    if (!isDaemonError(error)) throw error;
    return [{ path: ["stop", "kill_mode"], message: messageOf(error), hint: 'write kill_mode = "all"', isMissing: true }];
  }
}

/** The program itself, and those that ask it whether it is ready and to stop. */
function programNeeds(
  { run, ready, stop, cwd }: ServiceSpec,
  { processes }: NeedHost,
  { uid, gid, path }: Pick<SpawnOptions, "uid" | "gid"> & { path: string },
): UnmetNeed[] {
  const commands: [key: string[], run: ServiceSpec["run"]][] = [
    [["run"], run],
    [["ready", "exec"], ready?.target.kind === "exec" ? ready.target.run : undefined],
    [["stop", "run"], stop.run],
  ];
  return commands.flatMap(([key, command]): UnmetNeed[] => {
    if (command === undefined) return [];
    for (const argv of programsOf(command)) {
      try {
        processes.checkSpawn({
          argv,
          cwd,
          env: { PATH: path },
          ...(uid === undefined ? {} : { uid }),
          ...(gid === undefined ? {} : { gid }),
        });
      } catch (error) {
        if (!isDaemonError(error)) throw error;
        const reason = messageOf(error).replace(`Cannot start ${argv[0]} as `, "");
        const message = `expected a program that can be started, got ${JSON.stringify(argv[0])}: ${reason}`;
        return [{ path: key, message, hint: remedyOf(error), isMissing: error.code === "SPAWN_NOT_FOUND" }];
      }
    }
    return [];
  });
}

/** The program of a command; for a text also what the shell would start first, where that is a path and nothing but a path. */
function programsOf(command: string | readonly string[]): (readonly string[])[] {
  const argv = commandArgv(command);
  if (typeof command !== "string") return [argv];
  const first = /^\s*(?:exec\s+)?(\.{0,2}\/[\w@%+=:,./-]+)(?=\s|$)/.exec(command)?.[1];
  return first === undefined ? [argv] : [argv, [first]];
}

function moduleLack(module: string, { files, modules }: NeedHost): Lack | undefined {
  const info = files.info(module);
  const text = JSON.stringify(module);
  if (info === undefined) {
    return { message: `expected a file, got nothing at ${text}`, hint: "make it, or name another file", isMissing: true };
  }
  if (info.kind !== "file") return { message: `expected a file, got something else at ${text}`, hint: "name a file" };
  const reason = modules.unloadable(module);
  return reason === undefined
    ? undefined
    : { message: `expected a path that can be loaded: ${reason}`, hint: "rename the folder or the file" };
}

function logLack(spec: ServiceSpec, files: NeedHost["files"]): Lack | undefined {
  if (spec.log.file === undefined) return undefined;
  for (const { log } of unitLogs(spec)) {
    const lack = logFileLack(log.file!, files);
    if (lack !== undefined) return lack;
  }
  return undefined;
}

/** Files below /proc and /sys: a write to them acts on the kernel; only descriptors there lead to something else. */
const KERNEL_FILE = /^\/(?:proc\/(?![^/]+\/fd\/)|sys\/)/;

/** Why a file can't be written as a log; its folders are made. */
export function logFileLack(file: string, files: Pick<Files, "info" | "isWritable" | "whyUntrusted">): Lack | undefined {
  const text = JSON.stringify(file);
  if (KERNEL_FILE.test(file)) {
    return {
      message: `expected a file on a disk, a device or an open descriptor, got the kernel's ${text}`,
      hint: "name a file on a disk",
    };
  }
  const why = files.whyUntrusted(file);
  if (why !== undefined) {
    return {
      message: `expected a file to which others can't lead root, got ${text}: ${why}`,
      hint: "name a file in a folder that only root may write to",
    };
  }
  const kind = files.info(file)?.kind;
  if (kind === "directory") return { message: `expected a file, got the folder ${text}`, hint: "name a file" };
  if (kind === undefined) return unmakeable(folderOf(file), files);
  if (files.isWritable(file)) return undefined;
  return {
    message: `expected a file that may be written, got ${text}`,
    hint: "let the user of the daemon write to it, or name another file",
  };
}

function pathOf({ env }: ServiceSpec, variables: ReadonlyMap<string, string>, own: Pick<Env, "get">): string {
  return env.PATH ?? variables.get("PATH") ?? own.get("PATH") ?? DEFAULT_PATH;
}
