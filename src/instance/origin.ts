import { isDaemonError } from "../core/values/errors.ts";
import type { Files } from "../core/ports/files.ts";
import type { Host } from "../core/ports/host.ts";
import { fileNameOf, folderOf, resolvePath } from "../core/values/paths.ts";

/**
 * Source that a daemon is started from; it tells daemons of one user apart, whatever the environment: the absolute path of its configuration
 * file as it was named. A daemon that is made in code has no file, so it is `program:PATH#NAME`: a program may make several.
 */
export type Origin = string;

const PROGRAM = "program:";

/** The origin of a daemon of this name that is made in code. */
export function programOrigin(name: string, host: Pick<Host, "ownProcess">): Origin {
  return `${PROGRAM}${programPath(host)}#${name}`;
}

/** Whether a daemon is made in code. */
export function isProgram(origin: Origin): boolean {
  return origin.startsWith(PROGRAM);
}

/**
 * Whether two origins are one: the same text, or paths that lead to the same file now. A link on the way may be switched, as `current` is to
 * another release: by that path it stays the same daemon, and it is also what its new release is by its own path. So it is with a file that
 * is a link itself, as in a mounted ConfigMap: by the link it is always the same daemon, and by the file behind it as long as it leads there.
 */
export function isSameOrigin(a: Origin, b: Origin, files: Pick<Files, "info" | "realPath">): boolean {
  if (a === b) return true;
  const [one, other] = [partsOf(a), partsOf(b)];
  if (one.name !== other.name || !one.path.startsWith("/") || !other.path.startsWith("/")) return false;
  if (realPlace(one.path, files) === realPlace(other.path, files)) return true;
  const file = fileBehind(one.path, files);
  return file !== undefined && file === fileBehind(other.path, files);
}

/** The path of an origin, and the name of a daemon that is made in code. */
function partsOf(origin: Origin): { path: string; name?: string } {
  if (!isProgram(origin)) return { path: origin };
  const at = origin.lastIndexOf("#");
  return { path: origin.slice(PROGRAM.length, at), name: origin.slice(at + 1) };
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
 * The origin without links on the way to the file. The file itself is not followed when it is one: what it leads to changes with each update of
 * a mounted ConfigMap, and the daemon stays the same.
 */
export function realOrigin(origin: Origin, files: Pick<Files, "info" | "realPath">): Origin {
  const { path, name } = partsOf(origin);
  return name === undefined ? realPlace(path, files) : `${PROGRAM}${realPlace(path, files)}#${name}`;
}

function realPlace(path: string, files: Pick<Files, "info" | "realPath">): string {
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
function programPath({ ownProcess }: Pick<Host, "ownProcess">): string {
  return ownProcess.command[ownProcess.command.length - 1] ?? ownProcess.cwd();
}
