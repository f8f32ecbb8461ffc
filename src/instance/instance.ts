import { sleep } from "../core/ports/clock.ts";
import { ConfigError, DaemonError, IoError, messageOf } from "../core/values/errors.ts";
import type { FileLock, Files } from "../core/ports/files.ts";
import type { Host } from "../core/ports/host.ts";
import type { Processes, ProcessIdentity } from "../core/ports/processes.ts";
import { fileNameOf, folderOf, resolvePath } from "../core/values/paths.ts";
import type { DaemonFolders } from "./folders.ts";
import { isProgram, isSameOrigin, type Origin } from "./origin.ts";

/** Holder of the lock of a daemon, as its lock file says. */
export interface InstanceRecord extends ProcessIdentity {
  /** Version of daemonkit. */
  version: string;
  /** Version of what client and daemon say to each other. */
  protocol: number;
  /** Its id. */
  id: string;
  /** Source that it was started from; empty where an old version does not say. */
  origin: Origin;
  /** Its control socket. */
  socket: string;
  /** Whether it is still checking for another running instance. */
  isClaim: boolean;
}

/** The lock of a daemon, held until disposed or until the process ends, however it does. */
export interface Instance extends Disposable {
  /** Content of the lock file. */
  readonly record: InstanceRecord;
  /** Record of an instance that died on this boot without a clean end; undefined after a clean end. */
  readonly crashed: InstanceRecord | undefined;
  /**
   * Makes the lock file anew where it was removed or replaced; true when it was. Until then a lock file that has no name any more keeps a
   * second daemon away.
   *
   * @throws {IoError} if the folder can't be written.
   * @throws {DaemonError} with code `LOCK_HELD` if another process holds what is there now.
   */
  restore(): Promise<boolean>;
}

/** Parts of the host that {@linkcode acquireInstance} needs. */
export type InstanceHost = Pick<Host, "files" | "processes" | "clock">;

/** Where an instance has its lock, and what it is. */
export type InstanceFolders = Pick<DaemonFolders, "id" | "origin" | "lock" | "socket">;

/** Name of every lock file. */
const LOCK_NAME = "lock";
/** A lock whose holder has ended, or has not said yet who it is, is free or says so within this time. */
const LONGEST_DEATH_MS = 10_000;
const LOOK_MS = 10;

/**
 * Takes the lock of a daemon, so that no second one of this user runs from the same configuration file, whatever the environment of each.
 *
 * - What an earlier instance left in the file is no obstacle, whether it crashed or ran before the last boot. A lock that a dead process
 *   still holds, as its children or the system may do for a moment, is waited for.
 * - The folder of the lock depends on the environment, and may be removed. So whoever has its lock says what it is started from, then looks
 *   for others who hold one and say the same. As each speaks before it looks, of two at least one sees the other.
 *
 * @throws {DaemonError} with code `LOCK_HELD` if another process holds it; the message names it and says what to do. Else what `refusal`
 * returns, which is asked while nobody else can take it.
 */
export async function acquireInstance(
  folders: InstanceFolders,
  host: InstanceHost,
  { refusal, ...options }: { version: string; protocol: number; refusal?: () => DaemonError | undefined },
): Promise<Instance> {
  const { files, processes } = host;
  let lock = await lockOf(folders, host);
  const textBefore = files.readText(folders.lock);
  const { id, origin, socket } = folders;
  const record: InstanceRecord = { ...processes.self(), ...options, id, origin, socket, isClaim: true };
  try {
    lock.write(textOf(record));
    const rival = await rivalOf(record, lock.inode, host);
    if (rival !== undefined) throw lockHeld(folders, rival);
    const refused = refusal?.();
    if (refused !== undefined) throw refused;
    record.isClaim = false;
    lock.write(textOf(record));
  } catch (error) {
    lock.write(textBefore);
    lock[Symbol.dispose]();
    throw error;
  }
  const before = parseRecord(textBefore, folders.lock);
  return {
    record,
    crashed: before !== undefined && before.bootId === record.bootId ? before : undefined,
    async restore() {
      if (files.info(folders.lock)?.inode === lock.inode) return false;
      files.makeDir(folderOf(folders.lock));
      const next = await files.lock(folders.lock);
      if (next === undefined) throw lockHeld(folders, readInstance(folders.lock, files));
      next.write(textOf(record));
      lock[Symbol.dispose]();
      lock = next;
      return true;
    },
    [Symbol.dispose]() {
      // The file stays: removing a lock file lets two processes lock two different files of one name.
      try {
        lock.write("");
        // A guardian that finds no file takes the end for a death.
        if (files.info(folders.lock) === undefined) files.writeText(folders.lock, "", { mustSync: false });
      } catch (error) {
        // Where something else stands in the place of its folder, the end is a clean one all the same.
        if (!(error instanceof IoError)) throw error;
      } finally {
        lock[Symbol.dispose]();
      }
    },
  };
}

/** Instances of this user that live, wherever they have their folders and whatever has become of those; empty where the system does not tell. */
export function heldInstances(processes: Pick<Processes, "lockedFiles">): { record: InstanceRecord; inode: number }[] {
  return processes.lockedFiles(LOCK_NAME).flatMap(({ identity, path, inode, text }) => {
    const record = parseRecord(text, path);
    // A process may have it open only to see whether it is free.
    return record?.pid === identity.pid && record.startTicks === identity.startTicks ? [{ record, inode }] : [];
  });
}

