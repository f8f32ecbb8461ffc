import { systemClock } from "../ports/clock.ts";
import { Deque } from "./deque.ts";
import { DaemonError } from "../values/errors.ts";
import { checkFunction, checkKeys, checkSignal, checkText, checkTexts } from "../values/options.ts";
import { Receiver, Source } from "./receiver.ts";
import { mustBePowerOfTwo, Ring } from "./ring.ts";

/** Options of {@linkcode EventBus}. */
export interface EventBusOptions {
  /** Events that each topic keeps for its readers, and that wait for handlers at most; a power of two. @default {4_096} */
  capacity?: number;
  /** Events of each topic that readers may have who subscribe later, at most `capacity`. @default {0} */
  replay?: number;
  /** Told what a handler threw or rejected with. It must not throw. @default nobody is told, they are only counted */
  onHandlerError?: (error: unknown, topic: string) => void;
  /** Calls a function in a later turn of the event loop. @default {a timer of the system clock} */
  defer?: (fn: () => void) => void;
}

/** Options of {@linkcode EventBus.subscribe}. */
export interface SubscribeOptions {
  /** Begins up to so many events back, as far as the bus's own `replay` goes. @default {0} */
  replay?: number;
  /** Told how many events were lost just now, in place of the read that fails with a {@linkcode LaggedError}. It must not throw. */
  onLag?: (count: number) => void;
  /** Ends the subscription: every read rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * A reader was so slow that events were overwritten before it came to them; the next read goes on with the oldest that is left.
 *
 * @example Three events for a reader of a bus that keeps two
 * ```ts
 * import { EventBus, LaggedError } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const bus = new EventBus<{ tick: number }>({ capacity: 2 });
 * using reader = bus.subscribe("tick");
 * for (const value of [1, 2, 3]) bus.publish("tick", value);
 * await assert.rejects(reader.recv(), (error) => error instanceof LaggedError && error.count === 1);
 * assert.deepEqual(await reader.recv(), { done: false, value: 2 });
 * ```
 */
export class LaggedError extends DaemonError {
  /** Its name. */
  static override readonly className: string = "LaggedError";
  /** Exactly how many events were lost since the last report. */
  readonly count: number;

  /** Creates the error for so many lost events. */
  constructor(count: number) {
    super("BUS_LAGGED", `Cannot read ${count} events as they were overwritten: read faster, take batches, or give the bus more capacity`);
    this.count = count;
  }
}

/** Events waiting for handlers that make `publish` run them itself. */
const INLINE_AT = 64;
/** Events handed to handlers before the event loop gets its turn. */
const MOST_PER_TURN = 4_096;

/** Member of a {@linkcode Roster}. */
interface Listed {
  /** Written by the roster only. */
  isListed: boolean;
}

/**
 * A list that loses members in constant time, as only every so often the gone ones are taken out. They go into a list made anew: who walks
 * over the old one goes on, and must skip who is not listed.
 */
class Roster<T extends Listed> {
  members: T[] = [];
  /** How many are listed. */
  size = 0;

  add(member: T): void {
    member.isListed = true;
    this.members.push(member);
    this.size++;
  }

  remove(member: T): void {
    if (!member.isListed) return;
    member.isListed = false;
    this.size--;
    if (this.size * 2 < this.members.length) this.members = this.members.filter((each) => each.isListed);
  }

  /** Empties it, and returns who was in it. */
  takeAll(): T[] {
    const members = this.size === this.members.length ? this.members : this.members.filter((each) => each.isListed);
    for (const member of members) member.isListed = false;
    this.members = [];
    this.size = 0;
    return members;
  }
}

/** One topic: its handlers, and a ring as long as somebody reads or may read later. */
class Topic {
  readonly name: string;
  readonly handlers: Roster<Handler> = new Roster();
  readonly cursors: Set<Cursor> = new Set();
  ring: Ring<unknown> | undefined;
  /** Cursors whose reader waits. */
  readonly parked: Roster<Cursor> = new Roster();
  isWoken = false;

