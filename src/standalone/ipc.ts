import type { Host } from "../core/ports/host.ts";
import type { Connection } from "../core/ports/ipc.ts";
import { checkFunction, checkKeys, checkText } from "../core/values/options.ts";
import { IoError, isDaemonError } from "../core/values/errors.ts";
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from "../core/wire/frames.ts";
import { getHost } from "../platform/mod.ts";

/** Options of `ipc.serve` and `ipc.connect`. */
export interface IpcOptions {
  /** Longest message in bytes of JSON; a longer one ends the connection. @default {1_048_576} */
  maxBytes?: number;
  /** Another machine than the real one, such as the fake of `./testing`. @default {the real one} */
  host?: Pick<Host, "ipc">;
}

/**
 * The other side of a connection: takes and gives messages, which are anything that JSON can write. `ipc.serve` shows its use.
 *
 * - Messages arrive whole and in order. Those that nobody reads stay with their sender, so `send` may take long.
 * - One reader at a time: `receive` or one loop over it.
 */
export class Peer implements AsyncIterable<unknown>, AsyncDisposable {
  readonly #connection: Connection;
  readonly #maxBytes: number;
  readonly #reader: FrameReader;
  readonly #waiting: unknown[] = [];

  /** Wraps a connection. */
  constructor(connection: Connection, maxBytes: number) {
    this.#connection = connection;
    this.#maxBytes = maxBytes;
    this.#reader = new FrameReader((message) => void this.#waiting.push(message), maxBytes);
  }

  /**
   * Sends a message; resolves when there is room for more.
   *
   * @throws {IoError} `IPC_FAILED` if the other side has gone, `IPC_PROTOCOL` if JSON can't write the message or it is too long; the promise
   * rejects with it.
   */
  async send(message: unknown): Promise<void> {
    await this.#connection.write(encodeFrame(message, this.#maxBytes));
  }

  /**
   * Resolves with the next message, and with undefined once the other side has ended.
   *
   * @throws {IoError} `IPC_FAILED` if the connection broke, `IPC_PROTOCOL` if what came is no message; the promise rejects with it.
   */
  async receive(): Promise<unknown> {
    while (this.#waiting.length === 0) {
      const bytes = await this.#connection.read();
      if (bytes === undefined) {
        if (this.#reader.isPartial) throw new IoError("IPC_PROTOCOL", "Cannot read a message as the connection ended in the middle of it");
        return undefined;
      }
      this.#reader.push(bytes);
    }
    return this.#waiting.shift();
  }

  /** All messages to come. */
  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    for (let message = await this.receive(); message !== undefined; message = await this.receive()) yield message;
  }

  /** Says that nothing more comes from here, and resolves once everything is sent or the other side has gone. */
  async end(): Promise<void> {
    await this.#connection.end();
  }

  /** Ends the connection once everything is sent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.end().catch(() => {/* the other side has gone */});
    this.#connection[Symbol.dispose]();
  }
}

/** A server of messages; disposing it takes no more connections, ends those that are open and removes the socket file. */
export interface PeerServer extends Disposable {
  /** Path of its socket. */
  readonly path: string;
}

/**
 * Takes connections on a unix socket of mode 0o600, which only this user reaches; `onPeer` is called with each, and its connection ends when
 * `onPeer` returns or throws.
 *
 * - A socket file that nobody answers on, such as one that a crash left, is replaced; a live one is refused.
 *
 * @example A server that doubles numbers
 * ```ts
 * import { ipc } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 * import { mkdtempSync, rmSync } from "node:fs";
 * import { tmpdir } from "node:os";
 *
 * const folder = mkdtempSync(`${tmpdir()}/ipc-`);
 * {
 *   using _server = await ipc.serve(`${folder}/double.sock`, async (peer) => {
 *     for await (const message of peer) await peer.send(2 * (message as number));
 *   });
 *   await using peer = await ipc.connect(`${folder}/double.sock`);
 *   await peer.send(21);
 *   assert.equal(await peer.receive(), 42);
 * }
 * rmSync(folder, { recursive: true });
 * ```
 *
 * @throws {IoError} `IO_ADDRESS_IN_USE` if somebody answers there already, `IO_FAILED` and its kin if it can't listen; the promise rejects with it.
 */
async function servePeers(
  path: string,
  onPeer: (peer: Peer) => Promise<void> | void,
  options: IpcOptions = {},
): Promise<PeerServer> {
  const { host, maxBytes } = await checked("serve messages", path, options);
  checkFunction("serve messages", "onPeer", onPeer);
  if (await isAnswered(host, path)) {
    throw new IoError("IO_ADDRESS_IN_USE", `Cannot serve messages on ${path} as another server answers there`, { context: { path } });
  }
  const open = new Set<Connection>();
  const server = await host.ipc.listen(path, (connection) => void talk(connection));
  const talk = async (connection: Connection) => {
    open.add(connection);
    try {
      await onPeer(new Peer(connection, maxBytes));
    } catch {
      // The failure of one connection is told to nobody else; whoever wants to know catches it in onPeer.
    }
    await connection.end().catch(() => {/* the other side has gone */});
    connection[Symbol.dispose]();
    open.delete(connection);
  };
  return {
    path,
    [Symbol.dispose]() {
      server[Symbol.dispose]();
      for (const connection of open) connection[Symbol.dispose]();
    },
  };
}

/**
 * Connects to the server of a socket. `ipc.serve` shows its use.
 *
 * @throws {IoError} `IO_NOT_FOUND` if there is no socket, `IO_REFUSED` if nobody answers on it; the promise rejects with it.
 */
async function connectPeer(path: string, options: IpcOptions = {}): Promise<Peer> {
  const { host, maxBytes } = await checked("connect", path, options);
  return new Peer(await host.ipc.connect(path), maxBytes);
}

async function checked(action: string, path: string, options: IpcOptions): Promise<{ host: Pick<Host, "ipc">; maxBytes: number }> {
  checkText(action, "path", path);
  checkKeys(action, options, ["maxBytes", "host"]);
  const { maxBytes = MAX_FRAME_BYTES, host } = options;
  if (!(Number.isSafeInteger(maxBytes) && maxBytes > 0)) {
    throw new RangeError(`Cannot ${action} as "maxBytes" must be an integer above 0: current value is ${String(maxBytes)}`);
  }
  return { host: host ?? await getHost(), maxBytes };
}

async function isAnswered({ ipc }: Pick<Host, "ipc">, path: string): Promise<boolean> {
  try {
    (await ipc.connect(path))[Symbol.dispose]();
    return true;
  } catch (error) {
    if (isDaemonError(error)) return false;
    throw error;
  }
}

export { connectPeer as connect, servePeers as serve };
