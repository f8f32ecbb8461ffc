import type { ErrorLink } from "./errors.ts";
import type { LogLevel } from "./log.ts";

/** First argument of a program that is started again to run a module; no command has this name. */
export const MODULE_WORD = "__module";
/** The socket on which the daemon waits for a module. */
export const SOCKET_VARIABLE = "DAEMONKIT_IPC";
/** What shows the daemon which of its modules has called. */
export const TOKEN_VARIABLE = "DAEMONKIT_IPC_TOKEN";
/** Version of what follows. */
export const MODULE_PROTOCOL = 1;
/** A module says so often that its loop goes on. */
export const HEARTBEAT_MS = 1_000;

/** What a module's process tells its daemon; `hello` comes first. */
export type ModuleMessage =
  | { type: "hello"; protocol: number; token: string }
  | { type: "ready" }
  | { type: "heartbeat" }
  | { type: "log"; level: LogLevel; logger: string; message: string; fields: Readonly<Record<string, unknown>> }
  | { type: "dropped"; records: number }
  | { type: "shutdown"; reason: string; exitCode?: number; force?: true }
  | { type: "result" }
  | { type: "error"; error: ErrorLink };

/** What a daemon tells the process of a module; `welcome` answers `hello`. */
export type DaemonMessage =
  | { type: "welcome"; unit: string; run: number; attempt: number; stopTimeoutMs: number }
  | { type: "stop"; reason: string };
