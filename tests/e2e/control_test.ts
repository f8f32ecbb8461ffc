import assert from "node:assert/strict";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer, type NetConnectOpts, type Socket } from "node:net";
import { join } from "node:path";
import { e2e, e2eOnce, isRunning, type Program, type Stage } from "./driver.ts";
import { unitsOf, untilUnits } from "./units.ts";
import { until } from "../until.ts";

/** The address on which a listener of a daemon really listens, as it says itself. */
async function portOf(daemon: Program, listener: string): Promise<number> {
  const line = new RegExp(`listening listener=${listener} address=127\\.0\\.0\\.1:(\\d+)`);
  await daemon.until(line);
  return Number(line.exec(daemon.stderr())![1]);
}

/** The answer of a listener: status and text. */
async function get(port: number, path: string, init?: RequestInit): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return `${response.status} ${(await response.text()).trimEnd()}`;
}

e2e("health tells the truth while a daemon starts, waits for a restart, drains and stops", async (stage) => {
  stage.write(
    "daemon.toml",
    `
name = "health"
[listen.http]
address = "127.0.0.1:0"
[shutdown]
drain_delay = "60s"
[service.api]
run = "while [ ! -e go ]; do sleep 0.01; done; echo up; while [ -e go ]; do sleep 0.01; done; exit 3"
ready = { log = "^up", timeout = "60s" }
restart = { delay = "60s", jitter = 0 }
`,
  );
  const daemon = stage.start("run");
  const port = await portOf(daemon, "http");
  const all =
    async () => [await get(port, "/livez"), await get(port, "/startupz"), await get(port, "/readyz"), await get(port, "/readyz/api")];

  await until(() => get(port, "/readyz"), { isRight: /api/ });
  assert.deepEqual(await all(), [
    "200 ok",
    "503 not ready: daemon (starting), api (starting: no line matched /^up/)",
    "503 not ready: daemon (starting), api (starting: no line matched /^up/)",
    "503 not ready: api (starting: no line matched /^up/)",
  ]);
  stage.write("go", "");
  await until(() => get(port, "/readyz"), { isRight: /^200 ok$/ });
  assert.deepEqual(await all(), ["200 ok", "200 ok", "200 ok", "200 ok"]);

  assert.equal((await stage.cli("stop", "api")).code, 0);
  assert.deepEqual([await get(port, "/readyz"), (await get(port, "/readyz/api")).slice(0, 3)], ["200 ok", "503"]);
  assert.equal((await stage.cli("start", "api")).code, 0);

  rmSync(join(stage.folder, "go"));
  await until(() => get(port, "/readyz"), { isRight: /^503 not ready: api \(restarting: api exited with code 3\)$/ });
  assert.equal(await get(port, "/startupz"), "200 ok");

  daemon.kill("SIGTERM");
  await daemon.until(/stopping/);
  assert.deepEqual((await all()).map((text) => text.slice(0, 3)), ["200", "200", "503", "503"]);
  assert.match(await get(port, "/readyz"), /daemon \(stopping\)/);
});

// Acceptance runner 64: readyz is 503 while a required service is invalid; the version is real.
e2e("runner 64: readyz is 503 while a service can't be run, and the version that is told is the real one", async (stage) => {
  stage.write(
    "daemon.toml",
    `
name = "required"
[listen.http]
address = "127.0.0.1:0"
[service.good]
run = "exec sleep 1000"
[service.bad]
run = ["/nowhere/program"]
restart = "never"
`,
  );
  const daemon = stage.start("run");
  const port = await portOf(daemon, "http");
  await daemon.until(/bad failed/);
  await until(() => get(port, "/readyz?verbose"), {
    isRight: /^503 \[\+\]daemon ok\n\[\+\]good ok\n\[-\]bad failed: .*\/nowhere\/program.*\nreadyz check failed$/,
  });
  assert.equal(await get(port, "/readyz?exclude=bad"), "200 ok");
  const version = (await stage.cli("version", "--json")).stdout;
  const metrics = await get(port, "/metrics");
  const told = /daemonkit_info\{name="required",version="([^"]+)",runtime="([^"]+)"\}/.exec(metrics)!;
  assert.equal(told[1], JSON.parse(version).version);
  assert.match(told[2], /^(deno|bun) \d/);
  assert.match(metrics, /^daemonkit_unit_state\{unit="bad",state="failed"\} 1$/m);
  assert.match(metrics, /^daemonkit_unit_spawn_failures_total\{unit="bad"\} 1$/m);
  assert.match(metrics, /^process_open_fds [1-9]\d*$/m);
  const response = await fetch(`http://127.0.0.1:${port}/livez`);
  await response.body?.cancel();
  assert.equal(response.headers.get("daemonkit-version"), JSON.parse(version).version);
});

