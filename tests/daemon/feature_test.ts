import assert from "node:assert/strict";
import { integer, oneOf, text } from "../../src/schema/shapes.ts";
import { keyOf, map, table } from "../../src/schema/table.ts";
import type { Feature, FeatureSettings } from "../../src/core/feature.ts";
import { json, route, serve } from "../../src/core/wire/route.ts";
import { shape } from "../../src/core/wire/shape.ts";
import { registration } from "../../src/core/supervise/registration.ts";
import { ConfigError } from "../../src/core/values/errors.ts";
import { FEATURES } from "../../src/daemon/features.ts";
import { FEATURE_TABLES } from "../../src/settings/feature_tables.ts";
import { test } from "../harness.ts";
import { Rig } from "./rig.ts";

/** Its table in the configuration file. */
const TABLE = table<{ words: string; tongue: "en" | "de" }>({
  words: keyOf("live")("The words of a greeting.", text(), { default: "hello" }),
  tongue: keyOf("daemon")("The language.", oneOf(["en", "de"]), { default: "en" }),
}, { expects: "a table of greetings" });

/** Its route, as it is served, checked and documented. */
const GREET = route({
  method: "POST",
  path: "/v1/greeter/greet",
  group: "greeter",
  access: "control",
  summary: "Greets.",
  query: { words: shape.optional(shape.text("Other words for this once.")) },
  answers: [json(shape.object({ words: shape.text("What was said."), greetings: shape.integer("How often.") }), "The greeting.")],
  example: { path: "/v1/greeter/greet", answer: { words: "hello", greetings: 1 } },
});

/** All that it takes to add a table, a unit, a series, a route, a check, facts for the status and a notice to a daemon. */
function greeter(told: string[]): Feature {
  let greetings = 0;
  let words = "";
  const wordsIn = ({ configured }: FeatureSettings) => (configured as { words?: string }).words ?? "hello";
  const unit = registration({ name: "greeter", run: (context) => context.cancelled() }, "greeter");
  return {
    name: "greeter",
    open: (settings) => ({
      units: () => (words = wordsIn(settings), [unit]),
      check: () => {
        if (told.includes("refuse")) throw new Error("the greeter is not in the mood");
        told.push("checked");
      },
      change: (next) => (words = wordsIn(next), { units: [unit], restart: new Set() }),
      metrics: () => [{ name: "greetings_total", type: "counter", help: "Greetings.", labels: [], read: (add) => add(greetings) }],
      routes: () => [serve(GREET, ({ query }) => ({ words: query.words ?? words, greetings: ++greetings }))],
      details: () => ({ greetings }),
      notices: () => greetings > 1 ? ["the greeter is tired"] : [],
      health: () => [{ name: "voice", ok: greetings < 3, reason: greetings < 3 ? "clear" : "hoarse" }],
      [Symbol.asyncDispose]: () => Promise.resolve(void told.push("closed")),
    }),
  };
}

test("every table of a feature is that of one which a daemon opens", () => {
  const names = FEATURES.map(({ name }) => name);
  for (const { name } of FEATURE_TABLES) assert.ok(names.includes(name), name);
});

const TOML = `name = "polite"\n[listen.sock]\naddress = "unix:x.sock"\nallow = ["health", "metrics", "control"]\n`;
const SOCK = { unix: "/etc/app/x.sock" };

