import fs from "node:fs";
import process from "node:process";
import type { Clock } from "../core/ports/clock.ts";
import { IoError } from "../core/values/errors.ts";
import type { AppendFile, FileInfo, FileLock, Files } from "../core/ports/files.ts";
import { isDevicePath } from "../core/values/paths.ts";
import type { Descriptors } from "./descriptors.ts";
import { readBounded } from "./bounded_read.ts";
import { variable } from "./env.ts";
import { ioError } from "./io_error.ts";
import { trustedPlace } from "./trusted_path.ts";

/** A file on which the kernel's lock may be tried; each runtime has its own. */
export interface LockableFile extends FileLock {
  /** Takes flock(LOCK_EX | LOCK_NB); false when another open file holds it. */
  tryLock(): boolean;
}

/** Times that a lock file may be swapped under our feet before we give up. */
const MAX_LOCK_ATTEMPTS = 10;

/** Dependencies of {@linkcode createFiles}. */
export interface FilesFacts {
  /** Times what may take too long. */
  clock: Clock;
  /** Opens a file for reading and writing, mode 0o600. */
  openLockable: (path: string) => LockableFile;
  /** The files that this process may still open. */
  descriptors: Descriptors;
}

/** Files by node:fs, which both runtimes implement natively. */
export function createFiles({ clock, openLockable, descriptors }: FilesFacts): Files {
  return {
    read: (path, options = {}) => readBounded(path, options, { clock, describe: infoFrom }),
    readText: (path) => attempt(`read ${path}`, path, () => fs.readFileSync(path, "utf8")),
    writeText,
    makeDir: (path, { mode = 0o700 } = {}) =>
      attempt(`make folder ${path}`, path, () => {
        const isNew = fs.mkdirSync(path, { recursive: true, mode }) !== undefined;
        // The process's umask has taken bits away from a new folder.
        if (isNew) fs.chmodSync(path, mode);
      }),
    remove: (path) => attempt(`remove ${path}`, path, () => fs.rmSync(path, { force: true })),
    info: (path, options) => attempt(`look at ${path}`, path, () => infoOf(path, options)),
    list: (path) => attempt(`list ${path}`, path, () => fs.readdirSync(path).sort()),
    realPath: (path) => attempt(`resolve ${path}`, path, () => fs.realpathSync(path)),
    openAppend: (path) =>
      attempt(`open ${path}`, path, () => {
        checkRoom(path, descriptors);
        return new OpenAppendFile(path);
      }),
    isWritable(path) {
      try {
        fs.accessSync(path, fs.constants.W_OK);
        return true;
      } catch {
        return false;
      }
    },
    whyUntrusted: (path) =>
      attempt(`look at ${path}`, path, () => {
        const place = trustedPlace(path);
        return "why" in place ? place.why : undefined;
      }),
    rename: (from, to) => attempt(`rename ${from} to ${to}`, from, () => fs.renameSync(from, to)),
    // deno-lint-ignore require-await -- what it throws is to be a rejection
    lock: async (path) => attempt(`lock ${path}`, path, () => lock(path, openLockable)),
    tempDir: variable("TMPDIR") || "/tmp",
  };
}

function attempt<T>(doing: string, path: string, fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    throw error instanceof IoError ? error : ioError(error, doing, { path });
  }
}

function infoOf(path: string, { isLinkItself = false }: { isLinkItself?: boolean } = {}): FileInfo | undefined {
  let stats: fs.Stats;
  try {
    stats = isLinkItself ? fs.lstatSync(path) : fs.statSync(path);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
  return infoFrom(stats);
}

function infoFrom(stats: fs.Stats): FileInfo {
  return { kind: kindOf(stats), size: stats.size, mode: stats.mode & 0o7777, uid: stats.uid, mtimeMs: stats.mtimeMs, inode: stats.ino };
}

function kindOf(stats: fs.Stats): FileInfo["kind"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSocket()) return "socket";
  if (stats.isFIFO()) return "pipe";
  if (stats.isSymbolicLink()) return "other";
  return stats.isCharacterDevice() && stats.rdev === fs.statSync("/dev/null", { throwIfNoEntry: false })?.rdev ? "null" : "device";
}

