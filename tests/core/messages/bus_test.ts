import assert from "node:assert/strict";
import process from "node:process";
import fc from "../../property.ts";
import { type BusReceiver, EventBus, LaggedError } from "../../../src/core/messages/bus.ts";
import { test } from "../../harness.ts";

type Events = { a: number; b: number; c: number };
type Name = keyof Events;

/** Lets every microtask that is due run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await null;
}

/** The result of a read, in a form that can be compared. */
function outcomeOf<T>(read: () => { done?: boolean; value?: T } | undefined): unknown {
  try {
    const result = read();
    return result === undefined ? "empty" : result.done ? "done" : result.value;
  } catch (error) {
    assert.ok(error instanceof LaggedError, String(error));
    return `lagged ${error.count}`;
  }
}

test("EventBus: capacities and replays that can't be are refused", () => {
  for (const capacity of [0, 3, 4_097, -4, 0.5, NaN]) assert.throws(() => new EventBus({ capacity }), RangeError, String(capacity));
  for (const replay of [-1, 5, 0.5, NaN]) assert.throws(() => new EventBus({ capacity: 4, replay }), RangeError, String(replay));
  const bus = new EventBus<Events>();
  assert.equal(bus.capacity, 4_096);
  assert.throws(() => bus.subscribe("a", { replay: -1 }), RangeError);
  const reader = bus.subscribe("a");
  assert.throws(() => reader.batches(0), RangeError);
});

test("EventBus.subscribe: three events in a ring of two lag by one, then two and three follow (library 64)", async () => {
  const bus = new EventBus<Events>({ capacity: 2 });
  using reader = bus.subscribe("a");
  for (const value of [1, 2, 3]) bus.publish("a", value);
  assert.equal(reader.lagged, 1);
  await assert.rejects(reader.recv(), (error) => error instanceof LaggedError && error.count === 1 && error.code === "BUS_LAGGED");
  assert.deepEqual([reader.pending, await reader.recv(), await reader.recv(), reader.tryRecv()], [
    2,
    { done: false, value: 2 },
    { done: false, value: 3 },
    undefined,
  ]);
  assert.deepEqual([reader.lagged, bus.lagged, bus.published], [1, 1, 3]);
});

test("EventBus.subscribe: onLag is told the exact number and the same read goes on", async () => {
  const lags: number[] = [];
  const bus = new EventBus<Events>({ capacity: 4 });
  using reader = bus.subscribe("a", { onLag: (count) => lags.push(count) });
  for (let value = 1; value <= 11; value++) bus.publish("a", value);
  assert.deepEqual(await reader.recvMany(2), [8, 9]);
  for (let value = 12; value <= 20; value++) bus.publish("a", value);
  assert.deepEqual([await reader.recvMany(9), lags, reader.lagged], [[17, 18, 19, 20], [7, 7], 14]);
});

test("EventBus.subscribe: a slow reader never makes a fast one lag (library 66)", () => {
  const bus = new EventBus<Events>({ capacity: 4 });
  using slow = bus.subscribe("a");
  using fast = bus.subscribe("a");
  for (let value = 0; value < 100; value++) {
    assert.equal(bus.publish("a", value), 2);
    assert.deepEqual(fast.tryRecv(), { done: false, value });
  }
  assert.deepEqual([fast.lagged, slow.lagged], [0, 96]);
});

test("EventBus.on: a handler that throws or rejects is counted and told of, the others run (library 68)", async () => {
  const told: unknown[] = [];
  const seen: string[] = [];
  const bus = new EventBus<Events>({
    onHandlerError: (error, topic) => {
      told.push([error, topic]);
      throw "broken as well";
    },
  });
  bus.on("a", () => {
    throw "thrown";
  });
  bus.on("a", () => Promise.reject("rejected") as unknown as void);
  bus.on("a", (value) => seen.push(`last ${value}`));
  assert.equal(bus.publish("a", 1), 3);
  assert.deepEqual(seen, []);
  await settle();
  assert.deepEqual(seen, ["last 1"]);
  assert.deepEqual(told, [["thrown", "a"], ["rejected", "a"]]);
  assert.equal(bus.handlerErrors, 4);
});

