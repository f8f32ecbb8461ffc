import assert from "node:assert/strict";
import { PacedOutput, type PacedOutputOptions } from "../../../src/core/wire/paced_output.ts";
import { FakeClock } from "../../../src/testing/mod.ts";
import { test } from "../../harness.ts";

/** An output whose reader takes something only when told to. */
function setUp(options: Partial<PacedOutputOptions> = {}) {
  const clock = new FakeClock();
  const asked: { bytes: Uint8Array; took: PromiseWithResolvers<number> }[] = [];
  const read: string[] = [];
  const output = new PacedOutput({
    clock,
    isGone: (error) => error === "gone",
    write: (bytes) => {
      const took = Promise.withResolvers<number>();
      asked.push({ bytes: bytes.slice(), took });
      return took.promise;
    },
    ...options,
  });
  /** Lets the reader take some bytes of what it was offered, all by default; false when it was offered nothing. */
  const take = async (count = Infinity) => {
    const offer = asked.shift();
    if (offer === undefined) return false;
    const taken = Math.min(count, offer.bytes.length);
    read.push(new TextDecoder().decode(offer.bytes.subarray(0, taken)));
    offer.took.resolve(taken);
    await offer.took.promise;
    await null;
    return true;
  };
  const takeAll = async () => {
    while (await take());
    return read.join("");
  };
  const fail = async (reason: string) => {
    asked.shift()!.took.reject(reason);
    await null;
    await null;
  };
  return { clock, output, asked, read, take, takeAll, fail };
}

test("PacedOutput: what is posted comes out in order, whatever the reader's pace, and one piece at a time", async () => {
  const { output, asked, take, takeAll, read } = setUp();
  assert.ok(!output.isBusy);
  for (let number = 0; number < 5; number++) assert.ok(output.post(`line ${number} ü\n`));
  assert.equal(asked.length, 1);
  assert.ok(output.isBusy);
  await take(3);
  assert.deepEqual(read, ["lin"]);
  assert.equal(asked.length, 1);
  assert.equal(await takeAll(), [0, 1, 2, 3, 4].map((number) => `line ${number} ü\n`).join(""));
  assert.ok(!output.isBusy);
  assert.equal(output.dropped, 0);
});

test("PacedOutput: what nobody can hold up is written before post returns", () => {
  const written: string[] = [];
  const { output } = setUp({ write: (bytes) => written.push(new TextDecoder().decode(bytes)) && bytes.length });
  output.post("one\n");
  output.post("two\n");
  assert.deepEqual(written, ["one\n", "two\n"]);
});

test("PacedOutput: beyond the limit lines are dropped in one gap, which is told once half of what waits is read", async () => {
  const { output, take, takeAll, read } = setUp({ maxLength: 100 });
  output.post("first\n");
  for (let number = 10; number < 30; number++) output.post(`line ${number}\n`, { count: 1, noteDropped: (count) => `${count} gone\n` });
  assert.equal(output.dropped, 8);
  // The reader comes back, and a line that comes before half is read is part of the gap.
  await take();
  output.post("the last that is dropped\n");
  await take();
  output.post("after\n");
  const text = await takeAll();
  const kept = Array.from({ length: 12 }, (_, index) => `line ${index + 10}\n`).join("");
  assert.equal(text, `first\n${kept}daemonkit: 9 lines are missing here as they were not read in time\nafter\n`);
  assert.equal(output.dropped, 9);
  assert.ok(read.length < 6);
});

test("PacedOutput: a gap at the end is told as well, without another line", async () => {
  const { output, takeAll } = setUp({ maxLength: 10 });
  for (let number = 0; number < 5; number++) output.post("1234567\n", { count: 2, noteDropped: (count) => `${count} gone\n` });
  assert.equal(await takeAll(), "1234567\n1234567\n6 gone\n");
});

test("PacedOutput: once nobody reads any more everything is thrown away, and post says so", async () => {
  const { output, asked, fail } = setUp();
  output.post("one\n");
  output.post("two\n");
  await fail("gone");
  assert.ok(!output.isBusy);
  assert.equal(output.post("three\n"), false);
  assert.equal(asked.length, 0);
  assert.ok(await output.flush());
});

test("PacedOutput: a write that fails loses what waits, is tried with the next line, and tells of all that is missing", async () => {
  const { output, fail, takeAll } = setUp();
  output.post("one\n");
  output.post("two\n");
  await fail("full");
  assert.ok(!output.isBusy);
  assert.ok(output.post("three\n"));
  await fail("full");
  assert.equal(output.dropped, 3);
  output.post("four\n");
  assert.equal(await takeAll(), "daemonkit: 3 lines are missing here as they were not read in time\nfour\n");
  assert.equal(output.dropped, 3);
});

test("PacedOutput: flush waits for who reads, and not for who doesn't", async () => {
  const { clock, output, take, takeAll } = setUp();
  assert.ok(await output.flush());
  for (let number = 0; number < 3; number++) output.post("x".repeat(60_000));
  let isDone: boolean | undefined;
  const flushed = output.flush({ quietMs: 100, timeoutMs: 1_000 }).then((done) => isDone = done);
  for (let count = 0; count < 2; count++) {
    await clock.advance(90);
    await take();
    assert.equal(isDone, undefined);
  }
  await takeAll();
  assert.equal(await flushed, true);

  // Nothing is taken.
  output.post("again\n");
  const stuck = output.flush({ quietMs: 100, timeoutMs: 1_000 });
  await clock.advance(100);
  assert.equal(await stuck, false);
  // A reader that was waited for in vain is not waited for again, until it takes something.
  assert.equal(await output.flush(), false);
  await take(1);
  const taken = output.flush();
  await takeAll();
  assert.equal(await taken, true);
});

test("PacedOutput: flush gives up on a reader who never comes to the end", async () => {
  const { clock, output, take } = setUp();
  output.post("x".repeat(100));
  const flushed = output.flush({ quietMs: 100, timeoutMs: 450 });
  for (let count = 0; count < 5; count++) {
    await clock.advance(90);
    await take(1);
  }
  assert.equal(await flushed, false);
});

test("PacedOutput: a writer who can wait does so for a reader who reads, a tenth of a second at most, and not for one who doesn't", async () => {
  const { clock, output, take, takeAll } = setUp({ maxLength: 100_000 });
  const post = () => output.post(`${"x".repeat(29_999)}\n`);
  assert.equal(output.room(), undefined);
  for (let count = 0; count < 3; count++) post();
  let turns = 0;
  const next = () => output.room()!.then(() => turns++);

  // Half is read.
  let waiting = next();
  assert.equal(output.room(), output.room());
  await take();
  await waiting;
  assert.equal(output.room(), undefined);

  // Nothing is read: after a second, nobody waits for it any more.
  for (let count = 0; count < 2; count++) post();
  for (let count = 0; count < 10; count++) {
    waiting = next();
    await clock.advance(100);
    await waiting;
  }
  assert.equal(turns, 11);
  assert.equal(output.room(), undefined);

  // It reads again, and goes away.
  await take(1);
  waiting = next();
  await takeAll();
  await waiting;
  assert.equal(clock.pendingTimers, 0);
});
