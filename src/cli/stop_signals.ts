import { signalExitCode } from "../core/values/exit_codes.ts";
import type { Host } from "../core/ports/host.ts";
import { SIGNAL_NUMBERS, type SignalName } from "../core/values/signal_name.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Calls `before` when a signal comes that ends this process, which then dies of it as if nobody had listened; until the result is disposed.
 */
export function beforeDying({ signals, processes }: Pick<Host, "signals" | "processes">, before: () => void): Disposable {
  const listeners = SIGNALS.map((signal) =>
    signals.on(signal, () => {
      end();
      before();
      processes.signal(processes.self().pid, signal);
    })
  );
  const end = () => listeners.forEach((listener) => listener[Symbol.dispose]());
  return { [Symbol.dispose]: end };
}

/** Hears what would end this process, for commands that have something to put back before they end. */
export class StopSignals implements Disposable {
  #heard: SignalName | undefined;
  readonly #listeners: Disposable[];
  readonly #handlers = new Set<() => void>();

  /** Listens until it is disposed. */
  constructor({ signals }: Pick<Host, "signals">) {
    this.#listeners = SIGNALS.map((signal) =>
      signals.on(signal, () => {
        this.#heard ??= signal;
        for (const handler of this.#handlers) handler();
      })
    );
  }

  /** Whether one has come. */
  get isHeard(): boolean {
    return this.#heard !== undefined;
  }

  /** Exit code that shells use for death by the first signal that came; undefined when none has. */
  get exitCode(): number | undefined {
    return this.#heard && signalExitCode(SIGNAL_NUMBERS[this.#heard]);
  }

  /** Calls `handler` for each that comes. */
  onStop(handler: () => void): Disposable {
    this.#handlers.add(handler);
    return { [Symbol.dispose]: () => void this.#handlers.delete(handler) };
  }

  [Symbol.dispose](): void {
    for (const listener of this.#listeners) listener[Symbol.dispose]();
  }
}
