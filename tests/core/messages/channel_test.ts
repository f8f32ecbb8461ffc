import assert from "node:assert/strict";
import fc from "../../property.ts";
import { chan, type ChannelReceiver, type Sender } from "../../../src/core/messages/channel.ts";
import { isDaemonError } from "../../../src/core/values/errors.ts";
import { test } from "../../harness.ts";

const isClosedError = (error: unknown) => isDaemonError(error) && error.code === "CHANNEL_CLOSED";
const DONE = { done: true, value: undefined };

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await null;
}

/** Notes what becomes of a promise, so that it can be looked at without waiting for it. */
function watch(promise: Promise<unknown>): { outcome: unknown } {
  const watched: { outcome: unknown } = { outcome: "waits" };
  promise.then((value) => watched.outcome = value, (error) => watched.outcome = isClosedError(error) ? "closed" : error);
  return watched;
}

test("chan.bounded: a capacity that can't be is refused", () => {
  for (const bad of [0, -1, 1.5, NaN, Infinity]) assert.throws(() => chan.bounded(bad), RangeError, String(bad));
  assert.equal(chan.bounded(3)[0].capacity, 3);
  assert.equal(chan.unbounded()[0].capacity, Infinity);
});

test("chan.unbounded: takes everything, in order", async () => {
  const [sender, receiver] = chan.unbounded<number>();
  for (let value = 0; value < 10_000; value++) assert.ok(sender.trySend(value));
  assert.equal(receiver.pending, 10_000);
  assert.deepEqual(receiver.tryRecv(), { done: false, value: 0 });
  assert.deepEqual(await receiver.recvMany(Infinity), Array.from({ length: 9_999 }, (_, index) => index + 1));
  assert.equal(receiver.tryRecv(), undefined);
});

test("Sender.send: waits for room, first come first served", async () => {
  const [sender, receiver] = chan.bounded<number>(2);
  const sends = [1, 2, 3, 4].map((value) => watch(sender.send(value)));
  await settle();
  assert.deepEqual(sends.map(({ outcome }) => outcome), [undefined, undefined, "waits", "waits"]);
  assert.equal(sender.trySend(5), false);
  assert.deepEqual(await receiver.recv(), { done: false, value: 1 });
  await settle();
  assert.deepEqual(sends.map(({ outcome }) => outcome), [undefined, undefined, undefined, "waits"]);
  assert.deepEqual([await receiver.recvMany(9), await receiver.recvMany(9)], [[2, 3], [4]]);
});

test("Sender.send: a signal ends the wait and the value is not sent", async () => {
  const [sender, receiver] = chan.bounded<number>(1);
  const controller = new AbortController();
  await sender.send(1);
  const second = sender.send(2, { signal: controller.signal });
  const third = sender.send(3);
  controller.abort("enough");
  await assert.rejects(second, (reason) => reason === "enough");
  await assert.rejects(sender.send(4, { signal: controller.signal }), (reason) => reason === "enough");
  assert.deepEqual(await receiver.recv(), { done: false, value: 1 });
  await third;
  assert.deepEqual(await receiver.recv(), { done: false, value: 3 });
});

test("Sender.close: what was sent before arrives, then iteration ends", async () => {
  const [sender, receiver] = chan.bounded<number>(1);
  const waiting = [1, 2, 3].map((value) => sender.send(value));
  sender.close();
  sender.close();
  assert.ok(sender.isClosed);
  await assert.rejects(sender.send(4), isClosedError);
  assert.equal(sender.trySend(5), false);
  assert.throws(() => sender.clone(), isClosedError);
  const values: number[] = [];
  for await (const value of receiver) values.push(value);
  await Promise.all(waiting);
  assert.deepEqual([values, await receiver.recv(), receiver.tryRecv()], [[1, 2, 3], DONE, DONE]);
});

test("Sender.clone: the channel ends with its last sender", async () => {
  const [sender, receiver] = chan.unbounded<number>();
  const other = sender.clone();
  const received = watch(receiver.recv());
  sender[Symbol.dispose]();
  await settle();
  assert.equal(received.outcome, "waits");
  other.close();
  await settle();
  assert.deepEqual(received.outcome, DONE);
});

