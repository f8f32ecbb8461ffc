/** Verbs around the daemon: what they write is used by real programs. */
import assert from "node:assert/strict";
import { e2e } from "./driver.ts";

e2e("init writes what validate accepts and run runs", async (stage) => {
  const made = await stage.cli("init");
  assert.deepEqual([made.code, made.stderr], [0, ""]);
  assert.equal((await stage.cli("validate")).code, 0);
  const daemon = await stage.startDaemon();
  assert.match((await stage.cli("status")).stdout, /hello +running +yes/);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
  assert.equal((await stage.cli("init")).code, 1);
});
