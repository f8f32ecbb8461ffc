/** Part of a daemon that an error belongs to. */
export type ErrorCategory = "config" | "signal" | "shutdown" | "subsystem" | "io" | "runtime" | "profiling" | "lock" | "ipc";

/** How bad an error is: `error` fails an operation, `fatal` ends the daemon, `warning` is recorded only. */
export type ErrorSeverity = "warning" | "error" | "fatal";

/** A stable name of a failure; the table is {@linkcode ERROR_CODES}. */
export type ErrorCode =
  | "CONFIG_INVALID"
  | "CONFIG_NOT_FOUND"
  | "CONFIG_SYNTAX"
  | "CONFIG_NOT_YET"
  | "CONFIG_UNREADABLE"
  | "SIGNAL_FAILED"
  | "SHUTDOWN_IN_PROGRESS"
  | "SHUTDOWN_TIMEOUT"
  | "SHUTDOWN_REQUESTED"
  | "SHUTDOWN_FORCED"
  | "SUBSYSTEM_FAILED"
  | "SUBSYSTEM_UNKNOWN"
  | "SUBSYSTEM_START_FAILED"
  | "SUBSYSTEM_START_TIMEOUT"
  | "SUBSYSTEM_STOP_FAILED"
  | "SUBSYSTEM_STOP_TIMEOUT"
  | "SUBSYSTEM_EXHAUSTED"
  | "SUBSYSTEM_EXITED"
  | "SUBSYSTEM_LISTENER_FAILED"
  | "SUBSYSTEM_FATAL"
  | "IO_FAILED"
  | "IO_NOT_FOUND"
  | "IO_DENIED"
  | "IO_EXISTS"
  | "IO_ADDRESS_IN_USE"
  | "IO_NO_RESOURCES"
  | "IO_REFUSED"
  | "IO_TOO_LARGE"
  | "SPAWN_FAILED"
  | "SPAWN_NOT_FOUND"
  | "SPAWN_DENIED"
  | "SPAWN_BAD_CWD"
  | "SPAWN_BAD_USER"
  | "SPAWN_NO_RESOURCES"
  | "RUNTIME_PANIC"
  | "RUNTIME_STATE"
  | "LOCK_HELD"
  | "TIMEOUT"
  | "UNSUPPORTED"
  | "BUS_LAGGED"
  | "CHANNEL_CLOSED"
  | "PROFILING_FAILED"
  | "IPC_FAILED"
  | "IPC_PROTOCOL"
  | "IPC_DENIED"
  | "IPC_BUSY";

/** One row of {@linkcode ERROR_CODES}. */
export interface ErrorCodeEntry {
  /** The number of the same failure in the Rust crate proc-daemon, or the next free one of its block. */
  number: number;
  /** The part of the daemon that fails. */
  category: ErrorCategory;
  /** How bad it is. */
  severity: ErrorSeverity;
  /** Whether the same call may succeed when it is made again. */
  retryable: boolean;
  /** Advice: how to mend it, in a sentence or two. */
  remedy: string;
}

function row(
  number: number,
  category: ErrorCategory,
  remedy: string,
  severity: ErrorSeverity = "error",
  retryable: boolean = false,
): ErrorCodeEntry {
  return { number, category, severity, retryable, remedy };
}

/** Every code that a {@linkcode DaemonError} can carry: stable text, number, category, severity and whether trying again may help. */
export const ERROR_CODES: Readonly<
  Record<ErrorCode, { number: number; category: ErrorCategory; severity: ErrorSeverity; retryable: boolean; remedy: string }>