/** Whether an instance lives and has not given its lock back. */
export function isHeld(record: InstanceRecord, { files, processes }: Pick<Host, "files" | "processes">): boolean {
  if (!processes.isAlive(record)) return false;
  const isIt = (other: InstanceRecord | undefined) => other?.pid === record.pid && other.startTicks === record.startTicks;
  return isIt(readInstance(lockPathOf(record), files)) || heldInstances(processes).some((each) => isIt(each.record));
}

/** The lock file of an instance. */
export function lockPathOf({ socket }: Pick<InstanceRecord, "socket">): string {
  return resolvePath(folderOf(socket), LOCK_NAME);
}

/** Reads who holds or held a lock; undefined when the file is missing, empty or says something else. */
export function readInstance(lockPath: string, files: Files): InstanceRecord | undefined {
  try {
    return files.info(lockPath) === undefined ? undefined : parseRecord(files.readText(lockPath), lockPath);
  } catch {
    return undefined;
  }
}

/** The lock itself, once nobody who lives has it. */
async function lockOf(folders: InstanceFolders, { files, processes, clock }: InstanceHost): Promise<FileLock> {
  for (const endMs = clock.nowMs() + LONGEST_DEATH_MS;;) {
    const lock = await files.lock(folders.lock);
    if (lock !== undefined) return lock;
    const holder = readInstance(folders.lock, files);
    if ((holder !== undefined && processes.isAlive(holder)) || clock.nowMs() >= endMs) throw lockHeld(folders, holder);
    await sleep(clock, LOOK_MS);
  }
}

/** Another instance of the same origin that has come first. */
async function rivalOf(own: InstanceRecord, inode: number, { files, processes, clock }: InstanceHost): Promise<InstanceRecord | undefined> {
  for (const endMs = clock.nowMs() + LONGEST_DEATH_MS;;) {
    const rivals = heldInstances(processes).filter((each) => each.inode !== inode && isSameOrigin(each.record.origin, own.origin, files));
    const winner = rivals.find((each) => !each.record.isClaim || comesBefore(each, { record: own, inode }));
    if (rivals.length === 0) return undefined;
    if (winner !== undefined || clock.nowMs() >= endMs) return (winner ?? rivals[0]).record;
    // It has seen us, and gives way, or has not and goes on.
    await sleep(clock, LOOK_MS);
  }
}

/** Which of two that look at the same moment goes on: it only has to be the same for both. */
function comesBefore(a: { record: InstanceRecord; inode: number }, b: { record: InstanceRecord; inode: number }): boolean {
  return (a.record.startTicks - b.record.startTicks || a.record.pid - b.record.pid || a.inode - b.inode) < 0;
}

/** A line; the same instance's are of one length, so that who reads while it is written over sees the old one or the new one. */
function textOf({ isClaim, ...record }: InstanceRecord): string {
  return `${JSON.stringify({ ...record, claim: isClaim ? 1 : 0 })}\n`;
}

function parseRecord(text: string, lockPath: string): InstanceRecord | undefined {
  try {
    // Behind the first line may be the rest of a longer text.
    const { pid, startTicks, bootId, version, protocol, id, origin, socket, claim } = JSON.parse(text.split("\n", 1)[0]) as Record<
      string,
      unknown
    >;
    if (typeof pid !== "number" || typeof startTicks !== "number" || typeof bootId !== "string") return undefined;
    const folder = folderOf(lockPath);
    return {
      pid,
      startTicks,
      bootId,
      version: String(version),
      protocol: Number(protocol),
      id: typeof id === "string" ? id : fileNameOf(folder),
      origin: typeof origin === "string" ? origin : "",
      socket: typeof socket === "string" ? socket : resolvePath(folder, "admin.sock"),
      isClaim: claim === 1,
    };
  } catch {
    return undefined;
  }
}

/** Changes by operators at run time that survive a restart of the daemon. */
export interface Overrides {
  /** Units that were stopped by hand. */
  down: ReadonlySet<string>;
  /** Fault of the file, where it had to be ignored. */
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

/** Remembers the manual stops; the folder is made anew where it was removed. */
export function writeOverrides(folders: Pick<DaemonFolders, "overrides">, host: Pick<Host, "files">, down: ReadonlySet<string>): void {
  host.files.makeDir(folderOf(folders.overrides));
  host.files.writeText(folders.overrides, `${JSON.stringify({ v: 1, down: [...down].sort() })}\n`);
}

function lockHeld({ id, lock, origin }: InstanceFolders, holder: InstanceRecord | undefined): DaemonError {
  const advice = isProgram(origin)
    ? "look at it with `status`, stop it with `down`; a daemon of another name is another one"
    : "look at it with `daemonkit status`, stop it with `daemonkit down`";
  const why = holder === undefined
    ? `a process that does not say who it is holds ${lock}; try again later`
    : `process ${holder.pid} (daemonkit ${holder.version}) ` +
      (holder.origin === origin || holder.origin === "" ? "" : `runs from ${holder.origin}, which is the same, and `) +
      `holds ${lockPathOf(holder)} and answers on ${holder.socket}; ${advice}`;
  return new DaemonError("LOCK_HELD", `Cannot start ${id} as no other instance may run: ${why}`, {
    context: { lock, ...(holder === undefined ? {} : { socket: holder.socket, pid: holder.pid }) },
  });
}
