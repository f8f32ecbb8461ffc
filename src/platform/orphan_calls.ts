/** The calls of the C library by which a process cares for orphans; the same on both runtimes. */
export const ORPHAN_SYMBOLS = {
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  waitid: { parameters: ["i32", "u32", "buffer", "i32"], result: "i32" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

/** Those calls as functions. */
export type RawOrphanCalls = { readonly [Name in keyof typeof ORPHAN_SYMBOLS]: (...args: never[]) => number };

/** What a process can do about orphans, until it is disposed. Linux only. */
export interface OrphanCalls extends Disposable {
  /** Says whether this process is the parent of what its descendants leave behind; false when the system refuses. */
  setSubreaper(isOn: boolean): boolean;
  /** The number of a child that has ended and waits to be waited for, left as it is. */
  endedChild(): number | undefined;
  /** Waits for exactly this child; false when it has not ended or is none. */
  reap(pid: number): boolean;
  /** Calls `fn` while the soft limit of file locks, which nothing uses, has this value. */
  withTag<T>(tag: bigint, fn: () => T): T;
}

const PR_SET_CHILD_SUBREAPER = 36;
const P_ALL = 0;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x0100_0000;
const RLIMIT_LOCKS = 10;
/** Size of a siginfo_t, and where its number of the process is in it, on 64-bit Linux. */
const SIGINFO_BYTES = 128;
const SIGINFO_PID = 16;

/** Makes the calls usable; `close` lets go of the library. */
export function orphanCalls(raw: RawOrphanCalls, close: () => void): OrphanCalls {
  const call = raw as { readonly [Name in keyof RawOrphanCalls]: (...args: unknown[]) => number };
  const info = new DataView(new ArrayBuffer(SIGINFO_BYTES));
  const status = new Uint8Array(4);
  const own = new BigUint64Array(2); // soft and hard
  const changed = new BigUint64Array(2);
  const setLimit = (limit: BigUint64Array) => call.setrlimit(RLIMIT_LOCKS, new Uint8Array(limit.buffer)) === 0;
  return {
    setSubreaper: (isOn) => call.prctl(PR_SET_CHILD_SUBREAPER, isOn ? 1 : 0, 0, 0, 0) === 0,
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
    [Symbol.dispose]: close,
  };
}