  constructor(name: string) {
    this.name = name;
  }
}

interface Handler extends Listed {
  readonly fn: (value: never) => unknown;
  /** Number of the first event that it may see. */
  readonly since: number;
}

/** One reader's place on one topic; it is listed while its reader waits. */
interface Cursor extends Listed {
  readonly topic: Topic;
  readonly ring: Ring<unknown>;
  readonly source: BusSource<unknown>;
  position: number;
}

/**
 * Broadcasts events by topic: to handlers, which run by themselves, and to readers, which come for them at their own pace.
 *
 * - Handlers run in one microtask for a whole burst, or inside `publish` when 64 events wait. One that throws, or whose promise rejects,
 *   is counted and hurts nobody. An event that a handler publishes comes after those that wait already; after 4096 events the event loop
 *   gets its turn. Only a handler that publishes more than `capacity` events at once loses some, which count as lagged.
 * - Each reader sees what was published after it subscribed, in order. A slow one costs nobody else anything: it loses the oldest events,
 *   and the next read says how many, exactly and once.
 * - A reader of several topics gets them in the order in which they were published.
 * - A topic that is read pins its last `capacity` events in memory; one with handlers only keeps nothing.
 *
 * @example A handler and a reader that comes too late for the first event
 * ```ts
 * import { EventBus, LaggedError } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const bus = new EventBus<{ health: { ok: boolean }; tick: number }>({ capacity: 2 });
 * const seen: boolean[] = [];
 * using _handler = bus.on("health", ({ ok }) => seen.push(ok));
 * using ticks = bus.subscribe("tick");
 *
 * assert.equal(bus.publish("health", { ok: true }), 1);
 * for (const tick of [1, 2, 3]) bus.publish("tick", tick);
 *
 * await assert.rejects(ticks.recv(), (error) => error instanceof LaggedError && error.count === 1);
 * assert.deepEqual(await ticks.recvMany(10), [2, 3]);
 * assert.deepEqual(seen, [true]);
 * ```
 */
export class EventBus<Events extends object> implements Disposable {
  readonly #capacity: number;
  readonly #replay: number;
  readonly #onHandlerError: ((error: unknown, topic: string) => void) | undefined;
  readonly #defer: (fn: () => void) => void;
  /** Only topics that have handlers, readers or something to replay. */
  readonly #topics = new Map<string, Topic>();
  /** Events that wait for handlers, as two queues in step: no object for each event. */
  readonly #waitingTopics = new Deque<Topic>();
  readonly #waitingValues = new Deque<unknown>();
  readonly #mostWaiting: number;
  readonly #woken: Topic[] = [];
  /** Number of the next event that waits for handlers. */
  #nextNumber = 0;
  #isDraining = false;
  #isScheduled = false;
  #isDeferred = false;
  #isClosed = false;
  #published = 0;
  #lagged = 0;
  #handlerErrors = 0;

  /**
   * Creates a bus without topics; they come and go with those who listen.
   *
   * @throws {RangeError} if `capacity` is no power of two, or `replay` no integer from 0 to `capacity`.
   */
  constructor(options: EventBusOptions = {}) {
    const { capacity = 4_096, replay = 0, onHandlerError, defer = (fn) => void systemClock.schedule(0, fn) } = options;
    checkKeys("create EventBus", options, ["capacity", "replay", "onHandlerError", "defer"]);
    mustBePowerOfTwo("create EventBus", "capacity", capacity);
    if (!(Number.isInteger(replay) && replay >= 0 && replay <= capacity)) {
      throw new RangeError(`Cannot create EventBus as "replay" must be an integer from 0 to ${capacity}: current value is ${replay}`);
    }
    if (onHandlerError !== undefined) checkFunction("create EventBus", "onHandlerError", onHandlerError);
    checkFunction("create EventBus", "defer", defer);
    this.#capacity = capacity;
    this.#replay = replay;
    this.#onHandlerError = onHandlerError;
    this.#defer = defer;
    this.#mostWaiting = Math.max(capacity, INLINE_AT);
  }

  /** Events that each topic keeps for its readers. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Events published so far, with or without anybody listening. */
  get published(): number {
    return this.#published;
  }

  /** Events that readers were told they had lost, and that handlers lost, so far. */
  get lagged(): number {
    return this.#lagged;
  }

  /** How often a handler failed so far. */
  get handlerErrors(): number {
    return this.#handlerErrors;
  }

