import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer, type Server } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { supervisorSubsystem } from "../../../src/core/supervise/nested_supervisor.ts";
import type { Context, Subsystem } from "../../../src/core/supervise/subsystem.ts";
import { exerciseSubsystem } from "../../../src/testing/mod.ts";
import { test } from "../../harness.ts";
import { Rig } from "./supervisor_driver.ts";

class Listener implements Subsystem {
  readonly name = "listener";
  readonly spec = { readiness: "manual" } as const;
  #server: Server | undefined;

  async run(context: Context): Promise<void> {
    if (this.#server !== undefined) throw new Error("the old server is still there");
    const server = this.#server = createServer();
    try {
      await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
      context.ready();
      await context.cancelled();
    } finally {
      await new Promise((resolve) => server.close(resolve));
      this.#server = undefined;
    }
  }

  healthCheck(): boolean {
    return this.#server?.listening === true;
  }
}

const good: Record<string, () => Subsystem> = {
  "one that waits to be cancelled": () => ({ name: "a", run: (context) => context.cancelled() }),
  "one that works in steps": () => ({
    name: "a",
    run: async (context) => {
      while (!context.isShutdown()) await context.sleep(1).catch(() => {});
    },
  }),
  "one that throws the reason": () => ({ name: "a", run: (context) => context.race(new Promise<void>(() => {})) }),
  "one that is over at once": () => ({ name: "a", run: () => {} }),
  "a listener": () => new Listener(),
  "a group": () => {
    const rig = new Rig();
    const children = ["a", "b", "c"].map((name) => rig.child(name).registration);
    return supervisorSubsystem("group", children, { strategy: "oneForAll" }, () => rig);
  },
};

for (const [what, make] of Object.entries(good)) {
  test(`exerciseSubsystem accepts ${what}`, () => exerciseSubsystem(what, make));
}

const bad: Record<string, [() => Subsystem, RegExp]> = {
  "one that is deaf": [() => ({ name: "a", run: () => new Promise<void>(() => {}) }), /it did not stop within \d+ ms/],
  "one that misses a signal that has aborted": [
    () => ({
      name: "a",
      run: async ({ signal }) => {
        await Promise.resolve();
        await Promise.resolve();
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      },
    }),
    /"stop while starting": it did not stop/,
  ],
  "one that throws when it is stopped": [
    () => ({
      name: "a",
      run: async (context) => {
        await context.cancelled();
        throw new Error("could not flush");
      },
    }),
    /could not flush/,
  ],
  "one that does not clean up after a failure": [
    () => {
      let isOpen = false;
      return {
        name: "a",
        run: async (context) => {
          if (isOpen) throw new Error("is still open");
          isOpen = true;
          await context.sleep(60_000);
          isOpen = false;
        },
      };
    },
    /is still open/,
  ],
  "one that never becomes ready": [
    () => ({ name: "a", spec: { readiness: "manual" }, run: (context) => context.cancelled() }),
    /not ready within 20ms/,
  ],
  "one that fails by itself": [
    () => ({
      name: "a",
      run: () => {
        throw new Error("no disk");
      },
    }),
    /no disk/,
  ],
  "one that can't be asked how it is": [
    () => ({
      name: "a",
      run: (context) => context.cancelled(),
      healthCheck: () => {
        throw new Error("no answer");
      },
    }),
    /"stop once ready, twice at once": no answer/,
  ],
};

for (const [what, [make, message]] of Object.entries(bad)) {
  test(`exerciseSubsystem refuses ${what}`, () => assert.rejects(exerciseSubsystem(what, make, { timeout: 20, rounds: 2 }), message));
}

interface Look {
  heap: number;
  descriptors: number;
  timers: number;
  listeners: number;
}

// Acceptance library 24: 10,000 crashes and restarts leave nothing behind.
test("Daemon: 10,000 crashes, 1,000 starts and stops, and 20,000 rounds of what tasks do in loops, leave no memory, timer, descriptor or listener", async () => {
  const fixture = fileURLToPath(new URL("../../fixtures/leak.ts", import.meta.url));
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check", "--v8-flags=--expose-gc", fixture] : [fixture];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => text += chunk);
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0);
  const results = Object.entries(JSON.parse(text) as Record<string, { before: Look; after: Look }>);
  assert.deepEqual(results.map(([name]) => name), ["daemons", "crashes", "loop"]);
  for (const [name, { before: { heap: heapBefore, ...before }, after: { heap: heapAfter, ...after } }] of results) {
    assert.deepEqual(after, before, name);
    assert.equal(after.timers, 0);
    assert.ok(heapAfter < heapBefore * 1.02, `${name}: the heap went from ${heapBefore} to ${heapAfter} bytes`);
  }
});
