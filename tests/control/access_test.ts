import assert from "node:assert/strict";
import { type Access, controlHandler } from "../../src/control/mod.ts";
import { hashOf } from "../../src/control/access.ts";
import { LISTENER_GROUPS } from "../../src/control/spec.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import { FakeClock } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { FakeOperations, fakeUnit } from "./fake_operations.ts";

const OPEN: Access = {
  name: "http",
  address: { hostname: "127.0.0.1", port: 9_900 },
  allow: LISTENER_GROUPS,
  tokenHash: await hashOf("s3cret"),
  maxBodyBytes: 100,
  maxClients: 10,
};

function listener(changes: Partial<Access>) {
  const operations = new FakeOperations([fakeUnit("db")]);
  const clock = new FakeClock();
  const access = { ...OPEN, ...changes };
  const handler = controlHandler({ operations, version: "9.9.9", protocol: 1, log: silentLogger, clock, access: () => access });
  const ask = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) => {
    const response = await handler(
      new Request(`http://127.0.0.1:9900${path}`, { ...init, headers: { authorization: "Bearer s3cret", ...headers } }),
    );
    return response;
  };
  const status = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) => {
    const response = await ask(path, headers, init);
    await response.body?.cancel();
    return response.status;
  };
  return { operations, clock, access, handler, ask, status };
}

const PATHS = { health: "/livez", metrics: "/metrics", control: "/v1/status" } as const;

test("a listener serves what it allows, and the rest is not there, whatever its spelling", async () => {
  for (const group of LISTENER_GROUPS) {
    const { status, ask } = listener({ allow: [group] });
    for (const other of LISTENER_GROUPS) assert.equal(await status(PATHS[other]), other === group ? 200 : 404, `${other} on ${group}`);
    const refused = await (await ask("/v1/nowhere")).json();
    if (group !== "control") assert.match(refused.hint, /add "control" to allow of \[listen\.http\]/);
  }
  const { status, operations } = listener({ allow: ["health", "metrics"] });
  const spellings = [
    "/%761/stop",
    "/v1/stop/",
    "//v1/stop",
    "/v1/./stop",
    "/livez/../v1/stop",
    "/v1%2Fstop",
    "/readyz/../v1/stop",
    "/V1/stop",
  ];
  for (const path of spellings) await status(path, {}, { method: "POST" });
  assert.deepEqual(operations.calls, []);
});

test("control asks for the token where there is one, in every spelling of its paths; health and metrics never do", async () => {
  const { status, ask, operations } = listener({});
  const none = { authorization: "" };
  assert.deepEqual([await status(PATHS.health, none), await status(PATHS.metrics, none)], [200, 200]);
  const refused = await ask(PATHS.control, none);
  assert.deepEqual([refused.status, refused.headers.get("www-authenticate")], [401, 'Bearer realm="daemonkit"']);
  assert.equal((await refused.json()).code, "IPC_DENIED");
  const wrong = ["Bearer s3cre", "Bearer s3cret1", "Bearer S3CRET", "Basic s3cret", "s3cret", "Bearer ", "Bearer", "Bearer s3 cret"];
  for (const authorization of wrong) assert.equal(await status(PATHS.control, { authorization }), 401, authorization);
  for (const authorization of ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret"]) {
    assert.equal(await status(PATHS.control, { authorization }), 200, authorization);
  }
  for (const path of ["/%761/stop", "/v1/%73top", "//v1/stop", "/livez/../v1/stop", "/readyz/x/../../v1/stop"]) {
    assert.notEqual(await status(path, none, { method: "POST" }), 202, path);
  }
  assert.deepEqual(operations.calls, []);
});

test("control over TCP is for nobody without a token, on loopback too; a socket is for who may open it", async () => {
  for (const hostname of ["127.0.0.1", "::1", "localhost", "0.0.0.0"]) {
    const { status, ask } = listener({ tokenHash: undefined, address: { hostname, port: 9_900 } });
    assert.equal(await status(PATHS.control), 401, hostname);
    assert.match((await (await ask(PATHS.control)).json()).hint, /set token_file of \[listen\.http\]/);
    assert.equal(await status(PATHS.health), 200);
  }
  assert.equal(await listener({ tokenHash: undefined, address: { unix: "/run/x.sock" } }).status(PATHS.control), 200);
});

