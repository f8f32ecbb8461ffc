import fs from "node:fs";

/** The files that this process may still open. */
export interface Descriptors {
  /** Most that may be open at once; Infinity where the system does not say. */
  readonly limit: number;
  /** Files reserved for work that must not fail: connections leave twice as many to programs, programs leave them to control. */
  readonly reserve: number;
  /** Whether at least so many can still be opened. */
  hasRoomFor(count: number): boolean;
}

/** Looks at the limit of this process, which no runtime changes after its start. */
export function createDescriptors(): Descriptors {
  const limit = softLimit();
  const reserve = Math.max(4, Math.min(32, Math.floor(limit / 8)));
  return {
    limit,
    reserve,
    hasRoomFor(count) {
      if (limit === Infinity) return true;
      // The system gives the lowest number that is free, so that number says how many are open: a look at all of them would cost more.
      try {
        const lowest = fs.openSync("/dev/null", "r");
        fs.closeSync(lowest);
        return lowest + count <= limit;
      } catch {
        return false;
      }
    },
  };
}

function softLimit(): number {
  try {
    const text = /^Max open files\s+(\S+)/m.exec(fs.readFileSync("/proc/self/limits", "utf8"))?.[1];
    return text === undefined || !/^\d+$/.test(text) ? Infinity : Number(text);
  } catch {
    return Infinity;
  }
}
