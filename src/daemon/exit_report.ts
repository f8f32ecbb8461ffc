/** How a daemon ended. */
export interface ExitReport {
  /** The code with which the process ends: 0 after a clean stop; see `EXIT_CODES`. */
  exitCode: number;
  /** Why it stopped, in a few words. */
  reason: string;
  /** Errors on the way, oldest first: the newest 100. An error that was over before the shutdown began does not change the exit code. */
  errors: unknown[];
  /** Older errors that had to make room. */
  droppedErrors: number;
  /** Runs that did not stop in their time: their paths, and how long each was waited for. */
  unstopped: { path: string; waitedMs: number }[];
  /** Paths of the services that were killed, as they did not stop in their time or in that of the daemon. */
  killed: string[];
  /**
   * Processes that could not be ended, whenever that was tried, and live on, with the paths of their units. With one of them the end is no
   * clean one.
   */
  survivors: { path: string; pids: number[] }[];
  /** Milliseconds from the start to the end. */
  uptimeMs: number;
}
