/** Where a server listens: a unix socket, or an interface and port (0 takes a free one). */
export type Address = { unix: string } | { hostname: string; port: number };

/** Facts about the connection that a request came over. */
export interface HttpConnection {
  /** Whether so many connections are at work that only what ends at once should be answered. */
  readonly isCrowded: boolean;
}

/** Answers one request. */
export type HttpHandler = (request: Request, connection?: HttpConnection) => Response | Promise<Response>;

/** How {@linkcode Http.serve} listens. */
export interface ServeOptions {
  /** Permissions of a socket file. @default {0o600} */
  mode?: number;
  /** Group of a socket file. @default {that of this process} */
  gid?: number;
  /** Most connections at once; asked for each one. @default {() => 1_000} */
  maxConnections?: () => number;
}

/** A listening server. */
export interface HttpServer {
  /** Where it really listens. */
  readonly address: Address;
  /** Whether its socket file is still the one at its path: somebody else may have removed or replaced it. True without one. */
  hasFile(): boolean;
  /** Accepts no more, lets running requests end until `signal` aborts, then cuts them; removes its socket file, not that of another. */
  stop(options?: { signal?: AbortSignal }): Promise<void>;
}

/** HTTP over TCP and unix sockets. */
export interface Http {
  /**
   * Serves requests. A socket file that nobody answers on (left by a crash) is replaced, a live one is refused with `IO_ADDRESS_IN_USE`.
   *
   * - Connections are counted: above `maxConnections`, or a quarter of the files that this process may open (sockets: an eighth), the one that
   *   has waited longest without a request makes room; where all are at work, the new one is answered 503 and closed.
   * - Files are left for programs that are to be started, and for control sockets.
   * - A head has to be whole within 10 seconds and 16 KiB; the next request has to come within a minute. Streams may be quiet for ever.
   */
  serve(address: Address, handler: HttpHandler, options?: ServeOptions): Promise<HttpServer>;
  /**
   * Fails as {@linkcode Http.serve} would where this machine does not have an interface of that address, no name of that host, or not the
   * right to such a port. That somebody has the port is no failure; what this runtime keeps from us to find out is none either.
   */
  checkAddress(address: { hostname: string; port: number }): Promise<void>;
  /** Sends a request. Fails with `IO_NOT_FOUND` (no socket file), `IO_REFUSED` (nobody listens) or `IO_FAILED`. */
  request(address: Address, path: string, init?: RequestInit): Promise<Response>;
  /**
   * Makes a TCP connection and ends it again. Fails with `IO_REFUSED` (nobody listens) or `IO_FAILED`, and with the reason when `signal`
   * aborts.
   */
  connect(address: { hostname: string; port: number }, options: { signal: AbortSignal }): Promise<void>;
}
