import type { LogLine } from "../core/wire/line_block.ts";
import { escapeControls, NAME_COLORS, paint, plain, tame } from "../core/values/terminal_text.ts";

/** How lines of units are shown. */
export interface LineViewOptions {
  /** For a person at a terminal: with the time of day, and nothing that could change the terminal. @default {false} */
  isTerminal?: boolean;
  /** Coloured names, and the units' own colours let through; on terminals only. @default {false} */
  color?: boolean;
  /** Units in their order, for which room is made; a longer name that comes later makes more. @default {[]} */
  names?: readonly string[];
  /** Milliseconds since the Unix epoch: lines of another day are shown below its date. @default {0} */
  nowMs?: number;
}

/**
 * Makes what shows a line of a unit behind the unit's name: `api | text`, and at a terminal `12:34:56.789 api | text`, with `!` in place of
 * the bar where it came from stderr.
 */
export function lineView(options: LineViewOptions = {}): (line: LogLine) => string {
  const { isTerminal = false, color = false, names = [], nowMs = 0 } = options;
  const tint = color ? paint : (text: string) => text;
  const order = new Map(names.map((name, index) => [name, index]));
  let width = Math.max(0, ...names.map((name) => name.length));
  let day = dayOf(new Date(nowMs));
  return ({ time, name: given, stream, text }) => {
    const name = escapeControls(given);
    width = Math.max(width, name.length);
    const head = name.padEnd(width);
    if (!isTerminal) return `${head} | ${text}`;
    if (!order.has(name)) order.set(name, order.size);
    const sgr = NAME_COLORS[order.get(name)! % NAME_COLORS.length];
    const date = new Date(time);
    const isSameDay = dayOf(date) === day;
    day = dayOf(date);
    const shown = color ? tame(text) : plain(tame(text));
    const mark = stream === "stderr" ? tint("!", 31) : tint("|", sgr);
    return `${isSameDay ? "" : `${tint(`--- ${day} ---`, 2)}\n`}${tint(timeOf(date), 2)} ${tint(head, sgr)} ${mark} ${shown}`;
  };
}

/** The day where the reader is. */
function dayOf(date: Date): string {
  return `${date.getFullYear()}-${digits(date.getMonth() + 1, 2)}-${digits(date.getDate(), 2)}`;
}

/** The time of day where the reader is. */
function timeOf(date: Date): string {
  return `${digits(date.getHours(), 2)}:${digits(date.getMinutes(), 2)}:${digits(date.getSeconds(), 2)}.${
    digits(date.getMilliseconds(), 3)
  }`;
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, "0");
}