test("a feature of twenty lines adds a table, a unit, a series, a route, a check, facts, a notice and a live key", async () => {
  const told: string[] = [];
  const rig = new Rig();
  rig.features = [...FEATURES, { name: "greeter", load: () => greeter(told) }];
  rig.tables = [{ name: "greeter", node: TABLE }];
  await rig.run(TOML);
  const ask = async (path: string, method: string = "GET") => {
    const response = await rig.host.http.request(SOCK, path, { method });
    return { status: response.status, text: await response.text() };
  };

  assert.deepEqual(rig.daemon.subsystems().map(({ name, kind, state }) => [name, kind, state]), [["greeter", "greeter", "running"]]);
  assert.deepEqual(await ask("/v1/greeter/greet", "POST"), { status: 200, text: `{"words":"hello","greetings":1}` });
  assert.equal((await ask("/v1/greeter/greet")).status, 404);
  assert.match((await ask("/v1/greeter/greet?word=hi", "POST")).text, /it has no parameter \\"word\\": did you mean words\?/);
  const { paths } = JSON.parse((await ask("/v1/openapi.json")).text);
  assert.equal(paths["/v1/greeter/greet"].post.summary, "Greets.");
  assert.match((await ask("/metrics")).text, /^# TYPE greetings_total counter\ngreetings_total 1$/m);
  assert.deepEqual(rig.daemon.operations.status().features, { greeter: { greetings: 1 } });
  assert.deepEqual(rig.daemon.operations.status().notices, []);
  assert.deepEqual(await ask("/readyz"), { status: 200, text: "ok\n" });
  await ask("/v1/greeter/greet", "POST");
  assert.deepEqual(rig.daemon.operations.status().notices, ["the greeter is tired"]);

  rig.write(`${TOML}[logging]\nlevel = "debug"\n`);
  await rig.daemon.reload();
  assert.deepEqual(told, ["checked"]);
  assert.deepEqual(rig.daemon.subsystems().map(({ run }) => run), [1]);

  // A key of its own takes effect at once, by the class that its table says, and others wait.
  rig.write(`${TOML}[greeter]\nwords = "good evening"\ntongue = "de"\n`);
  const { changes } = await rig.daemon.reload();
  assert.deepEqual(changes.map(({ name, effect }) => [name, effect]).sort(), [["greeter.tongue", "daemon"], ["greeter.words", "live"], [
    "logging.level",
    "live",
  ]]);
  assert.match((await ask("/v1/greeter/greet", "POST")).text, /"words":"good evening"/);
  // A check of its own counts like a unit.
  assert.deepEqual(await ask("/readyz"), { status: 503, text: "not ready: voice (hoarse)\n" });
  assert.equal(rig.daemon.operations.status().ready, false);
  rig.write(`${TOML}[greeter]\nword = 1\n`);
  await assert.rejects(rig.daemon.reload(), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(error.issues.map(({ path, hint }) => [path, hint]), [["greeter.word", 'write words = "1"']]);
    return true;
  });

  told.push("refuse");
  rig.write(TOML);
  await assert.rejects(rig.daemon.reload(), /not in the mood/);
  assert.match((await ask("/v1/greeter/greet", "POST")).text, /"words":"good evening"/);

  assert.equal((await rig.stop()).exitCode, 0);
  assert.equal(told.at(-1), "closed");
});

/** Keys of the units of a further feature. */
const PUMP = table<{ rate: number }>({ rate: keyOf("unit")("How much it pumps.", integer(1), { default: 1 }) });

test("only units of the table that has changed run afresh, also where another table has an entry of that name", async () => {
  const told: string[][] = [];
  const rig = new Rig();
  const pump: Feature = { name: "pump", open: () => ({ change: (_next, afresh) => void told.push([...afresh]) }) };
  rig.features = [...FEATURES, { name: "pump", load: () => pump }];
  rig.tables = [{ name: "pump", node: map(PUMP, { expects: "tables [pump.NAME]", isOfUnits: true }) }];
  const file = (rate: number, env: string) => `[service.a]\nrun = ["serve"]\nenv = { A = "${env}" }\n[pump.a]\nrate = ${rate}\n`;
  await rig.run(file(1, "x"));
  const runs = () => rig.daemon.subsystems().map(({ run }) => run);

  rig.write(file(2, "x"));
  assert.deepEqual((await rig.daemon.reload()).changes.map(({ name, effect }) => [name, effect]), [["pump.a", "restart"]]);
  assert.deepEqual([told, runs()], [[["a"]], [1]]);

  rig.write(file(2, "y"));
  assert.deepEqual((await rig.daemon.reload()).changes.map(({ name, effect }) => [name, effect]), [["service.a", "restart"]]);
  await rig.until(() => runs()[0] === 2);
  assert.deepEqual(told, [["a"], []]);
  await rig.stop();
});
