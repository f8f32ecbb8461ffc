import { isCompletedState, isDownState, isRunningState, isStartedState, isStartingState, isUpState } from "../core/supervise/state.ts";
import type { UnitOutcome, UnitStatus, WaitGoal } from "../core/supervise/operations.ts";
import type { EventStore } from "./event_store.ts";

/** Where {@linkcode untilThere} looks, and what ends it early. */
export interface UntilThereOptions {
  /** A snapshot of these units, as far as they are there. */
  units: () => UnitStatus[];
  /** Tells when to look again. */
  events: Pick<EventStore, "follow">;
  /** Ends the wait: it resolves with who is missing. */
  signal?: AbortSignal;
}

const IS_THERE: Readonly<Record<WaitGoal, (unit: UnitStatus) => boolean>> = {
  ready: ({ state, ready }) => (isRunningState(state) && ready !== false) || (isCompletedState(state) && ready === null),
  started: ({ state, ready }) => ready === null ? isUpState(state) : isStartedState(state),
  stopped: ({ state }) => isDownState(state),
};

/** The outcome of a unit that is no more. */
const GONE = "removed";

/**
 * Waits until all of these units are there at one moment. It looks when something happened to one of them, and never by the clock.
 *
 * A unit that a reload takes away has stopped; nobody waits on for it to be anything else.
 */
export async function untilThere(
  names: readonly string[],
  goal: WaitGoal,
  { units, events, signal }: UntilThereOptions,
): Promise<UnitOutcome[]> {
  const wanted = new Set(names);
  const { promise, resolve } = Promise.withResolvers<UnitOutcome[]>();
  const outcomes = (missed: string) => {
    const there = units().filter(({ name }) => wanted.has(name)).map((unit) => outcomeOf(unit, goal, missed));
    const gone = wanted.difference(new Set(there.map(({ name }) => name)));
    return [...there, ...[...gone].map((name) => outcomeOfGone(name, goal))];
  };
  let isLookDue = false;
  const look = () => {
    isLookDue = false;
    const now = outcomes("failed");
    if (now.every(({ ok }) => ok) || now.some(({ outcome }) => outcome === GONE)) resolve(now);
  };
  const onAbort = () => resolve(outcomes("timed out"));

  using _following = events.follow((event) => {
    if (event.type === "daemon.stopped" || (event.type === "daemon.stopping" && goal !== "stopped")) return resolve(outcomes("failed"));
    const isAbout = "name" in event ? wanted.has(event.name) : event.type === "config.reload";
    if (isLookDue || !isAbout) return;
    // A thousand units that start at once are looked at once.
    isLookDue = true;
    queueMicrotask(look);
  });
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    look();
    if (signal?.aborted) onAbort();
    return await promise;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

function outcomeOfGone(name: string, goal: WaitGoal): UnitOutcome {
  const ok = goal === "stopped";
  return { name, state: "stopped", outcome: ok ? goal : GONE, ok, reason: ok ? "" : "it was removed from the configuration" };
}

function outcomeOf(unit: UnitStatus, goal: WaitGoal, missed: string): UnitOutcome {
  const { name, state } = unit;
  if (IS_THERE[goal](unit)) return { name, state, outcome: goal, ok: true, reason: "" };
  return { name, state, outcome: missed, ok: false, reason: whyNot(unit) };
}

/** Its state, and why it is in it. */
function whyNot({ state, ready, reason, details }: UnitStatus): string {
  if (isRunningState(state)) return ready === false ? "running and not ready" : "running";
  const why = isStartingState(state) && typeof details.probe === "string" ? details.probe : reason;
  return why === "" ? state : `${state}: ${why}`;
}
