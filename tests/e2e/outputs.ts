import { spawn, spawnSync } from "node:child_process";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import type { Stage, Subject } from "./driver.ts";
import { until } from "../until.ts";

/** A pipe that a program writes to, and that the test reads when it likes. */
export interface Output extends Disposable {
  /** The path under which a program opens it. */
  readonly path: string;
  /** Everything that was read so far. */
  text(): string;
  /** Reads on until it matches. */
  until(pattern: RegExp): Promise<void>;
  /** Writes as who sits at the terminal, or into the pipe. */
  type(text: string): void;
}

/** A pipe of which nothing is read until the test does. */
export function pipeOutput(stage: Stage): Output {
  const path = join(stage.folder, "output.fifo");
  if (spawnSync("mkfifo", [path]).status !== 0) throw new Error(`Cannot make a pipe at ${path}`);
  return outputOf(path, openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
}

const LINUX_TIOCGPTN = 0x80045430;
const LINUX_TIOCSPTLCK = 0x40045431;

/** A terminal whose other side is the test's: disposing it is what closing its window is. Linux only. */
export function terminalOutput(): Output {
  const master = openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  const value = new Int32Array(1);
  using libc = loadLibc();
  libc.ioctl(master, LINUX_TIOCSPTLCK, value);
  libc.ioctl(master, LINUX_TIOCGPTN, value);
  return outputOf(`/dev/pts/${value[0]}`, master);
}

interface Libc extends Disposable {
  ioctl(fd: number, request: number, value: Int32Array<ArrayBuffer>): void;
}

interface Library<Request> {
  symbols: { ioctl(fd: number, request: Request, value: Int32Array): number };
  close(): void;
}

/** The C library, by whichever of the two runtimes runs the test. */
function loadLibc(): Libc {
  const { Deno } = globalThis as unknown as { Deno?: { dlopen(path: string, symbols: unknown): Library<bigint> } };
  if (Deno !== undefined) {
    const library = Deno.dlopen("libc.so.6", { ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" } });
    return {
      ioctl: (fd, request, value) => void library.symbols.ioctl(fd, BigInt(request), value),
      [Symbol.dispose]: () => library.close(),
    };
  }
  const ffi = process.getBuiltinModule("bun:ffi") as unknown as { dlopen(path: string, symbols: unknown): Library<number> };
  const library = ffi.dlopen("libc.so.6", { ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" } });
  return { ioctl: (fd, request, value) => void library.symbols.ioctl(fd, request, value), [Symbol.dispose]: () => library.close() };
}

function outputOf(path: string, fd: number): Output {
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(65_536);
  let text = "";
  let isOpen = true;
  const read = () => {
    for (;;) {
      try {
        const count = readSync(fd, bytes);
        if (count === 0) return;
        text += decoder.decode(bytes.subarray(0, count), { stream: true });
      } catch (error) {
        // Nothing there now; or, of a terminal, nobody who has it open.
        if (["EAGAIN", "EIO"].includes((error as { code: string }).code)) return;
        throw error;
      }
    }
  };
  return {
    path,
    text: () => text,
    async until(pattern) {
      await until(() => (read(), text), { isRight: pattern });
    },
    type: (typed) => void writeSync(fd, typed),
    [Symbol.dispose]() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

/** A program whose stdin, stdout and stderr are an output of the test. */
export interface Attached {
  /** Process number. */
  readonly pid: number;
  /** Its exit code, or 128 + n when signal n ended it. */
  readonly ended: Promise<number>;
}

/** Starts a command line on an output, as leader of a session whose terminal that is, if it is one. */
export function startOn(stage: Stage, subject: Subject, output: Output, ...args: string[]): Attached {
  const argv = [...subject.argv(dirname(stage.folder)), ...args];
  const child = spawn("sh", ["-c", `exec "$@" <"$0" >"$0" 2>&1`, output.path, ...argv], {
    cwd: stage.folder,
    env: stage.env,
    stdio: "ignore",
    detached: true,
  });
  const NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
  return {
    pid: child.pid!,
    ended: new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code, signal) => resolve(code ?? 128 + NUMBERS[signal!]));
    }),
  };
}
