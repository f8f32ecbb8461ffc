import assert from "node:assert/strict";
import { readdirSync, renameSync, rmdirSync, symlinkSync } from "node:fs";
import type { Files } from "../../src/core/ports/files.ts";
import type { Host } from "../../src/core/ports/host.ts";
import type { Watcher } from "../../src/core/ports/watcher.ts";
import { test } from "../harness.ts";
import { ioFailure } from "./files.ts";
import { tempDir } from "./temp_dir.ts";

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
      // Late events of this step must not count for the next one.
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
  /** Number of changes that were told. */
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

/** Registers the tests that every watcher of real folders has to pass. */
export function exerciseRealWatcher(name: string, makeHost: () => Promise<Host>): void {
  const watchUnderTest = async (): Promise<WatcherUnderTest> => {
    const [{ watcher, files, ownProcess }, temp] = [await makeHost(), tempDir()];
    const dir = `${temp.path}/watched`;
    files.makeDir(dir);
    // A watch does not keep the test alive.
    const hold = ownProcess.hold();
    const dispose = () => {
      hold[Symbol.dispose]();
      temp[Symbol.dispose]();
    };
    return { watcher, files, dir, [Symbol.dispose]: dispose };
  };
  exerciseWatcher(name, watchUnderTest);

  test(`${name}: sees the swap of a symbolic link, by which a mounted config map changes`, async () => {
    using under = await watchUnderTest();
    const { watcher, files, dir } = under;
    for (const version of ["..v1", "..v2"]) {
      files.makeDir(`${dir}/${version}`);
      files.writeText(`${dir}/${version}/daemon.toml`, version);
    }
    symlinkSync("..v1", `${dir}/..data`);
    symlinkSync("..data/daemon.toml", `${dir}/daemon.toml`);
    using changes = new Changes(watcher, dir);
    await changes.after(() => {
      symlinkSync("..v2", `${dir}/..data_tmp`);
      renameSync(`${dir}/..data_tmp`, `${dir}/..data`);
    });
    assert.equal(files.readText(`${dir}/daemon.toml`), "..v2");
  });

  test(`${name}: does not see what happens below a sub-folder`, async () => {
    using under = await watchUnderTest();
    const { watcher, files, dir } = under;
    files.makeDir(`${dir}/sub`);
    using changes = new Changes(watcher, dir);
    files.writeText(`${dir}/sub/a`, "");
    await changes.settled(files);
    assert.equal(changes.calls, 0);
  });

  for (const [how, lose] of [["removed", rmdirSync], ["moved", (path: string) => renameSync(path, `${path}.old`)]] as const) {
    test(`${name}: tells once that its folder was ${how}, and nothing of its successor`, async () => {
      using under = await watchUnderTest();
      const { watcher, files, dir } = under;
      using changes = new Changes(watcher, dir);
      await changes.after(() => lose(dir));
      await changes.settled(files);
      assert.equal(changes.calls, 1);
      files.makeDir(dir);
      files.writeText(`${dir}/a`, "");
      if (how === "moved") files.writeText(`${dir}.old/a`, "");
      await changes.settled(files);
      assert.equal(changes.calls, 1);
    });
  }

  test(`${name}: 200 watches leave no descriptor`, async () => {
    using under = await watchUnderTest();
    const { watcher, files, dir } = under;
    const count = () => readdirSync("/proc/self/fd").length;
    const cycle = async () => {
      using changes = new Changes(watcher, dir);
      await changes.after(() => files.writeText(`${dir}/a`, ""));
    };
    await cycle();
    const before = count();
    for (let round = 0; round < 200; round++) await cycle();
    assert.ok(count() <= before, `${count()} descriptors after ${before}`);
  });
}
