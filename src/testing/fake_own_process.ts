import type { OwnProcess, ProcessUsage } from "../core/ports/own_process.ts";
import { DaemonError } from "../core/values/errors.ts";

/** Thrown by {@linkcode FakeOwnProcess.exit}, which must not return. */
export class FakeExit extends Error {
  /** The code given. */
  readonly code: number;

  /** Created for a code. */
  constructor(code: number) {
    super(`the process was ended with code ${code}`);
    this.name = "FakeExit";
    this.code = code;
  }
}

/** A process whose effects are recorded; a part of {@linkcode FakeHost}. */
export class FakeOwnProcess implements OwnProcess {
  /** Command line arguments. */
  readonly args: readonly string[];
  /** Argv that would start it again. */
  readonly command: readonly string[] = ["/usr/bin/fake"];
  /** The code it would end with by itself, undefined when nobody has set one. */
  exitCode: number | undefined;
  /** The code of a forced end, undefined when nobody has forced one. */
  exitedWith: number | undefined;
  /** How many hold it alive. */
  holds = 0;
  /** Resources that {@linkcode FakeOwnProcess.overstay} names as holding it alive. */
  heldBy: readonly string[] = [];
  /** Delays of those who wait for it to overstay. */
  readonly overstays: { delayMs: number; fn: (heldBy: readonly string[]) => void }[] = [];
  #cwd = "/";
  #label: string | undefined;
  readonly #owners = new Map<string, string>();
  readonly #uncaught = new Set<(error: unknown, owner: string | undefined) => void>();

  /** Created with command line arguments. */
  constructor(args: readonly string[] = []) {
    this.args = args;
  }

  /** Takes ownership. */
  claim(owner: string, thing: string = "this process"): Disposable {
    const other = this.#owners.get(thing);
    if (other !== undefined) throw new DaemonError("RUNTIME_STATE", `Cannot let "${owner}" own ${thing} as "${other}" owns it`);
    this.#owners.set(thing, owner);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#owners.delete(thing);
        isHeld = false;
      },
    };
  }

  /** Name of the current owner. */
  get owner(): string | undefined {
    return this.#owners.get("this process");
  }

  /** The label of the code that runs now. */
  label(): string | undefined {
    return this.#label;
  }

  /** Waits for {@linkcode FakeOwnProcess.overstay}. */
  onOverstay(delayMs: number, fn: (heldBy: readonly string[]) => void): void {
    this.overstays.push({ delayMs, fn });
  }

  /** Lets the process still be there when all who wait for that have waited long enough. */
  overstay(): void {
    for (const { fn } of this.overstays.splice(0)) if (this.owner === undefined) fn(this.heldBy);
  }

  /** Current working folder. */
  cwd(): string {
    return this.#cwd;
  }

  /** Changes the working folder. */
  chdir(path: string): void {
    this.#cwd = path;
  }

  /** Records the code. */
  setExitCode(code: number): void {
    this.exitCode = code;
  }

  /** Records the code and throws {@linkcode FakeExit}. */
  exit(code: number): never {
    this.exitedWith = code;
    throw new FakeExit(code);
  }

  /** Counts. */
  hold(): Disposable {
    this.holds++;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.holds--;
        isHeld = false;
      },
    };
  }

  /** Registers a handler for {@linkcode FakeOwnProcess.emitUncaught}. */
  onUncaught(handler: (error: unknown, owner: string | undefined) => void): Disposable {
    this.#uncaught.add(handler);
    return { [Symbol.dispose]: () => void this.#uncaught.delete(handler) };
  }

  /** Runs `fn` under a label, which holds for its synchronous part only. */
  runAs<T>(owner: string | undefined, fn: () => T): T {
    const before = this.#label;
    this.#label = owner;
    try {
      return fn();
    } finally {
      this.#label = before;
    }
  }

  /** Throws an error at nobody; `owner` is the label of the moment unless given. False when nobody listens. */
  emitUncaught(error: unknown, owner: string | undefined = this.#label): boolean {
    for (const handler of this.#uncaught) handler(error, owner);
    return this.#uncaught.size > 0;
  }

  /** A round number. */
  residentBytes(): number {
    return 50_000_000;
  }

  /** Round numbers. */
  usage(): ProcessUsage {
    return { residentBytes: 50_000_000, cpuSeconds: 1.5, openFiles: 12, startSeconds: 1_000 };
  }
}
