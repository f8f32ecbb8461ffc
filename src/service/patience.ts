import type { Clock } from "../core/ports/clock.ts";

const STEP_MS = 50;

/**
 * Calls `fn` after `patienceMs` milliseconds, in steps of which each is a turn of the loop: a daemon that stood still for as long has used one
 * step, and hears of what has come meanwhile in the others. Disposing the result before that cancels the call.
 */
export function afterPatience(clock: Clock, patienceMs: number, fn: () => void): Disposable {
  let stepsLeft = Math.ceil(patienceMs / STEP_MS);
  let timer: Disposable;
  const step = () => {
    if (stepsLeft-- <= 0) return fn();
    timer = clock.schedule(STEP_MS, step);
  };
  step();
  return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() };
}
