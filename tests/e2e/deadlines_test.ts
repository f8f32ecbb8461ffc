import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { e2e } from "./driver.ts";

/** A program that needs a while to write what it has, once it is told to stop; it has said so before it is ready. */
const flushing = (seconds: number) =>
  `["sh", "-c", "trap 'sleep ${seconds}; touch flushed; exit 0' TERM; echo up; while :; do sleep 0.1; done"]\nready = { log = "^up" }\n`;

e2e("down lets a service flush for as long as its stop.timeout says, which nothing that nobody set cuts short", async (stage) => {
  stage.write("daemon.toml", `name = "flush"\n[service.web]\nrun = ${flushing(11)}stop = { timeout = "25s" }\n`);
  assert.equal((await stage.cli("up")).code, 0);
  const { code, stdout } = await stage.cli("down");
  assert.equal(code, 0, stdout);
  assert.ok(existsSync(join(stage.folder, "flushed")));
});

e2e("who is killed when the daemon stops is named by down, with 1, and validate has warned of the deadline that was set", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "cut"\n[shutdown]\ntimeout = "500ms"\nforce_timeout = "1s"\n[service.web]\nrun = ${flushing(30)}stop = { timeout = "25s" }\n`,
  );
  assert.match(
    (await stage.cli("validate")).stderr,
    /warning: shutdown\.force_timeout_ms = 1000 is shorter than the stop\.timeout of service\.web/,
  );
  assert.equal((await stage.cli("up")).code, 0);
  const { code, stdout } = await stage.cli("down");
  assert.equal(code, 1, stdout);
  assert.match(stdout, /killed, as they did not stop in their time: web/);
  assert.ok(!existsSync(join(stage.folder, "flushed")));
});
