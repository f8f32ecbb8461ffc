import type { Dropped, LogLine } from "./log_line.ts";
import { type Shape, shape } from "./shape.ts";

const { integer, named, object, oneOf, text, time } = shape;

/** The shape of a line that a unit printed. */
export const LOG_LINE: Shape<LogLine> = named(
  "LogLine",
  object({
    seq: integer("Rising number over all units of the daemon."),
    time: time("ISO 8601 time in UTC at which the daemon read it."),
    name: text("Path of the unit."),
    stream: oneOf(["stdout", "stderr"], "Where it came from."),
    text: text("The text without its line end; a line longer than the limit comes in several pieces."),
  }, "A line that a unit printed."),
);

/** The shape of the item in a stream that stands for those that its reader was too slow for. */
export const DROPPED: Shape<Dropped> = named(
  "Dropped",
  object({ dropped: integer("Their number.") }, "How many items of a stream its reader has lost by being slow."),
);
