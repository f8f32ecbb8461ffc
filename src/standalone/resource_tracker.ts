import type { Duration } from "../core/values/duration.ts";
import { type ResourceTrackerOptions, type ResourceTrackerPorts, Tracker } from "../resource/tracker.ts";
import type { ResourceUsage } from "../resource/usage.ts";
import { getHost } from "../platform/mod.ts";

/**
 * Reads how much memory and processor time a process and all that it has started use, again and again.
 *
 * - Processor time is counted between two readings; the first one has none to compare with, and says null.
 * - A limit alerts once when use rises above it, and again only after use has fallen below nine tenths of it.
 * - Only Linux tells; elsewhere there is never a reading.
 *
 * @example The memory of this process
 * ```ts
 * import { ResourceTracker } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * using tracker = new ResourceTracker("1s", { memoryLimit: "8GiB" });
 * await tracker.start();
 * const usage = tracker.currentUsage();
 * assert.ok(usage === undefined || usage.memoryBytes > 1_000_000);
 * assert.equal(usage?.cpuPercent ?? null, null);
 * ```
 */
export class ResourceTracker implements Disposable {
  readonly #tracker: Tracker;

  /**
   * Creates one that does not read yet.
   *
   * @throws {TypeError | RangeError} if an option is wrong.
   */
  constructor(interval: Duration, options?: ResourceTrackerOptions) {
    this.#tracker = new Tracker(interval, options);
  }

  /**
   * Reads once, and from then on after each interval; nothing while it runs already. Rejects when the first reading fails, and reads on.
   *
   * @throws {IoError} if the table of processes can't be read; the promise rejects with it.
   */
  async start(ports?: ResourceTrackerPorts): Promise<void> {
    await this.#tracker.run(ports ?? await getHost());
  }

  /** Stops reading; the readings stay. */
  stop(): void {
    this.#tracker.stop();
  }

  /** Whether it reads. */
  get isRunning(): boolean {
    return this.#tracker.isRunning;
  }

  /** Returns the last reading; undefined before the first, and where the system does not tell. */
  currentUsage(): ResourceUsage | undefined {
    return this.#tracker.currentUsage();
  }

  /** Returns the last readings, the newest at the end. */
  history(): readonly ResourceUsage[] {
    return this.#tracker.history();
  }

  /** Stops reading. */
  [Symbol.dispose](): void {
    this.stop();
  }
}
