import { checkFunction, checkKeys } from "./options.ts";

/** Options of {@linkcode ObjectPool}. */
export interface ObjectPoolOptions<T> {
  /** Makes an object when none is there. */
  create: () => T;
  /** Cleans an object that was given back; one whose cleaning throws is dropped. @default {nothing is cleaned} */
  reset?: (object: T) => void;
  /** Most objects that wait for their next use; what is given back beyond that is dropped. @default {64} */
  max?: number;
  /** Objects that are made at once. @default {0} */
  initial?: number;
}

/** Use of a pool. */
export interface PoolStats {
  /** Objects that wait for their next use. */
  idle: number;
  /** Objects that are in use. */
  inUse: number;
  /** How often an object was used again. */
  reused: number;
  /** How often one had to be made. */
  created: number;
  /** How often one that was given back had no place. */
  dropped: number;
}

/** An object of a pool, until it is given back. */
export interface Lease<T> extends Disposable {
  /** The object; it must not be used after the lease has ended. */
  readonly value: T;
}

/**
 * Objects that are used again and again, for what is expensive to make.
 *
 * - A lease gives its object back once, however often it is disposed.
 * - The one that was given back last is used first, as its memory is the most likely to be near.
 *
 * @example The same object, cleaned, for the second user
 * ```ts
 * import { ObjectPool } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const pool = new ObjectPool({ create: () => new Map<string, number>(), reset: (map) => map.clear() });
 * let first: Map<string, number>;
 * {
 *   using lease = pool.lease();
 *   first = lease.value.set("a", 1);
 * }
 * using again = pool.lease();
 * assert.equal(again.value, first);
 * assert.equal(again.value.size, 0);
 * assert.deepEqual(pool.stats(), { idle: 0, inUse: 1, reused: 1, created: 1, dropped: 0 });
 * ```
 */
export class ObjectPool<T> {
  readonly #create: () => T;
  readonly #reset: ((object: T) => void) | undefined;
  readonly #max: number;
  readonly #idle: T[] = [];
  #inUse = 0;
  #reused = 0;
  #created = 0;
  #dropped = 0;

  /**
   * Creates a pool.
   *
   * @throws {TypeError | RangeError} if an option is wrong.
   */
  constructor(options: ObjectPoolOptions<T>) {
    const action = "create ObjectPool";
    checkKeys(action, options, ["create", "reset", "max", "initial"]);
    const { create, reset, max = 64, initial = 0 } = options;
    checkFunction(action, "create", create);
    if (reset !== undefined) checkFunction(action, "reset", reset);
    mustCount(action, "max", max);
    mustCount(action, "initial", initial, max);
    this.#create = create;
    this.#reset = reset;
    this.#max = max;
    for (let index = 0; index < initial; index++) this.#idle.push(this.#make());
  }

  /** Lends an object out, until the lease is disposed. */
  lease(): Lease<T> {
    const hasOne = this.#idle.length > 0;
    const value = hasOne ? this.#idle.pop()! : this.#make();
    if (hasOne) this.#reused++;
    this.#inUse++;
    let isOut = true;
    return {
      value,
      [Symbol.dispose]: () => {
        if (isOut) this.#takeBack(value);
        isOut = false;
      },
    };
  }

  /** Returns how it is used. */
  stats(): PoolStats {
    return { idle: this.#idle.length, inUse: this.#inUse, reused: this.#reused, created: this.#created, dropped: this.#dropped };
  }

  /** Drops all objects that wait. */
  clear(): void {
    this.#idle.length = 0;
  }

  #make(): T {
    const object = this.#create();
    this.#created++;
    return object;
  }

  #takeBack(object: T): void {
    this.#inUse--;
    try {
      this.#reset?.(object);
    } catch {
      this.#dropped++;
      return;
    }
    if (this.#idle.length < this.#max) this.#idle.push(object);
    else this.#dropped++;
  }
}

/** Options of {@linkcode BufferPool}. */
export interface BufferPoolOptions {
  /** Most bytes that wait for their next use. @default {1_048_576} */
  maxBytes?: number;
  /** Size of the smallest buffers. @default {1_024} */
  minBytes?: number;
}

