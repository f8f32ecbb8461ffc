import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { test } from "../harness.ts";
import { ROOT } from "../tools/runtimes.ts";

/** Type-checks a file as `ok` type-checks the core, and returns what the checker prints. */
function check(code: string): string {
  const folder = mkdtempSync(`${tmpdir()}/daemonkit-core-`);
  try {
    writeFileSync(`${folder}/a.ts`, code);
    const args = ["check", "--config", `${ROOT}/tests/rules/core.json`, `${folder}/a.ts`];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
    return status === 0 ? "" : stderr;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if ("Deno" in globalThis) {
  test("the core's type check rejects each name that only some runtime has", () => {
    const names = ["process", "Buffer", "Deno", "Bun", "require", "__dirname"];
    const said = check(names.map((name, index) => `export const a${index} = ${name};`).join("\n"));
    for (const name of names) assert.ok(said.includes(`Cannot find name '${name}'`), `${name} was let through: ${said}`);
  });

  test("the core's type check knows the web's names", () => {
    assert.equal(
      check(`export const a = [AbortSignal.any([]), new ReadableStream(), URL.canParse(""), crypto.subtle, structuredClone(1)];`),
      "",
    );
  });
} else {
  test("the core's type check: its cases run under `deno test` only, as Bun has no type checker", () => {});
}
