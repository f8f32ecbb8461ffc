import type { State } from "../core/supervise/state.ts";

const GONE: ReadonlySet<State> = new Set<State>(["waiting", "stopped", "completed", "skipped", "failed", "fatal"]);

/** Whether nothing of a unit lives in this state. */
export function isGone(state: State): boolean {
  return GONE.has(state);
}
