import assert from "node:assert/strict";
import { loadConfig } from "../../src/settings/load_config.ts";
import { test } from "../harness.ts";
import { keys, tomlOf } from "../tools/reference.ts";
import { hostOf } from "./config_files.ts";

/** Keys that can't stand alone, by their table or by their path, with what stands beside them. */
const BESIDE: Record<string, string> = {
  "listen.NAME": 'address = "127.0.0.1:9901"',
  "listen.NAME.address": "",
  "listen.NAME.mode": 'address = "unix:http.sock"',
  "listen.NAME.group": 'address = "unix:http.sock"',
  "service.NAME.ready.every": 'tcp = "80"',
  "service.NAME.ready.timeout": 'tcp = "80"',
  "service.NAME.ready.owner": 'tcp = "80"',
};

test("every example and every default of docs/reference loads as it stands there", async () => {
  for (const { path, leaf } of keys()) {
    const [table, key] = [path.split(".").slice(0, -1).join("."), path.split(".").at(-1)!];
    const beside = BESIDE[path] ?? BESIDE[table] ?? "";
    const isCommand = path === "service.NAME.run" || path === "service.NAME.module";
    for (const example of [leaf.facts.example, leaf.facts.default].filter((each) => each !== undefined)) {
      const text = [
        ...table === "" ? [`${key} = ${tomlOf(example)}`] : [],
        "[service.NAME]",
        ...isCommand ? [] : ["run = 'x'"],
        "port = 3001",
        ...table === "" ? [] : [...table === "service.NAME" ? [] : [`[${table}]`], `${key} = ${tomlOf(example)}`, beside],
        "[service.db]",
        "run = 'db'",
      ].filter((line) => !(path === "service.NAME.port" && line === "port = 3001")).join("\n");
      const { config } = await loadConfig(hostOf({ "/etc/app/daemon.toml": text })).catch((error) =>
        assert.fail(`${text}\n${error.message}`)
      );
      assert.ok(config, path);
    }
  }
});
