import process from "node:process";
import type { Clock } from "../core/ports/clock.ts";
import { IoError } from "../core/values/errors.ts";
import { type ProcessTable, readProc } from "./process_table.ts";

/** Options of {@linkcode LostPrograms}. */
export interface LostProgramsOptions {
  /** Lists the processes. */
  table: Pick<ProcessTable, "census">;
  /** Times another look where one could not be taken. */
  clock: Clock;
  /** Children that somebody waits for. */
  isAwaited: (pid: number) => boolean;
  /** Kills a process and its group. */
  kill: (pid: number) => void;
}

const LOOK_AGAIN_MS = 1_000;

/**
 * Ends programs whose launch has failed after they had been started: a runtime that gets no memory, or no file, for its side of the child
 * throws as if there were none.
 *
 * - They are known by the marks that they were started with; another child of the same runs must not be launched meanwhile.
 * - All launches that fail in one turn of the loop share one look at the processes.
 */
export class LostPrograms {
  readonly #options: LostProgramsOptions;
  #wanted: string[][] = [];
  #look: Promise<void> | undefined;

  /** Creates it; nothing is lost yet. */
  constructor(options: LostProgramsOptions) {
    this.#options = options;
  }

  /** Ends the program with these marks if there is one; resolves when it was looked for. */
  end(marks: Readonly<Record<string, string>>): Promise<void> {
    this.#wanted.push(Object.entries(marks).map(([name, value]) => `${name}=${value}`));
    return this.#look ??= Promise.resolve().then(() => this.#endAll());
  }

  #endAll(): void {
    this.#look = undefined;
    const { table, clock, isAwaited, kill } = this.#options;
    try {
      const own = table.census([]).filter(({ identity: { pid }, parent, isZombie }) =>
        parent === process.pid && !isZombie && !isAwaited(pid)
      );
      for (const { identity: { pid } } of own) {
        const env = new Set(readProc(`${pid}/environ`)?.split("\0"));
        if (this.#wanted.some((marks) => marks.every((mark) => env.has(mark)))) kill(pid);
      }
      this.#wanted = [];
    } catch (error) {
      if (!(error instanceof IoError && error.code === "IO_NO_RESOURCES")) throw error;
      clock.schedule(LOOK_AGAIN_MS, () => this.#look ??= Promise.resolve().then(() => this.#endAll()));
    }
  }
}
