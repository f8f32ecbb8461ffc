import type { Clock } from "../core/ports/clock.ts";
import type { Resources } from "../core/ports/resources.ts";
import { type ByteSize, byteSize, formatBytes } from "../core/values/bytes.ts";
import { type Duration, durationOption } from "../core/values/duration.ts";
import { messageOf } from "../core/values/errors.ts";
import { checkFunction, checkKeys } from "../core/values/options.ts";
import { ProcessForest, type ResourceUsage, UsageMeter } from "./usage.ts";

/** A soft limit that was crossed. */
export interface ResourceAlert {
  /** The limited resource. */
  limited: "memory" | "cpu";
  /** `over` when use has risen above the limit, `under` when it has fallen below nine tenths of it. */
  state: "over" | "under";
  /** The limit: bytes, or percent of one processor. */
  limit: number;
  /** The reading. */
  usage: ResourceUsage;
  /** All that in a sentence. */
  message: string;
}

/** Settings of {@linkcode ResourceTracker}. */
export interface ResourceTrackerOptions {
  /** Process to track, with all that it has started. @default {this process} */
  pid?: number;
  /** Readings kept, the newest last. @default {60} */
  maxHistory?: number;
  /** Memory above which an alert is given. @default {undefined} */
  memoryLimit?: ByteSize;
  /** Percent of one processor above which an alert is given. @default {undefined} */
  cpuLimit?: number;
  /** Told when use crosses a limit, once each time. It must not throw. @default nobody is told */
  onAlert?: (alert: ResourceAlert) => void;
}

/** Means by which a tracker reads. */
export interface ResourceTrackerPorts {
  /** The system's table of processes. */
  resources: Resources;
  /** Time. */
  clock: Clock;
}

/** Use has to fall below this share of a limit before the next alert, so that a value on the limit does not alert at every reading. */
const CLEARED_BELOW = 0.9;

/** Reads the resource use of a process and of all that it has started, again and again. */
export class Tracker implements Disposable {
  readonly #intervalMs: number;
  readonly #pid: number | undefined;
  readonly #maxHistory: number;
  readonly #limits: Readonly<Record<ResourceAlert["limited"], number | undefined>>;
  readonly #onAlert: ((alert: ResourceAlert) => void) | undefined;
  readonly #history: ResourceUsage[] = [];
  readonly #meter = new UsageMeter();
  readonly #isOver = { memory: false, cpu: false };
  #timer: Disposable | undefined;
  /** Number of the present start; a reading of an earlier one is dropped. */
  #start = 0;

  /**
   * Creates one that does not read yet.
   *
   * @throws {TypeError | RangeError} if an option is wrong.
   */
  constructor(interval: Duration, options: ResourceTrackerOptions = {}) {
    const action = "create ResourceTracker";
    checkKeys(action, options, ["pid", "maxHistory", "memoryLimit", "cpuLimit", "onAlert"]);
    const { pid, maxHistory = 60, memoryLimit, cpuLimit, onAlert } = options;
    const must = (isGood: boolean, key: string, expected: string, value: unknown) => {
      if (!isGood) throw new RangeError(`Cannot ${action} as "${key}" must be ${expected}: current value is ${String(value)}`);
    };
    this.#intervalMs = durationOption(action, "interval", interval);
    must(this.#intervalMs > 0, "interval", "more than 0", interval);
    must(pid === undefined || Number.isSafeInteger(pid) && pid > 0, "pid", "the number of a process", pid);
    must(Number.isSafeInteger(maxHistory) && maxHistory > 0, "maxHistory", "an integer above 0", maxHistory);
    must(cpuLimit === undefined || cpuLimit > 0 && cpuLimit < Infinity, "cpuLimit", "percent of one processor above 0", cpuLimit);
    if (onAlert !== undefined) checkFunction(action, "onAlert", onAlert);
    const memoryBytes = memoryLimit === undefined ? undefined : bytesOption(action, memoryLimit);
    this.#pid = pid;
    this.#maxHistory = maxHistory;
    this.#limits = { memory: memoryBytes, cpu: cpuLimit };
    this.#onAlert = onAlert;
  }

  /** Whether it reads. */
  get isRunning(): boolean {
    return this.#timer !== undefined;
  }

  /** Reads once, and from then on after each interval; nothing while it runs already. Rejects when the first reading fails, and reads on. */
  async run({ resources, clock }: ResourceTrackerPorts): Promise<void> {
    if (this.#timer !== undefined) return;
    const start = ++this.#start;
    const next = (): Disposable =>
      clock.schedule(this.#intervalMs, () =>
        void this.#read(resources, clock, start).catch(() => {
          // The table can't be read while files are out: the history shows the gap.
        }).then(() => {
          // The next one begins when this one is over, so that a slow table is not read twice at once.
          if (start === this.#start) this.#timer = next();
        }));
    this.#timer = next();
    await this.#read(resources, clock, start);
  }

  /** Stops reading; what was read stays. */
  stop(): void {
    this.#start++;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** The last reading; undefined before the first, and where the system does not tell. */
  currentUsage(): ResourceUsage | undefined {
    return this.#history.at(-1);
  }

  /** The last readings, the newest at the end. */
  history(): readonly ResourceUsage[] {
    return [...this.#history];
  }

  /** Stops reading. */
  [Symbol.dispose](): void {
    this.stop();
  }

  async #read(resources: Resources, clock: Clock, start: number): Promise<void> {
    const readings = await resources.read();
    if (readings === undefined || start !== this.#start) return;
    const family = new ProcessForest(readings).familyOf(this.#pid ?? resources.ownPid);
    if (family.length === 0) return;
    const counts = family.map(({ pid }) => resources.openFiles(pid));
    const openFiles = counts.every((count) => count === undefined) ? null : counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
    const usage = this.#meter.add(family, { nowMs: clock.nowMs(), timeMs: clock.wallMs(), openFiles });
    this.#history.push(usage);
    if (this.#history.length > this.#maxHistory) this.#history.shift();
    this.#compare("memory", usage.memoryBytes, usage, formatBytes);
    if (usage.cpuPercent !== null) this.#compare("cpu", usage.cpuPercent, usage, (percent) => `${Math.round(percent)} % of a processor`);
  }

  #compare(limited: ResourceAlert["limited"], value: number, usage: ResourceUsage, format: (value: number) => string): void {
    const limit = this.#limits[limited];
    if (limit === undefined) return;
    const isOver = this.#isOver[limited] ? value >= limit * CLEARED_BELOW : value > limit;
    if (isOver === this.#isOver[limited]) return;
    this.#isOver[limited] = isOver;
    const message = isOver
      ? `${limited} is above its limit: ${format(value)} of ${format(limit)}`
      : `${limited} is below its limit again: ${format(value)} of ${format(limit)}`;
    this.#onAlert?.({ limited, state: isOver ? "over" : "under", limit, usage, message });
  }
}

function bytesOption(action: string, memoryLimit: ByteSize): number {
  try {
    return byteSize(memoryLimit);
  } catch (error) {
    throw new RangeError(`Cannot ${action} as "memoryLimit" must be a size such as "200MB": ${messageOf(error)}`);
  }
}
