import type { Host } from "../core/ports/host.ts";
import { resolvePath } from "../core/values/paths.ts";

/** The configuration files that are meant when none is named, the first that is there. */
export const CONFIG_FILES: readonly string[] = ["daemon.toml", "daemon.json"];

/** A path as seen from the current folder, made absolute and free of `.` and `..`. */
export function absolutePath(path: string, host: Pick<Host, "ownProcess">): string {
  return resolvePath(baseFor(path, host), path);
}

/** The folder that a path is seen from: a folder that was removed has no name, and an absolute path needs none. */
export function baseFor(path: string | undefined, { ownProcess }: Pick<Host, "ownProcess">): string {
  return path?.startsWith("/") ? "/" : ownProcess.cwd();
}
