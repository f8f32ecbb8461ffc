import type { StopPlan } from "../core/ports/continuity.ts";
import { type Clock, sleep } from "../core/ports/clock.ts";
import { messageOf } from "../core/values/errors.ts";
import type { ProcessEntry, Processes, ProcessIdentity, ProgramRun } from "../core/ports/processes.ts";
import type { SignalName } from "../core/values/signal_name.ts";
import type { Logger } from "../core/ports/log.ts";
import { parseMark, UNIT_VARIABLE } from "../service/mod.ts";
import type { RunningProgram } from "../core/ports/continuity.ts";
import { endsAll } from "../core/values/kill_mode.ts";

/** Processes of one unit that a dead daemon left. */
export interface Leftover {
  /** Path of the unit. */
  unit: string;
  /** Every process of it that runs. */
  processes: ProcessEntry[];
  /** The program that was written down, if it runs. */
  program: RunningProgram | undefined;
  /** Leaders whose groups may be signalled whole: we are not in them. */
  leaders: ProcessIdentity[];
  /** Whether something of it is of a later run than the program. */
  isNewer: boolean;
}

/** Input of {@linkcode findLeftovers}. */
export interface LeftoverSearch {
  /** The id in the marks. It is this user's own, and one daemon has it, so the place of its folders does not matter. */
  id: string;
  /** Programs that were written down. */
  programs: readonly RunningProgram[];
  /** How a unit is stopped. */
  planOf: (unit: string) => StopPlan;
}

/**
 * Finds what a daemon has left behind, by unit. Only for whoever holds the daemon's lock.
 *
 * - A process counts by its mark, wherever it has gone, or as a member of a group that was written down and whose leader still has its
 *   number, alive or as a zombie. A number alone is never enough: it may belong to somebody else by now.
 * - Whose mark is believed: processes of this user, of root, and of the user that the unit runs as. Anybody else may write what he likes.
 * - With `killMode: "all"` everything else that belongs to a program which was written down counts too, however it has moved.
 * - This process and those that it descends from never count.
 * - With `killMode: "process"` the helpers of a program are to live on without it, so only the program counts.
 */
export function findLeftovers({ id, programs, planOf }: LeftoverSearch, processes: Processes): Leftover[] {
  const entries = processes.census([UNIT_VARIABLE]);
  const byPid = new Map(entries.map((entry) => [entry.identity.pid, entry]));
  const own = ancestry(processes.self().pid, byPid);
  const ownGroups = new Set([...own].map((pid) => byPid.get(pid)?.group));
  const leaders = new Map(
    programs.filter(({ identity }) => isSame(identity, byPid.get(identity.pid)?.identity)).map((
      program,
    ) => [program.identity.pid, program]),
  );
  const lastRuns = new Map(programs.map(({ unit, run }) => [unit, run]));

  const found = new Map<string, Leftover>();
  for (const entry of entries) {
    const { identity, group, isZombie, env } = entry;
    if (isZombie || own.has(identity.pid)) continue;
    const program = leaders.get(group) ?? leaders.get(identity.pid);
    const worn = parseMark(env, id);
    const isBelieved = worn !== undefined &&
      [processes.uid, 0, planOf(worn.unit).uid, ...programs.map(({ unit, uid }) => unit === worn.unit ? uid : undefined)].includes(
        entry.uid,
      );
    const mark = isBelieved ? worn : undefined;
    const unit = program?.unit ?? mark?.unit;
    if (unit === undefined) continue;
    const isLeader = program?.identity.pid === identity.pid;
    const lastRun = lastRuns.get(unit);
    const isNewer = mark !== undefined && lastRun !== undefined && mark.run > lastRun;
    const { killMode } = planOf(unit);
    // Of what was not written down, nobody can tell the program from its helpers.
    if (killMode === "process" && !isLeader && lastRun !== undefined && !isNewer) continue;

    const leftover = found.get(unit) ?? { unit, processes: [], program: undefined, leaders: [], isNewer: false };
    found.set(unit, leftover);
    leftover.processes.push(entry);
    leftover.isNewer ||= isNewer;
    if (!isLeader) continue;
    leftover.program = program;
    if (killMode !== "process" && group === identity.pid && !ownGroups.has(group)) leftover.leaders.push(identity);
  }

  // A process that left its group and took off its mark is still known by its session and its parents.
  const runs = new Map<ProgramRun, string>(
    programs.filter(({ unit, identity }) => identity.bootId === processes.self().bootId && endsAll(planOf(unit).killMode)).map((
      { unit, run, identity, uid },
    ) => [
      { leader: identity, marks: { [UNIT_VARIABLE]: `${id}/${unit}/${run}` }, uid },
      unit,
    ]),
  );
  const listed = new Set([...found.values()].flatMap((leftover) => leftover.processes.map(({ identity }) => identity.pid)));
  for (const [run, members] of processes.belonging([...runs.keys()])) {
    const unit = runs.get(run)!;
    for (const { identity: { pid } } of members) {
      const entry = byPid.get(pid);
      if (entry === undefined || own.has(pid) || listed.has(pid)) continue;
      const leftover = found.get(unit) ?? { unit, processes: [], program: undefined, leaders: [], isNewer: false };
      found.set(unit, leftover);
      leftover.processes.push(entry);
    }
  }
  return [...found.values()];
}

