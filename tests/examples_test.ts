import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import process from "node:process";
import { test } from "./harness.ts";
import { ROOT } from "./tools/runtimes.ts";

/** Output and end of a program. */
interface Ended {
  code: number | null;
  output: string;
}

/** Argv that runs a TypeScript file on the runtime of this test. */
const RUN = "Deno" in globalThis ? [process.execPath, "run", "-A"] : [process.execPath];

/** Runs an example to its end, and asks it to end by one SIGTERM once it has printed `stopAt`. */
function run(
  args: string[],
  { env = {}, stopAt, beforeStop }: { env?: Record<string, string>; stopAt?: string; beforeStop?: () => Promise<void> } = {},
): Promise<Ended> {
  const [command, ...rest] = [...RUN, ...args];
  const child = spawn(command, rest, { cwd: ROOT, env: { ...process.env, NO_COLOR: "1", ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let isTold = false;
  let failure: unknown;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      output += text;
      if (isTold || stopAt === undefined || !output.includes(stopAt)) return;
      isTold = true;
      // Not child.kill(): Deno then takes the signal for the end, whatever the exit code.
      const stop = () => void process.kill(child.pid!, "SIGTERM");
      void Promise.resolve(beforeStop?.()).catch((error) => failure = error).then(stop);
    });
  }
  return new Promise((resolve, reject) => {
    child.on("close", (code) => failure === undefined ? resolve({ code, output }) : reject(failure));
  });
}

/** Calls `body` with a copy of a sample's folder and an environment whose state lies in it too, so that both runtimes can use it at once. */
async function withCopy(sample: string, body: (file: string, env: Record<string, string>) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(`${tmpdir()}/daemonkit-example-`);
  try {
    cpSync(`${ROOT}/examples/${sample}`, folder, { recursive: true });
    await body(`${folder}/daemon.toml`, { DAEMON_STATE_DIR: `${folder}/state`, XDG_RUNTIME_DIR: folder });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("examples/simple.ts ends by itself after the ticks it was asked for", async () => {
  const { code, output } = await run(["examples/simple.ts", "1"]);
  assert.equal(code, 0, output);
  assert.match(output, /tick/);
  assert.match(output, /exit code 0/);
});

test("examples/metrics_server.ts answers, counts what it answered, and stops gracefully on SIGTERM", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const url = `http://127.0.0.1:${port}`;
  const ask = async (path: string) => {
    const response = await fetch(url + path);
    return `${response.status} ${await response.text()}`;
  };
  let metrics = "";
  const { code, output } = await run(["examples/metrics_server.ts", `${port}`], {
    stopAt: "every unit has started",
    beforeStop: async () => {
      for (const [path, answer] of [["/", "200 hello\n"], ["/healthz", "200 ok\n"], ["/readyz", "200 ready\n"]]) {
        assert.equal(await ask(path), answer);
      }
      metrics = await ask("/metrics");
    },
  });
  assert.equal(code, 0, output);
  assert.match(metrics, /^visits_total\{page="home"\} 1$/m);
  assert.match(metrics, /^request_latency_seconds_count\{server="web",method="GET",status="200"\} 3$/m);
  assert.match(metrics, /^queue_depth 3$/m);
});

test("examples/hot_reload.ts shows the settings before and after a save", async () => {
  const { code, output } = await run(["examples/hot_reload.ts"]);
  assert.equal(code, 0, output);
  assert.match(output, /log level before: info, after: debug\n/);
});

test("examples/simple.ts stops gracefully on SIGTERM", async () => {
  const { code, output } = await run(["examples/simple.ts"], { stopAt: "ready" });
  assert.equal(code, 0, output);
  assert.match(output, /stopped as received SIGTERM/);
});

test("examples/comprehensive.ts asserts its own story", async () => {
  const { code, output } = await run(["examples/comprehensive.ts"]);
  assert.equal(code, 0, output);
  assert.match(output, /the fourth attempt went well/);
});

const samples = readdirSync(`${ROOT}/examples`, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
for (const sample of samples) {
  test(`examples/${sample}/daemon.toml is valid`, () =>
    withCopy(sample, async (file, env) => {
      const { code, output } = await run(["cli.ts", "validate", file], { env });
      assert.equal(code, 0, output);
    }));
}

test("examples/quick-start/daemon.toml has at most 12 lines", () => {
  const lines = readFileSync(`${ROOT}/examples/quick-start/daemon.toml`, "utf8").trimEnd().split("\n");
  assert.ok(lines.length <= 12, `it has ${lines.length}`);
});

test("examples/quick-start runs: web starts once db is ready, and both stop on SIGTERM", () =>
  withCopy("quick-start", async (file, env) => {
    const { code, output } = await run(["cli.ts", "run", file], { env, stopAt: "so here I am" });
    assert.equal(code, 0, output);
    const order = ["warming up", "ready", "so here I am"].map((text) => output.indexOf(text));
    assert.deepEqual(order, [...order].sort((a, b) => a - b), output);
  }));

test("examples/services runs: it fans out, and the one that fails leaves the others alone", () =>
  withCopy("services", async (file, env) => {
    const { code, output } = await run(["cli.ts", "run", file], { env, stopAt: "everything is up" });
    assert.equal(code, 0, output);
    assert.match(output, /open for business/);
  }));

test("examples/readiness runs: the engine's listener makes the container ready, and who must live for a time is waited for", () =>
  withCopy("readiness", async (file, env) => {
    const engine = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => void engine.listen(0, "127.0.0.1", () => resolve()));
    const { port } = engine.address() as AddressInfo;
    try {
      const bin = dirname(file);
      writeFileSync(`${bin}/docker`, '#!/bin/sh\necho "docker $*"\nexec sleep 1000\n', { mode: 0o755 });
      const { code, output } = await run(["cli.ts", "run", file, "--set", `service.cache.port=${port}`], {
        env: { ...env, PATH: `${bin}:${process.env.PATH}` },
        stopAt: "cache and worker are ready",
      });
      assert.equal(code, 0, output);
      assert.match(output, new RegExp(`docker run --rm --init -p 127\\.0\\.0\\.1:${port}:6379 redis:8`));
      const order = ["docker run", "at work", "cache and worker are ready"].map((text) => output.indexOf(text));
      assert.deepEqual(order, [...order].sort((a, b) => a - b), output);
    } finally {
      engine.close();
    }
  }));
