import assert from "node:assert/strict";
import { realpathSync } from "node:fs";
import { getHost } from "../../src/platform/mod.ts";
import { parseTcpAddress } from "../../src/service/tcp_address.ts";
import { commandArgv, type Probe, type ProbeAnswer, untilReady } from "../../src/service/probe.ts";
import type { ProbeSpec } from "../../src/service/spec.ts";
import { FakeClock } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { Drive, tempDir } from "./drive.ts";
import { until } from "../until.ts";

const TCP: ProbeSpec = { target: { kind: "tcp", address: "127.0.0.1:1" }, owner: "unit", everyMs: 500, timeoutMs: 30_000 };
const EXEC: ProbeSpec = { ...TCP, target: { kind: "exec", run: "true" } };

/** Runs untilReady over a list of answers under a fake clock and notes when each attempt was made. */
async function rhythm(spec: ProbeSpec, answers: ProbeAnswer[]): Promise<{ atMs: number[]; told: string[]; isReady: boolean }> {
  const clock = new FakeClock();
  const startMs = clock.nowMs();
  const atMs: number[] = [];
  const told: string[] = [];
  const probe: Probe = () => {
    atMs.push(clock.nowMs() - startMs);
    return Promise.resolve(answers[atMs.length - 1]);
  };
  const result = untilReady(probe, { clock, spec, signal: new AbortController().signal, onAnswer: (answer) => told.push(answer) });
  await clock.advance(60_000);
  return { atMs, told, isReady: await result };
}

test("untilReady: a cheap probe asks often at first, then in its rhythm, until the answer is yes", async () => {
  const { atMs, told, isReady } = await rhythm(TCP, ["a", "b", "c", "d", "e", "f", "g", undefined]);
  assert.deepEqual(atMs, [0, 25, 75, 175, 375, 775, 1_275, 1_775]);
  assert.deepEqual([told.join(""), isReady], ["abcdefg", true]);
});

test("untilReady: an exec probe keeps its rhythm from the beginning", async () => {
  assert.deepEqual((await rhythm(EXEC, ["a", "b", undefined])).atMs, [0, 500, 1_000]);
});

test("untilReady: attempts never overlap, and one that hangs is given up", async () => {
  const clock = new FakeClock();
  let running = 0;
  let most = 0;
  const told: string[] = [];
  const probe: Probe = (signal) => {
    most = Math.max(most, ++running);
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        running--;
        reject(signal.reason);
      })
    );
  };
  const stop = new AbortController();
  const result = untilReady(probe, { clock, spec: TCP, signal: stop.signal, onAnswer: (answer) => told.push(answer) });
  await clock.advance(20_000);
  stop.abort();
  assert.deepEqual([await result, clock.pendingTimers], [false, 0]);
  assert.equal(most, 1);
  const before = "no answer so far; before that: no answer within 5s";
  assert.deepEqual(told, [
    "no answer so far",
    "no answer within 5s",
    before,
    "no answer within 5s",
    before,
    "no answer within 5s",
    before,
  ]);
});

test("untilReady: whoever gives up while an attempt hangs is told that, and what the one before it said", async () => {
  const clock = new FakeClock();
  const told: string[] = [];
  let attempts = 0;
  const probe: Probe = (signal) =>
    ++attempts === 1
      ? Promise.resolve("connection refused")
      : new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const stop = new AbortController();
  const result = untilReady(probe, { clock, spec: TCP, signal: stop.signal, onAnswer: (answer) => told.push(answer) });
  await clock.advance(1_000);
  stop.abort();
  assert.deepEqual([await result, told, clock.pendingTimers], [
    false,
    ["connection refused", "no answer so far; before that: connection refused"],
    0,
  ]);
});

test("commandArgv: the lines of a script end with LF, also where a program wrote the configuration on Windows", () => {
  assert.deepEqual(commandArgv("set -e\r\necho a\r\n"), ["/bin/sh", "-c", "set -e\necho a\n"]);
  assert.deepEqual(commandArgv(["printf", "a\r\n"]), ["printf", "a\r\n"]);
});

test("untilReady: an abort between two attempts ends it and leaves no timer", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const result = untilReady(() => Promise.resolve("no"), { clock, spec: TCP, signal: stop.signal, onAnswer: () => stop.abort("over") });
  assert.deepEqual([await result, clock.pendingTimers], [false, 0]);
});

