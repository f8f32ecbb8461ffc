import type { Signals } from "../core/ports/signals.ts";
import type { SignalName } from "../core/values/signal_name.ts";

/** Signals that a test emits; a part of {@linkcode FakeHost}. */
export class FakeSignals implements Signals {
  readonly #handlers = new Map<SignalName, Set<() => void>>();

  /** Registers a handler. */
  on(signal: SignalName, handler: () => void): Disposable {
    const handlers = this.#handlers.get(signal) ?? new Set();
    this.#handlers.set(signal, handlers);
    const entry = () => handler();
    handlers.add(entry);
    return { [Symbol.dispose]: () => void handlers.delete(entry) };
  }

  /** Sends a signal to this process; false when nobody listens, where a real process would mostly die. */
  emit(signal: SignalName): boolean {
    const handlers = [...this.#handlers.get(signal) ?? []];
    for (const handler of handlers) handler();
    return handlers.length > 0;
  }

  /** Number of handlers, of one signal or of all. */
  count(signal?: SignalName): number {
    if (signal !== undefined) return this.#handlers.get(signal)?.size ?? 0;
    return [...this.#handlers.values()].reduce((sum, handlers) => sum + handlers.size, 0);
  }
}
