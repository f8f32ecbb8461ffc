import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { CancelToken } from "../../src/core/supervise/cancel.ts";
import { Deadlines } from "../../src/core/supervise/deadlines.ts";
import { IoError } from "../../src/core/values/errors.ts";
import type { LineBlock } from "../../src/core/wire/line_block.ts";
import type { Host } from "../../src/core/ports/host.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import type { UnitOutcome, UnitStatus } from "../../src/core/supervise/operations.ts";
import { registration } from "../../src/core/supervise/registration.ts";
import { Turns } from "../../src/core/supervise/turns.ts";
import { Supervisor } from "../../src/core/supervise/supervisor.ts";
import { FakeHost, type FakeProcess } from "../../src/testing/mod.ts";
import { getHost } from "../../src/platform/mod.ts";
import { Neighbours, serviceSubsystems } from "../../src/service/mod.ts";
import { serviceSpec } from "../../src/service/make_spec.ts";
import type { ServiceOptions } from "../../src/service/options.ts";
import { test } from "../harness.ts";
import { leftovers, modulesOf, nowhere, tempDir, withSpawn } from "./drive.ts";
import { settled, until } from "../until.ts";

/** Services under a real supervisor, with what they printed and what became of them. */
class Rig implements Disposable {
  readonly daemonId = crypto.randomUUID();
  readonly lines: string[] = [];
  readonly events: string[] = [];
  readonly exits: [string, number | undefined][] = [];
  readonly reports: string[] = [];
  readonly token = new CancelToken();
  readonly supervisor: Supervisor;
  readonly #host: Host;
  readonly #neighbours: Neighbours;

