import type { Clock } from "../core/ports/clock.ts";
import { isDaemonError } from "../core/values/errors.ts";
import type { Host } from "../core/ports/host.ts";
import type { ListeningSocket, SocketHolder } from "../core/ports/sockets.ts";
import type { ProcessEntry, ProgramRun } from "../core/ports/processes.ts";
import { isLocalhost, normalAddress } from "../core/values/ip_address.ts";
import { UNIT_VARIABLE } from "./environment.ts";
import type { TcpAddress } from "./tcp_address.ts";
import { SharedLook } from "./shared_look.ts";

/** Owner of a port: the unit's own, somebody else, nobody, or unknown, as the system does not tell. */
export type PortOwner = { kind: "own" | "nobody" | "unknown" } | { kind: "other"; who: string };

/** A run of a unit, by which its processes are known. */
export interface OwnRun {
  /** Its program, by which all that belongs to it is known. */
  program: ProgramRun;
  /** The mark of the run in the environment of all that it has started. */
  mark: string;
  /** Processes that earlier runs left on purpose belong to it too. */
  hasHelpers: boolean;
}

interface Question {
  address: TcpAddress;
  run: OwnRun | undefined;
}

/** Holders of foreign sockets that are remembered, so that who asks again and again does not search the whole machine each time. */
const MOST_REMEMBERED = 1_000;

/**
 * Finds the owner of the process that listens where a probe asks. Questions of one moment share one look.
 *
 * - Of a unit are its program and all that a stop would end with it: its group, its session, its descendants, what carries its mark.
 * - Where two share a port (SO_REUSEPORT) it is enough that one of them is of the unit.
 * - Where files of the unit's own processes are kept from us, as those of a program with rights of its own are, the answer is unknown
 *   unless the holders of all that listen there are found elsewhere.
 */
export class PortOwners implements Disposable {
  readonly #host: Pick<Host, "processes" | "sockets">;
  readonly #look: SharedLook<Question, ReadonlyMap<Question, PortOwner>>;
  /** Processes that held a foreign socket when they were looked up. */
  readonly #remembered = new Map<number, SocketHolder>();
  #hasToldUnknown = false;

  /** Creates it; nothing is looked at before somebody asks. */
  constructor({ clock, ...host }: Pick<Host, "processes" | "sockets"> & { clock: Clock }) {
    this.#host = host;
    this.#look = new SharedLook(clock, (questions) => this.#answers(questions));
  }

  /** Whether a port of this address would be on this machine. */
  isLocal(address: TcpAddress): boolean {
    return this.#host.sockets.isLocal(address.hostname);
  }

