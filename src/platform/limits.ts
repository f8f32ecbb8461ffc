import fs from "node:fs";
import process from "node:process";
import { IoError } from "../core/values/errors.ts";
import type { SpawnOptions } from "../core/ports/processes.ts";
import type { Rlimit, RlimitName } from "../core/values/rlimits.ts";

/** Soft and hard limits of a process. */
type Limits = Readonly<Record<RlimitName, Required<Rlimit>>>;

/** How /proc/PID/limits calls a limit, the letter that the shell's ulimit has for it, and the unit in which that counts. */
const LIMITS: Readonly<Record<RlimitName, readonly [title: string, letter: string, unit: number]>> = {
  nofile: ["Max open files", "n", 1],
  nproc: ["Max processes", "u", 1],
  core: ["Max core file size", "c", 512],
  cpu: ["Max cpu time", "t", 1],
  fsize: ["Max file size", "f", 512],
  data: ["Max data size", "d", 1_024],
  stack: ["Max stack size", "s", 1_024],
  as: ["Max address space", "v", 1_024],
  memlock: ["Max locked memory", "l", 1_024],
};

const CAP_SYS_RESOURCE = 1n << 24n;
/** A parent that is the same program has raised its own limit as we have; so many of them are looked past. */
const MOST_PARENTS = 8;

/**
 * Makes the commands by which a shell sets the limits of a program before it becomes that program; empty when there is nothing to set.
 *
 * - Both runtimes raise their own soft limit of open files as they start. Programs get back what it was, as far as one can tell: what the
 *   parent of this process has.
 * - Sizes are set in whole KiB (`core` and `fsize`: 512 bytes), rounded up.
 *
 * It throws `SPAWN_DENIED` for what the system would refuse.
 */
export function createLimitScript(): (options: SpawnOptions) => string {
  let isKnown = false;
  let softFiles: number | undefined;
  return (options) => {
    const { rlimits = {} } = options;
    if (!isKnown) softFiles = inheritedSoftFiles();
    isKnown = true;
    const wanted: Partial<Record<RlimitName, Rlimit>> = { ...rlimits };
    if (softFiles !== undefined && wanted.nofile?.soft === undefined) {
      wanted.nofile = { soft: Math.min(softFiles, wanted.nofile?.hard ?? Infinity), ...wanted.nofile };
    }
    const names = Object.keys(wanted) as RlimitName[];
    if (names.length === 0) return "";
    const own = readLimits("self");
    return names.map((name) => commands(name, wanted[name]!, own?.[name], options)).join("");
  };
}

/** Reads the limits of a process; undefined where the system does not say. */
function readLimits(pid: number | "self"): Limits | undefined {
  let text: string;
  try {
    text = fs.readFileSync(`/proc/${pid}/limits`, "utf8");
  } catch {
    return undefined;
  }
  const rows = Object.entries(LIMITS).map(([name, [title]]) => {
    const row = text.split("\n").find((line) => line.startsWith(title));
    const [soft, hard] = (row ?? "").slice(title.length).trim().split(/\s+/).map((word) => word === "unlimited" ? Infinity : Number(word));
    return [name, { soft, hard }];
  });
  return Object.fromEntries(rows);
}

/** The soft limit of files that this process was started with, where its parent shows that the runtime has raised it. */
function inheritedSoftFiles(): number | undefined {
  const own = readLimits("self")?.nofile;
  if (own === undefined || own.soft !== own.hard) return undefined;
  const parent = readLimits(parentProgram())?.nofile;
  // With another hard limit, somebody set ours on purpose.
  return parent === undefined || parent.hard !== own.hard || parent.soft >= own.soft ? undefined : parent.soft;
}

/** The nearest process above this one that is another program. */
function parentProgram(): number {
  let pid = process.ppid;
  try {
    const own = fs.readlinkSync("/proc/self/exe");
    for (let count = 0; count < MOST_PARENTS && fs.readlinkSync(`/proc/${pid}/exe`) === own; count++) {
      pid = Number(/^PPid:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    }
  } catch { /* somebody else's program, which is another one */ }
  return pid;
}

function commands(name: RlimitName, { soft, hard }: Rlimit, own: Required<Rlimit> | undefined, options: SpawnOptions): string {
  checkAllowed(name, { soft, hard }, own, options);
  // A soft limit never lies above the hard one, not even between two commands.
  const newSoft = soft ?? (hard !== undefined && own !== undefined && own.soft > hard ? hard : undefined);
  const softFirst = own !== undefined && newSoft !== undefined && newSoft <= own.hard;
  const setSoft = newSoft === undefined || newSoft === own?.soft ? "" : command(name, "S", newSoft);
  const setHard = hard === undefined || hard === own?.hard ? "" : command(name, "H", hard);
  return softFirst ? setSoft + setHard : setHard + setSoft;
}

function command(name: RlimitName, kind: "S" | "H", value: number): string {
  const [, letter, unit] = LIMITS[name];
  const text = value === Infinity ? "unlimited" : String(Math.ceil(value / unit));
  const otherwise = ` || { echo "daemonkit: rlimits.${name} could not be set to ${text}, nothing was started" >&2; exit 126; }; `;
  // The shells disagree about the letter for processes only.
  if (name !== "nproc") return `ulimit -${kind} -${letter} ${text}${otherwise}`;
  return `if (ulimit -u) >/dev/null 2>&1; then ulimit -${kind} -u ${text}; else ulimit -${kind} -p ${text}; fi${otherwise}`;
}

function checkAllowed(name: RlimitName, { soft = 0, hard }: Rlimit, own: Required<Rlimit> | undefined, options: SpawnOptions): void {
  if (own === undefined) return;
  const wanted = Math.max(soft, hard ?? 0);
  // A change of the soft limit alone leaves the hard one, which it may not pass, where it is.
  const canRaise = wanted > own.hard && hard !== undefined && mayRaise(options);
  const most = !canRaise ? own.hard : name === "nofile" ? mostFiles() : Infinity;
  if (wanted <= most) return;
  const { argv, uid } = options;
  throw new IoError(
    "SPAWN_DENIED",
    `Cannot start ${argv[0]} as its rlimits.${name} must be at most ${most}, which is all that this process may give${
      uid === undefined ? "" : ` to uid ${uid}`
    }: current value is ${wanted === Infinity ? "unlimited" : wanted}`,
    { context: { argv, limit: name, value: wanted, most } },
  );
}

/** A program that becomes another user has no rights left by the time the limits are set. */
function mayRaise({ uid }: SpawnOptions): boolean {
  if (uid !== undefined && uid !== 0) return false;
  const rights = readOr("/proc/self/status", "", (text) => /^CapEff:\s+([0-9a-f]+)/m.exec(text)?.[1] ?? "");
  return rights !== "" && (BigInt(`0x${rights}`) & CAP_SYS_RESOURCE) !== 0n;
}

/** Reads the limit on open files that not even root may exceed. */
function mostFiles(): number {
  return readOr("/proc/sys/fs/nr_open", Infinity, Number);
}

function readOr<T>(path: string, otherwise: T, read: (text: string) => T): T {
  try {
    return read(fs.readFileSync(path, "utf8"));
  } catch {
    return otherwise;
  }
}
