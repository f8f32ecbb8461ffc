import assert from "node:assert/strict";
import { Output } from "../../src/cli/output.ts";
import { tellWaiting } from "../../src/cli/tell_waiting.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

/** A daemon with a subsystem that is in no hurry to stop. */
async function stopping(isInteractive: boolean) {
  const host = new FakeHost();
  host.terminal.isInteractive = isInteractive;
  const end = Promise.withResolvers<void>();
  const daemon = Daemon.builder().withHost(host)
    .withTask("lazy", () => end.promise)
    .withTask("quick", (context) => context.cancelled())
    .build();
  const told = tellWaiting(daemon, { host, output: new Output(host, "daemonkit"), program: "daemonkit" });
  await daemon.start();
  daemon.shutdown("enough");
  await host.clock.advance(0);
  return { host, daemon, told, end };
}

test("tellWaiting says after a second who is waited for and what Ctrl+C does, again after ten, and nothing once it is over", async () => {
  const { host, daemon, told, end } = await stopping(true);
  await host.clock.advance(999);
  assert.equal(host.terminal.stderr, "");
  await host.clock.advance(1);
  const line = "daemonkit: waiting for lazy to stop; Ctrl+C once more forces, a third time ends at once\n";
  assert.equal(host.terminal.stderr, line);
  await host.clock.advance(10_000);
  assert.equal(host.terminal.stderr, line + line);
  end.resolve();
  await daemon.wait();
  told[Symbol.dispose]();
  await host.clock.advance(60_000);
  assert.equal(host.terminal.stderr, line + line);
});

test("tellWaiting is silent where nobody can press anything", async () => {
  const { host, daemon, told, end } = await stopping(false);
  await host.clock.advance(4_000);
  assert.equal(host.terminal.stderr, "");
  end.resolve();
  await daemon.wait();
  told[Symbol.dispose]();
});

test("tellWaiting keeps no timer when a daemon has ended before its stop took long", async () => {
  const { host, daemon, told, end } = await stopping(true);
  end.resolve();
  await daemon.wait();
  told[Symbol.dispose]();
  assert.equal(host.clock.pendingTimers, 0);
});
