import type { Clock } from "../core/ports/clock.ts";
import { durationMs } from "../core/values/duration.ts";

/** Aborts when the time of `--timeout` is over, unless the result is disposed before; without one it never does. */
export function abortAfter(timeout: string | undefined, controller: AbortController, clock: Clock): Disposable {
  const timer = timeout === undefined ? undefined : clock.schedule(durationMs(timeout), () => controller.abort("too long"));
  return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() };
}
