/** Attacks of people who are not trusted: they hold connections and answer in the daemon's place. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { until } from "../until.ts";
import { e2e } from "./driver.ts";
import { unitsOf } from "./units.ts";

const SILENT = 400;

e2e("400 silent connections under a limit of 256 files keep nobody from health and commands, and count no restart", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "held"
[listen.http]
address = "127.0.0.1:0"
[service.steady]
run = ["sleep", "1000"]
[service.crashing]
run = "sleep 0.2; exit 1"
restart = { delay = "50ms", jitter = 0, max_restarts = 1000 }
`,
  );
  const daemon = stage.startThrough('ulimit -n 256; exec "$0" "$@"', "run");
  const listening = /listening listener=http address=127\.0\.0\.1:(\d+)/;
  await daemon.until(listening);
  const port = Number(listening.exec(daemon.stderr())![1]);
  const health = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/livez`, { signal: AbortSignal.timeout(20_000) });
    return `${response.status} ${await response.text()}`;
  };
  const held: Socket[] = [];
  try {
    for (let count = 0; count < SILENT; count++) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {/* refused, or closed to make room */});
      held.push(socket);
    }
    await until(() => held.every((socket) => !socket.connecting));
    for (let times = 0; times < 5; times++) assert.match(await health(), /^200 ok/);
    const { steady, crashing } = await unitsOf(stage);
    assert.equal(steady.state, "running");
    // One that crashes by itself goes on being started: its counter is its own.
    await until(async () => (await unitsOf(stage)).crashing.restarts, { isRight: (restarts) => restarts > crashing.restarts });
    const restarted = await stage.cli("restart", "steady");
    assert.equal(restarted.code, 0, restarted.stderr);
    assert.equal((await unitsOf(stage)).steady.restarts, 0);
    assert.match(await health(), /^200 ok/);
    assert.doesNotMatch(daemon.stderr(), /too many open files|EMFILE/i);
    const down = await stage.cli("down");
    assert.equal(down.code, 0, down.stderr);
    assert.equal((await daemon.ended).code, 0);
  } finally {
    for (const socket of held) socket.destroy();
  }
});

type Behaviour = (socket: Socket) => void;

const CHUNK = `"${"x".repeat(1_000_000)}`;
const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ndaemonkit-protocol: 1\r\n";

function pour(socket: Socket): void {
  const more = () => {
    while (!socket.destroyed && socket.write(CHUNK));
  };
  socket.on("drain", more);
  more();
}

const BEHAVIOURS: Readonly<Record<string, { does: Behaviour; says: RegExp }>> = {
  "says something that is not HTTP": { does: (socket) => socket.end("\u001b[2Jhello\r\n\r\n"), says: /Cannot reach/ },
  "hangs up": { does: (socket) => socket.end(), says: /Cannot reach/ },
  "never answers": { does: () => {}, says: /must answer within 5 s/ },
  "stops in the midst of its head": { does: (socket) => socket.write(HEAD), says: /must answer within 5 s/ },
  "stops in the midst of its body": {
    does: (socket) => socket.write(`${HEAD}Content-Length: 100\r\n\r\n{`),
    says: /must answer within 5 s/,
  },
  "pours out a body without an end": {
    does: (socket) => {
      socket.write(`${HEAD}Content-Length: 1000000000000\r\n\r\n`);
      pour(socket);
    },
    says: /Cannot use the answer/,
  },
  "pours out a head without an end": {
    does: (socket) => {
      socket.write(`${HEAD}X-Long: `);
      pour(socket);
    },
    says: /Cannot reach/,
  },
};

for (const [what, { does, says }] of Object.entries(BEHAVIOURS)) {
  e2e(`who sits on a control socket and ${what} is told of with code 5, in one line`, async (stage) => {
    const folder = join(stage.folder, "s");
    mkdirSync(folder);
    const path = join(folder, "sock");
    const open = new Set<Socket>();
    const server: Server = createServer((socket) => {
      open.add(socket);
      socket.on("error", () => {/* the client has had enough */});
      socket.on("close", () => open.delete(socket));
      socket.once("data", () => does(socket));
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      const commands = [["status", "--json"], ["down"], ["logs"], ["restart", "api"]];
      const results = await Promise.all(commands.map((args) => stage.cli(...args, "--socket", path)));
      for (const [index, { code, stdout, stderr }] of results.entries()) {
        const about = `${commands[index].join(" ")}: ${stderr}`;
        assert.equal(code, 5, about);
        assert.match(stderr, says, about);
        assert.match(stderr, /^daemonkit: [\x20-\x7e]+\n$/, about);
        assert.equal(stdout, "", about);
      }
    } finally {
      for (const socket of open) socket.destroy();
      server.close();
    }
  });
}

e2e("logs -f --grep ends at once at Ctrl+C, also in the midst of an expression that takes for ever", async (stage) => {
  stage.write("daemon.toml", `name = "slow"\n[service.api]\nrun = "while echo ${"a".repeat(60)}b; do sleep 0.1; done"\n`);
  await stage.startDaemon();
  await until(async () => (await stage.cli("logs")).stdout, { isRight: /aab/ });
  const logs = stage.start("logs", "-f", "--grep", "^(a+)+$");
  // It is at work: it has used more time of a processor than any start costs, however long that takes. More lines come, as an engine may
  // give up on one.
  const ticks = () => Number(readFileSync(`/proc/${logs.pid}/stat`, "utf8").split(") ").at(-1)!.split(" ")[11]);
  await until(ticks, { isRight: (used) => used >= 200 });
  logs.kill("SIGINT");
  const { code } = await logs.ended;
  assert.ok(code === -1 || code === 130, String(code));
  assert.equal((await stage.cli("down")).code, 0);
});
