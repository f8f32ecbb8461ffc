import { Deque } from "./deque.ts";
import { DaemonError } from "../values/errors.ts";
import { Receiver, Source } from "./receiver.ts";
import { checkPatience, PATIENT, Waiter, WaitList, type WaitOptions } from "./waiters.ts";

/**
 * Channels between parts of a program, for any number of senders and receivers.
 *
 * - Values come out in the order in which they were sent; each reaches one receiver, whoever waits longest.
 * - {@linkcode Sender.clone} and {@linkcode ChannelReceiver.clone} make further ends. When the last sender is closed, receivers get what is
 *   left, then their iteration ends. When the last receiver is gone, what is left is dropped and sending fails with `CHANNEL_CLOSED`.
 *
 * @example A full channel makes its sender wait
 * ```ts
 * import { chan } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const [sender, receiver] = chan.bounded<string>(1);
 * await sender.send("first");
 * assert.equal(sender.trySend("no room"), false);
 * const second = sender.send("second");
 * assert.deepEqual(await receiver.recv(), { done: false, value: "first" });
 * await second;
 * sender.close();
 * assert.deepEqual(await Array.fromAsync(receiver), ["second"]);
 * ```
 */
export const chan: {
  /** Makes a channel that takes any number of values; it grows as far as memory goes when nobody receives. */
  unbounded<T>(): [Sender<T>, ChannelReceiver<T>];
  /**
   * Makes a channel that holds `capacity` values at most; whoever sends more waits.
   *
   * @throws {RangeError} if `capacity` is no positive integer.
   */
  bounded<T>(capacity: number): [Sender<T>, ChannelReceiver<T>];
} = {
  unbounded<T>(): [Sender<T>, ChannelReceiver<T>] {
    return ends(new Channel<T>(Infinity));
  },
  bounded<T>(capacity: number): [Sender<T>, ChannelReceiver<T>] {
    if (!(Number.isSafeInteger(capacity) && capacity > 0)) {
      throw new RangeError(`Cannot create a channel as "capacity" must be a positive integer: current value is ${capacity}`);
    }
    return ends(new Channel<T>(capacity));
  },
};

function ends<T>(channel: Channel<T>): [Sender<T>, ChannelReceiver<T>] {
  return [new Sender(channel), new ChannelReceiver(channel)];
}

/**
 * The sending end of a channel, made by {@linkcode chan}. Disposing closes it.
 *
 * @example A value that finds no room
 * ```ts
 * import { chan } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const [sender, receiver] = chan.bounded<string>(1);
 * assert.deepEqual(["first", "second"].map((value) => sender.trySend(value)), [true, false]);
 * sender.close();
 * assert.deepEqual(await Array.fromAsync(receiver), ["first"]);
 * ```
 */
export class Sender<T> implements Disposable {
  readonly #channel: Channel<T>;
  #isClosed = false;
  #writable: WritableStream<T> | undefined;

  /** Made by {@linkcode chan} and {@linkcode Sender.clone}. */
  constructor(channel: Channel<T>) {
    this.#channel = channel;
    channel.senders++;
  }

  /** Values that the channel holds at most; Infinity when it is unbounded. */
  get capacity(): number {
    return this.#channel.capacity;
  }

  /** Whether sending fails: this end was closed, or nobody receives any more. */
  get isClosed(): boolean {
    return this.#isClosed || this.#channel.receivers === 0;
  }

