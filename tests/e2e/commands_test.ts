import assert from "node:assert/strict";
import type { DaemonEvent } from "../../src/core/supervise/event.ts";
import { e2e, e2eOnce } from "./driver.ts";

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

e2eOnce("logs --since and --grep filter what is there and what follows", async (stage) => {
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

e2e("events shows what happened since the start, and -f goes on until the daemon's end", async (stage) => {
  stage.write("daemon.toml", PAIR);
  const daemon = await stage.startDaemon();
  const past = await stage.cli("events", "--json");
  assert.equal(past.code, 0, past.stderr);
  const events = past.stdout.trim().split("\n").map((line) => JSON.parse(line) as DaemonEvent);
  assert.deepEqual(events.map(({ seq }) => seq), events.map((_, index) => index + 1));
  assert.deepEqual([events[0].type, events.at(-1)!.type], ["daemon.starting", "daemon.ready"]);
  assert.match((await stage.cli("events")).stdout, /^\S+ {2}web {5}running/m);

  const follower = stage.start("events", "-f");
  await follower.until(/daemon {2}ready/);
  assert.equal((await stage.cli("stop", "web")).code, 0);
  await follower.until(/web {5}stopped/);
  daemon.kill("SIGTERM");
  const { code, stdout } = await follower.ended;
  assert.equal(code, 0);
  assert.match(stdout, /daemon {2}stopped: received SIGTERM\n$/);
});

e2eOnce("wait returns when units are ready, started or stopped, and with 124 names who is missing and why", async (stage) => {
  stage.write(
    "daemon.toml",
    `
name = "slow"
[service.slow]
run = "while [ ! -e go ]; do sleep 0.01; done; echo up; exec sleep 1000"
ready = { log = "^up", timeout = "60s" }
`,
  );
  const daemon = stage.start("run");
  await daemon.until(/starting/);
  const started = await stage.cli("wait", "slow", "--for", "started");
  assert.deepEqual([started.code, started.stdout], [0, "slow  started\n"], started.stderr);
  const late = await stage.cli("wait", "slow", "--timeout", "50ms");
  assert.equal(late.code, 124, late.stderr);
  assert.match(late.stdout, /^slow {2}timed out: starting: /);

  const ready = stage.start("wait", "slow", "--json");
  stage.write("go", "");
  const { code, stdout } = await ready.ended;
  assert.deepEqual([code, JSON.parse(stdout).units[0].outcome], [0, "ready"]);

  const stopped = stage.start("wait", "slow", "--for", "stopped");
  assert.equal((await stage.cli("stop", "slow")).code, 0);
  assert.deepEqual(await stopped.ended, { code: 0, stdout: "slow  stopped\n", stderr: "" });
  const unknown = await stage.cli("wait", "slwo");
  assert.equal(unknown.code, 4);
  assert.match(unknown.stderr, /did you mean "slow"/);
});

e2e("signal reaches the whole process group of a service, and says where there is none", async (stage) => {
  const helper = `trap 'echo helper hup' HUP; echo helper up; while :; do sleep 0.02; done`;
  stage.write(
    "daemon.toml",
    `
name = "group"
[service.pair]
run = ["sh", "-c", "trap 'echo leader hup' HUP; sh helper.sh & while :; do sleep 0.02; done"]
ready = { log = "^helper up" }
[service.off]
run = "exec sleep 1000"
`,
  );
  stage.write("helper.sh", helper);
  const daemon = await stage.startDaemon();
  assert.equal((await stage.cli("stop", "off")).code, 0);
  const sent = await stage.cli("signal", "HUP", "pair");
  assert.deepEqual([sent.code, sent.stdout], [0, "pair  sent SIGHUP\n"], sent.stderr);
  await Promise.all([daemon.until(/leader hup/), daemon.until(/helper hup/)]);

  const all = await stage.cli("signal", "1", "--all");
  assert.equal(all.code, 1);
  assert.match(all.stdout, /^pair {2}sent SIGHUP\noff {3}not running: stopped/);
  const none = await stage.cli("signal", "HUPP", "pair");
  assert.equal(none.code, 2);
  assert.match(none.stderr, /did you mean HUP\?/);
});
