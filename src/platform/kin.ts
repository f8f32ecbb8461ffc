import process from "node:process";
import type { ProcessIdentity, ProgramRun, RunProcess } from "../core/ports/processes.ts";
import { allPids, isTrusted, parseStat, pick, type ProcessTable, readProc, type Stat, uidOf } from "./process_table.ts";

/** A child of this process, as whoever has started it knows it. */
export interface OwnChild {
  /** Stands for the run whose leader it is; undefined for any other program. */
  key: string | undefined;
}

/** Options of {@linkcode createKin}. */
export interface KinOptions {
  /** Children that this process has started and not waited for. */
  children: ReadonlyMap<number, OwnChild>;
  /** Since which clock tick orphans among our descendants become our children; undefined while they don't. */
  adoptsSince: () => number | undefined;
  /** Whether this process has a child with this number, or any child at all; asked only while orphans become our children. */
  hasChild: (pid?: number) => boolean;
  /** Makes an identity of a number and a start. */
  identity: (pid: number, startTicks: number) => ProcessIdentity;
}

/** Finds what belongs to runs: see `belonging` of the processes. */
export type Kin = (runs: readonly ProgramRun[], isQuick: boolean) => Map<ProgramRun, RunProcess[]>;

/** The text that stands for the marks of a run. */
export function runKey(marks: Readonly<Record<string, string>>): string {
  return Object.keys(marks).sort().map((name) => `${name}=${marks[name]}`).join("\0");
}

/** Owner of a process. */
interface Owner {
  /** Stands for the run that it belongs to, if it does. */
  key: string | undefined;
  /** Whether we are among its ancestors. */
  isOurs: boolean;
  /** Whether this holds for as long as the process lives, provided that its environment was looked at or need not be. */
  isForLife: boolean;
  /** Its environment was looked at. */
  isRead: boolean;
}

/** Deeper than any tree of processes. */
const MOST_ANCESTORS = 100_000;
/** Lists of processes made in one look, while there is somebody new in each. */
const MOST_LISTINGS = 20;

const HELPER: Owner = { key: undefined, isOurs: true, isForLife: false, isRead: false };
const STRANGER: Owner = { key: undefined, isOurs: false, isForLife: true, isRead: false };
/** Stands for a process whose parent has gone, so that it gets another one at this moment. */
const GONE: Owner = { key: undefined, isOurs: false, isForLife: false, isRead: false };

/**
 * The kin of /proc.
 *
 * A process of one run never belongs to another one later, and a stranger never becomes a descendant of ours. So each answer is
 * kept for as long as the process lives: a quick look at a thousand processes reads a few files, not a thousand.
 */