// Acceptance runner 60: an unknown name, nothing matched and no daemon have codes of their own.
e2eOnce("runner 60: an unknown name, a pattern that matches nothing and a daemon that is down have codes of their own", async (stage) => {
  stage.write("daemon.toml", '[service.web]\nrun = "exec sleep 1000"\n');
  const verbs = ["start", "stop", "restart"];
  const codes = async (name: string) => await Promise.all(verbs.map(async (verb) => (await stage.cli(verb, name)).code));
  assert.deepEqual(await codes("web"), [3, 3, 3]);
  const daemon = await stage.startDaemon();
  const unknown = await stage.cli("stop", "wbe");
  assert.equal(unknown.code, 4);
  assert.match(unknown.stderr, /"wbe".*did you mean "web"/);
  assert.deepEqual(await codes("nobody"), [4, 4, 4]);
  assert.deepEqual(await codes("no*"), [7, 7, 7]);
  assert.equal((await stage.cli("signal", "HUP", "no*")).code, 7);
  daemon.kill("SIGKILL");
  await daemon.ended;
  assert.deepEqual(await codes("web"), [3, 3, 3]);
});

// Acceptance runner 65: a command returns only after the state has changed.
e2e("runner 65: a command returns when the state has changed, and those for one unit come one after another", async (stage) => {
  stage.write(
    "daemon.toml",
    `
name = "real"
[service.slow]
run = ["sh", "run.sh"]
ready = { log = "^up" }
stop = { timeout = "20s" }
restart = "never"
`,
  );
  // Slow to come and slow to go; a second copy beside the first says so.
  stage.write(
    "run.sh",
    `trap 'sleep 0.1; rmdir held; exit 0' TERM
mkdir held || { echo second copy; exit 9; }
sleep 0.1
echo up
while :; do sleep 0.02; done
`,
  );
  const daemon = await stage.startDaemon();
  const pid = async () => (await unitsOf(stage)).slow.details.pid;
  const first = (await pid())!;
  assert.deepEqual(await stage.cli("stop", "slow"), { code: 0, stdout: "slow  stopped\n", stderr: "" });
  assert.deepEqual([isRunning(first), await pid(), existsSync(join(stage.folder, "held"))], [false, null, false]);
  assert.equal((await stage.cli("start", "slow")).code, 0);
  const started = (await unitsOf(stage)).slow;
  assert.deepEqual([started.state, started.ready], ["running", true]);
  assert.equal((await stage.cli("restart", "slow")).code, 0);
  const restarted = (await unitsOf(stage)).slow;
  assert.deepEqual([restarted.state, restarted.ready, isRunning(started.details.pid!)], ["running", true, false]);

  const verbs = ["restart", "stop", "start", "restart", "stop", "restart", "start"];
  const results = await Promise.all(verbs.map((verb) => stage.cli(verb, "slow")));
  // A command that was overtaken by another one says so; nobody sees anything else.
  for (const { code, stdout } of results) assert.ok(code === 0 || /another command|stopped by an operator/.test(stdout), stdout);
  assert.equal((await stage.cli("start", "slow")).code, 0);
  assert.equal((await unitsOf(stage)).slow.ready, true);
  assert.doesNotMatch(daemon.stdout(), /second copy/);
});

