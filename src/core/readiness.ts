import type { UnitStatus } from "./operations.ts";

/**
 * Whether a unit should be there and is not: it starts, waits for a restart, has failed, or was skipped.
 *
 * Who was stopped by hand, and who has completed, is not missing. Who was given up because an old run of it still lives, is.
 */
export function isMissing({ desired, state, ready }: Pick<UnitStatus, "desired" | "state" | "ready">): boolean {
  if (desired === "down") return state === "fatal";
  return state !== "completed" && (state !== "running" || ready === false);
}
