import process from "node:process";
import type { Processes, SignalName } from "../core/host.ts";
import { errnoOf, ioError } from "./io_error.ts";
import { createProcessTable } from "./process_table.ts";
import { createSpawn, type Launch } from "./spawn.ts";
import { findGroup, findUser } from "./users.ts";

/** Child processes by the runtime's own launch, all else by signals and the process table. */
export function createProcesses(launch: Launch): Processes {
  const table = createProcessTable();
  const members = (pgid: number): number[] => {
    checkNumber("pgid", pgid, 2);
    // Cheap answer to the common question whether anybody is left: the table is read only when somebody, or a zombie, is.
    return send(-pgid, 0) ? table.members(pgid) : [];
  };
  return {
    self: () => table.identifyChild(process.pid),
    uid: process.geteuid?.() ?? 0,
    spawn: createSpawn(launch, table.identifyChild),
    identify: (pid) => table.identify(pid),
    isAlive({ pid, startTicks, bootId }) {
      const now = table.identify(pid);
      return now !== undefined && now.startTicks === startTicks && now.bootId === bootId;
    },
    signal(pid, signal) {
      checkNumber("pid", pid, 1);
      return table.identify(pid) !== undefined && send(pid, signal);
    },
    signalGroup(pgid, signal) {
      checkNumber("pgid", pgid, 2);
      // A group of zombies takes signals too, which must not look as if somebody were left. A living leader answers for its group: to read
      // the whole table for each of hundreds of groups takes seconds.
      const hasMembers = table.identify(pgid) !== undefined || members(pgid).length > 0;
      return hasMembers && send(-pgid, signal);
    },
    groupMembers: members,
    findByEnv: (name) => table.findByEnv(name),
    user: findUser,
    group: findGroup,
  };
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