  /** Finds the owner of a port; for a unit that does not run yet, it is never its own. */
  async ask(address: TcpAddress, run?: OwnRun): Promise<PortOwner> {
    const question = { address, run };
    try {
      return (await this.#look.ask(question)).get(question)!;
    } catch (error) {
      // Without a file left to open, or the right to look, nobody is known.
      if (isDaemonError(error)) return { kind: "unknown" };
      throw error;
    }
  }

  /** Says once, over all units, that it is not known who answers. */
  tellUnknown(tell: () => void): void {
    if (this.#hasToldUnknown) return;
    this.#hasToldUnknown = true;
    tell();
  }

  /** Lets nobody wait. */
  [Symbol.dispose](): void {
    this.#look[Symbol.dispose]();
  }

  #answers(questions: readonly Question[]): ReadonlyMap<Question, PortOwner> {
    const { sockets } = this.#host;
    const all = sockets.listening(new Set(questions.map(({ address }) => address.port)));
    let table: readonly ProcessEntry[] | undefined;
    const processes = () => table ??= this.#host.processes.census([UNIT_VARIABLE]);
    return new Map(questions.map((question) => [question, all === undefined ? UNKNOWN : this.#answer(question, all, processes)]));
  }

  #answer({ address, run }: Question, all: readonly ListeningSocket[], processes: () => readonly ProcessEntry[]): PortOwner {
    const { sockets } = this.#host;
    const takers = takersOf(all, address);
    if (takers.length === 0) return NOBODY;
    const inodes = new Set(takers.map(({ inode }) => inode));
    let unseen: number[] = [];
    if (run !== undefined) {
      // Mostly it is the program itself, and nobody else has to be looked at.
      if (sockets.holders(inodes, [run.program.leader.pid]).found.length > 0) return OWN;
      const kin = sockets.holders(inodes, this.#kinOf(run, processes));
      if (kin.found.length > 0) return OWN;
      unseen = kin.unseen;
    }
    // Somebody else's share of a port says nothing of the one that the unit may hold unseen.
    if (unseen.length > 0 && ![...inodes].every((inode) => this.#holderOf(new Set([inode])) !== undefined)) return UNKNOWN;
    const holder = this.#holderOf(inodes);
    return { kind: "other", who: holder === undefined ? strangerOf(takers[0]) : this.#formatTcpAddress(holder, processes()) };
  }

  #kinOf({ program, mark, hasHelpers }: OwnRun, processes: () => readonly ProcessEntry[]): number[] {
    const kin = new Set([program.leader.pid]);
    for (const { identity } of this.#host.processes.belonging([program]).get(program) ?? []) kin.add(identity.pid);
    if (hasHelpers) {
      for (const { identity, env } of processes()) if (unitOf(env[UNIT_VARIABLE] ?? "") === unitOf(mark)) kin.add(identity.pid);
    }
    return [...kin];
  }

  #holderOf(inodes: ReadonlySet<number>): SocketHolder | undefined {
    const { sockets } = this.#host;
    for (const inode of inodes) {
      const known = this.#remembered.get(inode);
      if (known === undefined) continue;
      if (sockets.holders(inodes, [known.pid]).found.length > 0) return known;
      this.#remembered.delete(inode);
    }
    const [holder] = sockets.holders(inodes).found.sort((a, b) => a.pid - b.pid);
    if (holder === undefined) return undefined;
    if (this.#remembered.size >= MOST_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(holder.inode, holder);
    return holder;
  }

  #formatTcpAddress({ pid, name }: SocketHolder, processes: readonly ProcessEntry[]): string {
    const shown = `pid ${pid} (${name.replace(/[^\x20-\x7e]/g, "?")})`;
    if (pid === this.#host.processes.self().pid) return `${shown}, which is this daemon`;
    const mark = processes.find(({ identity }) => identity.pid === pid)?.env[UNIT_VARIABLE];
    const [, unit] = /\/(.+)\//.exec(mark ?? "") ?? [];
    return unit === undefined ? shown : `${shown}, started by ${unit.replace(/[^\x20-\x7e]/g, "?")}`;
  }
}

const OWN: PortOwner = { kind: "own" };
const NOBODY: PortOwner = { kind: "nobody" };
const UNKNOWN: PortOwner = { kind: "unknown" };

/** A mark without the number of its run. */
function unitOf(mark: string): string {
  return mark.slice(0, mark.lastIndexOf("/"));
}

function strangerOf({ uid }: ListeningSocket): string {
  return `a process of user ${uid} that can't be seen from here`;
}

/** Sockets that a connection to an address would reach: the kernel prefers a listener on just that address to one on all. */
function takersOf(sockets: readonly ListeningSocket[], { hostname, port }: TcpAddress): ListeningSocket[] {
  const at = (address: string) => sockets.filter((socket) => socket.port === port && socket.hostname === address);
  const address = normalAddress(hostname);
  const targets = isLocalhost(address) ? ["127.0.0.1", "::1"] : [address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "::1" : address];
  return targets.flatMap((target) => {
    const wildcards = target.includes(":") ? ["::"] : ["0.0.0.0", "::"];
    return [target, ...wildcards].map(at).find((found) => found.length > 0) ?? [];
  });
}