test("EventBus.on: an event published by a handler comes after those that wait (library 68)", async () => {
  const seen: string[] = [];
  const bus = new EventBus<Events>();
  bus.on("a", (value) => {
    seen.push(`first a${value}`);
    if (value < 3) bus.publish("a", value + 2);
  });
  bus.on("a", (value) => seen.push(`second a${value}`));
  bus.on("b", (value) => seen.push(`b${value}`));
  bus.publish("a", 1);
  bus.publish("b", 1);
  bus.publish("a", 2);
  await settle();
  const expected = ["first a1", "second a1", "b1", "first a2", "second a2", "first a3", "second a3", "first a4", "second a4"];
  assert.deepEqual(seen, expected);
});

test("EventBus.on: handlers come and go inside a handler (library 68)", async () => {
  const seen: string[] = [];
  const bus = new EventBus<Events>();
  const first = bus.on("a", (value) => {
    seen.push(`first ${value}`);
    first[Symbol.dispose]();
    second[Symbol.dispose]();
    bus.on("a", (value) => seen.push(`third ${value}`));
  });
  const second = bus.on("a", (value) => seen.push(`second ${value}`));
  bus.publish("a", 1);
  bus.publish("a", 2);
  await settle();
  bus.publish("a", 3);
  await settle();
  first[Symbol.dispose]();
  assert.deepEqual(seen, ["first 1", "third 3"]);
});

test("EventBus.on: runs in one microtask per burst, or inside publish at every 64th event", async () => {
  const seen: number[] = [];
  const bus = new EventBus<Events>();
  bus.on("a", (value) => seen.push(value));
  for (let value = 1; value <= 63; value++) bus.publish("a", value);
  assert.equal(seen.length, 0);
  bus.publish("a", 64);
  assert.equal(seen.length, 64);
  for (let value = 65; value <= 10_000; value++) bus.publish("a", value);
  await null;
  assert.deepEqual(seen, Array.from({ length: 10_000 }, (_, index) => index + 1));
  assert.equal(bus.lagged, 0);
});

test("EventBus.on: after 4096 events the event loop gets its turn", async () => {
  const deferred: (() => void)[] = [];
  let calls = 0;
  const bus = new EventBus<Events>({ defer: (fn) => deferred.push(fn) });
  const again = bus.on("a", (value) => {
    calls++;
    bus.publish("a", value);
  });
  bus.publish("a", 1);
  await settle();
  assert.deepEqual([calls, deferred.length], [4_096, 1]);
  deferred.pop()!();
  assert.deepEqual([calls, deferred.length], [8_192, 1]);
  again[Symbol.dispose]();
  deferred.pop()!();
  await settle();
  assert.deepEqual([calls, deferred.length], [8_192, 0]);
});

test("EventBus.on: the default lets the loop turn, too", async () => {
  const bus = new EventBus<Events>();
  let calls = 0;
  await new Promise<void>((resolve) => {
    bus.on("a", (value) => {
      if (++calls === 10_000) return resolve();
      bus.publish("a", value);
    });
    bus.publish("a", 1);
  });
  assert.equal(calls, 10_000);
});

test("EventBus.on: only a handler that publishes beyond the capacity loses events, and they are counted", async () => {
  const seen: number[] = [];
  const bus = new EventBus<Events>({ capacity: 64 });
  bus.on("b", (value) => seen.push(value));
  bus.on("a", () => {
    for (let value = 0; value < 100; value++) bus.publish("b", value);
  });
  bus.publish("a", 1);
  await settle();
  assert.deepEqual(seen, Array.from({ length: 64 }, (_, index) => index + 36));
  assert.equal(bus.lagged, 36);
});