test("pages of other sites are refused on TCP by Sec-Fetch-Site, also with the token and where no Origin is sent", async () => {
  const { status, operations } = listener({});
  for (const site of ["cross-site", "same-site", "CROSS-SITE", "x"]) {
    const headers = { "sec-fetch-site": site };
    assert.equal(await status(PATHS.control, headers), 403, site);
    assert.equal(await status("/v1/logs?contains=x", headers), 403, site);
    for (const path of ["/v1/stop", "/livez", "/metrics"]) {
      assert.equal(await status(path, headers, { method: "POST" }), 403, `${site} ${path}`);
    }
    // A look at health shows nothing to a page of another site, whose browser keeps the answer from it.
    assert.deepEqual([await status(PATHS.health, headers), await status(PATHS.metrics, headers)], [200, 200]);
  }
  for (const site of ["same-origin", "none"]) assert.equal(await status(PATHS.control, { "sec-fetch-site": site }), 200);
  assert.deepEqual(operations.calls, []);
});

test("50,000 brackets in a request are refused at once", async () => {
  const { status, ask, access } = listener({});
  Object.assign(access, { maxBodyBytes: 1_000_000 });
  for (const body of ["[".repeat(50_000), '{"a":'.repeat(50_000), `{"names":${"[".repeat(50_000)}${"]".repeat(50_000)}}`]) {
    for (const path of ["/v1/units/stop", "/v1/units/signal", "/v1/units/db/signal"]) {
      assert.equal(await status(path, {}, { method: "POST", body }), 400, path);
    }
  }
  const answer = await ask("/v1/units/stop", {}, { method: "POST", body: "[".repeat(65) });
  assert.match((await answer.json()).detail, /at most 64 lists and objects/);
  assert.equal(
    await status("/v1/units/stop", {}, { method: "POST", body: `{"names":["db"],"x":${"[".repeat(63)}${"]".repeat(63)}}` }),
    200,
  );
});

test("Host must be an address or a name of the listener: on loopback for everything, beyond it for control", async () => {
  const own = ["127.0.0.1:9900", "localhost:9900", "localhost", "LOCALHOST", "[::1]:9900", "127.0.0.2", "192.0.2.7:9900"];
  const foreign = [
    "evil.example",
    "evil.example:9900",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "",
    "a b",
    "[::1",
    "x@127.0.0.1",
  ];
  const loopback = listener({});
  const wide = listener({ address: { hostname: "0.0.0.0", port: 9_900 } });
  const named = listener({ address: { hostname: "box.example", port: 9_900 } });
  for (const path of Object.values(PATHS)) {
    for (const host of own) assert.equal(await loopback.status(path, { host }), 200, `${host} ${path}`);
    for (const host of foreign) {
      assert.equal(await loopback.status(path, { host }), 403, `${host} ${path}`);
      assert.equal(await wide.status(path, { host }), path === PATHS.control ? 403 : 200, `${host} ${path} on all interfaces`);
    }
  }
  assert.deepEqual([await named.status(PATHS.control, { host: "box.example:9900" }), await loopback.status(PATHS.control)], [200, 200]);
  const socket = listener({ address: { unix: "/run/x.sock" } });
  assert.equal(await socket.status(PATHS.control, { host: "evil.example" }), 200);
});

test("pages of other origins are refused, those of the listener itself are not", async () => {
  const { status, operations } = listener({});
  const host = "127.0.0.1:9900";
  for (const origin of ["http://evil.example", "null", "https://127.0.0.1:9900", "http://127.0.0.1:9901", "http://localhost:9900"]) {
    assert.equal(await status("/v1/stop", { host, origin }, { method: "POST" }), 403, origin);
  }
  assert.deepEqual(operations.calls, []);
  assert.equal(await status("/v1/status", { host, origin: "http://127.0.0.1:9900" }), 200);
});

