import type { Address } from "../core/host.ts";
import type { HttpFacts, RuntimeServer } from "./http.ts";
import { SocketFile } from "./socket_file.ts";
import { endingWith } from "./streams.ts";

/** Time until it is tried to listen again. */
const REOPEN_MS = 100;
const PROXY_VARIABLES = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/** HTTP by Deno.serve and fetch. */
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

/**
 * Drains by counting: once `Deno.HttpServer.shutdown()` was called nothing can cut a stream that never ends, as aborting then throws an
 * uncaught BadResource. So it is called when the last request has ended, to send what is left of the answers; before that the socket file
 * is removed, and who still comes is answered 503. A cut comes by aborting, as long as `shutdown()` was not called.
 *
 * A connection that can't be accepted, for lack of files, ends a Deno.HttpServer for good, and Deno itself never cuts a connection over
 * which nothing comes. So those that it has are cut, which gives their files back, and another one is put in its place.
 */
function listen(address: Address, handler: (request: Request) => Promise<Response>): RuntimeServer {
  let aborter: AbortController;
  const idle = Promise.withResolvers<"idle" | "cut">();
  const cut = Promise.withResolvers<void>();
  let running = 0;
  let isDraining = false;
  const settle = () => void (isDraining && running === 0 && idle.resolve("idle"));
  const handle = async (request: Request, { completed }: Deno.ServeHandlerInfo): Promise<Response> => {
    if (isDraining) return new Response("stopping\n", { status: 503, headers: { connection: "close" } });
    running++;
    const leave = () => {
      running--;
      settle();
    };
    completed.then(leave, leave);
    return await handler(request);
  };
  const onListen = () => {/* without it Deno prints the address */};
  const open = (at: Address): Deno.HttpServer => {
    const own = aborter = new AbortController();
    const { signal } = own;
    const made: Deno.HttpServer = "unix" in at ? openSocket(at.unix, signal) : Deno.serve({ ...at, signal, onListen }, handle);
    made.finished.catch(() => {
      if (isDraining) return;
      own.abort();
      retry = setTimeout(reopen, REOPEN_MS);
    });
    return made;
  };
  const openSocket = (path: string, signal: AbortSignal): Deno.HttpServer => {
    const { file: own, made } = SocketFile.make(path, (draft) => Deno.serve({ path: draft, signal, onListen }, handle));
    file = own;
    return made;
  };
  const reopen = () => {
    try {
      server = open("unix" in address ? address : { ...address, port });
    } catch {
      retry = setTimeout(reopen, REOPEN_MS);
    }
  };
  let retry: ReturnType<typeof setTimeout> | undefined;
  let file: SocketFile | undefined;
  let server = open(address);
  const port = "port" in server.addr ? server.addr.port : 0;
  return {
    port,
    async drain() {
      isDraining = true;
      clearTimeout(retry);
      file?.remove();
      settle();
      if (await idle.promise === "idle") {
        // A reader who does not take the rest of an answer can't be cut any more; he is left behind, and keeps nothing alive.
        cut.promise.then(() => server.unref());
        return await Promise.race([server.shutdown(), cut.promise]);
      }
      aborter.abort();
      await server.finished.catch(() => {/* it had failed before, and is not put in its place any more */});
    },
    cut() {
      idle.resolve("cut");
      cut.resolve();
    },
    hasFile: () => file?.isThere() ?? true,
  };
}

/** A client of its own for a socket, and where a proxy of the environment would come between; undefined where the common one will do. */
function clientOf(address: Address): Deno.HttpClient | undefined {
  if ("unix" in address) return Deno.createHttpClient({ proxy: { transport: "unix", path: address.unix } });
  if (!PROXY_VARIABLES.some((name) => Deno.env.get(name))) return undefined;
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
