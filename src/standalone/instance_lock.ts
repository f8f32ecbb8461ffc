import type { FileLock } from "../core/ports/files.ts";
import type { Host } from "../core/ports/host.ts";
import { DaemonError } from "../core/values/errors.ts";
import { checkText } from "../core/values/options.ts";
import { getHost } from "../platform/mod.ts";

/**
 * A lock that one process of this machine holds at a time, in a file that says who.
 *
 * - It is the kernel's (flock): it goes with its holder, however that one ends, so there is no stale lock.
 * - The file holds the holder's process number and stays when the lock is given back.
 *
 * @example The second one is refused
 * ```ts
 * import { InstanceLock } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 * import { mkdtempSync, rmSync } from "node:fs";
 * import { tmpdir } from "node:os";
 *
 * const folder = mkdtempSync(`${tmpdir()}/lock-`);
 * {
 *   using _lock = await InstanceLock.acquire(`${folder}/app.lock`);
 *   assert.ok(await InstanceLock.isHeld(`${folder}/app.lock`));
 *   await assert.rejects(InstanceLock.acquire(`${folder}/app.lock`), { code: "LOCK_HELD" });
 * }
 * assert.ok(!await InstanceLock.isHeld(`${folder}/app.lock`));
 * rmSync(folder, { recursive: true });
 * ```
 */
export class InstanceLock implements Disposable {
  /** Path of the file. */
  readonly path: string;
  readonly #lock: FileLock;

  private constructor(path: string, lock: FileLock) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Takes the lock, and creates its file if need be.
   *
   * @throws {DaemonError} `LOCK_HELD` if another process has it, which the message names; the promise rejects with it.
   * @throws {IoError} if the file can't be opened; the promise rejects with it.
   */
  static async acquire(path: string, host?: Pick<Host, "files" | "resources">): Promise<InstanceLock> {
    checkText("take the lock", "path", path);
    const { files, resources } = host ?? await getHost();
    const lock = await files.lock(path);
    if (lock !== undefined) {
      lock.write(`${resources.ownPid}\n`);
      return new InstanceLock(path, lock);
    }
    const pid = /^\d+/.exec(files.readText(path))?.[0];
    const holder = pid === undefined ? "another process" : `process ${pid}`;
    throw new DaemonError("LOCK_HELD", `Cannot take the lock ${path} as ${holder} holds it`, { context: { path, pid: Number(pid ?? 0) } });
  }

  /**
   * Resolves with whether somebody holds the lock now; by the time one reads it that may have changed.
   *
   * @throws {IoError} if the file can't be opened; the promise rejects with it.
   */
  static async isHeld(path: string, host?: Pick<Host, "files">): Promise<boolean> {
    checkText("look at the lock", "path", path);
    const { files } = host ?? await getHost();
    if (files.info(path) === undefined) return false;
    using lock = await files.lock(path);
    return lock === undefined;
  }

  /** Gives the lock back. */
  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }
}
