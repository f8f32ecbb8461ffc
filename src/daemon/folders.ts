import { ConfigError, DaemonError } from "../core/errors.ts";
import type { Host } from "../core/host.ts";
import { fileNameOf, folderOf, resolvePath } from "../core/paths.ts";

/** What of the host decides where a daemon keeps its things. */
export type FoldersHost = Pick<Host, "files" | "env" | "processes" | "process">;

/** What a daemon's folders are derived from. */
export interface FolderOptions {
  /** Name from the configuration. */
  name: string;
  /** Configuration file; without one the program itself stands in for it. */
  configPath: string | null;
  /** State folder from the configuration, absolute; it is used as it is. */
  stateDir?: string;
}

/** Where one daemon keeps its things. All paths are absolute. */
export interface DaemonFolders {
  /** Name, `-` and eight hexadecimal digits of the SHA-256 of the configuration file's path, in its real folder. */
  readonly id: string;
  /** Survives reboots: logs, memory of manual stops. */
  readonly state: string;
  /** Gone after a reboot: lock and control socket. */
  readonly run: string;
  /** The control socket. */
  readonly socket: string;
  /** Locked for the life of the daemon; says who holds it. */
  readonly lock: string;
  /** Which process groups its services lead. */
  readonly groups: string;
  /** Manual stops. */
  readonly overrides: string;
  /** What a daemon in the background says on its own account. */
  readonly log: string;
  /** Where to go on when `state` or `run` can't be used, best first; an explicit state folder has no stand-in. */
  readonly fallbacks: { readonly state: readonly string[]; readonly run: readonly string[] };
}

/** Longest path that every system accepts for a unix socket, in bytes. */
const MAX_SOCKET_BYTES = 100;
const FOLDER = "daemonkit";

/**
 * Says where the daemon of a configuration file keeps its things. Creates nothing: see {@linkcode prepareFolders}.
 *
 * @throws {ConfigError} if the path of the control socket is longer than 100 bytes.
 */
export async function daemonFolders(options: FolderOptions, host: FoldersHost): Promise<DaemonFolders> {
  const { name, configPath, stateDir } = options;
  const id = `${name}-${await configHash(configPath ?? programPath(host), host)}`;
  const roots = folderRoots(host);
  const [state, ...moreState] = stateDir === undefined ? roots.state.map((root) => `${root}/${id}`) : [stateDir];
  const [run, ...moreRun] = [...roots.run.map((root) => `${root}/${id}`), state, ...moreState];
  return folders(id, state, run, { state: moreState, run: moreRun });
}

/** The folders of a program's own daemon, as seen from the folder in which it is started. */
export async function programFolders(
  { name, stateDir, workDir }: { name: string; stateDir?: string; workDir?: string },
  host: FoldersHost,
): Promise<DaemonFolders> {
  const base = resolvePath(host.process.cwd(), workDir ?? ".");
  return await daemonFolders(
    { name, configPath: null, ...(stateDir === undefined ? {} : { stateDir: resolvePath(base, stateDir) }) },
    host,
  );
}

/**
 * Makes the folders with mode 0700 and returns those that can be used: a read-only root, or one that belongs to somebody else, gives way to
 * the next.
 *
 * @throws {IoError} if none can be used.
 * @throws {ConfigError} if the path of the control socket is longer than 100 bytes.
 */
export function prepareFolders(wanted: DaemonFolders, host: FoldersHost): DaemonFolders {
  const { id, fallbacks } = wanted;
  const state = firstUsable([wanted.state, ...fallbacks.state], host);
  const run = firstUsable([wanted.run, ...fallbacks.run.filter((path) => path !== state), state], host);
  return folders(id, state, run, fallbacks);
}

