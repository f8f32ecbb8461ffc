import type { Host } from "../core/host.ts";

/** The configuration files that are meant when none is named, the first that is there. */
export const CONFIG_FILES: readonly string[] = ["daemon.toml", "daemon.json"];

/** A path as seen from the current folder, made absolute and free of `.` and `..`. */
export function absolutePath(path: string, host: Pick<Host, "process">): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${host.process.cwd()}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
