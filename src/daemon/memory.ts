import type { Host } from "../core/ports/host.ts";
import type { Logger } from "../core/ports/log.ts";
import { messageOf } from "../core/values/errors.ts";
import { nameKey } from "../core/values/names.ts";
import type { DaemonFolders } from "../instance/folders.ts";
import { readOverrides, writeOverrides } from "../instance/instance.ts";

/** The memory of a daemon with folders, which outlives it: which units an operator has stopped. */
export class DaemonMemory {
  /** Name and a hash of the configuration file's path. */
  readonly id: string;
  /** Why some of it was lost; undefined where nothing was. */
  readonly warning: string | undefined;
  readonly #folders: DaemonFolders;
  readonly #host: Host;
  readonly #log: () => Logger;
  #down: ReadonlySet<string>;

  /** Reads it; failures of later writes go to the log of that time. */
  constructor(folders: DaemonFolders, host: Host, log: () => Logger) {
    const { down, warning } = readOverrides(folders, host);
    this.id = folders.id;
    this.warning = warning;
    this.#folders = folders;
    this.#host = host;
    this.#log = log;
    this.#down = keysOf(down);
  }

  /** Units that stay down until an operator starts them, by the keys of their paths. */
  get down(): ReadonlySet<string> {
    return this.#down;
  }

  /** Remembers which units an operator stopped; returns what keeps it from being remembered beyond the daemon's end. */
  rememberDown(names: ReadonlySet<string>): string | undefined {
    this.#down = keysOf(names);
    try {
      writeOverrides(this.#folders, this.#host, this.#down);
      return undefined;
    } catch (error) {
      // A full disk must not keep anybody from stopping what fills it.
      this.#log().error("manual stops and starts will be forgotten when the daemon ends", { reason: messageOf(error), err: error });
      return messageOf(error);
    }
  }

  /** Writes it down anew, after its folder was made anew. */
  refill(): void {
    if (this.#down.size > 0) writeOverrides(this.#folders, this.#host, this.#down);
  }
}

/** Paths of units as they are compared, without case. */
function keysOf(paths: Iterable<string>): Set<string> {
  return new Set([...paths].map(nameKey));
}
