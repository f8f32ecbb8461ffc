import { isDownState, type State } from "../core/supervise/state.ts";

/** Whether nothing of a unit lives in this state. */
export function isGone(state: State): boolean {
  return state === "waiting" || isDownState(state);
}
