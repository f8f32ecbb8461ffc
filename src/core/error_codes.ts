/** What part of a daemon an error belongs to. */
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
}

const row = (number: number, category: ErrorCategory, severity: ErrorSeverity = "error", retryable = false): ErrorCodeEntry => ({
  number,
  category,
  severity,
  retryable,
});

/** Every code that a {@linkcode DaemonError} can carry: stable text, number, category, severity and whether trying again may help. */
export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorCodeEntry>> = {
  CONFIG_INVALID: row(1000, "config"),
  CONFIG_NOT_FOUND: row(1001, "config"),
  CONFIG_SYNTAX: row(1002, "config"),
  CONFIG_NOT_YET: row(1003, "config"),
  CONFIG_UNREADABLE: row(1004, "config"),
  SIGNAL_FAILED: row(2002, "signal"),
  SHUTDOWN_IN_PROGRESS: row(3000, "shutdown"),
  SHUTDOWN_TIMEOUT: row(3001, "shutdown"),
  SHUTDOWN_REQUESTED: row(3002, "shutdown", "warning"),
  SHUTDOWN_FORCED: row(3003, "shutdown"),
  SUBSYSTEM_FAILED: row(4000, "subsystem"),
  SUBSYSTEM_UNKNOWN: row(4001, "subsystem"),
  SUBSYSTEM_START_FAILED: row(4002, "subsystem"),
  SUBSYSTEM_START_TIMEOUT: row(4003, "subsystem"),
  SUBSYSTEM_STOP_FAILED: row(4004, "subsystem"),
  SUBSYSTEM_STOP_TIMEOUT: row(4005, "subsystem"),
  SUBSYSTEM_EXHAUSTED: row(4006, "subsystem"),
  SUBSYSTEM_EXITED: row(4007, "subsystem", "error", true),
  SUBSYSTEM_LISTENER_FAILED: row(4008, "subsystem"),
  IO_FAILED: row(5000, "io", "error", true),
  IO_NOT_FOUND: row(5001, "io"),
  IO_DENIED: row(5002, "io"),
  IO_EXISTS: row(5003, "io"),
  IO_ADDRESS_IN_USE: row(5004, "io"),
  IO_NO_RESOURCES: row(5005, "io", "error", true),
  IO_REFUSED: row(5006, "io", "error", true),
  IO_TOO_LARGE: row(5007, "io"),
  SPAWN_FAILED: row(5010, "io", "error", true),
  SPAWN_NOT_FOUND: row(5011, "io"),
  SPAWN_DENIED: row(5012, "io"),
  SPAWN_BAD_CWD: row(5013, "io"),
  SPAWN_BAD_USER: row(5014, "io"),
  SPAWN_NO_RESOURCES: row(5015, "io", "error", true),
  RUNTIME_PANIC: row(6000, "runtime", "fatal"),
  RUNTIME_STATE: row(6001, "runtime"),
  LOCK_HELD: row(6002, "lock"),
  TIMEOUT: row(6003, "runtime", "error", true),
  UNSUPPORTED: row(6004, "runtime"),
  BUS_LAGGED: row(6005, "runtime", "warning", true),
  CHANNEL_CLOSED: row(6006, "runtime"),
  PROFILING_FAILED: row(7000, "profiling"),
  IPC_FAILED: row(8000, "ipc", "error", true),
  IPC_PROTOCOL: row(8001, "ipc"),
  IPC_DENIED: row(8002, "ipc"),
  IPC_BUSY: row(8003, "ipc", "error", true),
};
