import type { Daemon } from "../daemon/daemon.ts";
import type { CommandContext } from "./command.ts";
import { isGoneState } from "../core/supervise/state.ts";

/** A stop that takes no longer needs no words. */
const FIRST_MS = 1_000;
const AGAIN_MS = 10_000;

/**
 * Tells a person at the terminal, once a stop takes longer than a second, who is waited for and what another Ctrl+C does; disposing the
 * result ends it. Elsewhere nobody can press anything, and the log says enough.
 */
export function tellWaiting(daemon: Daemon, { host, output }: CommandContext): Disposable {
  let timer: Disposable | undefined;
  let isOver = !host.terminal.isTerminal(2);
  const tell = () => {
    const live = daemon.subsystems().filter(({ state }) => !isGoneState(state)).map(({ name }) => name);
    if (live.length > 0) output.note(`waiting for ${live.join(", ")} to stop; Ctrl+C once more forces, a third time ends at once`);
    timer = host.clock.schedule(AGAIN_MS, tell);
  };
  daemon.cancelled().then(() => {
    if (!isOver) timer = host.clock.schedule(FIRST_MS, tell);
  });
  return {
    [Symbol.dispose]() {
      isOver = true;
      timer?.[Symbol.dispose]();
    },
  };
}
