import fs from "node:fs";
import process from "node:process";
import type { Host } from "../core/ports/host.ts";
import { bun } from "./bun.ts";
import { type Libc, loadLibc, loadLibcCallsOnBun } from "./bun_libc.ts";
import type { LockableFile } from "./files.ts";
import { createHost } from "./host.ts";
import { httpOnBun } from "./http_bun.ts";
import { modulesOnBun } from "./modules_bun.ts";
import { createLaunchOnBun, launchDetachedOnBun } from "./spawn_bun.ts";

/** Where the files of a compiled program lie inside itself. */
const INSIDE_EXECUTABLE = "/$bunfs/";

/** The host of a program that runs under Bun, or was compiled by it. */
export function createBunHost(): Host {
  let loaded: Libc | undefined;
  const libc = () => loaded ??= loadLibc();
  return createHost({
    runtime: `bun ${bun.version}`,
    ownProcess: {
      args: process.argv.slice(2),
      command: bun.main.startsWith(INSIDE_EXECUTABLE) ? [process.execPath] : [process.execPath, bun.main],
      activeResources,
    },
    // By ioctl, because node:tty costs 6 ms.
    terminal: {
      isTerminal: (fd) => libc().isTerminal(fd),
      columns: () => libc().windowSize(1).columns,
      rows: () => libc().windowSize(1).rows,
      write: (fd, bytes) => fs.writeSync(fd, bytes),
      writeAside: (fd, bytes) =>
        new Promise((resolve, reject) => fs.write(fd, bytes, (error, count) => error === null ? resolve(count) : reject(error))),
    },
    launcher: { launch: createLaunchOnBun(libc), launchDetached: launchDetachedOnBun, libcCalls: loadLibcCallsOnBun },
    http: httpOnBun,
    modules: modulesOnBun,
    openLockable: (path) => openLockable(path, libc),
    tryWatch: () => {},
  });
}

/** Lists objects that the engine protects from collection because something outside will call back; an unref'd timer counts too. */
function activeResources(): string[] {
  const { heapStats } = process.getBuiltinModule("bun:jsc") as unknown as {
    heapStats(): { protectedObjectTypeCounts: Readonly<Record<string, number>> };
  };
  const kinds = /^(?:Debug)?(Timeout|Listener|HTTPS?Server|\w*Socket|Subprocess|Worker)$/;
  return Object.entries(heapStats().protectedObjectTypeCounts).flatMap(([type, count]) => {
    const kind = kinds.exec(type)?.[1];
    return kind === undefined ? [] : Array<string>(count).fill(kind);
  });
}

function openLockable(path: string, libc: () => Libc): LockableFile {
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  let isOpen = true;
  return {
    tryLock: () => libc().lock(fd),
    inode: fs.fstatSync(fd).ino,
    write(text) {
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at, bytes.length - at, at);
      fs.ftruncateSync(fd, bytes.length);
    },
    [Symbol.dispose]() {
      if (isOpen) fs.closeSync(fd);
      isOpen = false;
    },
  };
}
