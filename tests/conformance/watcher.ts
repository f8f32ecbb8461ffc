import assert from "node:assert/strict";
import type { Files } from "../../src/core/ports/files.ts";
import type { Watcher } from "../../src/core/ports/watcher.ts";
import { test } from "../harness.ts";
import { ioFailure } from "./files.ts";

/** A watcher under test, and an empty folder for it in a folder that may be used for more. */
export interface WatcherUnderTest extends Disposable {
  watcher: Watcher;
  files: Files;
  dir: string;
}

/** Registers the tests that real and fake watchers have to pass. */
export function exerciseWatcher(name: string, make: () => Promise<WatcherUnderTest>): void {
  test(`${name}: sees a file that is made, written in place, replaced by a rename, removed and made again`, async () => {
    using under = await make();
    const { watcher, files, dir } = under;
    using changes = new Changes(watcher, dir);
    const steps: (() => void)[] = [
      () => append(files, `${dir}/a`, "made"),
      () => append(files, `${dir}/a`, "written in place"),
      () => files.writeText(`${dir}/a`, "replaced"),
      () => files.writeText(`${dir}/a`, "replaced once more"),
      () => files.rename(`${dir}/a`, `${dir}/b`),
      () => files.remove(`${dir}/b`),
      () => files.writeText(`${dir}/b`, "made again"),
      () => files.makeDir(`${dir}/folder`),
    ];
    for (const step of steps) {
      await changes.after(step);
      // What is left of this step must not count as the next one.
      await changes.settled(files);
    }
  });

  test(`${name}: a change that follows another one at once is told as well`, async () => {
    using under = await make();
    const { watcher, files, dir } = under;
    let sizeTold = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    using _watch = watcher.watch(dir, () => {
      sizeTold = files.info(`${dir}/a`)!.size;
      if (sizeTold === 20) resolve();
      else if (sizeTold < 20) append(files, `${dir}/a`, "-");
    });
    append(files, `${dir}/a`, "-");
    await promise;
  });

  test(`${name}: what was disposed is not called any more, though another watch of the same folder is`, async () => {
    using under = await make();
    const { watcher, files, dir } = under;
    using other = new Changes(watcher, dir);
    let calls = 0;
    const watch = watcher.watch(dir, () => calls++);
    watch[Symbol.dispose]();
    watch[Symbol.dispose]();
    await other.after(() => files.writeText(`${dir}/a`, "1"));
    await other.settled(files);
    assert.equal(calls, 0);
  });

  test(`${name}: a path with no folder is IO_NOT_FOUND`, async () => {
    using under = await make();
    const { watcher, files, dir } = under;
    files.writeText(`${dir}/file`, "");
    for (const path of [`${dir}/missing`, `${dir}/file`, `${dir}/file/below`]) {
      assert.throws(() => watcher.watch(path, () => {}), ioFailure("IO_NOT_FOUND"));
    }
  });
}

/** The changes of a folder. */
export class Changes implements Disposable {
  /** How many were told. */
  calls = 0;
  readonly #dir: string;
  readonly #watcher: Watcher;
  readonly #watch: Disposable;
  #waiter: () => void = () => {};

  constructor(watcher: Watcher, dir: string) {
    this.#watcher = watcher;
    this.#dir = dir;
    this.#watch = watcher.watch(dir, () => {
      this.calls++;
      this.#waiter();
    });
  }

  /** Does something and resolves when a change is told. */
  async after(step: () => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiter = resolve;
    step();
    await promise;
  }

  /** Resolves when all that has happened so far was told: changes of different folders are told in their order, and merged alike. */
  async settled(files: Files): Promise<void> {
    const aside = `${this.#dir}.aside`;
    files.makeDir(aside);
    using changes = new Changes(this.#watcher, aside);
    for (const text of ["merged with what it comes after", "told by itself"]) {
      await changes.after(() => files.writeText(`${aside}/mark`, text));
    }
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }
}

function append(files: Files, path: string, text: string): void {
  using file = files.openAppend(path);
  file.write(new TextEncoder().encode(text));
}
