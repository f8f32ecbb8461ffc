import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { RestartPolicy } from "../../src/core/supervise/restart.ts";
import { RESTART } from "../../src/service/keys.ts";
import { serviceSpec } from "../../src/service/make_spec.ts";
import type { ServiceOptions } from "../../src/service/options.ts";

test("serviceSpec: what [service.*] refuses is refused in code too, with the name of the service and of the option", () => {
  const rows: [key: string, options: Partial<ServiceOptions>][] = [
    ["run", { run: "" }],
    ["run", { run: [] }],
    ["run", { module: "api.ts" }],
    ["module", { run: undefined, module: "" }],
    ["module", { run: undefined, module: "api.ts", user: "www" }],
    ["leftover", { run: undefined, module: "api.ts", leftover: "adopt" }],
    ["instances", { instances: 0 }],
    ["port", { port: 65_535, instances: 2 }],
    ["port", { log: { file: "{port}.log" } }],
    ["stop.run", { stop: { run: [] } }],
    ["stop.signal", { stop: { signal: "TERM" as never } }],
    ["stop.killMode", { stop: { killMode: "none" as never } }],
    ["successExitCodes", { successExitCodes: [256] }],
    ["umask", { umask: "028" }],
    ["umask", { umask: 0o1000 }],
    ["nice", { nice: 20 }],
    ["rlimits", { rlimits: { rss: 1 } as never }],
    ["oomScoreAdj", { oomScoreAdj: -1_001 }],
    ["log.maxLine", { log: { maxLine: 15 } }],
    ["log.file", { log: { file: "" } }],
    ["log.maxSize", { log: { maxSize: 0 } }],
    ["log.maxTotal", { log: { maxSize: "20MB", maxTotal: "10MB" } }],
    ["log.keep", { log: { keep: -1 } }],
    ["log.format", { log: { format: "xml" as never } }],
    ["ready", { ready: {} }],
    ["ready", { ready: { tcp: 80, log: "up" } }],
    ["ready.exec", { ready: { exec: [] } }],
    ["ready.every", { ready: { tcp: 80, every: 0 } }],
    ["ready.timeout", { ready: { tcp: 80, timeout: "0s" } }],
  ];
  for (const [key, options] of rows) {
    assert.throws(
      () => serviceSpec("api", { run: "serve", ...options }, "/"),
      (error) => error instanceof RangeError && error.message.startsWith(`Cannot add service "api" as "${key}" must`),
      JSON.stringify(options),
    );
  }
});

test("serviceSpec: the defaults of a restart policy are those that its keys declare", () => {
  const declared = Object.fromEntries(Object.entries(RESTART.defaults).filter(([name]) => name !== "policy"));
  assert.deepEqual(new RestartPolicy("on-failure", declared), RestartPolicy.OnFailure);
  assert.equal(RESTART.defaults.policy, serviceSpec("api", { run: "x" }, "/").restart.when);
});
