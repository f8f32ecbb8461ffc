import type { Clock } from "../core/ports/clock.ts";
import type { Terminal } from "../core/ports/terminal.ts";
import type { LineBlock } from "../core/wire/line_block.ts";
import type { LogRecord, LogSink } from "../core/ports/log.ts";
import { harmlessJson, NAME_COLORS, paint, plain, tame } from "../core/values/terminal_text.ts";
import { formatJson, formatText } from "./format.ts";
import { jsonLines, prefixLines } from "./line_format.ts";

/** Options of {@linkcode consoleSink}. */
export interface ConsoleSinkOptions {
  /** Where it is shown. */
  terminal: Terminal;
  /** Dates what the console itself has to say. */
  clock: Clock;
  /** Descriptor. @default {2} */
  fd?: 1 | 2;
  /** One JSON object a line in place of text. @default {false} */
  json?: boolean;
  /** Colours, for text only. @default {false} */
  color?: boolean;
}

/** Shows records on the terminal as they come. A slow or absent reader holds up nobody: see `Terminal.post`. */
export function consoleSink(options: ConsoleSinkOptions): LogSink {
  const { terminal, clock, fd = 2, json = false, color = false } = options;
  const format = recordFormat(json, color);
  const noteDropped = (count: number) => format(droppedRecord(count, clock));
  return (record) => void terminal.post(fd, format(record), { noteDropped });
}

function recordFormat(json: boolean, color: boolean): (record: LogRecord) => string {
  return json ? (record) => harmlessJson(formatJson(record)) : (record) => formatText(record, { color });
}

/** Says that lines are missing. */
function droppedRecord(dropped: number, clock: Clock): LogRecord {
  const message = "lines are missing here as this output was not read in time";
  return { timeMs: clock.wallMs(), level: "warn", message, logger: "console", fields: { dropped } };
}

/** Options of {@linkcode consoleLines}. */
export interface ConsoleLinesOptions {
  /** Where they are shown: on its stdout. */
  terminal: Terminal;
  /** Dates what the console itself has to say. */
  clock: Clock;
  /** One log record a line in place of the text. @default {false} */
  json?: boolean;
  /** Coloured names, `!` before what came from stderr, and the units' own colours let through; for text only. @default {false} */
  color?: boolean;
  /** Names for which room is made; a longer one that comes later makes more. @default {[]} */
  names?: readonly string[];
}

/** Characters that are held back within one turn before they are written. */
const MAX_HELD_LENGTH = 65_536;

/**
 * Shows what units print, each line behind the unit's name (`api  | text`). On a terminal none of it does more than show. A slow
 * or absent reader holds up nobody: see `Terminal.post`.
 *
 * Lines that come within one turn of the event loop's microtasks are written at once: a line for itself would cost a system call.
 */
export function consoleLines(options: ConsoleLinesOptions): (block: LineBlock) => void {
  const { terminal, clock, json = false, color = false, names = [] } = options;
  const prefix = prefixer(names, color);
  const shown = color ? tame : terminal.isTerminal(1) ? (text: string) => plain(tame(text)) : plain;
  const format = recordFormat(json, color);
  const noteDropped = (count: number) => format(droppedRecord(count, clock));
  let held = "";
  let heldCount = 0;
  const flush = () => {
    const [text, count] = [held, heldCount];
    held = "";
    heldCount = 0;
    if (text !== "") terminal.post(1, text, { count, noteDropped });
  };
  return (block) => {
    const { name, stream, text } = block;
    if (held === "") queueMicrotask(flush);
    held += json ? harmlessJson(jsonLines({ ...block, text: plain(text) })) : prefixLines(shown(text), prefix(name, stream));
    heldCount += block.count;
    if (held.length >= MAX_HELD_LENGTH) flush();
  };
}

function prefixer(names: readonly string[], color: boolean): (name: string, stream: LineBlock["stream"]) => string {
  const prefixes = new Map<string, Record<LineBlock["stream"], string>>();
  let width = Math.max(0, ...names.map((name) => name.length));
  const order = new Map(names.map((name, index) => [name, index]));
  return (name, stream) => {
    const known = prefixes.get(name);
    if (known !== undefined) return known[stream];
    if (name.length > width) {
      width = name.length;
      prefixes.clear();
    }
    if (!order.has(name)) order.set(name, order.size);
    const head = `${name.padEnd(width)} `;
    const sgr = NAME_COLORS[order.get(name)! % NAME_COLORS.length];
    const made = color
      ? { stdout: paint(`${head}| `, sgr), stderr: `${paint(head, sgr)}${paint("! ", 31)}` }
      : { stdout: `${head}| `, stderr: `${head}| ` };
    prefixes.set(name, made);
    return made[stream];
  };
}
