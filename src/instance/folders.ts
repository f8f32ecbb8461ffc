import { ConfigError, DaemonError, isDaemonError, messageOf } from "../core/values/errors.ts";
import type { Host } from "../core/ports/host.ts";
import type { FileInfo } from "../core/ports/files.ts";
import { resolvePath } from "../core/values/paths.ts";
import { type Lack, unmakeable } from "../service/mod.ts";
import { isSameOrigin, type Origin, programOrigin, realOrigin } from "./origin.ts";

/** Parts of the host that decide where a daemon keeps its things. */
export type FoldersHost = Pick<Host, "files" | "env" | "processes" | "ownProcess">;

/** Options from which a daemon's folders are derived. */
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
  /**
   * Name, `-` and eight hexadecimal digits of the SHA-256 of the user's number, `:` and the origin: the configuration file's path, in the folder
   * that was its real one at the first start. No two users have one.
   */
  readonly id: string;
  /** Source that it is started from. */
  readonly origin: Origin;
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
  /** Log of a daemon in the background, for its own messages. */
  readonly log: string;
  /** Why the state folder is not the one that was wanted, in a sentence; absent where it is. */
  readonly displaced?: string;
  /** Where to go on when `state` or `run` can't be used, best first; an explicit state folder has no stand-in. */
  readonly fallbacks: { readonly state: readonly string[]; readonly run: readonly string[] };
}

/** Longest path that every system accepts for a unix socket, in bytes. */
const MAX_SOCKET_BYTES = 100;
const FOLDER = "daemonkit";
/** In a state folder: the id and the origin of the daemon whose folder it is. */
export const originFileIn = (state: string): string => `${state}/origin.json`;

/**
 * Says where the daemon of a configuration file keeps its things. Creates nothing: see {@linkcode prepareFolders}.
 *
 * @throws {ConfigError} if the path of the control socket is longer than 100 bytes.
 */
export async function daemonFolders(options: FolderOptions, host: FoldersHost): Promise<DaemonFolders> {
  const { name, configPath, stateDir } = options;
  const roots = folderRoots(host);
  const origin = configPath ?? programOrigin(name, host);
  const id = await idOf(origin, { name, stateDir, roots: roots.state }, host);
  const [state, ...moreState] = stateDir === undefined ? roots.state.map((root) => `${root}/${id}`) : [stateDir];
  const [run, ...moreRun] = [...roots.run.map((root) => `${root}/${id}`), state, ...moreState];
  return folders({ id, origin }, { state, run }, { state: moreState, run: moreRun });
}

/**
 * The id under which this origin has had its folders before, however it was named then; else a new one, which is nobody else's.
 *
 * A daemon that was started by way of a link keeps its memory, and what it has left is found, when the link leads to another release. One whose
 * file gets another `name` keeps its id too: what wears the marks of that id would be nobody's otherwise, and run beside its second copy.
 */
async function idOf(
  origin: Origin,
  { name, stateDir, roots }: { name: string; stateDir: string | undefined; roots: readonly string[] },
  host: FoldersHost,
): Promise<string> {
  const known = stateDir === undefined ? knownOrigins(roots, host) : [readOrigin(stateDir, host)].filter((each) => each !== undefined);
  const isNamed = ({ id }: { id: string }) => id.startsWith(`${name}-`);
  const candidates = [...known.filter(isNamed), ...known.filter((each) => !isNamed(each))];
  const own = candidates.find((each) => each.origin === origin) ??
    candidates.find((each) => isSameOrigin(each.origin, origin, host.files));
  if (own !== undefined) return own.id;
  for (const text of [realOrigin(origin, host.files), origin]) {
    const id = `${name}-${await pathHash(text, host)}`;
    if (!known.some((each) => each.id === id)) return id;
  }
  return `${name}-${await pathHash(`${origin}#2`, host)}`;
}

/** The origins of this user's daemons, as far as their state folders say. */
function knownOrigins(roots: readonly string[], host: FoldersHost): { id: string; origin: Origin }[] {
  return roots.filter((root) => isTrustedFolder(root, host)).flatMap((root) =>
    listOrNothing(root, host).flatMap((label) => {
      const found = readOrigin(`${root}/${label}`, host);
      return found?.id === label ? [found] : [];
    })
  );
}

function readOrigin(folder: string, { files }: FoldersHost): { id: string; origin: Origin } | undefined {
  try {
    const { v, id, origin } = JSON.parse(files.readText(originFileIn(folder))) as Record<string, unknown>;
    return v === 1 && typeof id === "string" && typeof origin === "string" ? { id, origin } : undefined;
  } catch {
    return undefined; // none yet, or none that we may read
  }
}

/** Writes down what the daemon of these folders is started from, if that is not there yet; only for whoever holds its lock. */
export function rememberOrigin({ state, id, origin }: Pick<DaemonFolders, "state" | "id" | "origin">, host: FoldersHost): void {
  const known = readOrigin(state, host);
  if (known?.id === id && known.origin === origin) return;
  host.files.writeText(originFileIn(state), `${JSON.stringify({ v: 1, id, origin })}\n`, { mustSync: false });
}

/** Whether a folder in which daemons have theirs is this user's own or the system's. */
export function isTrustedFolder(root: string, { files, processes: { uid } }: FoldersHost): boolean {
  const info = files.info(root);
  return info?.kind === "directory" && (info.uid === uid || info.uid === 0);
}

/** Lists a folder; one that this user may not read counts as empty. */
export function listOrNothing(path: string, { files }: FoldersHost): string[] {
  try {
    return files.list(path);
  } catch (error) {
    if (isDaemonError(error) && error.category === "io") return [];
    throw error;
  }
}

