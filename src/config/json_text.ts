import type { Position, Positions } from "./position.ts";
import { positionsIn } from "./line_index.ts";
import { endOfText, MAX_NESTING } from "../core/values/nesting.ts";
import { TOO_NESTED } from "./nesting.ts";
import { formatPath, type Path } from "../schema/tree.ts";

/** Facts about a JSON text beside its values. */
export interface JsonFacts {
  /** Where each key and item stands. */
  positions: Positions;
  /** Keys that stand in one object more than once, each with the place where it stood first. */
  repeated: { path: Path; position: Position; first: Position }[];
  /** The first mistake in the grammar, which ends the reading. */
  mistake?: { message: string; hint?: string; position: Position };
}

/** Reads a JSON text for its places and mistakes: `JSON.parse` tells no place on some runtimes, and takes the last of equal keys. */
export function readJson(text: string): JsonFacts {
  return new JsonScanner(text).run();
}

/** Walks through a JSON text; throws SyntaxError at the first mistake. */
class JsonScanner {
  readonly #text: string;
  readonly #positionAt: (index: number) => Position;
  readonly #positions: Map<string, { key: Position; value: Position }> = new Map();
  readonly #repeated: JsonFacts["repeated"] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#positionAt = positionsIn(text);
  }

  run(): JsonFacts {
    const facts = { positions: this.#positions, repeated: this.#repeated };
    try {
      this.#value([]);
      this.#skipSpace();
      if (this.#at < this.#text.length) throw new SyntaxError("expected the end of the file");
      return facts;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const hint = adviceAt(this.#text, this.#at);
      return {
        ...facts,
        mistake: { message: error.message, ...(hint === undefined ? {} : { hint }), position: this.#positionAt(this.#at) },
      };
    }
  }

  #value(path: Path): void {
    this.#skipSpace();
    const char = this.#text[this.#at];
    if ((char === "{" || char === "[") && path.length >= MAX_NESTING) throw new SyntaxError(TOO_NESTED);
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
    const seen = new Map<string, Position>();
    this.#list("}", () => {
      this.#skipSpace();
      const keyAt = this.#at;
      if (this.#text[keyAt] !== '"') throw new SyntaxError("expected a key in double quotes");
      const name = this.#string();
      const here = [...path, name];
      this.#expect(":");
      this.#skipSpace();
      const position = this.#positionAt(keyAt);
      const first = seen.get(name);
      if (first === undefined) seen.set(name, position);
      else this.#repeated.push({ path: here, position, first });
      this.#positions.set(formatPath(here), { key: position, value: this.#positionAt(this.#at) });
      this.#value(here);
    });
  }

  #items(path: Path): void {
    let index = 0;
    this.#list("]", () => {
      this.#skipSpace();
      const here = [...path, index++];
      const position = this.#positionAt(this.#at);
      this.#positions.set(formatPath(here), { key: position, value: position });
      this.#value(here);
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
    const end = endOfText(this.#text, this.#at);
    try {
      const string = JSON.parse(this.#text.slice(this.#at, end)) as string;
      this.#at = end;
      return string;
    } catch {
      throw new SyntaxError("expected a text that ends on its line, with escapes of JSON");
    }
  }

  #skipSpace(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? "")) this.#at++;
  }
}

/** Advice for what other languages take at a place. */
function adviceAt(text: string, at: number): string | undefined {
  const char = text[at];
  if (char === "/" || char === "#") return "JSON has no comments: remove it, or write the configuration in TOML";
  if ((char === "}" || char === "]") && text.slice(0, at).trimEnd().endsWith(",")) return "remove the comma before it";
  return char === "'" ? "write double quotes" : undefined;
}
