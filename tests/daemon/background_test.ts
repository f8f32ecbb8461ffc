import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { DaemonBuilder } from "../../src/daemon/daemon.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import type { ExitReport } from "../../src/daemon/exit_report.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import { FakeExit, FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { settled, until } from "../until.ts";

/** A daemon that runs in the background of a machine in memory. */
interface Running {
  host: FakeHost;
  daemon: Daemon;
  ended: Promise<ExitReport>;
  /** Lets what loads in time of its own load, and what is ready go on. */
  go(): Promise<void>;
}

/** Starts the daemon of a configuration, whose services are called `say` and print one line, and waits for these. */
async function start(toml: string, add: (builder: DaemonBuilder) => void = () => {}): Promise<Running> {
  const host = new FakeHost();
  const { files, env, clock } = host;
  host.processes.program("say", (process) => {
    process.ignoreSignals(["SIGTERM"]);
    process.printLines("hello");
  });
  files.put("/etc/app/daemon.toml", `state_dir = "/state"\n${toml}`);
  const builder = Daemon.fromConfig(await loadConfig({ files, env, cwd: "/etc/app" })).withHost(host);
  add(builder);
  const daemon = builder.build();
  const ended = daemon.run({ isBackground: true });
  const go = async () => (await clock.advance(0), await setImmediate());
  await until(() => daemon.subsystems().length > 0 && daemon.operations.lineCounts().every(({ stdout }) => stdout === 1), { go });
  assert.ok(daemon.operations.lineCounts().length > 0);
  return { host, daemon, ended, go };
}

/** Stops it, with all the time that this takes. */
async function stop({ host, daemon, ended }: Running): Promise<FakeHost> {
  daemon.shutdown("the test is over");
  await settled(host.clock, ended);
  return host;
}

const runInBackground = async (toml: string): Promise<FakeHost> => await stop(await start(toml));

test("Daemon.run in the background: records and lines go to files below the state folder, and nothing to the console", async () => {
  const { files, terminal } = await runInBackground('[service.api]\nrun = ["say"]\ninstances = 2\n[service.db]\nrun = ["say"]');
  assert.match(files.readText("/state/daemon.log"), /every unit has started/);
  for (const unit of ["api@0", "api@1", "db"]) assert.match(files.readText(`/state/logs/${unit}.log`), /^\S+Z stdout hello\n$/);
  assert.deepEqual([terminal.stdout, terminal.stderr], ["", ""]);
});

test("Daemon.run in the background: files that the configuration names are taken instead, with their settings", async () => {
  const { files, terminal } = await runInBackground(
    '[logging]\nfile = "own.log"\njson = true\n[service.db]\nrun = ["say"]\nlog = { file = "db.log", format = "raw" }\n' +
      '[service.x]\nrun = ["say"]\nlog = { format = "raw" }',
  );
  assert.equal(JSON.parse(files.readText("/etc/app/own.log").split("\n")[0]).level, "info");
  assert.deepEqual(["/etc/app/db.log", "/state/logs/x.log"].map((path) => files.readText(path)), ["hello\n", "hello\n"]);
  assert.deepEqual([files.list("/state/logs"), files.info("/state/daemon.log")], [["x.log"], undefined]);
  assert.deepEqual([terminal.stdout, terminal.stderr], ["", ""]);
});

test("Daemon: the third signal ends the process at once, with everything written that was printed before", async () => {
  const { promise: late, resolve: end } = Promise.withResolvers<void>();
  const running = await start(
    '[service.db]\nrun = ["say"]',
    (builder) => builder.withTask("deaf", () => late, { stop: { timeout: "1h" } }),
  );
  const { host: { signals, clock, files, processes }, daemon } = running;
  signals.emit("SIGTERM");
  await clock.advance(300);
  processes.started[0].printLines("last words");
  await until(() => daemon.operations.lineCounts()[0].stdout === 2, { go: running.go });
  signals.emit("SIGTERM");
  await clock.advance(110);
  assert.doesNotMatch(files.readText("/state/logs/db.log"), /last words/);
  assert.throws(() => signals.emit("SIGTERM"), FakeExit);
  assert.match(files.readText("/state/logs/db.log"), /last words\n$/);
  end();
  await stop(running);
});
