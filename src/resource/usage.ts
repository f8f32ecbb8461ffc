import type { ProcessReading } from "../core/ports/resources.ts";

/** Resource use of a process together with all that it has started. */
export interface ResourceUsage {
  /** Milliseconds since the Unix epoch at which it was read. */
  timeMs: number;
  /** Resident memory in bytes; pages that processes share are counted for each. */
  memoryBytes: number;
  /** Processor time since the last reading in percent of one processor; null at the first reading. */
  cpuPercent: number | null;
  /** Seconds of processor time that were seen so far, which never falls. */
  cpuSeconds: number;
  /** Number of threads. */
  threads: number;
  /** Number of processes. */
  processes: number;
  /** Open descriptors; null where the system does not tell. */
  openFiles: number | null;
}

/** The processes of a machine at one time, by what they have to do with each other. */
export class ProcessForest {
  readonly #byPid = new Map<number, ProcessReading>();
  readonly #children = new Map<number, ProcessReading[]>();
  readonly #groups = new Map<number, ProcessReading[]>();

  /** Sorts readings, in one walk. */
  constructor(readings: readonly ProcessReading[]) {
    for (const reading of readings) {
      this.#byPid.set(reading.pid, reading);
      push(this.#children, reading.parent, reading);
      push(this.#groups, reading.group, reading);
    }
  }

  /** The process of a number. */
  get(pid: number): ProcessReading | undefined {
    return this.#byPid.get(pid);
  }

  /** A process, all that descend from it, and the members of the groups that one of them leads. `isOther` cuts branches off. */
  familyOf(root: number, isOther: (pid: number) => boolean = () => false): ProcessReading[] {
    const first = this.#byPid.get(root);
    const family = new Set<ProcessReading>(first === undefined ? this.#groups.get(root) : [first]);
    // A set is walked to its end also while it grows.
    for (const { pid } of family) {
      for (const each of this.#children.get(pid) ?? []) if (!isOther(each.pid)) family.add(each);
      for (const each of this.#groups.get(pid) ?? []) if (!isOther(each.pid)) family.add(each);
    }
    return [...family];
  }
}

/** Sums the use of a family of processes from one reading to the next. */
export class UsageMeter {
  /** Processor time of each process at the last reading, by its number and its start. */
  #lastSeconds: Map<string, number> | undefined;
  #lastMs = 0;
  #cpuSeconds = 0;

  /** Begins with other processes: those of a new run. */
  restart(): void {
    this.#lastSeconds = new Map();
  }

  /** Adds a reading of the whole family. `nowMs` is the time on a monotonic clock, `timeMs` that on the wall. */
  add(
    family: readonly ProcessReading[],
    { nowMs, timeMs, openFiles }: { nowMs: number; timeMs: number; openFiles: number | null },
  ): ResourceUsage {
    let memoryBytes = 0;
    let threads = 0;
    let risenSeconds = 0;
    const seconds = new Map<string, number>();
    for (const { pid, startTicks, cpuSeconds, residentBytes, threads: own } of family) {
      memoryBytes += residentBytes;
      threads += own;
      const key = `${pid} ${startTicks}`;
      seconds.set(key, cpuSeconds);
      risenSeconds += cpuSeconds - (this.#lastSeconds?.get(key) ?? 0);
    }
    // A child's time moves to the parent that waits for it: what has ended is taken off once, or it would count twice.
    for (const [key, before] of this.#lastSeconds ?? []) if (!seconds.has(key)) risenSeconds -= before;
    const rise = Math.max(0, risenSeconds);
    const tookMs = nowMs - this.#lastMs;
    const cpuPercent = this.#lastSeconds === undefined || tookMs <= 0 ? null : rise * 100_000 / tookMs;
    this.#cpuSeconds += rise;
    this.#lastSeconds = seconds;
    this.#lastMs = nowMs;
    return { timeMs, memoryBytes, cpuPercent, cpuSeconds: this.#cpuSeconds, threads, processes: family.length, openFiles };
  }
}

function push<K, T>(lists: Map<K, T[]>, key: K, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