> = {
  CONFIG_INVALID: row(1000, "config", "Mend the key that the message names; `daemonkit validate` lists all mistakes at once."),
  CONFIG_NOT_FOUND: row(1001, "config", "Name an existing file with `-c`; `daemonkit init` writes one to begin with."),
  CONFIG_SYNTAX: row(1002, "config", "Mend the file at the line and column that the message names."),
  CONFIG_NOT_YET: row(1003, "config", "Remove the key: this version does not do what it stands for."),
  CONFIG_UNREADABLE: row(1004, "config", "Make the file a readable regular file or pipe of this user, in UTF-8."),
  SIGNAL_FAILED: row(2002, "signal", "Name a signal that a process can handle on this system."),
  SHUTDOWN_IN_PROGRESS: row(
    3000,
    "shutdown",
    "Nothing starts during a shutdown: ask again once the daemon has ended and was started anew.",
  ),
  SHUTDOWN_TIMEOUT: row(
    3001,
    "shutdown",
    "Give the units that the report names more time in `stop.timeout`, or find out what they wait for.",
  ),
  SHUTDOWN_REQUESTED: row(3002, "shutdown", "Nothing: a wait ended because the daemon stops.", "warning"),
  SHUTDOWN_FORCED: row(3003, "shutdown", "Nothing: a wait ended because the graceful time was over."),
  SUBSYSTEM_FAILED: row(4000, "subsystem", "Look at its cause and at `daemonkit logs NAME`."),
  SUBSYSTEM_UNKNOWN: row(4001, "subsystem", "Name a unit that `daemonkit status` shows."),
  SUBSYSTEM_START_FAILED: row(4002, "subsystem", "Look at its cause: what the unit threw before it was ready."),
  SUBSYSTEM_START_TIMEOUT: row(4003, "subsystem", "Look at the probe in the message; give the unit more time in `ready.timeout`."),
  SUBSYSTEM_STOP_FAILED: row(4004, "subsystem", "Look at its cause: what the unit or one of its disposers threw while it stopped."),
  SUBSYSTEM_STOP_TIMEOUT: row(4005, "subsystem", "Give it more time in `stop.timeout`, or let it listen to its signal."),
  SUBSYSTEM_EXHAUSTED: row(4006, "subsystem", "Mend what makes it fail; `daemonkit start NAME` tries again."),
  SUBSYSTEM_EXITED: row(4007, "subsystem", "Look at the last lines in the message and at `daemonkit logs NAME`.", "error", true),
  SUBSYSTEM_LISTENER_FAILED: row(4008, "subsystem", "Handle the error inside the listener or handler that the message names."),
  SUBSYSTEM_FATAL: row(4009, "subsystem", "Look at its cause: the unit itself says that a restart does not help."),
  IO_FAILED: row(5000, "io", "Look at the system error in the message; another attempt may succeed.", "error", true),
  IO_NOT_FOUND: row(5001, "io", "Make the file or folder, or name another one."),
  IO_DENIED: row(5002, "io", "Give the user of the daemon the permission that the message names."),
  IO_EXISTS: row(5003, "io", "Remove what is there, or name another path."),
  IO_ADDRESS_IN_USE: row(5004, "io", "Stop who holds the address, or choose another one."),
  IO_NO_RESOURCES: row(5005, "io", "Raise the limit of open files, or free disk or memory; another attempt may succeed.", "error", true),
  IO_REFUSED: row(5006, "io", "Start what should listen there, or mend the address.", "error", true),
  IO_TOO_LARGE: row(5007, "io", "Name a smaller file: the limit is in the message."),
  SPAWN_FAILED: row(5010, "io", "Look at the system error in the message; another attempt may succeed.", "error", true),
  SPAWN_NOT_FOUND: row(5011, "io", "Install the program, or write its whole path."),
  SPAWN_DENIED: row(5012, "io", "Make the file executable for the user of the service."),
  SPAWN_BAD_CWD: row(5013, "io", "Make the folder, or mend `cwd`."),
  SPAWN_BAD_USER: row(5014, "io", "Name a user or group of this system; only root can set another one."),
  SPAWN_NO_RESOURCES: row(5015, "io", "Raise the limit of processes or open files; another attempt may succeed.", "error", true),
  RUNTIME_PANIC: row(6000, "runtime", "Handle the error in the unit that the message names.", "fatal"),
  RUNTIME_STATE: row(6001, "runtime", "Call it at another moment of the life of the daemon, as the message says."),
  LOCK_HELD: row(6002, "lock", "A daemon of this file runs: `daemonkit status` shows it, `daemonkit down` stops it."),
  TIMEOUT: row(6003, "runtime", "Wait longer with `--timeout`, or find out what takes so long.", "error", true),
  UNSUPPORTED: row(6004, "runtime", "This system or runtime can not do it: the message says what would."),
  BUS_LAGGED: row(6005, "runtime", "Read faster, or raise `bus.capacity`: so many events were missed as the error says.", "warning", true),
  CHANNEL_CLOSED: row(6006, "runtime", "Stop sending once the receiver has gone."),
  PROFILING_FAILED: row(7000, "profiling", "Look at the message: one profile at a time, and only where the runtime can."),
  IPC_FAILED: row(8000, "ipc", "Look whether the other side lives; another attempt may succeed.", "error", true),
  IPC_PROTOCOL: row(8001, "ipc", "Use the same version of daemonkit on both sides."),
  IPC_DENIED: row(8002, "ipc", "Ask as the user of the daemon, or with its token."),
  IPC_BUSY: row(8003, "ipc", "Ask again later, or raise `max_clients` of the listener.", "error", true),
};