test("EventBus.publish: returns who listens, and keeps nothing for nobody", () => {
  const bus = new EventBus<Events>();
  assert.equal(bus.publish("a", 1), 0);
  const reader = bus.subscribe(["a", "b", "a"]);
  const handler = bus.on("a", () => {});
  assert.deepEqual([bus.publish("a", 2), bus.publish("b", 3), bus.publish("c", 4)], [2, 1, 0]);
  assert.equal(reader.pending, 2);
  reader[Symbol.dispose]();
  handler[Symbol.dispose]();
  assert.deepEqual([bus.publish("a", 5), reader.pending, bus.published], [0, 0, 5]);
  assert.equal(bus.subscribe("a", { replay: 9 }).pending, 0);
});

test("EventBus.subscribe: replay begins so far back", async () => {
  const bus = new EventBus<Events>({ capacity: 8, replay: 3 });
  for (let value = 1; value <= 20; value++) assert.equal(bus.publish("a", value), 0);
  using two = bus.subscribe("a", { replay: 2 });
  using most = bus.subscribe("a", { replay: 100 });
  using none = bus.subscribe("a");
  assert.deepEqual([await two.recvMany(9), await most.recvMany(9), none.pending], [[19, 20], [18, 19, 20], 0]);
});

test("EventBus.subscribe: several topics come in the order of publishing", async () => {
  const bus = new EventBus<Events>();
  using reader = bus.subscribe(["a", "b"]);
  bus.publish("b", 1);
  bus.publish("a", 2);
  bus.publish("c", 3);
  bus.publish("b", 4);
  assert.deepEqual(await reader.recvMany(9), [{ topic: "b", value: 1 }, { topic: "a", value: 2 }, { topic: "b", value: 4 }]);
});

test("EventBus.close: readers drain, iteration ends, publish returns 0 (library 70)", async () => {
  const bus = new EventBus<Events>();
  const handled: number[] = [];
  bus.on("a", (value) => handled.push(value));
  const items: number[] = [];
  const batches: number[][] = [];
  const unread = bus.subscribe("a");
  const waiting = bus.subscribe("b").recv();
  const reading = [
    (async () => {
      for await (const item of bus.subscribe("a")) items.push(item);
    })(),
    (async () => {
      for await (const batch of bus.subscribe("a").batches(2)) batches.push(batch);
    })(),
  ];
  for (const value of [1, 2, 3]) bus.publish("a", value);
  bus.close();
  assert.equal(bus.publish("a", 4), 0);
  await Promise.all(reading);
  assert.deepEqual([items, batches, handled], [[1, 2, 3], [[1, 2], [3]], [1, 2, 3]]);
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.deepEqual([await unread.recvMany(9), await unread.recvMany(9)], [[1, 2, 3], []]);
  assert.deepEqual(await bus.subscribe("a").recv(), { done: true, value: undefined });
});

test("Receiver: leaving a loop lets go of the bus, also while a read waits", async () => {
  const bus = new EventBus<Events>();
  const reader = bus.subscribe("a");
  bus.publish("a", 1);
  for await (const value of reader) {
    assert.equal(value, 1);
    break;
  }
  assert.equal(bus.publish("a", 2), 0);
  assert.deepEqual(await reader.recv(), { done: true, value: undefined });

  const parked = bus.subscribe("a")[Symbol.asyncIterator]();
  const next = parked.next();
  assert.deepEqual(await parked.return!(), { done: true, value: undefined });
  assert.deepEqual(await next, { done: true, value: undefined });
});

test("Receiver: a loop that ends because it lagged lets go of the bus, also when the read waited", async () => {
  const bus = new EventBus<Events>({ capacity: 2 });
  const fails = (reader: AsyncIterable<unknown>) =>
    assert.rejects(async () => {
      for await (const _ of reader);
    }, LaggedError);
  const [plain, batches] = [bus.subscribe("a"), bus.subscribe("a")];
  for (const value of [1, 2, 3]) bus.publish("a", value);
  await fails(plain);
  await fails(batches.batches());
  const waiting = bus.subscribe("a");
  const failed = fails(waiting);
  await settle();
  for (const value of [1, 2, 3]) bus.publish("a", value);
  await failed;
  assert.equal(bus.publish("a", 4), 0);
  const reader = bus.subscribe("a");
  for (const value of [1, 2, 3]) bus.publish("a", value);
  await assert.rejects(reader.recv(), LaggedError);
  assert.deepEqual(await reader.recvMany(9), [2, 3]);
});

