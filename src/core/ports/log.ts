/** How important a record is, least first. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

/**
 * The levels by name, for those who like `LogLevel.Info` better than `"info"`.
 *
 * @example Both are the same
 * ```ts
 * import { Config, LogLevel } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(Config.builder().logLevel(LogLevel.Debug).build().logging.level, "debug");
 * ```
 */
export const LogLevel = { Trace: "trace", Debug: "debug", Info: "info", Warn: "warn", Error: "error" } as const;

/** Every {@linkcode LogLevel}, least important first. */
export const LOG_LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error"];

/** One thing that happened, as data. */
export interface LogRecord {
  /** Milliseconds since the Unix epoch. */
  timeMs: number;
  /** How important it is. */
  level: LogLevel;
  /** The event, in one sentence without its variable parts. */
  message: string;
  /** Name of the logger: the daemon's part or the subsystem's path. */
  logger: string;
  /** The variable parts. An error stands under `err`. */
  fields: Readonly<Record<string, unknown>>;
}

/** Facts of a record beside its message. */
export type LogFields = LogRecord["fields"];

/** Where records go. It must not throw; a record it can't keep is its own to count. */
export type LogSink = (record: LogRecord) => void;

/** Log interface of features and subsystems. */
export interface Logger {
  /** Records a step that only its developer cares for. */
  trace(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Records a detail that helps to find a fault. */
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Records a normal event that an operator wants to see. */
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Records something that may need a look. */
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Records a failure. */
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Whether a record of this level would go anywhere. */
  isEnabled(level: LogLevel): boolean;
  /** A logger whose name is this one's, a slash and `name`, with `fields` added to each record. */
  child(name: string, fields?: Readonly<Record<string, unknown>>): Logger;
}

/**
 * A logger that goes nowhere, for daemons that were given no sink.
 *
 * @example It is enabled for nothing
 * ```ts
 * import assert from "node:assert/strict";
 *
 * silentLogger.error("nobody hears this");
 * assert.ok(!silentLogger.isEnabled("error"));
 * ```
 */
export const silentLogger: Logger = {
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  isEnabled: () => false,
  child: () => silentLogger,
};
