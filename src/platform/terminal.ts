import fs from "node:fs";
import { type Clock, sleep } from "../core/ports/clock.ts";
import type { Terminal } from "../core/ports/terminal.ts";
import type { LibcCalls } from "./libc_calls.ts";
import { PacedOutput } from "../core/wire/paced_output.ts";

/** Facts about the terminal that each runtime gets in its own way. */
export interface TerminalFacts {
  /** Whether the descriptor is a terminal; only asked for character devices. */
  isTerminal(fd: 1 | 2): boolean;
  /** Width of the terminal in characters; undefined when it does not say. */
  columns(): number | undefined;
  /** Its height in lines; undefined when it does not say. */
  rows(): number | undefined;
  /** Writes some bytes, at least one, and returns how many; throws with a code when it can't. */
  write(fd: 1 | 2, bytes: Uint8Array): number;
  /** Likewise on another thread, so that only that one waits; it does not keep the process from exiting. */
  writeAside(fd: 1 | 2, bytes: Uint8Array): Promise<number>;
}

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
const WAIT_FOR_READER_MS = 1;
const LOOK_AGAIN_MS = 10;
/** Errors of a write that nobody reads any more: a closed pipe, a terminal that is gone, a descriptor that was never open. */
const GONE = ["EPIPE", "EIO", "EBADF", "ECONNRESET"];

/** `process.stdout` is never touched: on Bun it costs 11 ms and 7 MB, and loses what lies beyond 64 KB of a pipe when the process exits. */
export function createTerminal(facts: TerminalFacts, clock: Clock, libcCalls: () => LibcCalls | string): Terminal {
  let outputs: Readonly<Record<1 | 2, PacedOutput>> | undefined;
  const isTerminal = (fd: 1 | 2): boolean => {
    try {
      return fs.fstatSync(fd).isCharacterDevice() && facts.isTerminal(fd);
    } catch {
      return false; // closed
    }
  };
  // Somebody at the other end decides when a write returns.
  const isForeign = (fd: 1 | 2): boolean => {
    try {
      const stats = fs.fstatSync(fd);
      return stats.isFIFO() || stats.isSocket() || isTerminal(fd);
    } catch {
      return false; // closed
    }
  };
  const open = (fd: 1 | 2) =>
    new PacedOutput({
      clock,
      isGone: (error) => GONE.includes(codeOf(error)),
      write: isForeign(fd)
        ? (bytes) => writeAside(bytes, (bytes) => facts.writeAside(fd, bytes), clock)
        : (bytes) => facts.write(fd, bytes),
    });
  const openBoth = () => {
    const stdout = open(1);
    return { 1: stdout, 2: isForeign(1) && isSame() ? stdout : open(2) };
  };
  const post: Terminal["post"] = (fd, text, options) => (outputs ??= openBoth())[fd].post(text, options);
  return {
    isTerminal,
    canHangUp,
    keepWriting() {
      const calls = isTerminal(1) || isTerminal(2) ? libcCalls() : "there is no terminal";
      if (typeof calls === "string") return { [Symbol.dispose]() {} };
      calls.keepWriting(true);
      return {
        [Symbol.dispose]() {
          calls.keepWriting(false);
          calls[Symbol.dispose]();
        },
      };
    },
    columns: () => (isTerminal(1) ? facts.columns() : undefined) || DEFAULT_COLUMNS,
    rows: () => (isTerminal(1) ? facts.rows() : undefined) || DEFAULT_ROWS,
    write: (fd, text) => {
      // A caller that posts may not wait: neither behind earlier posts, nor for the room that they have left.
      if (outputs !== undefined) return post(fd, text);
      return writeWhole(new TextEncoder().encode(text), (bytes) => facts.write(fd, bytes));
    },
    post,
    room: (fd) => outputs?.[fd].room(),
    isBusy: (fd) => outputs?.[fd].isBusy ?? false,
    async flush() {
      if (outputs === undefined) return true;
      const [first, second] = await Promise.all([outputs[1].flush(), outputs[2].flush()]);
      return first && second;
    },
  };
}

/** SIGHUP's place among the signals that the system says are ignored. */
const HANG_UP_BIT = 1;

function canHangUp(): boolean {
  try {
    const { O_NOCTTY, O_NONBLOCK, O_RDONLY } = fs.constants;
    fs.closeSync(fs.openSync("/dev/tty", O_RDONLY | O_NONBLOCK | O_NOCTTY));
  } catch {
    return false; // no controlling terminal, or one that is gone
  }
  try {
    const [, ignored] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(fs.readFileSync("/proc/self/status", "utf8")) ?? [];
    return (parseInt(ignored.slice(-1), 16) & HANG_UP_BIT) === 0;
  } catch {
    return true; // the system does not say
  }
}

/** Whether stdout and stderr are the same pipe, socket or terminal. */
function isSame(): boolean {
  try {
    const [stdout, stderr] = [fs.fstatSync(1), fs.fstatSync(2)];
    return stdout.dev === stderr.dev && stdout.ino === stderr.ino;
  } catch {
    return false; // closed
  }
}

/** SIGPIPE is ignored by both runtimes, so that a reader who went away shows as EPIPE. */
function writeWhole(bytes: Uint8Array, write: (bytes: Uint8Array) => number): boolean {
  for (let at = 0; at < bytes.length;) {
    try {
      at += write(bytes.subarray(at));
    } catch (error) {
      const code = codeOf(error);
      if (code === "EINTR") continue;
      if (code !== "EAGAIN") return false;
      // Another process has made the pipe that we share non-blocking, and it is full.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_FOR_READER_MS);
    }
  }
  return true;
}

/** As `writeWhole` treats these two failures, but without waiting on this thread. */
async function writeAside(bytes: Uint8Array, write: (bytes: Uint8Array) => Promise<number>, clock: Clock): Promise<number> {
  for (;;) {
    try {
      return await write(bytes);
    } catch (error) {
      const code = codeOf(error);
      if (code === "EAGAIN") await sleep(clock, LOOK_AGAIN_MS);
      else if (code !== "EINTR") throw error;
    }
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code);
}
