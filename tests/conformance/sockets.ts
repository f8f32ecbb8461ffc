import assert from "node:assert/strict";
import net from "node:net";
import { fileURLToPath } from "node:url";
import process from "node:process";
import type { Host } from "../../src/core/ports/host.ts";
import { test } from "../harness.ts";
import { tempDir } from "./temp_dir.ts";
import { until } from "../until.ts";

/** A listener of this process that is closed at the end of the block; undefined where this machine has no such address. */
async function listen(options: net.ListenOptions): Promise<(AsyncDisposable & { port: number }) | undefined> {
  const server = net.createServer();
  const started = Promise.withResolvers<boolean>();
  server.on("error", ({ code }: NodeJS.ErrnoException) => {
    if (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT") started.resolve(false);
    else started.reject(new Error(`${code} at ${JSON.stringify(options)}`));
  });
  server.listen(options, () => started.resolve(true));
  if (!await started.promise) return undefined;
  const address = server.address();
  return {
    port: address === null || typeof address === "string" ? 0 : address.port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

const LISTENER = fileURLToPath(new URL("../fixtures/listener.ts", import.meta.url));
const RUNTIME = "Deno" in globalThis ? [process.execPath, "run", "-A", "--no-check"] : [process.execPath];

/** Registers the tests that every real host's view of who listens has to pass. */
export function exerciseSockets(name: string, makeHost: () => Promise<Host>): void {
  const forms: [what: string, options: net.ListenOptions, hostname: string][] = [
    ["an address of IPv4", { host: "127.0.0.1" }, "127.0.0.1"],
    ["another address of the loopback", { host: "127.0.0.9" }, "127.0.0.9"],
    ["all addresses of IPv4", { host: "0.0.0.0" }, "0.0.0.0"],
    ["an address of IPv6", { host: "::1" }, "::1"],
    ["all addresses of both families", { host: "::" }, "::"],
    ["all addresses of IPv6 alone", { host: "::", ipv6Only: true }, "::"],
    ["an address of IPv4 in the form of IPv6", { host: "::ffff:127.0.0.1" }, "127.0.0.1"],
  ];
  for (const [what, options, hostname] of forms) {
    test(`${name}: a listener on ${what} is seen, with its user and who holds it, until it is closed`, async () => {
      const { sockets, processes } = await makeHost();
      const listener = await listen({ port: 0, ...options });
      // Without IPv6 there is none of it to be seen.
      if (listener === undefined) return assert.ok(hostname.includes(":") || options.host!.includes(":"), hostname);
      const { port } = listener;
      {
        await using _listener = listener;
        const found = sockets.listening(new Set([port]))!;
        const [{ inode }] = found;
        assert.deepEqual(found, [{ hostname, port, inode, uid: processes.uid }]);
        const { found: holders, unseen } = sockets.holders(new Set([inode]), [process.pid]);
        assert.deepEqual(holders.map(({ inode, pid }) => ({ inode, pid })), [{ inode, pid: process.pid }]);
        assert.notEqual(holders[0].name, "");
        assert.deepEqual(unseen, []);
        assert.ok(sockets.holders(new Set([inode])).found.some(({ pid }) => pid === process.pid));
        assert.deepEqual(sockets.holders(new Set([inode]), []), { found: [], unseen: [] });
        assert.deepEqual(sockets.listening(new Set()), []);
      }
      await until(() => sockets.listening(new Set([port])), { isRight: (left) => left?.length === 0 });
    });
  }

  test(`${name}: two sockets that share a port are both seen, each with its own number`, async () => {
    const { sockets } = await makeHost();
    await using first = await listen({ port: 0, host: "127.0.0.1", reusePort: true } as net.ListenOptions);
    const { port } = first!;
    await using _second = await listen({ port, host: "127.0.0.1", reusePort: true } as net.ListenOptions);
    const found = sockets.listening(new Set([port]))!;
    assert.equal(new Set(found.map(({ inode }) => inode)).size, 2);
    assert.equal(sockets.holders(new Set(found.map(({ inode }) => inode)), [process.pid]).found.length, 2);
  });

  test(`${name}: who listens in another process is found, and those who do not are not`, async () => {
    const { sockets, processes, env } = await makeHost();
    await using own = await listen({ port: 0, host: "127.0.0.1" });
    const child = await processes.spawn({ argv: [...RUNTIME, LISTENER, "0"], cwd: "/", env: env.all() });
    try {
      const reader = child.stdout.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>).getReader();
      const port = Number(/^listening on (\d+)/.exec((await reader.read()).value ?? "")![1]);
      const found = sockets.listening(new Set([port, own!.port]))!;
      assert.deepEqual(found.map(({ port }) => port).sort(), [port, own!.port].sort());
      const theirs = new Set(found.filter((socket) => socket.port === port).map(({ inode }) => inode));
      const { pid } = child.identity;
      assert.deepEqual(sockets.holders(theirs, [process.pid, pid]).found.map((holder) => holder.pid), [pid]);
      assert.deepEqual(sockets.holders(theirs).found.map((holder) => holder.pid), [pid]);
      processes.signalGroup(pid, "SIGKILL");
      await child.exited;
      assert.deepEqual(sockets.holders(theirs, [pid]), { found: [], unseen: [] });
      while (!(await reader.read()).done);
    } finally {
      processes.signalGroup(child.identity.pid, "SIGKILL");
      await child.exited;
      await child.stderr.cancel();
    }
  });

  test(`${name}: connections and sockets of the file system listen on no port`, async () => {
    const { sockets } = await makeHost();
    using dir = tempDir();
    await using listener = await listen({ port: 0, host: "127.0.0.1" });
    await using _unix = await listen({ path: `${dir.path}/s` });
    const client = net.connect(listener!.port, "127.0.0.1");
    await new Promise<void>((resolve) => void client.once("connect", () => resolve()));
    const { localPort } = client;
    assert.deepEqual(sockets.listening(new Set([localPort!])), []);
    assert.equal(sockets.listening(new Set([listener!.port, localPort!]))!.length, 1);
    const gone = new Promise<void>((resolve) => void client.once("close", () => resolve()));
    client.destroy();
    await gone;
  });

  test(`${name}: names and addresses of this machine are known as such, in every form`, async () => {
    const { sockets } = await makeHost();
    const local = [
      "localhost",
      "LocalHost",
      "localhost.",
      "api.localhost",
      "127.0.0.1",
      "127.9.8.7",
      "127.1",
      "2130706433",
      "::1",
      "0:0:0:0:0:0:0:1",
    ];
    for (const hostname of [...local, "0.0.0.0", "::", "::ffff:127.0.0.1", "::FFFF:7f00:1"]) assert.ok(sockets.isLocal(hostname), hostname);
    for (const hostname of ["example.org", "localhost.example.org", "notlocalhost", "192.0.2.1", "2001:db8::1", "128.0.0.1", "::2"]) {
      assert.ok(!sockets.isLocal(hostname), hostname);
    }
  });
}
