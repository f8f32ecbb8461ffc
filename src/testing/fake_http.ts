import { IoError } from "../core/values/errors.ts";
import type { Address, Http, HttpHandler, HttpServer, ServeOptions } from "../core/ports/http.ts";

/** First port that is given to who asks for any. */
const FIRST_PORT = 40_000;

/**
 * HTTP without a network: who serves answers whom this same fake asks, and a test can answer in place of others.
 *
 * @example A service that refuses connections, then answers
 * ```ts
 * import { FakeHttp } from "@daemonkit/daemonkit/testing";
 * import assert from "node:assert/strict";
 *
 * const http = new FakeHttp();
 * const address = { hostname: "127.0.0.1", port: 80 };
 * await assert.rejects(http.request(address, "/health"), { code: "IO_REFUSED" });
 * http.answer(address, ({ url }) => new Response(new URL(url).pathname));
 * assert.equal(await (await http.request(address, "/health")).text(), "/health");
 * await http.connect(address, { signal: new AbortController().signal });
 * ```
 */
export class FakeHttp implements Http {
  readonly #handlers = new Map<string, HttpHandler>();
  readonly #options = new Map<string, ServeOptions>();
  readonly #lacking = new Set<string>();
  #nextPort = FIRST_PORT;

  /** Lets this machine have no interface of that address. */
  lackAddress(hostname: string): void {
    this.#lacking.add(hostname);
  }

  /** Fails for an address that {@linkcode FakeHttp.lackAddress} has named. */
  checkAddress(address: { hostname: string; port: number }): Promise<void> {
    return Promise.try(() => {
      if (!this.#lacking.has(address.hostname)) return;
      throw new IoError("IO_FAILED", `Cannot listen on ${keyOf(address)} as this machine has no such address`, { context: { address } });
    });
  }

  /** Answers at an address as a service would, until the result is disposed. */
  answer(address: Address, handler: HttpHandler): Disposable {
    const key = keyOf(address);
    const entry: HttpHandler = (request) => handler(request);
    this.#handlers.set(key, entry);
    return { [Symbol.dispose]: () => void (this.#handlers.get(key) === entry && this.#handlers.delete(key)) };
  }

  /** Whether somebody serves at this address. */
  isServed(address: Address): boolean {
    return this.#handlers.has(keyOf(address));
  }

  /** How somebody listens at this address; undefined where nobody does. */
  serveOptions(address: Address): ServeOptions | undefined {
    return this.#options.get(keyOf(address));
  }

  /** Serves in memory; a taken address is refused with `IO_ADDRESS_IN_USE`. */
  serve(wanted: Address, handler: HttpHandler, options: ServeOptions = {}): Promise<HttpServer> {
    return Promise.try(() => {
      const address = "unix" in wanted || wanted.port !== 0 ? wanted : { ...wanted, port: this.#nextPort++ };
      if (this.isServed(address)) {
        throw new IoError("IO_ADDRESS_IN_USE", `Cannot listen on ${keyOf(address)} as the address is in use`, { context: { address } });
      }
      const registration = this.answer(address, handler);
      this.#options.set(keyOf(address), options);
      return {
        address,
        hasFile: () => this.isServed(address),
        stop: () => {
          this.#options.delete(keyOf(address));
          return Promise.resolve(registration[Symbol.dispose]());
        },
      };
    });
  }

  /** Asks who serves; nobody means `IO_REFUSED`, or `IO_NOT_FOUND` for a socket. */
  async request(address: Address, path: string, init: RequestInit = {}): Promise<Response> {
    const { signal } = init;
    signal?.throwIfAborted();
    const handler = this.#handlers.get(keyOf(address));
    if (handler === undefined) {
      const code = "unix" in address ? "IO_NOT_FOUND" : "IO_REFUSED";
      throw new IoError(code, `Cannot send a request to ${keyOf(address)} as nobody listens there`, { context: { address, path } });
    }
    const origin = "unix" in address ? "http://localhost" : `http://${keyOf(address)}`;
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([handler(new Request(origin + path, init)), aborted.promise]);
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Connects to who serves; nobody means `IO_REFUSED`. */
  connect(address: { hostname: string; port: number }, options: { signal: AbortSignal }): Promise<void> {
    return Promise.try(() => {
      options.signal.throwIfAborted();
      if (!this.isServed(address)) {
        throw new IoError("IO_REFUSED", `Cannot connect to ${keyOf(address)} as nobody listens there`, { context: { address } });
      }
    });
  }
}

function keyOf(address: Address): string {
  return "unix" in address
    ? address.unix
    : `${address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname}:${address.port}`;
}
