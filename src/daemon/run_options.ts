import type { Duration } from "../core/values/duration.ts";

/** Options of {@linkcode Daemon.start} and {@linkcode Daemon.run}. */
export interface RunOptions {
  /**
   * Whether the daemon may change the process: signals, working folder, exit code, uncaught errors, the console. Two owners are refused.
   *
   * @default {true for run(), false for start()}
   */
  ownsProcess?: boolean;
  /**
   * Whether nobody watches: records and the lines of services go to files below the state folder, and not to the console. Only for the
   * daemon of a configuration file that owns its process.
   *
   * @default {false}
   */
  isBackground?: boolean;
  /**
   * Whether the daemon takes a lock and opens a control socket, so that `status`, `stop` and the other commands reach it. It is found by the
   * file of its program; `runCli` asks for it. The daemon of a configuration file always does.
   *
   * @default {false}
   */
  isControlled?: boolean;
  /**
   * How long the process may live on after the daemon that owns it has stopped. Then it says what keeps it alive, such as a timer that a
   * subsystem forgot, and ends with the daemon's code. `never` leaves it alone: for programs that do something else afterwards.
   *
   * @default {"5s"}
   */
  exitGrace?: Duration | "never";
}

/** {@linkcode RunOptions} with their defaults. */
export interface StartOptions extends Required<Omit<RunOptions, "exitGrace">> {
  /** Milliseconds; undefined when the process may live on. */
  exitGraceMs: number | undefined;
}
