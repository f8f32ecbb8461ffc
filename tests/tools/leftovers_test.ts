import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "../harness.ts";
import { leftoversOf } from "./leftovers.ts";

if (process.platform === "linux") {
  test("leftoversOf names files, and processes by their folder or their environment, and kills these", async () => {
    const folder = mkdtempSync(join(tmpdir(), "dk-left-"));
    const start = (cwd: string, env: Record<string, string>) =>
      new Promise<{ pid: number; ended: Promise<unknown> }>((resolve, reject) => {
        const child = spawn("sleep", ["1000"], { cwd, env: { PATH: process.env.PATH ?? "", ...env }, stdio: "ignore" });
        const ended = new Promise((over) => child.on("exit", (_code, signal) => over(signal)));
        child.on("error", reject).on("spawn", () => resolve({ pid: child.pid!, ended }));
      });
    try {
      mkdirSync(join(folder, "work"));
      writeFileSync(join(folder, "notes"), "");
      const ours = [await start(join(folder, "work"), {}), await start("/", { XDG_RUNTIME_DIR: `${folder}/run` })];
      const other = await start("/", { XDG_RUNTIME_DIR: "/elsewhere" });
      const named = await leftoversOf(folder, ["notes"], 0);
      const expected = [`${folder}/work`, ...ours.map(({ pid }) => `process ${pid}: sleep 1000`)];
      assert.deepEqual(named.map((each) => each.replace(": /usr/bin/", ": ")).sort(), expected.sort());
      assert.deepEqual(await Promise.all(ours.map(({ ended }) => ended)), ["SIGKILL", "SIGKILL"]);
      process.kill(other.pid, "SIGTERM");
      assert.equal(await other.ended, "SIGTERM");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
