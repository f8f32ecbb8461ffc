import type { Clock } from "../core/ports/clock.ts";
import { isDaemonError, messageOf } from "../core/values/errors.ts";
import type { Files } from "../core/ports/files.ts";
import type { Watcher } from "../core/ports/watcher.ts";
import { folderOf } from "../core/values/paths.ts";

/** Options of {@linkcode ConfigWatch}. */
export interface ConfigWatchOptions {
  /** Reads the files. */
  files: Pick<Files, "info" | "realPath">;
  /** Tells of changes. */
  watcher: Watcher;
  /** Times the waits. */
  clock: Clock;
  /** The configuration file, absolute; its overlay lies beside it. */
  path: string;
  /** Text of the files as they are now; undefined while the main one is missing or empty. It may reject with what a file can't be read with. */
  read: () => Promise<string | undefined>;
  /** Other files whose change is one of the configuration, absolute, as they are named now. @default {none} */
  named?: () => Iterable<string>;
  /** Returns a mark that changes when one of these files is written anew. */
  markOf?: (path: string) => string;
  /** Text of the configuration that was loaded last. */
  loaded: string;
  /** Text that was taken last, by whoever asked for it; undefined once one was refused since. */
  taken: () => string | undefined;
  /**
   * Called when the text has become another one than was seen or taken before; resolves once it is taken or refused, and with false when the
   * file was gone again by then.
   */
  onChange: () => Promise<boolean>;
  /** Told once of each reason for which changes are seen late. */
  onTrouble: (message: string) => void;
}

/** A file is looked at when nothing has changed for so long, and at the latest after so long. */
const QUIET_MS = 50;
const LATEST_MS = 500;
/** It is looked at this often without a sign: network drives and folders that were replaced give none. */
const LOOK_MS = 5_000;

/**
 * Watches a configuration file with its overlay and the files that it names, and tells when one of them is another one, once for each change.
 *
 * - The folders are watched and not the files, so that renames over them and swaps of links are seen: the folder of the path and, where it
 *   leads through links, that of the file behind them.
 * - A missing or empty file is waited for: it is a file on its way to be replaced.
 * - A text that was refused is not offered a second time, nor one that was taken meanwhile: what was seen may be older than what was read
 *   when it was offered.
 */
export class ConfigWatch implements Disposable {
  readonly #options: ConfigWatchOptions;
  #watches: Disposable[] = [];
  #seen: string;
  #marks: ReadonlyMap<string, string>;
  #timer: Disposable | undefined;
  #looking: Disposable;
  #firstSignMs: number | undefined;
  #trouble = "";
  #isDisposed = false;
  #looks: "none" | "one" | "one, and another behind it" = "none";

  /** Begins to watch; a change since the text was loaded is told as well. */
  constructor(options: ConfigWatchOptions) {
    this.#options = options;
    this.#seen = options.loaded;
    this.#marks = this.#marksNow();
    this.#looking = this.#lookLater();
    this.#watch();
    this.#sign();
  }

  /** Looks for the files that are named now, which are others than before; does nothing once it has ended. */
  renew(): void {
    if (this.#isDisposed) return;
    this.#watch();
    const marks = this.#marksNow();
    this.#marks = new Map([...marks].map(([path, mark]) => [path, this.#marks.get(path) ?? mark]));
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#timer?.[Symbol.dispose]();
    this.#looking[Symbol.dispose]();
    for (const watch of this.#watches) watch[Symbol.dispose]();
  }

  /** Something has changed: look when it is quiet again. */
  #sign(): void {
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    this.#firstSignMs ??= nowMs;
    this.#timer?.[Symbol.dispose]();
    const waitMs = Math.min(QUIET_MS, Math.max(0, this.#firstSignMs + LATEST_MS - nowMs));
    this.#timer = clock.schedule(waitMs, () => {
      this.#firstSignMs = undefined;
      // A link may lead elsewhere now, and a folder may be another one at the same path.
      this.#watch();
      this.#look();
    });
  }

  /**
   * One look at a time, and what comes of it belongs to it: a pipe or a slow disk may keep it waiting, and then whoever comes meanwhile is
   * answered by one more.
   */
  #look(): void {
    if (this.#looks !== "none") {
      this.#looks = "one, and another behind it";
      return;
    }
    this.#looks = "one";
    void this.#options.read().then((text) => this.#compare(text), (error) => this.#isDisposed || this.#tell(messageOf(error))).then(() => {
      const isMore = this.#looks !== "one";
      this.#looks = "none";
      if (isMore && !this.#isDisposed) this.#look();
    });
  }

  async #compare(text: string | undefined): Promise<void> {
    if (this.#isDisposed || text === undefined) return;
    const marks = this.#marksNow();
    // A file that is named since then is a change of the configuration, which has been told.
    const isRewritten = [...marks].some(([path, mark]) => (this.#marks.get(path) ?? mark) !== mark);
    this.#marks = marks;
    const { taken, onChange } = this.#options;
    const isKnown = text === this.#seen || text === taken();
    this.#seen = text;
    if (isKnown && !isRewritten || await onChange() || this.#isDisposed) return;
    this.#seen = "";
    this.#sign();
  }

  #lookLater(): Disposable {
    return this.#options.clock.schedule(LOOK_MS, () => {
      this.#looking = this.#lookLater();
      if (this.#firstSignMs === undefined) this.#look();
    });
  }

  #marksNow(): Map<string, string> {
    const { named = () => [], markOf = () => "" } = this.#options;
    return new Map([...named()].map((path) => [path, markOf(path)]));
  }

  /** Takes the watches anew before it lets go of the old ones, so that nothing happens unseen in between. */
  #watch(): void {
    const { watcher, path, named = () => [] } = this.#options;
    const watches: Disposable[] = [];
    const own = new Set([folderOf(path), folderOf(this.#real(path))]);
    const others = [...named()].flatMap((each) => [folderOf(each), folderOf(this.#real(each))]);
    for (const folder of new Set([...own, ...others])) {
      try {
        watches.push(watcher.watch(folder, () => this.#isDisposed || this.#sign()));
      } catch (error) {
        if (!isDaemonError(error)) throw error;
        // The folder of a file that need not be there need not be there either.
        if (own.has(folder) || error.code !== "IO_NOT_FOUND") this.#tell(messageOf(error));
      }
    }
    for (const watch of this.#watches) watch[Symbol.dispose]();
    this.#watches = watches;
  }

  #real(path: string): string {
    const { files } = this.#options;
    try {
      return files.realPath(path);
    } catch {
      return path; // missing just now
    }
  }

  #tell(reason: string): void {
    if (this.#trouble === reason) return;
    this.#trouble = reason;
    this.#options.onTrouble(reason);
  }
}
