import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import type { Address, HttpHandler, HttpServer, ServeOptions } from "../../src/core/ports/http.ts";
import { HttpServerLoop } from "../../src/platform/http_server.ts";
import { getHost } from "../../src/platform/mod.ts";
import { test } from "../harness.ts";
import { until } from "../until.ts";

/** A connection that says nothing by itself. */
class Raw implements Disposable {
  readonly socket: Socket;
  readonly #parts: string[] = [];
  /** Whether the server has ended it. */
  isEnded = false;

  constructor(address: Address) {
    assert.ok("port" in address);
    this.socket = connect({ host: address.hostname, port: address.port, allowHalfOpen: true });
    this.socket.setEncoding("latin1");
    this.socket.on("data", (text: string) => void this.#parts.push(text));
    for (const event of ["end", "error", "close"] as const) this.socket.on(event, () => this.isEnded = true);
  }

  get text(): string {
    return this.#parts.join("");
  }

  /** Resolves when the text so far, or its end, is as wanted. */
  async until(isWanted: () => boolean): Promise<string> {
    await until(isWanted, { context: () => this.text });
    return this.text;
  }

  /** All text that comes until the server ends. */
  async rest(): Promise<string> {
    return await this.until(() => this.isEnded);
  }

  send(text: string): void {
    this.socket.write(text, "latin1");
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

async function withServer(handler: HttpHandler, body: (server: HttpServer) => Promise<void>, options?: ServeOptions): Promise<void> {
  const { http } = await getHost();
  const server = await http.serve({ hostname: "127.0.0.1", port: 0 }, handler, options);
  try {
    await body(server);
  } finally {
    await server.stop({ signal: AbortSignal.abort("the test is over") });
  }
}

const echo: HttpHandler = async (request) => new Response(`${request.method} ${request.url} ${await request.text()}`);
const line = (text: string) => text.split("\r\n", 1)[0];
const HEAD = "GET / HTTP/1.1\r\nHost: x\r\n";

test("serve refuses what could be read in two ways, and closes", async () => {
  await withServer(echo, async ({ address }) => {
    const bad: [string, number][] = [
      ["GET / HTTP/1.1\r\n\r\n", 400],
      [`${HEAD}Host: y\r\n\r\n`, 400],
      [`${HEAD}a : b\r\n\r\n`, 400],
      [`${HEAD}a: b\r\n c\r\n\r\n`, 400],
      [`${HEAD}a: b\nc: d\r\n\r\n`, 400],
      [`${HEAD}a: \0\r\n\r\n`, 400],
      ["GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400],
      ["GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400],
      ["GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: u@x\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400],
      ["GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505],
      ["PRI * HTTP/2.0\r\n\r\n", 505],
      ["TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 501],
      ["\x16\x03\x01 tls\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400],
      ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc", 400],
      ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501],
      ["POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400],
      [`${HEAD}${"a: b\r\n".repeat(101)}\r\n`, 431],
      [`${HEAD}a: ${"b".repeat(20_000)}\r\n\r\n`, 431],
      ["x".repeat(20_000), 431],
    ];
    for (const [text, status] of bad) {
      using raw = new Raw(address);
      raw.send(text);
      const answer = await raw.rest();
      assert.match(line(answer), new RegExp(`^HTTP/1\\.1 ${status} `), JSON.stringify(text.slice(0, 80)));
      assert.match(answer, /\r\nconnection: close\r\n/);
    }
  });
});

test("serve reads bodies by length and in chunks, one request after another over one connection, in whatever pieces they come", async () => {
  await withServer(echo, async ({ address }) => {
    const requests = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" +
      "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nde\r\n1\r\nf\r\n0\r\nTrailer: t\r\n\r\n" +
      "\r\nGET http://x/c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for (const size of [requests.length, 7, 1]) {
      using raw = new Raw(address);
      for (let at = 0; at < requests.length; at += size) raw.send(requests.slice(at, at + size));
      const answer = await raw.rest();
      assert.deepEqual([...answer.matchAll(/(?:GET|POST) http:\S+ ?\w*/g)].map(([text]) => text), [
        "POST http://x/a abc",
        "POST http://x/b def",
        "GET http://x/c ",
      ]);
    }
  });
});

test("serve: a body that breaks the rules of chunks, or breaks off, fails its reader and ends the connection", async () => {
  const handler: HttpHandler = async (request) => new Response(await request.text().then(() => "whole", () => "broken"));
  await withServer(handler, async ({ address }) => {
    const head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const body of ["x\r\n", "-1\r\n", "2\r\nabc\r\n", `${"1".repeat(300)}`, `0\r\n${"t: t\r\n".repeat(2_000)}`]) {
      using raw = new Raw(address);
      raw.send(head + body);
      assert.match(await raw.rest(), /broken/, body.slice(0, 20));
    }
    using raw = new Raw(address);
    raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
    raw.socket.end();
    assert.match(await raw.rest(), /broken/);
  });
});

test("serve answers HTTP/1.0 without chunks, half a connection too, HEAD without a body, and 100-continue before it reads", async () => {
  await withServer(echo, async ({ address }) => {
    using old = new Raw(address);
    old.send("GET /old HTTP/1.0\r\n\r\n");
    old.socket.end();
    const answer = await old.rest();
    assert.match(answer, /\r\n\r\nGET http:\/\/localhost\/old $/);
    assert.doesNotMatch(answer, /chunked/);
    using head = new Raw(address);
    head.send("HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert.match(await head.rest(), /^HTTP\/1\.1 200 [^]*\r\n\r\n$/);
    using patient = new Raw(address);
    patient.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    await patient.until(() => patient.text.startsWith("HTTP/1.1 100 Continue\r\n\r\n"));
    patient.send("abc");
    await patient.until(() => patient.text.endsWith("0\r\n\r\n"));
    assert.match(patient.text, /POST http:\/\/x\/ abc/);
  });
});

test("serve: an answer that does not wait for the body is seen by who still sends it", async () => {
  await withServer(() => new Response("too long", { status: 413 }), async ({ address }) => {
    using raw = new Raw(address);
    raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n");
    for (let count = 0; count < 50; count++) raw.send("x".repeat(10_000));
    assert.match(await raw.rest(), /^HTTP\/1\.1 413 [^]*too long/);
  });
});

test("serve counts connections: the one that has waited longest makes room, and those at work stay", async () => {
  const entered: PromiseWithResolvers<void>[] = [];
  const leave = Promise.withResolvers<void>();
  const handler: HttpHandler = async ({ url }) => {
    if (!url.endsWith("/work")) return new Response("quick");
    entered.shift()!.resolve();
    await leave.promise;
    return new Response("done");
  };
  await withServer(handler, async ({ address }) => {
    const work = async () => {
      const raw = new Raw(address);
      const isIn = Promise.withResolvers<void>();
      entered.push(isIn);
      raw.send("GET /work HTTP/1.1\r\nHost: x\r\n\r\n");
      await isIn.promise;
      return raw;
    };
    const ask = async () => {
      using raw = new Raw(address);
      raw.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      return line(await raw.rest());
    };
    using first = await work();
    // Far more than there is room for, and none says anything.
    const silent = Array.from({ length: 50 }, () => new Raw(address));
    assert.equal(await ask(), "HTTP/1.1 200 OK");
    await Promise.all(silent.slice(0, 40).map((each) => each.rest()));
    assert.equal(first.isEnded, false);
    // Now all are at work.
    const others = [];
    for (let count = 0; count < 4; count++) others.push(await work());
    assert.match(await ask(), /^HTTP\/1\.1 503 /);
    leave.resolve();
    for (const each of [first, ...others]) assert.match(await each.until(() => each.text.includes("done")), /200 OK/);
    assert.equal(await ask(), "HTTP/1.1 200 OK");
    for (const each of [...silent, ...others]) each[Symbol.dispose]();
  }, { maxConnections: () => 5 });
});

test("serve tells its handler when many connections are at work", async () => {
  const seen: boolean[] = [];
  const leave = Promise.withResolvers<void>();
  let count = 0;
  const all = Promise.withResolvers<void>();
  const handler: HttpHandler = async (_request, connection) => {
    seen.push(connection!.isCrowded);
    if (++count === 8) all.resolve();
    await leave.promise;
    return new Response();
  };
  await withServer(handler, async ({ address }) => {
    const open: Raw[] = [];
    for (let number = 0; number < 8; number++) {
      open.push(new Raw(address));
      open[number].send(`${HEAD}\r\n`);
    }
    await all.promise;
    assert.deepEqual(seen, [false, false, false, false, false, false, true, true]);
    leave.resolve();
    for (const each of open) each[Symbol.dispose]();
  }, { maxConnections: () => 8 });
});

/** A server with times of its own, over the connections of this runtime. */
async function withTimes(times: { headMs: number; idleMs: number }, body: (address: Address, loop: HttpServerLoop) => Promise<void>) {
  const { listen } = "Deno" in globalThis
    ? (await import("../../src/platform/http_deno.ts")).httpOnDeno
    : (await import("../../src/platform/http_bun.ts")).httpOnBun;
  const loop = new HttpServerLoop({ handler: echo, maxConnections: () => 10, hasRoom: () => true, ...times });
  const listener = listen({ hostname: "127.0.0.1", port: 0 }, (raw) => loop.accept(raw));
  try {
    await body({ hostname: "127.0.0.1", port: listener.port }, loop);
  } finally {
    loop.cut();
    await listener.close();
  }
}

test("serve ends who says nothing, and who says so little that a head never becomes whole", async () => {
  await withTimes({ headMs: 100, idleMs: 1e9 }, async (address, loop) => {
    using silent = new Raw(address);
    using slow = new Raw(address);
    await until(() => loop.size === 2);
    // A byte now and then is no head; the time does not begin anew with each.
    await until(() => slow.isEnded, { go: () => new Promise((resolve) => setTimeout(() => resolve(slow.send("G")), 5)) });
    await silent.rest();
    await until(() => loop.size === 0);
    assert.deepEqual([silent.text, slow.text], ["", ""]);
  });
});

test("serve ends who keeps a connection and asks nothing more, not who waits for an answer", async () => {
  await withTimes({ headMs: 1e9, idleMs: 100 }, async (address, loop) => {
    using idle = new Raw(address);
    using busy = new Raw(address);
    busy.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
    idle.send(`${HEAD}\r\n`);
    assert.match(await idle.rest(), /^HTTP\/1\.1 200 OK/);
    await until(() => loop.size === 1);
    assert.equal(busy.isEnded, false);
    busy.send("cd");
    assert.match(await busy.rest(), /200 OK[^]*abcd/);
  });
});

test("serve: a stop ends the connection of a stream that ends by it, and does not wait for another request", async () => {
  const over = Promise.withResolvers<void>();
  const stream: HttpHandler = () =>
    new Response(
      new ReadableStream({
        start: (controller) => {
          controller.enqueue(new TextEncoder().encode("first\n"));
          void over.promise.then(() => controller.close());
        },
      }),
    );
  await withServer(stream, async (server) => {
    using reader = new Raw(server.address);
    reader.send(`${HEAD}\r\n`);
    await reader.until(() => reader.text.includes("first"));
    // Without a signal nothing is cut: it resolves only when every connection has ended by itself.
    const stopped = server.stop();
    over.resolve();
    await stopped;
    assert.match(await reader.rest(), /0\r\n\r\n$/);
  });
});