  constructor(host: Host, services: Record<string, ServiceOptions>, baseDir: string = host.files.tempDir) {
    this.#host = host;
    const publish = ({ name, text }: LineBlock) => void this.lines.push(...text.split("\n").map((line) => `${name}: ${line}`));
    this.#neighbours = new Neighbours(host);
    const ports = { host, logs: { ...nowhere, publish }, daemonId: this.daemonId, neighbours: this.#neighbours, modules: modulesOf(host) };
    const units = Object.entries(services).flatMap(([name, options]) => serviceSubsystems(serviceSpec(name, options, baseDir), ports));
    this.supervisor = new Supervisor(
      {
        clock: host.clock,
        deadlines: new Deadlines(host.clock),
        turns: new Turns(host.clock),
        random: () => 0.5,
        isObserved: () => true,
        emit: (event) => {
          if (event.type === "unit.state") this.events.push(`${event.name} ${event.to}`);
        },
        report: (error) => void this.reports.push(String(error)),
        failed: () => {},
        requestShutdown: (reason, code) => void this.exits.push([reason, code]),
        remainingMs: () => undefined,
        stopTimeoutMs: () => 5_000,
        countMissing: () => {},
        keptDown: new Set(),
        logger: () => silentLogger,
        runAs: (_path, fn) => fn(),
      },
      this.token,
      units.map((unit) => registration(unit, unit.kind)),
    );
  }

  unit(name: string): UnitStatus {
    return this.supervisor.status().find((unit) => unit.name === name)!;
  }

  leftovers(): number[] {
    return leftovers(this.#host, this.daemonId);
  }

  /** Ends what a failed test left. */
  [Symbol.dispose](): void {
    this.#neighbours[Symbol.dispose]();
    for (const pid of this.leftovers()) this.#host.processes.signal(pid, "SIGKILL");
  }
}

const SERVE = "echo up; exec sleep 1000";
const TRAPPED = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done";

// Acceptance runner 19: a dependent is gone before what it depends on is told.
test("Services start in order of readiness and stop in reverse, and nobody is left", async () => {
  const host = await getHost();
  using rig = new Rig(host, {
    web: { run: TRAPPED, after: ["api"] },
    api: { run: TRAPPED, after: ["db"], instances: 2, ready: { log: "^up$" } },
    db: { run: TRAPPED, ready: { exec: "exit 0" } },
  });
  await rig.supervisor.start();
  await until(() => rig.lines.includes("web: up"));
  await rig.supervisor.stop("end");
  assert.deepEqual(rig.leftovers(), []);
  const at = (line: string) => rig.lines.indexOf(line);
  assert.ok(at("db: up") < at("api@0: up") && at("db: up") < at("api@1: up"));
  assert.ok(at("web: up") > at("api@0: up") && at("web: up") > at("api@1: up"));
  assert.ok(at("web: bye") < at("api@0: bye") && at("web: bye") < at("api@1: bye"));
  assert.ok(at("db: bye") > at("api@0: bye") && at("db: bye") > at("api@1: bye"));
});

test("A service without a probe is not late when its launch waits for its turn among thousands", async () => {
  const host = new FakeHost();
  host.processes.program("serve", () => {});
  const spawn = host.processes.spawn.bind(host.processes);
  host.processes.spawn = async (options) => {
    await new Promise<void>((resolve) => void host.clock.schedule(60_000, resolve));
    return await spawn(options);
  };
  using rig = new Rig(host, { api: { run: ["serve"] } });
  await settled(host.clock, rig.supervisor.start(), 1_000);
  const { state, run, restarts } = rig.unit("api");
  assert.deepEqual([state, run, restarts], ["running", 1, 0]);
  await settled(host.clock, rig.supervisor.stop("end"));
});

// Acceptance runner 34: a missed readiness deadline has its own exit code, the process is stopped.
test("A service that is never ready is stopped at its deadline, says why, and its dependents are skipped", async () => {
  const host = await getHost();
  using rig = new Rig(host, {
    db: { run: SERVE, restart: "never", ready: { exec: "exit 3", every: "20ms", timeout: "2s" } },
    api: { run: SERVE, after: ["db"] },
  });
  await rig.supervisor.start();
  const db = rig.unit("db");
  assert.equal(db.state, "failed");
  assert.match(db.reason, /not ready within 2s: .*exit 3 exited with code 3$/);
  assert.match(String(db.details.probe), /exited with code 3/);
  assert.deepEqual([rig.unit("api").state, rig.unit("api").reason], [
    "skipped",
    `db failed: ${db.reason.replace("Cannot start db as it ", "")}`,
  ]);
  assert.deepEqual([rig.lines, rig.leftovers()], [["db: up"], []]);
  await rig.supervisor.stop("end");
});

// Acceptance runner 31: never ready and exits: dependents are skipped.
test("A service that ends before it was ever ready leaves nobody waiting", async () => {
  const host = await getHost();
  using rig = new Rig(host, {
    db: { run: "echo no disk >&2; exit 1", restart: { delay: "1ms", maxRestarts: 2 }, ready: { tcp: "127.0.0.1:1" } },
    api: { run: SERVE, after: ["db"] },
  });
  await rig.supervisor.start();
  await until(() => rig.unit("db").state === "fatal");
  assert.deepEqual([rig.unit("api").state, rig.unit("api").reason], [
    "skipped",
    "db failed for good: exited with code 1 (2 restarts are used up)",
  ]);
  assert.deepEqual(rig.unit("db").details.lastLines, ["no disk"]);
  assert.equal(rig.unit("db").run, 3);
  await rig.supervisor.stop("end");
});

test("A program that dies at once has not started for its dependents when it must live for a time", async () => {
  const host = await getHost();
  using rig = new Rig(host, {
    db: { run: "exit 0", restart: "never", ready: { alive: "10s" } },
    api: { run: SERVE, after: ["db"] },
  });
  await rig.supervisor.start();
  assert.deepEqual(["db", "api"].map((name) => [rig.unit(name).state, rig.unit(name).reason]), [
    ["completed", "exited with code 0"],
    ["skipped", "db completed without becoming ready"],
  ]);
  await rig.supervisor.stop("end");
});

/** A service on port 80 where nginx listened before it started; resolves when its program runs. */
async function besideNginx(ready: ServiceOptions["ready"]) {
  const host = new FakeHost();
  const programs: FakeProcess[] = [];
  host.processes.program("web", (process) => void programs.push(process));
  host.sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: 7, name: "nginx" });
  host.http.answer({ hostname: "127.0.0.1", port: 80 }, () => new Response());
  const rig = new Rig(host, { web: { run: ["web"], restart: "never", ready } });
  const started = rig.supervisor.start();
  await host.clock.advance(0);
  await until(() => programs.length > 0);
  return { host, rig, started, program: programs[0] };
}