  /** Whether it was closed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Calls `fn` for each event published from now on, until disposed.
   *
   * @throws {TypeError} if `topic` is no text or `fn` no function.
   */
  on<Name extends Extract<keyof Events, string>>(topic: Name, fn: (value: Events[Name]) => void): Disposable {
    checkText("listen to the bus", "topic", topic);
    checkFunction("listen to the bus", "fn", fn);
    const handler: Handler = { fn, since: this.#nextNumber, isListed: false };
    const { name } = this.#change(topic, ({ handlers }) => handlers.add(handler));
    return {
      [Symbol.dispose]: () => {
        if (handler.isListed) this.#change(name, ({ handlers }) => handlers.remove(handler));
      },
    };
  }

  /** Hands an event to everybody who listens to the topic, and returns how many that are; 0 after the bus was closed. */
  publish<Name extends Extract<keyof Events, string>>(topic: Name, value: Events[Name]): number {
    if (this.#isClosed) return 0;
    this.#published++;
    let found = this.#topics.get(topic);
    if (found === undefined) {
      if (this.#replay === 0) return 0;
      found = this.#change(topic, () => {});
    }
    if (found.ring !== undefined) {
      found.ring.push(value, this.#published);
      if (found.parked.size > 0 && !found.isWoken) {
        found.isWoken = true;
        this.#woken.push(found);
        this.#schedule();
      }
    }
    if (found.handlers.size > 0) this.#enqueue(found, value);
    return found.handlers.size + found.cursors.size;
  }

  /**
   * Reads what is published on a topic from now on.
   *
   * @throws {RangeError} if `replay` is no integer of at least 0.
   * @throws {TypeError} if another argument is wrong.
   */
  subscribe<Name extends Extract<keyof Events, string>>(topic: Name, options?: SubscribeOptions): BusReceiver<Events[Name]>;
  /** Reads several topics, in the order of publishing: each value comes with its topic. */
  subscribe<Name extends Extract<keyof Events, string>>(
    topics: readonly Name[],
    options?: SubscribeOptions,
  ): BusReceiver<{ [Each in Name]: { topic: Each; value: Events[Each] } }[Name]>;
  subscribe(topics: string | readonly string[], options: SubscribeOptions = {}): BusReceiver<unknown> {
    const { replay = 0, onLag, signal } = options;
    checkKeys("subscribe", options, ["replay", "onLag", "signal"]);
    if (!(Number.isInteger(replay) && replay >= 0)) {
      throw new RangeError(`Cannot subscribe as "replay" must be an integer of at least 0: current value is ${replay}`);
    }
    if (onLag !== undefined) checkFunction("subscribe", "onLag", onLag);
    checkSignal("subscribe", signal);
    if (typeof topics !== "string") checkTexts("subscribe", "topics", topics);
    const names = typeof topics === "string" ? [topics] : [...new Set(topics)];
    const source = new BusSource<unknown>({
      isMerged: typeof topics !== "string",
      onLag,
      isClosed: () => this.#isClosed,
      countLag: (count) => this.#lagged += count,
      release: (cursors) => cursors.forEach((cursor) => this.#leave(cursor)),
    });
    source.cursors = names.map((name) => {
      let cursor: Cursor | undefined;
      this.#change(name, (topic) => {
        const ring = topic.ring ??= new Ring(this.#capacity);
        const position = Math.max(ring.oldest, ring.head - Math.min(replay, this.#replay));
        topic.cursors.add(cursor = { topic, ring, source, position, isListed: false });
      });
      return cursor!;
    });
    return new BusReceiver(source, { signal });
  }

  /** Takes no more events. Handlers and readers get what was published before, then iteration ends. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const topic of this.#topics.values()) {
      for (const cursor of topic.cursors) cursor.source.serve();
    }
  }

  /** The same as {@linkcode EventBus.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Changes a topic, which is made if need be, and forgets it when nobody needs it any more. */
  #change(name: string, change: (topic: Topic) => void): Topic {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = new Topic(name);
      if (this.#replay > 0) topic.ring = new Ring(this.#capacity);
      this.#topics.set(name, topic);
    }
    change(topic);
    if (topic.cursors.size === 0 && this.#replay === 0) {
      topic.ring = undefined;
      if (topic.handlers.size === 0) this.#topics.delete(name);
    }
    return topic;
  }

  #leave(cursor: Cursor): void {
    this.#change(cursor.topic.name, (topic) => {
      topic.cursors.delete(cursor);
      topic.parked.remove(cursor);
    });
  }

  #enqueue(topic: Topic, value: unknown): void {
    // Only a handler that publishes without end gets here: whoever else publishes runs the handlers long before.
    if (this.#waitingTopics.length === this.#mostWaiting) {
      this.#lagged += this.#waitingTopics.shift().handlers.size;
      this.#waitingValues.shift();
    }
    this.#waitingTopics.push(topic);
    this.#waitingValues.push(value);
    this.#nextNumber++;
    if (this.#isDraining) return;
    if (this.#waitingTopics.length >= INLINE_AT) this.#drain();
    else this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isScheduled = false;
    for (const topic of this.#woken.splice(0)) {
      topic.isWoken = false;
      for (const cursor of topic.parked.takeAll()) {
        cursor.source.serve();
        if (cursor.source.waiting.first !== undefined) cursor.source.parked();
      }
    }
    if (!this.#isDeferred) this.#drain();
  };

  /** Hands waiting events to handlers, one event after the other. */
  #drain(): void {
    const topics = this.#waitingTopics;
    const values = this.#waitingValues;
    this.#isDraining = true;
    for (let left = MOST_PER_TURN; topics.length > 0; left--) {
      if (left === 0) {
        this.#continueLater();
        break;
      }
      const number = this.#nextNumber - topics.length;
      const { name, handlers: { members } } = topics.shift();
      const value = values.shift();
      for (const handler of members) {
        if (!handler.isListed || handler.since > number) continue;
        try {
          const result = handler.fn(value as never);
          if (result instanceof Promise) result.catch((error) => this.#blame(error, name));
        } catch (error) {
          this.#blame(error, name);
        }
      }
    }
    this.#isDraining = false;
  }

  #continueLater(): void {
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#defer(() => {
      this.#isDeferred = false;
      this.#flush();
    });
  }

  #blame(error: unknown, topic: string): void {
    this.#handlerErrors++;
    try {
      this.#onHandlerError?.(error, topic);
    } catch {
      // The handler of failures has failed itself: the next handler must still run, and there is nobody left to tell.
      this.#handlerErrors++;
    }
  }
}

/**
 * The reading end of an {@linkcode EventBus}.
 *
 * @example It counts what it has lost
 * ```ts
 * import { EventBus } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const bus = new EventBus<{ tick: number }>({ capacity: 2 });
 * using reader = bus.subscribe("tick", { onLag: () => {} });
 * for (const value of [1, 2, 3]) bus.publish("tick", value);
 * assert.deepEqual(await reader.recvMany(10), [2, 3]);
 * assert.equal(reader.lagged, 1);
 * ```
 */
export class BusReceiver<T> extends Receiver<T> {
  readonly #source: BusSource<T>;

