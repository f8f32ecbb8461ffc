import { IoError } from "../../src/core/values/errors.ts";
import type { AppendFile, FileContent, FileInfo, FileLock, Files } from "../../src/core/ports/files.ts";

/** One file's content; who has it open keeps it although its path may lead elsewhere by now. */
interface Inode {
  number: number;
  bytes: number[];
}

/** Files in memory with faults: a full disk, a path that can't be renamed. */
export class FakeFiles implements Files {
  readonly tempDir = "/tmp";
  readonly inodes = new Map<string, Inode>();
  readonly folders = new Set(["/"]);
  /** Bytes that still fit on the disk. */
  freeBytes = Infinity;
  /** Set to let every rename fail. */
  canRename = true;
  /** Open handles. */
  open = 0;
  #numbers = 0;
  /** Write calls so far, failed ones included. */
  writes = 0;

  constructor(...folders: string[]) {
    for (const folder of folders) this.folders.add(folder);
  }

  read(path: string): Promise<FileContent> {
    return Promise.try(() => ({ bytes: new TextEncoder().encode(this.readText(path)), info: this.info(path)! }));
  }

  readText(path: string): string {
    const inode = this.inodes.get(path);
    if (inode === undefined) throw new IoError("IO_NOT_FOUND", `Cannot read ${path} as it does not exist`);
    return new TextDecoder().decode(Uint8Array.from(inode.bytes));
  }

  /** Lines of a file. */
  lines(path: string): string[] {
    return this.readText(path).split("\n").slice(0, -1);
  }

  writeText(path: string, text: string): void {
    this.inodes.set(path, { number: ++this.#numbers, bytes: [...new TextEncoder().encode(text)] });
  }

  makeDir(path: string): void {
    for (let folder = path; folder !== ""; folder = folder.slice(0, folder.lastIndexOf("/"))) this.folders.add(folder);
  }

  /** Why root must not write there. */
  untrusted: string | undefined;

  whyUntrusted(): string | undefined {
    return this.untrusted;
  }

  isWritable(path: string): boolean {
    return this.info(path) !== undefined;
  }

  remove(path: string): void {
    this.inodes.delete(path);
  }

  info(path: string): FileInfo | undefined {
    if (this.folders.has(path)) return { kind: "directory", size: 0, mode: 0o700, uid: 0, mtimeMs: 0, inode: 0 };
    const inode = this.inodes.get(path);
    return inode && { kind: "file", size: inode.bytes.length, mode: 0o600, uid: 0, mtimeMs: 0, inode: inode.number };
  }

  list(path: string): string[] {
    return [...this.inodes.keys()].filter((each) => each.startsWith(`${path}/`)).map((each) => each.slice(path.length + 1)).sort();
  }

  realPath(path: string): string {
    return path;
  }

  openAppend(path: string): AppendFile {
    if (!this.folders.has(path.slice(0, path.lastIndexOf("/")) || "/")) {
      throw new IoError("IO_NOT_FOUND", `Cannot open ${path} as its folder does not exist`);
    }
    let inode = this.inodes.get(path);
    if (inode === undefined) this.inodes.set(path, inode = { number: ++this.#numbers, bytes: [] });
    const { bytes, number } = inode;
    this.open++;
    return {
      size: bytes.length,
      inode: number,
      write: (added) => {
        this.writes++;
        if (added.length > this.freeBytes) throw new IoError("IO_NO_RESOURCES", "Cannot write as the disk is full");
        this.freeBytes -= added.length;
        for (const byte of added) bytes.push(byte);
      },
      [Symbol.dispose]: () => void this.open--,
    };
  }

  rename(from: string, to: string): void {
    if (!this.canRename) throw new IoError("IO_DENIED", `Cannot rename ${from} as that is not allowed`);
    this.inodes.set(to, this.inodes.get(from)!);
    this.inodes.delete(from);
  }

  lock(): Promise<FileLock | undefined> {
    return Promise.resolve(undefined);
  }
}
