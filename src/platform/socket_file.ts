import fs from "node:fs";
import process from "node:process";
import { IoError } from "../core/values/errors.ts";
import { errnoOf } from "./io_error.ts";

/** Bytes that the system has for the path of a socket. */
const LONGEST_PATH = process.platform === "linux" ? 107 : 103;
/** Length of the name under which a socket is made. */
const DRAFT_LENGTH = 6;

/**
 * The file of a socket, ours for as long as it is the one that we have made.
 *
 * Both runtimes remove what stands at the path of a socket when they close it, be it theirs or not. So a socket is made under another name
 * and then gets its own: the runtime's clean-up finds nothing, ours looks whose file it is, and whoever connects meets the old file or the
 * new one, never none.
 */
export class SocketFile {
  readonly #path: string;
  readonly #inode: number;

  private constructor(path: string, inode: number) {
    this.#path = path;
    this.#inode = inode;
  }

  /**
   * Lets `listen` make a socket and puts it at `path`, in the place of whatever stands there. `listen` makes the file before it returns, so
   * that the mask is in force for nothing else. Access by `mode` (0o600) and `gid` is settled before it has its name.
   */
  static make<T extends { close(): void }>(
    path: string,
    listen: (draft: string) => T,
    { mode, gid }: { mode?: number; gid?: number } = {},
  ): { file: SocketFile; made: T } {
    const bytes = new TextEncoder().encode(path).length;
    if (bytes > LONGEST_PATH) {
      throw new IoError(
        "IO_FAILED",
        `Cannot listen on ${path} as its path must be at most ${LONGEST_PATH} bytes: current value is ${bytes}`,
        {
          context: { path },
        },
      );
    }
    const draft = draftOf(path);
    const own = process.umask(0o177);
    let made: T;
    try {
      made = listen(draft);
    } finally {
      process.umask(own);
    }
    try {
      if (gid !== undefined) fs.chownSync(draft, -1, gid);
      if (mode !== undefined) fs.chmodSync(draft, mode);
      const { ino } = fs.lstatSync(draft);
      fs.renameSync(draft, path);
      return { file: new SocketFile(path, ino), made };
    } catch (error) {
      made.close();
      fs.rmSync(draft, { force: true });
      throw error;
    }
  }

  /** Whether the socket file is still at its path. */
  isThere(): boolean {
    try {
      return fs.lstatSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode;
    } catch (error) {
      // A file stands in the place of its folder.
      if (errnoOf(error) === "ENOTDIR") return false;
      throw error;
    }
  }

  /** Removes it, and nothing that somebody else has put in its place. */
  remove(): void {
    if (this.isThere()) fs.rmSync(this.#path, { force: true });
  }
}

/** Another path in the same folder, of the same length at most: a longer one may be too long. */
function draftOf(path: string): string {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const length = Math.min(DRAFT_LENGTH, path.length - folder.length);
  for (;;) {
    const draft = folder + Math.random().toString(36).slice(2, 2 + length).padEnd(length, "0");
    if (draft !== path && fs.lstatSync(draft, { throwIfNoEntry: false }) === undefined) return draft;
  }
}
