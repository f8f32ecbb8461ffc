import type { Socket } from "node:net";
import process from "node:process";
import { Condition } from "../core/messages/condition.ts";
import { IoError, messageOf } from "../core/values/errors.ts";
import type { Connection, Ipc } from "../core/ports/ipc.ts";
import { ioError } from "./io_error.ts";
import { SocketFile } from "./socket_file.ts";

/** Sockets by node:net, which both runtimes have; it costs 5 MB, so it is loaded where the first one is opened. */
export function createIpc(): Ipc {
  const net = () => process.getBuiltinModule("node:net");
  return {
    async listen(path, onConnection) {
      const server = net().createServer((socket) => onConnection(new SocketConnection(socket)));
      const failed = Promise.withResolvers<never>();
      failed.promise.catch(() => {/* what was thrown before it says the same */});
      let file: SocketFile;
      try {
        const { promise: listening, resolve } = Promise.withResolvers<void>();
        ({ file } = SocketFile.make(path, (draft) => server.once("error", failed.reject).listen(draft, resolve)));
        await Promise.race([listening, failed.promise]);
      } catch (error) {
        server.close();
        throw error instanceof IoError ? error : ioError(error, `listen on ${path}`, { path });
      }
      // A connection that can't be taken is its caller's failure.
      server.on("error", () => {});
      return {
        hasFile: () => file.isThere(),
        [Symbol.dispose]() {
          server.close();
          file.remove();
        },
      };
    },
    async connect(path) {
      const socket = net().connect({ path });
      try {
        await new Promise<void>((resolve, reject) => void socket.once("connect", resolve).once("error", reject));
      } catch (error) {
        socket.destroy();
        throw ioError(error, `connect to ${path}`, { path });
      }
      return new SocketConnection(socket);
    },
  };
}

class SocketConnection implements Connection {
  readonly #socket: Socket;
  readonly #received: Uint8Array[] = [];
  #isOver = false;
  #failure: unknown;
  readonly #change = new Condition();

  constructor(socket: Socket) {
    this.#socket = socket;
    const tell = () => this.#change.tell();
    socket.on("data", (bytes: Uint8Array) => {
      this.#received.push(bytes);
      // Until somebody reads, the rest stays with the system, and then with the sender.
      socket.pause();
      tell();
    });
    socket.on("drain", tell);
    socket.on("error", (error) => this.#failure ??= error);
    for (const event of ["end", "close"] as const) {
      socket.on(event, () => {
        this.#isOver = true;
        tell();
      });
    }
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#received.length === 0 && !this.#isOver) {
      this.#socket.resume();
      await this.#change.until(() => this.#received.length > 0 || this.#isOver);
    }
    const bytes = this.#received.shift();
    if (bytes === undefined && this.#failure !== undefined) throw this.#broken();
    return bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#isOver || this.#socket.destroyed) throw this.#broken();
    if (this.#socket.write(bytes)) return;
    await this.#change.until(() => this.#isOver || !this.#socket.writableNeedDrain);
    if (this.#isOver) throw this.#broken();
  }

  async end(): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    await new Promise<void>((resolve) => {
      this.#socket.once("close", () => resolve());
      this.#socket.end(() => resolve());
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #broken(): IoError {
    const reason = this.#failure === undefined ? "the other side has gone" : messageOf(this.#failure);
    return new IoError("IPC_FAILED", `Cannot use the connection as ${reason}`, { cause: this.#failure });
  }
}
