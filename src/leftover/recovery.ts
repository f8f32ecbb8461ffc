import { messageOf, SubsystemError, unlessDenied } from "../core/values/errors.ts";
import { nameKey } from "../core/values/names.ts";
import type { Host } from "../core/ports/host.ts";
import type { Logger } from "../core/ports/log.ts";
import type { Continuity, Recoverable, RunningProgram, StopPlan } from "../core/ports/continuity.ts";
import type { DaemonFolders } from "../instance/folders.ts";
import { GroupFile, readGroups } from "./group_file.ts";
import type { InstanceRecord } from "../instance/instance.ts";
import { endLeftovers, findLeftovers, type Leftover } from "./leftovers.ts";

/** Options of {@linkcode Recovery}. */
export interface RecoveryOptions {
  /** Where the daemon keeps its things; its lock is held. */
  folders: Pick<DaemonFolders, "id" | "socket" | "groups">;
  /** The instance that ended without a goodbye, if one did. */
  crashed: Pick<InstanceRecord, "pid"> | undefined;
  /** The machine. */
  host: Pick<Host, "files" | "processes" | "clock">;
  /** Told of what was found and what became of it. */
  log: Logger;
  /** Longest time that what was left gets to stop by itself. */
  limitMs: number;
}

/** More numbers than these say nothing more. */
const MOST_PIDS = 10;

/** How a unit is stopped that the configuration no longer has. */
const UNKNOWN_UNIT: StopPlan = { signal: "SIGTERM", timeoutMs: 5_000, killMode: "all" };

/**
 * Connects a daemon with the one before it, which may have died, and with the one after it.
 *
 * - {@linkcode Recovery.settle} ends what was left, or hands it over: before any unit starts. It looks at every start: a daemon that died may
 *   have had its folders elsewhere, or none any more.
 * - What could not be ended keeps its unit from being started beside it.
 * - What was kept for a unit that never ran is ended with the daemon.
 */
export class Recovery implements Continuity, AsyncDisposable {
  readonly socket: string;
  readonly #options: RecoveryOptions;
  readonly #written: readonly RunningProgram[];
  readonly #file: GroupFile;
  readonly #plans = new Map<string, StopPlan>();
  /** Programs that wait for their unit to go on with them. */
  readonly #kept = new Map<string, RunningProgram>();
  readonly #unended = new Map<string, Leftover>();
  /** Leftovers that are being ended now. */
  #ending: Leftover[] = [];

  /** Reads what the earlier instance wrote down. */
  constructor(options: RecoveryOptions) {
    const { folders, host: { files, clock }, log } = options;
    this.#options = options;
    this.socket = folders.socket;
    this.#written = readGroups(folders.groups, files).programs;
    this.#file = new GroupFile({ path: folders.groups, id: folders.id, files, clock, log, programs: this.#written });
  }

