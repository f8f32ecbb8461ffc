import assert from "node:assert/strict";
import { test } from "../harness.ts";
import type { Node } from "../../src/schema/node.ts";
import { formatPath } from "../../src/schema/tree.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import type { RlimitName } from "../../src/core/values/rlimits.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import { DAEMON_PLACES } from "../../src/settings/keys.ts";
import { FakeHost, type FakeHostOptions, type FakeProcess } from "../../src/testing/mod.ts";
import { Rig } from "./rig.ts";

const SERVE = '[service.x]\nrun = ["serve"]\n';

const HTTP = { hostname: "127.0.0.1", port: 9_900 };
const LISTEN = '[listen.http]\naddress = "127.0.0.1:9900"\n';

/** The answers of a listener to each path. */
async function statuses(rig: Rig, paths: readonly string[], init?: RequestInit): Promise<number[]> {
  const headers = { authorization: "Bearer s3cret", ...init?.headers };
  return await Promise.all(paths.map(async (path) => (await rig.host.http.request(HTTP, path, { ...init, headers })).status));
}

/** A service and a listener that asks for the token `s3cret`. */
async function controlling(keys: string): Promise<Rig> {
  const rig = new Rig();
  rig.host.files.put("/etc/app/http.token", "s3cret\n", 0o600);
  return await rig.run(`${SERVE}${LISTEN}token_file = "http.token"\n${keys}`);
}

/** The effects that the one service of this text has on its machine. */
const serving = (keys: string, options?: FakeHostOptions): Promise<Rig> => new Rig(options).run(`${SERVE}${keys}`);

/** A service that crashes at once, and the waits between its runs within five minutes. */
async function crashes(keys: string, options?: FakeHostOptions): Promise<number[]> {
  const rig = await new Rig(options).run(`${SERVE}[service.idle]\nrun = ["serve"]\n[service.y]\nrun = ["crash"]\n${keys}`);
  rig.startsMs.splice(0, 2);
  await rig.host.clock.advance(300_000);
  await rig.stop();
  return rig.waitsMs;
}

