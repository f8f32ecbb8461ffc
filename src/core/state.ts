/** Where a subsystem is in its life; the same words on the wire, in the API, in logs and in metrics. */
export type State =
  | "waiting"
  | "starting"
  | "running"
  | "stopping"
  | "stopped"
  | "restarting"
  | "completed"
  | "skipped"
  | "failed"
  | "fatal";

/** Every {@linkcode State}. */
export const STATES: readonly State[] = [
  "waiting",
  "starting",
  "running",
  "stopping",
  "stopped",
  "restarting",
  "completed",
  "skipped",
  "failed",
  "fatal",
];

/**
 * What can happen to a subsystem. `want`: it is to be up, and waits for its turn. `start`: its turn has come. `ready`: it says so.
 * `stop`: it is to be down. `settle`: a run that was told to stop has ended. `complete`, `retry`, `fail`, `exhaust`: a run ended by itself,
 * and this is the verdict. `skip`: what it comes after has failed for good. `park`: it can't be started again as the old run still lives.
 */
export type StateInput = "want" | "start" | "ready" | "stop" | "settle" | "complete" | "retry" | "fail" | "exhaust" | "skip" | "park";

/** A cell of {@linkcode TRANSITIONS}: the next state, or null where the input changes nothing, or why it can't happen. */
export type Cell = State | null | { never: string };

const noRun = { never: "there is no run that could end or become ready" } as const;
const hasRun = { never: "a run is under way, and there is never a second one" } as const;
const notAsked = { never: "nobody told the run to stop" } as const;
const wasAsked = { never: "a run that was told to stop settles, whatever it returns or throws" } as const;
const ended = { never: "it is down until it is wanted again, which makes it wait first" } as const;

/** What can't happen to a subsystem that has no run. */
const withoutRun = { ready: noRun, settle: noRun, complete: noRun, retry: noRun, fail: noRun, exhaust: noRun, park: noRun } as const;
/** What can happen to one that is down: it may be wanted again, and no more. */
const down = { ...withoutRun, want: "waiting", start: ended, skip: ended } as const;

/** Every (state, input) pair. A missing cell is a type error; an impossible one says why. */
export const TRANSITIONS: Readonly<Record<State, Readonly<Record<StateInput, Cell>>>> = {
  waiting: { ...withoutRun, want: null, start: "starting", stop: "stopped", skip: "skipped" },
  starting: {
    want: null,
    start: hasRun,
    ready: "running",
    stop: "stopping",
    settle: notAsked,
    complete: "completed",
    retry: "restarting",
    fail: "failed",
    exhaust: "fatal",
    skip: hasRun,
    park: notAsked,
  },
  running: {
    want: null,
    start: hasRun,
    ready: null,
    stop: "stopping",
    settle: notAsked,
    complete: "completed",
    retry: "restarting",
    fail: "failed",
    exhaust: "fatal",
    skip: hasRun,
    park: notAsked,
  },
  stopping: {
    want: null,
    start: hasRun,
    ready: null,
    stop: null,
    settle: "stopped",
    complete: wasAsked,
    retry: "restarting",
    fail: "failed",
    exhaust: "fatal",
    skip: hasRun,
    park: "fatal",
  },
  restarting: { ...withoutRun, want: "waiting", start: "starting", stop: "stopped", skip: ended },
  stopped: { ...down, stop: null },
  completed: { ...down, stop: "stopped" },
  skipped: { ...down, stop: "stopped", skip: null },
  failed: { ...down, stop: "stopped" },
  // The run of one that was parked may end after all.
  fatal: { ...down, stop: "stopped", settle: "stopped" },
};

/**
 * The state after an input.
 *
 * @throws {Error} if the table says that this can't happen: a defect of the supervisor, never of a subsystem.
 *
 * @example A run that fails is restarted
 * ```ts
 * import { nextState } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(nextState("running", "retry"), "restarting");
 * assert.throws(() => nextState("stopped", "ready"), /no run/);
 * ```
 */
export function nextState(state: State, input: StateInput): State {
  const cell = TRANSITIONS[state][input];
  if (cell === null) return state;
  if (typeof cell === "string") return cell;
  throw new Error(`Cannot apply "${input}" to a subsystem that is ${state} as ${cell.never}`);
}
