/** A length of time: a number of milliseconds, or a text such as `"250ms"`, `"1.5s"`, `"1h30m"`, `"2d"`. */
export type Duration = number | string;

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SINGLE = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;
const EXPECTED = 'a duration such as "250ms", "1.5s", "1h30m" or "2d"';

/**
 * Turns a {@linkcode Duration} into milliseconds.
 *
 * - Units are `ms`, `s`, `m`, `h` and `d`; parts add up in any order, each unit at most once.
 * - A text without a unit is refused, so that `"30"` is never mistaken for seconds.
 *
 * @throws {TypeError} if the value is neither a number nor a text.
 * @throws {RangeError} if the text is no duration, or the number is negative or not finite.
 *
 * @example Texts and numbers
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(["1h30m", "1.5s", "250ms", 20].map(durationMs), [5_400_000, 1_500, 250, 20]);
 * assert.throws(() => durationMs("30"), RangeError);
 * ```
 */
export function durationMs(value: Duration): number {
  return msOf(value, "read a duration", "it");
}

/**
 * The same for an option: the error says which, such as `stop.timeout`, and what can't be done, such as `register "api"`.
 *
 * @throws {TypeError | RangeError} if the value is no duration.
 */
export function durationOption(action: string, key: string, value: Duration): number {
  return msOf(value, action, `"${key}"`);
}

function msOf(value: Duration, action: string, subject: string): number {
  if (typeof value === "number") {
    if (value >= 0 && value < Infinity) return value;
    throw new RangeError(`Cannot ${action} as ${subject} must be a finite number >= 0: current value is ${value}`);
  }
  if (typeof value !== "string") {
    throw new TypeError(`Cannot ${action} as ${subject} must be ${EXPECTED}: current value is of type ${typeof value}`);
  }
  // Nearly all texts have one part, and to take a text apart costs many times as much.
  const single = SINGLE.exec(value.trim());
  const totalMs = single === null ? sumOfParts(value, action, subject) : Number(single[1]) * UNIT_MS[single[2]];
  if (totalMs === Infinity) {
    throw new RangeError(`Cannot ${action} as ${subject} must be a finite one: current value is ${JSON.stringify(value)}`);
  }
  return totalMs;
}

function sumOfParts(value: string, action: string, subject: string): number {
  const text = value.trim();
  if (!WHOLE.test(text)) {
    throw new RangeError(`Cannot ${action} as ${subject} must be ${EXPECTED}: current value is ${JSON.stringify(value)}`);
  }
  const seen = new Set<string>();
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(PART)) {
    if (seen.has(unit)) {
      throw new RangeError(`Cannot ${action} as ${subject} must have each unit once at most: current value is ${JSON.stringify(value)}`);
    }
    seen.add(unit);
    totalMs += Number(amount) * UNIT_MS[unit];
  }
  return totalMs;
}

/**
 * Writes milliseconds for a person: at most two neighbouring units, rounded down (`"1h30m"`, `"2.5s"`, `"250ms"`).
 *
 * @example From milliseconds to days
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual([0, 250, 2_500, 61_000, 5_400_000, 90_000_000].map(formatDuration),
 *   ["0ms", "250ms", "2.5s", "1m1s", "1h30m", "1d1h"]);
 * ```
 */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.floor(ms)}ms`;
  if (ms < 60_000) return `${Math.floor(ms / 100) / 10}s`;
  const steps: [string, number][] = [["d", UNIT_MS.d], ["h", UNIT_MS.h], ["m", UNIT_MS.m], ["s", UNIT_MS.s]];
  const first = steps.findIndex(([, unitMs]) => ms >= unitMs);
  const [large, largeMs] = steps[first];
  const [small, smallMs] = steps[first + 1];
  const rest = Math.floor((ms % largeMs) / smallMs);
  return `${Math.floor(ms / largeMs)}${large}${rest > 0 ? `${rest}${small}` : ""}`;
}
