import assert from "node:assert/strict";
import { IoError } from "../../src/core/values/errors.ts";
import type { Files } from "../../src/core/ports/files.ts";
import { test } from "../harness.ts";

/** Files under test, and an empty folder for them. */
export interface FilesUnderTest extends Disposable {
  files: Files;
  dir: string;
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** Checks that a failure is an IoError with a code and the path. */
export const ioFailure = (code: string) => (error: unknown) => {
  assert.ok(error instanceof IoError, String(error));
  assert.equal(error.code, code, error.message);
  return true;
};

/** Registers the tests that real and fake files have to pass. */
export function exerciseFiles(name: string, make: () => Promise<FilesUnderTest>): void {
  test(`${name}: writeText replaces the whole text, sets the mode, and leaves no draft`, async () => {
    using under = await make();
    const { files, dir } = under;
    const path = `${dir}/state`;
    files.writeText(path, "a long first text");
    assert.equal(files.info(path)?.mode, 0o600);
    files.writeText(path, "written in passing", { mustSync: false });
    assert.equal(files.readText(path), "written in passing");
    files.writeText(path, "zwei ü", { mode: 0o664 });
    assert.equal(files.readText(path), "zwei ü");
    const { kind, size, mode } = files.info(path)!;
    assert.deepEqual({ kind, size, mode }, { kind: "file", size: 7, mode: 0o664 });
    assert.deepEqual(files.list(dir), ["state"]);
  });

  test(`${name}: read gives every byte with what it was read from, and refuses what is too large, missing or a folder`, async () => {
    using under = await make();
    const { files, dir } = under;
    const path = `${dir}/odd`;
    using file = files.openAppend(path);
    file.write(Uint8Array.of(0xff, 0, 0xe9, 10));
    for (const maxBytes of [undefined, 5, 4]) {
      const { bytes, info } = await files.read(path, { maxBytes });
      assert.deepEqual([...bytes], [0xff, 0, 0xe9, 10]);
      assert.deepEqual(info, files.info(path));
    }
    await assert.rejects(files.read(path, { maxBytes: 3 }), ioFailure("IO_TOO_LARGE"));
    await assert.rejects(files.read(`${dir}/missing`), ioFailure("IO_NOT_FOUND"));
    await assert.rejects(files.read(dir), ioFailure("IO_FAILED"));
    files.writeText(path, "");
    assert.equal((await files.read(path)).bytes.length, 0);
    await assert.rejects(files.read(path, { signal: AbortSignal.abort("changed my mind") }), (reason) => reason === "changed my mind");
  });

  test(`${name}: a write that can't be made leaves the old state and no draft`, async () => {
    using under = await make();
    const { files, dir } = under;
    assert.throws(() => files.writeText(`${dir}/missing/state`, "text"), ioFailure("IO_NOT_FOUND"));
    files.makeDir(`${dir}/folder`);
    assert.throws(() => files.writeText(`${dir}/folder`, "text"), ioFailure("IO_FAILED"));
    assert.deepEqual(files.list(dir), ["folder"]);
  });

  test(`${name}: what is not there is IO_NOT_FOUND, except where that is fine`, async () => {
    using under = await make();
    const { files, dir } = under;
    const path = `${dir}/missing`;
    for (const use of [() => files.readText(path), () => files.list(path), () => files.realPath(path)]) {
      assert.throws(use, (error) => ioFailure("IO_NOT_FOUND")(error) && (error as IoError).context?.path === path);
    }
    assert.throws(() => files.rename(path, `${dir}/other`), ioFailure("IO_NOT_FOUND"));
    assert.equal(files.info(path), undefined);
    files.remove(path);
  });

  test(`${name}: makeDir makes what is missing and keeps the mode of what is there`, async () => {
    using under = await make();
    const { files, dir } = under;
    files.makeDir(`${dir}/a/b`, { mode: 0o750 });
    assert.equal(files.info(`${dir}/a/b`)?.mode, 0o750);
    files.makeDir(`${dir}/a/b`, { mode: 0o777 });
    assert.equal(files.info(`${dir}/a/b`)?.mode, 0o750);
    assert.equal(files.info(`${dir}/a`)?.kind, "directory");
    files.makeDir(`${dir}/private`);
    assert.equal(files.info(`${dir}/private`)?.mode, 0o700);
    files.writeText(`${dir}/file`, "");
    assert.throws(() => files.makeDir(`${dir}/file`), ioFailure("IO_EXISTS"));
  });

  test(`${name}: list is sorted and names only what lies directly in the folder`, async () => {
    using under = await make();
    const { files, dir } = under;
    files.makeDir(`${dir}/b/deeper`);
    files.writeText(`${dir}/c`, "");
    files.writeText(`${dir}/a`, "");
    assert.deepEqual(files.list(dir), ["a", "b", "c"]);
    assert.equal(files.realPath(`${dir}/a`), `${dir}/a`);
  });

  test(`${name}: isWritable tells a file and a folder that are there from nothing`, async () => {
    using under = await make();
    const { files, dir } = under;
    files.writeText(`${dir}/a`, "");
    assert.deepEqual([dir, `${dir}/a`, `${dir}/none`].map((path) => files.isWritable(path)), [true, true, false]);
  });

  test(`${name}: remove and rename`, async () => {
    using under = await make();
    const { files, dir } = under;
    files.writeText(`${dir}/a`, "new");
    files.writeText(`${dir}/b`, "old");
    files.rename(`${dir}/a`, `${dir}/b`);
    assert.equal(files.readText(`${dir}/b`), "new");
    assert.equal(files.info(`${dir}/a`), undefined);
    files.remove(`${dir}/b`);
    assert.deepEqual(files.list(dir), []);
  });

  test(`${name}: openAppend adds to what is there, and refuses once it is closed`, async () => {
    using under = await make();
    const { files, dir } = under;
    const path = `${dir}/log`;
    {
      using file = files.openAppend(path);
      assert.equal(file.size, 0);
      file.write(bytes("one\n"));
      assert.equal(files.readText(path), "one\n");
    }
    assert.equal(files.info(path)?.mode, 0o600);
    const file = files.openAppend(path);
    assert.equal(file.size, 4);
    file.write(bytes("two\n"));
    file[Symbol.dispose]();
    file[Symbol.dispose]();
    assert.throws(() => file.write(bytes("three\n")), ioFailure("IO_FAILED"));
    assert.equal(file.inode, files.info(path)?.inode);
    files.rename(path, `${dir}/moved`);
    assert.equal(file.inode, files.info(`${dir}/moved`)?.inode);
    files.writeText(path, "one\ntwo\n");
    assert.notEqual(file.inode, files.info(path)?.inode);
    assert.equal(files.readText(path), "one\ntwo\n");
    assert.throws(() => files.openAppend(`${dir}/missing/log`), ioFailure("IO_NOT_FOUND"));
  });

  test(`${name}: a lock has one holder, tells readers what it likes, and leaves its file`, async () => {
    using under = await make();
    const { files, dir } = under;
    const path = `${dir}/lock`;
    const first = await files.lock(path);
    assert.ok(first);
    assert.equal(await files.lock(path), undefined);
    first.write("a long text");
    first.write("pid 1\n");
    assert.equal(files.readText(path), "pid 1\n");
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    assert.equal(files.readText(path), "pid 1\n");
    const second = await files.lock(path);
    assert.ok(second);
    first[Symbol.dispose](); // what was given back can't be given back for another
    assert.equal(await files.lock(path), undefined);
    second[Symbol.dispose]();
    await assert.rejects(files.lock(`${dir}/missing/lock`), ioFailure("IO_NOT_FOUND"));
  });
}
