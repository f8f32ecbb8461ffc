import assert from "node:assert/strict";
import type { Feature } from "../../src/core/feature.ts";
import { registration } from "../../src/core/supervise/registration.ts";
import { FEATURES } from "../../src/daemon/features.ts";
import { test } from "../harness.ts";
import { Rig } from "./rig.ts";

/** All that it takes to add a unit, a series, a route, facts for the status and a notice to a daemon, and to hear of reloads. */
function greeter(told: string[]): Feature {
  let greetings = 0;
  const unit = registration({ name: "greeter", run: (context) => context.cancelled() }, "greeter");
  return {
    name: "greeter",
    open: () => ({
      units: () => [unit],
      check: () => {
        if (told.includes("refuse")) throw new Error("the greeter is not in the mood");
        told.push("checked");
      },
      change: () => (told.push("changed"), { units: [unit], restart: new Set() }),
      metrics: () => [{ name: "greetings_total", type: "counter", help: "Greetings.", labels: [], read: (add) => add(greetings) }],
      routes: () => [{ method: "POST", path: "/v1/greeter/greet", answer: () => Response.json({ greetings: ++greetings }) }],
      details: () => ({ greetings }),
      notice: () => greetings > 1 ? "the greeter is tired" : undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(void told.push("closed")),
    }),
  };
}

const TOML = `name = "polite"\n[listen.sock]\naddress = "unix:x.sock"\nallow = ["health", "metrics", "control"]\n`;
const SOCK = { unix: "/etc/app/x.sock" };

test("a feature of twenty lines adds a unit, a series, a route, facts, a notice, and has its say in a reload", async () => {
  const told: string[] = [];
  const rig = new Rig();
  rig.features = [...FEATURES, { name: "greeter", load: () => greeter(told) }];
  await rig.run(TOML);
  const ask = async (path: string, method: string = "GET") => {
    const response = await rig.host.http.request(SOCK, path, { method });
    return { status: response.status, text: await response.text() };
  };

  assert.deepEqual(rig.daemon.subsystems().map(({ name, kind, state }) => [name, kind, state]), [["greeter", "greeter", "running"]]);
  assert.deepEqual(await ask("/v1/greeter/greet", "POST"), { status: 200, text: `{"greetings":1}` });
  assert.equal((await ask("/v1/greeter/greet")).status, 404);
  assert.match((await ask("/metrics")).text, /^# TYPE greetings_total counter\ngreetings_total 1$/m);
  assert.deepEqual(rig.daemon.operations.status().features, { greeter: { greetings: 1 } });
  assert.deepEqual(rig.daemon.operations.status().notices, []);
  await ask("/v1/greeter/greet", "POST");
  assert.deepEqual(rig.daemon.operations.status().notices, ["the greeter is tired"]);

  rig.write(`${TOML}[logging]\nlevel = "debug"\n`);
  await rig.daemon.reload();
  assert.deepEqual(told, ["checked", "changed"]);
  assert.deepEqual(rig.daemon.subsystems().map(({ run }) => run), [1]);

  told.push("refuse");
  rig.write(TOML);
  await assert.rejects(rig.daemon.reload(), /not in the mood/);
  assert.equal(rig.daemon.config.logging.level, "debug");

  assert.equal((await rig.stop()).exitCode, 0);
  assert.equal(told.at(-1), "closed");
});