test("A program that dies as its port is taken names the holder and what to write when he is meant to answer", async () => {
  const { host, rig: made, started, program } = await besideNginx({ tcp: "127.0.0.1:80" });
  using rig = made;
  program.exit(1);
  await host.clock.advance(10);
  await started;
  assert.equal(
    rig.unit("web").reason,
    'web exited with code 1; 127.0.0.1:80 was held by pid 7 (nginx) when it started; if that is meant, write owner = "any" in ready',
  );
  await rig.supervisor.stop("end");
});

test("With any owner, somebody who answered before a program started does not make it ready before it has lived for a second", async () => {
  for (const livesMs of [900, 1_100]) {
    const { host, rig: made, started, program } = await besideNginx({ http: "http://127.0.0.1/", owner: "any" });
    using rig = made;
    await host.clock.advance(livesMs);
    const isReady = livesMs > 1_000;
    await until(() => (rig.unit("web").ready === true) === isReady);
    if (!isReady) {
      assert.match(String(rig.unit("web").details.probe), /^127\.0\.0\.1:80 was answered before it started, so it has to live for 1s$/);
    }
    program.exit(1);
    await host.clock.advance(2_000);
    await started;
    assert.deepEqual([rig.unit("web").state, rig.unit("web").reason], ["failed", "web exited with code 1"]);
    assert.equal(rig.events.includes("web running"), isReady, rig.events.join(", "));
    await rig.supervisor.stop("end");
  }
});

test("With any owner, who answers only after the start counts at once, unless the program has ended by then", async () => {
  for (const isAlive of [true, false]) {
    const host = new FakeHost();
    const programs: FakeProcess[] = [];
    host.processes.program("web", (process) => void programs.push(process));
    using rig = new Rig(host, { web: { run: ["web"], restart: "never", ready: { http: "http://127.0.0.1/", owner: "any" } } });
    const started = rig.supervisor.start();
    await host.clock.advance(0);
    await until(() => programs.length > 0);
    host.http.answer({ hostname: "127.0.0.1", port: 80 }, () => {
      // It ends while the answer is under way, so that nobody has heard of it yet.
      if (!isAlive) programs[0].exit(1);
      return new Response();
    });
    await host.clock.advance(100);
    await started;
    assert.equal(rig.events.includes("web running"), isAlive, rig.events.join(", "));
    await rig.supervisor.stop("end");
  }
});

test("A program that appears later is started by the policy, and no failed try leaves anything", async () => {
  const host = await getHost();
  using dir = tempDir();
  using rig = new Rig(host, { api: { run: ["sh", "-c", SERVE], cwd: "app", restart: { delay: "10ms", maxRestarts: Infinity } } }, dir.path);
  await rig.supervisor.start();
  await until(() => rig.unit("api").restarts >= 2);
  assert.match(rig.unit("api").reason, /^api: Cannot start/);
  host.files.makeDir(`${dir.path}/app`);
  await until(() => rig.lines.includes("api: up"));
  assert.ok(Number(rig.unit("api").details.spawnFailures) >= 2);
  await rig.supervisor.stop("end");
  assert.deepEqual(rig.leftovers(), []);
});

// Acceptance runner 2: a spawn that fails for lack of resources is counted and tried again with backoff.
test("A spawn that fails for lack of resources is tried again after a wait, and counts as no restart", async () => {
  const real = await getHost();
  let failures = 0;
  const host = withSpawn(real, (options) => {
    if (failures === 3) return real.processes.spawn(options);
    failures++;
    return Promise.reject(new IoError("IO_NO_RESOURCES", "Cannot start a program as the system must have room for it: EAGAIN"));
  });
  using rig = new Rig(host, { api: { run: SERVE, restart: { maxRestarts: 0 } } });
  await rig.supervisor.start();
  await until(() => rig.lines.includes("api: up"));
  const { run, restarts, details: { spawnFailures } } = rig.unit("api");
  assert.deepEqual([run, restarts, spawnFailures], [4, 0, 3]);
  const failed = ["api starting", "api restarting"];
  assert.deepEqual(rig.events, ["api waiting", ...failed, ...failed, ...failed, "api starting", "api running"]);
  await rig.supervisor.stop("end");
});

