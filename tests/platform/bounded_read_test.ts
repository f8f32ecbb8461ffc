/** Pipes, devices, and files that are larger than they say, which only a real system has. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readdirSync, readlinkSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import type { IoError } from "../../src/core/values/errors.ts";
import { getHost } from "../../src/platform/mod.ts";
import { ioFailure } from "../conformance/files.ts";
import { tempDir } from "../conformance/temp_dir.ts";
import { until } from "../until.ts";
import { test } from "../harness.ts";

/** A failure of this code whose message says so. */
const failsBy = (code: string, message: RegExp) => (error: unknown) => {
  ioFailure(code)(error);
  assert.match((error as IoError).message, message);
  return true;
};

function makePipe(path: string): string {
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  return path;
}

/** Opens a pipe for writing as soon as somebody reads it. */
async function writerOf(path: string): Promise<number> {
  let fd: number | undefined;
  await until(() => {
    try {
      fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      assert.equal((error as { code?: string }).code, "ENXIO");
    }
    return fd !== undefined;
  });
  return fd!;
}

/** The target of one of our descriptors. */
function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined; // it was closed meanwhile
  }
}

test("read: a file that is written over while it is read comes as one of its states, never as the beginning of one and the end of another", async () => {
  const { files } = await getHost();
  using dir = tempDir();
  const path = `${dir.path}/daemon.toml`;
  const states = ["a".repeat(1_000), "b".repeat(1_001), "c".repeat(70_000), "d".repeat(140_001)];
  writeFileSync(path, states[0]);
  const writer = spawn("sh", [
    "-c",
    `while :; do for each in 1000:a 1001:b 70000:c 140001:d; do
    head -c "\${each%:*}" /dev/zero | tr '\\0' "\${each#*:}" >"$0"; done; done`,
    path,
  ], { stdio: "ignore" });
  try {
    for (let reading = 0; reading < 500; reading++) {
      const text = new TextDecoder().decode((await files.read(path)).bytes);
      assert.equal(new Set(text).size <= 1, true, `${text.length} characters of ${[...new Set(text)].join("")}`);
    }
  } finally {
    writer.kill("SIGKILL");
    await once(writer, "exit");
  }
});

test("read: a pipe gives what is written into it late and in pieces, up to its end", async () => {
  const { files } = await getHost();
  using dir = tempDir();
  const path = makePipe(`${dir.path}/.env`);
  const reading = files.read(path);
  const writer = await writerOf(path);
  for (const piece of ["TOKEN=", "secret\n"]) writeSync(writer, piece);
  closeSync(writer);
  const { bytes, info } = await reading;
  assert.equal(new TextDecoder().decode(bytes), "TOKEN=secret\n");
  assert.equal(info.kind, "pipe");
});

test("read: a pipe that nobody writes into, and one that is never closed, end at the time limit and say which", async () => {
  const { files } = await getHost();
  using dir = tempDir();
  const path = makePipe(`${dir.path}/.env`);
  // On a busy machine a short time is over before the pipe was looked at: longer ones follow.
  let timeoutMs = 250;
  const tried = () =>
    files.read(path, { timeoutMs: timeoutMs *= 2 }).then(() => "read to its end", ({ code, message }) => `${code} ${message}`);
  await until(tried, { isRight: /^TIMEOUT .* as nobody has written into that pipe for \S+$/ });
  // A pipe keeps its bytes as long as one end of it is open.
  const keeper = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  timeoutMs = 250;
  const triedAgain = () => (writeSync(writer, "TOKEN="), tried());
  await until(triedAgain, { isRight: /^TIMEOUT .* not at its end after \S+: [1-9]\d* bytes have come/ });
  closeSync(keeper);
  closeSync(writer);
  // A try that was given up ends by itself.
  await until(() => readdirSync("/proc/self/fd").every((fd) => linkOf(fd) !== path));
});

test("read: who no longer wants a pipe gets out of the waiting at once", async () => {
  const { files } = await getHost();
  using dir = tempDir();
  const path = makePipe(`${dir.path}/.env`);
  const changed = new AbortController();
  const reading = files.read(path, { signal: changed.signal, timeoutMs: 600_000 });
  const writer = await writerOf(path);
  changed.abort("changed my mind");
  await assert.rejects(reading, (reason) => reason === "changed my mind");
  closeSync(writer);
  // A read that was begun ends by itself, and closes the file that it has opened.
  await until(() => readdirSync("/proc/self/fd").every((fd) => linkOf(fd) !== path));
});

test("read: what has no end is too large, and a huge file is refused before it is read", async () => {
  const { files } = await getHost();
  using dir = tempDir();
  await assert.rejects(files.read("/dev/zero", { maxBytes: 100_000 }), failsBy("IO_TOO_LARGE", /must have at most 100000 bytes/));
  const path = `${dir.path}/huge`;
  writeFileSync(path, "");
  truncateSync(path, 10_000_000_000);
  await assert.rejects(files.read(path), failsBy("IO_TOO_LARGE", /at most 16777216 bytes/));
});

test("read: devices and files of the kernel are read to their end", async () => {
  const { files } = await getHost();
  assert.equal((await files.read("/dev/null")).bytes.length, 0);
  assert.match(new TextDecoder().decode((await files.read("/proc/self/status")).bytes), /^Name:/);
});

test("read: a socket is refused by name", async () => {
  const { files, ipc } = await getHost();
  using dir = tempDir();
  using _listener = await ipc.listen(`${dir.path}/socket`, () => {});
  await assert.rejects(files.read(`${dir.path}/socket`), failsBy("IO_FAILED", /it is a socket/));
});
