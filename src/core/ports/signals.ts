import type { SignalName } from "../values/signal_name.ts";

/** Signals to and from this process. */
export interface Signals {
  /**
   * Calls `handler` for each arrival until the result is disposed; when a signal's last handler goes, its default action is back.
   *
   * - A listener does not keep the process alive: see {@linkcode OwnProcess.hold}.
   * - Arrivals while the loop is blocked may be merged into one call.
   */
  on(signal: SignalName, handler: () => void): Disposable;
}