test("untilReady: an answer that comes after the abort does not count", async () => {
  const stop = new AbortController();
  const probe: Probe = () => {
    stop.abort();
    return Promise.resolve(undefined);
  };
  assert.equal(await untilReady(probe, { clock: new FakeClock(), spec: TCP, signal: stop.signal, onAnswer: () => {} }), false);
});

test("parseTcpAddress: host and port, a port alone, brackets", () => {
  assert.deepEqual(["db:5432", "5432", ":5432", "[::1]:80", "10.0.0.1:1"].map(parseTcpAddress), [
    { hostname: "db", port: 5_432 },
    { hostname: "127.0.0.1", port: 5_432 },
    { hostname: "127.0.0.1", port: 5_432 },
    { hostname: "::1", port: 80 },
    { hostname: "10.0.0.1", port: 1 },
  ]);
});
for (const bad of ["", "db", "db:", "db:0", "db:65536", "db:x", "::1:80", "{port}"]) {
  test(`parseTcpAddress: refuses ${JSON.stringify(bad)}`, () => assert.throws(() => parseTcpAddress(bad), RangeError));
}

// --- With real programs

const SERVE = "echo up; exec sleep 1000";

test("Service: without a probe it is ready as soon as it runs", async () => {
  using drive = new Drive(await getHost(), { run: SERVE });
  await drive.ready;
  await drive.stop();
});

test("Service: tcp is ready when a connection is accepted", async () => {
  const host = await getHost();
  const server = await host.http.serve({ hostname: "127.0.0.1", port: 0 }, () => new Response());
  const { port } = server.address as { port: number };
  await server.stop();
  using drive = new Drive(host, { run: SERVE, port, ready: { tcp: "127.0.0.1:{port}", every: "50ms", owner: "any" } });
  await until(() => drive.service.details().probe !== undefined);
  assert.match(String(drive.service.details().probe), /^connection refused by 127\.0\.0\.1:\d+$/);
  assert.equal(drive.isReady, false);
  const again = await host.http.serve({ hostname: "127.0.0.1", port }, () => new Response());
  await drive.ready;
  assert.equal(drive.service.details().probe, undefined);
  await drive.stop();
  await again.stop();
});

test("Service: http is ready with 2xx or 3xx, and says what else was answered", async () => {
  const host = await getHost();
  const statuses = [500, 404, 302];
  const paths: string[] = [];
  const server = await host.http.serve({ hostname: "127.0.0.1", port: 0 }, (request) => {
    const { pathname, search } = new URL(request.url);
    paths.push(pathname + search);
    return new Response("body", { status: statuses[paths.length - 1], headers: { location: "/elsewhere" } });
  });
  const { port } = server.address as { port: number };
  using drive = new Drive(host, {
    run: SERVE,
    port,
    ready: { http: "http://127.0.0.1:{port}/healthz?i={instance}", every: "20ms", owner: "any" },
  });
  await drive.ready;
  assert.deepEqual(paths, Array(3).fill("/healthz?i=0"));
  await drive.stop();
  await server.stop();
});

test("Service: an http probe says what was answered instead", async () => {
  const host = await getHost();
  const server = await host.http.serve({ hostname: "127.0.0.1", port: 0 }, () => new Response("no", { status: 404 }));
  const { port } = server.address as { port: number };
  using drive = new Drive(host, { run: SERVE, port, ready: { http: "http://127.0.0.1:{port}/healthz", every: "20ms", owner: "any" } });
  await until(() => drive.service.details().probe !== undefined);
  assert.equal(drive.service.details().probe, `HTTP 404 from http://127.0.0.1:${port}/healthz`);
  await drive.stop();
  await server.stop();
});

test("Service: exec that fails says the last line that it printed, without colours", async () => {
  const host = await getHost();
  const exec = "echo one; yes | head -c 200000; printf '\\033[31mdisk is full\\033[0m\\n\\n' >&2; exit 4";
  using drive = new Drive(host, { run: SERVE, ready: { exec, every: "10ms" } });
  await until(() => drive.service.details().probe !== undefined);
  assert.match(String(drive.service.details().probe), /exited with code 4: disk is full$/);
  await drive.stop();
});

