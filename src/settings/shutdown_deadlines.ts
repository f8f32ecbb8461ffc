import { formatDuration } from "../core/values/duration.ts";

/** The keys of the deadlines in their order, all in milliseconds. */
export const DEADLINE_KEYS = ["drain_delay_ms", "timeout_ms", "force_timeout_ms", "kill_timeout_ms"] as const;

/** One of {@linkcode DEADLINE_KEYS}. */
export type DeadlineKey = typeof DEADLINE_KEYS[number];

/** Some of the four deadlines, in milliseconds. */
export type ShutdownDeadlines = Partial<Record<DeadlineKey, number>>;

/** The four deadlines as they were settled, and why. */
export interface DeadlineVerdict {
  /** All four, in order. */
  deadlines: Record<DeadlineKey, number>;
  /** ShutdownDeadlines that some source set and that stand; the others follow. */
  fixed: ShutdownDeadlines;
  /** Contradictions inside one source: its index, the later key, and the earlier one. */
  contradictions: { source: number; key: DeadlineKey; earlier: DeadlineKey }[];
  /** Values of weaker sources that gave way to a key of a stronger one. */
  lifted: { source: number; key: DeadlineKey; by: DeadlineKey; from: number; to: number }[];
}

/** Share of the graceful time at which each deadline falls where nothing else is said. */
const RATIO: Record<DeadlineKey, number> = { drain_delay_ms: 0, timeout_ms: 1, force_timeout_ms: 1.5, kill_timeout_ms: 2 };
/** Time to kill whoever has used up his own, before the daemon's patience ends as well. */
const KILL_MS = 1_000;
const STANDARD: Record<DeadlineKey, number> = { drain_delay_ms: 0, timeout_ms: 5_000, force_timeout_ms: 10_000, kill_timeout_ms: 15_000 };

/**
 * Settles the four deadlines out of several sources, strongest first: `drain_delay < timeout < force_timeout < kill_timeout`.
 *
 * - A contradiction inside one source is a mistake; a key of a stronger source makes those of weaker ones give way.
 * - Unset deadlines follow from the others: force is 1.5 times and kill twice the graceful time. With nothing set: 0, 5, 10, 15 s.
 * - They also leave each unit the time that it has to stop, of which `longestStopMs` is the longest: the graceful time is no
 *   shorter, and a unit that is told to stop at its end has as much again before anything is killed.
 */
export function settleDeadlines(sources: readonly ShutdownDeadlines[], longestStopMs = 0): DeadlineVerdict {
  const contradictions: DeadlineVerdict["contradictions"] = [];
  const givenWay: { source: number; key: DeadlineKey; by: DeadlineKey; from: number }[] = [];
  const fixed: ShutdownDeadlines = {};
  sources.forEach((source, index) => {
    const wrong = contradictionsIn(source);
    for (const each of wrong) contradictions.push({ source: index, ...each });
    const accepted: ShutdownDeadlines = {};
    for (const key of DEADLINE_KEYS) {
      const ms = source[key];
      if (ms === undefined || fixed[key] !== undefined || wrong.some((each) => each.key === key)) continue;
      const by = conflictWith(fixed, key, ms);
      if (by === undefined) accepted[key] = ms;
      else givenWay.push({ source: index, key, by, from: ms });
    }
    Object.assign(fixed, accepted);
  });
  const deadlines = followed(fixed, longestStopMs);
  return { deadlines, fixed, contradictions, lifted: givenWay.map((each) => ({ ...each, to: deadlines[each.key] })) };
}

function contradictionsIn(source: ShutdownDeadlines): { key: DeadlineKey; earlier: DeadlineKey }[] {
  const found: { key: DeadlineKey; earlier: DeadlineKey }[] = [];
  let earlier: DeadlineKey | undefined;
  for (const key of DEADLINE_KEYS) {
    const ms = source[key];
    if (ms === undefined) continue;
    if (earlier !== undefined && !isBefore(earlier, source[earlier]!, ms)) found.push({ key, earlier });
    else earlier = key;
  }
  return found;
}

/** The stronger key that a value of a weaker source can't stand beside. */
function conflictWith(fixed: ShutdownDeadlines, key: DeadlineKey, ms: number): DeadlineKey | undefined {
  const place = DEADLINE_KEYS.indexOf(key);
  return DEADLINE_KEYS.find((other, index) => {
    const otherMs = fixed[other];
    if (otherMs === undefined) return false;
    return index < place ? !isBefore(other, otherMs, ms) : index > place && !isBefore(key, ms, otherMs);
  });
}

function isBefore(earlier: DeadlineKey, earlierMs: number, laterMs: number): boolean {
  return earlierMs < laterMs || (earlier === "drain_delay_ms" && earlierMs === 0);
}

/** Says which of the deadlines that are set leave a unit less time than it has to stop, and what happens to it then. */
export function shortDeadlines(fixed: ShutdownDeadlines, units: readonly StopTime[]): string[] {
  const drainMs = fixed.drain_delay_ms ?? 0;
  const warnings: string[] = [];
  for (const [key, what] of [["timeout_ms", "is told to hurry"], ["force_timeout_ms", "is killed"]] as const) {
    const ms = fixed[key];
    const short = ms === undefined ? [] : units.filter(({ stopMs }) => stopMs > ms - drainMs);
    if (short.length === 0) continue;
    const names = short.map(({ name, stopMs }) => `${name} (${formatDuration(stopMs)})`).join(", ");
    warnings.push(
      `shutdown.${key} = ${ms} is shorter than the stop.timeout of ${names}, which ${what} before its time when the daemon stops`,
    );
  }
  return warnings;
}

/** How long a unit has to stop that says nothing: nobody has asked for that time. */
export const USUAL_STOP_MS = 5_000;

/** How long a unit has to stop. */
export interface StopTime {
  readonly name: string;
  readonly stopMs: number;
}

/** The longest time that one of the units has to stop; one that may take for ever has none. */
export function longestStopOf(stops: readonly Pick<StopTime, "stopMs">[]): number {
  let longest = 0;
  for (const { stopMs } of stops) if (Number.isFinite(stopMs) && stopMs > longest) longest = stopMs;
  return longest;
}

/** Fills in the deadlines that nobody sets. */
function followed(fixed: ShutdownDeadlines, longestStopMs: number): Record<DeadlineKey, number> {
  if (longestStopMs <= STANDARD.timeout_ms && DEADLINE_KEYS.every((key) => fixed[key] === undefined)) return STANDARD;
  const drainMs = fixed.drain_delay_ms ?? 0;
  const ownMs = longestStopMs === 0 ? 0 : longestStopMs + KILL_MS;
  const all = { ...fixed, drain_delay_ms: drainMs };
  DEADLINE_KEYS.forEach((key, place) => {
    if (all[key] !== undefined) return;
    const before = all[DEADLINE_KEYS[place - 1]]!;
    const next = DEADLINE_KEYS.slice(place + 1).find((other) => all[other] !== undefined);
    const usual = place === 1
      ? next === undefined ? drainMs + STANDARD.timeout_ms : Math.round(all[next]! / RATIO[next])
      : Math.round(before * RATIO[key] / RATIO[DEADLINE_KEYS[place - 1]]);
    const patient = key === "kill_timeout_ms" ? usual : Math.max(usual, (key === "timeout_ms" ? drainMs : before) + ownMs);
    const wanted = [patient, usual].find((ms) => ms > before && (next === undefined || ms < all[next]!));
    all[key] = wanted ?? (next === undefined ? before + 1 : (before + all[next]!) / 2);
  });
  return all as Record<DeadlineKey, number>;
}
