import assert from "node:assert/strict";
import { Config, type Context, Daemon, RestartPolicy, SubsystemError } from "../../mod.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

const untilTold = (context: Context) => context.cancelled();

// Acceptance library 7: a flapping child trips the limit although each run was ready.
test("library 7: plain OnFailure with a limit for the group trips it although each run became ready", async () => {
  const host = new FakeHost();
  const daemon = Daemon.builder().withHost(host)
    .withSupervisor("group", { maxRestarts: 5, within: "30s" }, (group) =>
      group.withTask("flapping", async (context) => {
        context.ready();
        await context.sleep("1s");
        throw new Error("boom");
      }, { readiness: "manual", restart: RestartPolicy.OnFailure }).withTask("steady", untilTold))
    .build();
  await daemon.start();
  await host.clock.advance(60_000);
  const { exitCode, errors } = await daemon.wait();
  assert.equal(exitCode, 1);
  assert.match(String(errors[0]), /Cannot restart group\/flapping any more/);
});

// Acceptance library 13: a failed start rolls back and joins the errors.
test("library 13: a start that fails runs nothing after it, and the report joins what failed in the start and in the stop", async () => {
  const notes: string[] = [];
  const task = (name: string, stopError?: Error) => async (context: Context) => {
    notes.push(`start ${name}`);
    await context.cancelled();
    notes.push(`stop ${name}`);
    if (stopError !== undefined) throw stopError;
  };
  const daemon = Daemon.builder()
    .withTask("one", task("one"))
    .withTask("two", task("two", new Error("could not flush")), { after: ["one"] })
    .withTask("three", (context) => {
      context.use({ [Symbol.dispose]: () => void notes.push("dispose three") });
      throw new Error("no disk");
    }, { after: ["two"] })
    .withTask("four", task("four"), { after: ["three"] })
    .withTask("five", task("five"), { after: ["four"] })
    .build();
  await assert.rejects(daemon.start(), (error) => error instanceof SubsystemError && error.subsystem === "three");
  assert.deepEqual(notes, ["start one", "start two", "dispose three", "stop two", "stop one"]);
  const { exitCode, errors } = await daemon.wait();
  assert.equal(exitCode, 1);
  assert.deepEqual(errors.map(String).map((text) => /no disk|could not flush/.exec(text)?.[0]).sort(), ["could not flush", "no disk"]);
});

// Acceptance library 14: a child that never becomes ready fails the start with its name, without a hang.
test("library 14: what never becomes ready fails the start with its name, and what had started stops in order, with no hang", async () => {
  const host = new FakeHost();
  const notes: string[] = [];
  const slow = (name: string) => async (context: Context) => {
    await context.cancelled();
    notes.push(`told ${name}`);
    // Longer than what would be left of the start's own time.
    await new Promise<void>((resolve) => void host.clock.schedule(1_500, resolve));
    notes.push(`stopped ${name}`);
  };
  const daemon = Daemon.builder().withHost(host)
    .withTask("one", slow("one"))
    .withTask("two", slow("two"), { after: ["one"] })
    .withTask("never", untilTold, { after: ["two"], readiness: "manual", ready: { timeout: "2s" } })
    .build();
  const started = assert.rejects(daemon.start(), /Cannot start never as it was not ready within 2s/);
  await host.clock.advance(10_000);
  await started;
  assert.deepEqual(notes, ["told two", "stopped two", "told one", "stopped one"]);
  const { exitCode, unstopped } = await daemon.wait();
  assert.deepEqual([exitCode, unstopped], [1, []]);
});

// Acceptance library 15: a child that ignores its signal is listed as unstopped, the others stop, the deadline holds.
test("library 15: a child that ignores its signal is named, the others stop, and all is over by the deadline", async () => {
  const host = new FakeHost();
  let isStopped = false;
  // Deadlines that nobody sets follow the longest stop timeout, which is an hour here.
  const config = Config.builder().shutdownTimeout("5s").forceTimeout("10s").killTimeout("15s").build();
  const daemon = Daemon.builder(config).withHost(host)
    .withTask("db", async (context) => {
      await context.cancelled();
      isStopped = true;
    })
    .withTask("deaf", () => new Promise<void>(() => {}), { after: ["db"], stop: { timeout: "1s" } })
    .withTask("deafer", () => new Promise<void>(() => {}), { stop: { timeout: "1h" } })
    .build();
  await daemon.start();
  const beganMs = host.clock.nowMs();
  daemon.shutdown("end");
  let endedMs: number | undefined;
  const ended = daemon.wait().then((report) => {
    endedMs = host.clock.nowMs();
    return report;
  });
  await host.clock.advance(1_000);
  assert.equal(isStopped, true);
  await host.clock.advance(60_000);
  const { exitCode, unstopped } = await ended;
  assert.equal(exitCode, 1);
  assert.deepEqual(unstopped.map(({ path }) => path).sort(), ["deaf", "deafer"]);
  assert.equal(endedMs! - beganMs, daemon.config.shutdown.killTimeoutMs);
});

// Acceptance library 17: a stop that throws: the others stop, the error is there, exit 1.
test("library 17: a stop that throws is in the report, the others stop, and the exit code is 1", async () => {
  const notes: string[] = [];
  const daemon = Daemon.builder()
    .withTask("db", async (context) => {
      await context.cancelled();
      notes.push("db stopped");
    })
    .withTask("api", async (context) => {
      await context.cancelled();
      throw new Error("socket is stuck");
    }, { after: ["db"] })
    .build();
  await daemon.start();
  daemon.shutdown("end");
  const { exitCode, errors, unstopped } = await daemon.wait();
  assert.deepEqual([notes, exitCode, unstopped], [["db stopped"], 1, []]);
  assert.match(String(errors[0]), /Cannot stop api cleanly: socket is stuck/);
});

// Acceptance library 18: no second instance while the old run has not settled.
test("library 18: a restart of what does not settle starts no second instance, and says why", async () => {
  const host = new FakeHost();
  let runs = 0;
  const daemon = Daemon.builder().withHost(host)
    .withTask("stuck", () => {
      runs++;
      return new Promise<void>(() => {});
    }, { stop: { timeout: "1s" } })
    .build();
  await daemon.start();
  const restarted = daemon.operations.restart(["stuck"], {});
  await host.clock.advance(1_000);
  const [outcome] = await restarted;
  assert.deepEqual([outcome.ok, outcome.state, runs], [false, "fatal", 1]);
  assert.match(outcome.reason, /not started a second time while the old run lives/);
  daemon.shutdown("end");
  await host.clock.advance(60_000);
  await daemon.wait();
});
