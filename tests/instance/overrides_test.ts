import assert from "node:assert/strict";
import { type Context, Daemon, type LogRecord } from "../../mod.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

/** A daemon of a configuration file, with one task beside it. */
async function begun(host: FakeHost, records: LogRecord[] = []): Promise<Daemon> {
  host.files.put("/etc/app/daemon.toml", "");
  const { files, env } = host;
  return await Daemon.fromConfig(await loadConfig({ files, env, cwd: "/etc/app" }))
    .withTask("main", (context: Context) => context.cancelled())
    .withHost(host)
    .withLogger((record) => void records.push(record))
    .build()
    .start();
}

test("Operations.stop that is refused stops nothing, and nothing of it is remembered", async () => {
  const host = new FakeHost();
  const daemon = await begun(host);
  await assert.rejects(daemon.operations.stop(["main", "nobody"], {}), /Cannot find a unit named "nobody"/);
  for (const verb of ["stop", "start", "restart"] as const) {
    await assert.rejects(daemon.operations[verb](["main"], { signal: AbortSignal.abort("gone") }), (reason) => reason === "gone");
  }
  assert.deepEqual(daemon.subsystems().map(({ state, run }) => [state, run]), [["running", 1]]);
  daemon.shutdown();
  await daemon.wait();
  const again = await begun(host);
  assert.deepEqual(again.subsystems().map(({ state }) => state), ["running"]);
  again.shutdown();
  await again.wait();
});

test("Operations.stop works without room to remember it, and the log says what will be forgotten", async () => {
  const host = new FakeHost();
  const records: LogRecord[] = [];
  const daemon = await begun(host, records);
  host.files.failWrites("IO_NO_RESOURCES");
  const [stopped] = await daemon.operations.stop(["main"], {});
  const [started] = await daemon.operations.start(["main"], {});
  host.files.healWrites();
  assert.deepEqual([stopped.outcome, started.outcome], ["stopped", "started"]);
  const warned = records.filter(({ message }) => message === "manual stops and starts will be forgotten when the daemon ends");
  assert.equal(warned.length, 2);
  daemon.shutdown();
  assert.equal((await daemon.wait()).exitCode, 0);
});
