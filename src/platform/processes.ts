import fs from "node:fs";
import process from "node:process";
import { systemClock } from "../core/ports/clock.ts";
import { IoError } from "../core/values/errors.ts";
import type { Processes, ProcessIdentity } from "../core/ports/processes.ts";
import type { SignalName } from "../core/values/signal_name.ts";
import type { Signals } from "../core/ports/signals.ts";
import { openControlGroup } from "./control_group.ts";
import type { Descriptors } from "./descriptors.ts";
import { errnoOf, ioError } from "./io_error.ts";
import { createKin, createKinOfTable, type OwnChild, tagOf } from "./kin.ts";
import { LostPrograms } from "./lost_programs.ts";
import { lockedFiles } from "./locked_files.ts";
import type { LibcCalls } from "./libc_calls.ts";
import { careForOrphans } from "./orphan_care.ts";
import { launchAs } from "./launch_as.ts";
import { LaunchTurns } from "./launch_turns.ts";
import { createProcessTable } from "./process_table.ts";
import { checkSpawn, createSpawn, type Launch, type Launched, type Launcher, type SpawnSurroundings } from "./spawn.ts";
import { ReadTurns } from "./read_turns.ts";
import { findGroup, findUser } from "./users.ts";

/** Child processes by the runtime's own launch, all else by signals and the process table. */
export function createProcesses({ launch, launchDetached, libcCalls }: Launcher, signals: Signals, descriptors: Descriptors): Processes {
  const turns = new ReadTurns();
  const launchTurns = new LaunchTurns(systemClock);
  const launchInTurns: Launch = (options) => {
    const launched = launch(options);
    return { ...launched, stdout: turns.of(launched.stdout), stderr: turns.of(launched.stderr) };
  };
  const table = createProcessTable();
  const children = new Map<number, OwnChild>();
  let calls: LibcCalls | undefined;
  let adoptsSince: number | undefined;
  let bootId: string | undefined;
  const identityOf = (pid: number, startTicks: number): ProcessIdentity => {
    bootId ??= table.identifyChild(process.pid).bootId;
    return { pid, startTicks, bootId };
  };
  const kin = process.platform === "linux"
    ? createKin({
      children,
      adoptsSince: () => adoptsSince,
      hasChild: (pid) => calls === undefined || calls.hasChild(pid),
      identity: identityOf,
    })
    : createKinOfTable(table);
  const kill = (pid: number): void => void (send(-pid, "SIGKILL") || send(pid, "SIGKILL"));
  const lost = new LostPrograms({ table, clock: systemClock, isAwaited: (pid) => children.has(pid), kill });
  // A program that has just been started can't be left alone because nobody could look at it.
  const identifyChild = (pid: number): ProcessIdentity =>
    lookOr(() => table.identifyChild(pid), () => ({ pid, startTicks: 0, bootId: "" }));
  const surroundings: SpawnSurroundings = {
    identify: identifyChild,
    withTag: (key, fn) => calls === undefined ? fn() : calls.withTag(tagOf(key), fn),
    launchAs(options, launch) {
      if (calls !== undefined || options.user === undefined) return launchAs(options, launch, () => calls ?? "");
      const loaded = libcCalls();
      using _loaded = typeof loaded === "string" ? undefined : loaded;
      return launchAs(options, launch, () => loaded);
    },
    launched({ pid, exited }, key) {
      const child = { key };
      children.set(pid, child);
      void exited.then(() => children.get(pid) === child && children.delete(pid));
    },
    abandon(child) {
      kill(child.pid);
      const { stdout, stderr }: Partial<Launched> = child;
      for (const stream of [stdout, stderr]) void stream?.cancel().catch(() => {/* nobody reads it */});
    },
    endLost: (marks) => lost.end(marks),
  };
  const members = (pgid: number): number[] => {
    checkNumber("pgid", pgid, 2);
    // Cheap answer to the common question whether anybody is left: the table is read only when somebody, or a zombie, is.
    return send(-pgid, 0) ? lookOr(() => table.members(pgid), () => [pgid]) : [];
  };
  return {
    self: () => identifyChild(process.pid),
    uid: process.geteuid?.() ?? 0,
    spawn: createSpawn(launchInTurns, surroundings, descriptors, launchTurns),
    spawnDetached: createSpawn(launchDetached, surroundings, descriptors, launchTurns),
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
    findByEnv: (name) => table.findByEnv(name),
    belonging: (runs, { isQuick = false } = {}) => runs.length === 0 ? new Map() : kin(runs, isQuick),
    controlGroup: (name) => openControlGroup(name, identityOf),
    adoptOrphans() {
      const loaded = libcCalls();
      const care = careForOrphans({
        calls: loaded,
        signals,
        clock: systemClock,
        isAwaited: (pid) => children.has(pid),
        endedChildren: () =>
          lookOr(() => table.census([]), () => []).filter(({ parent, isZombie }) => isZombie && parent === process.pid)
            .map(({ identity }) => identity.pid),
      });
      if (care.lack === undefined && typeof loaded !== "string") {
        calls = loaded;
        // Programs started earlier may have left orphans to another process.
        adoptsSince = ticksNow();
      }
      return {
        lack: care.lack,
        isInit: care.isInit,
        [Symbol.dispose]() {
          care[Symbol.dispose]();
          adoptsSince = calls = undefined;
        },
      };
    },
    census: (variables) => table.census(variables),
    lockedFiles: (name) => lockedFiles(name, (pid) => lookOr(() => table.identify(pid), () => undefined)),
    user: findUser,
    group: findGroup,
    mayGive: (gid) => process.geteuid?.() === 0 || process.getegid?.() === gid || process.getgroups?.().includes(gid) === true,
  };
}

/**
 * Ticks since the boot, as the start of a process has them: a hundredth of a second each, whatever the system itself counts in. Undefined
 * where it can't be read: Deno shows /proc to nobody but a program with all permissions, and then no process can be looked at either.
 */
function ticksNow(): number | undefined {
  try {
    return Math.floor(Number(fs.readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 100);
  } catch {
    return undefined;
  }
}

/** Asks the table, or falls back without a file left to open it: to run out of files must not keep anybody from being stopped. */
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
