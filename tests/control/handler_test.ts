import assert from "node:assert/strict";
import type { ControlHandler } from "../../src/control/mod.ts";
import { controlHandler } from "../../src/control/mod.ts";
import type { DaemonEvent } from "../../src/core/supervise/event.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import { test } from "../harness.ts";
import { FakeOperations, fakeUnit } from "./fake_operations.ts";

function fixture(): { operations: FakeOperations; handler: ControlHandler; ask: (path: string, init?: RequestInit) => Promise<Response> } {
  const operations = new FakeOperations([fakeUnit("db"), fakeUnit("api@1"), fakeUnit("api@2")]);
  const handler = controlHandler({ operations, version: "9.9.9", protocol: 1, log: silentLogger });
  return { operations, handler, ask: async (path, init) => await handler(new Request(`http://localhost${path}`, init)) };
}

function post(body: unknown): RequestInit {
  return { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
}

/** Reads texts of a stream until `count` lines that are not empty have come. */
async function readLines(response: Response, count: number): Promise<string[]> {
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const lines = () => text.split("\n").filter((line) => line !== "" && !line.startsWith(":"));
  while (lines().length < count) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return lines();
}

test("controlHandler puts protocol and version on every answer, also on failures", async () => {
  const { ask } = fixture();
  for (const path of ["/livez", "/v1/status", "/nowhere", "/v1/status?name=nobody"]) {
    const response = await ask(path);
    assert.equal(response.headers.get("daemonkit-protocol"), "1", path);
    assert.equal(response.headers.get("daemonkit-version"), "9.9.9", path);
    await response.body?.cancel();
  }
});

test("controlHandler GET /v1/status shows all units, or those that patterns match", async () => {
  const { ask } = fixture();
  const all = await (await ask("/v1/status")).json();
  assert.deepEqual([all.v, all.protocol, all.name, all.units.length], [1, 1, "demo", 3]);
  const some = await (await ask("/v1/status?name=api*&name=db")).json();
  assert.deepEqual(some.units.map((unit: { name: string }) => unit.name), ["db", "api@1", "api@2"]);
  assert.deepEqual((await (await ask("/v1/status?name=zzz*")).json()).units, []);
});

test("controlHandler answers an unknown name with a problem that names the nearest", async () => {
  const { ask } = fixture();
  const response = await ask("/v1/units/api@3/stop", { method: "POST" });
  assert.equal(response.status, 404);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const problem = await response.json();
  assert.equal(problem.code, "SUBSYSTEM_UNKNOWN");
  assert.equal(problem.hint, 'did you mean "api@1"?');
});

test("controlHandler starts, stops and restarts one unit by its path and several by their names", async () => {
  const { ask, operations } = fixture();
  assert.deepEqual(await (await ask("/v1/units/db/restart", { method: "POST" })).json(), {
    v: 1,
    ok: true,
    units: [{ name: "db", state: "running", outcome: "restarted", ok: true, reason: "" }],
  });
  await ask("/v1/units/stop", post({ names: ["api*", "db"] }));
  await ask("/v1/units/start", post({ names: ["db"] }));
  assert.deepEqual(operations.calls, ["restart db", "stop api@1 api@2 db", "start db"]);
});

test("controlHandler asks for nothing when no unit matches", async () => {
  const { ask, operations } = fixture();
  assert.deepEqual(await (await ask("/v1/units/stop", post({ names: ["web*"] }))).json(), { v: 1, ok: true, units: [] });
  assert.deepEqual(operations.calls, []);
});

test("controlHandler answers a command only when it is done, and a timeout ends the wait with 504", async () => {
  const { ask, operations } = fixture();
  operations.act = (_verb, _names, signal) =>
    new Promise((_resolve, reject) => signal!.addEventListener("abort", () => reject(signal!.reason), { once: true }));
  const response = await ask("/v1/units/stop", post({ names: ["db"], timeout: "1ms" }));
  assert.equal(response.status, 504);
  assert.equal((await response.json()).code, "TIMEOUT");
});

test("controlHandler POST /v1/units/:name/signal sends a signal, and one that is none is refused", async () => {
  const { ask, operations } = fixture();
  const answer = await (await ask("/v1/units/db/signal", post({ signal: "hup" }))).json();
  assert.deepEqual(answer, { v: 1, ok: true, units: [{ name: "db", state: "running", outcome: "sent SIGHUP", ok: true, reason: "" }] });
  operations.units[1] = fakeUnit("api@1", { state: "stopped" });
  const both = await (await ask("/v1/units/signal", post({ names: ["api*"], signal: "10" }))).json();
  assert.deepEqual([both.ok, both.units.map((unit: { ok: boolean }) => unit.ok)], [false, [false, true]]);
  for (const body of [{}, { signal: 1 }, { signal: "HUPP" }, []]) {
    const refused = await ask("/v1/units/db/signal", post(body));
    assert.equal(refused.status, 400, JSON.stringify(body));
    assert.match((await refused.json()).detail, /current value is /);
  }
  assert.equal((await ask("/v1/units/nobody/signal", post({ signal: "HUP" }))).status, 404);
  assert.deepEqual(operations.calls, ["signal SIGHUP db", "signal SIGUSR1 api@1 api@2"]);
});

test("controlHandler GET /v1/wait answers when all are there, or after the timeout with who is missing and why", async () => {
  const { ask, operations } = fixture();
  const there = await (await ask("/v1/wait?name=db&for=started")).json();
  assert.deepEqual(there, { v: 1, ok: true, units: [{ name: "db", state: "running", outcome: "started", ok: true, reason: "" }] });
  operations.units[1] = fakeUnit("api@1", { state: "restarting", ready: false, reason: "exited with code 1" });
  const late = await (await ask("/v1/wait?name=api*&timeout=1ms")).json();
  assert.equal(late.ok, false);
  assert.deepEqual(late.units.map((unit: { outcome: string; reason: string }) => [unit.outcome, unit.reason]), [
    ["timed out", "restarting: exited with code 1"],
    ["ready", ""],
  ]);
  assert.deepEqual(operations.calls, ["wait started db", "wait ready api@1 api@2"]);
});

test("controlHandler GET /v1/wait refuses what it can't wait for, and has nothing to wait for when no unit matches", async () => {
  const { ask } = fixture();
  for (const [query, status] of [["name=db&for=happiness", 400], ["name=db&timeout=soon", 400], ["name=nobody", 404]] as const) {
    assert.equal((await ask(`/v1/wait?${query}`)).status, status, query);
  }
  assert.deepEqual((await (await ask("/v1/wait?name=zzz*")).json()).units, []);
});

test("controlHandler refuses bodies that are garbage, of the wrong shape or too large, and goes on", async () => {
  const { ask, operations } = fixture();
  const bad: [RequestInit, number][] = [
    [{ method: "POST", body: "{" }, 400],
    [{ method: "POST" }, 400],
    [post(null), 400],
    [post([]), 400],
    [post({}), 400],
    [post({ names: [] }), 400],
    [post({ names: "db" }), 400],
    [post({ names: [7] }), 400],
    [post({ names: ["db"], timeout: "soon" }), 400],
    [post({ names: ["x".repeat(1_100_000)] }), 413],
  ];
  for (const [init, status] of bad) {
    const response = await ask("/v1/units/stop", init);
    assert.equal(response.status, status, String(init.body).slice(0, 40));
    assert.equal((await response.json()).code, "IPC_PROTOCOL");
  }
  assert.equal((await ask("/v1/logs?n=many")).status, 400);
  assert.deepEqual(operations.calls, []);
  assert.equal((await ask("/v1/status")).status, 200);
});

test("controlHandler POST /v1/stop begins the shutdown and answers at once", async () => {
  const { ask, operations } = fixture();
  const response = await ask("/v1/stop", { method: "POST" });
  assert.equal(response.status, 202);
  assert.deepEqual(await response.json(), { v: 1, state: "stopping", pid: 77, protocol: 1 });
  assert.deepEqual(operations.calls, ["shutdown: asked to stop over the control socket"]);
});

// Acceptance runner 61: client and daemon of different versions: a clear message, status and down still work.
test("controlHandler lets a client of another protocol only look and stop", async () => {
  const { ask } = fixture();
  const headers = { "daemonkit-protocol": "2" };
  assert.equal((await ask("/v1/status", { headers })).status, 200);
  assert.equal((await ask("/v1/stop", { method: "POST", headers })).status, 202);
  const refused = await ask("/v1/units/db/stop", { method: "POST", headers });
  assert.equal(refused.status, 409);
  const problem = await refused.json();
  assert.equal(problem.code, "IPC_PROTOCOL");
  assert.match(problem.detail, /client speaks 2, daemonkit 9\.9\.9 speaks 1/);
});

test("controlHandler GET /v1/logs gives the newest lines of the named units, then those that follow", async () => {
  const { ask, operations, handler } = fixture();
  for (let i = 1; i <= 5; i++) operations.print(i % 2 === 0 ? "db" : "api@1", `line ${i}`);
  const last = (await (await ask("/v1/logs?n=2")).text()).trim().split("\n").map((line) => JSON.parse(line).text);
  assert.deepEqual(last, ["line 4", "line 5"]);

  const response = await ask("/v1/logs?name=db&n=1&follow=1");
  assert.equal(handler.streams.size, 1);
  operations.print("api@1", "not asked for");
  operations.print("db", "line 7");
  assert.deepEqual((await readLines(response, 2)).map((line) => JSON.parse(line).text), ["line 4", "line 7"]);
  assert.equal(handler.streams.size, 0);
  assert.equal(operations.lineReaders.size, 0);
});

test("controlHandler GET /v1/logs?since= gives every line that is young enough, and n still bounds them", async () => {
  const { ask, operations } = fixture();
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  operations.print("db", "old", minutesAgo(20));
  for (let i = 0; i < 150; i++) operations.print("db", `line ${i}`, minutesAgo(5));
  const count = async (query: string) => (await (await ask(`/v1/logs?${query}`)).text()).split("\n").length - 1;
  assert.deepEqual([await count("since=10m"), await count("since=1h"), await count("since=1m"), await count("since=10m&n=3")], [
    150,
    151,
    0,
    3,
  ]);
});

test("controlHandler GET /v1/logs says from when on there are all lines, to who would get older ones", async () => {
  const { ask, operations } = fixture();
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  for (let i = 0; i < 3; i++) operations.print("db", `line ${i}`, minutesAgo(5));
  operations.keptFrom.db = minutesAgo(5);
  operations.keptFrom["api@1"] = minutesAgo(6);
  const told = async (query: string) => (await ask(`/v1/logs?${query}`)).headers.get("daemonkit-kept-from");
  const { db, "api@1": api } = operations.keptFrom;
  assert.deepEqual([await told("n=4"), await told("since=10m"), await told("name=api@1"), await told("contains=x")], [db, db, api, db]);
  // As many as were asked for, none before that time, another unit, nobody.
  assert.deepEqual([await told("n=3"), await told("since=1m"), await told("name=api@2"), await told("name=zz*")], [null, null, null, null]);
});

test("controlHandler GET /v1/logs?contains= gives the newest lines with a text, which is no expression, also of those that follow", async () => {
  const { ask, operations } = fixture();
  for (const text of ["error. 1", "error 1", "error. 2", "fine"]) operations.print("db", text);
  const response = await ask("/v1/logs?contains=error.&n=1&follow=1");
  operations.print("db", "fine again");
  operations.print("db", "error 3");
  operations.print("db", "error. 3");
  assert.equal(response.headers.get("daemonkit-first"), "1");
  assert.deepEqual((await readLines(response, 2)).map((line) => JSON.parse(line).text), ["error. 2", "error. 3"]);
});

test("controlHandler GET /v1/logs refuses a bad duration, and whatever is an expression", async () => {
  const { ask } = fixture();
  for (const [query, value] of [["since=soon", '"soon"'], ["since=10", '"10"'], ["grep=x", '"grep"'], ["grep=(", '"grep"']]) {
    const response = await ask(`/v1/logs?${query}`);
    assert.equal(response.status, 400, query);
    const { code, detail } = await response.json();
    assert.equal(code, "IPC_PROTOCOL");
    assert.ok(detail.includes(value), detail);
  }
});

test("controlHandler writes logs as server-sent events for who accepts them, with id = seq", async () => {
  const { ask, operations } = fixture();
  operations.print("db", "hello");
  const response = await ask("/v1/logs?n=1", { headers: { accept: "text/event-stream" } });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const text = await response.text();
  assert.match(text, /^id: 1\ndata: \{.*"text":"hello"\}\n$/m);
});

test("controlHandler GET /v1/events streams events with id = seq, and ends when the streams are ended", async () => {
  const { ask, operations, handler } = fixture();
  const response = await ask("/v1/events");
  for (const reader of operations.eventReaders) {
    reader({ v: 1, seq: 12, time: "2026-01-01T00:00:00.000Z", type: "daemon.stopping", reason: "test" });
  }
  handler.streams.end();
  const text = await response.text();
  assert.match(text, /id: 12\nevent: daemon\.stopping\ndata: \{"v":1,"seq":12,/);
  assert.equal(operations.eventReaders.size, 0);
});

function daemonEvent(seq: number): DaemonEvent {
  return { v: 1, seq, time: "2026-01-01T00:00:00.000Z", type: "daemon.started", reason: `event ${seq}` };
}

test("controlHandler GET /v1/events?follow=0 gives the events that are there, or the newest n, and ends", async () => {
  const { ask, operations, handler } = fixture();
  for (const seq of [1, 2, 3]) operations.happen(daemonEvent(seq));
  const seqs = async (query: string) => {
    const text = await (await ask(`/v1/events?follow=0${query}`, { headers: { accept: "application/x-ndjson" } })).text();
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line).seq);
  };
  assert.deepEqual([await seqs(""), await seqs("&n=2"), await seqs("&n=0")], [[1, 2, 3], [2, 3], []]);
  assert.equal((await ask("/v1/events?n=all")).status, 400);
  assert.equal(handler.streams.size, 0);
});

