import type { Clock } from "../core/ports/clock.ts";
import { messageOf } from "../core/values/errors.ts";
import type { Files } from "../core/ports/files.ts";
import type { ProcessIdentity } from "../core/ports/processes.ts";
import type { Logger } from "../core/ports/log.ts";
import type { RunningProgram } from "../core/ports/continuity.ts";

/** Starts and ends within this time are written together: a thousand services that start at once are a few writes. */
const TOGETHER_MS = 5;

/** Options of {@linkcode GroupFile}. */
export interface GroupFileOptions {
  /** Path of the file. */
  path: string;
  /** The id of the daemon, for whoever reads the file without its configuration. */
  id: string;
  /** Writes the file. */
  files: Files;
  /** Times the writing. */
  clock: Clock;
  /** Told when the file can't be written. */
  log: Logger;
  /** Programs that it holds to begin with. */
  programs: readonly RunningProgram[];
}

/**
 * The file that says which programs run, for the daemon after this one: a program may overwrite its own environment, and with it the mark.
 *
 * It is written a moment after a change, and gone once nothing runs any more.
 */
export class GroupFile implements Disposable {
  readonly #options: GroupFileOptions;
  readonly #programs: Set<RunningProgram>;
  #timer: Disposable | undefined;
  #isWell = true;
  #isClosed = false;

  /** Begins with what the file held; it stays as it is until something changes. */
  constructor(options: GroupFileOptions) {
    this.#options = options;
    this.#programs = new Set(options.programs);
  }

  /** Adds a program until the result is disposed. */
  add(program: RunningProgram): Disposable {
    this.#programs.add(program);
    this.#writeSoon();
    return { [Symbol.dispose]: () => this.remove(program) };
  }

  /** Forgets a program. */
  remove(program: RunningProgram): void {
    if (this.#programs.delete(program)) this.#writeSoon();
  }

  /** Writes the file anew where somebody has removed it; true when it was, and false when it can't be. */
  restore(): boolean {
    const { path, files } = this.#options;
    if (this.#isClosed || this.#timer !== undefined || this.#programs.size === 0 || files.info(path) !== undefined) return false;
    this.#write();
    return this.#isWell;
  }

  /** Writes what is due, at once, and nothing after that: the file is the next daemon's. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    if (this.#timer === undefined) return;
    this.#timer[Symbol.dispose]();
    this.#write();
  }

  #writeSoon(): void {
    if (!this.#isClosed) this.#timer ??= this.#options.clock.schedule(TOGETHER_MS, () => this.#write());
  }

  #write(): void {
    this.#timer = undefined;
    const { path, id, files, log } = this.#options;
    try {
      if (this.#programs.size === 0) files.remove(path);
      else files.writeText(path, `${JSON.stringify({ v: 1, id, programs: [...this.#programs] })}\n`, { mustSync: false });
      this.#isWell = true;
    } catch (error) {
      // A full disk must not keep anybody from starting or stopping; the marks are found without this file.
      if (this.#isWell) log.warn("what runs could not be written down for the next start", { file: path, reason: messageOf(error) });
      this.#isWell = false;
    }
  }
}

/** Reads a group file; no programs when it is missing or damaged. */
export function readGroups(path: string, files: Files): { id: string | undefined; programs: RunningProgram[] } {
  if (files.info(path) === undefined) return { id: undefined, programs: [] };
  try {
    const { v, id, programs } = JSON.parse(files.readText(path)) as Record<string, unknown>;
    if (v !== 1 || typeof id !== "string" || !Array.isArray(programs)) return { id: undefined, programs: [] };
    return { id, programs: programs.filter(isProgram) };
  } catch {
    return { id: undefined, programs: [] };
  }
}

function isProgram(value: unknown): value is RunningProgram {
  const { unit, run, identity, command, uid } = (value ?? {}) as Record<string, unknown>;
  const { pid, startTicks, bootId } = (identity ?? {}) as Partial<Record<keyof ProcessIdentity, unknown>>;
  const isNumbered = [run, pid, startTicks].every((number) => Number.isSafeInteger(number));
  // Zero and one as a group would mean everybody.
  return typeof unit === "string" && typeof command === "string" && isNumbered && typeof bootId === "string" && (pid as number) > 1 &&
    (uid === undefined || Number.isSafeInteger(uid));
}
