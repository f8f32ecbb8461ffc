import { setImmediate, setTimeout } from "node:timers/promises";
import { inspect } from "node:util";
import type { FakeClock } from "../src/testing/mod.ts";

/** Options of {@linkcode until}. */
export interface UntilOptions<T> {
  /** Whether what was seen is what is waited for, or a pattern of its text; true values are, by default. */
  isRight?: ((seen: T) => boolean) | RegExp;
  /** Lets things happen before the next look; by default 5 ms go by. */
  go?: () => unknown;
  /** More to tell when it never came true, such as what a program has written. */
  context?: () => unknown;
  /**
   * Milliseconds that it may take. It is for what hangs, as the time of a test is, and nearly all of that: a busy machine makes everything
   * ten times slower.
   *
   * @default 100_000
   */
  limitMs?: number;
}

/** Looks until what is seen is right, and returns it; the error of a wait in vain tells what was waited for and what was seen last. */
export async function until<T>(look: () => T | Promise<T>, options: UntilOptions<T> = {}): Promise<T> {
  const { isRight = Boolean, go = () => setTimeout(5), context, limitMs = 100_000 } = options;
  const test = isRight instanceof RegExp ? (seen: T) => isRight.test(String(seen)) : isRight;
  const endMs = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (test(seen)) return seen;
    if (performance.now() > endMs) {
      const more = context === undefined ? "" : `\n${text(context())}`;
      throw new Error(
        `Cannot go on as this was not so within ${limitMs / 1_000} s: ${options.isRight ?? look}\nlast seen: ${text(seen)}${more}`,
      );
    }
    await go();
  }
}

/** Lets a fake clock go on, and what loads in time of its own, until a promise has settled; returns what came of it. */
export async function settled<T>(clock: FakeClock, promise: Promise<T>, stepMs = 50): Promise<T> {
  let isOver = false;
  const settle = () => void (isOver = true);
  promise.then(settle, settle);
  await until(() => isOver, { go: async () => (await clock.advance(stepMs), await setImmediate()) });
  return await promise;
}

/** The end of a long text is what tells most. */
function text(seen: unknown): string {
  const whole = typeof seen === "string" ? seen : inspect(seen, { depth: 6, maxArrayLength: 50 });
  return whole.length > 4_000 ? `… ${whole.slice(-4_000)}` : whole;
}
