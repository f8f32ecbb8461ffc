/**
 * Reads the regular expression of `grep`. Only clients do: a slow one would keep a daemon from all else.
 *
 * @throws {RangeError} if the text is none.
 */
export function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (cause) {
    throw new RangeError(`Cannot read a pattern as it must be a regular expression: current value is ${JSON.stringify(text)}`, { cause });
  }
}
