import type { Registration } from "../core/supervise/registration.ts";
import type { ShutdownTimes } from "../core/supervise/shutdown.ts";
import type { Config } from "../settings/config.ts";
import { longestStopOf, settleDeadlines, shortDeadlines, type StopTime, USUAL_STOP_MS } from "../settings/shutdown_deadlines.ts";

/** The times that units of code have to stop, which the deadlines of a shutdown leave them where nobody set those. */
export class CodeStops {
  /** Those other than the usual time. */
  readonly #stops: readonly StopTime[];
  #longestMs: number;

  /** Creates it with those of a plan. */
  constructor(stops: readonly StopTime[]) {
    this.#stops = stops;
    this.#longestMs = longestStopOf(stops);
  }

  /** A unit has come; true where it has longer to stop than all before it. */
  add(child: Registration): boolean {
    const { stopTimeoutMs = USUAL_STOP_MS } = child.spec;
    const longestMs = stopTimeoutMs === USUAL_STOP_MS ? 0 : longestStopOf([{ stopMs: stopTimeoutMs }]);
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
