import assert from "node:assert/strict";
import process from "node:process";
import type { Host } from "../../src/core/ports/host.ts";
import type { SignalName } from "../../src/core/values/signal_name.ts";
import { test } from "../harness.ts";

/** Registers the tests that every real source of signals has to pass. */
export function exerciseSignals(name: string, makeHost: () => Promise<Host>): void {
  test(`${name}: each handler is called in order until it is disposed`, async () => {
    const host = await makeHost();
    // A listener does not keep the process, nor the test, alive.
    using _hold = host.ownProcess.hold();
    const seen: string[] = [];
    let arrived = Promise.withResolvers<void>();
    // The same function twice is two registrations.
    const record = () => seen.push("first");
    const first = host.signals.on("SIGUSR2", record);
    const again = host.signals.on("SIGUSR2", record);
    using _last = host.signals.on("SIGUSR2", () => arrived.resolve());
    process.kill(process.pid, "SIGUSR2");
    await arrived.promise;
    assert.deepEqual(seen, ["first", "first"]);

    first[Symbol.dispose]();
    first[Symbol.dispose]();
    arrived = Promise.withResolvers<void>();
    process.kill(process.pid, "SIGUSR2");
    await arrived.promise;
    again[Symbol.dispose]();
    assert.deepEqual(seen, ["first", "first", "first"]);
  });

  test(`${name}: what nobody can listen for is refused`, async () => {
    const host = await makeHost();
    for (const signal of ["SIGKILL", "SIGSTOP"] satisfies SignalName[]) {
      assert.throws(() => host.signals.on(signal, () => {}), { code: "SIGNAL_FAILED" });
    }
  });
}
