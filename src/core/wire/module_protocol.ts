import type { ErrorLink } from "../values/errors.ts";
import type { LogLevel } from "../ports/log.ts";
import type { MetricsDelta } from "./metrics_delta.ts";

/** First argument of a program that is started again to run a module; no command has this name. */
export const MODULE_WORD = "__module";
/** The socket on which the daemon waits for a module. */
export const REPORT_SOCKET_VARIABLE = "DAEMONKIT_IPC";
/** Variable with the secret by which a module proves to the daemon which one it is. */
export const TOKEN_VARIABLE = "DAEMONKIT_IPC_TOKEN";
/** Version of what follows. */
export const MODULE_PROTOCOL = 1;
/** A module says so often that its loop goes on. */
export const HEARTBEAT_MS = 1_000;

/** Messages from a module's process to its daemon; `hello` comes first. */
export type ModuleMessage =
  | { type: "hello"; protocol: number; token: string }
  | { type: "ready" }
  | { type: "heartbeat" }
  | { type: "log"; level: LogLevel; logger: string; message: string; fields: Readonly<Record<string, unknown>> }
  | { type: "dropped"; records: number }
  | { type: "metrics"; delta: MetricsDelta }
  | { type: "shutdown"; reason: string; exitCode?: number; force?: true }
  | { type: "result" }
  | { type: "error"; error: ErrorLink };

/** Messages from a daemon to the process of a module; `welcome` answers `hello`. */
export type DaemonMessage =
  | { type: "welcome"; unit: string; run: number; attempt: number; stopTimeoutMs: number }
  | { type: "stop"; reason: string };
