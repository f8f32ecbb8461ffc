import { type AST, parseTOML } from "toml-eslint-parser";
import { readJson } from "./json_text.ts";
import { endOfText } from "../core/values/nesting.ts";
import { placeIn } from "../core/values/text_file.ts";
import type { Position, Positions } from "./position.ts";
import { formatPath, type Path } from "../schema/tree.ts";

type Marks = Map<string, { key: Position; value: Position }>;

/** Finds where each key and value of a TOML or JSON text stands. The text is known to parse; of what this parser refuses nonetheless, nothing is found. */
export function positionsOf(name: string, text: string): Positions {
  if (name.endsWith(".json")) return readJson(text).positions;
  const marks: Marks = new Map();
  const { text: short, cuts } = withoutLongTexts(text);
  try {
    for (const node of parseTOML(short, { tomlVersion: "1.1" }).body[0].body) markTable(node, marks);
  } catch (error) {
    // Such as 30 February, which only the parser of the hot path takes, or a text of a hundred thousand lines, which it overflows at. A
    // mistake without a line is better than none.
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
  }
  if (cuts.length === 0) return marks;
  const real = ({ line, column }: Position): Position => {
    const before = cuts.filter((cut) => cut.line === line && cut.column < column);
    return { line, column: column + before.reduce((sum, { length }) => sum + length, 0) };
  };
  return new Map([...marks].map(([path, { key, value }]) => [path, { key: real(key), value: real(value) }]));
}

/** Characters that were left out of a line, before those that follow `column` in what is left of it. */
interface Cut {
  line: number;
  column: number;
  length: number;
}

/** A longer text within quotes is left out: the parser hands each of its characters over as an argument, and overflows. */
const LONGEST_TEXT = 10_000;

/** Leaves out what long texts hold but for the ends of their lines. */
function withoutLongTexts(text: string): { text: string; cuts: Cut[] } {
  const cuts: Cut[] = [];
  if (text.length <= LONGEST_TEXT) return { text, cuts };
  let short = "";
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "#") {
      const end = text.indexOf("\n", at);
      at = end === -1 ? text.length : end;
    } else if (char === '"' || char === "'") {
      const end = endOfText(text, at);
      if (end - at > LONGEST_TEXT) {
        const quotes = text.startsWith(char.repeat(3), at) ? 3 : 1;
        const lines = text.slice(at + quotes, end - quotes).split("\n");
        short += text.slice(from, at + quotes) + "\n".repeat(lines.length - 1);
        cuts.push({ ...placeIn(short), length: lines[lines.length - 1].length });
        from = end - quotes;
      }
      at = end - 1;
    }
  }
  return { text: short + text.slice(from), cuts };
}

function start({ loc }: { loc: { start: Position } }): Position {
  return { line: loc.start.line, column: loc.start.column + 1 };
}

function markTable(node: AST.TOMLTable | AST.TOMLKeyValue, marks: Marks): void {
  if (node.type === "TOMLKeyValue") return markEntry([], node, marks);
  markHeader(node.resolvedKey, node.key.keys.map(start), marks);
  for (const entry of node.body) markEntry(node.resolvedKey, entry, marks);
}

/** Marks the table of a header, and those on its way: in `[[service]]` the list has the same place as its item. */
function markHeader(path: Path, keys: readonly Position[], marks: Marks): void {
  let names = 0;
  path.forEach((key, index) => {
    const place = keys[typeof key === "number" ? names - 1 : names++];
    const name = formatPath(path.slice(0, index + 1));
    if (index === path.length - 1 || !marks.has(name)) marks.set(name, { key: place, value: place });
  });
}

function markEntry(base: Path, node: AST.TOMLKeyValue, marks: Marks): void {
  const keys = node.key.keys.map((part) => part.type === "TOMLBare" ? part.name : part.value);
  const path = [...base, ...keys];
  mark(path, node.key.keys.map(start), start(node.value), marks);
  markValue(path, node.value, marks);
}

function markValue(path: Path, node: AST.TOMLContentNode, marks: Marks): void {
  if (node.type === "TOMLInlineTable") { for (const entry of node.body) markEntry(path, entry, marks); }
  if (node.type !== "TOMLArray") return;
  node.elements.forEach((element, index) => {
    mark([...path, index], [start(element)], start(element), marks);
    markValue([...path, index], element, marks);
  });
}

/** Marks a path, and the tables that a dotted key makes on its way unless they are marked already. */
function mark(path: Path, keys: Position[], value: Position, marks: Marks): void {
  marks.set(formatPath(path), { key: keys[keys.length - 1], value });
  for (let above = 1; above < keys.length; above++) {
    const name = formatPath(path.slice(0, path.length - above));
    const key = keys[keys.length - 1 - above];
    if (!marks.has(name)) marks.set(name, { key, value: key });
  }
}