/** The folders of a program's own daemon, as seen from the folder in which it is started. */
export async function programFolders(
  { name, stateDir, workDir }: { name: string; stateDir?: string; workDir?: string },
  host: FoldersHost,
): Promise<DaemonFolders> {
  const base = resolvePath(host.ownProcess.cwd(), workDir ?? ".");
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
  const { id, origin, fallbacks } = wanted;
  const { path: state, refusal } = firstUsable([wanted.state, ...fallbacks.state], host);
  const { path: run } = firstUsable([wanted.run, ...fallbacks.run.filter((path) => path !== state), state], host);
  const made = folders({ id, origin }, { state, run }, fallbacks);
  if (refusal === undefined) return made;
  return { ...made, displaced: `keeps its state in ${state}, as ${wanted.state} can't be used: ${messageOf(refusal)}` };
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
  const home = variable("HOME") ?? homeOf(host);
  return { state: [...below(stateHome ?? (home ? `${home}/.local/state` : undefined)), temp], run: below(runtimeDir) };
}

/** The home that the system knows, for whoever was started without one. */
function homeOf({ processes }: FoldersHost): string | undefined {
  try {
    const { home } = processes.user(processes.uid);
    return home.startsWith("/") && home !== "/" ? home : undefined;
  } catch (error) {
    // A container may run as a user that nobody has made.
    if (isDaemonError(error)) return undefined;
    throw error;
  }
}

/** The part of an id that stands for an origin, of this user: eight hexadecimal digits. */
export async function pathHash(path: Origin, { processes }: Pick<Host, "processes">): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${processes.uid}:${path}`));
  return new Uint8Array(digest, 0, 4).toHex();
}

function folders(
  { id, origin }: Pick<DaemonFolders, "id" | "origin">,
  { state, run }: Pick<DaemonFolders, "state" | "run">,
  fallbacks: DaemonFolders["fallbacks"],
): DaemonFolders {
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
    origin,
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

/** The first of these folders that can be used, and what kept the very first one from that. */
function firstUsable(paths: readonly string[], host: FoldersHost): { path: string; refusal: unknown } {
  const failures: unknown[] = [];
  for (const path of paths) {
    try {
      makeOwn(path, host);
      return { path, refusal: failures.at(0) };
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 1) throw failures[0];
  throw new DaemonError("IO_DENIED", `Cannot find a folder for state that can be written: tried ${paths.join(", ")}; set state_dir`, {
    cause: failures[0],
  });
}

/** Refuses a link in the place of a folder that anybody could have made, and a folder in which others could put theirs. */
function checkShared(shared: string, files: FoldersHost["files"]): void {
  const info = files.info(shared, { isLinkItself: true });
  if (info?.kind === "directory" && (info.mode & 0o022) === 0) return;
  const what = info?.kind === "directory" ? `others may write to it (mode ${info.mode.toString(8)})` : "it is a link or no folder";
  throw new DaemonError("IO_DENIED", `Cannot use ${shared} as it must be a folder of one's own: ${what}`);
}

/** Why a folder can't be the state folder, found without making it. */
export function stateFolderLack(path: string, host: FoldersHost): Lack | undefined {
  const { files, processes: { uid } } = host;
  const info = files.info(path);
  const why = info?.kind === "directory" ? notOwn(info, uid) : undefined;
  const hint = "name a folder of this user that others can't write to";
  if (why !== undefined) return { message: `expected a folder of one's own, got ${JSON.stringify(path)}: ${why}`, hint };
  const untrusted = files.whyUntrusted(`${path}/.writable`);
  if (untrusted !== undefined) {
    return { message: `expected a folder to which others can't lead root, got ${JSON.stringify(path)}: ${untrusted}`, hint };
  }
  return unmakeable(path, files);
}

/** Whose folder it is not; another owner could forge which configuration was in force, or which daemon runs. */
function notOwn({ uid: owner, mode }: FileInfo, uid: number): string | undefined {
  if (owner !== uid) return `it must belong to user ${uid}: current owner is ${owner}`;
  return (mode & 0o002) === 0 ? undefined : `it must be a folder of one's own: others may write to it (mode ${mode.toString(8)})`;
}

/** Makes a folder that only this user can enter, and makes sure that it can be written: a read-only root shows only then. */
function makeOwn(path: string, { files, processes: { uid } }: FoldersHost): void {
  const shared = path.match(new RegExp(`^.*/${FOLDER}-${uid}(?=/)`))?.[0];
  if (shared !== undefined) {
    // Before anything is made below it, and after, as somebody may have been faster.
    if (files.info(shared, { isLinkItself: true }) !== undefined) checkShared(shared, files);
    files.makeDir(shared, { mode: 0o700 });
    checkShared(shared, files);
  }
  files.makeDir(path, { mode: 0o700 });
  for (const folder of shared === undefined ? [path] : [shared, path]) {
    const info = files.info(folder);
    const why = info && notOwn(info, uid);
    if (why !== undefined) throw new DaemonError("IO_DENIED", `Cannot use ${folder} as ${why}`);
  }
  const probe = `${path}/.writable`;
  try {
    files.openAppend(probe)[Symbol.dispose]();
    files.remove(probe);
  } catch (cause) {
    const code = isDaemonError(cause) ? cause.code : "IO_DENIED";
    throw new DaemonError(
      code,
      `Cannot keep anything in ${path} as no file can be made there (state_dir says where): ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}