test("EventBus: readers that are let go while others are woken leave the count of those who wait right", async () => {
  const bus = new EventBus<Events>();
  const readers = Array.from({ length: 5 }, () => bus.subscribe("a"));
  const reads = readers.map((reader) => reader.recv());
  await settle();
  void reads[0].then(() => readers.slice(1, 3).forEach((reader) => reader[Symbol.dispose]()));
  readers[4][Symbol.dispose]();
  bus.publish("a", 1);
  await Promise.all(reads);
  const again = [readers[0], readers[3]].map((reader) => reader.recv());
  await settle();
  assert.equal(bus.publish("a", 2), 2);
  assert.deepEqual((await Promise.all(again)).map(({ value }) => value), [2, 2]);
});

test("EventBus: a hundred thousand handlers and readers come and go in any order, and an event reaches who is left", async () => {
  const bus = new EventBus<Events>({ capacity: 1 });
  let calls = 0;
  const handlers = Array.from({ length: 100_000 }, () => bus.on("a", () => calls++));
  for (const [index, handler] of handlers.entries()) if (index % 1_000 !== 7) handler[Symbol.dispose]();
  const readers = Array.from({ length: 100_000 }, () => bus.subscribe("b"));
  for (const reader of readers.slice(3)) reader[Symbol.dispose]();
  assert.deepEqual([bus.publish("a", 1), bus.publish("b", 1)], [100, 3]);
  await settle();
  assert.equal(calls, 100);
});

test("Receiver: a signal ends one read or the whole subscription with its reason, and is let go", async () => {
  const bus = new EventBus<Events>();
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners.add(args[1]);
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners.delete(args[1]);
    removeEventListener.apply(signal, args);
  };

  using reader = bus.subscribe("a");
  const received = reader.recv({ signal });
  bus.publish("a", 1);
  assert.deepEqual([await received, listeners.size], [{ done: false, value: 1 }, 0]);

  const whole = bus.subscribe("a", { signal });
  const wholeRead = whole.recv();
  const read = reader.recvMany(2, { signal });
  const patient = reader.recv();
  controller.abort("enough");
  await assert.rejects(read, (reason) => reason === "enough");
  await assert.rejects(wholeRead, (reason) => reason === "enough");
  await assert.rejects(whole.recv(), (reason) => reason === "enough");
  assert.throws(() => whole.tryRecv(), (reason) => reason === "enough");
  await assert.rejects(reader.recv({ signal }), (reason) => reason === "enough");
  await assert.rejects(bus.subscribe("a", { signal }).recv(), (reason) => reason === "enough");
  assert.equal(listeners.size, 0);
  assert.equal(bus.publish("a", 2), 1);
  assert.deepEqual(await patient, { done: false, value: 2 });
});

test("Receiver: reads that wait are answered in order", async () => {
  const bus = new EventBus<Events>();
  using reader = bus.subscribe("a");
  const order: unknown[] = [];
  const reads = [reader.recv(), reader.recvMany(2), reader.recv()].map((read, index) => read.then((value) => order.push([index, value])));
  for (const value of [1, 2, 3, 4]) bus.publish("a", value);
  assert.equal(reader.tryRecv(), undefined, "those who wait come first");
  await Promise.all(reads);
  assert.deepEqual(order, [[0, { done: false, value: 1 }], [1, [2, 3]], [2, { done: false, value: 4 }]]);
});

