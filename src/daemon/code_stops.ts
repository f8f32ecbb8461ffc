import type { Registration } from "../core/supervise/registration.ts";
import type { ShutdownTimes } from "../core/supervise/shutdown.ts";
import type { Config } from "../settings/config.ts";
import { longestStopOf, settleDeadlines, shortDeadlines } from "../settings/shutdown_deadlines.ts";
import type { Entry } from "./plan.ts";

/** How long a unit has to stop that says nothing: nobody has asked for that time. */
const USUAL_STOP_MS = 5_000;

/** The times that units of code have to stop, which the deadlines of a shutdown leave them where nobody set those. */
export class CodeStops {
  /** Those other than the usual time. */
  readonly #stops: readonly { name: string; stopMs: number }[];
  #longestMs: number;

  /** Looks through the entries of a plan. */
  constructor(entries: readonly Entry[]) {
    this.#stops = stopsIn(entries);
    this.#longestMs = longestStopOf(this.#stops.map(({ stopMs }) => stopMs));
  }

  /** A unit has come; true where it has longer to stop than all before it. */
  add(child: Registration): boolean {
    const { stopTimeoutMs = USUAL_STOP_MS } = child.spec;
    const longestMs = stopTimeoutMs === USUAL_STOP_MS ? 0 : longestStopOf([stopTimeoutMs]);
    if (longestMs <= this.#longestMs) return false;
    this.#longestMs = longestMs;
    return true;
  }

  /** The deadlines in force: those that nobody set leave the units of code their time, as they do those of the file. */
  deadlines({ shutdown }: Config, longestOfFileMs: number): ShutdownTimes {
    if (this.#longestMs <= longestOfFileMs) return shutdown;
    const { drain_delay_ms, timeout_ms, force_timeout_ms, kill_timeout_ms } =
      settleDeadlines([shutdown.given()], this.#longestMs).deadlines;
    return { drainDelayMs: drain_delay_ms, timeoutMs: timeout_ms, forceTimeoutMs: force_timeout_ms, killTimeoutMs: kill_timeout_ms };
  }

  /** Says which units have more time than the deadlines that were set leave them. */
  warnings({ shutdown }: Config): string[] {
    return this.#stops.length === 0 ? [] : shortDeadlines(shutdown.given(), this.#stops);
  }
}

function stopsIn(entries: readonly Entry[]): { name: string; stopMs: number }[] {
  const stops: { name: string; stopMs: number }[] = [];
  // A unit without a stop time of its own gets the time that the shutdown leaves.
  const note = (name: string, stopMs: number | undefined) =>
    stopMs !== undefined && stopMs !== USUAL_STOP_MS && stops.push({ name, stopMs });
  for (const entry of entries) {
    if ("feature" in entry) { if (!entry.isConfigured) note(entry.name, entry.stopMs); }
    else if ("make" in entry) note(entry.name, entry.longestStopMs);
    else note(entry.subsystem.name, entry.spec.stopTimeoutMs);
  }
  return stops;
}
