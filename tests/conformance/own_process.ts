import assert from "node:assert/strict";
import { DaemonError } from "../../src/core/values/errors.ts";
import type { Host } from "../../src/core/ports/host.ts";
import { test } from "../harness.ts";

/** Registers the tests that every real process has to pass; its end and its stray errors need a process of their own. */
export function exerciseOwnProcess(name: string, makeHost: () => Promise<Host>): void {
  test(`${name}: it has one owner, whichever host object is asked`, async () => {
    const [one, other] = [await makeHost(), await makeHost()];
    const claim = one.ownProcess.claim("api");
    const isRefusal = (error: unknown) => error instanceof DaemonError && error.code === "RUNTIME_STATE" && error.message.includes('"api"');
    assert.throws(() => one.ownProcess.claim("web"), isRefusal);
    assert.throws(() => other.ownProcess.claim("web"), isRefusal);
    claim[Symbol.dispose]();
    const next = other.ownProcess.claim("web");
    claim[Symbol.dispose](); // the second time it no longer means anybody
    assert.throws(() => one.ownProcess.claim("api"), { code: "RUNTIME_STATE" });
    next[Symbol.dispose]();
  });

  test(`${name}: a thing of it has one owner, apart from the process itself`, async () => {
    const host = await makeHost();
    using _process = host.ownProcess.claim("api");
    using _file = host.ownProcess.claim("api", "the file /a");
    using _other = host.ownProcess.claim("web", "the file /b");
    assert.throws(() => host.ownProcess.claim("web", "the file /a"), { code: "RUNTIME_STATE", message: /own the file \/a as "api"/ });
  });

  test(`${name}: a label holds for what is run under it, also inside another label`, async () => {
    const host = await makeHost();
    const value = await host.ownProcess.runAs("outer", () => host.ownProcess.runAs("inner", () => Promise.resolve(7)));
    assert.equal(value, 7);
    assert.equal(host.ownProcess.label(), undefined);
    assert.equal(host.ownProcess.runAs("outer", () => host.ownProcess.label()), "outer");
    assert.equal(host.ownProcess.runAs("outer", () => host.ownProcess.runAs(undefined, () => host.ownProcess.label())), undefined);
    assert.throws(() => host.ownProcess.runAs("outer", () => assert.fail("thrown")), /thrown/);
  });

  test(`${name}: a missing folder can't be changed to`, async () => {
    const host = await makeHost();
    const before = host.ownProcess.cwd();
    assert.throws(() => host.ownProcess.chdir("/nonexistent"), { code: "IO_NOT_FOUND" });
    assert.equal(host.ownProcess.cwd(), before);
  });

  test(`${name}: it tells what it uses`, async () => {
    const host = await makeHost();
    assert.ok(host.ownProcess.residentBytes() > 1_000_000);
    const { residentBytes, cpuSeconds, openFiles, startSeconds } = host.ownProcess.usage();
    assert.ok(residentBytes! > 1_000_000 && cpuSeconds! > 0 && openFiles! > 2);
    assert.ok(startSeconds! > 1.7e9 && startSeconds! < Date.now() / 1_000);
    assert.equal(host.ownProcess.usage().startSeconds, startSeconds);
  });
}