/** For each key that has landed: what shows that it does something. A key that does nothing yet says why. */
const EFFECTS: Record<string, (() => Promise<void>) | string> = {
  "name": async () => {
    const rig = await new Rig().run(`name = "other"\n${SERVE}`);
    assert.match(rig.daemon.operations.status().id, /^other-[0-9a-f]{8}$/);
    await rig.stop();
  },
  "work_dir": async () => {
    const rig = await new Rig().run(`work_dir = "data"\n[logging]\nfile = "x.log"\n${SERVE}`);
    assert.deepEqual([rig.host.ownProcess.cwd(), rig.programs[0].options.cwd], ["/etc/app/data", "/etc/app/data"]);
    await rig.stop();
    assert.notEqual(rig.host.files.info("/etc/app/data/x.log"), undefined);
  },
  "pid_file": async () => {
    const rig = await new Rig().run(`pid_file = "run/my.pid"\n${SERVE}`);
    assert.equal(rig.host.files.readText("/etc/app/run/my.pid"), `${rig.host.processes.self().pid}\n`);
    await rig.stop();
    assert.equal(rig.host.files.info("/etc/app/run/my.pid"), undefined);
  },
  "state_dir": async () => {
    const rig = await new Rig().run(`state_dir = "state"\n${SERVE}`);
    const stopped = rig.daemon.operations.stop(["x"], {});
    await rig.until(() => !rig.programs[0].isAlive);
    await stopped;
    assert.deepEqual(JSON.parse(rig.host.files.readText("/etc/app/state/overrides.json")).down, ["x"]);
    await rig.stop();
  },
  "hot_reload": async () => {
    for (const isOn of [true, false]) {
      const rig = await new Rig().run(`hot_reload = ${isOn}\n${SERVE}`);
      rig.host.files.put("/etc/app/daemon.toml", `hot_reload = ${isOn}\n${SERVE}env = { A = "1" }`);
      await rig.host.clock.advance(10_000);
      if (isOn) await rig.until(() => rig.programs.length === 2);
      assert.equal(rig.programs.length, isOn ? 2 : 1);
      await rig.stop();
    }
  },
  "logging.level": async () => {
    for (const [level, pattern] of [["warn", /^$/], ["info", /INFO/], ["error", /^$/]] as const) {
      const rig = await serving(`[logging]\nlevel = "${level}"`);
      await rig.stop();
      assert.match(rig.host.terminal.stderr, pattern);
    }
  },
  "logging.json": async () => {
    const rig = new Rig().program("say", (process) => process.printLines("hello"));
    await rig.run('[service.x]\nrun = ["say"]\n[logging]\njson = true\nfile = "x.log"');
    await rig.until(() => rig.host.terminal.stdout !== "");
    await rig.stop();
    assert.equal(JSON.parse(rig.host.terminal.stdout).msg, "hello");
    for (const text of [rig.host.terminal.stderr, rig.host.files.readText("/etc/app/x.log")]) {
      assert.ok(text.trimEnd().split("\n").every((line) => JSON.parse(line).level === "info"));
    }
  },
  "logging.color": async () => {
    for (const color of [true, false]) {
      const rig = new Rig().program("say", (process) => process.printLines("hello"));
      rig.host.terminal.isInteractive = true;
      await rig.run(`[service.x]\nrun = ["say"]\n[logging]\ncolor = ${color}\nfile = "x.log"`);
      await rig.until(() => rig.host.terminal.stdout !== "");
      await rig.stop();
      const { stdout, stderr } = rig.host.terminal;
      const hasColor = [stdout, stderr, rig.host.files.readText("/etc/app/x.log")].map((text) => text.includes("\u001b"));
      assert.deepEqual(hasColor, [color, color, false]);
    }
  },
  "logging.file": async () => {
    const rig = await serving('[logging]\nfile = "logs/x.log"');
    // On a busy machine there are units before they have started.
    await rig.until(() => rig.daemon.operations.status().state === "running");
    await rig.stop();
    assert.match(rig.host.files.readText("/etc/app/logs/x.log"), /every unit has started/);
  },
  "logging.max_file_size": () => assertRotates("max_file_size = 200", 200, 5),
  "logging.max_files": () => assertRotates("max_file_size = 200\nmax_files = 1", 200, 1),
  "shutdown.drain_delay_ms": async () => {
    const rig = await serving("[shutdown]\ndrain_delay_ms = 2000\ntimeout_ms = 3000");
    rig.daemon.shutdown();
    await rig.host.clock.advance(1_999);
    assert.deepEqual(rig.programs[0].received, []);
    await rig.host.clock.advance(1);
    assert.equal(rig.programs[0].received[0], "SIGTERM");
    await rig.ended();
  },
  "shutdown.timeout_ms": async () => {
    // The graceful time ends while y, which comes after x, still takes its own: x is told now, out of its turn.
    const rig = await stubborn('[service.y]\nrun = ["deaf"]\nafter = ["x"]\nstop = { timeout = "1h" }');
    assert.deepEqual(await signalsAt(rig, [999, 1_000]), [["", "SIGTERM"], ["SIGTERM", "SIGTERM"]]);
    await rig.ended();
  },
  "shutdown.force_timeout_ms": async () => {
    const rig = await stubborn("");
    assert.deepEqual(await signalsAt(rig, [2_999, 3_000]), [["SIGTERM"], ["SIGTERM SIGKILL"]]);
    await rig.ended();
  },
  "shutdown.kill_timeout_ms": async () => {
    const host = new FakeHost();
    host.files.put("/etc/app/daemon.toml", "[shutdown]\ntimeout_ms = 1000\nforce_timeout_ms = 3000\nkill_timeout_ms = 6000");
    const loaded = await loadConfig({ files: host.files, env: host.env, cwd: "/etc/app" });
    const daemon = Daemon.fromConfig(loaded).withHost(host).withTask("deaf", () => new Promise<void>(() => {}), { stop: { timeout: "1h" } })
      .build();
    await daemon.start();
    const ended = daemon.wait();
    let isOver = false;
    void ended.then(() => isOver = true);
    daemon.shutdown();
    await host.clock.advance(5_999);
    assert.equal(isOver, false);
    await host.clock.advance(1);
    assert.deepEqual((await ended).unstopped.map(({ path }) => path), ["deaf"]);
  },
  "shutdown.exit_code": async () => {
    for (const [word, code] of [["zero", 0], ["signal", 143]] as const) {
      const rig = await serving(`[shutdown]\nexit_code = "${word}"`);
      rig.host.signals.emit("SIGTERM");
      assert.deepEqual([(await rig.ended()).exitCode, rig.host.ownProcess.exitCode], [code, code]);
    }
  },
  "performance.worker_threads": "read by the threads of module workers, which have not landed",
  "bus.capacity": async () => {
    const rig = await serving("[bus]\ncapacity = 2");
    using reader = rig.daemon.bus.subscribe("shutdown");
    for (const reason of ["a", "b", "c"]) rig.daemon.bus.publish("shutdown", { reason });
    assert.equal(reader.lagged, 1);
    await rig.stop();
  },
  "service.*.run": async () => {
    const rig = new Rig().program("echo a | cat", () => {});
    await rig.run('[service.x]\nrun = ["serve", "a b", "$HOME"]\n[service.y]\nrun = "echo a | cat"');
    assert.deepEqual(rig.programs.map(({ options }) => options.argv), [["serve", "a b", "$HOME"], ["/bin/sh", "-c", "echo a | cat"]]);
    await rig.stop();
  },
  "service.*.module": async () => {
    const rig = new Rig();
    rig.host.files.put("/etc/app/api.ts", "export default () => {};");
    rig.program("/usr/bin/fake", () => {});
    await rig.run('[service.x]\nmodule = "api.ts"');
    await rig.until(() => rig.programs.length === 1);
    assert.deepEqual(rig.programs[0].options.argv, ["/usr/bin/fake", "__module", "/etc/app/api.ts"]);
    await rig.stop();
  },
  "service.*.after": async () => {
    const rig = await new Rig().run(`${SERVE}after = ["y"]\n[service.y]\nrun = ["serve", "first"]\n`);
    await rig.until(() => rig.programs.length === 2);
    assert.equal(rig.programs[0].options.argv[1], "first");
    await rig.stop();
  },
  "service.*.port": async () => {
    const rig = await serving('port = 3000\ninstances = 2\nenv = { URL = "http://localhost:{port}/{instance}" }');
    assert.deepEqual(rig.programs.map(({ options: { env } }) => [env.PORT, env.URL]), [
      ["3000", "http://localhost:3000/0"],
      ["3001", "http://localhost:3001/1"],
    ]);
    await rig.stop();
  },
  "monitoring.enable_metrics": async () => {
    for (const [isEnabled, status] of [[true, 200], [false, 404]] as const) {
      const rig = await serving(`${LISTEN}[monitoring]\nenable_metrics = ${isEnabled}`);
      assert.equal((await rig.host.http.request(HTTP, "/metrics")).status, status);
      await rig.stop();
    }
  },
  "listen.*.address": async () => {
    const rig = await serving(`${LISTEN}[listen.sock]\naddress = "unix:x.sock"`);
    for (const address of [HTTP, { unix: "/etc/app/x.sock" }]) {
      assert.equal(await (await rig.host.http.request(address, "/readyz")).text(), "ok\n");
    }
    await rig.stop();
    assert.equal(rig.host.http.isServed(HTTP), false);
  },
  "listen.*.allow": async () => {
    for (const [allow, expected] of [["", [200, 200, 404]], ['allow = ["control"]', [404, 404, 200]]] as const) {
      const rig = await controlling(allow);
      assert.deepEqual(await statuses(rig, ["/livez", "/metrics", "/v1/status"]), expected);
      await rig.stop();
    }
  },
  "listen.*.token_file": async () => {
    const rig = await controlling('allow = ["health", "control"]');
    assert.deepEqual(await statuses(rig, ["/livez", "/v1/status"], { headers: { authorization: "" } }), [200, 401]);
    assert.deepEqual(await statuses(rig, ["/v1/status"]), [200]);
    await rig.stop();
  },
  "listen.*.mode": async () => {
    const rig = await serving(`[listen.sock]\naddress = "unix:x.sock"\nmode = "666"`);
    assert.equal(rig.host.http.serveOptions({ unix: "/etc/app/x.sock" })?.mode, 0o666);
    await rig.stop();
  },
  "listen.*.group": async () => {
    const rig = await serving(`[listen.sock]\naddress = "unix:x.sock"\ngroup = "root"`);
    const { mode, gid } = rig.host.http.serveOptions({ unix: "/etc/app/x.sock" }) ?? {};
    assert.deepEqual([mode, gid], [0o660, 0]);
    await rig.stop();
  },
  "listen.*.max_body": async () => {
    const rig = await controlling('allow = ["control"]\nmax_body = "1KB"');
    const post = (bytes: number) => ({ method: "POST", body: " ".repeat(bytes) });
    assert.deepEqual(await statuses(rig, ["/v1/units/stop"], post(1_000)), [400]);
    assert.deepEqual(await statuses(rig, ["/v1/units/stop"], post(1_001)), [413]);
    await rig.stop();
  },
  "listen.*.max_clients": async () => {
    const rig = await controlling('allow = ["health", "control"]\nmax_clients = 1');
    const { body } = await rig.host.http.request(HTTP, "/v1/events", { headers: { authorization: "Bearer s3cret" } });
    assert.deepEqual(await statuses(rig, ["/livez", "/v1/status"]), [200, 503]);
    await body!.cancel();
    assert.deepEqual(await statuses(rig, ["/v1/status"]), [200]);
    await rig.stop();
  },
  "service.*.env.*": async () => {
    const rig = await serving('env = { A = "own" }', { env: { A: "daemon's", B: "daemon's" } });
    const { A, B } = rig.programs[0].options.env;
    assert.deepEqual([A, B], ["own", "daemon's"]);
    await rig.stop();
  },
  "service.*.inherit_env": async () => {
    const rig = await serving('inherit_env = ["A*"]', { env: { AB: "daemon's", B: "daemon's" } });
    const { AB, B } = rig.programs[0].options.env;
    assert.deepEqual([AB, B], ["daemon's", undefined]);
    await rig.stop();
  },
  "service.*.env_file": async () => {
    const rig = new Rig();
    rig.host.files.put("/etc/app/x.env", "A=from the file");
    await rig.run(`${SERVE}env_file = ["x.env", "?missing.env"]`);
    await rig.until(() => rig.programs.length > 0);
    assert.equal(rig.programs[0].options.env.A, "from the file");
    await rig.stop();
  },
  "service.*.cwd": async () => {
    const rig = await serving('cwd = "app"');
    assert.equal(rig.programs[0].options.cwd, "/etc/app/app");
    await rig.stop();
  },
  "service.*.ready.http": async () => {
    const rig = new Rig();
    let status = 503;
    rig.host.http.answer({ hostname: "127.0.0.1", port: 80 }, () => new Response(null, { status }));
    await rig.run(`${SERVE}ready = "http://127.0.0.1/"`);
    assert.equal(rig.daemon.subsystems()[0].ready, false);
    status = 200;
    await rig.host.clock.advance(1_000);
    assert.equal(rig.daemon.subsystems()[0].ready, true);
    await rig.stop();
  },
  "service.*.ready.tcp": async () => {
    const rig = await serving('ready = { tcp = "127.0.0.1:80" }');
    assert.equal(rig.daemon.subsystems()[0].ready, false);
    rig.host.http.answer({ hostname: "127.0.0.1", port: 80 }, () => new Response());
    await rig.host.clock.advance(1_000);
    assert.equal(rig.daemon.subsystems()[0].ready, true);
    await rig.stop();
  },
  "service.*.ready.owner": async () => {
    for (const owner of ["unit", "any"] as const) {
      const rig = await serving(`ready = { tcp = "127.0.0.1:80", owner = "${owner}" }`);
      rig.host.sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: 7, name: "nginx" });
      rig.host.http.answer({ hostname: "127.0.0.1", port: 80 }, () => new Response());
      await rig.host.clock.advance(2_000);
      assert.equal(rig.daemon.subsystems()[0].ready, owner === "any");
      if (owner === "unit") assert.match(rig.daemon.subsystems()[0].reason, /127\.0\.0\.1:80.*pid 7 \(nginx\).*owner/);
      await rig.stop();
    }
  },
  "service.*.ready.exec": async () => {
    let code = 1;
    const rig = new Rig();
    rig.host.processes.program("check", (process) => process.exit(code));
    await rig.run(`${SERVE}ready = { exec = ["check"] }`);
    assert.equal(rig.daemon.subsystems()[0].ready, false);
    code = 0;
    await rig.host.clock.advance(1_000);
    assert.equal(rig.daemon.subsystems()[0].ready, true);
    await rig.stop();
  },
  "service.*.ready.log": async () => {
    const rig = await serving('ready = { log = "^up$" }');
    rig.programs[0].printLines("not up yet");
    await rig.host.clock.advance(1_000);
    assert.equal(rig.daemon.subsystems()[0].ready, false);
    rig.programs[0].printLines("up");
    await rig.until(() => rig.daemon.subsystems()[0].ready === true);
    await rig.stop();
  },
  "service.*.ready.alive": async () => {
    const rig = await serving('ready = { alive = "2s" }');
    await rig.host.clock.advance(1_900);
    assert.equal(rig.daemon.subsystems()[0].ready, false);
    await rig.host.clock.advance(200);
    await rig.until(() => rig.daemon.subsystems()[0].ready === true);
    await rig.stop();
  },
  "service.*.ready.every": async () => {
    const rig = new Rig();
    const askedMs: number[] = [];
    rig.host.processes.program("check", (process) => {
      askedMs.push(rig.host.clock.nowMs());
      process.exit(1);
    });
    await rig.run(`${SERVE}ready = { exec = ["check"], every = "2s" }`);
    await rig.host.clock.advance(4_500);
    assert.deepEqual(askedMs.slice(1).map((atMs) => atMs - askedMs[0]), [2_000, 4_000]);
    await rig.stop();
  },
  "service.*.ready.timeout": async () => {
    const rig = await serving('ready = { log = "never", timeout = "3s" }');
    await rig.host.clock.advance(2_999);
    assert.equal(rig.programs[0].isAlive, true);
    await rig.host.clock.advance(1);
    assert.equal(rig.programs[0].isAlive, false);
    await rig.stop();
  },
  "service.*.restart.policy": async () => {
    assert.deepEqual(await crashes('restart = "never"'), []);
    assert.equal((await crashes('restart = "on-failure"')).length, 10);
    const quick = (policy: string) => crashes(`restart = "${policy}"\nsuccess_exit_codes = [3]`);
    assert.deepEqual([(await quick("on-failure")).length, (await quick("always")).length], [0, 10]);
  },
  "service.*.restart.delay": async () => {
    assert.deepEqual((await crashes('restart = { delay = "1s" }')).slice(0, 3), [1_000, 2_000, 4_000]);
  },
  "service.*.restart.factor": async () => {
    assert.deepEqual((await crashes('restart = { delay = "1s", factor = 1 }')).slice(0, 3), [1_000, 1_000, 1_000]);
  },
  "service.*.restart.max_delay": async () => {
    assert.deepEqual((await crashes('restart = { delay = "1s", max_delay = "3s" }')).slice(0, 3), [1_000, 2_000, 3_000]);
  },
  "service.*.restart.jitter": async () => {
    const [waitMs] = await crashes('restart = { delay = "1s", jitter = 0.5 }', { random: () => 0.75 });
    assert.equal(waitMs, 1_250);
  },
  "service.*.restart.max_restarts": async () => {
    assert.equal((await crashes("restart = { max_restarts = 2 }")).length, 2);
  },
  "service.*.restart.within": async () => {
    // Three within a minute are too many, two are not.
    assert.equal((await crashes('restart = { delay = "1s", factor = 1, max_restarts = 2, within = "60s" }')).length, 2);
    assert.ok((await crashes('restart = { delay = "31s", factor = 1, max_delay = "31s", max_restarts = 2, within = "60s" }')).length > 2);
  },
  "service.*.restart.reset_after": async () => {
    for (const [resetAfter, isEndless] of [["4s", true], ["6s", false]] as const) {
      const rig = new Rig().program("fragile", (process) => void rig.host.clock.schedule(5_000, () => process.exit(1)));
      await rig.run(
        `[service.x]\nrun = ["fragile"]\nrestart = { delay = "1s", factor = 1, max_restarts = 2, reset_after = "${resetAfter}" }\n` +
          '[service.idle]\nrun = ["serve"]',
      );
      await rig.host.clock.advance(125_000);
      assert.equal(rig.daemon.subsystems()[0].restarts > 2, isEndless);
      await rig.stop();
    }
  },
  "service.*.restart.on_exhausted": async () => {
    const restart = (word: string) => `restart = { delay = "0ms", max_restarts = 1, reset_after = "100s", on_exhausted = "${word}" }`;
    assert.deepEqual(await crashes(restart("fatal")), [0]);
    assert.deepEqual((await crashes(restart("pause"))).slice(0, 3), [0, 100_000, 100_000]);
    const rig = await new Rig().run(`${SERVE}[service.y]\nrun = ["crash"]\n${restart("escalate")}`);
    assert.equal((await rig.ended()).exitCode, 1);
  },
  "service.*.stop.run": async () => {
    const rig = new Rig();
    rig.host.processes.program("ask", (process) => {
      rig.programs[0].exit(0);
      process.exit(0);
    });
    await rig.run(`${SERVE}stop = { run = ["ask"] }`);
    await rig.stop();
    const [served, asked] = rig.programs;
    assert.deepEqual([served.received, asked.options.env.DAEMONKIT_PID], [[], String(served.identity.pid)]);
  },
  "service.*.stop.signal": async () => {
    const rig = await serving('stop = { signal = "SIGINT" }');
    await rig.stop();
    assert.equal(rig.programs[0].received[0], "SIGINT");
  },
  "service.*.stop.timeout": async () => {
    const rig = new Rig().program("deaf", (process) => process.ignoreSignals(["SIGTERM"]));
    await rig.run('[service.x]\nrun = ["deaf"]\nstop = { timeout = "2s" }');
    rig.daemon.shutdown();
    await rig.host.clock.advance(1_999);
    assert.equal(rig.programs[0].isAlive, true);
    await rig.host.clock.advance(1);
    assert.equal(rig.programs[0].isAlive, false);
    await rig.ended();
  },
  "service.*.stop.kill_mode": async () => {
    for (const [mode, living] of [["all", []], ["cgroup", []], ["group", ["stray"]], ["process", ["helper", "stray"]]] as const) {
      const started: Record<string, FakeProcess> = {};
      const rig = new Rig().program("parent", (process) => {
        started.helper = process.fork({ holdsOutput: false });
        started.stray = process.fork({ holdsOutput: false, leaves: "session" });
      });
      await rig.run(`[service.x]\nrun = ["parent"]\nstop = { kill_mode = "${mode}" }`);
      rig.daemon.shutdown("the test is over");
      await rig.until(() => !rig.programs[0].isAlive && (mode === "group" || mode === "process" || !started.stray.isAlive));
      await rig.host.clock.advance(5);
      await rig.ended();
      assert.deepEqual(Object.keys(started).filter((name) => started[name].isAlive), living, mode);
    }
  },
  "service.*.leftover": async () => {
    // A daemon writes down its programs, and the next one finds them after a kill -9.
    const before = await serving("");
    const path = `/run/daemonkit/${before.daemon.operations.status().id}/groups.json`;
    await before.until(() => before.daemon.subsystems()[0].state === "running");
    await before.host.clock.advance(5);
    const groups = JSON.parse(before.host.files.readText(path));
    await before.stop();
    assert.equal(before.host.files.info(path), undefined);
    for (const [word, isKept] of [["stop", false], ["adopt", true]] as const) {
      const rig = new Rig();
      groups.programs[0].identity = (await rig.host.processes.spawn({ argv: ["serve"], cwd: "/", env: {} })).identity;
      rig.host.files.makeDir(path.slice(0, path.lastIndexOf("/")));
      rig.host.files.put(path, JSON.stringify(groups));
      await rig.run(`${SERVE}leftover = "${word}"`);
      await rig.until(() => rig.daemon.subsystems()[0].state === "running");
      assert.deepEqual([rig.programs.length, rig.programs[0].isAlive], isKept ? [1, true] : [2, false]);
      const { pid, adopted } = rig.daemon.subsystems()[0].details;
      assert.deepEqual([pid, adopted], isKept ? [rig.programs[0].identity.pid, true] : [rig.programs[1].identity.pid, undefined]);
      rig.daemon.shutdown();
      // The end of what is no child of ours is seen by looking.
      await rig.host.clock.advance(200);
      assert.equal((await rig.ended()).exitCode, 0);
      assert.equal(rig.programs[0].isAlive, false);
    }
  },
  "service.*.instances": async () => {
    const rig = await serving("instances = 3");
    assert.deepEqual(rig.daemon.subsystems().map(({ name }) => name), ["x@0", "x@1", "x@2"]);
    assert.equal(rig.programs.length, 3);
    await rig.stop();
  },
  "service.*.essential": async () => {
    const rig = await new Rig().run(`${SERVE}[service.y]\nrun = ["crash"]\nrestart = "never"\nessential = true`);
    assert.equal((await rig.ended()).exitCode, 3);
  },
  "service.*.success_exit_codes": async () => {
    const rig = await serving('[service.y]\nrun = ["crash"]\nsuccess_exit_codes = [0, 3]');
    await rig.until(() => rig.daemon.subsystems()[1].state === "completed");
    await rig.stop();
  },
  "service.*.user": async () => {
    const rig = new Rig();
    rig.host.processes.addUser({ uid: 33, gid: 44, name: "www", home: "/var/www" });
    await rig.run(`${SERVE}user = "www"`);
    const { uid, gid, user, env: { HOME } } = rig.programs[0].options;
    assert.deepEqual([uid, gid, user, HOME], [33, 44, "www", "/var/www"]);
    await rig.stop();
  },
  "service.*.group": async () => {
    const rig = new Rig();
    rig.host.processes.addUser({ uid: 33, gid: 44, name: "www", home: "/var/www" });
    await rig.run(`${SERVE}group = "www"`);
    assert.deepEqual([rig.programs[0].options.uid, rig.programs[0].options.gid], [undefined, 44]);
    await rig.stop();
  },
  "service.*.umask": async () => {
    for (const written of ['"027"', "0o027"]) {
      const rig = await serving(`umask = ${written}`);
      assert.equal(rig.programs[0].options.umask, 0o027);
      await rig.stop();
    }
  },
  "service.*.nice": async () => {
    const rig = await serving("nice = -5");
    assert.equal(rig.programs[0].options.nice, -5);
    await rig.stop();
  },
  "service.*.rlimits.nofile": () => assertLimits("nofile"),
  "service.*.rlimits.nproc": () => assertLimits("nproc"),
  "service.*.rlimits.core": () => assertLimits("core"),
  "service.*.rlimits.cpu": () => assertLimits("cpu"),
  "service.*.rlimits.fsize": () => assertLimits("fsize"),
  "service.*.rlimits.data": () => assertLimits("data"),
  "service.*.rlimits.stack": () => assertLimits("stack"),
  "service.*.rlimits.as": () => assertLimits("as"),
  "service.*.rlimits.memlock": () => assertLimits("memlock"),
  "service.*.oom_score_adj": async () => {
    const rig = await serving("oom_score_adj = 500");
    assert.equal(rig.programs[0].options.oomScoreAdj, 500);
    await rig.stop();
  },
  "service.*.log.file": async () => {
    const rig = await printing('port = 3000\ninstances = 2\nlog = { file = "logs/x-{instance}-{port}.log" }', "hello");
    for (const name of ["x-0-3000", "x-1-3001"]) {
      assert.match(rig.host.files.readText(`/etc/app/logs/${name}.log`), /^\S+Z stdout hello\n$/);
    }
  },
  "service.*.log.max_size": async () => {
    const rig = await printing('log = { file = "x.log", format = "raw", max_size = 8 }', "1234", "5678", "abcd");
    assert.deepEqual(logTexts(rig), { "x.log": "abcd\n", "x.log.1": "5678\n", "x.log.2": "1234\n" });
  },
  "service.*.log.keep": async () => {
    const rig = await printing('log = { file = "x.log", format = "raw", max_size = 8, keep = 1 }', "1234", "5678", "abcd");
    assert.deepEqual(logTexts(rig), { "x.log": "abcd\n", "x.log.1": "5678\n" });
  },
  "service.*.log.max_total": async () => {
    const rig = await printing('log = { file = "x.log", format = "raw", max_size = 8, max_total = 14 }', "1234", "5678", "abcd");
    assert.deepEqual(logTexts(rig), { "x.log": "abcd\n", "x.log.1": "5678\n" });
  },
  "service.*.log.format": async () => {
    const raw = await printing('log = { file = "x.log", format = "raw" }', "hello");
    assert.deepEqual(logTexts(raw), { "x.log": "hello\n" });
    const json = await printing('log = { file = "x.log", format = "json" }', "hello");
    const { msg, service, stream } = JSON.parse(json.host.files.readText("/etc/app/x.log"));
    assert.deepEqual([msg, service, stream], ["hello", "x", "stdout"]);
  },
  "service.*.log.max_line": async () => {
    const rig = await serving("log = { max_line = 16 }");
    rig.programs[0].printLines("0123456789abcdefXYZ");
    await rig.until(() => rig.daemon.operations.lines([], 10).length === 2);
    assert.deepEqual(rig.daemon.operations.lines([], 10).map(({ text }) => text), ["0123456789abcdef", "XYZ"]);
    await rig.stop();
  },
};

