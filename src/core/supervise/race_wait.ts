/** Races that are held firmly, the newest ones; older ones are held only as long as something else can settle them. */
const FIRMLY_HELD = 16;

type Settle = (value: void) => unknown;

/**
 * One promise for any number of waits, on which a finished `Promise.race` leaves nothing behind.
 *
 * A promise keeps a reaction for each race that it ever took part in, so a loop of races against one that lives long grows without end.
 * This one keeps the newest races and refers weakly to the others: one that has been settled is collected, one that somebody still waits for
 * is held by its other contenders. `await`, `then` and every other use are kept as by any promise.
 */
export class RaceWait {
  /** Resolves by {@linkcode RaceWait.resolve}. */
  readonly promise: Promise<void>;
  /** Ends every wait. */
  readonly resolve: () => void;
  readonly #newest: Settle[] = [];
  #older: WeakRef<Settle>[] = [];
  #next = 0;
  #sweepAt = 256;

  /** Creates a promise that nobody waits for. */
  constructor() {
    let settle!: () => void;
    const promise = new Promise<void>((resolve) => settle = resolve);
    const then = promise.then.bind(promise);
    Object.defineProperty(promise, "then", {
      value: <A, B>(onFulfilled?: ((value: void) => A) | null, onRejected?: ((error: unknown) => B) | null) => {
        if (this.#isOver || onFulfilled == null || onRejected == null || !isCalledByRace(promise)) return then(onFulfilled, onRejected);
        this.#hold(onFulfilled);
        return promise;
      },
    });
    this.promise = promise;
    this.resolve = () => {
      this.#isOver = true;
      settle();
      for (const race of this.#newest.splice(0)) race();
      for (const race of this.#older.splice(0)) race.deref()?.();
    };
  }

  #isOver = false;

  /** Number of races that it refers to; for tests of leaks. */
  get size(): number {
    return this.#newest.length + this.#older.length;
  }

  #hold(race: Settle): void {
    const oldest = this.#newest[this.#next];
    if (oldest !== undefined) this.#older.push(new WeakRef(oldest));
    this.#newest[this.#next] = race;
    this.#next = (this.#next + 1) % FIRMLY_HELD;
    if (this.#older.length < this.#sweepAt) return;
    this.#older = this.#older.filter((each) => each.deref() !== undefined);
    this.#sweepAt = Math.max(256, 2 * this.#older.length);
  }
}

/** A place of the call stack as V8 and JavaScriptCore describe it. */
interface CallSite {
  getFunctionName(): string | null;
  getFileName(): string | null;
}

/**
 * Whether the `then` of `promise` was called by `Promise.race` itself. Nothing but the call stack tells, as `race`, `all`, `any` and a
 * `return` from an async function all pass two native functions, and only those of a race are also held by its other contenders.
 */
function isCalledByRace(promise: Promise<void>): boolean {
  const errors = Error as unknown as {
    stackTraceLimit: number;
    prepareStackTrace: unknown;
    captureStackTrace?(target: object, below: unknown): void;
  };
  if (errors.captureStackTrace === undefined) return false;
  const { stackTraceLimit, prepareStackTrace } = errors;
  const holder: { stack?: unknown } = {};
  try {
    errors.stackTraceLimit = 1;
    errors.prepareStackTrace = (_: unknown, sites: CallSite[]) => sites[0];
    errors.captureStackTrace(holder, promise.then);
    const site = holder.stack as CallSite | undefined;
    return site?.getFunctionName?.() === "race" && !/[/\\]/.test(site.getFileName() ?? "");
  } catch {
    return false; // where errors are frozen nothing can be told, and to keep too much is better than to wake nobody
  } finally {
    errors.stackTraceLimit = stackTraceLimit;
    errors.prepareStackTrace = prepareStackTrace;
  }
}