test("ChannelReceiver.clone: each value reaches one receiver, whoever waits longest", async () => {
  const [sender, first] = chan.unbounded<string>();
  const second = first.clone();
  const reads = [first, second, first].map((receiver) => watch(receiver.recv()));
  sender.trySend("a");
  sender.trySend("b");
  await settle();
  assert.deepEqual(reads.map(({ outcome }) => outcome), [{ done: false, value: "a" }, { done: false, value: "b" }, "waits"]);
  first[Symbol.dispose]();
  await settle();
  assert.deepEqual(reads[2].outcome, DONE);
  assert.ok(sender.trySend("c"));
  assert.deepEqual(await second.recv(), { done: false, value: "c" });
  second[Symbol.dispose]();
  assert.ok(sender.isClosed);
  assert.throws(() => second.clone(), isClosedError);
});

test("ChannelReceiver: when the last one goes, sending fails and what is left is dropped", async () => {
  const [sender, receiver] = chan.bounded<number>(1);
  await sender.send(1);
  const waiting = sender.send(2);
  const other = receiver.clone({ signal: AbortSignal.abort("gone already") });
  await assert.rejects(other.recv(), (reason) => reason === "gone already");
  assert.equal(receiver.pending, 1, "a clone that is gone takes nothing with it");
  receiver[Symbol.dispose]();
  await assert.rejects(waiting, isClosedError);
  await assert.rejects(sender.send(3), isClosedError);
  assert.deepEqual([sender.trySend(4), receiver.pending], [false, 0]);
});

test("ChannelReceiver: several consumers share the work, and one that leaves its loop stops nobody", async () => {
  const [sender, receiver] = chan.bounded<number>(4);
  const seen: number[] = [];
  const consumers = [1, 3, Infinity, Infinity].map(async (most) => {
    let count = 0;
    for await (const value of receiver.clone()) {
      seen.push(value);
      if (++count === most) break;
    }
  });
  receiver[Symbol.dispose]();
  for (let value = 0; value < 1_000; value++) await sender.send(value);
  sender.close();
  await Promise.all(consumers);
  assert.deepEqual(seen.sort((one, other) => one - other), Array.from({ length: 1_000 }, (_, index) => index));
});

test("Sender.writable, Receiver.readable: a pipe with back-pressure from end to end", async () => {
  const [sender, receiver] = chan.bounded<number>(2);
  let pulled = 0;
  const source = new ReadableStream<number>({
    pull(controller) {
      if (pulled === 100) controller.close();
      else controller.enqueue(pulled++);
    },
  });
  const piped = source.pipeTo(sender.writable);
  for (let turn = 0; turn < 20; turn++) await settle();
  assert.ok(pulled < 10, `${pulled} were pulled although nobody received`);
  const values: number[] = [];
  for await (const value of receiver.readable) values.push(value);
  await piped;
  assert.deepEqual(values, Array.from({ length: 100 }, (_, index) => index));
});

test("Sender.writable: aborting ends a write that waits; cancelling the readable makes writes fail", async () => {
  const [sender, receiver] = chan.bounded<number>(1);
  const writer = sender.writable.getWriter();
  const writes = [watch(writer.write(1)), watch(writer.write(2))];
  await settle();
  await writer.abort("stop");
  await settle();
  assert.deepEqual(writes.map(({ outcome }) => outcome), [undefined, "stop"]);
  writer.closed.catch(() => {});
  assert.deepEqual([await receiver.recv(), await receiver.recv()], [{ done: false, value: 1 }, DONE]);

  const [other, ended] = chan.bounded<number>(1);
  const reader = ended.readable.getReader();
  const read = reader.read();
  await reader.cancel();
  assert.deepEqual(await read, DONE);
  await assert.rejects(other.send(1), isClosedError);
});