/** A limit reaches the program and its exec probes, as one value or as two. */
async function assertLimits(name: RlimitName): Promise<void> {
  const rig = new Rig();
  rig.host.processes.program("check", (process) => process.exit(0));
  await rig.run(`${SERVE}ready = { exec = ["check"] }\nrlimits = { ${name} = 10 }\n[service.y]\nrun = ["serve"]\nrlimits.${name}.soft = 5`);
  await rig.until(() => rig.programs.length === 3);
  const both = { [name]: { soft: 10, hard: 10 } };
  const rlimitsOf = (program: string) =>
    rig.programs.filter(({ options }) => options.argv[0] === program).map(({ options }) => options.rlimits);
  assert.deepEqual([rlimitsOf("serve"), rlimitsOf("check")], [[both, { [name]: { soft: 5 } }], [both]]);
  await rig.stop();
}

/** A service that has printed some lines, under a daemon that has ended. */
async function printing(keys: string, ...lines: string[]): Promise<Rig> {
  const rig = new Rig().program("say", (process) => process.printLines(...lines));
  await rig.run(`[service.x]\nrun = ["say"]\n${keys}`);
  await rig.until(() => rig.daemon.operations.lines([], 10).length >= lines.length);
  await rig.stop();
  return rig;
}

/** The log files beside the configuration, with what they hold. */
function logTexts({ host: { files } }: Rig): Record<string, string> {
  const names = files.list("/etc/app").filter((name) => name.startsWith("x.log"));
  return Object.fromEntries(names.map((name) => [name, files.readText(`/etc/app/${name}`)]));
}

