import fs from "node:fs";
import process from "node:process";
import type { ProcessEntry, ProcessIdentity } from "../core/ports/processes.ts";
import { ioError } from "./io_error.ts";

/** The system's table of processes; zombies count as gone. Each question fails with `IO_NO_RESOURCES` without a file left to open. */
export interface ProcessTable {
  /** The process that has this number now. */
  identify(pid: number): ProcessIdentity | undefined;
  /** The identity of a child of ours that was not waited for yet, which it keeps when it is a zombie already. */
  identifyChild(pid: number): ProcessIdentity;
  /** Living members of a process group. */
  members(pgid: number): number[];
  /** Every process group with a living member. */
  groups(): Set<number>;
  /** Living processes of this user and of root whose environment holds `name`. */
  findByEnv(name: string): { identity: ProcessIdentity; value: string }[];
  /** Every process, zombies too, with these variables of its environment. */
  census(variables: readonly string[]): ProcessEntry[];
}

/** Readings of an environment that is empty. */
const MOST_READINGS = 10;
/** Lists of processes made in one look, while somebody of each has gone before he was looked at. */
const MOST_LISTINGS = 20;

/** The process table of this system. */
export function createProcessTable(): ProcessTable {
  return process.platform === "linux" ? procTable() : psTable();
}

/** The fields of /proc/PID/stat that we use. */
export interface Stat {
  name: string;
  parent: number;
  pgid: number;
  session: number;
  startTicks: number;
  isAlive: boolean;
}

/**
 * The fields of a line of /proc/PID/stat by their numbers in proc(5), from the third on; the name in the second one may hold anything, spaces
 * and parentheses included.
 */
export function statFields(text: string): (field: number) => string {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (field) => fields[field - 3];
}

/** Whether the process of such fields lives. */
export function isAliveIn(fieldOf: (field: number) => string): boolean {
  const state = fieldOf(3);
  // A program whose first thread ended before the others looks like a zombie, but has more than one thread.
  return state !== "X" && state !== "x" && (state !== "Z" || Number(fieldOf(20)) > 1);
}

/** Reads a line of /proc/PID/stat. */
export function parseStat(text: string): Stat {
  const fieldOf = statFields(text);
  return {
    name: text.slice(text.indexOf("(") + 1, text.lastIndexOf(")")),
    parent: Number(fieldOf(4)),
    pgid: Number(fieldOf(5)),
    session: Number(fieldOf(6)),
    startTicks: Number(fieldOf(22)),
    isAlive: isAliveIn(fieldOf),
  };
}

function procTable(): ProcessTable {
  let bootId: string | undefined;
  const anyStatOf = (pid: number): Stat | undefined => {
    const text = readProc(`${pid}/stat`);
    return text === undefined ? undefined : parseStat(text);
  };
  const statOf = (pid: number): Stat | undefined => {
    const stat = anyStatOf(pid);
    return stat?.isAlive ? stat : undefined;
  };
  const identity = (pid: number, stat: Stat | undefined): ProcessIdentity => {
    bootId ??= readProc("sys/kernel/random/boot_id")?.trim() ?? "";
    return { pid, startTicks: stat?.startTicks ?? 0, bootId };
  };
  const identify = (pid: number): ProcessIdentity | undefined => {
    const stat = statOf(pid);
    return stat && identity(pid, stat);
  };
  const entryOf = (pid: number, variables: readonly string[]): ProcessEntry | undefined => {
    const stat = anyStatOf(pid);
    if (stat === undefined) return undefined;
    let environ = stat.isAlive && variables.length > 0 ? readProc(`${pid}/environ`) : undefined;
    // One that is just becoming another program shows none for a moment.
    for (let tries = 1; environ === "" && tries < MOST_READINGS; tries++) environ = readProc(`${pid}/environ`);
    const env = pick(variables, environ);
    // One that is on its way out has lost its environment already.
    if (stat.isAlive && variables.length > 0 && !environ && statOf(pid)?.startTicks !== stat.startTicks) return undefined;
    const uid = Object.keys(env).length > 0 ? uidOf(pid) : undefined;
    // The number may have passed to another process between the readings.
    if (Object.keys(env).length > 0 && anyStatOf(pid)?.startTicks !== stat.startTicks) return undefined;
    return { identity: identity(pid, stat), parent: stat.parent, group: stat.pgid, uid, isZombie: !stat.isAlive, env };
  };
  return {
    identify,
    identifyChild: (pid) => identity(pid, anyStatOf(pid)),
    members(pgid) {
      const pids: number[] = [];
      lookAtAll((pid) => {
        const stat = statOf(pid);
        if (stat?.pgid === pgid) pids.push(pid);
        return stat !== undefined;
      });
      return pids;
    },
    groups() {
      const groups = new Set<number>();
      lookAtAll((pid) => {
        const stat = statOf(pid);
        if (stat !== undefined) groups.add(stat.pgid);
        return stat !== undefined;
      });
      return groups;
    },
    findByEnv(name) {
      const found: { identity: ProcessIdentity; value: string }[] = [];
      const prefix = `${name}=`;
      for (const pid of allPids()) {
        const stat = statOf(pid);
        if (stat === undefined) continue;
        const entry = readProc(`${pid}/environ`)?.split("\0").find((text) => text.startsWith(prefix));
        // The number may have passed to another process between the two readings.
        if (entry === undefined || !isTrusted(uidOf(pid)) || statOf(pid)?.startTicks !== stat.startTicks) continue;
        found.push({ identity: identity(pid, stat), value: entry.slice(prefix.length) });
      }
      return found;
    },
    census(variables) {
      const entries: ProcessEntry[] = [];
      lookAtAll((pid) => {
        const entry = entryOf(pid, variables);
        if (entry !== undefined) entries.push(entry);
        return entry?.isZombie === false;
      });
      return entries;
    },
  };
}