  /** Made by {@linkcode EventBus.subscribe}. */
  constructor(source: BusSource<T>, options: { signal?: AbortSignal }) {
    super(source, options);
    this.#source = source;
  }

  /** Events lost so far, those that no read has reported yet included. */
  get lagged(): number {
    return this.#source.lagged;
  }
}

/** Options of a reader's place in the bus. */
interface BusSourceOptions {
  isMerged: boolean;
  onLag: ((count: number) => void) | undefined;
  isClosed: () => boolean;
  countLag: (count: number) => void;
  release: (cursors: readonly Cursor[]) => void;
}

/** A reader's places on its topics. */
class BusSource<T> extends Source<T> {
  /** Set once by the bus. */
  cursors: readonly Cursor[] = [];
  readonly #options: BusSourceOptions;
  #reported = 0;

  constructor(options: BusSourceOptions) {
    super();
    this.#options = options;
  }

  get pending(): number {
    let pending = 0;
    for (const { ring, position } of this.cursors) pending += ring.head - Math.max(position, ring.oldest);
    return pending;
  }

  get isEnded(): boolean {
    return this.#options.isClosed();
  }

  get lagged(): number {
    let lagged = this.#reported;
    for (const { ring, position } of this.cursors) lagged += Math.max(0, ring.oldest - position);
    return lagged;
  }

  take(): T {
    this.#reportLag();
    return this.#next();
  }

  takeMany(max: number): T[] {
    this.#reportLag();
    const values: T[] = [];
    for (let left = Math.min(max, this.pending); left >= 1; left--) values.push(this.#next());
    return values;
  }

  parked(): void {
    for (const cursor of this.cursors) {
      if (!cursor.isListed) cursor.topic.parked.add(cursor);
    }
  }

  release(): void {
    const cursors = this.cursors;
    this.#reported = this.lagged;
    this.cursors = [];
    this.#options.release(cursors);
  }

  /** Moves to the oldest events that are left and says how many were lost: by a call, or by throwing. */
  #reportLag(): void {
    const lost = this.lagged - this.#reported;
    if (lost === 0) return;
    for (const cursor of this.cursors) cursor.position = Math.max(cursor.position, cursor.ring.oldest);
    this.#reported += lost;
    this.#options.countLag(lost);
    if (this.#options.onLag === undefined) throw new LaggedError(lost);
    this.#options.onLag(lost);
  }

  #next(): T {
    let cursor: Cursor | undefined;
    for (const candidate of this.cursors) {
      if (candidate.position === candidate.ring.head) continue;
      if (cursor === undefined || candidate.ring.seqAt(candidate.position) < cursor.ring.seqAt(cursor.position)) cursor = candidate;
    }
    const value = cursor!.ring.at(cursor!.position++);
    return (this.#options.isMerged ? { topic: cursor!.topic.name, value } : value) as T;
  }
}