test("Receiver.readable: a stream of values that lets go when it is cancelled", async () => {
  const bus = new EventBus<Events>();
  const reader = bus.subscribe("a");
  for (const value of [1, 2]) bus.publish("a", value);
  const stream = reader.readable.getReader();
  assert.deepEqual([(await stream.read()).value, (await stream.read()).value], [1, 2]);
  await stream.cancel();
  assert.equal(bus.publish("a", 3), 0);

  const ended = bus.subscribe("a");
  bus.publish("a", 4);
  bus.close();
  const rest: number[] = [];
  for await (const value of ended.readable) rest.push(value);
  assert.deepEqual(rest, [4]);
});

test("EventBus: ten million events past a hundred readers who never read leave the heap flat (library 69)", () => {
  const bus = new EventBus<{ a: { value: number } }>({ capacity: 1_024 });
  const readers = Array.from({ length: 100 }, () => bus.subscribe("a"));
  for (let value = 0; value < 100_000; value++) bus.publish("a", { value });
  const before = process.memoryUsage().heapUsed;
  for (let value = 0; value < 10_000_000; value++) bus.publish("a", { value });
  const grownBytes = process.memoryUsage().heapUsed - before;
  assert.ok(grownBytes < 64 * 2 ** 20, `the heap grew by ${grownBytes} bytes`);
  for (const reader of readers) assert.equal(reader.lagged, 10_100_000 - 1_024);
});

