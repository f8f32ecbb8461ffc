import type { Clock } from "./clock.ts";
import type { PostOptions } from "./paced_output.ts";
import type { Rlimits } from "./rlimits.ts";

/**
 * Everything that a daemon asks of the machine it runs on. `src/platform` implements it for Deno and Bun, `src/testing` as a fake with
 * faults; nothing else talks to a runtime.
 *
 * Every method that fails throws or rejects with an `IoError` whose code says what kind of failure it was and whose context holds the path,
 * address or pid.
 */
export interface Host {
  /** Runtime and version, such as `deno 2.9.6` or `bun 1.4.5`. */
  readonly runtime: string;
  /** Time. */
  readonly clock: Clock;
  /** Chance: a number in [0, 1). */
  readonly random: () => number;
  /** A text of letters, digits and hyphens that nobody can guess, another one at each call. */
  readonly secret: () => string;
  /** Signals to and from this process. */
  readonly signals: Signals;
  /** Small files, read and written whole. */
  readonly files: Files;
  /** Changes in folders. */
  readonly watcher: Watcher;
  /** Child processes and what is known of others. */
  readonly processes: Processes;
  /** HTTP over TCP and unix sockets. */
  readonly http: Http;
  /** Listeners on this machine. */
  readonly sockets: Sockets;
  /** Profiles of the time and memory that this process spends. */
  readonly profiler: Profiler;
  /** Bytes between processes of this machine. */
  readonly ipc: Ipc;
  /** Code that is not part of this program. */
  readonly modules: Modules;
  /** Environment variables of this process. */
  readonly env: Env;
  /** The terminal or whatever stdout and stderr are. */
  readonly terminal: Terminal;
  /** Process-wide effects, for whoever owns the process. */
  readonly process: OwnProcess;
}

/** A POSIX signal that can be listened for or sent. */
export type SignalName =
  | "SIGHUP"
  | "SIGINT"
  | "SIGQUIT"
  | "SIGABRT"
  | "SIGKILL"
  | "SIGUSR1"
  | "SIGUSR2"
  | "SIGALRM"
  | "SIGTERM"
  | "SIGCHLD"
  | "SIGCONT"
  | "SIGSTOP"
  | "SIGTSTP"
  | "SIGWINCH";

/** Number of each {@linkcode SignalName} on Linux; macOS differs for some, and the platform maps by name, never by number. */
export const SIGNAL_NUMBERS: Readonly<Record<SignalName, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGWINCH: 28,
};

/** Signals to and from this process. */
export interface Signals {
  /**
   * Calls `handler` for each arrival until the result is disposed; when a signal's last handler goes, its default action is back.
   *
   * - A listener does not keep the process alive: see {@linkcode OwnProcess.hold}.
   * - Arrivals while the loop is blocked may be merged into one call.
   */
  on(signal: SignalName, handler: () => void): Disposable;
}

