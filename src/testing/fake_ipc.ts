import { Condition } from "../core/messages/condition.ts";
import { IoError } from "../core/values/errors.ts";
import type { Connection, Ipc, IpcServer } from "../core/ports/ipc.ts";

/** Bytes that wait before the sender has to. */
const ROOM_BYTES = 65_536;

/**
 * Connections in memory: who listens gets the other end of whatever connects.
 *
 * @example Both ends hear each other
 * ```ts
 * import { FakeIpc } from "@daemonkit/daemonkit/testing";
 * import assert from "node:assert/strict";
 *
 * const ipc = new FakeIpc();
 * using _server = await ipc.listen("/run/s", (connection) => void connection.write(new Uint8Array([1, 2])));
 * using connection = await ipc.connect("/run/s");
 * assert.deepEqual(await connection.read(), new Uint8Array([1, 2]));
 * ```
 */
export class FakeIpc implements Ipc {
  readonly #servers = new Map<string, (connection: Connection) => void>();

  /** Whether somebody listens at this path. */
  isListening(path: string): boolean {
    return this.#servers.has(path);
  }

  /** Listens in memory. */
  listen(path: string, onConnection: (connection: Connection) => void): Promise<IpcServer> {
    this.#servers.set(path, onConnection);
    return Promise.resolve({
      hasFile: () => this.#servers.get(path) === onConnection,
      [Symbol.dispose]: () => void (this.#servers.get(path) === onConnection && this.#servers.delete(path)),
    });
  }

  /** Connects to who listens; nobody means `IO_NOT_FOUND`. */
  connect(path: string): Promise<Connection> {
    const server = this.#servers.get(path);
    if (server === undefined) {
      return Promise.reject(new IoError("IO_NOT_FOUND", `Cannot connect to ${path} as nobody listens there`, { context: { path } }));
    }
    const [there, back] = [new FakePipe(), new FakePipe()];
    server(new FakeConnection(there, back));
    return Promise.resolve(new FakeConnection(back, there));
  }
}

/** One direction. */
class FakePipe {
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;
  isEnded = false;
  readonly change = new Condition();

  get hasRoom(): boolean {
    return this.#bytes < ROOM_BYTES;
  }

  put(bytes: Uint8Array): void {
    this.#pieces.push(bytes.slice());
    this.#bytes += bytes.length;
    this.change.tell();
  }

  take(): Uint8Array | undefined {
    const piece = this.#pieces.shift();
    this.#bytes -= piece?.length ?? 0;
    this.change.tell();
    return piece;
  }

  end(): void {
    this.isEnded = true;
    this.change.tell();
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }
}

class FakeConnection implements Connection {
  readonly #incoming: FakePipe;
  readonly #outgoing: FakePipe;

  constructor(incoming: FakePipe, outgoing: FakePipe) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  async read(): Promise<Uint8Array | undefined> {
    await this.#incoming.change.until(() => !this.#incoming.isEmpty || this.#incoming.isEnded);
    return this.#incoming.take();
  }

  async write(bytes: Uint8Array): Promise<void> {
    const pipe = this.#outgoing;
    if (!pipe.isEnded) pipe.put(bytes);
    await pipe.change.until(() => pipe.hasRoom || pipe.isEnded);
    if (pipe.isEnded) throw new IoError("IPC_FAILED", "Cannot use the connection as the other side has gone");
  }

  end(): Promise<void> {
    this.#outgoing.end();
    return Promise.resolve();
  }

  [Symbol.dispose](): void {
    this.#outgoing.end();
    this.#incoming.end();
  }
}