// Acceptance runner 2: a spawn that fails for lack of resources is counted and tried again with backoff.
test("A start that fails, or a program that ends, in the very moment in which a stop is asked for is no stop that failed", async () => {
  const real = await getHost();
  // Other work of the event loop comes between a failure and the moment when it is known.
  for (let turns = 0; turns < 12; turns++) {
    for (const isStarted of [false, true]) {
      const tried = Promise.withResolvers<void>();
      const host = withSpawn(real, async (options) => {
        if (isStarted) {
          const child = await real.processes.spawn(options);
          return { ...child, exited: child.exited.finally(tried.resolve) };
        }
        tried.resolve();
        throw new IoError("IO_NO_RESOURCES", "Cannot start /bin/sh as this process has too many files open");
      });
      using rig = new Rig(host, { api: { run: "exit 3", restart: { delay: "1h", jitter: 0 } } });
      const started = rig.supervisor.start().catch(() => {});
      await tried.promise;
      for (let turn = 0; turn < turns; turn++) await null;
      await rig.supervisor.stop("end");
      await started;
      assert.deepEqual([rig.reports, rig.leftovers(), rig.unit("api").state], [[], [], "stopped"], `${turns} turns, started: ${isStarted}`);
    }
  }
});

test("A crash is followed by a new run only when everything of the old one is gone", async () => {
  const host = await getHost();
  using dir = tempDir();
  const child = "(trap '' TERM; touch up; while :; do sleep 0.02; done)";
  const run = `echo "alone: $(ls up 2>/dev/null)"; ${child} & while [ ! -e up ]; do sleep 0.02; done; rm up; exit 3`;
  using rig = new Rig(host, { api: { run, stop: { timeout: "50ms" }, restart: { delay: 0, maxRestarts: 2 } } }, dir.path);
  await rig.supervisor.start();
  await until(() => rig.unit("api").state === "fatal");
  assert.deepEqual(rig.leftovers(), []);
  assert.equal(rig.unit("api").run, 3);
  await rig.supervisor.stop("end");
});

// Acceptance runner 14: kill_mode process: a helper survives the restart.
test("A helper survives the restart of its service with kill_mode process", async () => {
  const host = await getHost();
  using rig = new Rig(host, {
    api: { run: "(exec sleep 1000) & echo up; exit 1", stop: { killMode: "process" }, restart: { delay: 0, maxRestarts: 1 } },
  });
  await rig.supervisor.start();
  await until(() => rig.unit("api").state === "fatal");
  assert.equal(rig.leftovers().length, 2);
  await rig.supervisor.stop("end");
});

// Acceptance runner 5: start during a slow stop.
test("A start during a slow stop waits for it; there are never two copies", async () => {
  const host = await getHost();
  const run = "exec 2>/dev/null; trap 'sleep 0.3; echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done";
  using rig = new Rig(host, { api: { run } });
  await rig.supervisor.start();
  await until(() => rig.lines.length === 1);
  const stopped = rig.supervisor.stopUnits(["api"]);
  const started = rig.supervisor.startUnits(["api"]);
  await Promise.all([stopped, started]);
  await until(() => rig.lines.length === 3);
  assert.deepEqual(rig.lines, ["api: up", "api: bye", "api: up"]);
  await rig.supervisor.stop("end");
  assert.deepEqual(rig.leftovers(), []);
});

test("An essential service that ends for good passes its code on, 128 + n after a signal", async () => {
  const host = await getHost();
  for (const [run, code] of [["exit 42", 42], ["kill -KILL $$", 137]] as const) {
    using rig = new Rig(host, { api: { run, restart: "never", essential: true } });
    await rig.supervisor.start();
    await until(() => rig.exits.length === 1);
    assert.equal(rig.exits[0][1], code);
    await rig.supervisor.stop("end");
  }
});

test("Kill ends groups that are still in their grace", async () => {
  const host = await getHost();
  const run = "trap '' TERM; echo up; while :; do sleep 0.02; done";
  using rig = new Rig(host, { a: { run, stop: { timeout: "1h" } }, b: { run, stop: { timeout: "1h" }, after: ["a"] } });
  await rig.supervisor.start();
  await until(() => rig.lines.length === 2);
  const stopped = rig.supervisor.stop("end");
  rig.supervisor.force();
  rig.supervisor.kill();
  await stopped;
  assert.deepEqual([rig.leftovers(), rig.supervisor.unstopped()], [[], []]);
});

