import assert from "node:assert/strict";
import { type Context, Daemon, type LogRecord } from "../../mod.ts";
import { loadConfig } from "../../src/daemon/load.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

test("Operations.stop works without room to remember it, and the log says what will be forgotten", async () => {
  const host = new FakeHost();
  host.files.put("/etc/app/daemon.toml", "");
  const { files, env } = host;
  const records: LogRecord[] = [];
  const daemon = await Daemon.fromConfig(await loadConfig({ files, env, cwd: "/etc/app" }))
    .withTask("main", (context: Context) => context.cancelled())
    .withHost(host)
    .withLogger((record) => void records.push(record))
    .build()
    .start();
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
