import type { ProcessReading, Resources } from "../core/ports/resources.ts";

/** Processes of a machine as a test wants them; a part of {@linkcode FakeHost}. */
export class FakeResources implements Resources {
  /** Number of processors. */
  processors = 2;
  /** This process. */
  ownPid = 1_000;
  /** Every living process; undefined where the system does not tell. */
  readings: ProcessReading[] | undefined = [];
  /** Open descriptors by process number. */
  readonly openFilesByPid: Map<number, number> = new Map();

  /** Returns {@linkcode FakeResources.readings}. */
  read(): Promise<readonly ProcessReading[] | undefined> {
    return Promise.resolve(this.readings && [...this.readings]);
  }

  /** Returns what {@linkcode FakeResources.openFilesByPid} says. */
  openFiles(pid: number): number | undefined {
    return this.openFilesByPid.get(pid);
  }

  /** Sets a process; what is left out stays as it was, or is 0. */
  set(pid: number, reading: Partial<Omit<ProcessReading, "pid">>): void {
    const usual = { pid, parent: this.ownPid, group: pid, startTicks: 1, cpuSeconds: 0, residentBytes: 0, threads: 1 };
    const before = this.readings?.find((each) => each.pid === pid);
    this.readings = [...(this.readings ?? []).filter((each) => each.pid !== pid), { ...usual, ...before, ...reading }];
  }

  /** Lets a process end. */
  end(pid: number): void {
    this.readings = this.readings?.filter((each) => each.pid !== pid);
  }
}
