import assert from "node:assert/strict";
import { Config, ConfigError, Daemon } from "../../mod.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { settled } from "../until.ts";

const TOML = `name = "demo"\n[service.api]\nrun = "serve"\n[listen.sock]\naddress = "unix:x.sock"\nallow = ["health"]\n`;

function fixture() {
  const host = new FakeHost();
  host.processes.program("serve", () => {});
  host.files.makeDir("/etc/app");
  host.ownProcess.chdir("/etc/app");
  host.files.put("/etc/app/daemon.toml", TOML);
  return host;
}

test("Daemon.load runs services, listeners and code together, and a reload reads the file again", async () => {
  const host = fixture();
  const builder = await Daemon.load(undefined, {
    host,
    set: ["logging.level=debug"],
    base: Config.builder().shutdownTimeout("20s").build(),
  });
  assert.deepEqual([builder.config.name, builder.config.logging.level, builder.config.shutdown.timeoutMs], ["demo", "debug", 20_000]);
  const daemon = builder.withTask("main", (context) => context.cancelled(), { after: ["api"] }).build();
  await settled(host.clock, daemon.start());
  assert.deepEqual(daemon.subsystems().map(({ name, state }) => [name, state]), [["api", "running"], ["main", "running"]]);
  assert.equal(await (await host.http.request({ unix: "/etc/app/x.sock" }, "/readyz")).text(), "ok\n");

  host.files.put("/etc/app/daemon.toml", `${TOML}[service.more]\nrun = "serve"\n`);
  const { changes } = await settled(host.clock, daemon.reload());
  assert.deepEqual(changes.map(({ kind, name, effect }) => [kind, name, effect]), [["added", "service.more", "start"]]);
  await host.clock.advance(0);
  assert.deepEqual(daemon.subsystems().map(({ name }) => name).sort(), ["api", "main", "more"]);
  // Code can't be reloaded: its task goes on, in the same run.
  assert.equal(daemon.subsystems().find(({ name }) => name === "main")!.run, 1);
  daemon.shutdown();
  assert.equal((await settled(host.clock, daemon.wait())).exitCode, 0);
});

test("Daemon.load says what is wrong with the file, with the name that code has too, and with its own options", async () => {
  const host = fixture();
  await assert.rejects(Daemon.load("none.toml", { host }), (error) => error instanceof ConfigError && error.code === "CONFIG_NOT_FOUND");
  host.files.put("/etc/app/bad.toml", "nam = 1\n[service.x]\nrun = 5\n");
  await assert.rejects(Daemon.load("bad.toml", { host }), (error) => error instanceof ConfigError && error.issues.length === 2);
  const builder = await Daemon.load("daemon.toml", { host });
  assert.throws(() => builder.withTask("API", () => {}), /its name must be free, without case: current value is "API"/);
  await assert.rejects(Daemon.load(5 as never), /"path" must be a text: current value is 5/);
  await assert.rejects(Daemon.load("daemon.toml", { tables: {} } as never), /"tables" is no option/);
  const empty = await Daemon.load("none.toml", { host, optional: true });
  assert.equal(empty.config.name, Config.default().name);
});