/** Real user of a process, as anybody may start a program with the rights of another, or hide behind root's folder. */
export function uidOf(pid: number): number | undefined {
  const [, uid] = /^Uid:\s+(\d+)/m.exec(readProc(`${pid}/status`) ?? "") ?? [];
  return uid === undefined ? undefined : Number(uid);
}

/** Whether what a process of this user says about itself is believed. */
export function isTrusted(uid: number | undefined): boolean {
  return uid === 0 || uid !== undefined && uid === process.geteuid?.();
}

/** These variables of an environment as /proc shows it. */
export function pick(names: readonly string[], environ: string | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  if (environ === undefined || !names.some((name) => environ.includes(name))) return found;
  for (const entry of environ.split("\0")) {
    const name = entry.slice(0, entry.indexOf("="));
    if (names.includes(name)) found[name] ??= entry.slice(name.length + 1);
  }
  return found;
}

/**
 * Looks at each process; `look` says whether it lives. One that has ended meanwhile may have left a child that was not there yet when the
 * list was made, so another list follows then.
 */
function lookAtAll(look: (pid: number) => boolean): void {
  const seen = new Set<number>();
  for (let looks = 0, hasGone = true; hasGone && looks < MOST_LISTINGS; looks++) {
    hasGone = false;
    for (const pid of allPids()) {
      if (seen.has(pid)) continue;
      seen.add(pid);
      if (!look(pid)) hasGone = true;
    }
  }
}

/** Numbers of all processes. */
export function allPids(folder: string = "/proc"): number[] {
  try {
    return fs.readdirSync(folder).filter((name) => /^\d+$/.test(name)).map(Number);
  } catch (error) {
    // Deno lets nobody but a program with all permissions look there.
    throw ioError(error, "look at the process table", { path: folder });
  }
}

/**
 * Undefined when the process is gone or belongs to somebody whose secrets are kept from us.
 *
 * @throws {IoError} with `IO_NO_RESOURCES` if it can't be looked at, which does not mean that it is gone.
 */
export function readProc(path: string): string | undefined {
  try {
    return fs.readFileSync(`/proc/${path}`, "utf8");
  } catch (error) {
    const made = ioError(error, "look at the process table", { path: `/proc/${path}` });
    if (made.code === "IO_NO_RESOURCES") throw made;
    return undefined;
  }
}

/**
 * Best effort for systems without /proc (macOS), untested: ps(1) gives members of groups and, as `startTicks`, the second of the start
 * since the Unix epoch; environments of others can't be seen.
 */
function psTable(): ProcessTable {
  interface Row {
    pid: number;
    parent: number;
    pgid: number;
    startTicks: number;
    isZombie: boolean;
  }
  const allRows = (): Row[] => {
    const { spawnSync } = process.getBuiltinModule("node:child_process");
    const { stdout } = spawnSync("ps", ["-axo", "pid=,ppid=,pgid=,stat=,lstart="], {
      encoding: "utf8",
      env: { LC_ALL: "C", PATH: "/bin:/usr/bin" },
    });
    return (stdout ?? "").split("\n").flatMap((line) => {
      const [, pid, parent, pgid, state, started] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*?)\s*$/.exec(line) ?? [];
      if (pid === undefined) return [];
      const startTicks = Math.trunc(Date.parse(started) / 1_000) || 0;
      return [{ pid: Number(pid), parent: Number(parent), pgid: Number(pgid), startTicks, isZombie: state.startsWith("Z") }];
    });
  };
  const rows = (): Row[] => allRows().filter((row) => !row.isZombie);
  const identify = (pid: number): ProcessIdentity | undefined => {
    const row = rows().find((candidate) => candidate.pid === pid);
    return row && { pid, startTicks: row.startTicks, bootId: "" };
  };
  return {
    identify,
    identifyChild: (pid) => identify(pid) ?? { pid, startTicks: 0, bootId: "" },
    members: (pgid) => rows().filter((row) => row.pgid === pgid).map((row) => row.pid),
    groups: () => new Set(rows().map((row) => row.pgid)),
    findByEnv: () => [],
    census: () =>
      allRows().map(({ pid, startTicks, parent, pgid, isZombie }) => ({
        identity: { pid, startTicks, bootId: "" },
        parent,
        group: pgid,
        uid: undefined,
        isZombie,
        env: {},
      })),
  };
}
