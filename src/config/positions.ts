import { type AST, parseTOML } from "toml-eslint-parser";
import { readJson } from "./json_text.ts";
import type { Position, Positions } from "./position.ts";
import { formatPath, type Path } from "../schema/tree.ts";

type Marks = Map<string, { key: Position; value: Position }>;

/** Finds where each key and value of a TOML or JSON text stands. The text is known to parse; of what this parser refuses nonetheless, nothing is found. */
export function positionsOf(name: string, text: string): Positions {
  if (name.endsWith(".json")) return readJson(text).positions;
  const marks: Marks = new Map();
  try {
    for (const node of parseTOML(text, { tomlVersion: "1.1" }).body[0].body) markTable(node, marks);
  } catch (error) {
    // Such as 30 February, which only the parser of the hot path takes. A mistake without a line is better than none.
    if (!(error instanceof SyntaxError)) throw error;
  }
  return marks;
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
