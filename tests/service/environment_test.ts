import assert from "node:assert/strict";
import type { Host } from "../../src/core/ports/host.ts";
import { expand, serviceEnvironment } from "../../src/service/environment.ts";
import { serviceSpec } from "../../src/service/make_spec.ts";
import { FakeFiles } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

test("expand: port and instance wherever they stand, every other brace as it is", () => {
  const text = "{port}-{instance}-{port} {{port}} {Port} ${port} {other}";
  assert.equal(expand(text, { port: 80, instance: 2 }), "80-2-80 {{port}} {Port} ${port} {other}");
  assert.equal(expand(text, { port: undefined, instance: 0 }), "{port}-0-{port} {{port}} {Port} ${port} {other}");
});

test("serviceEnvironment says why an env file can't be read, and not just that", async () => {
  const files = new FakeFiles();
  files.putOther("/app/.env", "pipe");
  using _fault = files.failReads("/app/.env", "TIMEOUT");
  const host = { files, env: { all: () => ({}) } } as unknown as Host;
  const cause = await files.read("/app/.env").catch((error: Error) => error.message);
  const spec = serviceSpec("api", { run: ["x"], envFile: [".env"] }, "/app");
  await assert.rejects(
    serviceEnvironment(spec, host, {
      unit: "api",
      unitValue: "demo/api/1",
      port: undefined,
      instance: 0,
      socket: undefined,
      user: undefined,
    }),
    {
      code: "TIMEOUT",
      message: `Cannot start api as its env_file must be readable: ${cause}`,
    },
  );
});
