import fs from "node:fs";
import { IoError } from "../core/values/errors.ts";
import type { ExitStatus } from "../core/values/exit_status.ts";
import { bun, type BunChild } from "./bun.ts";
import type { Libc } from "./bun_libc.ts";
import type { Launch, LaunchedDetached } from "./spawn.ts";
import { endingWith } from "./streams.ts";

/**
 * Launches by Bun.spawn: vfork, 0.1 ms, and the truth about real-time signals, which Bun's node:child_process reports as exit code 0.
 *
 * The pipes are our own, because what Bun calls a pipe is a socket, on which a child that opens `/dev/stdout` or `/dev/stderr` fails with
 * ENXIO, and because Bun reads a socket ahead without bound unless told to be lazy.
 */
export function createLaunchOnBun(libc: () => Libc): Launch {
  return ({ file, args, cwd, env, uid, gid }) => {
    const [readOut, writeOut] = openPipe(libc());
    let read: number[] = [readOut];
    let write: number[] = [writeOut];
    try {
      const [readErr, writeErr] = openPipe(libc());
      read = [readOut, readErr];
      write = [writeOut, writeErr];
      // Before the program is started, as who could not read of it would have to end it again.
      const [stdout, stderr] = read.map(streamOf);
      const child = bun.spawn([file, ...args], { cwd, env, uid, gid, detached: true, stdin: "ignore", stdout: writeOut, stderr: writeErr });
      return { pid: child.pid, stdout, stderr, exited: child.exited.then(() => toExitStatus(child)) };
    } catch (error) {
      for (const fd of read) fs.closeSync(fd);
      throw error;
    } finally {
      // The child has its own copies; ours would keep the streams from ending.
      for (const fd of write) fs.closeSync(fd);
    }
  };
}

/** Launches what is to live on by itself. */
export const launchDetachedOnBun: Launch<LaunchedDetached> = ({ file, args, cwd, env, uid, gid }) => {
  const child = bun.spawn([file, ...args], { cwd, env, uid, gid, detached: true, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  child.unref();
  return { pid: child.pid, exited: child.exited.then(() => toExitStatus(child)) };
};

function openPipe(libc: Libc): readonly [number, number] {
  const ends = libc.pipe();
  if (ends === undefined) throw new IoError("IO_NO_RESOURCES", "Cannot start a program as too many files are open");
  return ends;
}

/** Bun reads from a copy of the descriptor, a little ahead; the descriptor itself is ours to close. */
function streamOf(fd: number): ReadableStream<Uint8Array> {
  return endingWith(bun.file(fd).stream(), () => fs.closeSync(fd));
}

function toExitStatus({ exitCode, signalCode }: BunChild): ExitStatus {
  if (signalCode === null) return { code: exitCode, signal: null };
  return { code: null, signal: typeof signalCode === "number" ? `SIG${signalCode}` : signalCode };
}
