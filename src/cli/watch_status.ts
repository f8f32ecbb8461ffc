import { sleep } from "../core/ports/clock.ts";
import { EXIT_CODES } from "../core/values/exit_codes.ts";
import type { Host } from "../core/ports/host.ts";
import type { StatusAnswer } from "../control/mod.ts";
import { PROTOCOL } from "../instance/version.ts";
import type { Client } from "./client.ts";
import type { CommandContext } from "./command.ts";
import { CommandFailure } from "./failure.ts";
import { Screen } from "./screen.ts";
import { StopSignals } from "./stop_signals.ts";

/** Options of {@linkcode watchStatus}. */
export interface WatchStatusOptions {
  /** The status as it was when asked for the first time. */
  first: StatusAnswer;
  /** Units that are shown; all when empty. */
  names: readonly string[];
  /** Writes one JSON text for each change. */
  json: boolean;
  /** Writes a status for a person. */
  render: (answer: StatusAnswer) => string;
}

/** Shows a status; false when nobody looks any more. */
interface View extends Disposable {
  show(answer: StatusAnswer): boolean;
}

/** At most this often, however much happens. */
const MIN_MS = 100;
/** At least this often, for times that go on and memory that grows. */
const MAX_MS = 1_000;

/**
 * Shows the status again and again until Ctrl+C (130), or the end of the daemon or of whoever reads (0). On a terminal the picture changes
 * in place and the last one stays; elsewhere a new one follows when something but times and memory has changed.
 */
export async function watchStatus({ host, output }: CommandContext, client: Client, options: WatchStatusOptions): Promise<number> {
  const { names, json, render } = options;
  let last = options.first;
  using stop = new StopSignals(host);
  using view = json || output.width === undefined
    ? changesView((answer) => json ? output.printJsonText(JSON.stringify(answer)) : output.print(render(answer)))
    : screenView(host, (answer) => output.shown(render(answer)));
  const gone = new AbortController();
  // Events that come while a status is under way count for the next one.
  let bell = new AbortController();
  const ring = () => bell.abort();
  using _ring = stop.onStop(ring);
  using _resized = host.signals.on("SIGWINCH", ring);
  let hasEnded = false;
  // A daemon of another protocol gives no events: it is looked at each second.
  const events = last.protocol === PROTOCOL ? await client.events(ring, gone.signal) : undefined;
  const ended = events?.ended.then(() => {
    hasEnded = true;
    ring();
  });
  try {
    while (!stop.isHeard && view.show(last)) {
      await sleep(host.clock, MIN_MS);
      await sleep(host.clock, hasEnded ? 0 : MAX_MS - MIN_MS, { signal: bell.signal }).catch(() => {});
      if (stop.isHeard) break;
      bell = new AbortController();
      try {
        last = await client.status(names);
      } catch (error) {
        if (!(error instanceof CommandFailure) || !(hasEnded || error.exitCode === EXIT_CODES.noDaemon)) throw error;
        view[Symbol.dispose]();
        output.note(`${last.name} (pid ${last.pid}) has ended`);
        return EXIT_CODES.ok;
      }
    }
  } finally {
    gone.abort();
    await ended;
  }
  return stop.exitCode ?? EXIT_CODES.ok;
}

/** Shows what differs from the last one in more than times and memory. */
function changesView(print: (answer: StatusAnswer) => boolean): View {
  let shown = "";
  return {
    show(answer) {
      const now = JSON.stringify({ ...answer, uptimeMs: 0, residentBytes: 0 });
      if (now === shown) return true;
      shown = now;
      return print(answer);
    },
    [Symbol.dispose]() {},
  };
}

/** Draws on a screen of its own, and leaves the last picture behind. */
function screenView({ terminal, signals, processes }: Host, render: (answer: StatusAnswer) => string): View {
  const screen = new Screen(terminal);
  let last: string | undefined;
  // Ctrl+Z: the shell is to find its own screen.
  const suspended = signals.on("SIGTSTP", () => {
    screen.leave();
    void terminal.flush().then(() => processes.signal(processes.self().pid, "SIGSTOP"));
  });
  return {
    show(answer) {
      last = render(answer);
      return screen.draw(last);
    },
    [Symbol.dispose]() {
      suspended[Symbol.dispose]();
      screen[Symbol.dispose]();
      if (last !== undefined) terminal.post(1, `${last}\n`);
      last = undefined;
    },
  };
}
