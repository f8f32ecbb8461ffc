import type { ErrorCode } from "../core/values/error_codes.ts";
import { IoError } from "../core/values/errors.ts";
import type { Watcher } from "../core/ports/watcher.ts";

/**
 * A watcher whose changes come on order; that of a {@linkcode FakeHost} also tells of what changes in its files.
 *
 * @example A change, and the end of the folder
 * ```ts
 * import { FakeWatcher } from "@daemonkit/daemonkit/testing";
 * import assert from "node:assert/strict";
 *
 * const watcher = new FakeWatcher();
 * let calls = 0;
 * watcher.watch("/etc/app", () => calls++);
 * watcher.emit("/etc/app");
 * watcher.lose("/etc/app");
 * await Promise.resolve();
 * assert.equal(calls, 2);
 * assert.equal(watcher.count(), 0);
 * ```
 */
export class FakeWatcher implements Watcher {
  readonly #isFolder: (path: string) => boolean;
  readonly #watches = new Set<{ folder: string; onChange: () => void }>();
  #failure: { code: ErrorCode; left: number } | undefined;

  /** Created with what says whether a folder can be watched; without it all can. */
  constructor(isFolder: (path: string) => boolean = () => true) {
    this.#isFolder = isFolder;
  }

  /** Lets the next `times` calls of {@linkcode FakeWatcher.watch} fail with a code. */
  failWatches(code: ErrorCode, times: number = 1): void {
    this.#failure = { code, left: times };
  }

  /** Registers for a folder that is there. */
  watch(folder: string, onChange: () => void): Disposable {
    const order = this.#failure;
    if (order !== undefined) {
      if (--order.left <= 0) this.#failure = undefined;
      throw failure(order.code, folder, "the test wants it so");
    }
    if (!this.#isFolder(folder)) throw failure("IO_NOT_FOUND", folder, "there is no folder at that path");
    const watch = { folder, onChange };
    this.#watches.add(watch);
    return { [Symbol.dispose]: () => void this.#watches.delete(watch) };
  }

  /** Tells those who watch a folder, a moment later as the system does, that something in it has changed. */
  emit(folder: string): void {
    for (const watch of this.#of(folder)) {
      queueMicrotask(() => {
        if (this.#watches.has(watch)) watch.onChange();
      });
    }
  }

  /** Lets a folder go away: those who watch it are told so once and are forgotten. */
  lose(folder: string): void {
    this.emit(folder);
    queueMicrotask(() => {
      for (const watch of this.#of(folder)) this.#watches.delete(watch);
    });
  }

  /** Number of watches, of one folder or of all. */
  count(folder?: string): number {
    return folder === undefined ? this.#watches.size : this.#of(folder).length;
  }

  #of(folder: string): { folder: string; onChange: () => void }[] {
    return [...this.#watches].filter((watch) => watch.folder === folder);
  }
}

function failure(code: ErrorCode, folder: string, reason: string): IoError {
  return new IoError(code, `Cannot watch ${folder} as ${reason}`, { context: { path: folder } });
}
