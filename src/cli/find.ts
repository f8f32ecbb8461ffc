import { EXIT_CODES } from "../core/exit_codes.ts";
import { isDaemonError } from "../core/errors.ts";
import type { Host } from "../core/host.ts";
import type { Config } from "../daemon/config.ts";
import { configHash, daemonFolders, folderRoots, programFolders, programPath } from "../daemon/folders.ts";
import { readInstance } from "../daemon/instance.ts";
import { CommandFailure } from "./failure.ts";
import { absolutePath, CONFIG_FILES } from "./paths.ts";

/** A daemon that a command talks to. */
export interface Target {
  /** Its control socket. */
  socket: string;
  /** Its lock file, which says whether it is alive. */
  lock: string;
  /** What stands for it in messages: an id, or the path of the socket. */
  label: string;
  /** Whether nobody named it: it is the only one that runs. */
  isGuess: boolean;
}

/** How a command names a daemon. */
export interface TargetOptions {
  /** Configuration file, of `-c`. */
  config?: string;
  /** Control socket, of `--socket`. */
  socket?: string;
}

/**
 * Finds the daemon that a command means: `--socket`, else `-c`, else the program's own where it has one, else `./daemon.toml`, else the only
 * one of this user that runs.
 *
 * @throws {CommandFailure} if there is none (3), or several run and none was named (2; the message lists them).
 * @throws {ConfigError} if the configuration file that was named is missing.
 */
export async function findDaemon(host: Host, options: TargetOptions, own?: Config): Promise<Target> {
  if (options.socket !== undefined) {
    const socket = absolutePath(options.socket, host);
    return { socket, lock: `${socket.slice(0, socket.lastIndexOf("/"))}/lock`, label: socket, isGuess: false };
  }
  if (options.config !== undefined) return await daemonOf(absolutePath(options.config, host), host);
  if (own !== undefined) return await ownDaemon(own, host);
  const here = CONFIG_FILES.map((name) => absolutePath(name, host)).find((path) => host.files.info(path) !== undefined);
  if (here !== undefined) return await daemonOf(here, host);

  const alive = targets(host).filter((target) => isAlive(target, host));
  if (alive.length === 1) return { ...alive[0], isGuess: true };
  if (alive.length === 0) {
    throw new CommandFailure(EXIT_CODES.noDaemon, "Cannot find a daemon as none runs for this user: start one with `daemonkit run FILE`");
  }
  const list = alive.map(({ label, socket }) => `  ${label}  --socket ${socket}`).join("\n");
  throw new CommandFailure(
    EXIT_CODES.usage,
    `Cannot choose a daemon as ${alive.length} run: name one by -c FILE or --socket PATH\n${list}`,
  );
}

/** Whether the process that holds a daemon's lock is alive. */
export function isAlive(target: Target, host: Host): boolean {
  const record = readInstance(target.lock, host.files);
  return record !== undefined && host.processes.isAlive(record);
}

async function daemonOf(config: string, host: Host): Promise<Target> {
  // The folder's name ends with the hash of the file's path, so it is found without reading the file: a client stays fast, and a daemon
  // whose file was broken, renamed or removed since its start can still be stopped.
  const found = await withHash(config, host);
  if (found !== undefined) return found;

  const elsewhere = await inStateDir(config, host);
  if (elsewhere !== undefined) return elsewhere;
  throw new CommandFailure(
    EXIT_CODES.noDaemon,
    `Cannot find a daemon as none runs from ${config}: start it with \`daemonkit run ${config}\``,
  );
}

/** The daemon of a program that was built with the library. */
async function ownDaemon(config: Config, host: Host): Promise<Target> {
  const found = config.stateDir === undefined ? await withHash(programPath(host), host) : undefined;
  if (found !== undefined) return found;
  const { id, socket, lock } = await programFolders(config, host);
  return { socket, lock, label: id, isGuess: false };
}

/** The daemon with the hash of this path in its folder's name, a living one first. */
async function withHash(path: string, host: Host): Promise<Target | undefined> {
  const hash = await configHash(path, host);
  const found = targets(host).filter(({ label }) => label.endsWith(`-${hash}`));
  return found.find((target) => isAlive(target, host)) ?? found[0];
}

/** The daemon whose configuration names its own state folder. */
async function inStateDir(configPath: string, host: Host): Promise<Target | undefined> {
  try {
    const { loadConfig } = await import("../daemon/load.ts");
    const { files, env, process } = host;
    const { config } = await loadConfig({ files, env, cwd: process.cwd() }, { path: configPath });
    const { id, socket, lock } = await daemonFolders({ name: config.name, configPath, stateDir: config.stateDir }, host);
    return files.info(socket) === undefined ? undefined : { socket, lock, label: id, isGuess: false };
  } catch (error) {
    if (isDaemonError(error) && error.category === "config" && error.code !== "CONFIG_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Every folder of this user in which a daemon has, or had, a control socket. */
function targets(host: Host): Target[] {
  const { files, processes: { uid } } = host;
  const { run, state } = folderRoots(host);
  const found: Target[] = [];
  for (const root of new Set([...run, ...state])) {
    const info = files.info(root);
    if (info?.kind !== "directory" || (info.uid !== uid && info.uid !== 0)) continue;
    for (const label of listOrNothing(root, host)) {
      const folder = `${root}/${label}`;
      if (/-[0-9a-f]{8}$/.test(label) && hasSocket(`${folder}/admin.sock`, host)) {
        found.push({ socket: `${folder}/admin.sock`, lock: `${folder}/lock`, label, isGuess: false });
      }
    }
  }
  return found;
}

/** A folder that this user may not read holds nothing for them. */
function listOrNothing(path: string, { files }: Host): string[] {
  try {
    return files.list(path);
  } catch (error) {
    if (isDaemonError(error) && error.category === "io") return [];
    throw error;
  }
}

function hasSocket(path: string, { files }: Host): boolean {
  try {
    return files.info(path) !== undefined;
  } catch (error) {
    if (isDaemonError(error) && error.category === "io") return false;
    throw error;
  }
}
