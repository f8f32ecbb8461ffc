/** How many tables and lists may stand within one another: nothing of ours needs more than six, and a parser that recurs overflows at thousands. */
export const MAX_NESTING = 64;

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