// Acceptance runner 65: a command returns only after the state has changed.
e2eOnce("runner 65: stop of several goes through the levels, those of one level at once", async (stage) => {
  // Each of a, b and c goes only when all three were asked, which would never be the case one after another; d has to be gone before.
  const service = (name: string) => `
[service.${name}]
run = ["sh", "level.sh", "${name}"]
ready = { log = "^up" }
stop = { timeout = "20s" }
`;
  stage.write("daemon.toml", `name = "levels"${["a", "b", "c", "d"].map(service).join("")}after = ["a", "b"]\n`);
  stage.write(
    "level.sh",
    `trap 'touch $1.asked
case $1 in
  d) sleep 0.1; touch d.gone; exit 0 ;;
  c) ;;
  *) [ -e d.gone ] || exit 9 ;;
esac
while [ ! -e a.asked ] || [ ! -e b.asked ] || [ ! -e c.asked ]; do sleep 0.01; done
exit 0' TERM
echo up
while :; do sleep 0.02; done
`,
  );
  await stage.startDaemon();
  const { code, stdout, stderr } = await stage.cli("stop", "a", "b", "c", "d");
  assert.equal(code, 0, stderr);
  assert.equal(stdout.match(/ stopped/g)?.length, 4, stdout);
  for (const unit of Object.values(await unitsOf(stage))) {
    assert.deepEqual([unit.state, unit.details.lastExit?.code], ["stopped", 0], unit.name);
  }
});

/** The control socket of the only daemon of a stage. */
function socketOf(stage: Stage): string {
  const root = join(stage.env.XDG_RUNTIME_DIR, "daemonkit");
  return join(root, readdirSync(root)[0], "admin.sock");
}

// Acceptance runner 61: client and daemon of different versions: a clear message, status and down still work.
e2eOnce("runner 61: a client of another protocol is told so, and may still look and stop", async (stage) => {
  stage.write("daemon.toml", '[service.x]\nrun = "exec sleep 1000"\n');
  const daemon = await stage.startDaemon();
  const socket = socketOf(stage);
  const ask = async (line: string): Promise<string> => {
    const connection = await send(
      { path: socket },
      [`${line} HTTP/1.1`, "Host: x", "daemonkit-protocol: 99", "Connection: close", "", ""].join("\r\n"),
    );
    let text = "";
    for await (const piece of connection) text += piece;
    return text;
  };
  const refused = await ask("POST /v1/units/x/stop");
  assert.match(refused, /^HTTP\/1\.1 409 .*"code":"IPC_PROTOCOL"/s);
  assert.match(refused, /the client speaks 99, daemonkit \S+ speaks \d+.*`daemonkit down` work/);
  assert.match(await ask("GET /v1/status"), /^HTTP\/1\.1 200 .*"state":"running"/s);
  assert.match(await ask("POST /v1/stop"), /^HTTP\/1\.1 202 /);
  assert.equal((await daemon.ended).code, 0);
});

/** Connects and sends bytes; the connection is left as it is. */
async function send(to: NetConnectOpts, bytes: string | Uint8Array): Promise<Socket> {
  const socket = connect(to);
  socket.on("error", () => {/* the daemon may cut it */});
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  await new Promise<void>((resolve) => void socket.write(bytes, () => resolve()));
  return socket;
}

/** Ends a connection at once; resolves when nothing of it is left here. */
async function destroy(socket: Socket): Promise<void> {
  if (socket.closed) return;
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.destroy();
  await closed;
}

