import { messageOf } from "../values/errors.ts";
import { checkPatience, PATIENT, Waiter, WaitList, type WaitOptions } from "./waiters.ts";

/** Result of {@linkcode Receiver.recv}: a value, or `done` when nothing will come any more. */
export type Received<T> = IteratorResult<T, undefined>;

/**
 * Where receivers take their values from: a reader's place on a bus, a queue of a channel.
 *
 * Its owner calls {@linkcode Source.serve} after values came or the end did.
 */
export abstract class Source<T> {
  /** Reads that wait for a value, oldest first. */
  readonly waiting: WaitList<PendingRead<T>> = new WaitList();

  /** Values that can be taken now. */
  abstract get pending(): number;
  /** Whether nothing comes after what is pending. */
  abstract get isEnded(): boolean;
  /** Takes the next value. Called only with something pending; what it throws is what the read fails with. */
  abstract take(): T;
  /** Takes up to `max` values, at least one. Called only with something pending. */
  abstract takeMany(max: number): T[];
  /** Told after a read began to wait. */
  abstract parked(): void;
  /** Told once by each receiver when it reads no more. */
  abstract release(): void;

  /** Answers those who wait, in order, as far as values go. */
  serve(): void {
    for (let read = this.waiting.first; read !== undefined; read = this.waiting.first) {
      if (this.pending > 0) read.answer(this);
      else if (this.isEnded) read.end();
      else return;
    }
  }
}

/** Defines how a kind of read takes values from a source. */
interface Shape<T, R> {
  take(source: Source<T>): R;
  ended(): R;
  /** A loop makes the read, and ends when it fails: nobody would come back to end the subscription. */
  isLoop?: true;
}

/** A read that waits. */
abstract class PendingRead<T> extends Waiter<unknown> {
  abstract readonly receiver: Receiver<T>;
  abstract answer(source: Source<T>): void;
  abstract end(): void;
}

/**
 * The reading end of a bus or a channel.
 *
 * - Reads that wait are answered first come first served.
 * - Leaving a `for await` loop, also by what a read in it throws, cancelling {@linkcode Receiver.readable} and disposing are the same: it
 *   reads no more, and reads that wait end as if nothing came any more.
 * - {@linkcode Receiver.batches} and {@linkcode Receiver.recvMany} cost several times less for each value than one at a time.
 *
 * @example One value, then all that wait, then the end
 * ```ts
 * import { chan } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const [sender, receiver] = chan.unbounded<number>();
 * for (const value of [1, 2, 3]) sender.trySend(value);
 * assert.deepEqual(await receiver.recv(), { done: false, value: 1 });
 * assert.deepEqual(await receiver.recvMany(10), [2, 3]);
 * sender.close();
 * assert.deepEqual(await receiver.recv(), { done: true, value: undefined });
 * ```
 */
export class Receiver<T> implements AsyncIterable<T>, Disposable {
  readonly #source: Source<T>;
  readonly #signal: AbortSignal | undefined;
  /** Undefined while it reads. */
  #closed: { error: unknown; isFailure: boolean } | undefined;
  #readable: ReadableStream<T> | undefined;

  /** Creates the reading end of a source; when `signal` aborts, every read rejects with its reason. */
  constructor(source: Source<T>, { signal }: { signal?: AbortSignal } = {}) {
    this.#source = source;
    this.#signal = signal;
    if (signal?.aborted) this.handleEvent();
    else signal?.addEventListener("abort", this);
  }

  /** Values that can be read now. */
  get pending(): number {
    return this.#closed === undefined ? this.#source.pending : 0;
  }

  /** The next value, waited for; `done` when nothing comes any more. */
  recv(options: { signal?: AbortSignal } = PATIENT): Promise<IteratorResult<T, undefined>> {
    return this.#read<Received<T>>(one, options);
  }

  /** The next value if it is there; `done` when nothing comes any more, undefined when nothing is there now or others wait for it. */
  tryRecv(): IteratorResult<T, undefined> | undefined {
    return this.#tryRead<Received<T>>(one);
  }

  /**
   * All values that are there, at most `max`, waiting for the first; empty when nothing comes any more.
   *
   * @throws {RangeError} if `max` is not at least 1 (as a rejection).
   */
  recvMany(max: number, options: { signal?: AbortSignal } = PATIENT): Promise<T[]> {
    if (!isMax(max)) return Promise.reject(badMax("read", max));
    return this.#read<T[]>({ take: (source) => source.takeMany(max), ended: () => [] }, options);
  }

