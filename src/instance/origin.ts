import { isDaemonError } from "../core/values/errors.ts";
import type { Files } from "../core/ports/files.ts";
import type { Host } from "../core/ports/host.ts";
import { fileNameOf, folderOf, resolvePath } from "../core/values/paths.ts";

/**
 * Source that a daemon is started from; it tells daemons of one user apart: the absolute path of its configuration file as it was
 * named, whatever the environment. One that is made in code has no file, so it is `program:PATH#NAME@FOLDER`, told apart by its run folder.
 */
export type Origin = string;

/**
 * Whether two origins are one: the same text, or paths that lead to the same file now. A link on the way may be switched, as `current` is to
 * another release: by that path it stays the same daemon, and it is also what its new release is by its own path. So it is with a file that
 * is a link itself, as in a mounted ConfigMap: by the link it is always the same daemon, and by the file behind it as long as it leads there.
 */
export function isSameOrigin(a: Origin, b: Origin, files: Pick<Files, "info" | "realPath">): boolean {
  if (a === b) return true;
  if (!a.startsWith("/") || !b.startsWith("/")) return false;
  if (realOrigin(a, files) === realOrigin(b, files)) return true;
  const file = fileBehind(a, files);
  return file !== undefined && file === fileBehind(b, files);
}

/** The file that a path leads to now, whatever links are on the way. */
function fileBehind(path: string, files: Pick<Files, "realPath">): string | undefined {
  try {
    return files.realPath(path);
  } catch (error) {
    // One that is gone, or hidden from this user, is told by its path alone.
    if (isDaemonError(error) && error.category === "io") return undefined;
    throw error;
  }
}

/**
 * The path without links on the way to the file. The file itself is not followed when it is one: what it leads to changes with each update of
 * a mounted ConfigMap, and the daemon stays the same.
 */
export function realOrigin(path: string, files: Pick<Files, "info" | "realPath">): string {
  const folder = folderOf(path);
  try {
    return files.info(folder) === undefined ? path : resolvePath(files.realPath(folder), fileNameOf(path));
  } catch (error) {
    // A folder that this user may not look into is told by its name alone.
    if (isDaemonError(error) && error.category === "io") return path;
    throw error;
  }
}

/** The file that stands for a daemon without a configuration file: its program. */
export function programPath({ ownProcess }: Pick<Host, "ownProcess">): string {
  return ownProcess.command[ownProcess.command.length - 1] ?? ownProcess.cwd();
}
