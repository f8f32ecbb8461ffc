/**
 * Every exit code of the executable and of `run()`, in one table.
 *
 * `timeout` and `ownFailure` are for commands that otherwise pass a program's own code through; a program that died of signal n is
 * passed through as 128 + n.
 */
export const EXIT_CODES = {
  ok: 0,
  failed: 1,
  usage: 2,
  noDaemon: 3,
  unknownName: 4,
  notAnswering: 5,
  config: 6,
  nothingMatched: 7,
  internal: 70,
  timeout: 124,
  ownFailure: 125,
} as const;

/**
 * The code that a caller sees for a process that died of the signal with this number: 128 + n.
 *
 * @example Killed and terminated
 * ```ts
 * import { signalExitCode } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(signalExitCode(9), 137);
 * assert.equal(signalExitCode(15), 143);
 * ```
 */
export function signalExitCode(signalNumber: number): number {
  return 128 + signalNumber;
}
