/** Facts about a file or folder. */
export interface FileInfo {
  /** Kind of the file, symbolic links followed. `null` is /dev/null, wherever it is mounted; a link itself is `other`. */
  kind: "file" | "directory" | "socket" | "pipe" | "device" | "null" | "other";
  /** Bytes. */
  size: number;
  /** Permission bits, such as 0o644. */
  mode: number;
  /** Owner. */
  uid: number;
  /** Milliseconds since the Unix epoch of the last change. */
  mtimeMs: number;
  /** Number of the file on its disk: what is renamed keeps it, what is written anew gets another one. */
  inode: number;
}

/** Options of {@linkcode Files.read}. */
export interface ReadOptions {
  /** Most bytes that it may have. @default {16_777_216} */
  maxBytes?: number;
  /** How long it may take, in milliseconds. @default {10_000} */
  timeoutMs?: number;
  /** Ends it early: it rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Result of {@linkcode Files.read}. */
export interface FileContent {
  /** All of it. */
  bytes: Uint8Array;
  /** Facts about the opened file, even if the path names another one by now. */
  info: FileInfo;
}

/** Small files, read and written whole and synchronously (a 4 KB read takes microseconds). Paths are absolute. */
export interface Files {
  /**
   * Reads what somebody else named or may be writing: a file, pipe or device, to its end and within limits. Nothing waits meanwhile.
   *
   * - A named pipe is waited for until somebody has written into it and closed it. It gives what it holds once, to one reader.
   * - Fails with `IO_TOO_LARGE`, with `TIMEOUT`, and as {@linkcode Files.readText} does; the message says what was waited for.
   */
  read(path: string, options?: ReadOptions): Promise<FileContent>;
  /** The text of a file. Fails with `IO_NOT_FOUND`, `IO_DENIED` or `IO_FAILED`. */
  readText(path: string): string;
  /**
   * Replaces a file by write, fsync and rename, so that a reader sees the old or the new text, never a part. Default mode 0o600. A text
   * that need not survive a loss of power does without the fsync, which costs milliseconds: `mustSync: false`.
   */
  writeText(path: string, text: string, options?: { mode?: number; mustSync?: boolean }): void;
  /** Makes a folder and those above it; an existing one is fine and keeps its mode. Default mode 0o700. */
  makeDir(path: string, options?: { mode?: number }): void;
  /** Removes a file or socket; a missing one is fine. */
  remove(path: string): void;
  /** Looks at a path; undefined when nothing is there. With `isLinkItself` a symbolic link is not followed: its kind is `other`. */
  info(path: string, options?: { isLinkItself?: boolean }): FileInfo | undefined;
  /** Names in a folder, sorted. Fails with `IO_NOT_FOUND`. */
  list(path: string): string[];
  /** The path with symbolic links resolved. Fails with `IO_NOT_FOUND`. */
  realPath(path: string): string;
  /**
   * Opens a file for appending and creates it if need be, mode 0o600. A pipe that nobody reads is refused, and a full one fails at once. The
   * last free files of this process are reserved: without others it fails with `IO_NO_RESOURCES`.
   */
  openAppend(path: string): AppendFile;
  /** Whether this process may write a file, or make one in a folder; false when nothing is there. */
  isWritable(path: string): boolean;
  /**
   * Why root must not write a file at a path, as another user could lead it elsewhere: `everybody may write to the folder …`. Undefined where
   * it may, and for other users, who can write only what is theirs. {@linkcode Files.openAppend} refuses such a path with `IO_DENIED`.
   */
  whyUntrusted(path: string): string | undefined;
  /** Moves a file over another in one step. */
  rename(from: string, to: string): void;
  /**
   * Takes an exclusive lock on a file for as long as the result lives and the process does, and creates the file, mode 0o600; resolves
   * with undefined when another process holds it. The lock is the kernel's (flock): it goes with its holder, however that one ends.
   */
  lock(path: string): Promise<FileLock | undefined>;
  /** The folder for temporary files. */
  readonly tempDir: string;
}

/**
 * A file open for appending. Writes are whole: all bytes, or an error and none. Only of a pipe or a device, which can't be shortened, a part
 * may stay.
 */
export interface AppendFile extends Disposable {
  /** Bytes in the file at the time of opening. */
  readonly size: number;
  /** Number of the file on its disk, as in {@linkcode FileInfo}. */
  readonly inode: number;
  /** Appends bytes synchronously. Fails with `IO_NO_RESOURCES` when the disk is full. */
  write(bytes: Uint8Array): void;
}

/** A held lock; disposing it gives it back and leaves the file. */
export interface FileLock extends Disposable {
  /** Number of the locked file on its disk, as in {@linkcode FileInfo}. */
  readonly inode: number;
  /**
   * Replaces the text inside the locked file, for readers who want to know who holds it. The new text is written over the old one, and what
   * is left of that is cut off after it: who reads in between sees the new text, followed by a rest of the old one.
   */
  write(text: string): void;
}
