import { isStartingState, type State } from "./state.ts";

/**
 * Why a run is to stop, which says what follows: `down`: nothing; `with`: it waits until what it comes after is wanted again; `restart`,
 * `change` and `group`: another run; `late`: it was not ready in its time, which is judged as a failure; `end`: it has ended by itself and
 * cleans up, which is judged by how it ended.
 */
export type StopWhy = "down" | "with" | "restart" | "change" | "group" | "late" | "end";

/**
 * Phase of a unit, more exact than its {@linkcode State}. Without a run: `idle`, `held` (stopped with what it comes after),
 * `waiting`, `skipped`, `backoff`, and the ends `completed`, `failed`, `fatal`. With one: `starting`, `running`, `queued` (it is to stop and
 * waits for its turn), `closing` (it has ended and cleans up), `stopping`, `overdue` (it did not stop in its time).
 */
export type PhaseName =
  | "idle"
  | "held"
  | "waiting"
  | "skipped"
  | "backoff"
  | "completed"
  | "failed"
  | "fatal"
  | "starting"
  | "running"
  | "queued"
  | "closing"
  | "stopping"
  | "overdue";

/** The phase of a unit; never written to. */
export interface Phase {
  /** Which one. */
  readonly name: PhaseName;
  /** State that everybody else sees. */
  readonly state: State;
  /** Why its run stops, where it does. */
  readonly why: StopWhy | undefined;
  /** When its run was told to stop or ended by itself, on the monotonic clock. */
  readonly askedMs: number | undefined;
}

/**
 * Inputs of a unit. `want`: it is to be up. `hold`: it is to wait for one that was stopped. `skip`: what it comes after has failed
 * for good. `start`: its turn has come. `ready`: it says so. `ask`: its run is to stop, in its turn; without a run it is down. `spare`: it is
 * not to stop after all. `tell`: its turn to stop has come. `close`: its run has ended and cleans up. `late`: the time of its stop is over.
 * `settle`: a run that was told to stop has ended. `complete`, `retry`, `fail`, `exhaust`: a run ended, and this is the verdict.
 */
export type StepInput =
  | "want"
  | "hold"
  | "skip"
  | "start"
  | "ready"
  | "ask"
  | "spare"
  | "tell"
  | "close"
  | "late"
  | "settle"
  | "complete"
  | "retry"
  | "fail"
  | "exhaust";

/** A cell of {@linkcode STEPS}: the next phase, or null where the input changes nothing, or why it can't happen. */
export type StepCell = PhaseName | null | { readonly never: string };

const noRun = { never: "there is no run that could stop, end or become ready" } as const;
const hasRun = { never: "a run is under way, and there is never a second one" } as const;
const notTold = { never: "nobody has told the run to stop, so it can't be late with that" } as const;
const notAsked = { never: "nobody has asked the run to stop, so it can't be spared" } as const;
const wasTold = { never: "it was told to stop already, and is told that once" } as const;
const hasEnded = { never: "its run has ended once and can't do so again" } as const;
const settles = { never: "a run that was asked to stop settles, whatever it returns or throws" } as const;
const mustWait = { never: "it is down until it is wanted again, which makes it wait first" } as const;

const withoutRun = {
  ready: noRun,
  spare: noRun,
  tell: noRun,
  close: noRun,
  late: noRun,
  settle: noRun,
  complete: noRun,
  retry: noRun,
  fail: noRun,
  exhaust: noRun,
} as const;
/** It has ended for good: a stop changes nothing, and only who wants it again moves it. */
const ended = { ...withoutRun, want: "waiting", hold: null, skip: mustWait, start: mustWait, ask: null } as const;
const withRun = { want: hasRun, hold: hasRun, skip: hasRun, start: hasRun } as const;
const judged = { complete: "completed", retry: "backoff", fail: "failed", exhaust: "fatal" } as const;
const works = { ...withRun, ...judged, ask: "queued", spare: notAsked, tell: "stopping", close: "closing", late: notTold } as const;

