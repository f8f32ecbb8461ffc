import fs from "node:fs";
import type { Terminal } from "../core/host.ts";

/** What each runtime knows in its own way about the terminal. */
export interface TerminalFacts {
  /** Whether the descriptor is a terminal; only asked for character devices. */
  isTerminal(fd: 1 | 2): boolean;
  /** Width of the terminal in characters; undefined when it does not say. */
  columns(): number | undefined;
  /** Its height in lines; undefined when it does not say. */
  rows(): number | undefined;
  /** Writes some bytes, at least one, and returns how many; throws with a code when it can't. */
  write(fd: 1 | 2, bytes: Uint8Array): number;
}

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
const WAIT_FOR_READER_MS = 1;

/** `process.stdout` is never touched: on Bun it costs 11 ms and 7 MB, and loses what lies beyond 64 KB of a pipe when the process exits. */
export function createTerminal(facts: TerminalFacts): Terminal {
  const isTerminal = (fd: 1 | 2): boolean => {
    try {
      return fs.fstatSync(fd).isCharacterDevice() && facts.isTerminal(fd);
    } catch {
      return false; // closed
    }
  };
  return {
    isTerminal,
    columns: () => (isTerminal(1) ? facts.columns() : undefined) || DEFAULT_COLUMNS,
    rows: () => (isTerminal(1) ? facts.rows() : undefined) || DEFAULT_ROWS,
    write: (fd, text) => writeWhole(new TextEncoder().encode(text), (bytes) => facts.write(fd, bytes)),
  };
}

/** SIGPIPE is ignored by both runtimes, so that a reader who went away shows as EPIPE. */
function writeWhole(bytes: Uint8Array, write: (bytes: Uint8Array) => number): boolean {
  for (let at = 0; at < bytes.length;) {
    try {
      at += write(bytes.subarray(at));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EINTR") continue;
      if (code !== "EAGAIN") return false;
      // Another process has made the pipe that we share non-blocking, and it is full.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_FOR_READER_MS);
    }
  }
  return true;
}
