import type { OwnFile } from "../core/feature.ts";
import type { Clock } from "../core/ports/clock.ts";
import { messageOf } from "../core/values/errors.ts";
import type { Logger } from "../core/ports/log.ts";
import { RepeatedLook } from "./repeated_look.ts";

/** Options of {@linkcode OwnFiles}. */
export interface OwnFilesOptions {
  /** Times the looks. */
  clock: Clock;
  /** Told of what can't be made anew. */
  log: Logger;
  /** Files to look after, in the order in which they are made anew. */
  files: readonly OwnFile[];
  /** Told the names of the files that were made anew. */
  onRestored: (names: readonly string[]) => void;
}

/** Time between two looks. */
const LOOK_MS = 2_000;

/**
 * Looks every two seconds whether what a daemon has on disk is still there and still its own, and makes it anew: the last logout empties
 * XDG_RUNTIME_DIR, and cleaners empty /tmp. A failure is logged once, and tried again at each look.
 */
export class OwnFiles implements Disposable {
  readonly #options: OwnFilesOptions;
  readonly #failed = new Map<string, string>();
  readonly #looks: RepeatedLook;

  /** Begins to look. */
  constructor(options: OwnFilesOptions) {
    this.#options = options;
    this.#looks = new RepeatedLook(options.clock, LOOK_MS, () => this.#look());
  }

  /** Ends it; what is being made anew is finished. */
  [Symbol.dispose](): void {
    this.#looks[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    const { files, onRestored, log } = this.#options;
    const restored: string[] = [];
    for (const file of files) {
      if (this.#looks.isOver) break;
      try {
        const isNew = await file.restore();
        if (isNew) restored.push(file.name);
        this.#failed.delete(file.name);
      } catch (error) {
        const reason = messageOf(error);
        if (this.#failed.get(file.name) !== reason) log.error(`${file.name} was removed and can't be made anew`, { reason, err: error });
        this.#failed.set(file.name, reason);
      }
    }
    if (restored.length > 0) onRestored(restored);
  }
}
