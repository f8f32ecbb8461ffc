import type { Position } from "./layer.ts";
import { positionsIn } from "./line_index.ts";

/** How many tables and lists may stand within one another: no key of ours needs more than six, and a parser that recurs overflows at thousands. */
export const MAX_NESTING = 64;

/** Says that something is nested too deeply, to go on after the place. */
export const TOO_NESTED = `expected at most ${MAX_NESTING} tables and lists within one another, got more`;

/** Finds the first place of a TOML text that is nested too deeply, by brackets or by the dots of a key, without recurring itself. */
export function tooNestedToml(text: string): Position | undefined {
  let brackets = 0;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"' || char === "'") at = endOfText(text, at) - 1;
    else if (char === "#") at = (text.indexOf("\n", at) + 1 || text.length + 1) - 2;
    else if (char === ".") dots++;
    else if (char === "]" || char === "}") brackets = Math.max(0, brackets - 1);
    else if (char === "[" || char === "{") {
      brackets++;
      dots = 0;
    } else if (char === "\n" || char === "=" || char === ",") dots = 0;
    if (brackets > MAX_NESTING || dots >= MAX_NESTING) return positionsIn(text)(at);
  }
  return undefined;
}

/** Whether a JSON text is nested too deeply. */
export function isTooNestedJson(text: string): boolean {
  let brackets = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = endOfText(text, at) - 1;
    else if (char === "]" || char === "}") brackets--;
    else if ((char === "[" || char === "{") && ++brackets > MAX_NESTING) return true;
  }
  return false;
}

/** Index behind a quoted text, of one line or of several; behind all when it does not end. A loop, as an expression overflows at long ones. */
export function endOfText(text: string, from: number): number {
  const quote = text[from];
  const fence = quote.repeat(3);
  const isLong = text.startsWith(fence, from);
  for (let at = from + (isLong ? 3 : 1); at < text.length; at++) {
    const char = text[at];
    if (char === "\\" && quote === '"') at++;
    else if (char === "\n" && !isLong) return at;
    else if (char === quote && !isLong) return at + 1;
    else if (char === quote && text.startsWith(fence, at)) {
      at += 3;
      while (text[at] === quote) at++;
      return at;
    }
  }
  return text.length;
}
