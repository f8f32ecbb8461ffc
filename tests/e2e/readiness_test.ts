/** Readiness of services, and the reasons of those that are not ready, on real programs. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { e2e } from "./driver.ts";
import { unitsOf, untilUnits } from "./units.ts";

e2e(
  "a line with colours and a line without an end make ready, and the latter is in logs and in the file while the program waits",
  async (stage) => {
    stage.write(
      "daemon.toml",
      `name = "lines"\n[service.vite]\nrun = '''printf '\\033[2mready in\\033[22m \\033[1m312\\033[22m ms\\n'; exec sleep 1000'''\n` +
        `ready = { log = '^ready in \\d+ ms$' }\n` +
        `[service.ask]\nrun = "printf 'Passphrase für db: '; exec sleep 1000"\nready = { log = "db: $" }\nlog = { file = "ask.log" }\n`,
    );
    await stage.startDaemon();
    assert.deepEqual(Object.values(await unitsOf(stage)).map(({ state, ready }) => [state, ready]), Array(2).fill(["running", true]));
    const { stdout } = await stage.cli("logs", "ask");
    assert.match(stdout, /Passphrase für db: $/m);
    assert.equal((await stage.cli("down")).code, 0);
    assert.match(readFileSync(join(stage.folder, "ask.log"), "utf8"), /^\S+ stdout Passphrase für db: \n$/);
  },
);

e2e("why a service is not ready is told while it starts, when its time is over, and by what comes after it", async (stage) => {
  const service = (name: string, keys: string) => `[service.${name}]\nrun = ["sleep", "1000"]\nrestart = "never"\n${keys}\n`;
  stage.write(
    "daemon.toml",
    `name = "why"\n` +
      service("refused", `ready = { tcp = "127.0.0.1:1", timeout = "5s" }`) +
      service("check", `ready = { exec = "echo no table >&2; exit 3", every = "50ms", timeout = "5s" }`) +
      service("silent", `ready = { log = "listening", timeout = "300ms" }`) +
      service("web", `after = ["silent"]`) +
      service("slow", `ready = { log = "listening", timeout = "60s" }`),
  );
  const daemon = stage.start("run");
  await daemon.until(/web skipped/);
  const units = await untilUnits(stage, ({ refused, check, web, slow }) => {
    return [refused, check].every(({ state }) => state === "failed") && web.state === "skipped" && slow.state === "starting";
  });
  assert.equal(units.refused.reason, "Cannot start refused as it was not ready within 5s: connection refused by 127.0.0.1:1");
  assert.match(units.check.reason, /not ready within 5s: .* exited with code 3: no table$/);
  assert.equal(units.silent.reason, "Cannot start silent as it was not ready within 300ms: no line matched /listening/");
  assert.equal(units.web.reason, "silent failed: was not ready within 300ms: no line matched /listening/");
  assert.equal(units.slow.reason, "is not ready yet: no line matched /listening/");
  assert.match((await stage.cli("events")).stdout, /refused +failed: .*connection refused by 127\.0\.0\.1:1/);
  daemon.kill("SIGTERM");
  await daemon.ended;
});

e2e("a probe is not satisfied by somebody else who listens there, names them, and is by the service's own child", async (stage) => {
  const server = createServer((socket) => socket.end());
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  try {
    const fixture = fileURLToPath(new URL("../fixtures/listener.ts", import.meta.url));
    const runtime = "Deno" in globalThis ? [process.execPath, "run", "-A", "--no-check"] : [process.execPath];
    const run = JSON.stringify([...runtime, fixture, String(port)]);
    const service = (name: string, keys: string) => `[service.${name}]\nrestart = "never"\n${keys}\n`;
    stage.write(
      "daemon.toml",
      `name = "owner"\n` +
        service("dies", `run = ${run}\nready = { tcp = "127.0.0.1:${port}", every = "20ms", timeout = "30s" }`) +
        service("sleeps", `run = ["sleep", "1000"]\nready = { tcp = "127.0.0.1:${port}", every = "20ms", timeout = "3s" }`) +
        service("web", `run = ["sleep", "1000"]\nafter = ["dies"]`) +
        service("outside", `run = ["sleep", "1000"]\nready = { tcp = "127.0.0.1:${port}", owner = "any" }`),
    );
    const daemon = stage.start("run");
    await daemon.until(/web skipped/);
    const units = await untilUnits(
      stage,
      ({ dies, sleeps, outside }) => dies.state === "failed" && sleeps.state === "failed" && outside.ready === true,
    );
    const holder = new RegExp(`127\\.0\\.0\\.1:${port}.* pid ${process.pid} `);
    assert.match(units.dies.reason, holder);
    assert.match(units.dies.reason, /owner = "any"/);
    assert.match(units.sleeps.reason, holder);
    assert.match(units.sleeps.reason, /owner = "any"/);
    assert.equal(units.web.state, "skipped");

    // Once the port is free, the service's own listener counts, also in a child of its program.
    await new Promise((resolve) => server.close(resolve));
    const child = service(
      "child",
      `run = "${runtime.join(" ")} ${fixture} ${port} & wait"\nready = { tcp = "127.0.0.1:${port}", every = "20ms" }`,
    );
    stage.write("daemon.toml", `name = "owner"\n${child}`);
    assert.equal((await stage.cli("reload")).code, 0);
    await untilUnits(stage, ({ child }) => child?.ready === true);
    daemon.kill("SIGTERM");
    await daemon.ended;
  } finally {
    server.close();
  }
});
