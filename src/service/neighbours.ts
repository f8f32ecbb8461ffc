import { isDaemonError } from "../core/values/errors.ts";
import type { Host } from "../core/ports/host.ts";
import type { ProgramRun, RunProcess } from "../core/ports/processes.ts";
import type { ServiceOutput } from "./output.ts";
import { PortOwners } from "./port_owner.ts";
import { SharedLook } from "./shared_look.ts";

/** How {@linkcode Neighbours.kinOf} looks. */
export interface KinLook {
  /** Trusts the findings of earlier looks, if all askers agree to that. @default {false} */
  isQuick?: boolean;
  /** Milliseconds from now to the look, unless somebody wants to know sooner. @default {0} */
  delayMs?: number;
}

/** Answers questions about processes that are no children of ours; the services of a daemon share the looks. */
export class Neighbours implements Disposable, AsyncDisposable {
  readonly #groups: SharedLook<number, ReadonlySet<number>>;
  readonly #kin: SharedLook<{ run: ProgramRun; isQuick: boolean }, ReadonlyMap<ProgramRun, readonly RunProcess[]>>;
  /** Outputs that helpers of ended programs may still print to. */
  readonly #outputs = new Set<ServiceOutput>();
  /** Answers that somebody still waits for. */
  readonly #told = new Set<Promise<void>>();

  /** Owners of the ports that probes ask. */
  readonly ports: PortOwners;

  /** Creates it; nothing is looked at before somebody asks. */
  constructor({ processes, clock, sockets }: Pick<Host, "processes" | "clock" | "sockets">) {
    this.ports = new PortOwners({ processes, clock, sockets });
    this.#groups = new SharedLook(clock, (pgids) => processes.livingGroups(pgids));
    this.#kin = new SharedLook(
      clock,
      (questions) => processes.belonging(questions.map(({ run }) => run), { isQuick: questions.every(({ isQuick }) => isQuick) }),
    );
  }

  /** Whether somebody is left in a process group. */
  async isGroupAlive(pgid: number): Promise<boolean> {
    return (await this.#groups.ask(pgid)).has(pgid);
  }

  /** The living processes of a run, its leader too; nobody as far as one can't look. */
  async kinOf(run: ProgramRun, { isQuick = false, delayMs = 0 }: KinLook = {}): Promise<readonly RunProcess[]> {
    try {
      return (await this.#kin.ask({ run, isQuick }, { delayMs })).get(run) ?? [];
    } catch (error) {
      // Without a file left to open, or the right to look, nobody is known.
      if (isDaemonError(error)) return [];
      throw error;
    }
  }

  /** Tells of the living processes of a run `delayMs` from now or later, and before an asynchronous disposal is over. */
  tellKin(
    run: ProgramRun,
    { delayMs, tell }: { delayMs: number; tell(found: readonly RunProcess[]): void | Promise<void> },
  ): Promise<void> {
    const told = this.kinOf(run, { delayMs }).then(tell).finally(() => this.#told.delete(told));
    this.#told.add(told);
    return told;
  }

  /** Sees to an output that is read on after its program has ended: to its own end, or to that of the daemon. */
  adopt(output: ServiceOutput): void {
    this.#outputs.add(output);
    void output.ended.then(() => this.#outputs.delete(output));
  }

  /** Lets nobody wait any more, and lets go of what is still read. */
  [Symbol.dispose](): void {
    for (const output of this.#outputs) output.letGo();
    this.ports[Symbol.dispose]();
    this.#groups[Symbol.dispose]();
    this.#kin[Symbol.dispose]();
  }

  /** The same; resolves when everybody has been told. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    await Promise.all(this.#told);
  }
}
