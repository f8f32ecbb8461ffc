import { type Clock, sleep } from "../core/ports/clock.ts";
import { isDaemonError } from "../core/values/errors.ts";
import type { ChildProcess, Processes, ProcessIdentity, SpawnOptions } from "../core/ports/processes.ts";
import type { ExitStatus } from "../core/values/exit_status.ts";
import { UNIT_VARIABLE } from "./environment.ts";
import type { ProcessGroupOptions } from "./process_group.ts";

/** How often it is looked whether an adopted program has ended: there is no event for the end of what is no child. */
const LOOK_MS = 200;

/** A program that somebody else started, as a child: its output went with the daemon that read it, and nobody is told its exit code. */
export function adoptedChild(identity: ProcessIdentity, host: { processes: Processes; clock: Clock }): ChildProcess {
  return { identity, stdout: emptyStream(), stderr: emptyStream(), exited: untilGone(identity, host) };
}

/** Whether the number of a process, which is no child of ours, is that of another one by now. */
export function isPassedOn({ pid, startTicks }: ProcessIdentity, processes: Processes): boolean {
  try {
    const now = processes.identify(pid);
    return now !== undefined && now.startTicks !== startTicks;
  } catch (error) {
    // To run out of files must not keep anybody from being stopped.
    if (isDaemonError(error) && error.code === "IO_NO_RESOURCES") return false;
    throw error;
  }
}

/**
 * Processes as a process group sees them, for a group that is no child of ours: the number of a child is kept for us until we wait for
 * it, that of a stranger goes to somebody else once its group is empty.
 */
export function groupOfStranger(
  leader: ProcessIdentity,
  { processes, neighbours }: Pick<ProcessGroupOptions, "processes" | "neighbours"> & { processes: Processes },
): Pick<ProcessGroupOptions, "processes" | "neighbours"> {
  const isTaken = () => isPassedOn(leader, processes);
  return {
    processes: {
      signal: (pid, signal) => !isTaken() && processes.signal(pid, signal),
      signalGroup: (pgid, signal, options) => !isTaken() && processes.signalGroup(pgid, signal, options),
      isAlive: (identity) => processes.isAlive(identity),
    },
    neighbours: { isGroupAlive: async (pgid) => !isTaken() && await neighbours.isGroupAlive(pgid) },
  };
}

/**
 * A short text that is another one when a service would be started in another way: other arguments, folder, user, or variables. The
 * variables that come from the daemon's own environment don't count: from which terminal it was started is not what a service is.
 */
export function commandDigest(launch: SpawnOptions, inherited: Readonly<Record<string, string>>): string {
  const own = Object.entries(launch.env).filter(([name, value]) => !name.startsWith("DAEMONKIT_") && inherited[name] !== value);
  return digest(JSON.stringify({ ...launch, env: own.sort(([a], [b]) => a < b ? -1 : 1) }));
}

/** The unit and the run that a mark names, if it is one of this daemon. */
export function parseMark(env: Readonly<Record<string, string>>, daemonId: string): { unit: string; run: number } | undefined {
  const value = env[UNIT_VARIABLE];
  const end = value?.lastIndexOf("/") ?? -1;
  if (value === undefined || !value.startsWith(`${daemonId}/`) || end <= daemonId.length) return undefined;
  return { unit: value.slice(daemonId.length + 1, end), run: Number(value.slice(end + 1)) };
}

async function untilGone(identity: ProcessIdentity, { processes, clock }: { processes: Processes; clock: Clock }): Promise<ExitStatus> {
  while (processes.isAlive(identity)) await sleep(clock, LOOK_MS);
  return { code: null, signal: null };
}

function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}

/** 53 bits of two multiplications by turns (cyrb53): it runs at every start of a service, and nobody gains by two that are alike. */
function digest(text: string): string {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 2_654_435_761);
    low = Math.imul(low ^ code, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return (4_294_967_296 * (2_097_151 & low) + (high >>> 0)).toString(16).padStart(14, "0");
}
