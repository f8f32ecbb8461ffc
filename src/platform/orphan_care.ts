import process from "node:process";
import type { Clock } from "../core/ports/clock.ts";
import type { OrphanCare } from "../core/ports/processes.ts";
import type { Signals } from "../core/ports/signals.ts";
import type { LibcCalls } from "./libc_calls.ts";

/** Options of {@linkcode careForOrphans}. */
export interface OrphanCareOptions {
  /** The calls, or why there are none. */
  calls: LibcCalls | string;
  /** Tells of children that have ended. */
  signals: Signals;
  /** Times the looks. */
  clock: Clock;
  /** Children that somebody else waits for. */
  isAwaited: (pid: number) => boolean;
  /** Children of ours that have ended and were not waited for. */
  endedChildren: () => number[];
}

/** Time from the news of an end to the first look: the runtime waits for its own children first, and many ends are one look. */
const FIRST_LOOK_MS = 50;
/** Time from the first look to the second: who is there in both is nobody's but ours, as a runtime waits within milliseconds. */
const SECOND_LOOK_MS = 200;

/**
 * Makes this process the parent of orphans, and waits for them as they end.
 *
 * A child that the program has started in another way than by the host is left to whoever has started it: it is waited for long before the
 * second look. It never waits for any child, only for one that it has named.
 */
export function careForOrphans({ calls, signals, clock, isAwaited, endedChildren }: OrphanCareOptions): OrphanCare {
  const isInit = process.pid === 1;
  if (typeof calls === "string") return { lack: calls, isInit, [Symbol.dispose]() {} };
  if (!calls.setSubreaper(true)) {
    return { lack: "the system refuses to make it the parent of orphans", isInit, [Symbol.dispose]: () => calls[Symbol.dispose]() };
  }
  let seen: number[] = [];
  let seenMs = 0;
  let timer: Disposable | undefined;
  const look = () => {
    timer = undefined;
    // In a program that was blocked until now nobody has had the time to wait for anything.
    const isLate = clock.nowMs() - seenMs > 2 * SECOND_LOOK_MS;
    if (!isLate) { for (const pid of seen) if (!isAwaited(pid)) calls.reap(pid); }
    seen = calls.endedChild() === undefined ? [] : endedChildren().filter((pid) => !isAwaited(pid));
    seenMs = clock.nowMs();
    if (seen.length > 0) timer = clock.schedule(SECOND_LOOK_MS, look);
  };
  const lookSoon = () => void (timer ??= clock.schedule(FIRST_LOOK_MS, look));
  const listening = signals.on("SIGCHLD", lookSoon);
  // The program that became this one by exec may have left orphans.
  lookSoon();
  return {
    lack: undefined,
    isInit,
    [Symbol.dispose]() {
      listening[Symbol.dispose]();
      timer?.[Symbol.dispose]();
      calls.setSubreaper(false);
      calls[Symbol.dispose]();
    },
  };
}
