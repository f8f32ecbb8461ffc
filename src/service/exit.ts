import type { ExitStatus } from "../core/host.ts";
export { exitCodeOf } from "../core/exit_status.ts";

/** An end in words: `exited with code 3` or `was ended by SIGKILL`. */
export function describeExit(status: ExitStatus): string {
  return status.signal === null ? `exited with code ${status.code}` : `was ended by ${status.signal}`;
}
