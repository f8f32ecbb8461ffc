import type { ExitStatus } from "../core/values/exit_status.ts";
export { exitCodeOf } from "../core/values/exit_status.ts";

/** An end in words: `exited with code 3` or `was ended by SIGKILL`. Nobody is told how a program ended that was adopted. */
export function describeExit(status: ExitStatus): string {
  if (status.signal === null && status.code === null) return "has ended, it is unknown how, as it was adopted";
  return status.signal === null ? `exited with code ${status.code}` : `was ended by ${status.signal}`;
}