/** A daemon whose one file is full after `maxBytes` keeps so many old ones. */
async function assertRotates(keys: string, maxBytes: number, maxFiles: number): Promise<void> {
  const rig = await serving(`instances = 9\n[logging]\nfile = "x.log"\n${keys}`);
  await rig.stop();
  const sizes = rig.host.files.list("/etc/app").filter((name) => name.startsWith("x.log")).map((name) => [
    name,
    rig.host.files.info(`/etc/app/${name}`)!.size <= maxBytes,
  ]);
  assert.deepEqual(sizes, [["x.log", true], ...Array.from({ length: maxFiles }, (_, index) => [`x.log.${index + 1}`, true])]);
}

/** A service that ignores SIGTERM, under a daemon with the deadlines 1, 3 and 6 seconds. */
async function stubborn(more: string): Promise<Rig> {
  const rig = new Rig().program("deaf", (process) => process.ignoreSignals(["SIGTERM"]));
  await rig.run(
    `[service.x]\nrun = ["deaf"]\nstop = { timeout = "1h" }\n${more}\n` +
      "[shutdown]\ntimeout_ms = 1000\nforce_timeout_ms = 3000\nkill_timeout_ms = 6000",
  );
  await rig.until(() => rig.daemon.subsystems().every(({ state }) => state === "running"));
  return rig;
}

