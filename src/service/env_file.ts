import { type TextMistake, textOfBytes, withUnixLineEnds } from "../core/values/text_file.ts";

/** A mistake in an env file, with the line in which it stands. */
export class EnvFileError extends SyntaxError {
  /** Line of the mistake, from 1. */
  readonly line: number;

  /** Creates the error for a line. */
  constructor(message: string, line: number) {
    super(message);
    this.name = "EnvFileError";
    this.line = line;
  }
}

/** Pattern of the name of a variable, in `env` as in an env file. */
export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** Largest env file. */
export const MAX_ENV_FILE_BYTES = 1_048_576;

const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([^=\s]+)[ \t]*=([ \t]*)/;
const BLANK = /^\s*(?:#[^]*)?$/;
const AFTER_QUOTE = /^[ \t]*(?:#[^]*)?$/;
const QUOTES = ["'", '"', "`"];
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\", '"': '"' };

/**
 * Reads the variables out of the text of an env file; a later line wins over an earlier one of the same name.
 *
 * - `NAME=value`, with or without `export` before it; blank lines and lines that begin with `#` say nothing.
 * - A value without quotes ends at the end of its line, or at a comment: a `#` behind a blank that follows the value. Any other `#` belongs
 *   to the value, also its first: `TOKEN=#secret`. Only where nothing but blanks stand between `=` and `# ` is the value empty.
 * - Quotes keep everything between them, line ends too. In double quotes `\n`, `\r`, `\t`, `\"` and `\\` are escapes; in single quotes and
 *   backticks nothing is.
 * - Nothing is expanded: `$HOME` stays `$HOME`.
 *
 * Throws an {@linkcode EnvFileError} for a line that is none of these, so that a secret is never cut off silently.
 */
export function parseEnvFile(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  const unix = withUnixLineEnds(text);
  if ("mistake" in unix) throw new EnvFileError(`Cannot read the line: ${unix.mistake.message}`, unix.mistake.line);
  const lines = unix.text.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index];
    if (BLANK.test(line)) continue;
    const lineNumber = index + 1;
    const assignment = ASSIGNMENT.exec(line);
    if (assignment === null || !VARIABLE_NAME.test(assignment[1])) {
      throw new EnvFileError(`Cannot read the line as it must be NAME=value, a comment or blank`, lineNumber);
    }
    const [whole, name, blanks] = assignment;
    const rest = line.slice(whole.length);
    const quote = rest[0];
    if (!QUOTES.includes(quote)) {
      variables.set(name, checked(name, withoutComment(rest, blanks !== ""), lineNumber));
      continue;
    }

    // A quoted value: take further lines until one holds the closing quote.
    let body = rest.slice(1);
    let end = closingQuote(body, quote, 0);
    while (end === -1) {
      const searchedTo = body.length;
      if (++index === lines.length) throw new EnvFileError(`Cannot read ${name} as its value must end with ${quote}`, lineNumber);
      body += `\n${lines[index]}`;
      end = closingQuote(body, quote, searchedTo);
    }
    if (!AFTER_QUOTE.test(body.slice(end + 1))) {
      throw new EnvFileError(`Cannot read ${name} as nothing but a comment may follow the closing ${quote}`, index + 1);
    }
    const value = body.slice(0, end);
    variables.set(name, checked(name, quote === '"' ? unescaped(value) : value, lineNumber));
  }
  return variables;
}

function withoutComment(value: string, hasBlanks: boolean): string {
  if (hasBlanks && /^#(?:\s|$)/.test(value)) return "";
  const comment = value.search(/[ \t]#/);
  return (comment === -1 ? value : value.slice(0, comment)).trimEnd();
}

/** Reads the variables from the bytes of an env file, or the first mistake in them. */
export function readEnv(bytes: Uint8Array): { variables: Map<string, string> } | { mistake: TextMistake } {
  const read = textOfBytes(bytes);
  if ("mistake" in read) return read;
  try {
    return { variables: parseEnvFile(read.text) };
  } catch (error) {
    if (!(error instanceof EnvFileError)) throw error;
    return { mistake: { message: error.message, hint: "mend that line", line: error.line, column: 1 } };
  }
}

/** Index of the closing quote in `body`, or -1; a quote behind an odd number of backslashes does not close a double-quoted value. */
function closingQuote(body: string, quote: string, from: number): number {
  for (let end = body.indexOf(quote, from); end !== -1; end = body.indexOf(quote, end + 1)) {
    if (quote !== '"') return end;
    let backslashes = 0;
    while (body[end - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}

function unescaped(value: string): string {
  return value.replace(/\\([\s\S])/g, (both, escaped: string) => ESCAPES[escaped] ?? both);
}

function checked(name: string, value: string, line: number): string {
  if (value.includes("\0")) throw new EnvFileError(`Cannot read ${name} as a value must not hold a NUL character`, line);
  return value;
}
