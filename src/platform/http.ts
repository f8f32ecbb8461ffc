import fs from "node:fs";
import process from "node:process";
import { IoError, messageOf } from "../core/values/errors.ts";
import type { Address, Http, HttpServer } from "../core/ports/http.ts";
import type { Descriptors } from "./descriptors.ts";
import { HttpServerLoop, type RawConnection } from "./http_server.ts";
import { errnoOf, ioError } from "./io_error.ts";
import { SocketFile } from "./socket_file.ts";

/** Listener of a runtime. */
export interface RuntimeListener {
  /** Port that it got, 0 for a socket. */
  port: number;
  /** Accepts no more; what was accepted goes on. Resolves when the address is free. */
  close(): Promise<void> | void;
}

/** HTTP functions that each runtime does in its own way. */
export interface HttpFacts {
  /** Listens before it returns. A connection that can't be accepted for lack of files is waited for. */
  listen(address: Address, onConnection: (connection: RawConnection) => void): RuntimeListener;
  /** Sends a request past every proxy of the environment: it goes to the daemon itself or to its own services. */
  fetch(address: Address, url: string, init: RequestInit): Promise<Response>;
  /** Connects and closes again, or rejects; gives up when `signal` aborts. */
  connect(target: { unix: string } | { hostname: string; port: number }, signal?: AbortSignal): Promise<void>;
}

/** Ports up to this one are root's. */
const LAST_RESERVED_PORT = 1_023;
/** Most connections of a listener where nothing is said. */
const DEFAULT_CONNECTIONS = 1_000;
/** Connections that a listener may have however many the others have. */
const LEAST_CONNECTIONS = 4;

/** Makes {@linkcode Http} of what a runtime offers. */
export function createHttp(facts: HttpFacts, descriptors: Descriptors): Http {
  // Any client of a port may open any number of connections, so those of all ports share a part of the files.
  const ports = new Share(Math.max(8, Math.floor(descriptors.limit / 4)));
  const sockets = new Share(Math.max(8, Math.floor(descriptors.limit / 8)));
  return {
    async serve(address, handler, options = {}) {
      const { mode, gid, maxConnections = () => DEFAULT_CONNECTIONS } = options;
      if ("unix" in address) await makeWay(address.unix, facts);
      const share = "unix" in address ? sockets : ports;
      const loop: HttpServerLoop = new HttpServerLoop({
        handler,
        maxConnections: () => Math.max(LEAST_CONNECTIONS, Math.min(maxConnections(), share.restFor(loop))),
        hasRoom: (count) => "unix" in address || count < LEAST_CONNECTIONS || descriptors.hasRoomFor(2 * descriptors.reserve),
      });
      const listen = (at: Address) => facts.listen(at, (raw) => loop.accept(raw));
      const { made: listener, file } = attempt(address, () => {
        if (!("unix" in address)) return { made: listen(address), file: undefined };
        return SocketFile.make(address.unix, (unix) => listen({ unix }), { mode, gid });
      });
      share.add(loop);
      return new Server(loop, {
        address: "unix" in address ? address : { ...address, port: listener.port },
        file,
        close() {
          file?.remove();
          share.delete(loop);
          return listener.close();
        },
      });
    },
    async checkAddress(address) {
      const { hostname, port } = address;
      // For a moment only, and at a free port, so that nobody is kept from listening; only who is not root asks for a port of root.
      const isReserved = port > 0 && port <= LAST_RESERVED_PORT && process.geteuid?.() !== 0;
      try {
        const interfaceOf = /^[\d.]+$|:/.test(hostname) ? hostname : await addressOf(hostname);
        await facts.listen({ hostname: interfaceOf, port: isReserved ? port : 0 }, (raw) => raw.close()).close();
      } catch (error) {
        const failure = ioError(worded(error, address), `listen on ${nameOf(address)}`, { address });
        const isForbidden = error instanceof Error && error.name === "NotCapable";
        if (!isForbidden && failure.code !== "IO_ADDRESS_IN_USE" && failure.code !== "IO_NO_RESOURCES") throw failure;
      }
    },
    async request(address, path, init = {}) {
      init.signal?.throwIfAborted();
      try {
        return await facts.fetch(address, urlOf(address) + path, init);
      } catch (error) {
        init.signal?.throwIfAborted();
        throw ioError(worded(error, address), `send a request to ${nameOf(address)}`, { address, path });
      }
    },
    async connect(address, { signal }) {
      signal.throwIfAborted();
      try {
        await facts.connect(address, signal);
      } catch (error) {
        signal.throwIfAborted();
        throw ioError(worded(error, address), `connect to ${nameOf(address)}`, { address });
      }
    },
  };
}