test("Service: alive is ready once it has lived so long, and never when it died before", async () => {
  const host = await getHost();
  using lasting = new Drive(host, { run: SERVE, ready: { alive: "20ms" } });
  await lasting.ready;
  await lasting.stop();
  using short = new Drive(host, { run: "exit 3", ready: { alive: "20s" } });
  await assert.rejects(short.done, /exited with code 3/);
  assert.deepEqual([short.isReady, short.service.details().probe], [false, "it has to live for 20s"]);
});

test("Service: log is ready with a line of either stream that matches", async () => {
  const host = await getHost();
  const run = "echo nothing; echo 'listening on 4000' >&2; exec sleep 1000";
  using drive = new Drive(host, { run, port: 4_000, ready: { log: "^listening on {port}$" } });
  await drive.ready;
  assert.ok(drive.texts.includes("listening on 4000"));
  await drive.stop();
});

test("Service: log sees through colours, and a line without its end", async () => {
  const host = await getHost();
  const colours = "printf '  \\033[32mVITE\\033[39m \\033[2mready in\\033[22m \\033[1m312\\033[22m ms\\n'; exec sleep 1000";
  using vite = new Drive(host, { run: colours, ready: { log: "ready in \\d+ ms$" } });
  await vite.ready;
  await vite.stop();
  using prompt = new Drive(host, { run: "printf 'server is listening €'; exec sleep 1000", ready: { log: "listening €$" } });
  await prompt.ready;
  assert.deepEqual(prompt.texts, ["server is listening €"]);
  await prompt.stop();
  assert.deepEqual(prompt.texts, ["server is listening €"]);
});

test("Service: a log probe without its line never becomes ready, and the lines tell why", async () => {
  using drive = new Drive(await getHost(), { run: SERVE, ready: { log: "listening" } });
  await drive.printed("up");
  await drive.stop();
  assert.equal(drive.isReady, false);
  const { lastLines, probe } = drive.service.details();
  assert.deepEqual([lastLines, probe], [["up"], "no line matched /listening/"]);
});

// Acceptance runner 35: a probe sees the service's environment, folder and port.
test("Service: exec sees the service's environment, port and folder", async () => {
  const host = await getHost();
  using dir = tempDir();
  const exec = `test "$PORT $GREETING $(pwd) {port}" = "4711 hi there ${realpathSync(dir.path)} 4711"`;
  for (const command of [exec, ["/bin/sh", "-c", exec]]) {
    using drive = new Drive(host, { run: SERVE, port: 4_711, env: { GREETING: "hi there" }, ready: { exec: command, every: "50ms" } }, {
      baseDir: dir.path,
    });
    await drive.ready;
    await drive.stop();
  }
});

test("Service: exec that fails says how; one that can't be started does too", async () => {
  const host = await getHost();
  for (const [exec, why] of [["exit 3", /exited with code 3/], [["no-such-program"], /no-such-program/]] as const) {
    using drive = new Drive(host, { run: SERVE, ready: { exec, every: "10ms" } });
    await until(() => drive.service.details().probe !== undefined);
    assert.match(String(drive.service.details().probe), why);
    await drive.stop();
    assert.match(String(drive.service.details().probe), why);
  }
});

test("Service: an exec probe under way ends with the service, with all that it started", async () => {
  const host = await getHost();
  using dir = tempDir();
  using drive = new Drive(host, { run: SERVE, ready: { exec: "sleep 1000 & touch begun; yes" } }, { baseDir: dir.path });
  await until(() => host.files.info(`${dir.path}/begun`) !== undefined);
  await drive.stop();
  assert.deepEqual([drive.leftovers(), drive.isReady], [[], false]);
});

test("Service: what a finished exec probe leaves in its group does not pile up", async () => {
  const host = await getHost();
  using drive = new Drive(host, { run: SERVE, ready: { exec: "sleep 1000 & true" } });
  await drive.ready;
  await drive.stop();
  assert.deepEqual(drive.leftovers(), []);
});

test("Service: probing ends when the program does", async () => {
  using drive = new Drive(await getHost(), { run: "exit 3", ready: { tcp: "127.0.0.1:1" } });
  await assert.rejects(drive.done, /exited with code 3/);
  assert.equal(drive.isReady, false);
});