// Acceptance runner 62: garbage, half-open connections and vanishing clients harm nobody.
e2e("runner 62: garbage, half-open connections and clients that vanish harm nobody, on the socket and over TCP", async (stage) => {
  stage.write(
    "daemon.toml",
    `
name = "hard"
[listen.http]
address = "127.0.0.1:0"
allow = ["health", "metrics", "control"]
token_file = "http.token"
[service.chatty]
run = "while :; do echo 0123456789012345678901234567890123456789; done"
`,
  );
  stage.write("http.token", "s3cret");
  const daemon = await stage.startDaemon();
  const port = await portOf(daemon, "http");
  const left: Socket[] = [];
  const head = (line: string, ...more: string[]) => [line, "Host: localhost", "Authorization: Bearer s3cret", ...more, "", ""].join("\r\n");
  // The beginning of a TLS handshake that promises more than it sends.
  const hello = new Uint8Array([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);
  for (const to of [{ path: socketOf(stage) }, { host: "127.0.0.1", port }]) {
    for (
      const bytes of [
        "\x00\xff garbage \r\n\r\n",
        "{}\n",
        "GET\r\n\r\n",
        `GET /${"a".repeat(100_000)} HTTP/1.1\r\n\r\n`,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      ]
    ) {
      left.push(await send(to, bytes));
    }
    left.push(await send(to, hello), await send(to, ""), await send(to, "GET /livez HTTP/1.1\r\nHost: lo"));
    left.push(await send(to, head("POST /v1/units/stop HTTP/1.1", "Content-Length: 50") + '{"names":'));
    // Those that go away: in the middle of a body, of a stream, of a long answer, of a command.
    const vanishing = [
      head("POST /v1/units/stop HTTP/1.1", "Content-Length: 50") + "{",
      head("GET /v1/events HTTP/1.1"),
      head("GET /v1/logs?follow=1&n=10000 HTTP/1.1"),
      head("GET /v1/logs?n=10000 HTTP/1.1"),
      head("GET /v1/wait?name=chatty&for=stopped HTTP/1.1"),
      head("GET /metrics HTTP/1.1").repeat(50),
    ];
    for (const bytes of vanishing) {
      const socket = await send(to, bytes);
      // With unread bytes waiting, the end is a reset.
      if (bytes.startsWith("GET")) {
        await new Promise((resolve) => socket.once("readable", resolve).once("close", resolve).setTimeout(200, () => resolve(undefined)));
      }
      await destroy(socket);
    }
    // One that never reads.
    left.push(await send(to, head("GET /v1/logs?follow=1&n=10000 HTTP/1.1")));
  }
  const { code, stdout } = await stage.cli("status", "--json");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout).units.map(({ name, state }: { name: string; state: string }) => [name, state]), [[
    "chatty",
    "running",
  ]]);
  assert.equal(await get(port, "/readyz"), "200 ok");
  // Some probes speak HTTP 1.0, and name no host.
  let old = "";
  for await (const piece of await send({ host: "127.0.0.1", port }, "GET /readyz HTTP/1.0\r\n\r\n")) old += piece;
  assert.match(old, /^HTTP\/1\.[01] 200 .*ok\n$/s);
  assert.equal((await stage.cli("restart", "chatty")).code, 0);
  assert.doesNotMatch(daemon.stderr(), /ERROR/);
  daemon.kill("SIGTERM");
  const ended = await daemon.ended;
  assert.equal(ended.code, 0, ended.stderr.slice(-2_000));
  await Promise.all(left.map(destroy));
});

e2e("a listener whose address is in use ends the start with 1 and names it, and no unit is started", async (stage) => {
  const other = createServer();
  await new Promise<void>((resolve) => void other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  try {
    stage.write("daemon.toml", `[listen.http]\naddress = "127.0.0.1:${port}"\n[service.x]\nrun = "touch started; exec sleep 1000"\n`);
    const { code, stderr } = await stage.cli("run");
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`listener http: .*127\\.0\\.0\\.1:${port}.*in use`));
    assert.equal(existsSync(join(stage.folder, "started")), false);
  } finally {
    await new Promise((resolve) => other.close(resolve));
  }
});

e2e("a token is asked for where other users could reach control, and never for health", async (stage) => {
  stage.write("http.token", "s3cret\n");
  stage.write(
    "daemon.toml",
    `
name = "token"
[listen.http]
address = "127.0.0.1:0"
allow = ["health", "control"]
token_file = "http.token"
[service.x]
run = "exec sleep 1000"
`,
  );
  const daemon = await stage.startDaemon();
  const port = await portOf(daemon, "http");
  await daemon.until(/others can read the token/);
  const status = async (path: string, init?: RequestInit) => (await get(port, path, init)).slice(0, 3);
  const authorization = { headers: { authorization: "Bearer s3cret" } };
  assert.deepEqual([await status("/readyz"), await status("/v1/status"), await status("/v1/status", authorization)], ["200", "401", "200"]);
  assert.equal(await status("/v1/stop", { method: "POST" }), "401");
  const document = JSON.parse((await get(port, "/v1/openapi.json", authorization)).slice(4));
  assert.equal(document.openapi, "3.1.0");
  assert.equal(await status("/v1/units/x/stop", { method: "POST", ...authorization }), "200");
  await untilUnits(stage, ({ x }) => x.state === "stopped");
  assert.equal(await status("/v1/stop", { method: "POST", ...authorization }), "202");
  assert.equal((await daemon.ended).code, 0);
});
