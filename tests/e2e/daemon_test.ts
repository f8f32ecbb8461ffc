import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { e2e, e2eOnce, isRunning, type Stage } from "./driver.ts";
import { until } from "../until.ts";
import { type UnitAnswer, unitsOf } from "./units.ts";

/** Two services, one after the other, with a readiness probe: the quick start of the README. */
const QUICK_START = `
name = "quick"
[service.db]
run = "echo warming up; sleep 0.1; echo ready; exec sleep 1000"
ready = { log = "^ready" }
[service.web]
run = "echo the db is ready; exec sleep 1000"
after = ["db"]
`;

/** The folder in which the only daemon of a stage has its lock and socket. */
function runFolder(stage: Stage): string {
  const root = join(stage.env.XDG_RUNTIME_DIR, "daemonkit");
  return join(root, readdirSync(root)[0]);
}

e2e("run starts services in order once they are ready, shows their output, answers status, and stops on SIGTERM with 0", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  const daemon = await stage.startDaemon();
  await daemon.until(/the db is ready/);
  assert.ok(daemon.stdout().indexOf("ready") < daemon.stdout().indexOf("the db is ready"), daemon.stdout());

  const { code, stdout } = await stage.cli("status", "--json");
  assert.equal(code, 0);
  const status = JSON.parse(stdout);
  assert.deepEqual([status.v, status.protocol, status.name, status.state, status.ready, status.pid], [
    1,
    1,
    "quick",
    "running",
    true,
    daemon.pid,
  ]);
  assert.match(status.id, /^quick-[0-9a-f]{8}$/);
  assert.equal(status.config, join(stage.folder, "daemon.toml"));
  assert.deepEqual(status.units.map((unit: UnitAnswer) => [unit.name, unit.state, unit.ready]), [["db", "running", true], [
    "web",
    "running",
    null,
  ]]);
  const pids = status.units.map((unit: UnitAnswer) => unit.details.pid!);
  assert.ok(pids.every(isRunning));

  const table = await stage.cli("status");
  assert.equal(table.code, 0);
  assert.match(table.stdout, /^NAME +STATE +READY +PID +UPTIME +RESTARTS +REASON$/m);
  assert.match(table.stdout, new RegExp(`^db +running +yes +${pids[0]} `, "m"));

  daemon.kill("SIGTERM");
  const end = await daemon.ended;
  assert.equal(end.code, 0, end.stderr);
  assert.deepEqual(pids.map(isRunning), [false, false]);
  assert.equal(existsSync(join(runFolder(stage), "admin.sock")), false);
  assert.equal((await stage.cli("status")).code, 3);
});

e2e("stop, start and restart return when the state has changed, dependents first", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  await stage.startDaemon();
  const before = await unitsOf(stage);

  const stopped = await stage.cli("stop", "web");
  assert.deepEqual([stopped.code, stopped.stdout], [0, "web  stopped\n"], stopped.stderr);
  assert.equal((await unitsOf(stage)).web.state, "stopped");
  assert.equal(isRunning(before.web.details.pid!), false);
  assert.match((await stage.cli("stop", "web")).stdout, /^web {2}already stopped/);

  const started = await stage.cli("start", "web");
  assert.deepEqual([started.code, started.stdout], [0, "web  started\n"], started.stderr);
  assert.match((await stage.cli("start", "web")).stdout, /^web {2}already running/);

  const restarted = await stage.cli("restart", "db", "--json");
  assert.equal(restarted.code, 0, restarted.stderr);
  assert.equal(JSON.parse(restarted.stdout).ok, true);
  const after = await unitsOf(stage);
  assert.deepEqual([after.db.state, after.db.ready], ["running", true]);
  assert.notEqual(after.db.details.pid, before.db.details.pid);

  const both = await stage.cli("stop", "db");
  assert.equal(both.code, 0, both.stderr);
  assert.deepEqual(Object.values(await unitsOf(stage)).map((unit) => unit.state), ["stopped", "stopped"]);
});

// Acceptance runner 27: a manual stop holds against always, SIGHUP and a restart of the daemon.
e2e("a manual stop survives a restart of the daemon", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  const first = await stage.startDaemon();
  assert.equal((await stage.cli("stop", "web")).code, 0);
  first.kill("SIGTERM");
  assert.equal((await first.ended).code, 0);
  await stage.startDaemon();
  assert.deepEqual(Object.values(await unitsOf(stage)).map((unit) => [unit.name, unit.state]), [["db", "running"], ["web", "stopped"]]);
  assert.equal((await stage.cli("start", "web")).code, 0);
});