export function createKin({ children, adoptsSince, hasChild, identity }: KinOptions): Kin {
  const known = new Map<number, Owner & { startTicks: number }>();
  return (runs, isQuick) => {
    const stats = new Map<number, Stat | undefined>();
    const statOf = (pid: number): Stat | undefined => {
      if (!stats.has(pid)) stats.set(pid, readStat(pid));
      return stats.get(pid);
    };
    const listAll = (): number[] => {
      const pids = allPids();
      const there = new Set(pids);
      forgetOthers(known, there);
      // Most leaders that are asked about have ended: an error costs more than all the rest that is done for one.
      for (const { leader } of runs) if (!there.has(leader.pid)) stats.set(leader.pid, undefined);
      return pids;
    };
    const marked = markedOwners(runs);
    let leaders: Map<number, string> | undefined;
    // The number of a leader that has ended may be somebody else's by now.
    const keysOfLeaders = () =>
      leaders ??= new Map(
        runs.filter(({ leader }) => {
          const now = statOf(leader.pid);
          return now === undefined || now.startTicks === leader.startTicks;
        }).map(({ leader, marks }) => [leader.pid, runKey(marks)]),
      );
    const sinceTicks = adoptsSince();
    const looksEverywhere = sinceTicks === undefined || runs.some(({ leader }) => leader.startTicks < sinceTicks);

    /** Returns the owner if it is known without a look at the parent. */
    const settled = (pid: number): Owner | undefined => {
      const child = children.get(pid);
      if (child !== undefined) return child.key === undefined ? HELPER : { ...HELPER, key: child.key };
      if (pid === process.pid || pid <= 1) return STRANGER;
      const earlier = known.get(pid);
      const holds = earlier !== undefined && (earlier.key !== undefined || earlier.isRead || !looksEverywhere);
      if (holds && (isQuick || earlier.startTicks === statOf(pid)?.startTicks)) return earlier;
      const stat = statOf(pid);
      if (stat === undefined) return GONE;
      const key = keyOfLeader(stat.session) ?? keyOfLeader(stat.pgid);
      if (key !== undefined) return keep(pid, { key, isOurs: stat.parent !== 1, isForLife: true, isRead: false });
      return undefined;
    };
    const keyOfLeader = (number: number) => children.get(number)?.key ?? keysOfLeaders().get(number);
    const keep = (pid: number, owner: Owner): Owner => {
      const startTicks = statOf(pid)?.startTicks;
      if (owner.isForLife && startTicks !== undefined) known.set(pid, { ...owner, startTicks });
      return owner;
    };
    const inherited = (pid: number, parent: Owner, isOrphan: boolean): Owner => {
      if (!isOrphan && (parent.key !== undefined || parent === HELPER)) return { ...parent, isForLife: parent !== HELPER };
      const isOurs = isOrphan || parent.isOurs;
      if (!isOurs && !looksEverywhere && parent !== GONE) return STRANGER;
      const { key, isSure } = marked(pid, isOurs);
      // An orphan that shows no mark yet may be on its way to show one.
      return { key, isOurs, isForLife: key !== undefined || isSure && !isOurs && parent !== GONE, isRead: true };
    };
    const ownerOf = (pid: number): Owner => {
      // Up to an ancestor that is known, and down again; not by recursion, as nobody limits the depth of what others start.
      const line: number[] = [];
      let at = pid;
      let owner = settled(at);
      while (owner === undefined) {
        line.push(at);
        const parent = statOf(at)!.parent;
        if (parent === process.pid || line.length > MOST_ANCESTORS) break;
        owner = settled(at = parent);
      }
      for (let index = line.length - 1; index >= 0; index--) {
        owner = keep(line[index], inherited(line[index], owner ?? STRANGER, owner === undefined));
      }
      return owner!;
    };

    const members = new Map<string, RunProcess[]>(runs.map(({ marks }) => [runKey(marks), []]));
    /**
     * Processes that a dead leader leaves behind descend from an orphan, and an orphan is our own child: to look for such children takes a
     * call for each process, and not a reading of its files.
     */
    const isNobodyLeft = (): boolean => {
      if (looksEverywhere || runs.some(({ leader }) => children.has(leader.pid))) return false;
      const seen = new Set<number>();
      for (let looks = 0; looks < MOST_LISTINGS; looks++) {
        if (!hasChild()) return true;
        const orphans = listAll().filter((pid) => !children.has(pid) && !seen.has(pid) && hasChild(pid));
        if (orphans.length === 0) return true;
        for (const pid of orphans) {
          seen.add(pid);
          const stat = statOf(pid);
          // Its children have become ours when it ended, maybe after they were looked for.
          if (!stat?.isAlive) continue;
          if (known.get(pid)?.startTicks !== stat.startTicks) known.delete(pid);
          const { key } = ownerOf(pid);
          if (key === undefined || members.has(key)) return false;
        }
      }
      return false;
    };
    if (isNobodyLeft()) return new Map(runs.map((run) => [run, []]));

    let pids = listAll();
    const seen = new Set<number>();
    for (let looks = 0; pids.length > 0 && looks < MOST_LISTINGS; looks++) {
      let hasDied = false;
      for (const pid of pids) {
        const owner = ownerOf(pid);
        const list = members.get(owner.key ?? "");
        const stat = list === undefined && owner !== GONE ? undefined : statOf(pid);
        if (stat?.isAlive) {
          list!.push({ identity: identity(pid, stat.startTicks), group: stat.pgid, session: stat.session, name: stat.name });
        } else hasDied ||= list !== undefined || owner === GONE;
        seen.add(pid);
      }
      // A process that died meanwhile may have left a child that was not there yet when the list was made.
      pids = hasDied ? allPids().filter((pid) => !seen.has(pid)) : [];
    }
    return new Map(runs.map((run) => [run, members.get(runKey(run.marks))!]));
  };
}

