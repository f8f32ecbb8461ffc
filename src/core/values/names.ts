/** Pattern of the name of a service, job or subsystem. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const RESERVED = ["all", "daemon"];

/**
 * Says what is wrong with the name of a unit, or returns undefined when it is a good one.
 *
 * A good name starts with a letter or digit, goes on with letters, digits, `_` and `-`, is at most 63 characters long, and is neither
 * `all` nor `daemon`, which commands use for themselves. Names are compared without case: see {@linkcode nameKey}.
 *
 * @example Names that would hurt later are refused early
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(nameProblem("api-2"), undefined);
 * assert.match(nameProblem("a/b")!, /letters, digits/);
 * assert.match(nameProblem("all")!, /reserved/);
 * ```
 */
export function nameProblem(name: string): string | undefined {
  if (typeof name !== "string" || !NAME.test(name)) {
    return `must be 1 to 63 letters, digits, "_" or "-" and start with a letter or digit: current value is ${JSON.stringify(name)}`;
  }
  if (RESERVED.includes(name.toLowerCase())) return `is reserved for commands: current value is ${JSON.stringify(name)}`;
  return undefined;
}

/**
 * The form under which two names are the same name: `API` and `api` may not both exist.
 *
 * @example Case makes no other name
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(nameKey("API"), nameKey("api"));
 * ```
 */
export function nameKey(name: string): string {
  return name.toLowerCase();
}

/** The key of the service of which a unit is an instance (`api` of `api@1`); of any other unit its own. */
export function groupKey(unit: string): string {
  const key = nameKey(unit);
  const at = key.lastIndexOf("@");
  return at < 0 ? key : key.slice(0, at);
}

/**
 * Finds the candidate that is most likely meant by a misspelt word, or undefined when none is near.
 *
 * Near means an edit distance of at most a third of the longer word, counting a swap of neighbours as one edit.
 *
 * @example A transposition is near, a different word is not
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(nearest("commnad", ["command", "cwd"]), "command");
 * assert.equal(nearest("colour", ["port", "after"]), undefined);
 * ```
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const furthest = Math.max(word.length, candidate.length) / 3;
    // No distance is shorter than what one is longer; and a word from elsewhere may be very long.
    if (Math.abs(word.length - candidate.length) > furthest) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance && distance <= furthest) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** The question at the end of a message about a name that nothing has. */
export function didYouMean(near: string): string {
  return `did you mean ${JSON.stringify(near)}?`;
}

/** Optimal string alignment distance. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + change);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length];
}
