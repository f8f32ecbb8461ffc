import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { test } from "../harness.ts";

const FIXTURE = fileURLToPath(new URL("../fixtures/descriptors.ts", import.meta.url));

test("Descriptors.hasRoomFor knows how many files are open, also where closed ones have left gaps in their numbers", () => {
  const argv = "Deno" in globalThis ? [process.execPath, "run", "-A", "--no-check", FIXTURE] : [process.execPath, FIXTURE];
  const { stdout, stderr } = spawnSync("/bin/sh", ["-c", 'ulimit -n 100; exec "$0" "$@"', ...argv], { encoding: "utf8" });
  assert.deepEqual(stdout === "" ? stderr : JSON.parse(stdout), [true, false, false]);
});
