import type { ErrorCode } from "../core/values/error_codes.ts";
import { IoError } from "../core/values/errors.ts";
import type { AppendFile, FileContent, FileInfo, FileLock, Files, ReadOptions } from "../core/ports/files.ts";
import { fileNameOf, folderOf } from "../core/values/paths.ts";

interface Entry {
  inode: number;
  kind: FileInfo["kind"];
  bytes: Uint8Array;
  mode: number;
  mtimeMs: number;
}

/**
 * Files in memory, with faults on order. It begins with the folders `/` and `/tmp`.
 *
 * @example A full disk leaves the old text
 * ```ts
 * import { FakeFiles } from "@daemonkit/daemonkit/testing";
 * import assert from "node:assert/strict";
 *
 * const files = new FakeFiles();
 * files.writeText("/tmp/state", "old");
 * files.failWrites("IO_NO_RESOURCES");
 * assert.throws(() => files.writeText("/tmp/state", "new"), { code: "IO_NO_RESOURCES" });
 * assert.equal(files.readText("/tmp/state"), "old");
 * ```
 */
export class FakeFiles implements Files {
  /** The folder for temporary files. */
  readonly tempDir = "/tmp";
  readonly #wallMs: () => number;
  readonly #changed: (folder: string) => void;
  readonly #entries = new Map<string, Entry>();
  /** Number of the locked file by path; undefined where it is locked whichever it is. */
  readonly #locked = new Map<string, number | undefined>();
  #inodes = 0;
  readonly #readFailures = new Map<string, ErrorCode>();
  #writeFailure: { code: ErrorCode; left: number } | undefined;

  /** Creates the two folders; `wallMs` dates what is written, and `changed` is told of each folder in which something has changed. */
  constructor(wallMs: () => number = () => 0, changed: (folder: string) => void = () => {}) {
    this.#wallMs = wallMs;
    this.#changed = changed;
    for (const path of ["/", "/tmp"]) this.#put(path, "directory", new Uint8Array(), 0o755);
  }

  /** Lets the next `times` writes of whatever kind fail with a code; without `times`, all until {@linkcode FakeFiles.healWrites}. */
  failWrites(code: ErrorCode, times: number = Infinity): void {
    this.#writeFailure = { code, left: times };
  }

  /** Lets writes succeed again. */
  healWrites(): void {
    this.#writeFailure = undefined;
  }

