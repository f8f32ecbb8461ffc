import { isTooNestedJson } from "../core/values/nesting.ts";
import { mismatchText, type Shape } from "../core/wire/shape.ts";

/** An answer that no daemon of ours gives. */
export class AnswerRefused extends Error {}

/**
 * Reads JSON of a certain shape; the process that listens on a socket may be no daemon. Fields that are not known here stay, as a newer daemon
 * may say more.
 *
 * @throws {AnswerRefused} if it is something else; the message goes on after "as".
 */
export function parseAnswer<T>(text: string, shape: Shape<T>): T {
  let value: unknown;
  try {
    if (isTooNestedJson(text)) throw new SyntaxError("too deep");
    value = JSON.parse(text);
  } catch {
    throw new AnswerRefused("it must be JSON that a daemon writes");
  }
  const mismatch = shape.find(value, "");
  if (mismatch !== undefined) throw new AnswerRefused(mismatchText(mismatch));
  return value as T;
}
