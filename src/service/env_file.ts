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

const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*/;
const BLANK = /^\s*(?:#[^]*)?$/;
const AFTER_QUOTE = /^[ \t]*(?:#[^]*)?$/;
const QUOTES = ["'", '"', "`"];
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\", '"': '"' };

/**
 * Reads the variables out of the text of an env file; a later line wins over an earlier one of the same name.
 *
 * - `NAME=value`, with or without `export` before it; blank lines and lines that begin with `#` say nothing.
 * - A value without quotes ends at the end of its line, or at a `#` with a space before it; a `#` inside a word belongs to the value.
 * - Quotes keep everything between them, line ends too. In double quotes `\n`, `\r`, `\t`, `\"` and `\\` are escapes; in single quotes and
 *   backticks nothing is.
 * - Nothing is expanded: `$HOME` stays `$HOME`.
 *
 * Throws an {@linkcode EnvFileError} for a line that is none of these, so that a secret is never cut off silently.
 */
export function parseEnvFile(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index];
    if (BLANK.test(line)) continue;
    const lineNumber = index + 1;
    const assignment = ASSIGNMENT.exec(line);
    if (assignment === null) throw new EnvFileError(`Cannot read the line as it must be NAME=value, a comment or blank`, lineNumber);
    const [whole, name] = assignment;
    const rest = line.slice(whole.length);
    const quote = rest[0];
    if (!QUOTES.includes(quote)) {
      variables.set(name, checked(name, rest.replace(/(?:^|[ \t]+)#[^]*$/, "").trimEnd(), lineNumber));
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
