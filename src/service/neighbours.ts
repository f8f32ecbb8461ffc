import { isDaemonError } from "../core/errors.ts";
import type { Host, ProcessIdentity } from "../core/host.ts";
import { UNIT_VARIABLE } from "./environment.ts";
import type { ServiceOutput } from "./output.ts";
import { SharedLook } from "./shared_look.ts";

/** What the services of a daemon ask about processes that are not their own children; they share the looks that answer it. */
export class Neighbours implements Disposable, AsyncDisposable {
  readonly #groups: SharedLook<number, ReadonlySet<number>>;
  /** What helpers of programs that have ended may still print to. */
  readonly #outputs = new Set<ServiceOutput>();
  /** Programs that run, each the leader of a session: who is in one of these has not escaped. */
  readonly #leaders = new Set<number>();
  readonly #marked: SharedLook<string, ReadonlyMap<string, ProcessIdentity[]>>;
  /** What somebody still waits to hear. */
  readonly #told = new Set<Promise<void>>();

  /** Creates it; nothing is looked at before somebody asks. */
  constructor({ processes, clock }: Pick<Host, "processes" | "clock">) {
    this.#groups = new SharedLook(clock, (pgids) => processes.livingGroups(pgids));
    this.#marked = new SharedLook(clock, (values) => {
      const found = new Map<string, ProcessIdentity[]>(values.map((value) => [value, []]));
      for (const { identity, value } of processes.findByEnv(UNIT_VARIABLE, { exceptSessions: this.#leaders })) {
        found.get(value)?.push(identity);
      }
      return found;
    });
  }

  /** Whether somebody is left in a process group. */
  async isGroupAlive(pgid: number): Promise<boolean> {
    return (await this.#groups.ask(pgid)).has(pgid);
  }

  /**
   * Tells of the living processes that carry the mark of a run, as far as one can look; `delayMs` from now or later, and before an
   * asynchronous disposal is over.
   */
  tellMarked(unitValue: string, { delayMs, tell }: { delayMs: number; tell(found: readonly ProcessIdentity[]): void }): Promise<void> {
    const told = this.#lookForMarked(unitValue, delayMs).then(tell).finally(() => this.#told.delete(told));
    this.#told.add(told);
    return told;
  }

  async #lookForMarked(unitValue: string, delayMs: number): Promise<readonly ProcessIdentity[]> {
    try {
      return (await this.#marked.ask(unitValue, { delayMs })).get(unitValue) ?? [];
    } catch (error) {
      // Without a file left to open, or the right to look, nobody is known.
      if (isDaemonError(error)) return [];
      throw error;
    }
  }

  /** Says that a program runs, until the result is disposed. */
  leads(pid: number): Disposable {
    this.#leaders.add(pid);
    return { [Symbol.dispose]: () => void this.#leaders.delete(pid) };
  }

  /** Sees to an output that is read on after its program has ended: to its own end, or to that of the daemon. */
  adopt(output: ServiceOutput): void {
    this.#outputs.add(output);
    void output.ended.then(() => this.#outputs.delete(output));
  }

  /** Lets nobody wait any more, and lets go of what is still read. */
  [Symbol.dispose](): void {
    for (const output of this.#outputs) output.letGo();
    this.#groups[Symbol.dispose]();
    this.#marked[Symbol.dispose]();
  }

  /** The same; resolves when everybody has been told. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    await Promise.all(this.#told);
  }
}
