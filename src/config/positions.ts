import { type AST, parseTOML } from "toml-eslint-parser";
import type { Position, Positions } from "./layer.ts";
import { formatPath, type Path } from "./tree.ts";

type Marks = Map<string, { key: Position; value: Position }>;

/** Finds where each key and value of a TOML or JSON text stands. The text is known to parse; of what this parser refuses nonetheless, nothing is found. */
export function positionsOf(name: string, text: string): Positions {
  const marks: Marks = new Map();
  try {
    if (name.endsWith(".json")) new JsonScanner(text, marks).value([]);
    else for (const node of parseTOML(text, { tomlVersion: "1.1" }).body[0].body) markTable(node, marks);
  } catch (error) {
    // Such as 30 February, which only the parser of the hot path takes. A mistake without a line is better than none.
    if (!(error instanceof SyntaxError)) throw error;
  }
  return marks;
}

/**
 * Finds the first mistake in the grammar of a JSON text. `JSON.parse` says where only on some runtimes.
 */
export function jsonMistake(text: string): { message: string; position: Position } {
  const scanner = new JsonScanner(text, new Map());
  try {
    scanner.value([]);
    scanner.end();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { message: error.message, position: scanner.position() };
  }
  return { message: "is no JSON", position: { line: 1, column: 1 } };
}

function start({ loc }: { loc: { start: Position } }): Position {
  return { line: loc.start.line, column: loc.start.column + 1 };
}

function markTable(node: AST.TOMLTable | AST.TOMLKeyValue, marks: Marks): void {
  if (node.type === "TOMLKeyValue") return markEntry([], node, marks);
  mark(node.resolvedKey, node.key.keys.map(start), start(node.key.keys[node.key.keys.length - 1]), marks);
  for (const entry of node.body) markEntry(node.resolvedKey, entry, marks);
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

/** Walks through a JSON text and marks its keys; throws SyntaxError at the first mistake, where {@linkcode JsonScanner.position} then stands. */
class JsonScanner {
  readonly #text: string;
  readonly #marks: Marks;
  #at = 0;

  constructor(text: string, marks: Marks) {
    this.#text = text;
    this.#marks = marks;
  }

  position(at = this.#at): Position {
    const lines = this.#text.slice(0, at).split("\n");
    return { line: lines.length, column: lines[lines.length - 1].length + 1 };
  }

  end(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) throw new SyntaxError("expected the end of the file");
  }

  value(path: Path): void {
    this.#skipSpace();
    const char = this.#text[this.#at];
    if (char === "{") return this.#members(path);
    if (char === "[") return this.#items(path);
    if (char === '"') return void this.#string();
    const word = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/y;
    word.lastIndex = this.#at;
    const found = word.exec(this.#text);
    if (found === null) throw new SyntaxError("expected a value");
    this.#at += found[0].length;
  }

  #members(path: Path): void {
    this.#list("}", () => {
      this.#skipSpace();
      const keyAt = this.#at;
      if (this.#text[keyAt] !== '"') throw new SyntaxError("expected a key in double quotes");
      const here = [...path, this.#string()];
      this.#expect(":");
      this.#skipSpace();
      this.#marks.set(formatPath(here), { key: this.position(keyAt), value: this.position() });
      this.value(here);
    });
  }

  #items(path: Path): void {
    let index = 0;
    this.#list("]", () => {
      this.#skipSpace();
      const here = [...path, index++];
      this.#marks.set(formatPath(here), { key: this.position(), value: this.position() });
      this.value(here);
    });
  }

  #list(close: string, one: () => void): void {
    this.#at++;
    this.#skipSpace();
    if (this.#text[this.#at] === close) return void this.#at++;
    while (true) {
      one();
      this.#skipSpace();
      if (this.#text[this.#at] === close) return void this.#at++;
      this.#expect(",", ` or "${close}"`);
    }
  }

  #expect(char: string, others = ""): void {
    this.#skipSpace();
    if (this.#text[this.#at] !== char) throw new SyntaxError(`expected "${char}"${others}`);
    this.#at++;
  }

  #string(): string {
    // deno-lint-ignore no-control-regex -- JSON allows no control character inside a text
    const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
    string.lastIndex = this.#at;
    const found = string.exec(this.#text);
    if (found === null) throw new SyntaxError("expected a text that ends on its line");
    this.#at += found[0].length;
    return JSON.parse(found[0]) as string;
  }

  #skipSpace(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? "")) this.#at++;
  }
}