/** Facts about a file or folder. */
export interface FileInfo {
  /** Kind of the file, symbolic links followed. */
  kind: "file" | "directory" | "socket" | "other";
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
  /** Opens a file for appending and creates it if need be, mode 0o600. A pipe that nobody reads is refused, and a full one fails at once. */
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

/** Tells when something in a folder changes. */
export interface Watcher {
  /**
   * Calls `onChange` soon after something directly in the folder was made, changed, renamed or removed, until the result is disposed.
   *
   * - Calls may be merged, may come twice for one change, and may come without a reason: look for yourself.
   * - It sees renames over a file and swaps of symbolic links; not what happens below sub-folders.
   * - When the folder itself goes away it calls once more and then never again. That a folder above it was moved is not seen.
   * - It does not keep the process alive. `onChange` must not throw.
   *
   * Fails with `IO_NOT_FOUND`, `IO_DENIED` or `IO_NO_RESOURCES` (no watches left).
   */
  watch(folder: string, onChange: () => void): Disposable;
}

/** Identity of a process, which no later process with the same number shares. */
export interface ProcessIdentity {
  /** Process number. */
  pid: number;
  /** Start time in clock ticks since boot (field 22 of /proc/PID/stat), 0 where the system does not say. */
  startTicks: number;
  /** Identifies the boot, empty where the system does not say. */
  bootId: string;
}

/** How a process ended: by a code or by a signal. */
export interface ExitStatus {
  /** Exit code, null when a signal ended it. */
  code: number | null;
  /** Name of the signal that ended it, such as `SIGKILL` or `SIG34`; null when it exited by itself. */
  signal: string | null;
}

/** A program to start. */
export interface SpawnOptions {
  /** Program and arguments; no shell is involved. A program without a slash is looked up in the PATH of `env`. */
  argv: readonly string[];
  /** Working folder, absolute. */
  cwd: string;
  /** The whole environment of the program. */
  env: Readonly<Record<string, string>>;
  /** User to become, by number. Refused means not started: it never runs as anybody else. */
  uid?: number;
  /** Group to become, by number. */
  gid?: number;
  /** Login name of that user, all of whose groups the program is in then; without it, it is in no other group than `gid`. */
  user?: string;
  /** File mode mask of the program. */
  umask?: number;
  /** Added to the program's nice value. */
  nice?: number;
  /** Limits that hold from the program's first instruction on. Refused means not started. */
  rlimits?: Rlimits;
  /** How readily the system ends the program when memory runs out: -1000 (never) to 1000. Refused means not started. */
  oomScoreAdj?: number;
  /** Names of variables of `env` whose values together no other run has: by them {@linkcode Processes.belonging} knows what belongs to it. */
  marks?: readonly string[];
  /** Whether it may use the last free files of this process, which are reserved for stopping. @default {false} */
  isUrgent?: boolean;
}

/** A started program: leader of its own session and process group, stdin empty, output piped. */
export interface ChildProcess {
  /** Its identity; `pid` is also the number of its process group. */
  readonly identity: ProcessIdentity;
  /** Its output, with backpressure: what nobody reads stays in the pipe. Ends when every holder of the pipe is gone. */
  readonly stdout: ReadableStream<Uint8Array>;
  /** Its error output, likewise. */
  readonly stderr: ReadableStream<Uint8Array>;
  /** Resolves when the leader has ended and was waited for; never rejects. Its group may live on. */
  readonly exited: Promise<ExitStatus>;
}

/** A program that was started to live on by itself. */
export interface DetachedProcess {
  /** Its identity. */
  readonly identity: ProcessIdentity;
  /** Its end, for as long as this process lives to see it; it does not keep this process alive. */
  readonly exited: Promise<ExitStatus>;
}

/** One run of a program that was started with `marks`. */
export interface ProgramRun {
  /** The program, whose number is that of its session and group too. */
  leader: ProcessIdentity;
  /** Its marks with their values. */
  marks: Readonly<Record<string, string>>;
  /** User that it runs as; this process's own by default. */
  uid?: number;
}

/** A living process that belongs to a run. */
export interface RunProcess {
  /** Its identity. */
  identity: ProcessIdentity;
  /** Number of its process group. */
  group: number;
  /** Number of its session. */
  session: number;
  /** Its short name, as the system has it: any characters. */
  name: string;
}

/** A control group of its own for what a program starts, until it is disposed. */
export interface ControlGroup extends Disposable {
  /** Puts a process into it; what that starts from then on is born there, and gets out of it in no way of its own. */
  add(pid: number): void;
  /** Everybody in it. */
  members(): RunProcess[];
  /** Sends SIGKILL to everybody in it at one moment. */
  kill(): void;
}

/** Keeps this process the parent of what its descendants leave behind: see {@linkcode Processes.adoptOrphans}. */
export interface OrphanCare extends Disposable {
  /** Why it can't be, or could not wait for them; undefined where all is well. */
  readonly lack: string | undefined;
  /** Whether the system makes it the parent of every orphan anyway, as it is process 1. */
  readonly isInit: boolean;
}

/** A process as {@linkcode Processes.census} saw it. */
export interface ProcessEntry {
  /** Its identity. */
  identity: ProcessIdentity;
  /** Number of its parent, 0 where there is none. */
  parent: number;
  /** Number of its process group. */
  group: number;
  /** User that it belongs to, where it holds one of the variables and the system says it. */
  uid: number | undefined;
  /** Whether it has ended and was not waited for: it does nothing any more, but its number is still taken. */
  isZombie: boolean;
  /** Values of the variables asked for that its environment holds; none where it is kept from us. */
  env: Readonly<Record<string, string>>;
}

/** A file that a process holds a lock of, as {@linkcode Processes.lockedFiles} finds it. */
export interface LockedFile {
  /** The process that has it open. */
  identity: ProcessIdentity;
  /** Where it was made; it may have been removed or replaced there since. */
  path: string;
  /** Number of the file on its disk. */
  inode: number;
  /** Its present content, also when it has no name any more. */
  text: string;
}

/** A user as the system knows them. */
export interface UserInfo {
  /** User number. */
  uid: number;
  /** Number of the main group. */
  gid: number;
  /** Login name. */
  name: string;
  /** Home folder. */
  home: string;
}

/** Child processes and what is known of others. */
export interface Processes {
  /** The identity of this process. */
  self(): ProcessIdentity;
  /** The effective user number of this process. */
  readonly uid: number;
  /**
   * Starts a program. Resolves once it runs; fails with `SPAWN_NOT_FOUND`, `SPAWN_DENIED`, `SPAWN_BAD_CWD`, `SPAWN_BAD_USER`,
   * `IO_NO_RESOURCES` (too many files or processes, no memory: worth another try) or `SPAWN_FAILED`.
   */
  spawn(options: SpawnOptions): Promise<ChildProcess>;
  /**
   * Finds out, as far as one can without starting it, that {@linkcode Processes.spawn} would refuse a program for its file, folder, user or
   * interpreter, and throws the same error.
   */
  checkSpawn(options: Pick<SpawnOptions, "argv" | "cwd" | "env" | "uid" | "gid">): void;
  /**
   * Starts a program that outlives this process: leader of its own session, stdin empty, output thrown away. Resolves and fails as
   * {@linkcode Processes.spawn}.
   */
  spawnDetached(options: Pick<SpawnOptions, "argv" | "cwd" | "env">): Promise<DetachedProcess>;
  /** The identity of the process that has this number now, or undefined when there is none (zombies count as none). */
  identify(pid: number): ProcessIdentity | undefined;
  /** Whether exactly this process is alive; a zombie, a recycled number and another boot are not. */
  isAlive(identity: ProcessIdentity): boolean;
  /** Sends a signal to one process; false when it is gone. */
  signal(pid: number, signal: SignalName): boolean;
  /**
   * Sends a signal to all of a process group; false when nobody is left in it. A caller that has just seen a member sets `isSeen`: then
   * a group without a leader is not looked for in the whole process table, and zombies count too.
   */
  signalGroup(pgid: number, signal: SignalName, options?: { isSeen?: boolean }): boolean;
  /**
   * Returns the groups that have living members, found by one reading of the process table; without a file left to open, those that have
   * any.
   */
  livingGroups(pgids: readonly number[]): ReadonlySet<number>;
  /** Living members of a process group, zombies not counted; without a file left to open, its leader's number while there are any. */
  groupMembers(pgid: number): number[];
  /** Living processes of this user, and of root, whose environment holds `name`, with its value: others may write what they like into it. */
  findByEnv(name: string): { identity: ProcessIdentity; value: string }[];
  /**
   * The living processes of some runs, by the object that stands for the run: the members of the leader's session and group, what descends
   * from it, and what carries its marks, be it in another session and an orphan. A process with the marks of a run that is neither its
   * user's nor ours nor root's is not believed.
   *
   * - {@linkcode Processes.adoptOrphans} adds what has rewritten its environment and left everything else.
   * - A quick look believes what earlier looks have found out about processes that were there, which is for the moment after a crash: a
   *   full one should follow.
   * - Fails with `IO_NO_RESOURCES` without a file left to open.
   */
  belonging(runs: readonly ProgramRun[], options?: { isQuick?: boolean }): ReadonlyMap<ProgramRun, readonly RunProcess[]>;
  /**
   * Makes a control group, below this process's own, or goes on with one of that name. Fails with `UNSUPPORTED` where control groups of
   * version 2 are not writable, which is so for everybody but root unless somebody has handed them over.
   */
  controlGroup(name: string): ControlGroup;
  /**
   * Makes this process the parent of what its descendants leave behind (a subreaper), waits for each of those when it ends, and gives all
   * that is started from now on a mark that nobody can take off. It never waits for what {@linkcode Processes.spawn} has started. One owner
   * of the process at a time.
   */
  adoptOrphans(): OrphanCare;
  /** Every process, zombies too, in one look, with these variables of its environment; those of other users stay unseen without rights. */
  census(variables: readonly string[]): ProcessEntry[];
  /**
   * Files of this name, in whatever folder, that living processes of this user hold locks of by {@linkcode Files.lock}: also those that were
   * removed, and in folders that nobody told us of. Processes of other users and of other containers are left out. Empty where the system
   * does not tell.
   */
  lockedFiles(name: string): LockedFile[];
  /** Looks a user up by name or number. Fails with `SPAWN_BAD_USER`. */
  user(nameOrUid: string | number): UserInfo;
  /** Looks a group up by name or number. Fails with `SPAWN_BAD_USER`. */
  group(nameOrGid: string | number): number;
}

/** Where a server listens: a unix socket, or an interface and port (0 takes a free one). */
export type Address = { unix: string } | { hostname: string; port: number };

/** Facts about the connection that a request came over. */
export interface HttpConnection {
  /** Whether so many connections are at work that only what ends at once should be answered. */
  readonly isCrowded: boolean;
}

/** Answers one request. */
export type HttpHandler = (request: Request, connection?: HttpConnection) => Response | Promise<Response>;

/** How {@linkcode Http.serve} listens. */
export interface ServeOptions {
  /** Permissions of a socket file. @default {0o600} */
  mode?: number;
  /** Group of a socket file. @default {that of this process} */
  gid?: number;
  /** Most connections at once; asked for each one. @default {() => 1_000} */
  maxConnections?: () => number;
}

/** A listening server. */
export interface HttpServer {
  /** Where it really listens. */
  readonly address: Address;
  /** Whether its socket file is still the one at its path: somebody else may have removed or replaced it. True without one. */
  hasFile(): boolean;
  /** Accepts no more, lets running requests end until `signal` aborts, then cuts them; removes its socket file, not that of another. */
  stop(options?: { signal?: AbortSignal }): Promise<void>;
}

/** HTTP over TCP and unix sockets. */
export interface Http {
  /**
   * Serves requests. A socket file that nobody answers on (left by a crash) is replaced, a live one is refused with `IO_ADDRESS_IN_USE`.
   *
   * - Connections are counted: above `maxConnections`, or a quarter of the files that this process may open (sockets: an eighth), the one that
   *   has waited longest without a request makes room; where all are at work, the new one is answered 503 and closed.
   * - Files are left for programs that are to be started, and for control sockets.
   * - A head has to be whole within 10 seconds and 16 KiB; the next request has to come within a minute. Streams may be quiet for ever.
   */
  serve(address: Address, handler: HttpHandler, options?: ServeOptions): Promise<HttpServer>;
  /** Sends a request. Fails with `IO_NOT_FOUND` (no socket file), `IO_REFUSED` (nobody listens) or `IO_FAILED`. */
  request(address: Address, path: string, init?: RequestInit): Promise<Response>;
  /**
   * Makes a TCP connection and ends it again. Fails with `IO_REFUSED` (nobody listens) or `IO_FAILED`, and with the reason when `signal`
   * aborts.
   */
  connect(address: { hostname: string; port: number }, options: { signal: AbortSignal }): Promise<void>;
}

/** A socket that listens on a TCP port. */
export interface ListeningSocket {
  /** The address as a URL has it, without brackets; `0.0.0.0` and `::` are all of their kind. An IPv4 address never comes in the form of IPv6. */
  hostname: string;
  /** Its port. */
  port: number;
  /** Its number in the system: two sockets of the same address, which share their port, have two. */
  inode: number;
  /** User who made it. */
  uid: number;
}

/** A process that holds a socket; several may hold the same. */
export interface SocketHolder {
  /** Number of the socket. */
  inode: number;
  /** Number of the process. */
  pid: number;
  /** Short name of its program, as the system has it: any characters. */
  name: string;
}

/** Listeners on this machine. */
export interface Sockets {
  /** Whether connections to a host stay on this machine, as far as its name tells: nothing is looked up. */
  isLocal(hostname: string): boolean;
  /**
   * Sockets that listen on one of these ports, in the network of this process; undefined where the system does not tell. Fails with
   * `IO_NO_RESOURCES`.
   */
  listening(ports: ReadonlySet<number>): ListeningSocket[] | undefined;
  /**
   * Holders of these sockets, among these processes or all. `unseen` are living ones whose files are kept from us, or are so many
   * that not all were looked at. Fails with `IO_NO_RESOURCES`.
   */
  holders(inodes: ReadonlySet<number>, pids?: readonly number[]): { found: SocketHolder[]; unseen: number[] };
}

/** A recording of where the time goes. */
export interface CpuRecording {
  /** Ends it and resolves with the text of a `.cpuprofile`; a second call gives the same. */
  stop(): Promise<string>;
}

/** Looks at what this process spends its time and memory on, in the formats of Chrome's developer tools. */
export interface Profiler {
  /** Begins to look at the stack each millisecond; the recording has to be stopped before the next one. Fails with `PROFILING_FAILED`. */
  startCpu(): Promise<CpuRecording>;
  /**
   * A `.heapsnapshot`: everything on the heap, texts and secrets included, and what holds it there. The process stands still while it is
   * made. Fails with `PROFILING_FAILED`.
   */
  heap(): ReadableStream<Uint8Array>;
}

/** A connection between two processes. */
export interface Connection extends Disposable {
  /**
   * The next bytes from the other side, undefined once it has ended. Unread bytes stay with the sender. One call at a time.
   *
   * Rejects with `IPC_FAILED` when the connection broke.
   */
  read(): Promise<Uint8Array | undefined>;
  /** Sends bytes in order; resolves when there is room for more. Rejects with `IPC_FAILED` when the other side has gone. */
  write(bytes: Uint8Array): Promise<void>;
  /** Says that nothing more comes from here, and resolves once everything is sent or the other side has gone. */
  end(): Promise<void>;
}

/** Somebody who takes connections until disposed. */
export interface IpcServer extends Disposable {
  /** Whether its socket file is still the one at its path. */
  hasFile(): boolean;
}

/** Bytes between processes of this machine, over unix sockets. */
export interface Ipc {
  /**
   * Listens on a socket file of mode 0o600, in the place of whatever stands there, until the result is disposed; that ends no connection,
   * and removes no file but its own. Rejects with `IO_FAILED` and its kin when it can't.
   */
  listen(path: string, onConnection: (connection: Connection) => void): Promise<IpcServer>;
  /** Connects. Rejects with `IO_NOT_FOUND` (no socket file), `IO_REFUSED` (nobody listens) or `IO_FAILED`. */
  connect(path: string): Promise<Connection>;
}

/** Code that is not part of this program. */
export interface Modules {
  /** Runs a TypeScript or JavaScript file, with what it imports, and returns what it exports. Rejects with what that threw. */
  load(path: string): Promise<Readonly<Record<string, unknown>>>;
  /** Why a runtime can't load a file of such a path, to go on after "as"; undefined where it can. */
  unloadable(path: string): string | undefined;
  /** Answers imports of a package by its name, where the runtime can do that; `exports` is called for the first one. */
  provide(name: string, exports: () => Promise<Readonly<Record<string, unknown>>>): void;
}

/** Environment variables of this process. */
export interface Env {
  /** The value, or undefined when it is not set. */
  get(name: string): string | undefined;
  /** A copy of all of them, without those that are {@linkcode Env.broken}. */
  all(): Record<string, string>;
  /** Names of those whose bytes are no UTF-8: they can't be told or handed on as they are. */
  broken(): readonly string[];
}

/** The terminal or whatever stdout (1) and stderr (2) are. */
export interface Terminal {
  /** Whether the descriptor is a terminal. */
  isTerminal(fd: 1 | 2): boolean;
  /**
   * Whether the system ends this process when its terminal goes away: it has one, wherever its output goes, and nobody (`nohup`) asked to
   * ignore SIGHUP. False once that terminal is gone.
   */
  canHangUp(): boolean;
  /** Width in characters, 80 when it is no terminal. */
  columns(): number;
  /** Height in lines, 24 when it is no terminal. */
  rows(): number;
  /**
   * Writes text whole, and waits for who reads it: for commands that have nothing else to do. False when nobody reads any more (EPIPE),
   * never an exception. From the first {@linkcode Terminal.post} on it does not wait either.
   */
  write(fd: 1 | 2, text: string): boolean;
  /**
   * Hands on text that is written as soon as its reader takes it; this process waits for nothing. False once nobody reads any more.
   *
   * - A bounded amount waits; what comes after that is dropped, and a line in its place says how many lines are missing.
   * - Text posted to both keeps its order where both are one terminal or pipe.
   * - Files are written at once.
   */
  post(fd: 1 | 2, text: string | Uint8Array, options?: PostOptions): boolean;
  /**
   * For who posts much and can wait, so that a burst costs no lines: resolves when the reader has caught up, after a tenth of a second at the
   * latest. Undefined while there is room, and when the reader has stopped reading.
   */
  room(fd: 1 | 2): Promise<void> | undefined;
  /** Whether posted text waits for its reader. */
  isBusy(fd: 1 | 2): boolean;
  /**
   * Resolves with true once everything posted is written or nobody reads any more, and with false when a reader takes nothing for a second,
   * or not all within five. A write that goes on then keeps the process from ending by itself: see {@linkcode OwnProcess.exit}.
   */
  flush(): Promise<boolean>;
}

/** Resource usage of a process; a figure that the system does not tell is missing. */
export interface ProcessUsage {
  /** Resident memory in bytes. */
  residentBytes?: number;
  /** Seconds of processor time, user and system together. */
  cpuSeconds?: number;
  /** Open file descriptors. */
  openFiles?: number;
  /** Seconds since the Unix epoch at which the process started. */
  startSeconds?: number;
}

/** Process-wide effects. Only the owner of the process uses them: the executable, or a daemon that was told it owns the process. */
export interface OwnProcess {
  /**
   * Claims something of which a process has one for one owner until the result is disposed: without `thing` the process itself, else what
   * `thing` names, such as a file that carries the number of this process.
   *
   * Fails with a `DaemonError` of code `RUNTIME_STATE` when it has an owner: two owners would fight over signals and the exit code.
   */
  claim(owner: string, thing?: string): Disposable;
  /** Command line arguments after the program. */
  readonly args: readonly string[];
  /** Argv that starts this same program again, without arguments: the compiled executable, or the runtime and the entry file. */
  readonly command: readonly string[];
  /**
   * Current working folder, under the name that the environment's PWD gives it where that is true. Fails with `IO_NOT_FOUND` when it was
   * removed.
   */
  cwd(): string;
  /** Changes the working folder. */
  chdir(path: string): void;
  /** Sets the code with which the process will end by itself. */
  setExitCode(code: number): void;
  /** Ends the process now. */
  exit(code: number): never;
  /** Keeps the process alive until the result is disposed: neither signal listeners nor unix sockets do that everywhere. */
  hold(): Disposable;
  /**
   * Hands uncaught errors and unhandled rejections to `handler` instead of ending the process. `owner` is the label given to
   * {@linkcode OwnProcess.runAs} around the code that failed, where the runtime can tell.
   */
  onUncaught(handler: (error: unknown, owner: string | undefined) => void): Disposable;
  /** Runs `fn`, and all that it starts, under a label that {@linkcode OwnProcess.onUncaught} reports, or under none. */
  runAs<T>(owner: string | undefined, fn: () => T): T;
  /** The label under which the calling code runs; undefined outside {@linkcode OwnProcess.runAs}. */
  label(): string | undefined;
  /**
   * Calls `fn` after `delayMs` if the process is still alive by then, for which this alone is no reason, and nobody has claimed it. `heldBy`
   * names what keeps it alive, such as `2 Timeout`, where the runtime tells.
   */
  onOverstay(delayMs: number, fn: (heldBy: readonly string[]) => void): void;
  /** Resident memory in bytes, for `version` and `status`; 0 when the system does not tell. */
  residentBytes(): number;
  /** Resource usage of this process, for metrics. */
  usage(): ProcessUsage;
}
