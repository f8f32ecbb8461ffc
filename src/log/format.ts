import type { LogLevel, LogRecord } from "../core/ports/log.ts";
import { escapeControls, paint } from "../core/values/terminal_text.ts";
import { type ErrorFields, fieldsOf, jsonOf } from "./fields.ts";

/** Turns a record into its line or lines, the last line end included. */
export type LogFormat = (record: LogRecord) => string;

const LEVEL_COLORS: Readonly<Record<LogLevel, number>> = { trace: 2, debug: 2, info: 32, warn: 33, error: 31 };
const INDENT = "    ";

/** Writes a record as one line of JSON: `{time, level, msg, logger, …fields}`. */
export function formatJson(record: LogRecord): string {
  const { timeMs, level, message, logger } = record;
  let line = `{"time":"${isoTime(timeMs)}","level":"${level}","msg":${JSON.stringify(message)},"logger":${JSON.stringify(logger)}`;
  for (const [name, value] of fieldsOf(record)) {
    const json = jsonOf(value);
    if (json !== undefined) line += `,${JSON.stringify(name)}:${json}`;
  }
  return `${line}}\n`;
}

/**
 * Writes a record for people: time, level, logger, message, `name=value` for each field, and below that what an error was caused by and
 * where. Nothing in a record can forge another one or reach the terminal: what follows a line end is indented, other controls are escaped.
 */
export function formatText(record: LogRecord, options: { color?: boolean } = {}): string {
  const { color = false } = options;
  const tint = color ? paint : (text: string) => text;
  const { timeMs, level, message, logger } = record;
  const [title, ...below] = message.split("\n");
  let line = `${tint(isoTime(timeMs), 2)} ${tint(level.toUpperCase().padEnd(5), LEVEL_COLORS[level])} ${escapeControls(logger)} ${
    escapeControls(title)
  }`;
  for (const [name, value] of fieldsOf(record)) {
    const text = name === "err" ? errorTitle(value as ErrorFields, below) : typeof value === "string" ? value : jsonOf(value);
    if (text !== undefined) line += ` ${tint(`${escapeControls(name)}=`, 2)}${quoted(text, typeof value === "string" || name === "err")}`;
  }
  return `${[line, ...below.map((text) => `${INDENT}${escapeControls(text)}`)].join("\n")}\n`;
}

/** ISO 8601 in UTC. */
function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** The first line of what an error says; the rest of it goes below. */
function errorTitle({ name, code, message, chain, stack }: ErrorFields, below: string[]): string {
  const [title, ...rest] = message.split("\n");
  below.push(...rest);
  for (const link of chain) below.push(...`caused by ${link.name}: ${link.message}`.split("\n"));
  for (const frame of stack?.split("\n") ?? []) if (/^\s+at /.test(frame)) below.push(frame.trimStart());
  return `${name}: ${title}${code === undefined ? "" : ` [${code}]`}`;
}

function quoted(text: string, isText: boolean): string {
  return escapeControls(isText && !/^[^\s"=]+$/.test(text) ? JSON.stringify(text) : text);
}
