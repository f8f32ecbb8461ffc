import fs from "node:fs";
import process from "node:process";

/** The calls of the C library that neither runtime has an interface for; the same on both. */
export const LIBC_SYMBOLS = {
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  waitid: { parameters: ["i32", "u32", "buffer", "i32"], result: "i32" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  getgrouplist: { parameters: ["buffer", "u32", "buffer", "buffer"], result: "i32" },
  signal: { parameters: ["i32", "u64"], result: "i64" },
  syscall: { parameters: ["i64", "i64", "i64", "i64"], result: "i64" },
} as const;

/** The same function once more, for a call that takes a list. */
export const LIST_SYMBOLS = { syscall: { parameters: ["i64", "i64", "buffer"], result: "i64" } } as const;

/** Raw libc calls as functions. */
export interface RawLibcCalls {
  /** Of {@linkcode LIBC_SYMBOLS}. */
  plain: { readonly [Name in keyof typeof LIBC_SYMBOLS]: (...args: never[]) => number | bigint };
  /** Of {@linkcode LIST_SYMBOLS}. */
  list: { readonly [Name in keyof typeof LIST_SYMBOLS]: (...args: never[]) => number | bigint };
}

/** User and groups that a program gets. */
export interface Credentials {
  uid: number;
  gid: number;
  /** Supplementary groups. */
  groups: readonly number[];
}

/** Calls beyond those of the runtime, usable until disposed. Linux only. */
export interface LibcCalls extends Disposable {
  /** Says whether this process is the parent of what its descendants leave behind; false when the system refuses. */
  setSubreaper(isOn: boolean): boolean;
  /** Whether this process has a child with this number, or any; one that has ended and was not waited for counts. */
  hasChild(pid?: number): boolean;
  /** The number of a child that has ended and waits to be waited for, left as it is. */
  endedChild(): number | undefined;
  /** Waits for exactly this child; false when it has not ended or is none. */
  reap(pid: number): boolean;
  /** Calls `fn` while the soft limit of file locks, which nothing uses, has this value. */
  withTag<T>(tag: bigint, fn: () => T): T;
  /** Lets this process write to its terminal although that belongs to another job, or stops it at such a write, as the system does. */
  keepWriting(isOn: boolean): void;
  /** All groups of a user, as the system knows them, with `gid` among them. */
  groupsOf(user: string, gid: number): number[];
  /**
   * Calls `fn` while this thread, and no other, is somebody else, whom a program started by it is for good: the runtimes' own way to become a
   * user takes all groups away. False when the system refuses; nothing has changed then and `fn` was not called.
   */
  withCredentials<T>(credentials: Credentials, fn: () => T): { value: T } | undefined;
}

const SIGTTOU = 22;
const SIG_DFL = 0;
const SIG_IGN = 1;
const PR_SET_CHILD_SUBREAPER = 36;
const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x0100_0000;
const RLIMIT_LOCKS = 10;
const PR_GET_DUMPABLE = 3;
const PR_SET_DUMPABLE = 4;
/** Numbers of system calls, which change one thread where the library's functions change all. */
const NUMBERS = process.arch === "arm64"
  ? { setgroups: 159, setresgid: 149, setresuid: 147 }
  : { setgroups: 116, setresgid: 119, setresuid: 117 };
/** Stays as it is. */
const SAME = -1;
/** More groups than anybody has in practice; the system's own limit is 65,536. */
const MOST_GROUPS = 4_096;
/** Size of a siginfo_t, and where its number of the process is in it, on 64-bit Linux. */
const SIGINFO_BYTES = 128;
const SIGINFO_PID = 16;

/** Makes the calls usable; `close` lets go of the library. */
export function libcCalls({ plain, list }: RawLibcCalls, close: () => void): LibcCalls {
  const call = plain as { readonly [Name in keyof typeof plain]: (...args: unknown[]) => number };
  const info = new DataView(new ArrayBuffer(SIGINFO_BYTES));
  const status = new Uint8Array(4);
  const own = new BigUint64Array(2); // soft and hard
  const changed = new BigUint64Array(2);
  const is = (answer: unknown) => Number(answer) === 0;
  const setUid = (real: number, effective: number) => is(call.syscall(NUMBERS.setresuid, real, effective, SAME));
  const setGid = (real: number, effective: number) => is(call.syscall(NUMBERS.setresgid, real, effective, SAME));
  const setGroups = (groups: readonly number[]) => {
    const bytes = new Uint8Array(new Uint32Array(groups.length === 0 ? [0] : groups).buffer);
    return is((list.syscall as (...args: unknown[]) => unknown)(NUMBERS.setgroups, groups.length, bytes));
  };
  const setLimit = (limit: BigUint64Array) => call.setrlimit(RLIMIT_LOCKS, new Uint8Array(limit.buffer)) === 0;
  return {
    setSubreaper: (isOn) => call.prctl(PR_SET_CHILD_SUBREAPER, isOn ? 1 : 0, 0, 0, 0) === 0,
    hasChild: (pid) =>
      call.waitid(pid === undefined ? P_ALL : P_PID, pid ?? 0, new Uint8Array(info.buffer), WEXITED | WNOHANG | WNOWAIT) === 0,
    endedChild() {
      info.setInt32(SIGINFO_PID, 0, true);
      if (call.waitid(P_ALL, 0, new Uint8Array(info.buffer), WEXITED | WNOHANG | WNOWAIT) !== 0) return undefined;
      return info.getInt32(SIGINFO_PID, true) || undefined;
    },
    reap: (pid) => call.waitpid(pid, status, WNOHANG) === pid,
    withTag(tag, fn) {
      if (call.getrlimit(RLIMIT_LOCKS, new Uint8Array(own.buffer)) !== 0 || own[1] < tag) return fn();
      [changed[0], changed[1]] = [tag, own[1]];
      if (!setLimit(changed)) return fn();
      try {
        return fn();
      } finally {
        setLimit(own);
      }
    },
    keepWriting: (isOn) => void call.signal(SIGTTOU, isOn ? SIG_IGN : SIG_DFL),
    groupsOf(user, gid) {
      const count = new Int32Array([MOST_GROUPS]);
      const groups = new Uint32Array(MOST_GROUPS);
      const name = new TextEncoder().encode(`${user}\0`);
      if (call.getgrouplist(name, gid, new Uint8Array(groups.buffer), new Uint8Array(count.buffer)) < 0) return [gid];
      return [...groups.subarray(0, count[0])];
    },
    withCredentials({ uid, gid, groups }, fn) {
      const before = ownIds();
      // Ambient capabilities, which survive exec without root, would go on to the program.
      if (before.hasAmbient) return undefined;
      const isDumpable = call.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
      try {
        // The saved user stays, so that there is a way back; a program that is started loses it.
        if (!setGroups(groups) || !setGid(gid, gid) || !setUid(uid, uid)) return undefined;
        return { value: fn() };
      } finally {
        const isBack = setUid(...before.uids) && setGid(...before.gids) && setGroups(before.groups);
        call.prctl(PR_SET_DUMPABLE, isDumpable, 0, 0, 0);
        if (!isBack) process.abort();
      }
    },
    [Symbol.dispose]: close,
  };
}

/** Reads the real and effective ids of this process. */
function ownIds(): { uids: [number, number]; gids: [number, number]; groups: number[]; hasAmbient: boolean } {
  const text = fs.readFileSync("/proc/self/status", "utf8");
  const numbers = (name: string) =>
    (new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(text)?.[1] ?? "").split(/\s+/).filter(Boolean).map(Number);
  return {
    uids: [numbers("Uid")[0], numbers("Uid")[1]],
    gids: [numbers("Gid")[0], numbers("Gid")[1]],
    groups: numbers("Groups"),
    hasAmbient: !/^CapAmb:\s*0+$/m.test(text) && /^CapAmb:/m.test(text),
  };
}
