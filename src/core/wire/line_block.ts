import type { LineEdges } from "./lines.ts";
import type { LogLine } from "./log_line.ts";

export type { LogLine };

/** Lines that a unit printed at one time: as they go from its pipe to all who keep or show them. */
export interface LineBlock extends LineEdges {
  /** ISO 8601 time in UTC at which the daemon read them. */
  readonly time: string;
  /** Path of the unit. */
  readonly name: string;
  /** Where they came from. */
  readonly stream: LogLine["stream"];
  /** Their texts, joined by `\n`. */
  readonly text: string;
  /** How many they are, at least one. */
  readonly count: number;
}

/** How lines are written to a log file: `time stream text`, what was printed byte by byte, or one JSON record a line. */
export type LineFormat = "text" | "raw" | "json";

/** Every {@linkcode LineFormat}. */
export const LINE_FORMATS: readonly LineFormat[] = ["text", "raw", "json"];

/** A block whose first line has this number, and the others those after it. */
export interface NumberedBlock extends LineBlock {
  /** Number of the first line. */
  readonly seq: number;
}

/** Its lines, one by one: for whoever looks at each. */
export function linesOf({ seq, time, name, stream, text, count }: NumberedBlock): LogLine[] {
  if (count === 1) return [{ seq, time, name, stream, text }];
  return text.split("\n").map((text, index) => ({ seq: seq + index, time, name, stream, text }));
}