/** An address of a host, looked up without keeping anybody waiting. */
async function addressOf(hostname: string): Promise<string> {
  const { lookup } = await import("node:dns/promises");
  return (await lookup(hostname)).address;
}

/** Connections that several servers have together. */
class Share {
  readonly #max: number;
  readonly #loops = new Set<HttpServerLoop>();

  constructor(max: number) {
    this.#max = max;
  }

  add(loop: HttpServerLoop): void {
    this.#loops.add(loop);
  }

  delete(loop: HttpServerLoop): void {
    this.#loops.delete(loop);
  }

  /** Returns the share that the others leave to one. */
  restFor(loop: HttpServerLoop): number {
    let rest = this.#max;
    for (const other of this.#loops) if (other !== loop) rest -= other.size;
    return rest;
  }
}

class Server implements HttpServer {
  readonly address: Address;
  readonly #loop: HttpServerLoop;
  readonly #file: SocketFile | undefined;
  readonly #close: () => Promise<void> | void;
  #drained: Promise<unknown> | undefined;

  constructor(
    loop: HttpServerLoop,
    { address, file, close }: { address: Address; file: SocketFile | undefined; close: () => Promise<void> | void },
  ) {
    this.#loop = loop;
    this.address = address;
    this.#file = file;
    this.#close = close;
  }

  hasFile(): boolean {
    return this.#file?.isThere() ?? true;
  }

  async stop(options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    this.#drained ??= Promise.all([this.#close(), this.#loop.drain()]);
    const cut = () => this.#loop.cut();
    if (signal?.aborted) cut();
    else signal?.addEventListener("abort", cut, { once: true });
    try {
      await this.#drained;
    } finally {
      signal?.removeEventListener("abort", cut);
    }
  }
}

/** Only a socket file that nobody answers on may be replaced. */
async function makeWay(path: string, facts: HttpFacts): Promise<void> {
  const address = { unix: path };
  const stats = attempt(address, () => fs.lstatSync(path, { throwIfNoEntry: false }));
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    throw new IoError("IO_EXISTS", `Cannot listen on ${path} as something that is no socket stands there`, { context: { address } });
  }
  try {
    await facts.connect(address);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT") return;
    if (errno !== "ECONNREFUSED") throw ioError(error, `listen on ${path}`, { address });
    return;
  }
  throw new IoError("IO_ADDRESS_IN_USE", `Cannot listen on ${path} as another process answers there`, { context: { address } });
}

function attempt<T>(address: Address, fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    throw error instanceof IoError ? error : ioError(error, `listen on ${nameOf(address)}`, { address });
  }
}

function nameOf(address: Address): string {
  return "unix" in address ? address.unix : `${address.hostname}:${address.port}`;
}

function urlOf(address: Address): string {
  if ("unix" in address) return "http://localhost";
  const { hostname, port } = address;
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

const NO_HOST = /ENOTFOUND|EAI_AGAIN|dns error|lookup address/i;
/** Failures of a connection that have no number of the system, or one whose meaning depends on who asks; the runtimes word each in their own way. */
const FAILURES: readonly (readonly [RegExp, string])[] = [
  [/invalid HTTP|Malformed_HTTP/i, "what answers there does not speak HTTP"],
  [/ECONNRESET|connection closed|connection reset/i, "the connection was closed before an answer came"],
  [NO_HOST, "there is no host of that name"],
];

/** An error whose message says what happened: Deno hides that in the cause, and each runtime has words of its own. */
function worded(error: unknown, address: Address): unknown {
  if (["ECONNREFUSED", "EADDRNOTAVAIL", "EADDRINUSE", "EACCES"].includes(errnoOf(error) ?? "")) return error;
  const texts: string[] = [];
  for (let link = error; link !== undefined && texts.length < 5; link = (link as { cause?: unknown } | null)?.cause) {
    texts.push(messageOf(link));
  }
  const [pattern, known] = FAILURES.find(([pattern]) => texts.some((text) => pattern.test(text))) ?? [];
  const advice = known !== undefined && pattern !== NO_HOST && !("unix" in address) ? " (it may expect TLS)" : "";
  return new Error(known === undefined ? texts.at(-1) : known + advice, { cause: error });
}
