import { LOG_LEVELS, type LogLevel } from "../core/ports/log.ts";
import type { ByteSize } from "../core/values/bytes.ts";
import type { Of, TableNode } from "../schema/node.ts";
import { flag, integer, oneOf, path, size } from "../schema/shapes.ts";
import { keyOf, table } from "../schema/table.ts";

/** Settings of the daemon's own log. */
export interface LoggingOptions {
  readonly level?: LogLevel;
  readonly json?: boolean;
  readonly color?: boolean;
  readonly file?: string;
  readonly maxFileSize?: ByteSize;
  readonly maxFiles?: number;
}

const live = keyOf("live");

/** The table `[logging]`. */
export const LOGGING: Of<LoggingOptions, TableNode> = table<LoggingOptions>({
  level: live("The least important records that are written.", oneOf(LOG_LEVELS), { default: "info" }),
  json: live("Whether records are written as JSON, one a line.", flag(), { default: false }),
  color: live("Whether a terminal gets colours.", flag(), { default: true }),
  file: live("A file that the records of the daemon go to as well.", path(), { example: "run/daemon.log" }),
  maxFileSize: live("A larger file is put aside and begun anew.", size({ such: 'such as 104857600, "64KiB" or "20MB"' }), {
    default: 104_857_600,
  }),
  maxFiles: live("How many older files are kept.", integer(0), { default: 5 }),
}, { expects: "a table of logging keys" });
