/**
 * Reads the regular expression of `grep`, as both sides do: the client to refuse it early, the daemon to use it.
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
