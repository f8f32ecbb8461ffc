import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { endianness } from "node:os";
import process from "node:process";
import { createSockets, parseListening } from "../../src/platform/sockets.ts";
import { tempDir } from "../conformance/temp_dir.ts";
import { test } from "../harness.ts";

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

/** Bytes as /proc writes an address: words of 32 bits in the order of this machine. */
function words(bytes: readonly number[]): string {
  const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, "0");
  const all = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.slice(index * 4, index * 4 + 4));
  return all.flatMap((word) => (endianness() === "LE" ? word.toReversed() : word).map(hex)).join("");
}

/** A line of /proc/net/tcp: state 0A is a listener's. */
function line(address: readonly number[], port: number, { state = "0A", uid = 0, inode = 1 } = {}): string {
  const portText = port.toString(16).toUpperCase().padStart(4, "0");
  const far = "0".repeat(address.length * 2);
  return `   0: ${
    words(address)
  }:${portText} ${far}:0000 ${state} 00000000:00000000 00:00000000 00000000 ${uid}        0 ${inode} 1 00 100 0\n`;
}

const V4 = (...bytes: number[]) => bytes;
const V6 = (...last: number[]) => [...Array(16 - last.length).fill(0), ...last];

test("parseListening: an address comes as a URL has it, whatever its family, and an IPv4 address in its own form", () => {
  const cases: [readonly number[], string][] = [
    [V4(127, 0, 0, 1), "127.0.0.1"],
    [V4(0, 0, 0, 0), "0.0.0.0"],
    [V4(10, 1, 2, 200), "10.1.2.200"],
    [V6(), "::"],
    [V6(1), "::1"],
    [V6(0xff, 0xff, 127, 0, 0, 1), "127.0.0.1"],
    [V6(0xff, 0xff, 0, 0, 0, 0), "0.0.0.0"],
    [[0x20, 0x01, 0x0d, 0xb8, ...V6(0xab, 7).slice(4)], "2001:db8::ab07"],
    [[0xfe, 0x80, ...V6(0x12, 0x34, 0, 1).slice(2)], "fe80::1234:1"],
  ];
  for (const [bytes, hostname] of cases) {
    assert.deepEqual(parseListening(HEAD + line(bytes, 8080, { uid: 33, inode: 4_242 }), new Set([8080])), [
      { hostname, port: 8080, inode: 4_242, uid: 33 },
    ]);
  }
});

test("parseListening: only listeners on the ports that were asked for count", () => {
  const text = HEAD + line(V4(127, 0, 0, 1), 80, { inode: 1 }) + line(V4(127, 0, 0, 1), 80, { state: "01", inode: 2 }) +
    line(V4(127, 0, 0, 1), 81, { inode: 3 }) + line(V4(127, 0, 0, 2), 80, { inode: 4 }) + line(V4(127, 0, 0, 1), 65_535, { inode: 5 });
  const inodes = (...ports: number[]) => parseListening(text, new Set(ports)).map(({ inode }) => inode);
  assert.deepEqual([inodes(80), inodes(81, 65_535), inodes(82), inodes()], [[1, 4], [3, 5], [], []]);
  assert.deepEqual(parseListening("", new Set([80])), []);
  assert.deepEqual(parseListening(HEAD, new Set([80])), []);
});

/** A folder like /proc, with a listener on port 80 whose number is 7. */
function procFolder() {
  const dir = tempDir();
  mkdirSync(`${dir.path}/net`);
  writeFileSync(`${dir.path}/net/tcp`, HEAD + line(V4(0, 0, 0, 0), 80, { inode: 7 }));
  const add = (pid: number, targets: readonly string[], name?: string) => {
    mkdirSync(`${dir.path}/${pid}/fd`, { recursive: true });
    for (const [fd, target] of targets.entries()) symlinkSync(target, `${dir.path}/${pid}/fd/${fd}`);
    if (name !== undefined) writeFileSync(`${dir.path}/${pid}/comm`, `${name}\n`);
  };
  return { add, path: dir.path, sockets: createSockets({ proc: dir.path }), [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

const onLinux = process.platform === "linux";

if (onLinux) {
  test("Sockets: one table is enough, and without any it is unknown who listens", () => {
    using proc = procFolder();
    assert.deepEqual(proc.sockets.listening(new Set([80])), [{ hostname: "0.0.0.0", port: 80, inode: 7, uid: 0 }]);
    writeFileSync(`${proc.path}/net/tcp6`, HEAD + line(V6(), 80, { inode: 8 }));
    assert.deepEqual(proc.sockets.listening(new Set([80]))!.map(({ inode }) => inode), [7, 8]);
    assert.equal(createSockets({ proc: `${proc.path}/nothing` }).listening(new Set([80])), undefined);
  });

  test("Sockets: every process that holds a socket is found, by whatever number and name", () => {
    using proc = procFolder();
    proc.add(10, ["/dev/null", "socket:[7]", "socket:[7]"], "web server) é");
    proc.add(11, ["socket:[7]"]);
    proc.add(12, ["socket:[77]", "pipe:[7]", "anon_inode:[eventpoll]", "/tmp/socket:[7]"], "other");
    proc.add(13, []);
    const { found, unseen } = proc.sockets.holders(new Set([7]));
    assert.deepEqual(found.sort((a, b) => a.pid - b.pid), [
      { inode: 7, pid: 10, name: "web server) é" },
      { inode: 7, pid: 11, name: "" },
    ]);
    assert.deepEqual(unseen, []);
    assert.deepEqual(proc.sockets.holders(new Set([7]), [11, 12, 99]).found.map(({ pid }) => pid), [11]);
  });

  test("Sockets: a process whose files can't be looked at is unseen, one that has ended is not", () => {
    using proc = procFolder();
    mkdirSync(`${proc.path}/20`);
    // As root everything may be read, so that another failure stands for the one of rights.
    symlinkSync("fd", `${proc.path}/20/fd`);
    assert.deepEqual(proc.sockets.holders(new Set([7]), [20, 21]), { found: [], unseen: [20] });
  });

  test("Sockets: of a process with very many files not all are looked at, and it is unseen unless one of the first is the one", () => {
    using proc = procFolder();
    const sockets = createSockets({ proc: proc.path, maxFiles: 3 });
    proc.add(30, ["/dev/null", "/dev/null", "socket:[7]"]);
    proc.add(31, Array(3).fill("/dev/null"));
    proc.add(32, Array(4).fill("/dev/null"));
    proc.add(33, Array(4).fill("socket:[7]"));
    const { found, unseen } = sockets.holders(new Set([7]));
    assert.deepEqual([found.map(({ pid }) => pid).sort(), unseen], [[30, 33], [32]]);
  });

  test("Sockets: without a process table nobody can be looked for, which fails with the reason", () => {
    using proc = procFolder();
    assert.throws(() => createSockets({ proc: `${proc.path}/nothing` }).holders(new Set([7])), { code: "IO_NOT_FOUND" });
  });
}
