import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { createServer } from "node:net";
import { sleep } from "../../src/core/ports/clock.ts";
import type { Address, HttpHandler } from "../../src/core/ports/http.ts";
import type { Host } from "../../src/core/ports/host.ts";
import { test } from "../harness.ts";
import { ioFailure } from "./files.ts";
import { tempDir } from "./temp_dir.ts";

const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value);
const bytes = (value: string) => new TextEncoder().encode(value);
const NEVER = new AbortController().signal;

/** A stream that says one thing and then nothing, and tells when its reader has gone. */
function quietStream(): { response: () => Response; cancelled: Promise<void> } {
  const cancelled = Promise.withResolvers<void>();
  const response = () =>
    new Response(
      new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(bytes("first\n")), cancel: () => cancelled.resolve() }),
    );
  return { response, cancelled: cancelled.promise };
}

/** Registers the tests of HTTP that every real host has to pass, each over a socket and over TCP where that makes a difference. */
export function exerciseHttp(name: string, makeHost: () => Promise<Host>): void {
  const both = (title: string, body: (host: Host, wanted: Address) => Promise<void>) => {
    test(`${name} over a socket: ${title}`, async () => {
      using dir = tempDir();
      await body(await makeHost(), { unix: `${dir.path}/s` });
    });
    test(`${name} over TCP: ${title}`, async () => await body(await makeHost(), { hostname: "127.0.0.1", port: 0 }));
  };

  both("a request is answered with all its parts", async (host, wanted) => {
    const handler: HttpHandler = async (request) => {
      const { pathname, search } = new URL(request.url);
      const body = `${request.method} ${pathname}${search} ${request.headers.get("x-test")} ${await request.text()}`;
      return new Response(body, { status: 201, headers: { "x-answer": "yes" } });
    };
    const server = await host.http.serve(wanted, handler);
    assert.ok("unix" in server.address || server.address.port > 0);
    const response = await host.http.request(server.address, "/a/b?c=d", { method: "POST", headers: { "x-test": "7" }, body: "ü" });
    assert.deepEqual([response.status, response.headers.get("x-answer")], [201, "yes"]);
    assert.equal(await response.text(), "POST /a/b?c=d 7 ü");
    const empty = await host.http.request(server.address, "/", { method: "HEAD" });
    assert.equal(await empty.text(), "");
    await server.stop();
  });

  both("a stream arrives as it is written, and its source is told when the reader goes", async (host, wanted) => {
    for (const leave of ["cancel", "abort"]) {
      const { response, cancelled } = quietStream();
      const server = await host.http.serve(wanted, response);
      const aborter = new AbortController();
      const { body } = await host.http.request(server.address, "/", { signal: aborter.signal });
      const reader = body!.getReader();
      assert.equal(text((await reader.read()).value), "first\n");
      if (leave === "cancel") await reader.cancel();
      else {
        const next = reader.read();
        aborter.abort("enough");
        await assert.rejects(next, (reason) => reason === "enough");
      }
      await cancelled;
      await server.stop();
    }
  });

  both("stop lets a running request end and takes no new one", async (host, wanted) => {
    const entered = Promise.withResolvers<void>();
    const leave = Promise.withResolvers<void>();
    const server = await host.http.serve(wanted, async () => {
      entered.resolve();
      await leave.promise;
      return new Response("done");
    });
    const running = host.http.request(server.address, "/");
    await entered.promise;
    let isStopped = false;
    const stopped = server.stop().then(() => isStopped = true);
    const refused = await host.http.request(server.address, "/").then(async (response) => {
      await response.body?.cancel();
      return response.status;
    }, (error) => error.code);
    // IO_FAILED: the system had taken the connection when the listener was closed.
    assert.ok(["IO_NOT_FOUND", "IO_REFUSED", "IO_FAILED", 503].includes(refused), String(refused));
    assert.equal(isStopped, false);
    leave.resolve();
    assert.equal(await (await running).text(), "done");
    await stopped;
    await assert.rejects(host.http.request(server.address, "/"), ioFailure("unix" in wanted ? "IO_NOT_FOUND" : "IO_REFUSED"));
    await server.stop();
  });

  both("stop cuts a stream and a handler that do not end, once its signal aborts", async (host, wanted) => {
    const { response, cancelled } = quietStream();
    const entered = Promise.withResolvers<void>();
    const server = await host.http.serve(wanted, ({ url }) => {
      if (url.endsWith("/stream")) return response();
      entered.resolve();
      return new Promise<Response>(() => {});
    });
    const { body } = await host.http.request(server.address, "/stream");
    const reader = body!.getReader();
    await reader.read();
    const pending = host.http.request(server.address, "/never").then((each) => each.status, (error) => error.code);
    await entered.promise;
    const aborter = new AbortController();
    const stopped = server.stop({ signal: aborter.signal });
    aborter.abort("time is up");
    await stopped;
    await cancelled;
    await reader.read().then(({ done }) => assert.ok(done), () => {/* a cut may look like an end or like a failure */});
    assert.ok([503, "IO_FAILED"].includes(await pending));
    await server.stop({ signal: AbortSignal.abort("again") });
  });

  both("stop cuts a reader who does not read", async (host, wanted) => {
    const chunk = new Uint8Array(64 * 1024);
    const server = await host.http.serve(
      wanted,
      () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) })),
    );
    const { body } = await host.http.request(server.address, "/");
    await server.stop({ signal: AbortSignal.abort("time is up") });
    await body!.cancel().catch(() => {/* it broke off already */});
  });

  both("stop does not wait for connections that are merely open", async (host, wanted) => {
    const server = await host.http.serve(wanted, () => new Response("ok"));
    for (let turn = 0; turn < 3; turn++) assert.equal(await (await host.http.request(server.address, "/")).text(), "ok");
    await server.stop();
  });

  both("a handler that throws is answered for", async (host, wanted) => {
    const server = await host.http.serve(wanted, () => {
      throw new Error("out of order");
    });
    const response = await host.http.request(server.address, "/");
    assert.deepEqual([response.status, await response.text()], [500, "out of order\n"]);
    await server.stop();
  });

  both("a request that is given up rejects with the reason", async (host, wanted) => {
    const entered = Promise.withResolvers<void>();
    const server = await host.http.serve(wanted, () => {
      entered.resolve();
      return new Promise<Response>(() => {});
    });
    const aborter = new AbortController();
    const pending = host.http.request(server.address, "/", { signal: aborter.signal });
    await entered.promise;
    aborter.abort("no patience");
    await assert.rejects(pending, (reason) => reason === "no patience");
    await assert.rejects(host.http.request(server.address, "/", { signal: aborter.signal }), (reason) => reason === "no patience");
    await server.stop({ signal: AbortSignal.abort("end of test") });
  });

  test(`${name}: a socket file is private, and goes with its server`, async () => {
    const host = await makeHost();
    using dir = tempDir();
    const path = `${dir.path}/s`;
    const server = await host.http.serve({ unix: path }, () => new Response());
    const { kind, mode } = host.files.info(path)!;
    assert.deepEqual({ kind, mode }, { kind: "socket", mode: 0o600 });
    await server.stop();
    assert.deepEqual(host.files.list(dir.path), []);
  });

  test(`${name}: a socket file that was removed or replaced is noticed, and its server removes no file but its own`, async () => {
    const host = await makeHost();
    using dir = tempDir();
    const path = `${dir.path}/s`;
    const first = await host.http.serve({ unix: path }, () => new Response("first"));
    assert.equal(first.hasFile(), true);
    host.files.remove(path);
    assert.equal(first.hasFile(), false);
    const second = await host.http.serve({ unix: path }, () => new Response("second"));
    assert.deepEqual([first.hasFile(), second.hasFile()], [false, true]);
    await first.stop();
    assert.equal(second.hasFile(), true);
    assert.equal(await (await host.http.request({ unix: path }, "/")).text(), "second");
    await second.stop();
    assert.deepEqual(host.files.list(dir.path), []);
  });

  test(`${name}: a socket that nobody answers on is replaced, one that is alive is refused`, async () => {
    const host = await makeHost();
    using dir = tempDir();
    const [path, moved] = [`${dir.path}/s`, `${dir.path}/moved`];
    const first = await host.http.serve({ unix: path }, () => new Response("first"));
    await assert.rejects(host.http.serve({ unix: path }, () => new Response("second")), ioFailure("IO_ADDRESS_IN_USE"));
    assert.equal(await (await host.http.request({ unix: path }, "/")).text(), "first");
    // A server looks at its own path, so that what was moved away stays behind as after a crash.
    renameSync(path, moved);
    await first.stop();
    await assert.rejects(host.http.request({ unix: moved }, "/"), ioFailure("IO_REFUSED"));
    const third = await host.http.serve({ unix: moved }, () => new Response("third"));
    assert.equal(await (await host.http.request({ unix: moved }, "/")).text(), "third");
    await third.stop();
  });

  test(`${name}: what can't be listened on says why and is left alone`, async () => {
    const host = await makeHost();
    using dir = tempDir();
    host.files.writeText(`${dir.path}/file`, "precious");
    const server = await host.http.serve({ hostname: "127.0.0.1", port: 0 }, () => new Response());
    const cases: [string, Address][] = [
      ["IO_EXISTS", { unix: `${dir.path}/file` }],
      ["IO_EXISTS", { unix: dir.path }],
      ["IO_NOT_FOUND", { unix: `${dir.path}/missing/s` }],
      ["IO_FAILED", { unix: `${dir.path}/${"x".repeat(150)}` }],
      ["IO_ADDRESS_IN_USE", server.address],
    ];
    for (const [code, address] of cases) await assert.rejects(host.http.serve(address, () => new Response()), ioFailure(code));
    assert.equal(host.files.readText(`${dir.path}/file`), "precious");
    await server.stop();
  });

  test(`${name}: request says what is wrong with who answers in no HTTP, or is not there`, async () => {
    const host = await makeHost();
    const cases: [string, RegExp][] = [
      ["not a word of it\r\n", /does not speak HTTP/],
      ["", /closed before an answer came/],
    ];
    for (const [answer, reason] of cases) {
      const server = createServer((socket) => {
        socket.on("error", () => {/* it may be gone before the answer */});
        socket.once("data", () => answer === "" ? socket.destroy() : socket.end(answer));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as { port: number };
      await assert.rejects(host.http.request({ hostname: "127.0.0.1", port }, "/"), (error: Error) => reason.test(error.message));
      await new Promise((resolve) => server.close(resolve));
    }
    await assert.rejects(host.http.connect({ hostname: "no-such-host.invalid", port: 80 }, { signal: NEVER }), /no host of that name/);
  });

  test(`${name}: connect says whether somebody listens, and gives up when told to`, async () => {
    const host = await makeHost();
    const server = await host.http.serve({ hostname: "127.0.0.1", port: 0 }, () => new Response());
    assert.ok(!("unix" in server.address));
    await host.http.connect(server.address, { signal: NEVER });
    const early = new AbortController();
    const abandoned = host.http.connect(server.address, { signal: early.signal });
    early.abort("too early to have begun");
    await assert.rejects(abandoned, (reason) => reason === "too early to have begun");
    await server.stop();
    await assert.rejects(host.http.connect(server.address, { signal: NEVER }), ioFailure("IO_REFUSED"));
    await assert.rejects(host.http.connect(server.address, { signal: AbortSignal.abort("no") }), (reason) => reason === "no");
    // An address kept for documentation: packets to it vanish, or are refused where there is no way to it.
    const aborter = new AbortController();
    const answer = host.http.connect({ hostname: "192.0.2.1", port: 9 }, { signal: aborter.signal }).then(
      () => "connected",
      (error) => error,
    );
    await sleep(host.clock, 20);
    aborter.abort("no patience");
    assert.notEqual(await answer, "connected");
  });
}
