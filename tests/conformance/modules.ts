import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { Host } from "../../src/core/ports/host.ts";
import { test } from "../harness.ts";
import { tempDir } from "./temp_dir.ts";

/** Registers the tests that every real loader of modules has to pass. */
export function exerciseModules(name: string, makeHost: () => Promise<Host>): void {
  test(`${name}: a file is run, and what it exports comes back`, async () => {
    const { modules } = await makeHost();
    using dir = tempDir();
    writeFileSync(`${dir.path}/add.ts`, "export const sum: number = 1 + 1;");
    assert.equal(modules.unloadable(`${dir.path}/add.ts`), undefined);
    assert.equal((await modules.load(`${dir.path}/add.ts`)).sum, 2);
  });

  test(`${name}: what a file throws is what the load rejects with, and so is its absence`, async () => {
    const { modules } = await makeHost();
    using dir = tempDir();
    writeFileSync(`${dir.path}/throws.ts`, `throw new RangeError("no such port");`);
    await assert.rejects(modules.load(`${dir.path}/throws.ts`), { name: "RangeError", message: "no such port" });
    await assert.rejects(modules.load(`${dir.path}/absent.ts`));
  });
}
