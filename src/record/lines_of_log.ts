import type { LineBlock } from "../core/wire/line_block.ts";
import { LOG_LEVELS, type Logger, type LogSink } from "../core/ports/log.ts";
import { formatText } from "../log/format.ts";

/** Text before the level of a {@linkcode formatText} line, and between level and message; time and name of the line say both. */
const HEAD = /^\S+ (\S+ +)\S+ /;

/** A sink that hands on records as lines of a unit, as if the unit had printed them: warnings and errors on stderr. */
export function linesSink(name: string, publish: (block: LineBlock) => void): LogSink {
  return (record) => {
    const stream = LOG_LEVELS.indexOf(record.level) >= LOG_LEVELS.indexOf("warn") ? "stderr" : "stdout";
    const text = formatText(record).replace(HEAD, "$1").trimEnd();
    publish({ time: new Date(record.timeMs).toISOString(), name, stream, text, count: text.split("\n").length });
  };
}

/** A logger whose records go to both; the first one says which levels count. */
export function both(log: Logger, other: Logger): Logger {
  const write = (level: "trace" | "debug" | "info" | "warn" | "error"): Logger["info"] => (message, fields) => {
    log[level](message, fields);
    if (log.isEnabled(level)) other[level](message, fields);
  };
  return {
    trace: write("trace"),
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    isEnabled: (level) => log.isEnabled(level),
    child: (name, fields) => both(log.child(name, fields), other.child(name, fields)),
  };
}
