// Made by `deno run -A tests/tools/wire_types.ts --write` out of the shapes beside it; do not edit.

/** A line that a unit printed. */
export interface LogLine {
  /** Rising number over all units of the daemon. */
  seq: number;
  /** ISO 8601 time in UTC at which the daemon read it. */
  time: string;
  /** Path of the unit. */
  name: string;
  /** Where it came from. */
  stream: "stdout" | "stderr";
  /** The text without its line end; a line longer than the limit comes in several pieces. */
  text: string;
}

/** How many items of a stream its reader has lost by being slow. */
export interface Dropped {
  /** Their number. */
  dropped: number;
}
