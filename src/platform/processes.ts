import process from "node:process";
import { IoError } from "../core/errors.ts";
import type { Processes, ProcessIdentity, SignalName } from "../core/host.ts";
import { errnoOf, ioError } from "./io_error.ts";
import { lockedFiles } from "./locked_files.ts";
import { createProcessTable } from "./process_table.ts";
import { checkSpawn, createSpawn, type Launcher } from "./spawn.ts";
import { findGroup, findUser } from "./users.ts";

/** Child processes by the runtime's own launch, all else by signals and the process table. */
export function createProcesses({ launch, launchDetached }: Launcher): Processes {
  const table = createProcessTable();
  // A program that has just been started can't be left alone because nobody could look at it.
  const identifyChild = (pid: number): ProcessIdentity =>
    lookOr(() => table.identifyChild(pid), () => ({ pid, startTicks: 0, bootId: "" }));
  const members = (pgid: number): number[] => {
    checkNumber("pgid", pgid, 2);
    // Cheap answer to the common question whether anybody is left: the table is read only when somebody, or a zombie, is.
    return send(-pgid, 0) ? lookOr(() => table.members(pgid), () => [pgid]) : [];
  };
  return {
    self: () => identifyChild(process.pid),
    uid: process.geteuid?.() ?? 0,
    spawn: createSpawn(launch, identifyChild),
    spawnDetached: createSpawn(launchDetached, identifyChild),
    checkSpawn,
    identify: (pid) => table.identify(pid),
    isAlive({ pid, startTicks, bootId }) {
      return lookOr(() => {
        const now = table.identify(pid);
        return now !== undefined && (startTicks === 0 || now.startTicks === startTicks && now.bootId === bootId);
      }, () => send(pid, 0));
    },
    signal(pid, signal) {
      checkNumber("pid", pid, 1);
      return lookOr(() => table.identify(pid) !== undefined, () => true) && send(pid, signal);
    },
    signalGroup(pgid, signal, { isSeen = false } = {}) {
      checkNumber("pgid", pgid, 2);
      if (isSeen) return send(-pgid, signal);
      // A group of zombies takes signals too, which must not look as if somebody were left. A living leader answers for its group: to read
      // the whole table for each of hundreds of groups takes seconds.
      const hasMembers = lookOr(() => table.identify(pgid) !== undefined, () => true) || members(pgid).length > 0;
      return hasMembers && send(-pgid, signal);
    },
    livingGroups(pgids) {
      for (const pgid of pgids) checkNumber("pgid", pgid, 2);
      const there = new Set(pgids.filter((pgid) => send(-pgid, 0)));
      return there.size === 0 ? there : lookOr(() => table.groups().intersection(there), () => there);
    },
    groupMembers: members,
    findByEnv: (name, { exceptSessions } = {}) => table.findByEnv(name, exceptSessions),
    census: (variables) => table.census(variables),
    lockedFiles: (name) => lockedFiles(name, (pid) => lookOr(() => table.identify(pid), () => undefined)),
    user: findUser,
    group: findGroup,
  };
}

/** What the table says, or something else without a file left to open it: to run out of files must not keep anybody from being stopped. */
function lookOr<T>(look: () => T, otherwise: () => T): T {
  try {
    return look();
  } catch (error) {
    if (error instanceof IoError && error.code === "IO_NO_RESOURCES") return otherwise();
    throw error;
  }
}

/** Zero and minus one have meanings of their own to kill(2): our own group, and everybody. */
function checkNumber(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(`Cannot signal as "${name}" must be an integer from ${least} on: current value is ${value}`);
}

/** False when nobody is there; signal 0 only asks. */
function send(target: number, signal: SignalName | 0): boolean {
  try {
    return process.kill(target, signal);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ESRCH") return false;
    if (errno === "EPERM" && signal === 0) return true;
    throw ioError(error, `send ${signal} to ${target < 0 ? `process group ${-target}` : `process ${target}`}`, {
      pid: Math.abs(target),
      signal,
    });
  }
}
