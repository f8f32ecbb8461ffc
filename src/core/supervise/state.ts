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

/** Facts about the units in a state. */
interface StateFacts {
  /** They have a run. */
  readonly hasRun: boolean;
  /** They have no run, and nothing starts them soon by itself. */
  readonly isDown: boolean;
  /** They have ended by failing. */
  readonly hasFailed: boolean;
}

const RUNS: StateFacts = { hasRun: true, isDown: false, hasFailed: false };
const COMES: StateFacts = { hasRun: false, isDown: false, hasFailed: false };
const DOWN: StateFacts = { hasRun: false, isDown: true, hasFailed: false };
const FAILED: StateFacts = { hasRun: false, isDown: true, hasFailed: true };

/** A state that is missing here does not compile; the order is that of every list of states. */
const FACTS: Readonly<Record<State, StateFacts>> = {
  waiting: COMES,
  starting: RUNS,
  running: RUNS,
  stopping: RUNS,
  stopped: DOWN,
  restarting: COMES,
  completed: DOWN,
  skipped: DOWN,
  failed: FAILED,
  fatal: FAILED,
};

/** Every {@linkcode State}. */
export const STATES: readonly State[] = Object.keys(FACTS) as State[];

/** Whether a unit in this state has a run. */
export function hasRunInState(state: State): boolean {
  return FACTS[state].hasRun;
}

/** Whether a unit in this state is down, and nothing starts it soon by itself. */
export function isDownState(state: State): boolean {
  return FACTS[state].isDown;
}

/** Whether a unit in this state has ended by failing. */
export function isFailedState(state: State): boolean {
  return FACTS[state].hasFailed;
}

/** Whether a unit in this state will never do its work without help: it has failed, or it comes after one that has. */
export function isLostState(state: State): boolean {
  return FACTS[state].hasFailed || state === "skipped";
}
