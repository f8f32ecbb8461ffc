import process from "node:process";
import { IoError, messageOf } from "../core/values/errors.ts";
import { libcNames } from "./libc_names.ts";
import { LIBC_SYMBOLS, type LibcCalls, libcCalls, LIST_SYMBOLS, type RawLibcCalls } from "./libc_calls.ts";

/** The calls of the C library that Bun has no interface for. */
export interface Libc {
  /** A pipe as [read end, write end], both closed in children; undefined when the system has no more. */
  pipe(): readonly [number, number] | undefined;
  /** flock(LOCK_EX | LOCK_NB): false when another open file holds the lock. */
  lock(fd: number): boolean;
  /** Whether the descriptor is a terminal. */
  isTerminal(fd: number): boolean;
  /** Size of a terminal in characters, 0 where it does not say. */
  windowSize(fd: number): { columns: number; rows: number };
}

interface Ffi {
  dlopen(
    path: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): { symbols: Record<string, (...args: unknown[]) => number>; close(): void };
}

const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
const LINUX_CLOEXEC = 0o2000000;
const LINUX_TIOCGWINSZ = 0x5413;

/** Loads the C library: 0.4 ms and 1 MB, so only where something is locked or spawned. */
export function loadLibc(): Libc {
  const ffi = process.getBuiltinModule("bun:ffi") as unknown as Ffi;
  const isLinux = process.platform === "linux";
  const { symbols: call } = open(ffi, libcNames(), {
    ...(isLinux ? { pipe2: { args: ["ptr", "i32"], returns: "i32" } } : { pipe: { args: ["ptr"], returns: "i32" } }),
    flock: { args: ["i32", "i32"], returns: "i32" },
    isatty: { args: ["i32"], returns: "i32" },
    ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  });
  return {
    pipe() {
      const ends = new Int32Array(2);
      // Elsewhere than on Linux Bun itself closes everything in children.
      const answer = isLinux ? call.pipe2(ends, LINUX_CLOEXEC) : call.pipe(ends);
      return answer === 0 ? [ends[0], ends[1]] : undefined;
    },
    lock(fd) {
      // The error number can't be read reliably across the call; a file system without locks already refuses to unlock.
      if (call.flock(fd, LOCK_UN) !== 0) {
        throw new IoError("IO_FAILED", "Cannot lock as the file system knows no locks", { context: { fd } });
      }
      return call.flock(fd, LOCK_EX | LOCK_NB) === 0;
    },
    isTerminal: (fd) => call.isatty(fd) === 1,
    windowSize(fd) {
      const size = new Uint16Array(4); // rows, columns, and two that nobody sets
      if (isLinux) call.ioctl(fd, LINUX_TIOCGWINSZ, size);
      return { columns: size[1], rows: size[0] };
    },
  };
}

/** Loads the calls that Bun itself has no interface for, or says why not. */
export function loadLibcCallsOnBun(): LibcCalls | string {
  if (process.platform !== "linux") return "the system has no such thing";
  const ffi = process.getBuiltinModule("bun:ffi") as unknown as Ffi;
  try {
    const [plain, list] = [LIBC_SYMBOLS, LIST_SYMBOLS].map((symbols) =>
      open(
        ffi,
        libcNames(),
        Object.fromEntries(
          Object.entries(symbols).map(([name, { parameters, result }]) => [
            name,
            { args: parameters.map((type: string) => type === "buffer" ? "ptr" : type), returns: result },
          ]),
        ),
      )
    );
    return libcCalls({ plain: plain.symbols, list: list.symbols } as unknown as RawLibcCalls, () => {
      plain.close();
      list.close();
    });
  } catch (error) {
    return messageOf(error);
  }
}

function open(
  ffi: Ffi,
  paths: string[],
  symbols: Record<string, { args: string[]; returns: string }>,
): ReturnType<Ffi["dlopen"]> {
  let last: unknown;
  for (const path of paths) {
    try {
      return ffi.dlopen(path, symbols);
    } catch (error) {
      last = error;
    }
  }
  throw new IoError("UNSUPPORTED", `Cannot call the C library as none of these can be loaded: ${paths.join(", ")}`, { cause: last });
}