  /** Units of which something could not be ended. */
  get unended(): string[] {
    return [...this.#unended.keys()];
  }

  /** Names the processes that are waited for before any unit starts; undefined when there are none. */
  get notice(): string | undefined {
    const { processes } = this.#options.host;
    const left = this.#ending.map(({ unit, processes: entries }) => {
      const pids = entries.map(({ identity }) => identity).filter((identity) => processes.isAlive(identity)).map(({ pid }) => pid);
      return { unit, pids };
    }).filter(({ pids }) => pids.length > 0);
    if (left.length === 0) return undefined;
    return `ends what an earlier daemon left: ${
      left.map(({ unit, pids }) => `${unit} (pid ${pids.slice(0, MOST_PIDS).join(", ")})`).join(", ")
    }`;
  }

  /** Deals with what was left: ends it, but for the programs that a unit of the present configuration wants to adopt. */
  async settle(units: readonly Recoverable[], down: ReadonlySet<string>): Promise<void> {
    const { crashed, log } = this.#options;
    if (crashed !== undefined) log.warn("the daemon before this one has died; looking for what it left", { pid: crashed.pid });
    for (const unit of units) this.#plans.set(unit.path, unit.recovery.stop);
    const byName = new Map(units.map((unit) => [unit.path, unit]));
    // A program that may not look at others goes without, unless it is known that there is something to find.
    const isKnown = crashed !== undefined || this.#written.length > 0;
    const left = isKnown ? this.#find() : unlessDenied(() => this.#find(), []);
    if (left.length === 0 && this.#written.length === 0) return;
    for (const leftover of left) {
      const wanted = down.has(nameKey(leftover.unit)) ? undefined : byName.get(leftover.unit);
      if (wanted?.recovery.leftover === "adopt") await this.#keep(wanted, leftover);
    }
    await this.#end((leftover) => !this.#kept.has(leftover.unit));
    for (const program of this.#written) if (this.#kept.get(program.unit) !== program) this.#forget(program);
  }

  /** Remembers a program until the result is disposed; one that was kept is its run's from now on. */
  remember(program: RunningProgram): Disposable {
    const kept = this.#kept.get(program.unit);
    if (kept?.identity.pid === program.identity.pid) {
      this.#kept.delete(program.unit);
      this.#file.remove(kept);
    }
    return this.#file.add(program);
  }

  /** The program that was kept for a unit, if it still runs; again and again until a run remembers it. */
  async inherit(unit: string): Promise<RunningProgram | undefined> {
    const { processes } = this.#options.host;
    const kept = this.#kept.get(unit);
    if (kept !== undefined) {
      if (processes.isAlive(kept.identity)) return kept;
      this.#kept.delete(unit);
      this.#file.remove(kept);
      // It has ended meanwhile; what it started has not, perhaps.
      await this.#end((leftover) => leftover.unit === unit);
    }
    const alive = this.#unended.get(unit)?.processes.filter(({ identity }) => processes.isAlive(identity)) ?? [];
    if (alive.length === 0) {
      this.#unended.delete(unit);
      return undefined;
    }
    const pids = alive.map(({ identity }) => identity.pid);
    throw new SubsystemError(
      "SUBSYSTEM_START_FAILED",
      unit,
      `Cannot start ${unit} as what an earlier daemon left of it must have ended: process ${pids.join(", ")} can't be killed`,
      { context: { pids } },
    );
  }

  /** Writes down anew what runs, where somebody has removed that; true when it was. */
  restore(): boolean {
    return this.#file.restore();
  }

  /** Ends what no unit has taken over, and writes down what can't be ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#kept.size > 0) {
      const kept = new Map(this.#kept);
      this.#kept.clear();
      await this.#end((leftover) => kept.has(leftover.unit));
      for (const program of kept.values()) this.#forget(program);
    }
    this.#file[Symbol.dispose]();
  }

  async #keep(service: Recoverable, { unit, program, isNewer }: Leftover): Promise<void> {
    const { log } = this.#options;
    const refuse = (reason: string) => log.warn(`${unit}: what an earlier daemon left is not adopted`, { reason });
    if (program === undefined || isNewer) return refuse("it is not known which process is the program");
    try {
      if (await service.command() !== program.command) return refuse("its command has changed");
    } catch (error) {
      return refuse(messageOf(error));
    }
    this.#kept.set(unit, program);
    log.warn(`${unit}: adopted what an earlier daemon left; what it prints is lost, and how it ends will be unknown`, {
      pid: program.identity.pid,
    });
  }

  async #end(isMeant: (leftover: Leftover) => boolean): Promise<void> {
    const { host: { processes, clock }, limitMs, log } = this.#options;
    const find = () => this.#ending = this.#find().filter(isMeant);
    const unended = await endLeftovers({ find, planOf: (unit) => this.#planOf(unit), limitMs, processes, clock, log });
    this.#ending = [];
    for (const leftover of unended) {
      this.#unended.set(leftover.unit, leftover);
      // So that the next start looks for them even after a clean end of this one.
      for (const { identity } of leftover.processes) this.#file.add({ unit: leftover.unit, run: 0, identity, command: "" });
    }
  }

  #find(): Leftover[] {
    const { folders: { id }, host: { processes } } = this.#options;
    return findLeftovers({ id, programs: this.#written, planOf: (unit) => this.#planOf(unit) }, processes);
  }

  #planOf(unit: string): StopPlan {
    return this.#plans.get(unit) ?? UNKNOWN_UNIT;
  }

  #forget(program: RunningProgram): void {
    if (!this.#unended.has(program.unit)) this.#file.remove(program);
  }
}