/** Which signals each program has got so long after the beginning of the shutdown. */
async function signalsAt(rig: Rig, timesMs: number[]): Promise<string[][]> {
  rig.daemon.shutdown();
  const seen: string[][] = [];
  let nowMs = 0;
  for (const timeMs of timesMs) {
    await rig.host.clock.advance(timeMs - nowMs);
    nowMs = timeMs;
    seen.push(rig.programs.map(({ received }) => received.filter((signal) => signal !== "SIGCONT").join(" ")));
  }
  await rig.host.clock.advance(10_000);
  return seen;
}

/** Every key that has landed, by its path; names that users choose are `*`, unit forms and templates are other spellings. */
function landed(node: Node, path: string[] = []): string[] {
  if (node.type === "map") return landed(node.value, [...path, "*"]);
  if (node.type === "table") {
    return node.facts.isTemplate ? [] : Object.entries(node.entries).flatMap(([key, child]) => landed(child, [...path, key]));
  }
  return node.facts.notYet || node.facts.unitFormOf !== undefined ? [] : [formatPath(path).replaceAll('"*"', "*")];
}

test("EFFECTS has every key that has landed, and no other", () => {
  assert.deepEqual(Object.keys(EFFECTS).sort(), landed(DAEMON_PLACES).sort());
});

for (const [path, effect] of Object.entries(EFFECTS)) {
  if (typeof effect === "function") test(`daemon.toml: ${path} has its effect`, effect);
}
