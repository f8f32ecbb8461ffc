import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "../harness.ts";
import { ConfigError } from "../../src/core/values/errors.ts";
import { Config } from "../../src/settings/config.ts";

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "daemonkit-config-"));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("Config.loadFromFile reads the file and its local overlay from the disk", () =>
  withFolder(async (folder) => {
    writeFileSync(join(folder, "app.toml"), 'name = "disk"\n[logging]\nlevel = "warn"\nfile = "app.log"\n');
    writeFileSync(join(folder, "app.local.toml"), '[logging]\nlevel = "debug"\n');
    const config = await Config.loadFromFile(join(folder, "app.toml"));
    assert.deepEqual([config.name, config.logging.level, config.logging.file], ["disk", "debug", join(folder, "app.log")]);
    assert.equal((await config.explain("logging.level")).source, `${join(folder, "app.local.toml")}:2:9`);
  }));

test("Config.loadFromFile: a missing file, a mistake and an unreadable file are three different errors", () =>
  withFolder(async (folder) => {
    const codeOf = async (name: string): Promise<unknown> => {
      const error: unknown = await Config.loadFromFile(join(folder, name)).catch((error) => error);
      return error instanceof ConfigError ? `${error.name} ${error.code}` : error;
    };
    writeFileSync(join(folder, "bad.toml"), "nam = 1");
    mkdirSync(join(folder, "folder.toml"));
    assert.equal(await codeOf("missing.toml"), "ConfigError CONFIG_NOT_FOUND");
    assert.equal(await codeOf("bad.toml"), "ConfigError CONFIG_INVALID");
    assert.equal(await codeOf("folder.toml"), "ConfigError CONFIG_UNREADABLE");
  }));

test("Config.load takes a missing daemon.toml for an empty one when that is asked for", async () => {
  const config = await Config.load({ optional: true });
  assert.equal(config.bus.capacity, 4_096);
  await assert.rejects(Config.load(), (error) => error instanceof ConfigError && error.code === "CONFIG_NOT_FOUND");
});

test("LoadedConfig.again: a configuration does not keep those that it has replaced", async () => {
  const fixture = fileURLToPath(new URL("../fixtures/reload_leak.ts", import.meta.url));
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check", "--v8-flags=--expose-gc", fixture] : [fixture];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  // A collector may take something on the stack for the last one.
  assert.ok(Number(stdout) <= 2, `${stdout.trim()} of 20 are still held`);
});