test("controlHandler GET /v1/events goes on after Last-Event-ID without a gap, and says what it no longer has", async () => {
  const { ask, operations } = fixture();
  for (const seq of [11, 12, 13]) operations.happen(daemonEvent(seq));
  const resume = async (id: string, count: number) => {
    const response = await ask("/v1/events", { headers: { "last-event-id": id } });
    operations.happen(daemonEvent(operations.pastEvents.at(-1)!.seq + 1));
    return (await readLines(response, count)).filter((line) => /^(id|data: .*dropped)/.test(line));
  };
  assert.deepEqual(await resume("12", 6), ["id: 13", "id: 14"]);
  assert.deepEqual(await resume("14", 3), ["id: 15"]);
  assert.deepEqual((await resume("8", 20)).slice(0, 2), ['data: {"v":1,"dropped":2}', "id: 11"]);
  const numbersOfAnotherLife = await resume("99", 23);
  assert.deepEqual(numbersOfAnotherLife.slice(0, 2), ['data: {"v":1,"dropped":10}', "id: 11"]);
  const refused = await ask("/v1/events", { headers: { "last-event-id": "x" } });
  assert.equal(refused.status, 400);
  assert.match((await refused.json()).detail, /current value is "x"/);
  assert.equal(operations.eventReaders.size, 0);
});