e2eOnce("logs shows the newest lines of the named units, and follows until the daemon's end", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  const daemon = await stage.startDaemon();
  await daemon.until(/the db is ready/);
  assert.deepEqual(await stage.cli("logs", "db", "-n", "1"), { code: 0, stdout: "db | ready\n", stderr: "" });
  const lines = (await stage.cli("logs", "--json")).stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((line) => [line.name, line.text]), [["db", "warming up"], ["db", "ready"], ["web", "the db is ready"]]);

  // The newest line shows that it follows: a restart before that would print to nobody.
  const follower = stage.start("logs", "web", "-f", "-n", "1");
  const other = stage.start("logs", "-f");
  await other.until(/the db is ready/);
  await follower.until(/web \| the db is ready/);
  assert.equal((await stage.cli("restart", "web")).code, 0);
  await follower.until(/(web \| the db is ready\n){2}/);
  daemon.kill("SIGTERM");
  assert.equal((await follower.ended).code, 0);
  assert.equal((await other.ended).code, 0);
});

e2e("logs -f says so, with 1, when the daemon dies in the middle", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  const daemon = await stage.startDaemon();
  const follower = stage.start("logs", "-f");
  await follower.until(/the db is ready/);
  daemon.kill("SIGKILL");
  const { code, stderr } = await follower.ended;
  assert.equal(code, 1, stderr);
  assert.match(stderr, /the connection to quick-[0-9a-f]{8} broke off: .*daemonkit status/);
});

e2eOnce("down returns when the daemon is gone, and says how it went", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  const daemon = await stage.startDaemon();
  const { code, stdout, stderr } = await stage.cli("down");
  assert.equal(isRunning(daemon.pid), false);
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(`^quick \\(pid ${daemon.pid}\\) stopped after \\S+\\n$`));
  assert.equal((await daemon.ended).code, 0);
  assert.equal((await stage.cli("down")).code, 3);
});

