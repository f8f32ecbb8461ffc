import fs from "node:fs";
import type { Clock } from "../core/ports/clock.ts";
import { IoError } from "../core/values/errors.ts";
import type { Watcher } from "../core/ports/watcher.ts";
import { errnoOf, ioError } from "./io_error.ts";

/** Milliseconds within which changes become one call. */
const MERGE_MS = 5;

/** Options of {@linkcode createWatcher}. */
export interface WatcherOptions {
  /** Time. */
  clock: Clock;
  /** Throws what keeps a folder from being watched, where `fs.watch` itself would tell it too late. */
  tryWatch: (folder: string) => void;
}

/**
 * Watches folders by `fs.watch`, which both runtimes build on inotify and which costs nothing until it is called. The watch of a file would
 * see the first rename over it and then nothing any more.
 */
export function createWatcher({ clock, tryWatch }: WatcherOptions): Watcher {
  return {
    watch(folder, onChange) {
      const watch = open(folder, tryWatch);
      let timer: Disposable | undefined;
      let hasMore = false;
      let isOver = false;
      const arm = () => timer = clock.schedule(MERGE_MS, tell);
      const tell = () => {
        timer = undefined;
        // Bun drops a change that follows an equal one within a millisecond, so that after the last there is one more look.
        if (hasMore) arm();
        hasMore = false;
        onChange();
      };
      const end = () => {
        if (isOver) return;
        isOver = true;
        timer?.[Symbol.dispose]();
        watch.fs.close();
      };
      const lose = () => {
        if (isOver) return;
        end();
        onChange();
      };
      watch.fs.on("error", lose);
      watch.fs.on("change", () => {
        if (isOver) return;
        // A folder that was moved would go on to tell of changes elsewhere.
        if (identify(statOf(folder)) !== watch.identity) lose();
        else if (timer === undefined) arm();
        else hasMore = true;
      });
      return { [Symbol.dispose]: end };
    },
  };
}

function statOf(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(path);
  } catch {
    return undefined; // gone, or not ours to see any more
  }
}

function open(folder: string, tryWatch: (folder: string) => void): { fs: fs.FSWatcher; identity: string } {
  try {
    const identity = identify(fs.statSync(folder));
    if (identity === undefined) {
      throw new IoError("IO_NOT_FOUND", `Cannot watch ${folder} as it is no folder`, { context: { path: folder } });
    }
    tryWatch(folder);
    const watch = fs.watch(folder, { persistent: false });
    // Deno overlooks the option.
    watch.unref();
    return { fs: watch, identity };
  } catch (error) {
    throw error instanceof IoError ? error : watchError(error, folder);
  }
}

/** Tells a folder from its successors at the same path; undefined for what is none. */
function identify(stats: fs.Stats | undefined): string | undefined {
  return stats?.isDirectory() ? `${stats.dev}-${stats.ino}` : undefined;
}

/** The system reuses two numbers of errors for what has nothing to do with disks, and Deno gives a sentence instead of one of them. */
function watchError(error: unknown, folder: string): IoError {
  const errno = errnoOf(error);
  const isOutOfWatches = errno === "ENOSPC" || /watch limit/.test(String(error));
  if (!isOutOfWatches && errno !== "EMFILE") return ioError(error, `watch ${folder}`, { path: folder });
  const reason = isOutOfWatches
    ? "this user has no watches left: see sysctl fs.inotify.max_user_watches"
    : "this process has too many files open, or this user too many watchers: see ulimit -n and sysctl fs.inotify.max_user_instances";
  return new IoError("IO_NO_RESOURCES", `Cannot watch ${folder} as ${reason}`, { cause: error, context: { path: folder } });
}
