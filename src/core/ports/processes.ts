import type { ExitStatus } from "../values/exit_status.ts";
import type { Rlimits } from "../values/rlimits.ts";
import type { SignalName } from "../values/signal_name.ts";

/** Identity of a process, which no later process with the same number shares. */
export interface ProcessIdentity {
  /** Process number. */
  pid: number;
  /** Start time in clock ticks since boot (field 22 of /proc/PID/stat), 0 where the system does not say. */
  startTicks: number;
  /** Identifies the boot, empty where the system does not say. */
  bootId: string;
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
  /** Ends the wait for its turn, where many programs are started at once: the promise rejects with its reason, and nothing was started. */
  signal?: AbortSignal;
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
  /** Whether this process may give its files to a group: root to any, others to those that they are in. */
  mayGive(gid: number): boolean;
}