  /**
   * Iterates over what {@linkcode Receiver.recvMany} gives: the fast way to read everything.
   *
   * @throws {RangeError} if `max` is not at least 1.
   */
  batches(max: number = Infinity): AsyncIterable<T[]> {
    if (!isMax(max)) throw badMax("read batches", max);
    const batch: Shape<T, Received<T[]>> = { take: (source) => ({ done: false, value: source.takeMany(max) }), ended: done, isLoop: true };
    return { [Symbol.asyncIterator]: () => this.#iterator(() => this.#read(batch, PATIENT)) };
  }

  /** Iterates value by value. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return this.#iterator(() => this.#read<Received<T>>(oneInLoop, PATIENT));
  }

  /** The values as a stream that takes one only when it is asked for; the same stream each time. */
  get readable(): ReadableStream<T> {
    return this.#readable ??= new ReadableStream<T>({
      pull: async (controller) => {
        const { done, value } = await this.recv();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => this[Symbol.dispose](),
    }, { highWaterMark: 0 });
  }

  /** Reads no more; reads that wait end. */
  [Symbol.dispose](): void {
    this.#close({ error: undefined, isFailure: false });
  }

  /** Called by the signal. */
  handleEvent(): void {
    this.#close({ error: this.#signal!.reason, isFailure: true });
  }

  #close(closed: { error: unknown; isFailure: boolean }): void {
    if (this.#closed !== undefined) return;
    this.#closed = closed;
    this.#signal?.removeEventListener("abort", this);
    for (const read of this.#source.waiting.all()) {
      if (read.receiver !== this) continue;
      if (closed.isFailure) read.reject(closed.error);
      else read.end();
    }
    this.#source.release();
  }

  #tryRead<R>(shape: Shape<T, R>): R | undefined {
    if (this.#closed?.isFailure) throw this.#closed.error;
    if (this.#closed !== undefined) return shape.ended();
    if (this.#source.waiting.first !== undefined) return undefined;
    if (this.#source.pending > 0) return shape.take(this.#source);
    return this.#source.isEnded ? shape.ended() : undefined;
  }

  #read<R>(shape: Shape<T, R>, options: WaitOptions): Promise<R> {
    try {
      checkPatience("read", options);
      options.signal?.throwIfAborted();
    } catch (error) {
      return Promise.reject(error);
    }
    try {
      const now = this.#tryRead(shape);
      if (now !== undefined) return Promise.resolve(now);
    } catch (error) {
      if (shape.isLoop) this[Symbol.dispose]();
      return Promise.reject(error);
    }
    const read = new ShapedRead<T, R>(this.#source.waiting, options, this, shape);
    this.#source.parked();
    return read.promise as Promise<R>;
  }

  /** Written by hand: `return()` of an async generator that waits would never resolve. */
  #iterator<R>(next: () => Promise<Received<R>>): AsyncIterator<R, undefined> {
    return {
      next,
      return: () => {
        this[Symbol.dispose]();
        return Promise.resolve(done());
      },
    };
  }
}

class ShapedRead<T, R> extends PendingRead<T> {
  readonly receiver: Receiver<T>;
  readonly #shape: Shape<T, R>;

  constructor(list: WaitList<PendingRead<T>>, options: WaitOptions, receiver: Receiver<T>, shape: Shape<T, R>) {
    super(list, options);
    this.receiver = receiver;
    this.#shape = shape;
  }

  answer(source: Source<T>): void {
    let answer: R;
    try {
      answer = this.#shape.take(source);
    } catch (error) {
      this.reject(error);
      if (this.#shape.isLoop) this.receiver[Symbol.dispose]();
      return;
    }
    this.resolve(answer);
  }

  end(): void {
    this.resolve(this.#shape.ended());
  }
}

const one = {
  take: <T>(source: Source<T>): Received<T> => ({ done: false, value: source.take() }),
  ended: done,
};

const oneInLoop = { ...one, isLoop: true as const };

function done(): IteratorReturnResult<undefined> {
  return { done: true, value: undefined };
}

function isMax(max: unknown): boolean {
  return typeof max === "number" && max >= 1;
}

function badMax(action: string, max: number): RangeError {
  return new RangeError(`Cannot ${action} as "max" must be at least 1: current value is ${messageOf(max)}`);
}
