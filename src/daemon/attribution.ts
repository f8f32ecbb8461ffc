import type { OwnProcess } from "../core/ports/own_process.ts";

/** Labels of the process, by which an error that nobody handles is charged to a unit. */
export type Labels = Pick<OwnProcess, "runAs" | "label">;

/** Tells which unit's code runs: anywhere for the owner of the process, else before the first `await` of that code. */
export class Attribution {
  /** Path of the unit whose code has just been entered. */
  #entered: string | undefined;
  #labels: Labels | undefined;

  /** Charges errors that nobody handles to units from now on; for the owner of the process. */
  use(labels: Labels): void {
    this.#labels = labels;
  }

  /** Path of the unit whose code calls, as far as it can be told. */
  callingUnit(): string | undefined {
    return this.#labels?.label() ?? this.#entered;
  }

  /** Runs `fn` as code of the unit with this path. */
  runAs<T>(path: string, fn: () => T): T {
    const outer = this.#entered;
    this.#entered = path;
    try {
      return this.#labels === undefined ? fn() : this.#labels.runAs(path, fn);
    } finally {
      this.#entered = outer;
    }
  }

  /** Runs `fn` as code of the daemon, whoever calls. */
  runAsDaemon(fn: () => void): void {
    if (this.#labels === undefined) fn();
    else this.#labels.runAs(undefined, fn);
  }
}
