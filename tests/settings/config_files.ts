import type { FileInfo } from "../../src/core/ports/files.ts";
import { IoError } from "../../src/core/values/errors.ts";
import type { LoadHost } from "../../src/settings/load_sources.ts";

/** The parts of a host that loading needs: files by absolute path, and an environment. */
export function hostOf(texts: Record<string, string>, environment: Record<string, string> = {}, cwd = "/etc/app"): LoadHost {
  const info = (path: string): FileInfo | undefined =>
    path in texts ? { kind: "file", size: texts[path].length, mode: 0o600, uid: 0, mtimeMs: 0, inode: 1 } : undefined;
  return {
    cwd,
    env: { get: (name) => environment[name], all: () => ({ ...environment }), broken: () => [] },
    files: {
      read: (path) => Promise.try(() => ({ bytes: new TextEncoder().encode(texts[path] ?? fail(path)), info: info(path)! })),
      info,
    },
  };
}

function fail(path: string): never {
  throw new IoError("IO_NOT_FOUND", `Cannot read ${path}`);
}
