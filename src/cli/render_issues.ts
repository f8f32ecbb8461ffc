import { HIDDEN } from "../schema/facts.ts";
import { type ConfigIssue, formatIssue } from "../core/values/errors.ts";
import type { Paint } from "./output.ts";
import { plainCell } from "./render.ts";

/** Options of {@linkcode renderIssues}. */
export interface RenderIssuesOptions {
  /** Styles a text. */
  paint: Paint;
  /** Reads a file that an issue names; undefined when it can't be read. */
  read: (path: string) => string | undefined;
  /** Width that no line of a file may exceed. */
  width: number;
}

/** Variables of services may be secrets, whichever of them the mistake is about. */
const PRIVATE = /(^|\.)env(\.|$)/;
/** They may stand on a line whose mistake is another one, or below their table where nothing could be read. */
const PRIVATE_LINE = /(^|[\s{,.])["']?env["']?\s*[.=]/;
const PRIVATE_TABLE = /^\s*\[(?:.*\.)?\s*["']?env["']?\s*[.\]]/;
const TAB = "  ";

/**
 * Writes mistakes as a person at a terminal likes them: the place first, so that editors jump there, then the line of the file with a mark
 * under what is wrong, then what to do.
 */
export function renderIssues(issues: readonly ConfigIssue[], options: RenderIssuesOptions): string {
  const { paint } = options;
  return issues.map((issue) => {
    const { source, path, message, hint } = issue;
    const excerpt = excerptOf(issue, options);
    if (excerpt === undefined) return plainCell(formatIssue(issue));
    const what = [path, message].filter((part) => part !== "").map(plainCell).join(": ");
    const advice = hint === undefined ? [] : [`${" ".repeat(excerpt.indent)} ${paint("=", "cyan")} ${plainCell(hint)}`];
    return [`${paint(plainCell(source), "bold")}: ${what}`, ...excerpt.lines, ...advice].join("\n");
  }).join("\n\n");
}

/** The line that an issue is about, numbered, and the mark below it. */
function excerptOf(issue: ConfigIssue, options: RenderIssuesOptions): { lines: string[]; indent: number } | undefined {
  const { paint, read, width } = options;
  const [, file, line, column] = /^(.+):(\d+):(\d+)$/.exec(issue.source) ?? [];
  if (file === undefined || PRIVATE.test(issue.path) || issue.message.includes(HIDDEN)) return undefined;
  const above = read(file)?.split(/\r\n?|\n/).slice(0, Number(line)) ?? [];
  const text = above[Number(line) - 1];
  if (text === undefined || text.trim() === "" || PRIVATE_LINE.test(text)) return undefined;
  const table = above.findLast((each) => /^\s*\[/.test(each));
  if (table !== undefined && PRIVATE_TABLE.test(table)) return undefined;

  const before = shown(text.slice(0, Number(column) - 1));
  const [wrong] = /^("[^"]*"|'[^']*'|[\w.+-]+|.)?/s.exec(text.slice(Number(column) - 1))!;
  const whole = [...before + shown(text.slice(Number(column) - 1))];
  const markLength = Math.max(1, [...shown(wrong)].length);
  const number = line.padStart(4);
  // The mistake stays in sight, however long the line is.
  const room = Math.max(20, width - number.length - 3);
  const from = Math.max(0, Math.min([...before].length + markLength + 4 - room, [...before].length - 4));
  const excerpt = whole.slice(from, from + room).join("");
  const mark = " ".repeat([...before].length - from) + paint("^".repeat(Math.min(markLength, room)), "red");
  const bar = paint("|", "cyan");
  return { lines: [`${paint(number, "cyan")} ${bar} ${excerpt}`, `${" ".repeat(number.length)} ${bar} ${mark}`], indent: number.length };
}

function shown(text: string): string {
  return plainCell(text.replaceAll("\t", TAB));
}
