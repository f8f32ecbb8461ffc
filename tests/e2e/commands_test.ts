import assert from "node:assert/strict";
import { e2e } from "./driver.ts";

/** A service that becomes ready, and one after it. */
const PAIR = `
name = "pair"
[service.db]
run = "echo warming up; sleep 0.1; echo ready; exec sleep 1000"
ready = { log = "^ready" }
[service.web]
run = "echo the db is ready; exec sleep 1000"
after = ["db"]
`;

e2e("logs --since and --grep filter what is there and what follows", async (stage) => {
  stage.write("daemon.toml", PAIR);
  const daemon = await stage.startDaemon();
  await daemon.until(/the db is ready/);
  assert.deepEqual(await stage.cli("logs", "--since", "10m", "--grep", "^ready$"), { code: 0, stdout: "db | ready\n", stderr: "" });
  assert.deepEqual(await stage.cli("logs", "--since", "0s"), { code: 0, stdout: "", stderr: "" });
  const refused = await stage.cli("logs", "--grep", "[");
  assert.deepEqual([refused.code, refused.stdout], [2, ""]);
  assert.match(refused.stderr, /--grep: .*current value is "\["/);

  const follower = stage.start("logs", "-f", "--grep", "^w");
  await follower.until(/warming up/);
  assert.equal((await stage.cli("restart", "db")).code, 0);
  await follower.until(/warming up\n.*warming up/);
  daemon.kill("SIGTERM");
  assert.deepEqual(await follower.ended, { code: 0, stdout: "db | warming up\ndb | warming up\n", stderr: "" });
});