/** Folders in which daemons of this user have theirs, best first. */
export function folderRoots(host: FoldersHost): { state: string[]; run: string[] } {
  const { env, files, processes: { uid } } = host;
  const variable = (name: string) => {
    const value = env.get(name);
    return value?.startsWith("/") ? value.replace(/\/+$/, "") : undefined;
  };
  const below = (root: string | undefined) => root === undefined ? [] : [`${root}/${FOLDER}`];
  const temp = `${files.tempDir.replace(/\/+$/, "")}/${FOLDER}-${uid}`;
  const stateHome = variable("XDG_STATE_HOME");
  const runtimeDir = variable("XDG_RUNTIME_DIR");
  if (uid === 0) {
    // A root login's own /run/user/0 is removed at logout, so only a folder that was set on purpose comes before the system's.
    const chosen = runtimeDir?.startsWith("/run/user/") ? undefined : runtimeDir;
    return { state: [...below(stateHome), `/var/lib/${FOLDER}`, temp], run: [...below(chosen), `/run/${FOLDER}`] };
  }
  const home = variable("HOME");
  return { state: [...below(stateHome ?? (home ? `${home}/.local/state` : undefined)), temp], run: below(runtimeDir) };
}

/**
 * The part of an id that stands for the configuration file: eight hexadecimal digits. Links on the way to the file's folder are followed, but
 * not the file itself when it is one: what it leads to changes with each update of a mounted ConfigMap, and the daemon stays the same.
 */
export async function configHash(path: string, host: Pick<Host, "files">): Promise<string> {
  const folder = folderOf(path);
  const real = host.files.info(folder) === undefined ? path : resolvePath(host.files.realPath(folder), fileNameOf(path));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(real));
  return new Uint8Array(digest, 0, 4).toHex();
}

function folders(id: string, state: string, run: string, fallbacks: DaemonFolders["fallbacks"]): DaemonFolders {
  const socket = `${run}/admin.sock`;
  const bytes = new TextEncoder().encode(socket).length;
  if (bytes > MAX_SOCKET_BYTES) {
    throw new ConfigError(
      "CONFIG_INVALID",
      `Cannot open the control socket as its path must be at most ${MAX_SOCKET_BYTES} bytes: current value is ${socket} (${bytes} bytes); ` +
        "set XDG_RUNTIME_DIR, or state_dir and a shorter name",
    );
  }
  return {
    id,
    state,
    run,
    socket,
    lock: `${run}/lock`,
    groups: `${run}/groups.json`,
    overrides: `${state}/overrides.json`,
    log: `${state}/daemon.log`,
    fallbacks,
  };
}

function firstUsable(paths: readonly string[], host: FoldersHost): string {
  const failures: unknown[] = [];
  for (const path of paths) {
    try {
      makeOwn(path, host);
      return path;
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 1) throw failures[0];
  throw new DaemonError("IO_DENIED", `Cannot find a folder for state that can be written: tried ${paths.join(", ")}; set state_dir`, {
    cause: failures[0],
  });
}

/** Makes a folder that only this user can enter, and makes sure that it can be written: a read-only root shows only then. */
function makeOwn(path: string, { files, processes: { uid } }: FoldersHost): void {
  const shared = path.match(new RegExp(`^.*/${FOLDER}-${uid}(?=/)`))?.[0];
  files.makeDir(path, { mode: 0o700 });
  for (const folder of shared === undefined ? [path] : [shared, path]) {
    const info = files.info(folder);
    // Root may use the folders of others, but nobody who makes one where everybody can may have root trust what is in it.
    if (info !== undefined && info.uid !== uid && (uid !== 0 || folder === shared)) {
      throw new DaemonError("IO_DENIED", `Cannot use ${folder} as it must belong to user ${uid}: current owner is ${info.uid}`);
    }
  }
  const probe = `${path}/.writable`;
  files.openAppend(probe)[Symbol.dispose]();
  files.remove(probe);
}

/** The file that stands for a daemon without a configuration file: its program. */
export function programPath({ process }: Pick<Host, "process">): string {
  return process.command[process.command.length - 1] ?? process.cwd();
}
