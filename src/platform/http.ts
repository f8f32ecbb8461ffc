import fs from "node:fs";
import { IoError, messageOf } from "../core/errors.ts";
import type { Address, Http, HttpHandler, HttpServer } from "../core/host.ts";
import { errnoOf, ioError } from "./io_error.ts";

/** A server as a runtime gives it. */
export interface RuntimeServer {
  /** Port that it got, 0 for a socket. */
  port: number;
  /** Accepts no more; resolves when the last running request has ended. */
  drain(): Promise<void>;
  /** Cuts what still runs, so that `drain` resolves. */
  cut(): void;
  /** Whether its socket file is where it was made; true without one. */
  hasFile(): boolean;
}

/** What each runtime does in its own way. */
export interface HttpFacts {
  /** Listens before it returns, on a socket by {@linkcode SocketFile}. The handler never rejects. */
  listen(address: Address, handler: (request: Request) => Promise<Response>): RuntimeServer;
  /** Sends a request past every proxy of the environment: it goes to the daemon itself or to its own services. */
  fetch(address: Address, url: string, init: RequestInit): Promise<Response>;
  /** Connects and closes again, or rejects; gives up when `signal` aborts. */
  connect(target: { unix: string } | { hostname: string; port: number }, signal?: AbortSignal): Promise<void>;
}

/** Makes {@linkcode Http} of what a runtime offers. */
export function createHttp(facts: HttpFacts): Http {
  return {
    async serve(address, handler) {
      if ("unix" in address) await makeWay(address.unix, facts);
      const server = attempt(address, () => facts.listen(address, guarded(handler)));
      return new Server(server, "unix" in address ? address : { ...address, port: server.port });
    },
    async request(address, path, init = {}) {
      init.signal?.throwIfAborted();
      try {
        return await facts.fetch(address, urlOf(address) + path, init);
      } catch (error) {
        init.signal?.throwIfAborted();
        throw ioError(worded(error), `send a request to ${nameOf(address)}`, { address, path });
      }
    },
    async connect(address, { signal }) {
      signal.throwIfAborted();
      try {
        await facts.connect(address, signal);
      } catch (error) {
        signal.throwIfAborted();
        throw ioError(worded(error), `connect to ${nameOf(address)}`, { address });
      }
    },
  };
}

class Server implements HttpServer {
  readonly address: Address;
  readonly #server: RuntimeServer;
  #drained: Promise<void> | undefined;

  constructor(server: RuntimeServer, address: Address) {
    this.#server = server;
    this.address = address;
  }

  hasFile(): boolean {
    return this.#server.hasFile();
  }

  async stop(options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    this.#drained ??= this.#server.drain();
    const cut = () => this.#server.cut();
    if (signal?.aborted) cut();
    else signal?.addEventListener("abort", cut, { once: true });
    try {
      await this.#drained;
    } finally {
      signal?.removeEventListener("abort", cut);
    }
  }
}

/** A handler is expected to answer; when it throws, its caller is told, and not the runtime, which would print a page or a stack. */
function guarded(handler: HttpHandler): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await handler(request);
    } catch (error) {
      return new Response(`${messageOf(error)}\n`, { status: 500 });
    }
  };
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

/** Failures of a connection that have no number of the system, or one whose meaning depends on who asks; the runtimes word each in their own way. */
const FAILURES: readonly (readonly [RegExp, string])[] = [
  [/invalid HTTP|Malformed_HTTP/i, "what answers there does not speak HTTP (it may expect TLS)"],
  [/ECONNRESET|connection closed|connection reset/i, "the connection was closed before an answer came (it may expect TLS)"],
  [/ENOTFOUND|EAI_AGAIN|dns error|lookup address/i, "there is no host of that name"],
];

/** An error whose message says what happened: Deno hides that in the cause, and each runtime has words of its own. */
function worded(error: unknown): unknown {
  if (errnoOf(error) === "ECONNREFUSED") return error;
  const texts: string[] = [];
  for (let link = error; link !== undefined && texts.length < 5; link = (link as { cause?: unknown } | null)?.cause) {
    texts.push(messageOf(link));
  }
  const known = FAILURES.find(([pattern]) => texts.some((text) => pattern.test(text)));
  return new Error(known?.[1] ?? texts.at(-1), { cause: error });
}

function nameOf(address: Address): string {
  return "unix" in address ? address.unix : `${address.hostname}:${address.port}`;
}

function urlOf(address: Address): string {
  if ("unix" in address) return "http://localhost";
  const { hostname, port } = address;
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