/** The bus as arrays with cursors. */
class Model {
  readonly logs: Record<Name, { seq: number; value: number }[]> = { a: [], b: [], c: [] };
  readonly capacity: number;
  #seq = 0;
  isClosed = false;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  publish(name: Name, value: number): void {
    if (!this.isClosed) this.logs[name].push({ seq: this.#seq++, value });
  }
}

class ModelReader {
  readonly positions: Map<Name, number>;
  readonly #model: Model;
  readonly #isMerged: boolean;
  isDisposed = false;
  lagged = 0;

  constructor(model: Model, names: readonly Name[], isMerged: boolean, replay: number) {
    this.#model = model;
    this.#isMerged = isMerged;
    this.positions = new Map(names.map((name) => [name, Math.max(0, model.logs[name].length - replay)]));
  }

  dispose(): void {
    if (!this.isDisposed) this.lose();
    this.isDisposed = true;
  }

  lose(): number {
    let lost = 0;
    for (const [name, position] of this.positions) {
      const oldest = Math.max(0, this.#model.logs[name].length - this.#model.capacity);
      if (position < oldest) this.positions.set(name, oldest);
      lost += Math.max(0, oldest - position);
    }
    this.lagged += lost;
    return lost;
  }

  read(max: number): unknown {
    if (this.isDisposed) return "done";
    const lost = this.lose();
    if (lost > 0) return `lagged ${lost}`;
    const unread = [...this.positions].flatMap(([name, position]) =>
      this.#model.logs[name].slice(position).map((event) => ({ ...event, topic: name }))
    ).sort((one, other) => one.seq - other.seq).slice(0, max);
    if (unread.length === 0) return this.#model.isClosed ? "done" : "empty";
    for (const { topic } of unread) this.positions.set(topic, this.positions.get(topic)! + 1);
    return unread.map(({ topic, value }) => this.#isMerged ? { topic, value } : value);
  }
}

const names = fc.constantFrom<Name>("a", "b", "c");
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("publish" as const), topic: names, times: fc.integer({ min: 1, max: 12 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("subscribe" as const),
      topics: fc.oneof(names, fc.uniqueArray(names, { minLength: 1 })),
      replay: fc.integer({ min: 0, max: 6 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("read" as const), who: fc.nat(), max: fc.integer({ min: 1, max: 6 }), isMany: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("dispose" as const), who: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("handle" as const), topic: names }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("unhandle" as const), who: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const) }) },
);

test("EventBus: every reader and handler sees what arrays with cursors say, with the exact lag", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(1, 2, 4, 8), fc.array(step, { maxLength: 60 }), async (capacity, steps) => {
      const replay = Math.min(capacity, 4);
      const bus = new EventBus<Events>({ capacity, replay });
      const model = new Model(capacity);
      const readers: { real: BusReceiver<unknown>; model: ModelReader }[] = [];
      const handlers: { real: Disposable; seen: number[]; expected: number[]; topic: Name; isOn: boolean }[] = [];
      let next = 0;
      for (const step of steps) {
        if (step.do === "publish") {
          for (let time = 0; time < step.times; time++) {
            const value = next++;
            const listening: number = readers.filter(({ model }) => !model.isDisposed && model.positions.has(step.topic)).length +
              handlers.filter(({ isOn, topic }) => isOn && topic === step.topic).length;
            assert.equal(bus.publish(step.topic, value), model.isClosed ? 0 : listening);
            if (!model.isClosed) {
              for (const handler of handlers) if (handler.isOn && handler.topic === step.topic) handler.expected.push(value);
            }
            model.publish(step.topic, value);
          }
        } else if (step.do === "subscribe") {
          const topics = typeof step.topics === "string" ? [step.topics] : step.topics;
          const isMerged = typeof step.topics !== "string";
          const real = isMerged ? bus.subscribe(topics, { replay: step.replay }) : bus.subscribe(topics[0], { replay: step.replay });
          readers.push({ real, model: new ModelReader(model, topics, isMerged, Math.min(step.replay, replay)) });
        } else if (step.do === "read" && readers.length > 0) {
          const { real, model: reader } = readers[step.who % readers.length];
          const pending = real.pending;
          const expected = reader.read(step.isMany ? step.max : 1);
          if (!step.isMany || !Array.isArray(expected)) {
            assert.deepEqual(outcomeOf(() => real.tryRecv()), Array.isArray(expected) ? expected[0] : expected);
          } else {
            assert.deepEqual(await real.recvMany(step.max), expected);
            assert.ok(pending >= expected.length);
          }
          assert.equal(real.lagged, reader.lagged);
        } else if (step.do === "dispose" && readers.length > 0) {
          const { real, model: reader } = readers[step.who % readers.length];
          real[Symbol.dispose]();
          reader.dispose();
        } else if (step.do === "handle") {
          const seen: number[] = [];
          handlers.push({
            real: bus.on(step.topic, (value) => seen.push(value)),
            seen,
            expected: [],
            topic: step.topic,
            isOn: true,
          });
        } else if (step.do === "unhandle" && handlers.length > 0) {
          await settle();
          const handler = handlers[step.who % handlers.length];
          handler.real[Symbol.dispose]();
          handler.isOn = false;
        } else if (step.do === "settle") {
          await settle();
          for (const { seen, expected } of handlers) assert.deepEqual(seen, expected);
        } else if (step.do === "close") {
          bus.close();
          model.isClosed = true;
        }
      }
      await settle();
      for (const { seen, expected } of handlers) assert.deepEqual(seen, expected);
    }),
    { numRuns: 300 },
  );
});

test("EventBus: readers that wait in any order account for every event, read or lost", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.constantFrom(1, 2, 4),
      fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
      async (scheduler, capacity, bursts, sizes) => {
        const bus = new EventBus<Events>({ capacity });
        const total = bursts.reduce((sum, burst) => sum + burst, 0);
        const reading = sizes.map(async (size, index) => {
          const reader = bus.subscribe("a");
          let expected = 0;
          for (;;) {
            try {
              const values = await reader.recvMany(size);
              if (values.length === 0) break;
              for (const value of values) assert.equal(value, expected++);
            } catch (error) {
              if (!(error instanceof LaggedError)) throw error;
              expected += error.count;
            }
            await scheduler.schedule(Promise.resolve(), `reader ${index}`);
          }
          assert.equal(expected, total);
        });
        let next = 0;
        const publishing = (async () => {
          for (const burst of bursts) {
            for (let event = 0; event < burst; event++) bus.publish("a", next++);
            await scheduler.schedule(Promise.resolve(), "publisher");
          }
          bus.close();
        })();
        await scheduler.waitFor(Promise.all([publishing, ...reading]));
      },
    ),
    { numRuns: 200 },
  );
});
