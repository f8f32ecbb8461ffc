import process from "node:process";
import { IoError, messageOf } from "../core/values/errors.ts";
import type { Signals } from "../core/ports/signals.ts";

/**
 * Listens by `process.on`, which behaves alike on both runtimes: the default action comes back with the removal of the last listener, and no
 * listener keeps the process alive.
 *
 * - Deno merges arrivals while its loop is blocked (five became one); Bun delivers each.
 * - Deno as process 1 of a container crashes (SIGSEGV) at a SIGTERM that nobody listens for; whoever owns the process listens.
 */
export function createSignals(): Signals {
  return {
    on(signal, handler) {
      // Bun ignores the wish to catch these two, Deno throws; it must never seem to have worked.
      if (signal === "SIGKILL" || signal === "SIGSTOP") {
        throw new IoError("SIGNAL_FAILED", `Cannot listen for ${signal} as no process can`, { context: { signal } });
      }
      const listener = () => handler();
      try {
        process.on(signal, listener);
      } catch (error) {
        throw new IoError("SIGNAL_FAILED", `Cannot listen for ${signal} as ${messageOf(error)}`, { cause: error, context: { signal } });
      }
      return { [Symbol.dispose]: () => void process.off(signal, listener) };
    },
  };
}
