import fs from "node:fs";
import os from "node:os";
import process from "node:process";
import type { Clock } from "../core/ports/clock.ts";
import type { ProcessReading, Resources } from "../core/ports/resources.ts";
import { allPids, isAliveIn, readProc, statFields } from "./process_table.ts";

/** Processes read in one turn of the event loop: some 10 µs each. */
const READS_PER_TURN = 100;
/** The kernel tells times to programs in hundredths of a second, whatever its own tick is (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Resource use by /proc; elsewhere nothing is known. */
export function createResources(clock: Clock): Resources {
  let pageBytes: number | undefined;
  return {
    processors: os.availableParallelism(),
    ownPid: process.pid,
    async read() {
      if (process.platform !== "linux") return undefined;
      pageBytes ??= bytesOfPage();
      const readings: ProcessReading[] = [];
      let reads = 0;
      for (const pid of allPids()) {
        if (++reads % READS_PER_TURN === 0) await new Promise<void>((resolve) => void clock.schedule(0, resolve));
        const stat = readProc(`${pid}/stat`);
        const reading = stat === undefined ? undefined : readingOf(pid, stat, pageBytes);
        if (reading !== undefined) readings.push(reading);
      }
      return readings;
    },
    openFiles(pid) {
      try {
        return fs.readdirSync(`/proc/${pid}/fd`).length - (pid === process.pid ? 1 : 0);
      } catch {
        return undefined;
      }
    },
  };
}

/** A line of /proc/PID/stat; undefined for a process that has ended. */
export function readingOf(pid: number, stat: string, pageBytes: number): ProcessReading | undefined {
  const fieldOf = statFields(stat);
  if (!isAliveIn(fieldOf)) return undefined;
  const number = (field: number) => Number(fieldOf(field));
  const ticks = number(14) + number(15) + number(16) + number(17);
  return {
    pid,
    parent: number(4),
    group: number(5),
    startTicks: number(22),
    cpuSeconds: ticks / TICKS_PER_SECOND,
    residentBytes: number(24) * pageBytes,
    threads: number(20),
  };
}

/** The size of a page, which no builtin tells: by this process's own memory, counted in pages and in kilobytes. */
function bytesOfPage(): number {
  const [, pages] = (readProc("self/statm") ?? "").split(" ");
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readProc("self/status") ?? "") ?? [];
  const bytes = Number(kilobytes) * 1_024 / Number(pages);
  // The two are read one after the other, so the quotient is only near a power of two.
  return Number.isFinite(bytes) && bytes > 0 ? 2 ** Math.round(Math.log2(bytes)) : 4_096;
}
