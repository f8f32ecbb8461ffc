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
