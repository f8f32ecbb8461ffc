import { hasCode, isDaemonError, messageOf, SubsystemError } from "../values/errors.ts";
import { checkBooleans, checkKeys } from "../values/options.ts";

/** How a daemon is asked to stop. */
export interface ShutdownRequest {
  /** Why, for the report and the log. */
  reason?: string;
  /** The exit code of the daemon, from 0 to 255, whatever else happens; the first one that is given holds. @default {what the end comes to} */
  exitCode?: number;
  /**
   * Leaves no time for a graceful end: everything is told at once, and killed where it can be killed. What can't be killed, such as a task that
   * does not listen, is waited for as long as lies between `forceTimeout` and `killTimeout` of the configuration, by default 5 s; what lives
   * then is named in the report as unstopped. A second request with `force` does not wait for that. Also hurries a shutdown that has begun.
   * The exit code is 1 then, unless `exitCode` says otherwise.
   *
   * @default {false}
   */
  force?: boolean;
}

/** A {@linkcode ShutdownRequest} that was checked. */
export interface CheckedRequest {
  reason: string;
  exitCode: number | undefined;
  isForced: boolean;
}

/**
 * Checks a request; a text is its reason.
 *
 * @throws {TypeError | RangeError} if it is wrong.
 */
export function shutdownRequest(request: string | ShutdownRequest | undefined, usual: string): CheckedRequest {
  if (request === undefined || typeof request === "string") return { reason: request ?? usual, exitCode: undefined, isForced: false };
  checkKeys("shut down", request, ["reason", "exitCode", "force"]);
  const { reason = usual, exitCode, force = false } = request;
  checkBooleans("shut down", { force });
  if (typeof reason !== "string") {
    throw new TypeError(`Cannot shut down as "reason" must be a text: current value is of type ${typeof reason}`);
  }
  if (exitCode !== undefined && !isExitCode(exitCode)) {
    throw new RangeError(`Cannot shut down as "exitCode" must be an integer from 0 to 255: current value is ${String(exitCode)}`);
  }
  return { reason, exitCode, isForced: force };
}

/** Whether a process can end with this code. */
export function isExitCode(code: unknown): code is number {
  return typeof code === "number" && Number.isInteger(code) && code >= 0 && code <= 255;
}

/** The error that a run throws when another one would fail too. */
export function fatalError(path: string, cause: unknown): SubsystemError {
  const context = isDaemonError(cause) ? cause.context : undefined;
  return new SubsystemError("SUBSYSTEM_FATAL", path, `Cannot run ${path} any more: ${messageOf(cause)}`, { cause, context });
}

/** The error with which a run has said that no other is to follow, also where its clean-up has failed on top; undefined where it has not. */
export function fatalIn(error: unknown): SubsystemError | undefined {
  // Made for the few that have one: every end of a run is looked at.
  let seen: Set<unknown> | undefined;
  let at = error;
  try {
    while (at instanceof SuppressedError && !seen?.has(at)) {
      (seen ??= new Set()).add(at);
      at = at.suppressed;
    }
  } catch {
    // An error that can't be looked at has no verdict.
    return undefined;
  }
  return hasCode(at, "SUBSYSTEM_FATAL") ? at as SubsystemError : undefined;
}
