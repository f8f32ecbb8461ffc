import type { Address } from "../core/host.ts";
import { bun, type BunFetchInit } from "./bun.ts";
import type { HttpFacts, RuntimeServer } from "./http.ts";
import { SocketFile } from "./socket_file.ts";

/** HTTP by Bun.serve and fetch. */
export const httpOnBun: HttpFacts = {
  listen(address, handler): RuntimeServer {
    // By default Bun cuts what has been idle for ten seconds, such as a follower of a quiet log.
    const serve = (at: Address) => bun.serve({ ...at, fetch: handler, idleTimeout: 0 });
    const { made: server, file } = "unix" in address
      ? SocketFile.make(address.unix, (draft) => serve({ unix: draft }))
      : { made: serve(address), file: undefined };
    const stop = async (isCut: boolean) => {
      file?.remove();
      await server.stop(isCut);
    };
    return { port: server.port ?? 0, drain: () => stop(false), cut: () => void stop(true), hasFile: () => file?.isThere() ?? true };
  },
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
