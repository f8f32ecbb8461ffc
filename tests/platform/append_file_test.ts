/** Pipes and devices, which only a real system has. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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

  const USER = 65_534;
  const refusal = (path: string, why: RegExp) => async () => {
    const { files } = await getHost();
    const before = files.info(path);
    assert.throws(() => files.openAppend(path), (error) => ioFailure("IO_DENIED")(error) && why.test(String(error)), path);
    assert.match(files.whyUntrusted(path) ?? "", why);
    assert.deepEqual(files.info(path), before, "and nothing was made");
  };

  test("openAppend: root writes nowhere that a service's user could lead it to, and says so before it is tried", async () => {
    using dir = tempDir();
    const at = (name: string) => `${dir.path}/${name}`;
    const folder = (name: string, { uid = 0, mode = 0o755 } = {}) => {
      mkdirSync(at(name));
      chmodSync(at(name), mode);
      chownSync(at(name), uid, uid);
    };
    folder("target");
    writeFileSync(at("target/secret"), "secret");
    folder("open", { mode: 0o777 });
    folder("open/below");
    folder("theirs", { uid: USER });
    folder("theirs/sub", { uid: USER });
    folder("theirs/ours");
    symlinkSync(at("target"), at("theirs/link"));
    symlinkSync(at("target/new"), at("theirs/file-link"));
    lchownSync(at("theirs/file-link"), USER, USER);
    linkSync(at("target/secret"), at("theirs/hard"));
    symlinkSync(at("target"), at("their-link"));
    lchownSync(at("their-link"), USER, USER);
    symlinkSync(at("theirs"), at("our-link"));
    symlinkSync("loop", at("loop"));
    folder("sticky", { mode: 0o1777 });
    folder("sticky/theirs", { uid: USER });
    writeFileSync(at("sticky/read-by-them"), "");
    chownSync(at("sticky/read-by-them"), USER, USER);
    const rows: [name: string, why: RegExp][] = [
      ["open/x.log", /everybody may write to the folder .*open$/],
      ["open/below/x.log", /everybody may write to the folder .*open$/],
      ["theirs/sub/x.log", /the folder .*theirs belongs to user 65534/],
      ["theirs/ours/x.log", /the folder .*theirs belongs to user 65534/],
      ["theirs/none/yet/x.log", /the folder .*theirs belongs to user 65534/],
      ["theirs/link/x.log", /the folder .*theirs belongs to user 65534/],
      ["theirs/file-link", /is a link that user 65534 has made/],
      ["theirs/hard", /has another name elsewhere/],
      ["their-link/x.log", /is a link that user 65534 has made/],
      ["our-link/sub/x.log", /the folder .*theirs belongs to user 65534/],
      ["sticky/theirs/x.log", /sticky\/theirs belongs to user 65534/],
      ["sticky/read-by-them", /read-by-them belongs to user 65534/],
    ];
    for (const [name, why] of rows) await refusal(at(name), why)();
    assert.equal(readFileSync(at("target/secret"), "utf8"), "secret");
    const { files } = await getHost();
    assert.match(files.whyUntrusted(at("loop/x.log")) ?? "", /leads through too many links/);
  });

  test("openAppend: root writes where it always could: the folder of a service's user, links of its own, sticky folders, devices", async () => {
    const { files } = await getHost();
    using dir = tempDir();
    const at = (name: string) => `${dir.path}/${name}`;
    mkdirSync(at("app"));
    chownSync(at("app"), USER, USER);
    writeFileSync(at("app/old.log"), "");
    chownSync(at("app/old.log"), USER, USER);
    mkdirSync(at("sticky"));
    chmodSync(at("sticky"), 0o1777);
    mkdirSync(at("sticky/own"));
    mkdirSync(at("group"));
    chmodSync(at("group"), 0o775);
    chownSync(at("group"), 0, USER);
    mkdirSync(at("group/app"));
    symlinkSync("app/../group", at("our-link"));
    for (
      const name of [
        "app/new.log",
        "app/old.log",
        "sticky/x.log",
        "sticky/own/x.log",
        "group/x.log",
        "group/app/x.log",
        "our-link/app/y.log",
      ]
    ) {
      assert.equal(files.whyUntrusted(at(name)), undefined, name);
      for (let times = 0; times < 2; times++) files.openAppend(at(name))[Symbol.dispose]();
      assert.equal(files.info(at(name))?.kind, "file", name);
    }
    for (const path of ["/dev/null", "/dev/stdout"]) assert.equal(files.whyUntrusted(path), undefined);
    assert.throws(() => files.openAppend(at("none/x.log")), ioFailure("IO_NOT_FOUND"));
    files.openAppend("/dev/null")[Symbol.dispose]();
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
