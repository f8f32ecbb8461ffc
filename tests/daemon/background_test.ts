import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { Daemon } from "../../src/daemon/daemon.ts";
import { loadConfig } from "../../src/daemon/load.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

/** Runs the daemon of a configuration in the background, until its services have printed, and stops it. */
async function runInBackground(toml: string): Promise<FakeHost> {
  const host = new FakeHost();
  const { files, env, clock } = host;
  host.processes.program("say", (process) => process.printLines("hello"));
  files.put("/etc/app/daemon.toml", `state_dir = "/state"\n${toml}`);
  const daemon = Daemon.fromConfig(await loadConfig({ files, env, cwd: "/etc/app" })).withHost(host).build();
  let isOver = false;
  const ended = daemon.run({ isBackground: true }).finally(() => isOver = true);
  const until = async (isTrue: () => boolean) => {
    for (const endMs = performance.now() + 30_000; !isTrue();) {
      assert.ok(performance.now() < endMs, `never became true: ${isTrue}`);
      await clock.advance(0);
      await setImmediate();
    }
  };
  await until(() => daemon.subsystems().length > 0 && daemon.operations.lineCounts().every(({ stdout }) => stdout === 1));
  assert.ok(daemon.operations.lineCounts().length > 0);
  daemon.shutdown("the test is over");
  await until(() => isOver);
  await ended;
  return host;
}

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
