import { causeOf, linkOf, ShutdownError } from "../values/errors.ts";
import { checkFunction } from "../values/options.ts";
import { RaceWait } from "./race_wait.ts";

/** The steps of an ending: `cancel` asks to stop gracefully, `force` says that patience is over, `kill` that whatever can be killed must be. */
enum Stage {
  Live,
  Cancel,
  Force,
  Kill,
}

/** An entry of a token's list: a callback or a child token. Intrusive, so that removing one costs the same for any number of entries. */
class Entry implements Disposable {
  previous: Entry | undefined;
  next: Entry | undefined;
  list: CancelToken | undefined;

  /** Called by the list's owner; a child token passes the stage on, a callback runs in the stage it waits for. */
  fire(_stage: Stage): void {}

  [Symbol.dispose](): void {
    this.list?.unlink(this);
  }
}

class Callback extends Entry {
  readonly #stage: Stage;
  readonly #fn: (reason: unknown) => void;

  constructor(stage: Stage, fn: (reason: unknown) => void) {
    super();
    this.#stage = stage;
    this.#fn = fn;
  }

  override fire(stage: Stage): void {
    if (stage !== this.#stage) return;
    const token = this.list!;
    token.unlink(this);
    token.isolate(this.#fn);
  }
}

/** Takes what listeners throw. */
export interface ListenerErrorHandler {
  /** Called with what a listener threw. */
  onListenerError(error: unknown): void;
  /**
   * Runs `dispatch`, and gives `onError` what a listener throws that the token can't reach: one on `AbortSignal.any([token.signal])`, which
   * would end the process. The nearest handler that has it is asked. @default nobody catches it
   */
  guard?(dispatch: () => void, onError: (error: unknown) => void): void;
}

/** Waits of `cancelled()` that are promises of their own; what comes after them shares one that keeps no finished race. */
const OWN_WAITS = 16;

/**
 * One node of the tree along which a stop travels: cancelled from above or by its own holder, with a reason, exactly once.
 *
 * - Cancelling reaches every child and every callback before `cancel()` returns, in the order in which they were added.
 * - An error of a callback goes to the nearest handler above it; the others still run.
 * - `force()` is the second step and `kill()` the third; each implies those before it.
 * - {@linkcode CancelToken.signal} is made on first use; nothing is paid for it before.
 */
export class CancelToken extends Entry {
  #first: Entry | undefined;
  #last: Entry | undefined;
  #stage: Stage = Stage.Live;
  #reason: unknown;
  #controller: AbortController | undefined;
  readonly #handler: ListenerErrorHandler | undefined;
  /** Where stages come from: the token that it is a child of, also after it took itself out of that one's list. */
  #parent: CancelToken | undefined;
  #waits = 0;
  #raceWait: RaceWait | undefined;

  /** Creates the root of a tree; {@linkcode CancelToken.child} makes the other nodes. */
  constructor(handler?: ListenerErrorHandler) {
    super();
    this.#handler = handler;
  }

  /** Whether a stop was asked for. */
  get isCancelled(): boolean {
    return this.#stage !== Stage.Live;
  }

  /** Whether patience is over. */
  get isForced(): boolean {
    this.#catchUp();
    return this.#stage >= Stage.Force;
  }

  /** Why it was cancelled; undefined before that. */
  get reason(): unknown {
    return this.#reason;
  }

  /** The same stop as an AbortSignal, whose listeners are isolated from one another and from the daemon. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      isolateListeners(this.#controller.signal, (fn) => this.isolate(fn));
      if (this.isCancelled) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** A token below this one. Disposing it lets go of it; it is cancelled already when this one is. */
  child(handler?: ListenerErrorHandler): CancelToken {
    this.#catchUp();
    const token = new CancelToken(handler);
    token.#stage = this.#stage;
    token.#reason = this.#reason;
    token.#parent = this;
    this.#link(token);
    return token;
  }

  /** Asks everything below to stop. The first reason stays; false when it was cancelled before. */
  cancel(reason: unknown): boolean {
    if (!this.#advance(Stage.Cancel, reason)) return false;
    // Nothing of it waits for a later stage: it asks for that itself, so that a parent that lives long does not gather its ended children.
    if (this.#first === undefined) this.list?.unlink(this);
    return true;
  }

  /** Says that patience is over; cancels first where that has not happened. False when it was forced before. */
  force(reason: unknown): boolean {
    return this.#advance(Stage.Force, reason);
  }

  /** Says that whatever can be killed must be killed now; forces first where that has not happened. False when it was said before. */
  kill(reason: unknown): boolean {
    return this.#advance(Stage.Kill, reason);
  }

  /** Calls `fn` with the reason when the token is cancelled, at once when it is already. */
  onCancel(fn: (reason: unknown) => void): Disposable {
    return this.#add(Stage.Cancel, fn);
  }

  /** Calls `fn` with the reason of the stop when patience is over, at once when it is already. */
  onForce(fn: (reason: unknown) => void): Disposable {
    return this.#add(Stage.Force, fn);
  }

  /** Calls `fn` with the reason of the stop when whatever can be killed must be, at once when that was said already. */
  onKill(fn: (reason: unknown) => void): Disposable {
    return this.#add(Stage.Kill, fn);
  }

  /**
   * Resolves when the token is cancelled. A finished `Promise.race` against it leaves nothing behind, however many there are.
   *
   * Of a great many races at once on one token, those that nothing but the token could ever settle may be forgotten; {@linkcode
   * CancelToken.race} has no such limit and costs less.
   */
  cancelled(): Promise<void> {
    if (this.isCancelled) return Promise.resolve();
    if (this.#waits < OWN_WAITS) {
      this.#waits++;
      return new Promise((resolve) => void this.onCancel(resolve as () => void));
    }
    if (this.#raceWait === undefined) {
      this.#raceWait = new RaceWait();
      this.onCancel(this.#raceWait.resolve);
    }
    return this.#raceWait.promise;
  }

  /**
   * Settles like `promise`, or rejects with the reason as soon as the token is cancelled.
   *
   * Unlike `Promise.race` it leaves nothing behind on a token that lives long.
   *
   * @throws {TypeError} if it is no promise, nor anything with a `then` (as a rejection).
   */
  race<T>(promise: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      // Read once: a getter may give something else the next time, or throw.
      const { then } = Object(promise) as Partial<PromiseLike<T>>;
      checkFunction("race", "promise.then", then);
      const listener = this.onCancel(reject);
      const fail = (error: unknown) => {
        listener[Symbol.dispose]();
        reject(error);
      };
      try {
        (then as PromiseLike<T>["then"]).call(promise, (value) => {
          listener[Symbol.dispose]();
          resolve(value);
        }, fail);
      } catch (error) {
        fail(error);
      }
    });
  }

  /** Throws the reason when the token is cancelled. */
  throwIfCancelled(): void {
    if (this.isCancelled) throw this.#reason;
  }

  /** Number of callbacks, child tokens and races; for tests of leaks. */
  get size(): number {
    let count = this.#raceWait?.size ?? 0;
    for (let entry = this.#first; entry !== undefined; entry = entry.next) count++;
    return count;
  }

  override fire(stage: Stage): void {
    this.#advance(stage, this.list!.reason);
  }

  /** Lets go of it: it no longer ends with the token that made it. */
  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#parent = undefined;
  }

  /** Runs a listener so that what it throws reaches the nearest handler above. For this file only. */
  isolate(fn: (reason: unknown) => void): void {
    try {
      fn(this.#reason);
    } catch (error) {
      this.#blame(error);
    }
  }

  /** Takes an entry out of the list. For this file only. */
  unlink(entry: Entry): void {
    if (entry.previous === undefined) this.#first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.#last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.list = entry.previous = entry.next = undefined;
  }

  #blame(error: unknown): void {
    if (this.#handler !== undefined) this.#handler.onListenerError(error);
    else if (this.list !== undefined) this.list.#blame(error);
    else {queueMicrotask(() => {
        throw error;
      });}
  }

  #advance(stage: Stage, reason: unknown): boolean {
    if (this.#stage >= stage) return false;
    while (this.#stage < stage) {
      if (this.#stage === Stage.Live) this.#reason = reason;
      // A callback may take the token a stage further meanwhile.
      const stage = ++this.#stage;
      this.#fireAll(stage);
      if (stage === Stage.Cancel && this.#controller !== undefined) this.#abort(this.#controller);
    }
    return true;
  }

  #abort(controller: AbortController): void {
    const abort = () => controller.abort(this.#reason);
    const guard = this.#guard();
    if (guard === undefined) abort();
    else guard(abort, (error) => this.#blame(error));
  }

  /** Returns the guard of the nearest handler that has one. */
  #guard(): ListenerErrorHandler["guard"] {
    return this.#handler?.guard ?? (this.#parent === undefined ? undefined : this.#parent.#guard());
  }

  /** Comes to the stage of its parent, where it was taken out of that one's list and so was not told. */
  #catchUp(): void {
    if (this.list !== undefined || this.#parent === undefined) return;
    this.#parent.#catchUp();
    if (this.#parent.#stage > this.#stage) this.#advance(this.#parent.#stage, this.#parent.#reason);
  }

  #add(stage: Stage, fn: (reason: unknown) => void): Disposable {
    this.#catchUp();
    const callback = new Callback(stage, fn);
    if (this.#stage >= stage) this.isolate(fn);
    else this.#link(callback);
    return callback;
  }

  #link(entry: Entry): void {
    // From now on it must be told of later stages again.
    if (this.list === undefined && this.#parent !== undefined) this.#parent.#link(this);
    entry.list = this;
    entry.previous = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
  }

  /** Fires what is in the list now. An entry may unlink itself or any other while it runs, so membership is checked before each call. */
  #fireAll(stage: Stage): void {
    if (this.#first === this.#last) return this.#first?.fire(stage);
    const due: Entry[] = [];
    for (let entry = this.#first; entry !== undefined; entry = entry.next) due.push(entry);
    for (const entry of due) if (entry.list === this) entry.fire(stage);
  }
}

/** The reason of a stop that somebody asked for, never to be mistaken for a failure. */
export function stopReason(text: string): ShutdownError {
  return new ShutdownError("SHUTDOWN_REQUESTED", text);
}

/** Whether what was thrown after a stop only says that the stop was heard: its reason, an AbortError, or what has one of these as a cause. */
export function isAbort(error: unknown, reason: unknown): boolean {
  const seen = new Set<unknown>();
  for (let cause = error; cause !== undefined && !seen.has(cause); cause = causeOf(cause)) {
    if (cause === reason || linkOf(cause).name === "AbortError") return true;
    seen.add(cause);
  }
  return false;
}

/**
 * Wraps every listener added to `signal`, because one that throws during dispatch would end the whole process on every runtime.
 */
function isolateListeners(signal: AbortSignal, isolate: (fn: () => void) => void): void {
  type Listener = EventListenerOrEventListenerObject;
  const wrapped = new WeakMap<object, EventListener>();
  const wrap = (listener: Listener): EventListener => {
    let wrapper = wrapped.get(listener);
    if (wrapper === undefined) {
      wrapper = (event) => isolate(() => typeof listener === "function" ? listener.call(signal, event) : listener.handleEvent(event));
      wrapped.set(listener, wrapper);
      // Deno takes out a listener whose own signal has ended by calling removeEventListener with what it was given.
      wrapped.set(wrapper, wrapper);
    }
    return wrapper;
  };
  const { addEventListener, removeEventListener } = signal;
  let onabort: EventListener | null = null;
  const callOnabort: EventListener = (event) => onabort?.call(signal, event);
  Object.defineProperties(signal, {
    addEventListener: {
      value: (type: string, listener: Listener | null, options?: AddEventListenerOptions | boolean) =>
        addEventListener.call(signal, type, listener ? wrap(listener) : null as unknown as EventListener, options),
    },
    removeEventListener: {
      value: (type: string, listener: Listener | null, options?: EventListenerOptions | boolean) =>
        removeEventListener.call(signal, type, listener ? wrap(listener) : null as unknown as EventListener, options),
    },
    onabort: {
      get: () => onabort,
      set: (listener: EventListener | null) => {
        onabort = typeof listener === "function" ? listener : null;
        if (onabort) addEventListener.call(signal, "abort", wrap(callOnabort));
        else removeEventListener.call(signal, "abort", wrap(callOnabort));
      },
    },
  });
}
