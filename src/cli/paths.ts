import type { Host } from "../core/host.ts";
import { resolvePath } from "../core/paths.ts";

/** The configuration files that are meant when none is named, the first that is there. */
export const CONFIG_FILES: readonly string[] = ["daemon.toml", "daemon.json"];

/** A path as seen from the current folder, made absolute and free of `.` and `..`. */
export function absolutePath(path: string, host: Pick<Host, "process">): string {
  // A folder that was removed has no name; an absolute path needs none.
  return resolvePath(path.startsWith("/") ? "/" : host.process.cwd(), path);
}