/** The kin of other tables, as far as groups and parents tell. */
export function createKinOfTable({ census }: Pick<ProcessTable, "census">): Kin {
  return (runs) => {
    const entries = census([]);
    const byPid = new Map(entries.map((entry) => [entry.identity.pid, entry]));
    const descends = (pid: number, from: number): boolean => {
      for (let at = pid, steps = entries.length; at > 1 && steps > 0; at = byPid.get(at)?.parent ?? 0, steps--) {
        if (at === from) return true;
      }
      return false;
    };
    return new Map(runs.map((run) => {
      const { pid } = run.leader;
      const its = entries.filter((entry) => !entry.isZombie && (entry.group === pid || descends(entry.identity.pid, pid)));
      return [run, its.map(({ identity, group }) => ({ identity, group, session: group, name: "" }))];
    }));
  };
}

/**
 * The mark that a process can't take off: a limit that the system has not used since 2004 (of locks on files), which is inherited like every
 * limit, and which everybody may look up.
 */
export function tagOf(key: string): bigint {
  let hash = 0xcbf29ce484222325n; // FNV-1a
  for (let index = 0; index < key.length; index++) hash = BigInt.asUintN(64, (hash ^ BigInt(key.charCodeAt(index))) * 0x100000001b3n);
  // Above all that anybody would set on purpose, and far from "unlimited".
  return (1n << 61n) | (hash >> 3n);
}

/**
 * Finds the run whose marks a process wears; it is one of these runs or, as far as its environment says, any. Not sure is what depends on the
 * user of a run that nobody has asked about.
 */
function markedOwners(runs: readonly ProgramRun[]): (pid: number, isOurs: boolean) => { key: string | undefined; isSure: boolean } {
  const uids = new Map(runs.map(({ marks, uid }) => [runKey(marks), uid]));
  // Only orphans are asked for theirs, and there are few.
  let byTag: Map<string, string> | undefined;
  const namesOf = new Map(runs.map(({ marks }) => [Object.keys(marks).sort().join("\0"), Object.keys(marks)]));
  const fromEnv = (pid: number): string | undefined => {
    const environ = readProc(`${pid}/environ`);
    for (const names of namesOf.values()) {
      const marks = pick(names, environ);
      if (Object.keys(marks).length === names.length) return runKey(marks);
    }
    return undefined;
  };
  const fromLimits = (pid: number): string | undefined => {
    const [, soft] = /^Max file locks +(\d+)/m.exec(readProc(`${pid}/limits`) ?? "") ?? [];
    if (soft === undefined) return undefined;
    byTag ??= new Map([...uids.keys()].map((key) => [tagOf(key).toString(), key]));
    return byTag.get(soft);
  };
  return (pid, isOurs) => {
    const key = fromEnv(pid) ?? fromLimits(pid);
    if (key === undefined || isOurs) return { key, isSure: true };
    const uid = uidOf(pid);
    const isBelieved = isTrusted(uid) || uid !== undefined && uid === uids.get(key);
    return { key: isBelieved ? key : undefined, isSure: uids.has(key) };
  };
}

function readStat(pid: number): Stat | undefined {
  const text = readProc(`${pid}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

function forgetOthers(known: Map<number, unknown>, there: ReadonlySet<number>): void {
  for (const pid of known.keys()) if (!there.has(pid)) known.delete(pid);
}
