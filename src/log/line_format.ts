import type { LineBlock, LineFormat } from "../core/wire/line_block.ts";

/**
 * Writes the lines of a block, the last line end included. The text of a unit stays as it is; the pieces of a line that has paused are
 * lines of their own.
 */
export function formatLines(block: LineBlock, format: Exclude<LineFormat, "raw">): string {
  const { time, stream, text } = block;
  if (format === "json") return jsonLines(block);
  return prefixLines(text, `${time} ${stream} `);
}

/** Writes a remark of the daemon's own between the lines of a unit. */
export function formatRemark(remark: string, { time, name }: { time: string; name: string }, format: LineFormat): string {
  if (format === "raw") return `daemonkit: ${remark}\n`;
  if (format === "text") return `${time} daemonkit ${remark}\n`;
  return `${JSON.stringify({ time, level: "warn", msg: remark, logger: "log", service: name })}\n`;
}

/** Puts the same text before each line, and ends the last one. */
export function prefixLines(text: string, prefix: string): string {
  return `${prefix}${text.includes("\n") ? text.replaceAll("\n", () => `\n${prefix}`) : text}\n`;
}

/** Writes each line as a log record. */
export function jsonLines({ time, name, stream, text }: LineBlock): string {
  const unit = JSON.stringify(name);
  const head = `{"time":"${time}","level":"info","msg":`;
  const tail = `,"logger":${unit},"service":${unit},"stream":"${stream}"}\n`;
  return text.split("\n").map((line) => `${head}${JSON.stringify(line)}${tail}`).join("");
}
