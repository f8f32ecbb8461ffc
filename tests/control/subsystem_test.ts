import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { controlHandler, controlSubsystem } from "../../src/control/mod.ts";
import { CancelToken } from "../../src/core/cancel.ts";
import type { Host } from "../../src/core/host.ts";
import { silentLogger } from "../../src/core/log.ts";
import type { Context } from "../../src/core/subsystem.ts";
import { getHost } from "../../src/platform/mod.ts";
import { test } from "../harness.ts";
import { FakeOperations, fakeUnit } from "./fake_operations.ts";

/** Runs the subsystem on a socket of the real machine while `body` asks it things; stopping it belongs to the body or comes last. */
async function withSocket(
  body: (made: { host: Host; socket: string; operations: FakeOperations; stop: () => Promise<void> }) => Promise<void>,
): Promise<void> {
  const host = await getHost();
  const folder = mkdtempSync(join(tmpdir(), "dk-"));
  const token = new CancelToken();
  const ready = Promise.withResolvers<void>();
  const context = {
    ready: () => ready.resolve(),
    cancelled: () => token.cancelled(),
    onForce: (fn: () => void) => token.onForce(fn),
  } as unknown as Context;
  try {
    const operations = new FakeOperations([fakeUnit("db")]);
    const socket = join(folder, "admin.sock");
    const handler = controlHandler({ operations, version: "0.1.0", protocol: 1, log: silentLogger });
    const run = Promise.resolve(controlSubsystem({ host, socket, handler }).run(context));
    run.catch(ready.reject);
    const stop = async () => {
      token.cancel("test is over");
      await run;
    };
    await ready.promise;
    await body({ host, socket, operations, stop });
    await stop();
    assert.equal(host.files.info(socket), undefined);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("controlSubsystem answers on a socket that only its user may use, and removes it at the end", async () => {
  await withSocket(async ({ host, socket }) => {
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    const response = await host.http.request({ unix: socket }, "/v1/status");
    assert.equal((await response.json()).name, "demo");
  });
});

test("controlSubsystem ends open streams before it stops, so that followers do not hold it", async () => {
  await withSocket(async ({ host, socket, operations, stop }) => {
    const events = await host.http.request({ unix: socket }, "/v1/events");
    const logs = await host.http.request({ unix: socket }, "/v1/logs?follow=1");
    operations.print("db", "last words");
    const texts = Promise.all([events.text(), logs.text()]);
    await stop();
    const [, log] = await texts;
    assert.equal(JSON.parse(log.trim()).text, "last words");
    assert.equal(operations.lineReaders.size + operations.eventReaders.size, 0);
  });
});

test("controlSubsystem forgets a follower that went away", async () => {
  await withSocket(async ({ host, socket, operations }) => {
    const controller = new AbortController();
    const response = await host.http.request({ unix: socket }, "/v1/logs?follow=1", { signal: controller.signal });
    assert.equal(operations.lineReaders.size, 1);
    controller.abort("gone");
    await assert.rejects(response.text());
    while (operations.lineReaders.size > 0) {
      operations.print("db", "is anybody there?");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
});
