import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { SpawnOptions } from "../../src/core/ports/processes.ts";
import { createDescriptors } from "../../src/platform/descriptors.ts";
import { createProcesses } from "../../src/platform/processes.ts";
import { createSignals } from "../../src/platform/signals.ts";
import { systemClock } from "../../src/core/ports/clock.ts";
import { LaunchTurns } from "../../src/platform/launch_turns.ts";
import { createSpawn, type Launch, type LaunchedDetached, type LaunchOptions } from "../../src/platform/spawn.ts";
import { test } from "../harness.ts";

const sleeper = (unit: string, more: Partial<SpawnOptions> = {}): SpawnOptions => ({
  argv: ["sleep", "1013"],
  cwd: "/",
  env: { PATH: "/usr/bin:/bin", UNIT: unit },
  marks: ["UNIT"],
  ...more,
});

/** A launch that starts the program and then fails, as a runtime does that gets no memory for its own side of the child. */
function halfLaunch(children: ChildProcess[]): Launch<never> {
  return ({ file, args, cwd, env }) => {
    children.push(spawn(file, args, { cwd, env, detached: true, stdio: "ignore" }));
    throw Object.assign(new Error("Resource temporarily unavailable"), { code: "EAGAIN" });
  };
}

/** Resolves with the signal that has ended a program, which may have been before anybody asks. */
const signalOf = (child: ChildProcess) =>
  child.signalCode !== null
    ? Promise.resolve(child.signalCode)
    : new Promise((resolve) => child.on("exit", (_, signal) => resolve(signal)));

if (process.platform === "linux") {
  test("spawn: a program whose launch fails after it was started is ended, and that of another run is not", async () => {
    const children: ChildProcess[] = [];
    const launch = halfLaunch(children);
    const { spawn } = createProcesses(
      { launch, launchDetached: launch, libcCalls: () => "not here" },
      createSignals(),
      createDescriptors(),
    );
    const other = halfLaunch(children);
    assert.throws(() => other({ file: "sleep", args: ["1013"], cwd: "/", env: { PATH: "/usr/bin:/bin", UNIT: "other" } } as LaunchOptions));
    const [spared] = children.splice(0);
    const ended = signalOf(spared);
    try {
      const failures = await Promise.allSettled([spawn(sleeper("a")), spawn(sleeper("b", { nice: 1 }))]);
      assert.deepEqual(failures.map((each) => each.status === "rejected" && each.reason.code), ["IO_NO_RESOURCES", "IO_NO_RESOURCES"]);
      assert.deepEqual(await Promise.all(children.map(signalOf)), ["SIGKILL", "SIGKILL"]);
      assert.deepEqual([spared.exitCode, spared.signalCode], [null, null]);
    } finally {
      for (const child of [spared, ...children]) child.kill("SIGKILL");
      await ended;
    }
  });
}

test("spawn: a program is abandoned when a step after its launch fails", async () => {
  const calls: string[] = [];
  const child: LaunchedDetached = { pid: 4242, exited: new Promise(() => {}) };
  const start = createSpawn(
    () => child,
    {
      identify: () => assert.fail("nobody follows it"),
      withTag: (_, fn) => fn(),
      launchAs(_, launch) {
        launch();
        throw new Error("the way back is closed");
      },
      launched: ({ pid }, key) => void calls.push(`launched ${pid} ${key}`),
      abandon: ({ pid }) => void calls.push(`abandon ${pid}`),
      endLost: () => assert.fail("it is known"),
    },
    createDescriptors(),
    new LaunchTurns(systemClock),
  );
  await assert.rejects(start(sleeper("c")), { code: "SPAWN_FAILED" });
  assert.deepEqual(calls, ["launched 4242 UNIT=c", "abandon 4242"]);
});