test("controlHandler GET /v1/logs goes on after Last-Event-ID, and says how many lines are no longer there", async () => {
  const { ask, operations } = fixture();
  for (let i = 1; i <= 20; i++) operations.print(i % 2 === 0 ? "db" : "api", `line ${i}`);
  const resume = async (id: string, path = "/v1/logs") => {
    const response = await ask(path, { headers: { "last-event-id": id, accept: "text/event-stream" } });
    return (await response.text()).split("\n").filter((line) => /^(id|data: .*dropped)/.test(line));
  };
  assert.deepEqual(await resume("18"), ["id: 19", "id: 20"]);
  assert.deepEqual(await resume("17", "/v1/logs?name=db"), ["id: 18", "id: 20"]);
  assert.deepEqual(await resume("12", "/v1/logs?n=2"), ['data: {"v":1,"dropped":6}', "id: 19", "id: 20"]);
  assert.equal((await resume("999")).length, 20);
  assert.equal((await ask("/v1/logs", { headers: { "last-event-id": "x" } })).status, 400);
});

test("OpenStreams drops what a slow reader does not take, and tells it how many where they are missing", async () => {
  const { ask, operations } = fixture();
  const response = await ask("/v1/logs?n=0&follow=1");
  const text = "x".repeat(1_000);
  for (let i = 0; i < 5_000; i++) operations.print("db", text);
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  const rows: { seq?: number; dropped?: number }[] = [];
  let bytes = 0;
  const take = async (count: number) => {
    const before = rows.length;
    while (rows.length < before + count) {
      const piece = (await reader.read()).value!;
      bytes += piece.length;
      for (const line of decoder.decode(piece).split("\n")) if (line !== "") rows.push(JSON.parse(line));
    }
  };
  while (rows.at(-1)?.dropped === undefined) await take(1);
  assert.ok(bytes < 1_300_000, `${bytes}`);
  const taken = rows.length - 1;
  assert.deepEqual(rows.slice(0, -1).map(({ seq }) => seq), rows.slice(0, -1).map((_, index) => index + 1));
  assert.equal(rows.at(-1)!.dropped, 5_000 - taken, "told without waiting for a line to come");
  operations.print("db", "afterwards");
  await take(1);
  assert.equal(rows.at(-1)!.seq, 5_001);
  await reader.cancel();
  assert.equal(operations.lineReaders.size, 0);
});

