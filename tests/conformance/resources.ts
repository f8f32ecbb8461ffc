import assert from "node:assert/strict";
import type { Host } from "../../src/core/ports/host.ts";
import { test } from "../harness.ts";

/** Registers the tests that the resource readings of every real host have to pass. */
export function exerciseResources(name: string, makeHost: () => Promise<Host>): void {
  test(`${name}: this process is among the readings, with the memory and the time that it tells itself`, async () => {
    const { resources, ownProcess } = await makeHost();
    const { residentBytes = 0, cpuSeconds = 0, openFiles = 0 } = ownProcess.usage();
    const readings = await resources.read();
    const own = readings?.find(({ pid }) => pid === resources.ownPid);
    assert.ok(own);
    assert.ok(own.residentBytes > residentBytes / 2 && own.residentBytes < residentBytes * 2, `${own.residentBytes} and ${residentBytes}`);
    // Its own time counts less precisely, and that of the children that it has waited for counts as well.
    assert.ok(own.cpuSeconds + 0.05 >= cpuSeconds, `${own.cpuSeconds} and ${cpuSeconds}`);
    assert.ok(own.threads > 1);
    assert.ok(readings!.some(({ pid }) => pid === own.parent));
    assert.ok(Math.abs(resources.openFiles(resources.ownPid)! - openFiles) < 5);
    assert.equal(resources.openFiles(2 ** 22 + 1), undefined);
    assert.ok(resources.processors >= 1);
  });
}
