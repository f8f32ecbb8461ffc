import assert from "node:assert/strict";
import type { FeatureTable } from "../../src/schema/feature_table.ts";
import { duration, integer, text } from "../../src/schema/shapes.ts";
import { keyOf, map, table } from "../../src/schema/table.ts";
import { durationMs } from "../../src/core/values/duration.ts";
import { ConfigError } from "../../src/core/values/errors.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import { reloadPlan } from "../../src/settings/reload_plan.ts";
import { test } from "../harness.ts";
import { hostOf } from "./config_files.ts";

const PATH = "/etc/app/daemon.toml";
const GREETER = table<{ words: string; tongue: string }>({
  words: keyOf("live")("The words of a greeting.", text(), { default: "hello" }),
  tongue: keyOf("daemon")("The language.", text(), { default: "en" }),
});
const PUMP = table<{ rate: number; patience: number | string }>({
  rate: keyOf("unit")("How much it pumps.", integer(1), { default: 1 }),
  patience: keyOf("live")("How long it has to stop.", duration(), { example: "30s" }),
});
const TABLES: readonly FeatureTable[] = [
  { name: "greeter", node: GREETER, aliases: ["hello"] },
  {
    name: "pump",
    node: map(PUMP, { expects: "tables [pump.NAME]", isOfUnits: true }),
    template: PUMP,
    read: ({ table, defaults, baseDir }) => {
      const entries = Object.fromEntries(Object.entries(table).map(([name, own]) => [name, { ...defaults, ...own as object }]));
      const pumps = Object.entries(entries).map(([name, own]) => ({ name, ...own as { rate?: number; patience?: string } }));
      return {
        settings: { baseDir, pumps },
        entries,
        problems: pumps.filter(({ rate }) => rate === 13).map(({ name }) => ({
          path: ["pump", name, "rate"],
          message: "expected luck, got 13",
        })),
        stops: pumps.flatMap(({ name, patience }) =>
          patience === undefined ? [] : [{ name: `pump.${name}`, stopMs: durationMs(patience) }]
        ),
      };
    },
  },
];

test("a table of a feature is loaded, inherited, explained, settled and compared as those that every daemon has", async () => {
  const texts = { [PATH]: '[greeter]\nwords = "hi"\n[defaults.pump]\nrate = 5\n[pump.a]\npatience = "40s"\n[pump.b]\nrate = 7' };
  const loaded = await loadConfig(hostOf(texts), { tables: TABLES });
  assert.deepEqual(loaded.features.greeter, { words: "hi", tongue: "en" });
  assert.deepEqual(loaded.features.pump, {
    baseDir: "/etc/app",
    pumps: [{ name: "a", rate: 5, patience: "40s" }, { name: "b", rate: 7 }],
  });
  assert.deepEqual([loaded.services, loaded.listeners.length], [[], 1]);
  // The shutdown leaves it its time.
  assert.equal(loaded.config.shutdown.timeoutMs, 41_000);
  assert.match((await loaded.explain("shutdown.timeout_ms")).note!, /stop\.timeout of pump\.a/);
  assert.deepEqual(await loaded.explain("pump.a.rate"), {
    key: "pump.a.rate",
    value: 5,
    source: "daemon.toml:4:8",
    overridden: [{ value: 1, source: "default" }],
  });

  // A key that waits for a restart of the daemon keeps its value in the settings of the feature too.
  texts[PATH] = '[greeter]\nwords = "good evening"\ntongue = "de"\n[pump.a]\nrate = 9\n[pump.c]';
  const again = await loaded.again();
  assert.deepEqual(again.features.greeter, { words: "good evening", tongue: "en" });
  const { changes, unchanged } = reloadPlan(loaded, again);
  assert.deepEqual(changes.map(({ kind, name, effect }) => `${kind} ${name} ${effect}`).sort(), [
    "added pump.c start",
    "changed greeter.tongue daemon",
    "changed greeter.words live",
    "changed pump.a restart",
    "changed shutdown.force_timeout_ms live",
    "changed shutdown.kill_timeout_ms live",
    "changed shutdown.timeout_ms live",
    "removed pump.b stop",
  ]);
  assert.equal(unchanged, 0);
});

test("a mistake in a table of a feature has its place and a hint, by its keys, its rules and its names", async () => {
  const rows: [text: string, issue: string][] = [
    ["[greter]\nwords = 'x'", 'daemon.toml:1:2 greter: expected a known key, got "greter"; did you mean greeter?'],
    ["[hello]\nwords = 'x'", 'daemon.toml:1:2 hello: expected a known key, got "hello"; use greeter'],
    ["[pump.a]\nrate = 0", "daemon.toml:2:8 pump.a.rate: expected an integer >= 1, got 0"],
    ["[pump.a]\nrate = 13", "daemon.toml:2:8 pump.a.rate: expected luck, got 13"],
    ["[defaults.pump]\nrate = 13\n[pump.a]", "daemon.toml:2:8 defaults.pump.rate: expected luck, got 13"],
  ];
  for (const [text, issue] of rows) {
    const error = await loadConfig(hostOf({ [PATH]: text }), { tables: TABLES }).then(() => assert.fail(text), (error) => error);
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(error.issues.map(({ source, path, message, hint }) => `${source} ${path}: ${message}${hint ? `; ${hint}` : ""}`), [
      issue,
    ]);
  }
});
