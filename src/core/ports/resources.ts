/** One process as the system's table shows it. */
export interface ProcessReading {
  /** Process number. */
  readonly pid: number;
  /** Process number of its parent. */
  readonly parent: number;
  /** Its process group. */
  readonly group: number;
  /** Clock ticks from the boot to its start, which tells it from a later process of the same number. */
  readonly startTicks: number;
  /** Seconds of processor time, of itself and of the children that have ended and that it has waited for. */
  readonly cpuSeconds: number;
  /** Resident memory in bytes. */
  readonly residentBytes: number;
  /** Number of its threads. */
  readonly threads: number;
}

/** Reads how much of the machine processes use. */
export interface Resources {
  /** Number of processors. */
  readonly processors: number;
  /** This process. */
  readonly ownPid: number;
  /** Every living process, read in turns so that nobody waits for many of them; undefined where the system does not tell. */
  read(): Promise<readonly ProcessReading[] | undefined>;
  /** Open descriptors of a process; undefined where the system does not tell, or tells it to others only. */
  openFiles(pid: number): number | undefined;
}
