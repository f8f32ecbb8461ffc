import type { OpenFeature } from "../../core/feature.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Profiler } from "../../core/ports/profiler.ts";
import type { Operations } from "../../core/supervise/operations.ts";
import { durationMs } from "../../core/values/duration.ts";
import { messageOf, TimeoutError } from "../../core/values/errors.ts";
import { badRequest } from "../problem.ts";
import type { ProfileTurn } from "../profile_turn.ts";
import type { OpenStreams } from "../stream.ts";

/** Parts of a daemon from which answers are made. */
export interface AnswerPorts {
  /** Operations of the daemon. */
  readonly operations: Operations;
  /** Version of daemonkit. */
  readonly version: string;
  /** Version of the protocol. */
  readonly protocol: number;
  /** Time. */
  readonly clock: Clock;
  /** The open streams. */
  readonly streams: OpenStreams;
  /** The features at work. */
  readonly features: () => Iterable<OpenFeature>;
  /** Measurements of the program, in the format that an `Accept` header asks for. */
  readonly programMetrics: (accept: string | undefined) => string;
  /** Profiles this process, where that can be asked for. */
  readonly profiler: Profiler | undefined;
  /** Lets one profile be taken at a time. */
  readonly turn: ProfileTurn;
}

/** Reads what was asked for; what can't be read is the asker's mistake. */
export function readAs<T>(read: (text: string) => T, text: string): T {
  try {
    return read(text);
  } catch (error) {
    throw badRequest(messageOf(error));
  }
}

/** Runs a command, and ends the wait for it after `timeout`; the change it asked for goes on. */
export async function limited<T>(
  what: string,
  { timeout, clock }: { timeout: string | undefined; clock: Clock },
  run: (signal?: AbortSignal) => Promise<T>,
): Promise<T> {
  if (timeout === undefined) return await run();
  const controller = new AbortController();
  const timer = clock.schedule(durationMs(timeout), () => {
    controller.abort(new TimeoutError("TIMEOUT", `Cannot wait any longer for ${what} after ${timeout}; it goes on in the daemon`));
  });
  try {
    return await run(controller.signal);
  } finally {
    timer[Symbol.dispose]();
  }
}
