import type { Address } from "../core/ports/http.ts";
import { bun, type BunFetchInit, type BunSocket } from "./bun.ts";
import type { HttpFacts, RuntimeListener } from "./http.ts";
import type { RawConnection } from "./http_server.ts";

/** HTTP by Bun.listen and fetch. */
export const httpOnBun: HttpFacts = {
  listen,
  fetch(address: Address, url: string, init: RequestInit): Promise<Response> {
    // By default Bun gives up on an answer or a stream that is quiet for five minutes, as one that follows logs may be.
    const bunInit: BunFetchInit = { ...init, proxy: false, timeout: false, ...("unix" in address ? address : {}) };
    return fetch(url, bunInit);
  },
  // By node:net, because a Bun.connect that hangs can't be given up and keeps the process alive; imported where needed, as it costs 6 ms.
  async connect(target, signal) {
    const { connect } = await import("node:net");
    signal?.throwIfAborted(); // no event comes of what happened during the import
    await new Promise<void>((resolve, reject) => {
      const socket = "unix" in target ? connect({ path: target.unix }) : connect({ host: target.hostname, port: target.port });
      const end = (settle: () => void) => {
        signal?.removeEventListener("abort", onAbort);
        socket.destroy();
        settle();
      };
      const onAbort = () => end(() => reject(signal!.reason));
      socket.once("connect", () => end(resolve));
      socket.on("error", (error) => end(() => reject(error)));
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  },
};

function listen(address: Address, onConnection: (connection: RawConnection) => void): RuntimeListener {
  const listener = bun.listen<BunConnection>({
    ...address,
    allowHalfOpen: true,
    socket: {
      binaryType: "uint8array",
      open(socket) {
        // An answer in two pieces would wait for the other side to acknowledge the first.
        if (!("unix" in address)) socket.setNoDelay(true);
        onConnection(socket.data = new BunConnection(socket));
      },
      data: (socket, bytes) => socket.data.received(bytes),
      drain: (socket) => socket.data.drained(),
      end: (socket) => socket.data.ended(),
      close: (socket) => socket.data.gone(),
      error: (socket) => socket.data?.gone(),
    },
  });
  return { port: "unix" in address ? 0 : listener.port, close: () => listener.stop(false) };
}

class BunConnection implements RawConnection {
  readonly #socket: BunSocket<BunConnection>;
  readonly #received: Uint8Array[] = [];
  #isOver = false;
  #isClosed = false;
  #onRead: (() => void) | undefined;
  #onWrite: (() => void) | undefined;

  constructor(socket: BunSocket<BunConnection>) {
    this.#socket = socket;
  }

  received(bytes: Uint8Array): void {
    this.#received.push(bytes);
    // Until somebody reads, the rest stays with the system, and then with the sender.
    if (!this.#isClosed) this.#socket.pause();
    this.#onRead?.();
  }

  drained(): void {
    this.#onWrite?.();
  }

  ended(): void {
    this.#isOver = true;
    this.#onRead?.();
  }

  gone(): void {
    this.#isOver = this.#isClosed = true;
    this.#onRead?.();
    this.#onWrite?.();
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#received.length === 0 && !this.#isOver) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onRead = resolve;
      this.#socket.resume();
      await promise;
      this.#onRead = undefined;
    }
    return this.#received.shift();
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes;;) {
      const count = this.#isClosed ? -1 : this.#socket.write(rest);
      if (count < 0) throw new Error("the other side has gone");
      rest = rest.subarray(count);
      if (rest.length === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onWrite = resolve;
      await promise;
      this.#onWrite = undefined;
    }
  }

  end(): void {
    if (!this.#isClosed) this.#socket.shutdown();
  }

  close(): void {
    if (this.#isClosed) return;
    this.gone();
    this.#socket.end();
  }
}
