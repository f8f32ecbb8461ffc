const FEWEST_SLOTS = 4;
/** So much room may stay for the next ones. */
const MOST_IDLE_SLOTS = 64;

/** A queue over one growing array used round and round: adding and taking cost the same for any length. */
export class Deque<T> {
  #slots: (T | undefined)[] = new Array(FEWEST_SLOTS);
  #first = 0;
  #length = 0;

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /** Adds at the end. */
  push(value: T): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#first + this.#length) & (this.#slots.length - 1)] = value;
    this.#length++;
  }

  /** Takes the first. There must be one. */
  shift(): T {
    const value = this.#slots[this.#first] as T;
    this.#slots[this.#first] = undefined;
    this.#first = (this.#first + 1) & (this.#slots.length - 1);
    this.#length--;
    return value;
  }

  /** Lets go of everything. */
  clear(): void {
    this.#slots = new Array(FEWEST_SLOTS);
    this.#first = this.#length = 0;
  }

  /** Lets go of the room that many had taken, where none is left. */
  trim(): void {
    if (this.#length === 0 && this.#slots.length > MOST_IDLE_SLOTS) this.clear();
  }

  #grow(): void {
    const size = this.#slots.length;
    const slots = new Array<T | undefined>(size * 2);
    for (let index = 0; index < size; index++) slots[index] = this.#slots[(this.#first + index) & (size - 1)];
    this.#slots = slots;
    this.#first = 0;
  }
}