e2e("down names a service that had to be killed, and exits with 1; the daemon itself has ended well", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "deaf"\n[service.deaf]\nrun = "trap '' TERM; echo up; while :; do sleep 0.05; done"\nstop = { timeout = "200ms" }\nready = { log = "up" }\n`,
  );
  const daemon = await stage.startDaemon();
  const { code, stdout } = await stage.cli("down");
  assert.equal(code, 1, stdout);
  assert.match(stdout, /stopped after .*\nkilled, as they did not stop in their time: deaf\n/);
  assert.equal((await daemon.ended).code, 0);
});

e2e("a second daemon of the same file is refused with 1, naming the first, whose files stay", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  const first = await stage.startDaemon();
  const second = await stage.cli("run");
  assert.equal(second.code, 1);
  assert.match(second.stderr, new RegExp(`process ${first.pid} .*admin\\.sock.*daemonkit down`));
  assert.equal((await stage.cli("status")).code, 0);
});

e2e("a daemon starts over what a killed one left, and the client says that nobody listens meanwhile", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  const first = await stage.startDaemon();
  first.kill("SIGKILL");
  await first.ended;
  const status = await stage.cli("status");
  assert.equal(status.code, 3);
  assert.match(status.stderr, /nobody listens/);
  await stage.startDaemon();
  assert.equal((await stage.cli("status")).code, 0);
});

// Acceptance runner 36: cycle, self and unknown dependency are load errors that name the path.
// Acceptance runner 53: a misspelt key is an error with a suggestion.
e2eOnce("bad configurations end run and validate with 6 and say what, where and what to do", async (stage) => {
  const rows: [string, string, RegExp[]][] = [
    ["typo", `[service.db]\ncommnad = "x"\n`, [/bad\.toml:2:\d+: service\.db\.commnad: /, /run/]],
    ["wrong type", `[service.db]\nrun = "x"\nport = "many"\n`, [/bad\.toml:3:\d+: service\.db\.port: expected .*got/]],
    ["syntax", `[service.db\nrun = "x"\n`, [/bad\.toml:1:\d+/]],
    ["cycle", `[service.a]\nrun = "x"\nafter = ["b"]\n[service.b]\nrun = "x"\nafter = ["a"]\n`, [/a.*b|b.*a/]],
    ["unknown dependency", `[service.a]\nrun = "x"\nafter = ["bd"]\n[service.db]\nrun = "x"\n`, [
      /bad\.toml:3:\d+: service\.a\.after/,
      /bd/,
    ]],
    ["not yet", `[job.x]\nrun = "x"\nschedule = "@daily"\n`, [/bad\.toml:1:\d+/, /job/]],
    ["undefined variable", `[service.a]\nrun = "x"\nenv = { A = "\${DAEMONKIT_TEST_UNSET}" }\n`, [
      /bad\.toml:3:\d+: service\.a\.env\.A/,
      /DAEMONKIT_TEST_UNSET/,
    ]],
    ["two mistakes at once", `nmae = "x"\n[service.a]\nrun = 7\n`, [/bad\.toml:1:\d+: nmae/, /bad\.toml:3:\d+: service\.a\.run/]],
  ];
  for (const [what, text, patterns] of rows) {
    stage.write("bad.toml", text);
    for (const verb of what === "typo" ? ["validate", "run"] : ["validate"]) {
      const { code, stdout, stderr } = await stage.cli(verb, "bad.toml");
      assert.equal(code, 6, `${what}: ${stderr}`);
      assert.equal(stdout, "", what);
      for (const pattern of patterns) assert.match(stderr, pattern, what);
    }
  }
  const missing = await stage.cli("run", "nope.toml");
  assert.equal(missing.code, 6);
  assert.match(missing.stderr, /nope\.toml/);
  const json = await stage.cli("validate", "bad.toml", "--json");
  assert.equal(json.code, 6);
  assert.equal(JSON.parse(json.stdout).issues.length, 2);
});

e2e("a service with an unknown user, a missing program or folder fails by name, and the daemon ends as nothing is left", async (stage) => {
  const rows: [string, RegExp][] = [
    [`run = ["sleep", "1000"]\nuser = "nobody-by-that-name"`, /nobody-by-that-name/],
    [`run = ["/no/such/program"]`, /\/no\/such\/program/],
    [`run = ["sleep", "1000"]\ncwd = "no/such/folder"`, /no\/such\/folder/],
  ];
  for (const [keys, pattern] of rows) {
    stage.write("daemon.toml", `name = "bad"\n[service.x]\n${keys}\n[service.x.restart]\nmax_restarts = 1\ndelay = "1ms"\n`);
    const { code, stderr } = await stage.cli("run");
    assert.ok(code !== 0, stderr);
    assert.match(stderr, pattern);
  }
});

// Acceptance library 33: PID files: stale, live, and somebody else's at the end.
e2e("run refuses a PID file of a living process with 1, and replaces one of a dead process", async (stage) => {
  stage.write("daemon.toml", `name = "pid"\npid_file = "my.pid"\n[service.x]\nrun = ["sleep", "1000"]\n`);
  const path = join(stage.folder, "my.pid");
  writeFileSync(path, `${process.pid}\n`);
  const refused = await stage.cli("run");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, new RegExp(`my\\.pid .*process ${process.pid}`));
  assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);

  writeFileSync(path, "4194399\n");
  const daemon = await stage.startDaemon();
  assert.equal(readFileSync(path, "utf8"), `${daemon.pid}\n`);
  daemon.kill("SIGTERM");
  await daemon.ended;
  assert.equal(existsSync(path), false);
});

e2e("run refuses a control socket that somebody else answers on with 1 and leaves it", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  const first = await stage.startDaemon();
  const socket = join(runFolder(stage), "admin.sock");
  first.kill("SIGTERM");
  await first.ended;
  const server = createServer().listen(socket);
  await new Promise((resolve) => server.on("listening", resolve));
  try {
    const { code, stderr } = await stage.cli("run");
    assert.equal(code, 1, stderr);
    assert.match(stderr, /admin\.sock/);
    assert.ok(existsSync(socket));
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

e2eOnce("commands tell unknown names (4), nothing matched (7) and wrong usage (2) apart", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  await stage.startDaemon();
  const unknown = await stage.cli("stop", "wbe");
  assert.equal(unknown.code, 4);
  assert.match(unknown.stderr, /did you mean "web"\?/);
  assert.equal((await stage.cli("restart", "zz*")).code, 7);
  const bare = await stage.cli("stop");
  assert.equal(bare.code, 2);
  assert.match(bare.stderr, /`down`/);
  assert.equal((await stage.cli("strat")).code, 2);
  assert.equal((await stage.cli("stop", "w*", "--json")).code, 0);
});

e2eOnce("a client that is told nothing finds the only daemon of its user", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  await stage.startDaemon();
  // A test beside this one may run a daemon in the usual folders of this user, for a moment.
  const { stderr } = await until(
    () => stage.startThrough('mkdir -p elsewhere && cd elsewhere && exec "$0" "$@"', "status").ended,
    { isRight: ({ code }) => code === 0 },
  );
  assert.match(stderr, /using quick-[0-9a-f]{8}, the only daemon that runs/);
  // In the folder where its file was, it is meant without a word.
  rmSync(join(stage.folder, "daemon.toml"));
  const here = await stage.cli("status");
  assert.deepEqual([here.code, here.stderr], [0, ""]);
});

// Acceptance runner 17: HUP while stopping is ignored; a second INT kills.
e2e("a second SIGINT forces, the report names who was forced, and the code is 1", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "deaf"\n[service.deaf]\nrun = "trap '' TERM INT; echo up; while :; do sleep 0.05; done"\nstop = { timeout = "60s" }\nready = { log = "up" }\n[shutdown]\ntimeout = "60s"\n`,
  );
  const daemon = await stage.startDaemon();
  const { deaf } = await unitsOf(stage);
  daemon.kill("SIGINT");
  await daemon.until(/stopping/);
  await new Promise((resolve) => setTimeout(resolve, 150));
  daemon.kill("SIGINT");
  const { code, stderr } = await daemon.ended;
  assert.equal(code, 1, stderr);
  assert.equal(isRunning(deaf.details.pid!), false);
});