test("controlHandler POST /v1/reload refuses a dryRun that is neither 0 nor 1 rather than apply what was only asked about", async () => {
  const { handler, operations } = fixture();
  for (const text of ["true", "", "yes"]) {
    const response = await handler(new Request(`http://localhost/v1/reload?dryRun=${text}`, { method: "POST" }));
    assert.equal(response.status, 400);
    assert.match((await response.json()).detail, /"dryRun" must be 0 or 1/);
  }
  assert.deepEqual(operations.calls, []);
  for (const [query, call] of [["", "reload"], ["?dryRun=0", "reload"], ["?dryRun=1", "reload, dry"]]) {
    assert.equal((await handler(new Request(`http://localhost/v1/reload${query}`, { method: "POST" }))).status, 200);
    assert.equal(operations.calls.pop(), call);
  }
});

test("controlHandler refuses a parameter that a route does not have, and names the nearest, but never where any client may ask", async () => {
  const { ask, operations } = fixture();
  const refused = await ask("/v1/reload?dryrun=1", { method: "POST" });
  assert.equal(refused.status, 400);
  assert.match((await refused.json()).detail, /^Cannot answer POST \/v1\/reload as it has no parameter "dryrun": did you mean dryRun\?$/);
  assert.deepEqual(operations.calls, []);
  for (const path of ["/v1/status?since=1", "/livez?now", "/readyz?a=b", "/metrics?x=1"]) assert.equal((await ask(path)).status, 200, path);
});
