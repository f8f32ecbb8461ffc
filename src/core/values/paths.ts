/**
 * Whether a path below /dev or /proc names a device or an open descriptor: not a file of ours, so that many may write to it, and nobody may
 * rename or remove it.
 */
export function isDevicePath(path: string): boolean {
  return /^\/(?:dev(?!\/shm\/)|proc)\//.test(path);
}

/** The absolute path of `path` as seen from the folder `base`, without `.` and `..`. By text alone: links are not followed. */
export function resolvePath(base: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${base}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** The last part of a path. */
export function fileNameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The folder that a path lies in. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** A path as it is written in a command of a shell. */
export function shellWord(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