/** Every (phase, input) pair. A missing cell is a type error; an impossible one says why. */
export const STEPS: Readonly<Record<PhaseName, Readonly<Record<StepInput, StepCell>>>> = {
  idle: { ...ended, hold: "held" },
  held: { ...withoutRun, want: "waiting", hold: null, skip: "skipped", start: mustWait, ask: "idle" },
  waiting: { ...withoutRun, want: null, hold: null, skip: "skipped", start: "starting", ask: "idle" },
  skipped: { ...withoutRun, want: "waiting", hold: null, skip: null, start: mustWait, ask: "idle" },
  backoff: { ...withoutRun, want: "waiting", hold: "held", skip: mustWait, start: "starting", ask: "idle" },
  completed: ended,
  failed: ended,
  fatal: ended,
  starting: { ...works, ready: "running", settle: notTold },
  running: { ...works, ready: null, settle: notTold },
  queued: {
    ...withRun,
    ask: "queued",
    spare: "running",
    tell: "stopping",
    close: "stopping",
    ready: "queued",
    late: notTold,
    settle: notTold,
    complete: settles,
    retry: settles,
    fail: settles,
    exhaust: settles,
  },
  closing: {
    ...withRun,
    ...judged,
    ask: "stopping",
    spare: notAsked,
    tell: wasTold,
    close: hasEnded,
    ready: null,
    late: "overdue",
    settle: notTold,
  },
  stopping: {
    ...withRun,
    ...judged,
    ask: "stopping",
    spare: notAsked,
    tell: wasTold,
    close: null,
    ready: null,
    late: "overdue",
    settle: "idle",
    complete: settles,
  },
  overdue: { ...withRun, ...judged, ask: "overdue", spare: notAsked, tell: wasTold, close: null, ready: null, late: null, settle: "idle" },
};

const plain = (name: PhaseName, state: State): Phase => ({ name, state, why: undefined, askedMs: undefined });

/** The phases that are always the same. */
export const IDLE: Phase = plain("idle", "stopped");
const PLAIN: Readonly<Partial<Record<PhaseName, Phase>>> = {
  idle: IDLE,
  held: plain("held", "stopped"),
  waiting: plain("waiting", "waiting"),
  skipped: plain("skipped", "skipped"),
  backoff: plain("backoff", "restarting"),
  completed: plain("completed", "completed"),
  failed: plain("failed", "failed"),
  fatal: plain("fatal", "fatal"),
  starting: plain("starting", "starting"),
  running: plain("running", "running"),
};

/** Facts that a step needs beside the phase. */
export interface StepFacts {
  /** Why the run is to stop. */
  why?: StopWhy;
  /** The time. */
  nowMs?: number;
  /** A run that is late with its stop keeps its unit from being started again, which is shown as `fatal`. */
  isParked?: boolean;
}

const NO_FACTS: StepFacts = {};

/**
 * The phase after an input: pure, and every pair has its answer in {@linkcode STEPS}.
 *
 * @throws {Error} if the table says that this can't happen: a defect of the supervisor, never of a subsystem.
 */
export function step(phase: Phase, input: StepInput, facts: StepFacts = NO_FACTS): Phase {
  const cell = STEPS[phase.name][input];
  if (cell === null) return phase;
  if (typeof cell === "object") throw new Error(`Cannot apply "${input}" to a unit that is ${phase.name} as ${cell.never}`);
  // A unit that was starting goes on starting.
  if (input === "spare") return PLAIN[isStartingState(phase.state) ? "starting" : "running"]!;
  const same = PLAIN[cell];
  if (same !== undefined) return same;
  const { why = phase.why, nowMs, isParked = false } = facts;
  switch (cell) {
    case "queued":
      return { name: cell, state: input === "ready" ? "running" : phase.state, why, askedMs: undefined };
    case "closing":
      return { name: cell, state: phase.state, why: "end", askedMs: nowMs };
    case "overdue":
      return { name: cell, state: input === "late" ? isParked ? "fatal" : "stopping" : phase.state, why, askedMs: phase.askedMs };
    default:
      return { name: cell, state: "stopping", why, askedMs: phase.askedMs ?? nowMs };
  }
}

/** Whether a run lives in this phase. */
export function hasRunIn({ name }: Phase): boolean {
  switch (name) {
    case "starting":
    case "running":
    case "queued":
    case "closing":
    case "stopping":
    case "overdue":
      return true;
    default:
      return false;
  }
}

/** Next step of a unit whose run has ended. */
export type AfterEnd = "down" | "held" | "again" | "judge";

/** Decides the next step after a run, by the phase it ended in and by whether the unit is still to be up: pure. */
export function afterEnd({ name, why }: Phase, isWanted: boolean): AfterEnd {
  if (!isWanted) return "down";
  if (name === "starting" || name === "running" || why === "end" || why === "late") return "judge";
  // The wish has changed: `down` and wanted is a start that came during the stop.
  return why === "with" ? "held" : "again";
}