  /**
   * Lets every reading of a path fail with a code until the result is disposed: with `TIMEOUT`, as that of a pipe that nobody writes into.
   */
  failReads(path: string, code: ErrorCode): Disposable {
    this.#readFailures.set(path, code);
    return { [Symbol.dispose]: () => void this.#readFailures.delete(path) };
  }

  /** Writes a file, of a text or of any bytes, and makes the folders above it, whatever fault is on. */
  put(path: string, content: string | Uint8Array, mode: number = 0o644): void {
    this.#makeDirs(folderOf(path), 0o755);
    this.#put(path, "file", typeof content === "string" ? new TextEncoder().encode(content) : content.slice(), mode);
  }

  /** Puts a socket or some other thing where nothing is. */
  putOther(path: string, kind: Exclude<FileInfo["kind"], "file" | "directory">): void {
    this.#makeDirs(folderOf(path), 0o755);
    this.#put(path, kind, new Uint8Array(), 0o600);
  }

  /** Takes a lock as another process would, until the result is disposed. */
  lockAsOther(path: string): Disposable {
    this.#locked.set(path, undefined);
    return { [Symbol.dispose]: () => void this.#locked.delete(path) };
  }

  /** Reads a file, at once. */
  read(path: string, options: ReadOptions = {}): Promise<FileContent> {
    const { maxBytes = 16_777_216, signal } = options;
    return Promise.try(() => {
      signal?.throwIfAborted();
      const bytes = this.#bytes(path);
      if (bytes.length > maxBytes) throw failure("IO_TOO_LARGE", `Cannot read ${path} as it must have at most ${maxBytes} bytes`, path);
      return { bytes: bytes.slice(), info: this.info(path)! };
    });
  }

  /** The text of a file. */
  readText(path: string): string {
    return new TextDecoder().decode(this.#bytes(path));
  }

  #bytes(path: string): Uint8Array {
    const { kind, bytes } = this.#get(path);
    const code = this.#readFailures.get(path);
    if (code !== undefined) throw failure(code, `Cannot read ${path} as the test wants it so`, path);
    if (kind !== "file") throw failure("IO_FAILED", `Cannot read ${path} as it is no file`, path);
    return bytes;
  }

  /** Replaces a file. */
  writeText(path: string, text: string, options: { mode?: number } = {}): void {
    this.#checkWrite(path);
    this.#put(path, "file", new TextEncoder().encode(text), options.mode ?? 0o600);
  }

  /** Makes a folder and those above it. */
  makeDir(path: string, options: { mode?: number } = {}): void {
    this.#failOnOrder(path);
    this.#makeDirs(path, options.mode ?? 0o700);
  }

  /** Removes a file or socket. */
  remove(path: string): void {
    const entry = this.#entries.get(path);
    if (entry?.kind === "directory") throw failure("IO_FAILED", `Cannot remove ${path} as it is a folder`, path);
    if (this.#entries.delete(path)) this.#changed(folderOf(path));
  }

  /** Returns the facts about the file at a path. */
  info(path: string): FileInfo | undefined {
    const entry = this.#entries.get(path);
    return entry && { kind: entry.kind, size: entry.bytes.length, mode: entry.mode, uid: 0, mtimeMs: entry.mtimeMs, inode: entry.inode };
  }

  /** Names in a folder. */
  list(path: string): string[] {
    if (this.#get(path).kind !== "directory") throw failure("IO_NOT_FOUND", `Cannot list ${path} as it is no folder`, path);
    return [...this.#entries.keys()].filter((other) => other !== "/" && folderOf(other) === path).map(fileNameOf).sort();
  }

  /** The path, as there are no links. */
  realPath(path: string): string {
    this.#get(path);
    return path;
  }

  /** Opens a file for appending. */
  openAppend(path: string): AppendFile {
    this.#checkWrite(path);
    if (!this.#entries.has(path)) this.#put(path, "file", new Uint8Array(), 0o600);
    const entry = this.#get(path);
    let isOpen = true;
    return {
      size: entry.bytes.length,
      inode: entry.inode,
      write: (bytes) => {
        if (!isOpen) throw failure("IO_FAILED", `Cannot write ${path} as it was closed`, path);
        this.#failOnOrder(path);
        entry.bytes = concat(entry.bytes, bytes);
        entry.mtimeMs = this.#wallMs();
        this.#changed(folderOf(path));
      },
      [Symbol.dispose]: () => void (isOpen = false),
    };
  }

  /** Nobody else can lead it anywhere. */
  whyUntrusted(_path: string): string | undefined {
    return undefined;
  }

  /** Whether something is there that its owner may write, while no fault is on. */
  isWritable(path: string): boolean {
    const mode = this.#entries.get(path)?.mode ?? 0;
    return this.#writeFailure === undefined && (mode & 0o200) !== 0;
  }

  /** Moves a file over another. */
  rename(from: string, to: string): void {
    const entry = this.#get(from);
    this.#checkWrite(to);
    this.#entries.delete(from);
    this.#entries.set(to, entry);
    for (const folder of new Set([folderOf(from), folderOf(to)])) this.#changed(folder);
  }

  /** Takes a lock; undefined while it is held, by {@linkcode FakeFiles.lockAsOther} or by an earlier call. */
  lock(path: string): Promise<FileLock | undefined> {
    return Promise.try(() => {
      if (this.#locked.has(path) && [undefined, this.info(path)?.inode].includes(this.#locked.get(path))) return undefined;
      if (!this.#entries.has(path)) this.writeText(path, "");
      const { inode } = this.info(path)!;
      this.#locked.set(path, inode);
      let isHeld = true;
      return {
        inode,
        write: (text: string) => {
          const entry = this.#entries.get(path);
          if (entry?.inode === inode) this.#entries.set(path, { ...entry, bytes: new TextEncoder().encode(text), mtimeMs: this.#wallMs() });
        },
        [Symbol.dispose]: () => {
          if (isHeld && this.#locked.get(path) === inode) this.#locked.delete(path);
          isHeld = false;
        },
      };
    });
  }

  #get(path: string): Entry {
    const entry = this.#entries.get(path);
    if (entry === undefined) throw failure("IO_NOT_FOUND", `Cannot use ${path} as there is nothing at that path`, path);
    return entry;
  }

  #put(path: string, kind: FileInfo["kind"], bytes: Uint8Array, mode: number): void {
    this.#entries.set(path, { inode: ++this.#inodes, kind, bytes, mode, mtimeMs: this.#wallMs() });
    this.#changed(folderOf(path));
  }

  #makeDirs(path: string, mode: number): void {
    const entry = this.#entries.get(path);
    if (entry?.kind === "directory") return;
    if (entry !== undefined) throw failure("IO_EXISTS", `Cannot make folder ${path} as something else stands there`, path);
    this.#makeDirs(folderOf(path), mode);
    this.#put(path, "directory", new Uint8Array(), mode);
  }

  #checkWrite(path: string): void {
    this.#failOnOrder(path);
    if (this.#get(folderOf(path)).kind !== "directory") {
      throw failure("IO_NOT_FOUND", `Cannot write ${path} as a part of it is no folder`, path);
    }
    if (this.#entries.get(path)?.kind === "directory") throw failure("IO_FAILED", `Cannot write ${path} as it is a folder`, path);
  }

  #failOnOrder(path: string): void {
    const order = this.#writeFailure;
    if (order === undefined) return;
    if (--order.left <= 0) this.#writeFailure = undefined;
    throw failure(order.code, `Cannot write ${path} as the test wants it so`, path);
  }
}

function failure(code: ErrorCode, message: string, path: string): IoError {
  return new IoError(code, message, { context: { path } });
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
