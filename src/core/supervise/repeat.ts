import { type Duration, durationOption } from "../values/duration.ts";
import { checkFunction, checkKeys } from "../values/options.ts";
import { RestartPolicy } from "./restart.ts";

/** Options of `retry`. */
export interface RetryOptions {
  /** Calls in all, Infinity for no limit. @default {10} */
  maxAttempts?: number;
  /** Wait before the second call. @default {"100ms"} */
  delay?: Duration;
  /** Longest wait. @default {"30s"} */
  maxDelay?: Duration;
  /** The wait grows by this factor with each call. @default {2} */
  factor?: number;
  /** Each wait is varied by up to this share, so that not all who lost one server come back at once. @default {0.2} */
  jitter?: number;
  /** Whether another call may do better after this error. @default {always} */
  isRetryable?: (error: unknown) => boolean;
  /** Told of a call that has failed, and of the wait in milliseconds before the next one. @default nobody is told */
  onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
}

/** Parts of a run that repeated work needs. */
export interface RepeatPorts {
  /** Reason of the stop, once there is one. */
  readonly reason: unknown;
  /** Milliseconds on the monotonic clock. */
  nowMs(): number;
  /** Chance: a number in [0, 1). */
  random(): number;
  /** Whether the run must stop. */
  isShutdown(): boolean;
  /** Resolves after a time, or rejects with the reason when the run must stop. */
  sleep(delayMs: number): Promise<void>;
}

const OPTIONS: readonly (keyof RetryOptions)[] = [
  "maxAttempts",
  "delay",
  "maxDelay",
  "factor",
  "jitter",
  "isRetryable",
  "onRetry",
];

/** Calls a function until it succeeds; the contract is that of `ShutdownHandle.retry`. */
export async function retry<T>(run: RepeatPorts, fn: (attempt: number) => Promise<T> | T, options: RetryOptions = {}): Promise<T> {
  checkFunction("retry", "fn", fn);
  checkKeys("retry", options, OPTIONS);
  const { maxAttempts = 10, delay, maxDelay, factor, jitter, isRetryable, onRetry } = options;
  if (!(maxAttempts >= 1 && (Number.isInteger(maxAttempts) || maxAttempts === Infinity))) {
    throw new RangeError(`Cannot retry as "maxAttempts" must be an integer >= 1, or Infinity: current value is ${String(maxAttempts)}`);
  }
  if (isRetryable !== undefined) checkFunction("retry", "isRetryable", isRetryable);
  if (onRetry !== undefined) checkFunction("retry", "onRetry", onRetry);
  const waits = RestartPolicy.onFailure({ delay, maxDelay, factor, jitter });
  for (let attempt = 1;; attempt++) {
    if (run.isShutdown()) throw run.reason;
    try {
      return await fn(attempt);
    } catch (error) {
      // A call that fails while the run stops has most likely heard of it.
      if (run.isShutdown()) throw run.reason;
      if (attempt === maxAttempts || isRetryable?.(error) === false) throw error;
      const delayMs = waits.waitMs(attempt, run.random());
      onRetry?.(error, attempt, delayMs);
      await run.sleep(delayMs);
    }
  }
}

/** Calls a function again and again until the run must stop; the contract is that of `ShutdownHandle.every`. */
export async function every(run: RepeatPorts, interval: Duration, fn: () => unknown): Promise<void> {
  const intervalMs = durationOption("repeat work", "interval", interval);
  if (!(intervalMs > 0)) throw new RangeError(`Cannot repeat work as "interval" must be more than 0: current value is ${String(interval)}`);
  checkFunction("repeat work", "fn", fn);
  const startMs = run.nowMs();
  while (!run.isShutdown()) {
    await fn();
    // Counted from the start, so that the time that the work takes does not add up.
    const passedMs = run.nowMs() - startMs;
    const nextMs = (Math.floor(passedMs / intervalMs) + 1) * intervalMs;
    try {
      await run.sleep(nextMs - passedMs);
    } catch {
      // A sleep is cut short by the stop alone.
      return;
    }
  }
}
