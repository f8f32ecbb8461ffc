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
import type { ServiceSpec } from "./spec.ts";

/** Something that a service names and that is not as it needs it. */
export interface UnmetNeed {
  /** The key that names it, within the table of the service. */
  path: readonly (string | number)[];
  /** The expected and the found value. */
  message: string;
  /** Advice: how to mend it. */
  hint?: string;
  /** It is not there at all, so that somebody may still make it. */
  isMissing: boolean;
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
  needs.push(...account.needs, ...folderNeeds(spec, host.files));
  // A folder that is not there would be reported once for each program.
  if (needs.length === ofFiles.length) needs.push(...programNeeds(spec, host, { ...account.ids, path: pathOf(spec, variables, host.env) }));
  if (spec.module !== undefined) needs.push(...moduleNeeds(spec.module, host));
  needs.push(...logNeeds(spec, host.files), ...controlNeeds(spec, host));
  const names = typeof spec.run === "string" ? [...variables.keys(), ...Object.keys(spec.env)] : [];
  return { needs, shellDrops: [...new Set(names.filter((name) => !isShellName(name)))] };
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
  for (const [index, { path, optional }] of envFiles.entries()) {
    const find = (message: string, rest: { hint?: string; isMissing?: boolean } = {}) =>
      void needs.push({ path: ["env_file", index], message, isMissing: false, ...rest });
    const info = files.info(path);
    if (info === undefined) {
      if (!optional) {
        const hint = 'write "?" before its path if it may be missing';
        find(`expected a file, got nothing at ${JSON.stringify(path)}`, { hint, isMissing: true });
      }
      continue;
    }
    if (info.kind === "directory") find(`expected a file, got the folder ${JSON.stringify(path)}`);
    // A pipe gives its data once, and the service needs it.
    if (info.kind !== "file") continue;
    try {
      const read = readEnv((await files.read(path, { maxBytes: MAX_ENV_FILE_BYTES })).bytes);
      if ("variables" in read) { for (const [name, value] of read.variables) variables.set(name, value); }
      else find(`expected variables, got a mistake at ${path}:${read.mistake.line}:${read.mistake.column}: ${read.mistake.message}`);
    } catch (error) {
      if (!isDaemonError(error)) throw error;
      find(`expected a file that can be read, got ${JSON.stringify(path)}: ${messageOf(error)}`);
    }
  }
  return { variables, needs };
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
      needs.push({ path: [key], message: `expected a ${key} of this machine: ${messageOf(error)}`, isMissing: true });
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

function folderNeeds({ cwd }: ServiceSpec, files: NeedHost["files"]): UnmetNeed[] {
  const info = files.info(cwd);
  if (info?.kind === "directory") return [];
  const found = info === undefined ? "nothing" : "something else";
  return [{ path: ["cwd"], message: `expected a folder, got ${found} at ${JSON.stringify(cwd)}`, isMissing: info === undefined }];
}

/** Another place of the daemon may have what this one lacks. */
function controlNeeds({ stop: { killMode } }: ServiceSpec, { processes }: NeedHost): UnmetNeed[] {
  if (killMode !== "cgroup") return [];
  try {
    processes.controlGroup("daemonkit-check")[Symbol.dispose]();
    return [];
  } catch (error) {
    if (!isDaemonError(error)) throw error;
    return [{ path: ["stop", "kill_mode"], message: messageOf(error), isMissing: true }];
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
        return [{ path: key, message, isMissing: error.code === "SPAWN_NOT_FOUND" }];
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

function moduleNeeds(module: string, { files, modules }: NeedHost): UnmetNeed[] {
  const info = files.info(module);
  const reason = modules.unloadable(module);
  if (info?.kind === "file" && reason === undefined) return [];
  if (info?.kind === "file") {
    return [{
      path: ["module"],
      message: `expected a path that can be loaded: ${reason}`,
      hint: "rename the folder or the file",
      isMissing: false,
    }];
  }
  const found = info === undefined ? "nothing" : "something else";
  return [{ path: ["module"], message: `expected a file, got ${found} at ${JSON.stringify(module)}`, isMissing: info === undefined }];
}

function logNeeds(spec: ServiceSpec, files: NeedHost["files"]): UnmetNeed[] {
  if (spec.log.file === undefined) return [];
  for (const { log } of unitLogs(spec)) {
    const message = logFileProblem(log.file!, files);
    if (message !== undefined) return [{ path: ["log", "file"], message, isMissing: false }];
  }
  return [];
}

/** Files below /proc and /sys: a write to them acts on the kernel; only descriptors there lead to something else. */
const KERNEL_FILE = /^\/(?:proc\/(?![^/]+\/fd\/)|sys\/)/;

/** Why a file can't be written as a log; its folders are made. Undefined where it can. */
export function logFileProblem(file: string, files: Pick<Files, "info" | "isWritable" | "whyUntrusted">): string | undefined {
  if (KERNEL_FILE.test(file)) return `expected a file on a disk, a device or an open descriptor, got the kernel's ${JSON.stringify(file)}`;
  const why = files.whyUntrusted(file);
  if (why !== undefined) return `expected a file to which others can't lead root, got ${JSON.stringify(file)}: ${why}`;
  const info = files.info(file);
  if (info?.kind === "directory") return `expected a file, got the folder ${JSON.stringify(file)}`;
  if (info !== undefined) {
    return files.isWritable(file) ? undefined : `expected a file that may be written, got ${JSON.stringify(file)}`;
  }
  let folder = folderOf(file);
  while (files.info(folder) === undefined && folder !== "/") folder = folderOf(folder);
  if (files.info(folder)?.kind !== "directory") return `expected a folder for it, got something else at ${JSON.stringify(folder)}`;
  return files.isWritable(folder) ? undefined : `expected a folder that may be written, got ${JSON.stringify(folder)}`;
}

function pathOf({ env }: ServiceSpec, variables: ReadonlyMap<string, string>, own: Pick<Env, "get">): string {
  return env.PATH ?? variables.get("PATH") ?? own.get("PATH") ?? DEFAULT_PATH;
}
