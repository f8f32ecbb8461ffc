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

/** Facts about the units in a state. Every comparison of states outside of this folder's tables goes through one of them. */
interface StateFacts {
  /** They have a run. */
  readonly hasRun: boolean;
  /** Their run has begun and is not up yet. */
  readonly isStarting: boolean;
  /** Their run is up: ready, where they have a readiness. */
  readonly isRunning: boolean;
  /** Their run was up or coming up, and is to end. */
  readonly isStopping: boolean;
  /** They wait for the units that they come after. */
  readonly isWaiting: boolean;
  /** They wait for their next try. */
  readonly isRetrying: boolean;
  /** They have no run, and nothing starts them soon by itself. */
  readonly isDown: boolean;
  /** Somebody has stopped them, or nobody has wanted them yet. */
  readonly isStopped: boolean;
  /** They have done their work, and need no run. */
  readonly isCompleted: boolean;
  /** They have ended by failing. */
  readonly hasFailed: boolean;
  /** They have failed, and will not be tried again. */
  readonly isFatal: boolean;
  /** They come after one that is not to be had. */
  readonly isSkipped: boolean;
}

const NONE: StateFacts = {
  hasRun: false,
  isStarting: false,
  isRunning: false,
  isStopping: false,
  isWaiting: false,
  isRetrying: false,
  isDown: false,
  isStopped: false,
  isCompleted: false,
  hasFailed: false,
  isFatal: false,
  isSkipped: false,
};

/** A state that is missing here does not compile; the order is that of every list of states. */
const FACTS: Readonly<Record<State, StateFacts>> = {
  waiting: { ...NONE, isWaiting: true },
  starting: { ...NONE, hasRun: true, isStarting: true },
  running: { ...NONE, hasRun: true, isRunning: true },
  stopping: { ...NONE, hasRun: true, isStopping: true },
  stopped: { ...NONE, isDown: true, isStopped: true },
  restarting: { ...NONE, isRetrying: true },
  completed: { ...NONE, isDown: true, isCompleted: true },
  skipped: { ...NONE, isDown: true, isSkipped: true },
  failed: { ...NONE, isDown: true, hasFailed: true },
  fatal: { ...NONE, isDown: true, hasFailed: true, isFatal: true },
};

/** Every {@linkcode State}. */
export const STATES: readonly State[] = Object.keys(FACTS) as State[];

/** Whether a unit in this state has a run. */
export function hasRunInState(state: State): boolean {
  return FACTS[state].hasRun;
}

/** Whether the run of a unit in this state has begun and is not up yet. */
export function isStartingState(state: State): boolean {
  return FACTS[state].isStarting;
}

/** Whether the run of a unit in this state is up. */
export function isRunningState(state: State): boolean {
  return FACTS[state].isRunning;
}

/** Whether a unit in this state waits for what it comes after. */
export function isWaitingState(state: State): boolean {
  return FACTS[state].isWaiting;
}

/** Whether a unit in this state waits for its next try. */
export function isRetryingState(state: State): boolean {
  return FACTS[state].isRetrying;
}

/** Whether a unit in this state is down, and nothing starts it soon by itself. */
export function isDownState(state: State): boolean {
  return FACTS[state].isDown;
}

/** Whether a unit in this state was stopped by somebody, or never wanted. */
export function isStoppedState(state: State): boolean {
  return FACTS[state].isStopped;
}

/** Whether a unit in this state has done its work and needs no run. */
export function isCompletedState(state: State): boolean {
  return FACTS[state].isCompleted;
}

/** Whether a unit in this state has ended by failing. */
export function isFailedState(state: State): boolean {
  return FACTS[state].hasFailed;
}

/** Whether a unit in this state has failed and will not be tried again. */
export function isFatalState(state: State): boolean {
  return FACTS[state].isFatal;
}

/** Whether a unit in this state is left out as it comes after one that is not to be had. */
export function isSkippedState(state: State): boolean {
  return FACTS[state].isSkipped;
}

/** Whether a unit in this state is where it should be: its run is up, or its work is done. */
export function isUpState(state: State): boolean {
  return FACTS[state].isRunning || FACTS[state].isCompleted;
}

/** Whether a unit in this state has nothing that a start could bring: it comes up already, is up, or its work is done. */
export function isStartedState(state: State): boolean {
  return FACTS[state].isStarting || isUpState(state);
}

/** Whether a unit in this state has a run that was up or is to end: the time since its start says something. */
export function hasUptimeInState(state: State): boolean {
  return FACTS[state].isRunning || FACTS[state].isStopping;
}

/** Whether nothing of a unit in this state lives, or will without somebody else. */
export function isGoneState(state: State): boolean {
  return FACTS[state].isWaiting || FACTS[state].isDown;
}

/** Whether a unit in this state will never do its work without help: it has failed, or it comes after one that has. */
export function isLostState(state: State): boolean {
  return FACTS[state].hasFailed || FACTS[state].isSkipped;
}
