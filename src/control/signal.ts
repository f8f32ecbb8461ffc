import { SIGNAL_NUMBERS, type SignalName } from "../core/values/signal_name.ts";
import { nearest } from "../core/values/names.ts";

/**
 * Reads the name of a signal: `HUP`, `SIGHUP`, in any case, or its number on Linux, `1`.
 *
 * @throws {RangeError} if there is no such signal; names the nearest.
 */
export function parseSignal(text: string): SignalName {
  const names = Object.keys(SIGNAL_NUMBERS) as SignalName[];
  const upper = text.toUpperCase();
  const found = names.find((name) => name === upper || name.slice("SIG".length) === upper || String(SIGNAL_NUMBERS[name]) === text);
  if (found !== undefined) return found;
  const short = names.map((name) => name.slice("SIG".length));
  const near = nearest(upper.replace(/^SIG/, ""), short);
  const hint = near === undefined ? `; those are ${short.join(", ")}` : `; did you mean ${near}?`;
  throw new RangeError(`Cannot read a signal as it must be the name or number of one: current value is ${JSON.stringify(text)}${hint}`);
}
