import { checkWait } from "../values/options.ts";

/** Options of every wait. */
export interface WaitOptions {
  /** Ends the wait early: it rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** The options of a wait that nobody can end early. */
export const PATIENT: WaitOptions = {};

/**
 * Refuses options of a wait that are wrong; those of a wait that has none are not looked at.
 *
 * @throws {TypeError} if they are.
 */
export function checkPatience(action: string, options: WaitOptions): void {
  if (options !== PATIENT) checkWait(action, options);
}

/** A place in a {@linkcode WaitList}. */
export class WaitLink {
  /** The wait before this one, kept by the list. */
  previous: WaitLink | undefined;
  /** The wait after this one, kept by the list. */
  next: WaitLink | undefined;
}

/**
 * One promise in a {@linkcode WaitList}: settled by the list's owner, or rejected by its signal; it leaves the list and lets go of the
 * signal either way.
 */
export class Waiter<T> extends WaitLink {
  /** Promise for the caller. */
  readonly promise: Promise<T>;
  readonly #list: WaitList<WaitLink>;
  readonly #signal: AbortSignal | undefined;
  #resolve!: (value: T) => void;
  #reject!: (reason: unknown) => void;

  /** Takes the last place of the list. The signal must not be aborted yet. */
  constructor(list: WaitList<WaitLink>, { signal }: WaitOptions) {
    super();
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#list = list;
    this.#signal = signal;
    list.add(this);
    signal?.addEventListener("abort", this);
  }

  /** Ends the wait with a value. */
  resolve(value: T): void {
    this.#leave();
    this.#resolve(value);
  }

  /** Ends the wait with a failure. */
  reject(reason: unknown): void {
    this.#leave();
    this.#reject(reason);
  }

  /** Called by the signal. */
  handleEvent(): void {
    this.reject(this.#signal!.reason);
  }

  #leave(): void {
    this.#list.remove(this);
    this.#signal?.removeEventListener("abort", this);
  }
}

/** List of waits, first come first served. Leaving costs the same from any place. */
export class WaitList<W extends WaitLink> {
  #first: W | undefined;
  #last: W | undefined;

  /** The longest wait, undefined when there is none. */
  get first(): W | undefined {
    return this.#first;
  }

  /** Adds at the end. */
  add(waiter: W): void {
    waiter.previous = this.#last;
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
  }

  /** Takes one out. */
  remove(waiter: W): void {
    if (waiter.previous === undefined) this.#first = waiter.next as W | undefined;
    else waiter.previous.next = waiter.next;
    if (waiter.next === undefined) this.#last = waiter.previous as W | undefined;
    else waiter.next.previous = waiter.previous;
    waiter.previous = waiter.next = undefined;
  }

  /** A copy, first to last, of those that are there now. */
  all(): W[] {
    const all: W[] = [];
    for (let waiter = this.#first; waiter !== undefined; waiter = waiter.next as W | undefined) all.push(waiter);
    return all;
  }
}