/** Options of {@linkcode endLeftovers}. */
export interface EndOptions {
  /** Looks for what is left. */
  find: () => Leftover[];
  /** How a unit is stopped. */
  planOf: (unit: string) => StopPlan;
  /** Longest time that a unit gets to stop by itself. */
  limitMs: number;
  /** Sends the signals. */
  processes: Processes;
  /** Times the stops. */
  clock: Clock;
  /** Told of each unit. */
  log: Logger;
}

/** First and longest wait between two looks, and the time that SIGKILL may take. */
const FIRST_LOOK_MS = 5;
const LONGEST_LOOK_MS = 50;
const KILL_MS = 2_000;

/** More numbers than these say nothing more in a log. */
const MOST_PIDS = 20;

/** Ends what was left, all units at once: the stop signal, after the unit's own time SIGKILL. Resolves with what could not be ended. */
export async function endLeftovers(options: EndOptions): Promise<Leftover[]> {
  const { find, limitMs, planOf, clock, log } = options;
  const beganMs = clock.nowMs();
  let found = find();
  while (found.length > 0) {
    const ends = await Promise.all(found.map(async (leftover) => {
      const { unit, processes } = leftover;
      const { signal, timeoutMs } = planOf(unit);
      const end = await endOne(leftover, beganMs + Math.min(timeoutMs, limitMs), options);
      const pids = processes.map(({ identity }) => identity.pid);
      const fields = { pids: pids.length > MOST_PIDS ? `${pids.slice(0, MOST_PIDS)} and ${pids.length - MOST_PIDS} more` : pids, signal };
      if (end === "alive") log.error(`${unit}: what an earlier daemon left could not be ended`, fields);
      else log.warn(`${unit}: ended what an earlier daemon left`, end === "killed" ? { ...fields, signal: "SIGKILL" } : fields);
      return end;
    }));
    // Somebody may have started another one before it went.
    found = find();
    // A program that is started again and again is not waited for without end.
    const longestMs = Math.max(...found.map(({ unit }) => planOf(unit).timeoutMs));
    if (ends.includes("alive") || clock.nowMs() - beganMs > Math.min(longestMs, limitMs) + 2 * KILL_MS) break;
    if (found.length > 0) await sleep(clock, FIRST_LOOK_MS);
  }
  return found;
}

/** Ends the processes of one unit; what was found late has only what is left of the unit's time. */
async function endOne(leftover: Leftover, deadlineMs: number, options: EndOptions): Promise<"stopped" | "killed" | "alive"> {
  const { planOf, clock } = options;
  if (clock.nowMs() < deadlineMs) {
    signalAll(leftover, planOf(leftover.unit).signal, options);
    // A suspended program wakes up to see the signal.
    signalAll(leftover, "SIGCONT", options);
    if (await untilGone(leftover, deadlineMs, options)) return "stopped";
  }
  signalAll(leftover, "SIGKILL", options);
  return await untilGone(leftover, clock.nowMs() + KILL_MS, options) ? "killed" : "alive";
}

/** Sends a signal to groups whole, so that nobody who is just being started escapes it, and to each of the others. */
function signalAll({ unit, processes: entries, leaders }: Leftover, signal: SignalName, { processes, log }: EndOptions): void {
  const reached = new Set<number>();
  const attempt = (send: () => void) => {
    try {
      send();
    } catch (error) {
      log.error(`${unit}: what an earlier daemon left could not be sent ${signal}`, { reason: messageOf(error), err: error });
    }
  };
  for (const leader of leaders) {
    attempt(() => {
      if (processes.isAlive(leader) && processes.signalGroup(leader.pid, signal)) reached.add(leader.pid);
    });
  }
  for (const { identity, group } of entries) {
    if (!reached.has(group)) attempt(() => void (processes.isAlive(identity) && processes.signal(identity.pid, signal)));
  }
}

async function untilGone({ processes: entries }: Leftover, deadlineMs: number, { processes, clock }: EndOptions): Promise<boolean> {
  let waitMs = FIRST_LOOK_MS;
  while (entries.some(({ identity }) => processes.isAlive(identity))) {
    const leftMs = deadlineMs - clock.nowMs();
    if (leftMs <= 0) return false;
    await sleep(clock, Math.min(waitMs, leftMs));
    waitMs = Math.min(LONGEST_LOOK_MS, waitMs * 2);
  }
  return true;
}

/** A process and all that it descends from. */
function ancestry(pid: number, byPid: ReadonlyMap<number, ProcessEntry>): Set<number> {
  const line = new Set<number>();
  for (let at = pid; at > 0 && !line.has(at); at = byPid.get(at)?.parent ?? 0) line.add(at);
  return line;
}

/** Whether what was written down is what has that number now; where the system does not say when a process began, nothing is. */
function isSame(written: ProcessIdentity, now: ProcessIdentity | undefined): boolean {
  return now !== undefined && now.startTicks !== 0 && now.startTicks === written.startTicks && now.bootId === written.bootId;
}
