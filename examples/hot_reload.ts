/**
 * A daemon of a file that follows the file: it writes one into a folder of its own, changes it while it runs, and shows the settings before
 * and after. It ends by itself.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Daemon } from "@daemonkit/daemonkit";

const folder = mkdtempSync(`${tmpdir()}/daemonkit-hot-reload-`);
const write = (level: string, greeting: string) =>
  writeFileSync(
    `${folder}/daemon.toml`,
    `name = "hot"
hot_reload = true
state_dir = "state"
[logging]
level = "${level}"
[service.greeter]
run = 'while sleep 0.2; do echo "${greeting}"; done'
`,
  );

write("info", "good morning");
const builder = await Daemon.load(`${folder}/daemon.toml`);
const reloaded = Promise.withResolvers<void>();
builder.onEvent((event) => {
  if (event.type === "config.reload" && event.outcome === "applied") reloaded.resolve();
});
const daemon = await builder.build().start({ ownsProcess: true });
const before = daemon.config;

write("debug", "good evening");
await reloaded.promise;
console.log(`log level before: ${before.logging.level}, after: ${daemon.config.logging.level}`);
assert.deepEqual([before.logging.level, daemon.config.logging.level], ["info", "debug"]);

daemon.shutdown("shown");
const { exitCode } = await daemon.wait();
rmSync(folder, { recursive: true });
console.log(`exit code ${exitCode}`);
