import type { Position } from "./position.ts";

/** Makes what tells line and column of an index of a text: the lines are found once, whatever is asked. */
export function positionsIn(text: string): (index: number) => Position {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (index) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= index) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: index - starts[low] + 1 };
  };
}
