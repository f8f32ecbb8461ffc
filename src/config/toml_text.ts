import { parse, TomlError } from "smol-toml";
import type { Position } from "./position.ts";
import { TOO_NESTED, tooNestedToml } from "./nesting.ts";
import type { Tree } from "../schema/tree.ts";

/** A mistake in the grammar of a text. */
export interface SyntaxMistake {
  /** The expected and the found text. */
  message: string;
  /** Advice: how to mend it. */
  hint?: string;
  /** Where. */
  position: Position;
}

/** Reads a TOML text whose lines end with LF. */
export function readToml(text: string): { tree: Tree } | { mistake: SyntaxMistake } {
  const deep = tooNestedToml(text);
  if (deep !== undefined) return { mistake: { message: TOO_NESTED, position: deep } };
  try {
    return { tree: parse(text, { integersAsBigInt: "asNeeded" }) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const { line, column } = error;
    const [reason] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    return { mistake: { ...explained(reason, text, { line, column }), position: { line, column } } };
  }
}

const WORDS: Readonly<Record<string, string>> = { true: "true", false: "false", yes: "true", no: "false", on: "true", off: "false" };

/** Says what the parser means, and what to do where that is sure. */
function explained(reason: string, text: string, { line, column }: Position): Pick<SyntaxMistake, "message" | "hint"> {
  const whole = text.split("\n", line)[line - 1] ?? "";
  const rest = whole.slice(column - 1);
  const is = (part: string) => reason.includes(part);
  const says = (message: string, hint?: string) => ({ message: `expected TOML: ${message}`, ...(hint === undefined ? {} : { hint }) });
  if (is("redefine")) return says(`${reason}, here and further up`, "remove one of the two, or write what they hold in one place");
  if (is("control characters are not allowed in strings") && rest === "") {
    return says("a text in simple quotes must end on its line", 'close it, or write """ at both ends of a text of several lines');
  }
  if (is("escape")) return says(reason, "write \\\\ for a backslash, or the whole text in single quotes");
  if (is("key") && /^\s*(?:- )?[\w.-]+:(?:\s|$)/.test(whole)) {
    return says(`${reason}; this looks like YAML`, "write [service.NAME] above the keys of a service, and each as KEY = VALUE");
  }
  const bare = bareValue(whole, column);
  if (bare === undefined || !(is("invalid value") || is("numeric") || is("date") || is("leading zero"))) return says(reason);
  const word = WORDS[bare.toLowerCase()];
  if (word !== undefined) return says(reason, `write ${word}`);
  if (is("leading zero")) return says(reason, "write it without the zero, or in quotes where it is a mask");
  // Not the value itself, which may be a secret.
  return says(reason, "write it in quotes");
}

/** A value without quotes, up to the end of its line or of its list; undefined where quotes around it would not be the whole remedy. */
function bareValue(line: string, column: number): string | undefined {
  const from = line.lastIndexOf("=", column - 1) + 1;
  const bare = line.slice(from).replace(/\s#.*$/, "").trim();
  return from > 0 && bare !== "" && !/["'\\[\]{},]/.test(bare) ? bare : undefined;
}
