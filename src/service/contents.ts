import type { Files } from "../core/ports/files.ts";
import { folderOf, resolvePath } from "../core/values/paths.ts";
import { MAX_ENV_FILE_BYTES } from "./env_file.ts";
import type { ServiceSpec } from "./spec.ts";

/** Digests of the files that a service names, by absolute path, or a word where there is nothing to read. Never the contents themselves. */
export type Contents = ReadonlyMap<string, string>;

/** The parts of a host that contents are read from. */
type ContentFiles = Pick<Files, "read" | "info">;

/** Most files of a module that are looked at: behind a few hundred there are libraries, which are not edited beside a daemon. */
const MOST_FILES = 200;
const MAX_MODULE_BYTES = 1_048_576;
/** Path of a local file after `from`, `import` or `import(`. A match inside a comment does no harm. */
const LOCAL_IMPORT = /\b(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"'\n]+)["']/g;
const ENDINGS = ["", ".ts", ".tsx", ".mts", ".js", ".mjs", ".json", "/index.ts", "/index.js"];

/** Digests the files whose content is part of a service. */
export async function contentsOf(spec: ServiceSpec, files: ContentFiles): Promise<Contents> {
  const contents = new Map<string, string>();
  const own = new Set(spec.envFiles.map(({ path }) => path));
  for (const path of await filesOf(spec, files)) {
    contents.set(path, await digestOf(await look(path, files, own.has(path) ? MAX_ENV_FILE_BYTES : MAX_MODULE_BYTES)));
  }
  return contents;
}

/** The files whose content is part of a service: its env files, its module, and what that imports by a relative path. */
export async function filesOf({ envFiles, module }: ServiceSpec, files: ContentFiles): Promise<Set<string>> {
  const paths = new Set(envFiles.map(({ path }) => path));
  if (module === undefined) return paths;
  const waiting = [module];
  for (let path = waiting.shift(); path !== undefined && paths.size < MOST_FILES; path = waiting.shift()) {
    if (paths.has(path)) continue;
    paths.add(path);
    const read = await look(path, files, MAX_MODULE_BYTES);
    if (typeof read === "string") continue;
    for (const [, specifier] of new TextDecoder().decode(read).matchAll(LOCAL_IMPORT)) {
      const base = resolvePath(folderOf(path), specifier.replace(/[?#].*$/, ""));
      const found = ENDINGS.map((ending) => base + ending).find((each) => isFile(each, files));
      if (found !== undefined) waiting.push(found);
    }
  }
  return paths;
}

/** Returns a mark that changes when a file is written anew, without reading it. */
export function markOf(path: string, files: Pick<Files, "info">): string {
  try {
    const info = files.info(path);
    return info === undefined ? "missing" : `${info.inode} ${info.size} ${info.mtimeMs}`;
  } catch {
    return "unreadable"; // a circle of links, or a folder that is closed to this user
  }
}

/** Paths whose content differs; what only one of them knows is a change of the configuration itself. */
export function changedContents(before: Contents, after: Contents): string[] {
  return [...after].filter(([path, digest]) => before.has(path) && before.get(path) !== digest).map(([path]) => path);
}

/** The bytes of a file, or a word where there is nothing to read. */
async function look(path: string, files: ContentFiles, maxBytes: number): Promise<Uint8Array | string> {
  try {
    const kind = files.info(path)?.kind;
    if (kind === undefined) return "missing";
    // A pipe gives its data once, and the service needs it.
    if (kind !== "file") return "not read";
    return (await files.read(path, { maxBytes })).bytes;
  } catch {
    // The reader that needs the file reports this.
    return "unreadable";
  }
}

function isFile(path: string, files: ContentFiles): boolean {
  try {
    return files.info(path)?.kind === "file";
  } catch {
    return false; // nothing that could be looked at
  }
}

async function digestOf(read: Uint8Array | string): Promise<string> {
  if (typeof read === "string") return read;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", read as Uint8Array<ArrayBuffer>)).toHex();
}