test("Many services stop together, and nobody is left", async () => {
  const host = await getHost();
  using rig = new Rig(host, { api: { run: SERVE, instances: 50 } });
  await rig.supervisor.start();
  await until(() => rig.lines.length === 50);
  await rig.supervisor.stop("end");
  assert.deepEqual(rig.leftovers(), []);
});

test("An env file that was repaired is used at the next try", async () => {
  const host = await getHost();
  using dir = tempDir();
  writeFileSync(`${dir.path}/.env`, "A='open");
  const run = 'echo "$A"; exec sleep 1000';
  using rig = new Rig(host, { api: { run, envFile: [".env"], restart: { delay: "10ms", maxRestarts: Infinity } } }, dir.path);
  await rig.supervisor.start();
  await until(() => rig.unit("api").reason, { isRight: /\.env:1:1: Cannot read A/ });
  writeFileSync(`${dir.path}/.env`, "A='open\nend'");
  await until(() => rig.lines.length === 2);
  assert.deepEqual(rig.lines, ["api: open", "api: end"]);
  await rig.supervisor.stop("end");
});

test("Starts, crashes, probes and stops leave no descriptor behind", async () => {
  const host = await getHost();
  const cycle = async () => {
    using rig = new Rig(host, {
      served: { run: SERVE, ready: { exec: "exit 0" } },
      refused: { run: SERVE, ready: { tcp: "127.0.0.1:1" } },
      crashed: { run: "exit 1", restart: { delay: 0, maxRestarts: 1 } },
      missing: { run: ["no-such-program"], restart: "never" },
    });
    const started = rig.supervisor.start();
    await until(() =>
      rig.unit("served").state === "running" && rig.unit("crashed").state === "fatal" && rig.unit("missing").state === "failed"
    );
    await rig.supervisor.stop("end");
    await started.catch(() => {});
    assert.deepEqual(rig.leftovers(), []);
  };
  const descriptors = () => readdirSync("/proc/self/fd").length;
  for (let warmUp = 0; warmUp < 5; warmUp++) await cycle();
  const before = descriptors();
  for (let count = 0; count < 20; count++) await cycle();
  // The runtime closes some of them a little later.
  await until(descriptors, { isRight: (count) => count <= before, context: () => `${before} before` });
});

test("What even SIGKILL does not end is named by the stop, which fails, and nothing is started beside it", async () => {
  const host = new FakeHost();
  let stray: FakeProcess | undefined;
  host.processes.program("serve", (process) => void (stray ??= process.fork({ holdsOutput: false, leaves: "session" })));
  const { signal, signalGroup } = host.processes;
  host.processes.signal = (pid, name) => pid === stray?.identity.pid || signal.call(host.processes, pid, name);
  host.processes.signalGroup = (pgid, name) => pgid === stray?.identity.pid || signalGroup.call(host.processes, pgid, name);
  using rig = new Rig(host, { api: { run: ["serve"], restart: { delay: 0, maxRestarts: Infinity }, stop: { timeout: "1s" } } });
  const go = () => host.clock.advance(50);
  await rig.supervisor.start();
  const { pid } = stray!.identity;

  let stopped: UnitOutcome[] | undefined;
  void rig.supervisor.stopUnits(["api"]).then((outcomes) => stopped = outcomes);
  await until(() => stopped !== undefined, { go });
  const reason = `api is down, but not all that it started: process ${pid} (serve) can't be killed`;
  assert.deepEqual(stopped, [{ name: "api", state: "stopped", outcome: "failed", ok: false, reason }]);
  assert.deepEqual(rig.unit("api").details.escaped, [pid]);

  void rig.supervisor.startUnits(["api"]);
  await until(
    () => /Cannot start api beside what an earlier run left: process \d+ \(serve\) can't be killed/.test(rig.unit("api").reason),
    { go },
  );
  assert.equal(host.processes.started.length, 1);
  stray!.exit(0);
  await until(() => rig.unit("api").state === "running", { go });
  assert.equal(host.processes.started.length, 2);
  let isOver = false;
  void rig.supervisor.stop("end").then(() => isOver = true);
  await until(() => isOver, { go });
});
