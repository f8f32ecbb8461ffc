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

/** More files than whoever asks for room opens then. */
const MOST_FOR_ONE = 16;
/** Files that others open are heard of after this time. */
const COUNT_AGAIN_MS = 1_000;

/** Looks at the limit of this process, which no runtime changes after its start. */
export function createDescriptors(): Descriptors {
  const limit = softLimit();
  const reserve = Math.max(4, Math.min(32, Math.floor(limit / 8)));
  /** At least so many are free, as counted at that time, less what was let through since: to count thousands for each launch takes long. */
  let free = 0;
  let countedMs = -Infinity;
  return {
    limit,
    reserve,
    hasRoomFor(count) {
      if (limit === Infinity) return true;
      const nowMs = performance.now();
      if (free < count || nowMs - countedMs >= COUNT_AGAIN_MS) {
        free = limit - countOpen(limit);
        countedMs = nowMs;
      }
      if (free < count) return false;
      free -= MOST_FOR_ONE;
      return true;
    },
  };
}

/** Files that are open, as good as without what counts them; all that may be where not even that one can be opened. */
function countOpen(limit: number): number {
  try {
    return fs.readdirSync("/proc/self/fd").length - 1;
  } catch {
    try {
      // The lowest number that is free: closed ones leave gaps, so it is a guess.
      const lowest = fs.openSync("/dev/null", "r");
      fs.closeSync(lowest);
      return lowest;
    } catch {
      return limit;
    }
  }
}

function softLimit(): number {
  try {
    const text = /^Max open files\s+(\S+)/m.exec(fs.readFileSync("/proc/self/limits", "utf8"))?.[1];
    return text === undefined || !/^\d+$/.test(text) ? Infinity : Number(text);
  } catch {
    return Infinity;
  }
}
