import type { Address } from "../core/ports/http.ts";
import type { HttpFacts, RuntimeListener } from "./http.ts";
import type { RawConnection } from "./http_server.ts";
import { variable } from "./env.ts";
import { endingWith } from "./streams.ts";

/** Time until it is tried again to accept a connection. */
const ACCEPT_AGAIN_MS = 100;
const READ_BYTES = 16_384;
const PROXY_VARIABLES = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/** HTTP by Deno.listen and fetch. */
export const httpOnDeno: HttpFacts = {
  listen,
  async fetch(address, url, init) {
    const client = clientOf(address);
    if (client === undefined) return await fetch(url, init);
    try {
      const response = await fetch(url, { ...init, client } as RequestInit);
      return closingAtEnd(response, client);
    } catch (error) {
      client.close();
      throw error;
    }
  },
  async connect(target, signal) {
    const connection = "unix" in target
      ? await Deno.connect({ transport: "unix", path: target.unix })
      : await Deno.connect({ ...target, signal });
    connection.close();
  },
};

function listen(address: Address, onConnection: (connection: RawConnection) => void): RuntimeListener {
  const listener: Deno.Listener = "unix" in address ? Deno.listen({ transport: "unix", path: address.unix }) : Deno.listen({ ...address });
  let isClosed = false;
  let retry: ReturnType<typeof setTimeout> | undefined;
  const acceptAll = async () => {
    try {
      while (!isClosed) onConnection(new DenoConnection(await listener.accept()));
    } catch {
      // No file is left for it, or it has gone again.
      if (!isClosed) retry = setTimeout(() => accepting = acceptAll(), ACCEPT_AGAIN_MS);
    }
  };
  let accepting = acceptAll();
  return {
    port: "port" in listener.addr ? listener.addr.port : 0,
    close() {
      isClosed = true;
      clearTimeout(retry);
      listener.close();
      // The address stays in use until the accept loop has ended.
      return accepting;
    },
  };
}

class DenoConnection implements RawConnection {
  readonly #conn: Deno.Conn;
  #isClosed = false;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    // An answer in two pieces would wait for the other side to acknowledge the first.
    if ("setNoDelay" in conn) (conn as Deno.TcpConn).setNoDelay(true);
  }

  async read(): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(READ_BYTES);
    try {
      const count = await this.#conn.read(bytes);
      return count === null || this.#isClosed ? undefined : bytes.subarray(0, count);
    } catch {
      return undefined;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await this.#conn.write(rest));
  }

  end(): void {
    if (!this.#isClosed) this.#conn.closeWrite().catch(() => {/* gone already */});
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#conn.close();
  }
}

/** A client of its own for a socket, and where a proxy of the environment would come between; undefined where the common one will do. */
function clientOf(address: Address): Deno.HttpClient | undefined {
  if ("unix" in address) return Deno.createHttpClient({ proxy: { transport: "unix", path: address.unix } });
  if (!PROXY_VARIABLES.some((name) => variable(name))) return undefined;
  return Deno.createHttpClient({ proxy: { transport: "tcp", ...address } });
}

/** A client holds its connection until it is closed, which must not happen before the body has been read. */
function closingAtEnd(response: Response, client: Deno.HttpClient): Response {
  if (response.body === null) {
    client.close();
    return response;
  }
  return new Response(endingWith(response.body, () => client.close()), response);
}
