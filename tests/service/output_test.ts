import assert from "node:assert/strict";
import type { Clock } from "../../src/core/ports/clock.ts";
import type { LineBlock } from "../../src/core/wire/line_block.ts";
import { ServiceOutput } from "../../src/service/output.ts";
import { FakeHost, type FakeProcess } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

/** A program under a fake clock, and what is read of it. */
async function reading({ publish, room }: { publish?: (block: LineBlock) => void; room?: () => Promise<void> | undefined } = {}) {
  const { processes, clock } = new FakeHost();
  const started = Promise.withResolvers<FakeProcess>();
  processes.program("say", started.resolve);
  const child = await processes.spawn({ argv: ["say"], cwd: "/", env: {} });
  const lines: string[] = [];
  let isBroken = false;
  const output = new ServiceOutput(child, {
    name: "api",
    clock,
    maxLineBytes: () => 1_000,
    publish: publish ?? (({ text, continues, open }) => lines.push(`${continues ? "…" : ""}${text}${open ? "…" : ""}`)),
    onBroken: () => isBroken = true,
    ...(room === undefined ? {} : { room }),
  });
  return { clock, lines, output, program: await started.promise, isBroken: () => isBroken };
}

test("ServiceOutput hands on a line that pauses after a quarter of a second, and leaves no timer", async () => {
  const { clock, lines, output, program } = await reading();
  program.print("Password: ");
  await clock.advance(249);
  assert.deepEqual(lines, []);
  await clock.advance(1);
  assert.deepEqual([lines, clock.pendingTimers], [["Password: …"], 0]);
  await clock.advance(10_000);
  program.print("\nwelcome\n");
  await clock.advance(0);
  assert.deepEqual([lines, clock.pendingTimers], [["Password: …", "welcome"], 0]);
  program.print("bye");
  program.exit(0);
  await output.ended;
  assert.deepEqual([lines.at(-1), clock.pendingTimers], ["bye", 0]);
});

test("ServiceOutput hands on a line that trickles after two seconds, and begins to count anew with each line", async () => {
  const { clock, lines, program } = await reading();
  for (let dots = 0; dots < 20; dots++) {
    program.print(".");
    await clock.advance(100);
  }
  assert.deepEqual(lines, [".".repeat(20) + "…"]);
  for (let turn = 0; turn < 50; turn++) {
    program.print("a\nb");
    await clock.advance(100);
  }
  assert.ok(lines.every((line) => line !== "b…" && line !== "b"), "a line that goes on in time is not cut");
  program.exit(0);
});

test("ServiceOutput does not cut a line while it reads nothing itself: without room for it, or as the daemon stood still", async () => {
  let room: Promise<void> | undefined;
  const { clock, lines, program } = await reading({ room: () => room });
  const hasRoom = Promise.withResolvers<void>();
  room = hasRoom.promise;
  program.print("one begins");
  await clock.advance(10_000);
  assert.deepEqual(lines, []);
  program.print(" and ends\n");
  room = undefined;
  hasRoom.resolve();
  await clock.advance(0);
  assert.deepEqual(lines, ["one begins and ends"]);

  // After a standstill the timer comes first, then what was printed in it.
  program.print("two begins");
  await clock.advance(240);
  program.print(" and ends\n");
  await clock.advance(10);
  assert.deepEqual([lines, clock.pendingTimers], [["one begins and ends", "two begins and ends"], 0]);
  program.exit(0);
});

test("ServiceOutput: a pause whose line can't be handed on breaks the reading as any line does", async () => {
  const { clock, output, program, isBroken } = await reading({
    publish: () => {
      throw new Error("no room");
    },
  });
  program.print("Password: ");
  await clock.advance(250);
  await output.ended;
  assert.ok(isBroken());
  await assert.rejects(output.drain(), /no room/);
  program.exit(0);
});

test("ServiceOutput reads to the end what a program has left in the pipe, also when the daemon stood still for as long as that may take", async () => {
  const { processes, clock } = new FakeHost();
  let standstillMs = 0;
  const real: Clock = {
    nowMs: () => clock.nowMs() + standstillMs,
    wallMs: () => clock.wallMs(),
    schedule: (delayMs, fn) => clock.schedule(delayMs, fn),
  };
  const started = Promise.withResolvers<FakeProcess>();
  processes.program("say", started.resolve);
  const child = await processes.spawn({ argv: ["say"], cwd: "/", env: {} });
  const program = await started.promise;
  const next = Promise.withResolvers<void>();
  const lines: string[] = [];
  const output = new ServiceOutput(child, {
    name: "api",
    clock: real,
    maxLineBytes: () => 1_000,
    room: () => next.promise,
    publish: ({ text }) => lines.push(text),
    onBroken: () => assert.fail("nothing is broken"),
  });
  program.print("one\n");
  await clock.advance(0);
  program.print("last words\n");
  program.exit(0);
  const drained = output.drain();
  // Its first timer is long overdue before it can read on.
  standstillMs = 10_000;
  await clock.advance(50);
  next.resolve();
  assert.equal(await drained, true);
  assert.deepEqual([lines, clock.pendingTimers], [["one", "last words"], 0]);
});
