import assert from "node:assert/strict";
import process from "node:process";
import type { Host } from "../../src/core/ports/host.ts";
import { test } from "../harness.ts";

/** Registers the tests that every real environment has to pass. */
export function exerciseEnv(name: string, makeHost: () => Promise<Host>): void {
  test(`${name}: get and all agree with the environment, and what all returns is a copy`, async () => {
    const host = await makeHost();
    assert.equal(host.env.get("PATH"), process.env.PATH);
    assert.equal(host.env.get("DAEMONKIT_SURELY_NOT_SET"), undefined);
    const all = host.env.all();
    assert.equal(all.PATH, process.env.PATH);
    all.DAEMONKIT_SURELY_NOT_SET = "changed";
    assert.equal(host.env.get("DAEMONKIT_SURELY_NOT_SET"), undefined);
  });
}
