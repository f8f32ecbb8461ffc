import type { Terminal } from "../core/host.ts";
import type { LogSink } from "../core/log.ts";
import type { LogLine } from "../core/operations.ts";
import { closed, formatJson, formatText, paint, plain } from "./format.ts";

/** Options of {@linkcode consoleSink}. */
export interface ConsoleSinkOptions {
  /** Where it is shown. */
  terminal: Terminal;
  /** Descriptor. @default {2} */
  fd?: 1 | 2;
  /** One JSON object a line in place of text. @default {false} */
  json?: boolean;
  /** Colours, for text only. @default {false} */
  color?: boolean;
}

/** Shows records on the terminal as they come. */
export function consoleSink(options: ConsoleSinkOptions): LogSink {
  const { terminal, fd = 2, json = false, color = false } = options;
  return (record) => void terminal.write(fd, json ? formatJson(record) : formatText(record, { color }));
}

/** Options of {@linkcode consoleLines}. */
export interface ConsoleLinesOptions {
  /** Where they are shown: on its stdout. */
  terminal: Terminal;
  /** One log record a line in place of the text. @default {false} */
  json?: boolean;
  /** Coloured names, and the units' own colours let through, for text only. @default {false} */
  color?: boolean;
  /** Names for which room is made; a longer one that comes later makes more. @default {[]} */
  names?: readonly string[];
}

/** Colours of the names, by order of appearance; red is left to errors. */
const NAME_COLORS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];
/** Characters that are held back within one turn before they are written. */
const MAX_HELD_LENGTH = 65_536;

/**
 * Shows what units print, each line behind the unit's name (`api  | text`).
 *
 * Lines that come within one turn of the event loop's microtasks are written at once: a line for itself would cost a system call.
 */
export function consoleLines(options: ConsoleLinesOptions): (line: Omit<LogLine, "seq">) => void {
  const { terminal, json = false, color = false, names = [] } = options;
  const prefix = prefixer(names, color);
  let held = "";
  const flush = () => {
    const text = held;
    held = "";
    if (text !== "") terminal.write(1, text);
  };
  return (line) => {
    if (held === "") queueMicrotask(flush);
    held += json ? jsonLine(line) : `${prefix(line.name)}${color ? closed(line.text) : plain(line.text)}\n`;
    if (held.length >= MAX_HELD_LENGTH) flush();
  };
}

function prefixer(names: readonly string[], color: boolean): (name: string) => string {
  const prefixes = new Map<string, string>();
  let width = Math.max(0, ...names.map((name) => name.length));
  const order = new Map(names.map((name, index) => [name, index]));
  return (name) => {
    const known = prefixes.get(name);
    if (known !== undefined) return known;
    if (name.length > width) {
      width = name.length;
      prefixes.clear();
    }
    if (!order.has(name)) order.set(name, order.size);
    const text = `${name.padEnd(width)} | `;
    const prefix = color ? paint(text, NAME_COLORS[order.get(name)! % NAME_COLORS.length]) : text;
    prefixes.set(name, prefix);
    return prefix;
  };
}

function jsonLine({ time, name, stream, text }: Omit<LogLine, "seq">): string {
  const fields = { service: name, stream };
  return formatJson({ timeMs: Date.parse(time), level: "info", message: plain(text), logger: name, fields });
}
