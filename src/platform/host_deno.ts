import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Host } from "../core/ports/host.ts";
import { loadLibcCallsOnDeno } from "./deno_libc.ts";
import type { LockableFile } from "./files.ts";
import { createHost } from "./host.ts";
import { httpOnDeno } from "./http_deno.ts";
import { modulesOnDeno } from "./modules_deno.ts";
import { launchDetachedOnDeno, launchOnDeno } from "./spawn_deno.ts";

/** The host of a program that runs under Deno. */
export function createDenoHost(): Host {
  return createHost({
    runtime: `deno ${Deno.version.deno}`,
    ownProcess: { args: [...Deno.args], command: commandOf(), activeResources: () => process.getActiveResourcesInfo() },
    terminal: {
      isTerminal: (fd) => fd === 1 ? Deno.stdout.isTerminal() : Deno.stderr.isTerminal(),
      columns: () => Deno.consoleSize().columns,
      rows: () => Deno.consoleSize().rows,
      // Not by node:fs, which forgets what it has written when a full non-blocking pipe stops it, so that trying again writes it twice.
      write: (fd, bytes) => (fd === 1 ? Deno.stdout : Deno.stderr).writeSync(bytes),
      // Nor here, where it holds the loop.
      writeAside: (fd, bytes) => (fd === 1 ? Deno.stdout : Deno.stderr).write(bytes),
    },
    launcher: { launch: launchOnDeno, launchDetached: launchDetachedOnDeno, libcCalls: loadLibcCallsOnDeno },
    http: httpOnDeno,
    modules: modulesOnDeno,
    openLockable,
    // Its fs.watch emits what this throws.
    tryWatch: (folder) => Deno.watchFs(folder, { recursive: false }).close(),
  });
}

function commandOf(): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const entry = Deno.mainModule.startsWith("file:") ? fileURLToPath(Deno.mainModule) : Deno.mainModule;
  return [Deno.execPath(), "run", "-A", entry];
}

/** Deno's lock is flock(2), the same as on Bun. */
function openLockable(path: string): LockableFile {
  const file = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
  let isOpen = true;
  return {
    tryLock: () => file.tryLockSync(true),
    inode: file.statSync().ino ?? 0,
    write(text) {
      file.seekSync(0, Deno.SeekMode.Start);
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.truncateSync(bytes.length);
    },
    [Symbol.dispose]() {
      if (isOpen) file.close();
      isOpen = false;
    },
  };
}