function writeText(path: string, text: string, options: { mode?: number; mustSync?: boolean } = {}): void {
  const { mode = 0o600, mustSync = true } = options;
  attempt(`write ${path}`, path, () => {
    // In the same folder, because a rename works within one file system only.
    const draft = `${path}.${process.pid}-${Math.random().toString(36).slice(2, 10)}.tmp`;
    const fd = fs.openSync(draft, "wx", 0o600);
    try {
      try {
        writeWhole(fd, new TextEncoder().encode(text));
        fs.fchmodSync(fd, mode);
        if (mustSync) fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
      fs.renameSync(draft, path);
    } catch (error) {
      fs.rmSync(draft, { force: true });
      throw error;
    }
  });
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at);
}

/** Files that stay open, one for each service, leave the last ones to control. */
function checkRoom(path: string, { limit, reserve, hasRoomFor }: Descriptors): void {
  if (hasRoomFor(reserve)) return;
  throw new IoError(
    "IO_NO_RESOURCES",
    `Cannot open ${path} as this process has too many files open: it may have ${limit} and keeps ${reserve} for its control socket; ` +
      `raise the limit (ulimit -n, LimitNOFILE)`,
    { context: { path, limit, reserve } },
  );
}

const { O_APPEND, O_CREAT, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = fs.constants;

class OpenAppendFile implements AppendFile {
  readonly size: number;
  readonly inode: number;
  readonly #path: string;
  #fd: number | undefined;

  constructor(path: string) {
    this.#path = path;
    const place = trustedPlace(path);
    if ("why" in place) throw untrusted(path, place.why);
    if (place.at === undefined) throw new IoError("IO_NOT_FOUND", `Cannot open ${path} as its folder is missing`, { context: { path } });
    // The file that is opened must be the one that was checked.
    const noFollow = process.geteuid?.() === 0 && !isDevicePath(path) ? O_NOFOLLOW : 0;
    // Without O_NONBLOCK, a named pipe would hold the whole daemon until somebody reads it.
    const fd = fs.openSync(place.at, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | noFollow, 0o600);
    const stats = fs.fstatSync(fd);
    const why = place.fileProblem(stats);
    if (why !== undefined) {
      fs.closeSync(fd);
      throw untrusted(path, why);
    }
    this.#fd = fd;
    this.size = stats.size;
    this.inode = stats.ino;
  }

  write(bytes: Uint8Array): void {
    const fd = this.#fd;
    if (fd === undefined) throw new IoError("IO_FAILED", `Cannot write ${this.#path} as it was closed`, { context: { path: this.#path } });
    attempt(`write ${this.#path}`, this.#path, () => {
      // Asked each time, as others may have written or cut; and a write that fails half way does not say how far it came.
      const stats = fs.fstatSync(fd);
      try {
        writeWhole(fd, bytes);
      } catch (error) {
        if (stats.isFile()) fs.ftruncateSync(fd, stats.size);
        throw error;
      }
    });
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function untrusted(path: string, why: string): IoError {
  return new IoError("IO_DENIED", `Cannot open ${path} as root writes nowhere that others could lead it to: ${why}`, { context: { path } });
}

/** A lock counts only on the file that has the name now: whoever held it before may have removed that file in between. */
function lock(path: string, openLockable: (path: string) => LockableFile): FileLock | undefined {
  for (let attempts = 0; attempts < MAX_LOCK_ATTEMPTS; attempts++) {
    const file = openLockable(path);
    try {
      if (!file.tryLock()) {
        file[Symbol.dispose]();
        return undefined;
      }
      if (fs.statSync(path, { throwIfNoEntry: false })?.ino === file.inode) return file;
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
    file[Symbol.dispose]();
  }
  throw new IoError("IO_FAILED", `Cannot lock ${path} as somebody keeps replacing it`, { context: { path } });
}
