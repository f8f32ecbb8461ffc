import type { LineBlock, LineFormat } from "./line_block.ts";

/** Settings for the output of a unit that is a process of its own. */
export interface OutputSettings {
  /** Log file, absolute, in which `{port}` and `{instance}` stand for the instance's own; without one the daemon decides. */
  file: string | undefined;
  /** Bytes after which the file is rotated. */
  maxSizeBytes: number;
  /** Older files kept. */
  keep: number;
  /** Bytes that the file and its older ones may have together. */
  maxTotalBytes: number | undefined;
  /** How lines are written. */
  format: LineFormat;
  /** Longest line in bytes; a longer one is split. */
  maxLineBytes: number;
}

/** Settings for the output of one unit. */
export interface UnitLogSettings {
  /** Path of the unit. */
  unit: string;
  /** Its settings; the name of the file is its own. */
  log: OutputSettings;
}

/** Where the output of units goes. */
export interface LogPort {
  /** Makes sure that the log file of a unit can be written, where it has one: asked before each start, which fails when it throws. */
  open(unit: string): void;
  /** Closes that file until the unit prints: a start has failed, and others may need its place. It must not throw. */
  close(unit: string): void;
  /** Takes the bytes that a unit prints, in order, before `publish` gets them as text; they are valid during the call only. It must not throw. */
  keep(unit: string, bytes: Uint8Array, count: number): void;
  /** Takes what a unit prints. It must not throw. */
  publish(block: LineBlock): void;
  /** Longest line of a unit in bytes, as of now. */
  maxLineBytes(unit: string): number;
  /** Resolves soon, when it is better to read on; undefined when that is now. */
  room(): Promise<void> | undefined;
}

/** Keeps the newest lines of units, and counts of them. */
export interface UnitLines {
  /** Makes a unit known, which has printed nothing yet. */
  know(unit: string): void;
  /** Forgets a unit. */
  forget(unit: string): void;
  /** Takes what a unit prints. */
  publish(block: LineBlock): void;
  /** Counts lines that could not be written to a file. */
  countDropped(unit: string, lines: number): void;
  /** Counts a failed write. */
  countFailure(unit: string): void;
}

/** Longest line of a unit that nobody has settings for. */
export const MAX_LINE_BYTES = 65_536;

/** Takes output and keeps none of it. */
export const NO_OUTPUT: LogPort = {
  open() {},
  close() {},
  keep() {},
  publish() {},
  maxLineBytes: () => MAX_LINE_BYTES,
  room: () => undefined,
};
