/**
 * The newest values of a sequence without end, each at its position counted from 0. Each reader keeps its own position; a position below
 * {@linkcode Ring.oldest} has been overwritten.
 */
export class Ring<T> {
  /** How many values are kept, a power of two. */
  readonly capacity: number;
  readonly #mask: number;
  readonly #slots: T[];
  /** A rising number for each slot, by which readers of several rings merge them. */
  readonly #seqs: Float64Array;
  #head = 0;

  /**
   * Creates an empty ring.
   *
   * @throws {RangeError} if `capacity` is no power of two.
   */
  constructor(capacity: number) {
    mustBePowerOfTwo("create Ring", "capacity", capacity);
    this.capacity = capacity;
    this.#mask = capacity - 1;
    this.#slots = new Array(capacity);
    this.#seqs = new Float64Array(capacity);
  }

  /** Position of the value that will come next. */
  get head(): number {
    return this.#head;
  }

  /** Position of the oldest value that is still there. */
  get oldest(): number {
    return this.#head > this.capacity ? this.#head - this.capacity : 0;
  }

  /** Puts a value at the head, over the oldest one when all slots are taken. */
  push(value: T, seq: number): void {
    const slot = this.#head & this.#mask;
    this.#slots[slot] = value;
    this.#seqs[slot] = seq;
    this.#head++;
  }

  /** The value at a position from `oldest` up to, but not including, `head`. */
  at(position: number): T {
    return this.#slots[position & this.#mask];
  }

  /** The number that came with it. */
  seqAt(position: number): number {
    return this.#seqs[position & this.#mask];
  }
}

/** Refuses anything but 1, 2, 4, … 2^30, where a position and a mask still give a slot. */
export function mustBePowerOfTwo(action: string, name: string, value: number): void {
  if (!(Number.isInteger(value) && value > 0 && value <= 2 ** 30 && (value & (value - 1)) === 0)) {
    throw new RangeError(`Cannot ${action} as "${name}" must be a power of two: current value is ${value}`);
  }
}
