import type { UnitStatus } from "./operations.ts";
import { isRetryingState, isRunningState, isStartingState, isStoppedState, isUpState, isWaitingState } from "./state.ts";

/** The reason of a unit that an operator stopped. */
export const STOPPED_BY_OPERATOR = "stopped by an operator";

/** The reason of a unit that the program itself stopped. */
export const STOPPED_BY_PROGRAM = "stopped by the program";

/** The reason of a unit whose run has asked to be stopped. */
export const STOPPED_BY_ITSELF = "stopped by itself";

/** The reason of a unit that was stopped with one that it comes after. */
export const stoppedWith = (name: string): string => `stopped with ${name}`;

/** The reason of a unit that a strategy stopped with one that failed, and that its policy lets nobody restart. */
export const stoppedForGoodWith = (name: string): string => `${stoppedWith(name)} and never restarted`;

const WAITS_FOR_ROOM = "waits for room: ";

/** The reason of a unit that the daemon has no room to start. */
export const waitsForRoom = (why: string): string => `${WAITS_FOR_ROOM}${why}`;

/** Whether a unit waits until the daemon has room to start it: files, processes, memory. Each try makes it `starting` for a moment. */
export function isShortOfRoom({ state, reason }: Pick<UnitStatus, "state" | "reason">): boolean {
  return (isRetryingState(state) && reason.startsWith(WAITS_FOR_ROOM)) ||
    (isStartingState(state) && reason.startsWith(`restart: ${WAITS_FOR_ROOM}`));
}

/** The reason of a unit that waits for one that somebody stopped. */
export const waitsForStopped = (name: string, reason: string): string =>
  `waits for ${name}, which is ${reason.startsWith("stopped ") ? reason : STOPPED_BY_OPERATOR}`;

/** Whether a unit that is missing will stay so until an operator starts what it comes after. */
export function isKeptDown({ desired, state, reason }: Pick<UnitStatus, "desired" | "state" | "reason">): boolean {
  if (desired !== "up") return false;
  return isStoppedState(state) ||
    (isWaitingState(state) && reason.includes(", which is stopped "));
}

/**
 * Whether a unit should be there and is not: it starts, waits for a restart, has failed, or was skipped.
 *
 * A unit that was stopped by hand, or has completed, is not missing; one that was stopped with it is, as it starts with it again.
 */
export function isMissing({ desired, state, ready }: Pick<UnitStatus, "desired" | "state" | "ready">): boolean {
  return desired === "up" && (!isUpState(state) || (isRunningState(state) && ready === false));
}
