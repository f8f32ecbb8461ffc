import fs from "node:fs";
import process from "node:process";
import type { LockedFile, ProcessIdentity } from "../core/ports/processes.ts";
import { uidOf } from "./process_table.ts";

/** Lock files are short; a larger file is none. */
const MOST_BYTES = 65_536;
/** Suffix that the system adds to the path of an open file that was removed. */
const REMOVED = " (deleted)";

/** Files of this name that processes of this user hold a lock of: see `Processes.lockedFiles`. */
export function lockedFiles(name: string, identify: (pid: number) => ProcessIdentity | undefined): LockedFile[] {
  if (process.platform !== "linux") return [];
  const found: LockedFile[] = [];
  const root = tryDeviceAndInode("/");
  // Deno lets nobody but a program with all permissions look there.
  if (root === undefined) return [];
  const uid = process.geteuid!();
  for (const pid of lockHolders()) {
    try {
      // A process in another container, or of another user, can't be trusted.
      if (uidOf(pid) !== uid || deviceAndInode(`/proc/${pid}/root/`) !== root) continue;
      for (const descriptor of fs.readdirSync(`/proc/${pid}/fd`)) {
        const file = lookAt(`/proc/${pid}/fd/${descriptor}`, name);
        const identity = file && identify(pid);
        if (identity !== undefined) found.push({ identity, ...file! });
      }
    } catch {
      // Gone meanwhile, or kept from us.
    }
  }
  return found;
}

function lookAt(descriptor: string, name: string): Omit<LockedFile, "identity"> | undefined {
  try {
    const link = fs.readlinkSync(descriptor);
    const path = link.endsWith(REMOVED) ? link.slice(0, -REMOVED.length) : link;
    if (!path.endsWith(`/${name}`)) return undefined;
    const stats = fs.statSync(descriptor);
    if (!stats.isFile() || stats.size > MOST_BYTES) return undefined;
    return { path, inode: stats.ino, text: fs.readFileSync(descriptor, "utf8") };
  } catch {
    return undefined; // closed meanwhile
  }
}

/** Processes that hold locks by flock; all processes where the system has no list of locks. */
function lockHolders(): Set<number> {
  try {
    const locks = fs.readFileSync("/proc/locks", "utf8").matchAll(/^\d+: FLOCK +\S+ +WRITE (\d+) /gm);
    return new Set([...locks].map(([, pid]) => Number(pid)));
  } catch {
    try {
      return new Set(fs.readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)).map(Number));
    } catch {
      return new Set();
    }
  }
}

function tryDeviceAndInode(path: string): string | undefined {
  try {
    return deviceAndInode(path);
  } catch {
    return undefined;
  }
}

function deviceAndInode(path: string): string {
  const { dev, ino } = fs.statSync(path);
  return `${dev}:${ino}`;
}
