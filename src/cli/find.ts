import { EXIT_CODES } from "../core/values/exit_codes.ts";
import { isDaemonError } from "../core/values/errors.ts";
import type { Host } from "../core/ports/host.ts";
import { fileNameOf, folderOf, resolvePath } from "../core/values/paths.ts";
import type { Config } from "../settings/config.ts";
import { daemonFolders, folderRoots, isTrustedFolder, listOrNothing, pathHash, programFolders } from "../instance/folders.ts";
import { type Guardian, guardians } from "../instance/guardian.ts";
import { heldInstances, type InstanceRecord, isHeld, lockPathOf, readInstance } from "../instance/instance.ts";
import { isSameOrigin, type Origin, realOrigin } from "../instance/origin.ts";
import { CommandFailure } from "./failure.ts";
import { absolutePath, CONFIG_FILES } from "./paths.ts";

/** A daemon that a command talks to. */
export interface Target {
  /** Its control socket. */
  socket: string;
  /** Its lock file, which says whether it is alive. */
  lock: string;
  /** Its name in messages: an id, or the path of the socket. */
  label: string;
  /** Source that it is started from, as far as that is known. */
  origin?: Origin;
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
 * one of this user that runs, in the folders of this environment or else anywhere.
 *
 * @throws {CommandFailure} if there is none (3), or several run and none was named (2; the message lists them).
 * @throws {ConfigError} if the configuration file that was named is missing.
 */
export async function findDaemon(host: Host, options: TargetOptions, own?: Config): Promise<Target> {
  if (options.socket !== undefined) {
    const socket = absolutePath(options.socket, host);
    return { socket, lock: lockPathOf({ socket }), label: socket, isGuess: false };
  }
  if (options.config !== undefined) return await daemonOf(absolutePath(options.config, host), host);
  if (own !== undefined) {
    const { id, socket, lock, origin } = await programFolders(own, host);
    const live = liveFrom(origin, host);
    return live === undefined ? { socket, lock, label: id, origin, isGuess: false } : targetOf(live);
  }
  const usual = CONFIG_FILES.map((name) => absolutePath(name, host));
  const here = usual.find((path) => host.files.info(path) !== undefined) ?? usual.find((path) => isRunFrom(path, host));
  if (here !== undefined) return await daemonOf(here, host);

  // Daemons in the folders of this environment come first: only when there are none are the running ones searched for.
  const near = targets(host).filter(({ lock }) => {
    const record = readInstance(lock, host.files);
    return record !== undefined && isHeld(record, host);
  });
  const far = near.length > 0 ? near : liveInstances(host).map(targetOf);
  const alive = far.length > 0 ? far : guardians(host).map(guardedBy);
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

/**
 * The living instance that is meant by a target: the one that holds its lock, or else one of the same origin, or with the same socket, wherever
 * it has its folders and whatever has become of those.
 */
export function instanceOf({ lock, socket, origin }: Target, host: Host): InstanceRecord | undefined {
  const { files, processes } = host;
  const record = readInstance(lock, files);
  if (record !== undefined && processes.isAlive(record)) return record;
  const isIt = (each: InstanceRecord) => each.socket === socket || (origin !== undefined && isSameOrigin(each.origin, origin, files));
  return heldInstances(processes).map((each) => each.record).find((each) => !each.isClaim && isIt(each));
}

/** Whether the daemon of a target lives. */
export function isAlive(target: Target, host: Host): boolean {
  return instanceOf(target, host) !== undefined;
}

/** Every daemon of this user that lives: those that are found by the lock that they hold, and those whose folders we know of. */
function liveInstances(host: Host): InstanceRecord[] {
  const found = heldInstances(host.processes).map(({ record }) => record).filter(({ isClaim }) => !isClaim);
  for (const { lock } of targets(host)) {
    const record = readInstance(lock, host.files);
    if (record !== undefined && !found.some(({ pid }) => pid === record.pid) && isHeld(record, host)) found.push(record);
  }
  return found;
}

function liveFrom(origin: Origin, host: Host): InstanceRecord | undefined {
  return liveInstances(host).find((each) => isSameOrigin(each.origin, origin, host.files));
}

function targetOf({ id, origin, socket }: InstanceRecord): Target {
  return { socket, lock: lockPathOf({ socket }), label: id, origin, isGuess: false };
}

/** Whether a daemon, or its guardian, lives that was started from this path: it may have lost its file since. */
function isRunFrom(config: string, host: Host): boolean {
  return [...liveInstances(host), ...guardians(host)].some(({ origin }) => isSameOrigin(origin, config, host.files));
}

/** The daemon of a guardian, which may be dead at this moment. */
function guardedBy({ lock, origin }: Guardian): Target {
  const folder = folderOf(lock);
  return { socket: resolvePath(folder, "admin.sock"), lock, label: fileNameOf(folder), origin, isGuess: false };
}

async function daemonOf(config: string, host: Host): Promise<Target> {
  const live = liveFrom(config, host);
  if (live !== undefined) return targetOf(live);

  // Leftovers of a dead daemon are found without reading the file: it may be broken, renamed or removed since the start.
  const left = await withOrigin(config, host);
  if (left !== undefined) return left;
  const elsewhere = await inStateDir(config, host);
  if (elsewhere !== undefined) return elsewhere;
  // Of one that is about to be started again there may be nothing else any more.
  const guardian = guardians(host).find(({ origin }) => isSameOrigin(origin, config, host.files));
  if (guardian !== undefined) return guardedBy(guardian);
  throw new CommandFailure(
    EXIT_CODES.noDaemon,
    `Cannot find a daemon as none runs from ${config}: start it with \`daemonkit run ${config}\``,
  );
}

/** The folder of a daemon that a lock file says was started from here, or whose name ends with the hash of this path. */
async function withOrigin(config: string, host: Host): Promise<Target | undefined> {
  const found = targets(host).map((target) => ({ target, origin: readInstance(target.lock, host.files)?.origin ?? "" }));
  const known = found.find(({ origin }) => isSameOrigin(origin, config, host.files));
  if (known !== undefined) return { ...known.target, origin: config };
  const ends = await Promise.all([realOrigin(config, host.files), config].map(async (path) => `-${await pathHash(path, host)}`));
  const named = found.find(({ target: { label }, origin }) => origin === "" && ends.some((end) => label.endsWith(end)));
  return named && { ...named.target, origin: config };
}

/** The daemon whose configuration names its own state folder. */
async function inStateDir(configPath: string, host: Host): Promise<Target | undefined> {
  try {
    const { loadConfig } = await import("../settings/load_config.ts");
    const { files, env } = host;
    const { config } = await loadConfig({ files, env, cwd: "/" }, { path: configPath });
    const { id, socket, lock } = await daemonFolders({ name: config.name, configPath, stateDir: config.stateDir }, host);
    return files.info(socket) === undefined ? undefined : { socket, lock, label: id, origin: configPath, isGuess: false };
  } catch (error) {
    if (isDaemonError(error) && error.category === "config" && error.code !== "CONFIG_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Every folder of this user in which a daemon has, or had, a control socket. */
function targets(host: Host): Target[] {
  const { run, state } = folderRoots(host);
  const found: Target[] = [];
  for (const root of new Set([...run, ...state])) {
    if (!isTrustedFolder(root, host)) continue;
    for (const label of listOrNothing(root, host)) {
      const folder = resolvePath(root, label);
      if (!/-[0-9a-f]{8}$/.test(label)) continue;
      const target: Target = { socket: `${folder}/admin.sock`, lock: `${folder}/lock`, label, isGuess: false };
      if (hasSocket(target.socket, host) || readInstance(target.lock, host.files) !== undefined) found.push(target);
    }
  }
  return found;
}

function hasSocket(path: string, { files }: Host): boolean {
  try {
    return files.info(path) !== undefined;
  } catch (error) {
    if (isDaemonError(error) && error.category === "io") return false;
    throw error;
  }
}
