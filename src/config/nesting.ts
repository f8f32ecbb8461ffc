import { endOfText, MAX_NESTING } from "../core/values/nesting.ts";
import type { Position } from "./position.ts";
import { positionsIn } from "./line_index.ts";

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
