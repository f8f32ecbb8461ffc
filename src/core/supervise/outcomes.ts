import type { UnitOutcome } from "./operations.ts";
import { isCompletedState, isRunningState, type State } from "./state.ts";

/** Facts that an outcome follows from. */
export interface OutcomeFacts {
  readonly path: string;
  readonly state: State;
  readonly reason: string;
  /** Whether a run lives. */
  readonly hasRun: boolean;
  /** Whether that run did not stop in its time. */
  readonly isOverdue: boolean;
  /** Whether the last run was not ready in its time. */
  readonly wasLate: boolean;
  /** Why the last run did not stop cleanly. */
  readonly stopFailure: string | undefined;
  /** The subsystem's own words. */
  readonly words: {
    /** Part of it that lives on although it is down. */
    readonly left?: string;
  };
  /** Whether it was removed from its supervisor. */
  readonly isRemoved: boolean;
  /** Number of the current or last run. */
  readonly run: number;
}

const done = (facts: OutcomeFacts, outcome: string, reason = ""): UnitOutcome => ({
  name: facts.path,
  state: facts.state,
  outcome,
  ok: true,
  reason,
});

const failed = (facts: OutcomeFacts, reason: string, outcome = "failed"): UnitOutcome => ({
  name: facts.path,
  state: facts.state,
  outcome,
  ok: false,
  reason,
});

/** Outcome of a command to start a unit. */
export function outcomeOfStart(facts: OutcomeFacts, wasRunning = false): UnitOutcome {
  if (isCompletedState(facts.state)) return done(facts, wasRunning ? "already running" : "completed");
  if (isRunningState(facts.state)) return done(facts, wasRunning ? "already running" : "started");
  return failed(facts, facts.reason, facts.wasLate ? "timed out" : "failed");
}

/** Outcome of a command to restart a unit, which found it in run number `runBefore`. */
export function outcomeOfRestart(facts: OutcomeFacts, runBefore: number): UnitOutcome {
  const outcome = outcomeOfStart(facts);
  if (!outcome.ok) return outcome;
  if (facts.run === runBefore) return failed(facts, "another command came between");
  return outcome.outcome === "started" ? { ...outcome, outcome: "restarted" } : outcome;
}

/** Outcome of a command to stop a unit; `because` says why one was stopped that nobody named. */
export function outcomeOfStop(facts: OutcomeFacts, wasDown: boolean, because = ""): UnitOutcome {
  if (!facts.hasRun && !wasDown && facts.stopFailure !== undefined) return failed(facts, facts.stopFailure);
  if (!facts.hasRun && wasDown && facts.words.left !== undefined) return failed(facts, `it was stopped before, but ${facts.words.left}`);
  if (!facts.hasRun) return done(facts, wasDown ? "already stopped" : "stopped", because);
  return facts.isOverdue ? failed(facts, facts.reason, "timed out") : failed(facts, "another command started it again");
}

/** Outcome of the removal of a unit. */
export function outcomeOfRemoval(facts: OutcomeFacts): UnitOutcome {
  if (!facts.isRemoved) return failed(facts, "it was added again meanwhile");
  return facts.hasRun ? failed(facts, facts.reason, "timed out") : done(facts, "removed");
}