  /**
   * Sends a value; resolves once the channel has taken it.
   *
   * Values sent before {@linkcode Sender.close} are taken, also when they wait for room. Rejects with the reason of an aborted signal, and
   * the value is not sent then.
   *
   * @throws {DaemonError} with the code `CHANNEL_CLOSED` (as a rejection) if this end was closed or the last receiver is gone.
   */
  send(value: T, options: { signal?: AbortSignal } = PATIENT): Promise<void> {
    try {
      checkPatience("send", options);
    } catch (error) {
      return Promise.reject(error);
    }
    if (options.signal?.aborted) return Promise.reject(options.signal.reason);
    if (this.isClosed) return Promise.reject(closedError());
    if (this.#channel.put(value)) return Promise.resolve();
    return new WaitingSend(this.#channel.sends, options, value).promise;
  }

  /** Sends a value if there is room; false when there is none, when others wait for it, or when sending fails. */
  trySend(value: T): boolean {
    return !this.isClosed && this.#channel.put(value);
  }

  /**
   * Another end of the same channel.
   *
   * @throws {DaemonError} with the code `CHANNEL_CLOSED` if this one was closed.
   */
  clone(): Sender<T> {
    if (this.#isClosed) throw closedError();
    return new Sender(this.#channel);
  }

  /** The channel as a stream to write to, with its back-pressure; closing or aborting the stream closes this end. The same stream each time. */
  get writable(): WritableStream<T> {
    return this.#writable ??= new WritableStream<T>({
      write: (value, { signal }) => this.send(value, { signal }),
      close: () => this.close(),
      abort: () => this.close(),
    });
  }

  /** Sends no more from this end. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#channel.senders--;
    this.#channel.serve();
  }

  /** The same as {@linkcode Sender.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * The receiving end of a channel, made by {@linkcode chan}.
 *
 * @example Each value reaches one of two receivers
 * ```ts
 * import { chan } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const [sender, receiver] = chan.unbounded<number>();
 * using other = receiver.clone();
 * const both = Promise.all([receiver.recv(), other.recv()]);
 * await sender.send(1);
 * await sender.send(2);
 * assert.deepEqual((await both).map(({ value }) => value), [1, 2]);
 * ```
 */
export class ChannelReceiver<T> extends Receiver<T> {
  readonly #channel: Channel<T>;

  /** Made by {@linkcode chan} and {@linkcode ChannelReceiver.clone}. */
  constructor(channel: Channel<T>, options?: { signal?: AbortSignal }) {
    // Counted first: an aborted signal lets go of the channel at once.
    channel.receivers++;
    super(channel, options);
    this.#channel = channel;
  }

  /**
   * Another end of the same channel, which takes its share of the values. With `signal`, reads of the new end reject with its reason.
   *
   * @throws {DaemonError} with the code `CHANNEL_CLOSED` if the last receiver is gone.
   */
  clone(options?: { signal?: AbortSignal }): ChannelReceiver<T> {
    if (options !== undefined) checkPatience("clone", options);
    if (this.#channel.receivers === 0) throw closedError();
    return new ChannelReceiver(this.#channel, options);
  }
}

/** A value that waits for room. */
class WaitingSend<T> extends Waiter<void> {
  readonly value: T;

  constructor(list: WaitList<WaitingSend<T>>, options: WaitOptions, value: T) {
    super(list, options);
    this.value = value;
  }
}

/** State shared by all ends. */
class Channel<T> extends Source<T> {
  readonly capacity: number;
  readonly sends: WaitList<WaitingSend<T>> = new WaitList();
  readonly #values = new Deque<T>();
  /** Ends that were not closed. */
  senders = 0;
  receivers = 0;

  constructor(capacity: number) {
    super();
    this.capacity = capacity;
  }

  get pending(): number {
    return this.#values.length;
  }

  get isEnded(): boolean {
    return this.senders === 0 && this.sends.first === undefined;
  }

  /** Takes a value in if there is room for it, and gives it to whoever waits. */
  put(value: T): boolean {
    if (this.#values.length >= this.capacity) return false;
    this.#values.push(value);
    this.serve();
    return true;
  }

  take(): T {
    const value = this.#values.shift();
    this.#admit();
    return value;
  }

  /** Only what is in the channel: those who wait for room come with the next batch. */
  takeMany(max: number): T[] {
    const values: T[] = [];
    for (let left = Math.min(max, this.#values.length); left >= 1; left--) values.push(this.#values.shift());
    this.#admit();
    return values;
  }

  parked(): void {}

  release(): void {
    this.receivers--;
    if (this.receivers > 0) return;
    this.#values.clear();
    for (const send of this.sends.all()) send.reject(closedError());
  }

  /** Lets those in who wait for room, as far as there is some. */
  #admit(): void {
    for (let send = this.sends.first; send !== undefined && this.#values.length < this.capacity; send = this.sends.first) {
      this.#values.push(send.value);
      send.resolve();
    }
  }
}

function closedError(): DaemonError {
  return new DaemonError("CHANNEL_CLOSED", "Cannot send or clone as this end of the channel was closed, or nobody receives any more");
}