e2e("garbage on the control socket leaves the daemon unharmed", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  await stage.startDaemon();
  const { connect } = await import("node:net");
  for (
    const bytes of [
      "\u0016\u0003\u0001\u0002\u0000",
      "GET / HTTP/9\r\n\r\n",
      "x".repeat(100_000),
      "POST /v1/units/stop HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
    ]
  ) {
    const socket = connect(join(runFolder(stage), "admin.sock"));
    await new Promise<void>((resolve) => {
      socket.on("error", () => {}).on("close", () => resolve());
      socket.write(bytes, () => socket.destroy());
    });
  }
  assert.equal((await stage.cli("status")).code, 0);
});

e2eOnce("validate, schema, config and version need no daemon", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  assert.match((await stage.cli("validate")).stdout, /daemon\.toml is valid: 2 services\n$/);
  const schema = JSON.parse((await stage.cli("schema")).stdout);
  assert.ok(schema.properties.service);
  const explained = await stage.cli("config", "explain", "name");
  assert.equal(explained.code, 0, explained.stderr);
  assert.match(explained.stdout, /^name = "quick"\n {2}from daemon\.toml:2:\d+/);
  const set = await stage.cli("config", "explain", "shutdown.timeout_ms", "--set", "shutdown.timeout_ms=7000", "--json");
  assert.deepEqual([JSON.parse(set.stdout).value, JSON.parse(set.stdout).source], [7_000, "--set"]);
  const shown = await stage.cli("config", "show");
  assert.match(shown.stdout, /^name = "quick"$/m);
  assert.match((await stage.cli("version")).stdout, /^daemonkit \d+\.\d+\.\d+ \((?:deno|bun) [\d.]+\)\n$/);
});

e2eOnce("run --set and --log-level change keys for one run", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  const daemon = stage.start("run", "--set", "name=other", "--log-level", "warn");
  await daemon.until(/the db is ready/);
  const { stdout } = await stage.cli("status", "--json");
  assert.equal(JSON.parse(stdout).name, "other");
  assert.equal(daemon.stderr(), "");
});