/** A channel by the book: three plain queues. */
class Model {
  readonly capacity: number;
  queue: number[] = [];
  sends: { id: number; value: number }[] = [];
  reads: { id: number; max: number | undefined; receiver: number }[] = [];
  readonly outcomes = new Map<number, unknown>();
  openSenders = new Set([0]);
  openReceivers = new Set([0]);

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  advance(): void {
    if (this.openReceivers.size === 0) {
      for (const { id } of this.sends.splice(0)) this.outcomes.set(id, "closed");
      this.queue = [];
    }
    for (;;) {
      while (this.sends.length > 0 && this.queue.length < this.capacity) {
        const { id, value } = this.sends.shift()!;
        this.queue.push(value);
        this.outcomes.set(id, undefined);
      }
      const read = this.reads[0];
      if (read === undefined) return;
      if (this.queue.length > 0) {
        const values = this.queue.splice(0, read.max ?? 1);
        this.outcomes.set(read.id, read.max === undefined ? { done: false, value: values[0] } : values);
      } else if (this.openSenders.size === 0) {
        this.outcomes.set(read.id, read.max === undefined ? DONE : []);
      } else {
        return;
      }
      this.reads.shift();
    }
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("send" as const), who: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("trySend" as const), who: fc.nat() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("recv" as const),
      who: fc.nat(),
      max: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("close" as const, "dispose" as const, "cloneSender" as const, "cloneReceiver" as const),
      who: fc.nat(),
    }),
  },
);

test("chan: any number of ends in any order does what three plain queues do", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(1, 2, 3, Infinity), fc.array(step, { maxLength: 60 }), async (capacity, steps) => {
      const [sender, receiver] = capacity === Infinity ? chan.unbounded<number>() : chan.bounded<number>(capacity);
      const model = new Model(capacity);
      const senders: Sender<number>[] = [sender];
      const receivers: ChannelReceiver<number>[] = [receiver];
      const watched = new Map<number, { outcome: unknown }>();
      for (const [id, step] of steps.entries()) {
        const from = step.who % senders.length;
        const to = step.who % receivers.length;
        const canSend = model.openSenders.has(from) && model.openReceivers.size > 0;
        if (step.do === "send") {
          watched.set(id, watch(senders[from].send(id)));
          if (canSend) model.sends.push({ id, value: id });
          else model.outcomes.set(id, "closed");
        } else if (step.do === "trySend") {
          const hasRoom = canSend && model.queue.length < capacity;
          assert.equal(senders[from].trySend(id), hasRoom);
          if (hasRoom) model.queue.push(id);
        } else if (step.do === "recv") {
          watched.set(id, watch(step.max === undefined ? receivers[to].recv() : receivers[to].recvMany(step.max)));
          if (model.openReceivers.has(to)) model.reads.push({ id, max: step.max, receiver: to });
          else model.outcomes.set(id, step.max === undefined ? DONE : []);
        } else if (step.do === "close") {
          senders[from].close();
          model.openSenders.delete(from);
        } else if (step.do === "dispose") {
          receivers[to][Symbol.dispose]();
          model.openReceivers.delete(to);
          for (const { id, max } of model.reads.filter((read) => read.receiver === to)) {
            model.outcomes.set(id, max === undefined ? DONE : []);
          }
          model.reads = model.reads.filter((read) => read.receiver !== to);
        } else if (step.do === "cloneSender" && model.openSenders.has(from)) {
          model.openSenders.add(senders.push(senders[from].clone()) - 1);
        } else if (step.do === "cloneReceiver" && model.openReceivers.size > 0) {
          model.openReceivers.add(receivers.push(receivers[to].clone()) - 1);
        }
        model.advance();
        if (model.openReceivers.size > 0) assert.equal(receivers[[...model.openReceivers][0]].pending, model.queue.length);
      }
      await settle();
      for (const [id, { outcome }] of watched) {
        assert.deepEqual(outcome, model.outcomes.has(id) ? model.outcomes.get(id) : "waits", `step ${id}`);
      }
    }),
    { numRuns: 500 },
  );
});
