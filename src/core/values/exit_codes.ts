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

/** Meaning of each exit code. */
export const EXIT_CODE_MEANINGS: Readonly<Record<keyof typeof EXIT_CODES, string>> = {
  ok: "Done; for `run`, a clean stop.",
  failed:
    "It was tried and has failed; for `run`, something did not stop cleanly, or what was essential, all there was, or a unit of code has failed for good.",
  usage: "The command line is wrong.",
  noDaemon: "No daemon of this file runs.",
  unknownName: "A unit of that name is not there.",
  notAnswering: "A daemon runs and does not answer, or not as one does.",
  config: "The configuration has a mistake, or can't be read.",
  nothingMatched: "A pattern matched nothing.",
  internal: "A fault of daemonkit or of code inside the daemon: an error that nobody handled.",
  timeout: "The time of `--timeout` is over; what was asked for goes on.",
  ownFailure: "A command that hands on another program's exit code has failed itself.",
};

/**
 * The code that a caller sees for a process that died of the signal with this number: 128 + n.
 *
 * @example Killed and terminated
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(signalExitCode(9), 137);
 * assert.equal(signalExitCode(15), 143);
 * ```
 */
export function signalExitCode(signalNumber: number): number {
  return 128 + signalNumber;
}