e2e("a daemon of no units stays until it is told to stop", async (stage) => {
  stage.write("daemon.toml", `name = "idle"\n`);
  const daemon = await stage.startDaemon();
  assert.match((await stage.cli("status")).stdout, /no units/);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2e("five start commands at once make one run, and the others say that it runs already", async (stage) => {
  stage.write("daemon.toml", QUICK_START);
  await stage.startDaemon();
  assert.equal((await stage.cli("stop", "web")).code, 0);
  const results = await Promise.all(Array.from({ length: 5 }, () => stage.cli("start", "web")));
  assert.deepEqual(results.map(({ code }) => code), [0, 0, 0, 0, 0]);
  const after = JSON.parse((await stage.cli("status", "web", "--json")).stdout).units[0];
  assert.equal(after.run, 2);
});

// Acceptance runner 5: start during a slow stop.
e2e("start during a slow stop waits for it, so that there are never two copies", async (stage) => {
  const run = "trap 'sleep 0.3; echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done";
  stage.write("daemon.toml", `name = "slow"\n[service.slow]\nrun = "${run}"\nready = { log = "up" }\n`);
  const daemon = await stage.startDaemon();
  const before = (await unitsOf(stage)).slow.details.pid!;
  const stop = stage.start("stop", "slow");
  await daemon.until(/stopping|bye/).catch(() => {});
  const start = await stage.cli("start", "slow");
  assert.equal((await stop.ended).code, 0);
  assert.equal(start.code, 0, start.stderr + start.stdout);
  const after = (await unitsOf(stage)).slow;
  assert.equal(after.state, "running");
  assert.notEqual(after.details.pid, before);
  assert.equal(isRunning(before), false);
});

// Acceptance runner 15: stop during a restart delay.
e2eOnce("stop during a restart delay leaves the unit stopped", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "late"\n[service.x]\nrun = "exit 3"\n[service.x.restart]\ndelay = "60s"\n[service.y]\nrun = ["sleep", "1000"]\n`,
  );
  const daemon = stage.start("run");
  await daemon.until(/will be restarted/);
  const stopped = await stage.cli("stop", "x");
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.equal((await unitsOf(stage)).x.state, "stopped");
});

// Acceptance library 28: SIGTERM during the start.
e2e("SIGTERM during the start ends what had started, with 0", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "early"\n[service.db]\nrun = "echo up; exec sleep 1000"\nready = { log = "never" }\n[service.web]\nrun = "sleep 1000"\nafter = ["db"]\n`,
  );
  const daemon = stage.start("run");
  await daemon.until(/up/);
  const { db, web } = await unitsOf(stage);
  assert.deepEqual([db.state, web.state], ["starting", "waiting"]);
  daemon.kill("SIGTERM");
  const { code, stderr } = await daemon.ended;
  assert.equal(code, 0, stderr);
  assert.equal(isRunning(db.details.pid!), false);
});

// Acceptance library 31: stdout closed during the shutdown.
e2e("a daemon whose output nobody reads any more stops with the right code", async (stage) => {
  stage.write("daemon.toml", `name = "deafened"\n[service.x]\nrun = "while :; do echo line; sleep 0.01; done"\n`);
  const daemon = await stage.startDaemon();
  daemon.closeOutput();
  const { x } = await unitsOf(stage);
  assert.equal(x.state, "running");
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2e("everything works with an empty environment, and state goes where no variable says", async (stage, subject) => {
  for (const name of Object.keys(stage.env)) if (subject.name === "compiled" || name.startsWith("XDG_")) delete stage.env[name];
  stage.write("daemon.toml", `${QUICK_START.replace('"quick"', '"bare"')}`);
  let id = "";
  try {
    await stage.startDaemon();
    const status = await stage.cli("status", "--json");
    assert.equal(status.code, 0, status.stderr);
    id = JSON.parse(status.stdout).id;
    const down = await stage.cli("down");
    assert.equal(down.code, 0, down.stderr);
  } finally {
    const uid = process.getuid!();
    const home = stage.env.HOME === undefined ? [] : [join(stage.env.HOME, ".local", "state", "daemonkit")];
    const system = uid === 0 ? ["/run/daemonkit", "/var/lib/daemonkit"] : [];
    for (const root of [...system, join(tmpdir(), `daemonkit-${uid}`), ...home]) {
      if (id !== "") rmSync(join(root, id), { recursive: true, force: true });
      if (existsSync(root) && readdirSync(root).length === 0) rmdirSync(root);
    }
  }
});