/** Use of a pool of buffers. */
export interface BufferPoolStats extends PoolStats {
  /** Bytes that wait for their next use. */
  idleBytes: number;
}

/**
 * Buffers that are used again and again, in sizes of powers of two, with a limit of the bytes that it holds on to.
 *
 * - A buffer is at least as long as was asked for, and holds whatever its last user left in it.
 * - A lease gives its buffer back once, however often it is disposed.
 *
 * @example A buffer of 4 KiB serves whoever needs 3,000 bytes
 * ```ts
 * import { BufferPool } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const pool = new BufferPool({ maxBytes: 8_192 });
 * {
 *   using lease = pool.lease(3_000);
 *   assert.equal(lease.value.length, 4_096);
 * }
 * assert.equal(pool.stats().idleBytes, 4_096);
 * ```
 */
export class BufferPool {
  readonly #maxBytes: number;
  readonly #minBytes: number;
  /** Waiting buffers, by the power of two of their length. */
  readonly #idle = new Map<number, Uint8Array<ArrayBuffer>[]>();
  #idleCount = 0;
  #idleBytes = 0;
  #inUse = 0;
  #reused = 0;
  #created = 0;
  #dropped = 0;

  /**
   * Creates an empty pool.
   *
   * @throws {TypeError | RangeError} if an option is wrong.
   */
  constructor(options: BufferPoolOptions = {}) {
    const action = "create BufferPool";
    checkKeys(action, options, ["maxBytes", "minBytes"]);
    const { maxBytes = 1_048_576, minBytes = 1_024 } = options;
    mustCount(action, "maxBytes", maxBytes);
    mustCount(action, "minBytes", minBytes);
    this.#maxBytes = maxBytes;
    this.#minBytes = Math.max(1, minBytes);
  }

  /**
   * Lends a buffer of at least so many bytes out, until the lease is disposed.
   *
   * @throws {RangeError} if `bytes` is no integer >= 0.
   */
  lease(bytes: number): Lease<Uint8Array<ArrayBuffer>> {
    mustCount("lend a buffer", "bytes", bytes);
    const power = Math.ceil(Math.log2(Math.max(bytes, this.#minBytes)));
    const value = this.#take(power) ?? this.#make(power);
    this.#inUse++;
    let isOut = true;
    return {
      value,
      [Symbol.dispose]: () => {
        if (isOut) this.#takeBack(power, value);
        isOut = false;
      },
    };
  }

  /** Returns how it is used. */
  stats(): BufferPoolStats {
    return {
      idle: this.#idleCount,
      inUse: this.#inUse,
      reused: this.#reused,
      created: this.#created,
      dropped: this.#dropped,
      idleBytes: this.#idleBytes,
    };
  }

  /** Drops all buffers that wait. */
  clear(): void {
    this.#idle.clear();
    this.#idleCount = this.#idleBytes = 0;
  }

  #take(power: number): Uint8Array<ArrayBuffer> | undefined {
    const buffer = this.#idle.get(power)?.pop();
    if (buffer === undefined) return undefined;
    this.#idleCount--;
    this.#idleBytes -= buffer.length;
    this.#reused++;
    return buffer;
  }

  #make(power: number): Uint8Array<ArrayBuffer> {
    const buffer = new Uint8Array(2 ** power);
    this.#created++;
    return buffer;
  }

  #takeBack(power: number, buffer: Uint8Array<ArrayBuffer>): void {
    this.#inUse--;
    // A buffer that was handed to another thread has no bytes left.
    if (buffer.length === 0 || this.#idleBytes + buffer.length > this.#maxBytes) {
      this.#dropped++;
      return;
    }
    const buffers = this.#idle.get(power);
    if (buffers === undefined) this.#idle.set(power, [buffer]);
    else buffers.push(buffer);
    this.#idleCount++;
    this.#idleBytes += buffer.length;
  }
}

function mustCount(action: string, key: string, value: number, most: number = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= most) return;
  const expected = most === Number.MAX_SAFE_INTEGER ? "an integer >= 0" : `an integer from 0 to ${most}`;
  throw new RangeError(`Cannot ${action} as "${key}" must be ${expected}: current value is ${String(value)}`);
}
