import type { ListeningSocket, SocketHolder, Sockets } from "../core/ports/sockets.ts";

/**
 * Sockets that a test says; a part of `FakeHost`. Until it says the first one, the system does not tell who listens.
 *
 * @example A port that somebody else holds
 * ```ts
 * import { FakeSockets } from "@daemonkit/daemonkit/testing";
 * import assert from "node:assert/strict";
 *
 * const sockets = new FakeSockets();
 * assert.equal(sockets.listening(new Set([80])), undefined);
 * using _nginx = sockets.listen({ hostname: "0.0.0.0", port: 80 }, { pid: 7, name: "nginx" });
 * const [{ inode }] = sockets.listening(new Set([80]))!;
 * assert.deepEqual(sockets.holders(new Set([inode])).found, [{ inode, pid: 7, name: "nginx" }]);
 * ```
 */
export class FakeSockets implements Sockets {
  /** Whether the system tells who listens. */
  isTold = false;
  /** Processes whose files are kept from us. */
  readonly hidden: Set<number> = new Set();
  /** How often it was asked who holds sockets, of all processes. */
  wholeLooks = 0;
  /** Thrown by every look, where a test says one. */
  failure: Error | undefined;
  readonly #sockets = new Map<number, { socket: ListeningSocket; holders: SocketHolder[] }>();
  #lastInode = 100;

  /** Lets processes listen, until the result is disposed; several hold one socket together, and one without any is held by nobody who is seen. */
  listen(address: { hostname: string; port: number }, ...holders: { pid: number; name?: string }[]): Disposable {
    const inode = ++this.#lastInode;
    this.isTold = true;
    this.#sockets.set(inode, {
      socket: { ...address, inode, uid: 1_000 },
      holders: holders.map(({ pid, name = "program" }) => ({ inode, pid, name })),
    });
    return { [Symbol.dispose]: () => void this.#sockets.delete(inode) };
  }

  /** Whether the host name is the loopback of this machine. */
  isLocal(hostname: string): boolean {
    return ["127.0.0.1", "::1", "localhost", "0.0.0.0", "::"].includes(hostname);
  }

  /** Sockets that were said. */
  listening(ports: ReadonlySet<number>): ListeningSocket[] | undefined {
    if (this.failure !== undefined) throw this.failure;
    if (!this.isTold) return undefined;
    return [...this.#sockets.values()].map(({ socket }) => socket).filter(({ port }) => ports.has(port));
  }

  /** Finds the processes that hold these sockets and are not hidden. */
  holders(inodes: ReadonlySet<number>, pids?: readonly number[]): { found: SocketHolder[]; unseen: number[] } {
    if (this.failure !== undefined) throw this.failure;
    if (pids === undefined) this.wholeLooks++;
    const held = [...this.#sockets.values()].flatMap(({ holders }) => holders).filter(({ inode }) => inodes.has(inode));
    const asked = held.filter(({ pid }) => pids?.includes(pid) ?? true);
    const unseen = [...this.hidden].filter((pid) => pids?.includes(pid) ?? true);
    return { found: asked.filter(({ pid }) => !this.hidden.has(pid)), unseen };
  }
}