test("a body that is too long is refused by what it says and by what it is, one that does not come by the clock", async () => {
  // No token, whose hash would take time that is not the fake clock's.
  const { status, clock, handler } = listener({ address: { unix: "/run/x.sock" }, tokenHash: undefined });
  const post = (body: RequestInit["body"]) => ({ method: "POST", body, duplex: "half" }) as RequestInit;
  const stop = "/v1/units/stop";
  assert.equal(await status(stop, { "content-length": "101" }, post("{}")), 413);
  assert.equal(await status(stop, {}, post("x".repeat(101))), 413);
  const endless = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(10)) });
  assert.equal(await status(stop, {}, post(endless)), 413);
  assert.equal(await status(stop, {}, post(`{"names":["db"]}`)), 200);
  const cancelled = Promise.withResolvers<void>();
  const silent = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() });
  const late = status(stop, {}, post(silent));
  await clock.advance(0);
  assert.equal(handler.clients, 1);
  await clock.advance(10_000);
  assert.equal(await late, 408);
  await cancelled.promise;
  const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("gone")) });
  assert.equal(await status(stop, {}, post(broken)), 400);
  assert.equal(handler.clients, 0);
});

test("max_clients counts requests and streams; whoever comes beyond is told to come again, but for health", async () => {
  const { ask, status, access, handler } = listener({});
  Object.assign(access, { maxClients: 2 });
  const streams = [await ask("/v1/events"), await ask("/v1/logs?follow=1")];
  const refused = await ask("/v1/status");
  assert.deepEqual([refused.status, refused.headers.get("retry-after"), (await refused.json()).code], [503, "1", "IPC_BUSY"]);
  assert.equal(refused.headers.get("daemonkit-version"), "9.9.9");
  assert.deepEqual([await status("/livez"), await status("/readyz"), await status("/metrics")], [200, 200, 503]);
  for (const { body } of streams) await body!.cancel();
  assert.equal(handler.clients, 0);
  assert.equal(await status("/v1/status"), 200);
});

test("while more connections are at work than there are files for, health alone is answered", async () => {
  const { handler } = listener({});
  const status = async (path: string) => {
    const request = new Request(`http://127.0.0.1:9900${path}`, { headers: { authorization: "Bearer s3cret" } });
    return (await handler(request, { isCrowded: true })).status;
  };
  assert.deepEqual([await status("/livez"), await status("/readyz"), await status("/v1/events"), await status("/metrics")], [
    200,
    200,
    503,
    503,
  ]);
});

test("HEAD of a stream leaves no stream open", async () => {
  const { status, handler, operations } = listener({});
  for (const path of ["/v1/events", "/v1/logs?follow=1"]) assert.equal(await status(path, {}, { method: "HEAD" }), 200);
  assert.deepEqual([handler.clients, operations.eventReaders.size, operations.lineReaders.size], [0, 0, 0]);
});

test("a quiet stream says from time to time that it is there, and a full one nothing", async () => {
  const { ask, clock, handler } = listener({});
  for (const [path, nothing] of [["/v1/events", ": open\n\n"], ["/v1/logs?follow=1", "\n"]]) {
    const reader = (await ask(path)).body!.getReader();
    const read = async () => new TextDecoder().decode((await reader.read()).value);
    assert.equal(await read(), nothing);
    for (let round = 0; round < 2; round++) {
      await clock.advance(30_000);
      assert.equal(await read(), nothing);
    }
    // Nobody reads for two days.
    for (let beats = 0; beats < 6_000; beats++) await clock.advance(30_000);
    await reader.cancel();
  }
  assert.equal(handler.clients, 0);
});

test("a request without a usable Host is answered where its path is clear, as from a client of HTTP 1.0", async () => {
  const { handler } = listener({});
  const raw = (url: string) => {
    const request = new Request("http://127.0.0.1:9900/");
    return Object.defineProperty(request, "url", { value: url });
  };
  assert.equal((await handler(raw("/livez"))).status, 200);
  assert.equal((await handler(raw("http://a b%%/x"))).status, 400);
  assert.equal((await handler(raw("*"))).status, 400);
});
