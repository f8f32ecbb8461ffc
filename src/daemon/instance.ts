import { ConfigError, DaemonError, IoError, messageOf } from "../core/errors.ts";
import type { Files, Host, ProcessIdentity } from "../core/host.ts";
import type { DaemonFolders } from "./folders.ts";

/** Who holds the lock of a daemon, as its lock file says. */
export interface InstanceRecord extends ProcessIdentity {
  /** Version of daemonkit. */
  version: string;
  /** Version of what client and daemon say to each other. */
  protocol: number;
}

/** The lock of a daemon, held until disposed or until the process ends, however it does. */
export interface Instance extends Disposable {
  /** What the lock file says. */
  readonly record: InstanceRecord;
  /** What an instance left behind that ended without a goodbye on this boot; undefined after a clean end. */
  readonly crashed: InstanceRecord | undefined;
}

/**
 * Takes the lock of a daemon, so that no second one runs from the same configuration file.
 *
 * What an earlier instance left in the file is no obstacle, whether it crashed or ran before the last boot.
 *
 * @throws {DaemonError} with code `LOCK_HELD` if another process holds it; the message names it and says what to do.
 */
export async function acquireInstance(
  folders: Pick<DaemonFolders, "id" | "lock" | "socket">,
  host: Pick<Host, "files" | "processes">,
  options: { version: string; protocol: number },
): Promise<Instance> {
  const { files, processes } = host;
  const lock = await files.lock(folders.lock);
  if (lock === undefined) throw lockHeld(folders, readInstance(folders.lock, files));
  const record: InstanceRecord = { ...processes.self(), version: options.version, protocol: options.protocol };
  const before = readInstance(folders.lock, files);
  lock.write(`${JSON.stringify(record)}\n`);
  return {
    record,
    crashed: before !== undefined && before.bootId === record.bootId ? before : undefined,
    [Symbol.dispose]() {
      // The file stays: removing a lock file lets two processes lock two different files of one name.
      try {
        lock.write("");
      } finally {
        lock[Symbol.dispose]();
      }
    },
  };
}

/** Reads who holds or held a lock; undefined when the file is missing, empty or says something else. */
export function readInstance(lockPath: string, files: Files): InstanceRecord | undefined {
  if (files.info(lockPath) === undefined) return undefined;
  try {
    const { pid, startTicks, bootId, version, protocol } = JSON.parse(files.readText(lockPath)) as Record<string, unknown>;
    if (typeof pid !== "number" || typeof startTicks !== "number" || typeof bootId !== "string") return undefined;
    return { pid, startTicks, bootId, version: String(version), protocol: Number(protocol) };
  } catch {
    return undefined;
  }
}

/**
 * Writes the process number to a file, a readable copy of who runs; disposing the result removes the file if it is still ours.
 *
 * - A file of a dead process is replaced, also when its number was given to a process that began after the file was written.
 * - A file that holds something else than a process number is somebody else's and stays.
 *
 * @throws {DaemonError} with code `LOCK_HELD` if the file is that of a living process, `IO_EXISTS` if it is no PID file.
 */
export function pidFile(path: string, host: Pick<Host, "files" | "processes">): Disposable {
  const { files, processes } = host;
  const own = processes.self().pid;
  const found = readPid(path, files);
  if (found === null) {
    throw new DaemonError(
      "IO_EXISTS",
      `Cannot write the PID file ${path} as the file there must hold a process number: it is not ours to replace`,
    );
  }
  if (found !== undefined && found !== own) {
    const identity = processes.identify(found);
    if (identity !== undefined && !beganAfter(identity, path, files)) {
      throw new DaemonError(
        "LOCK_HELD",
        `Cannot write the PID file ${path} as process ${found}, which it names, must have ended: stop it, or set another pid_file`,
        { context: { path, pid: found } },
      );
    }
  }
  const folder = path.slice(0, path.lastIndexOf("/"));
  if (folder !== "") files.makeDir(folder, { mode: 0o755 });
  files.writeText(path, `${own}\n`, { mode: 0o644 });
  return {
    [Symbol.dispose]() {
      if (readPid(path, files) === own) files.remove(path);
    },
  };
}

/** What operators changed at run time and what survives a restart of the daemon. */
export interface Overrides {
  /** Units that were stopped by hand. */
  down: ReadonlySet<string>;
  /** What is wrong with the file, where it had to be ignored. */
  warning?: string;
}

/** Reads the manual stops; a missing file means none, a damaged one is ignored with a warning. */
export function readOverrides(folders: Pick<DaemonFolders, "overrides">, host: Pick<Host, "files">): Overrides {
  const { files } = host;
  if (files.info(folders.overrides) === undefined) return { down: new Set() };
  try {
    const { v, down } = JSON.parse(files.readText(folders.overrides)) as Record<string, unknown>;
    const isList = Array.isArray(down) && down.every((name) => typeof name === "string");
    if (v !== 1 || !isList) throw new ConfigError("CONFIG_INVALID", 'it must be {"v":1,"down":["NAME"]}');
    return { down: new Set(down) };
  } catch (error) {
    return { down: new Set(), warning: `the manual stops in ${folders.overrides} are ignored: ${messageOf(error)}` };
  }
}

/** Remembers the manual stops. */
export function writeOverrides(folders: Pick<DaemonFolders, "overrides">, host: Pick<Host, "files">, down: ReadonlySet<string>): void {
  host.files.writeText(folders.overrides, `${JSON.stringify({ v: 1, down: [...down].sort() })}\n`);
}

function lockHeld(folders: Pick<DaemonFolders, "id" | "lock" | "socket">, holder: InstanceRecord | undefined): DaemonError {
  const who = holder === undefined ? "another process" : `process ${holder.pid} (daemonkit ${holder.version})`;
  return new DaemonError(
    "LOCK_HELD",
    `Cannot start ${folders.id} as no other instance may run: ${who} holds ${folders.lock} and answers on ${folders.socket}; ` +
      "look at it with `daemonkit status`, stop it with `daemonkit down`",
    { context: { lock: folders.lock, socket: folders.socket, ...(holder === undefined ? {} : { pid: holder.pid }) } },
  );
}

/** The number in a PID file: undefined when there is no file or an empty one, null when it holds something else. */
function readPid(path: string, files: Files): number | undefined | null {
  const info = files.info(path);
  if (info === undefined) return undefined;
  if (info.kind !== "file") return null;
  const text = files.readText(path).trim();
  if (text === "") return undefined;
  return /^\d{1,10}$/.test(text) ? Number(text) : null;
}

/** Whether a process began after a file was written, so that the number in the file is a recycled one. Says no where the system does not tell. */
function beganAfter({ startTicks }: ProcessIdentity, path: string, files: Files): boolean {
  const TICKS_PER_SECOND = 100;
  const SLACK_MS = 2_000;
  const writtenMs = files.info(path)?.mtimeMs;
  if (startTicks === 0 || writtenMs === undefined) return false;
  try {
    const bootSeconds = Number(/^btime (\d+)$/m.exec(files.readText("/proc/stat"))?.[1]);
    return (bootSeconds + startTicks / TICKS_PER_SECOND) * 1_000 > writtenMs + SLACK_MS;
  } catch (error) {
    if (error instanceof IoError) return false;
    throw error;
  }
}
