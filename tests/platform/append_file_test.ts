/** What only files of a real system do: pipes and devices. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, constants, lchownSync, openSync, readSync, symlinkSync } from "node:fs";
import process from "node:process";
import { ioFailure } from "../conformance/files.ts";
import { tempDir } from "../conformance/temp_dir.ts";
import { getHost } from "../../src/platform/mod.ts";
import { test } from "../harness.ts";

test("openAppend: a pipe that nobody reads is refused, one that is read gets everything, and a full one does not hold us", async () => {
  const { files } = await getHost();
  using dir = tempDir();
  const path = `${dir.path}/pipe`;
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  assert.throws(() => files.openAppend(path), (error) => ioFailure("IO_FAILED")(error) && /nobody reads/.test(String(error)));
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    using file = files.openAppend(path);
    file.write(new TextEncoder().encode("hello"));
    const bytes = new Uint8Array(10);
    assert.equal(new TextDecoder().decode(bytes.subarray(0, readSync(reader, bytes))), "hello");
    assert.throws(() => {
      for (;;) file.write(new Uint8Array(4_096));
    }, ioFailure("IO_NO_RESOURCES"));
  } finally {
    closeSync(reader);
  }
});

if (process.geteuid?.() === 0) {
  test("openAppend: root follows a link of its own, and none that a service's user has placed", async () => {
    const { files } = await getHost();
    using dir = tempDir();
    const [target, link] = [`${dir.path}/target`, `${dir.path}/link`];
    symlinkSync(target, link);
    files.openAppend(link)[Symbol.dispose]();
    assert.equal(files.info(target)?.kind, "file");
    files.remove(target);
    lchownSync(link, 1_000, 1_000);
    assert.throws(
      () => files.openAppend(link),
      (error) => ioFailure("IO_DENIED")(error) && /link that user 1000 has made/.test(String(error)),
    );
    assert.equal(files.info(target), undefined);
  });
}

test("openAppend: a device that is full says so", async () => {
  const { files } = await getHost();
  using file = files.openAppend("/dev/full");
  assert.throws(() => file.write(Uint8Array.of(1)), (error) => ioFailure("IO_NO_RESOURCES")(error) && /disk is full/.test(String(error)));
});

test("openAppend: a folder is refused by name", async () => {
  const { files } = await getHost();
  assert.throws(() => files.openAppend("/tmp"), (error) => ioFailure("IO_FAILED")(error) && /\/tmp as it is a folder/.test(String(error)));
});

test("info: a link itself is no folder, whatever it leads to", async () => {
  const { files } = await getHost();
  using dir = tempDir();
  symlinkSync(dir.path, `${dir.path}/link`);
  assert.equal(files.info(`${dir.path}/link`)?.kind, "directory");
  assert.equal(files.info(`${dir.path}/link`, { isLinkItself: true })?.kind, "other");
});
