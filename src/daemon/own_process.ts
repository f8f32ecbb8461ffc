import { formatDuration } from "../core/values/duration.ts";
import { messageOf } from "../core/values/errors.ts";
import { EXIT_CODES } from "../core/values/exit_codes.ts";
import type { Host } from "../core/ports/host.ts";
import type { SignalName } from "../core/values/signal_name.ts";
import type { OwningSession } from "./session_views.ts";

/** Two signals within this time are one request: a terminal and a process manager often both send one. */
const SAME_REQUEST_MS = 100;

/**
 * Makes a session the owner of its process until disposed: it keeps the process alive, goes to the working folder (for good), handles
 * signals, charges stray errors to their owners, and sets the exit code at the end. Resources that keep the process alive for `exitGraceMs`
 * after that are named, and the process ends; without such a time it may live on.
 */
export function ownProcess(session: OwningSession, host: Host, exitGraceMs: number | undefined): Disposable {
  const { ownProcess, signals, terminal } = host;
  const { signals: config, config: { name, workDir } } = session.plan;
  const stack = new DisposableStack();
  try {
    stack.use(ownProcess.claim(name));
    // At once: a start that fails has its exit code too.
    void session.ended.then(({ exitCode, unstopped }) => {
      ownProcess.setExitCode(exitCode);
      // A write to a reader that never takes it does not end by itself.
      const isBusy = () => terminal.isBusy(1) || terminal.isBusy(2);
      const exit = () => isBusy() ? void terminal.flush().then(() => ownProcess.exit(exitCode)) : ownProcess.exit(exitCode);
      // Either would keep the process alive for ever; whoever waits for the report has its turn first.
      if (unstopped.length > 0 || isBusy()) host.clock.schedule(0, exit);
      else if (exitGraceMs !== undefined) {
        ownProcess.onOverstay(exitGraceMs, (heldBy) => {
          terminal.write(2, overstayed(name, exitGraceMs, heldBy));
          exit();
        });
      }
    });
    // This line holds the loop: nothing else keeps a daemon alive that waits for signals.
    stack.use(ownProcess.hold());
    stack.use(terminal.keepWriting());
    if (workDir !== undefined) ownProcess.chdir(workDir);
    session.attribution.use(ownProcess);
    stack.use(ownProcess.onUncaught((error, owner) => session.uncaught(error, owner)));
    if (config !== undefined) {
      const stop = stopHandler(session, host);
      for (const signal of config.stop) stack.use(signals.on(signal, () => stop(signal)));
      // SIGHUP has two meanings: whoever had a terminal and has none any more is to end with it; all else asks for a reload.
      const hadTerminal = terminal.canHangUp();
      const reload = (signal: SignalName) => {
        if (signal !== "SIGHUP" || !hadTerminal || terminal.canHangUp()) return void session.reloads.reloadUnasked(`received ${signal}`);
        session.log.warn("the terminal is gone");
        stop(signal);
      };
      for (const signal of config.reload) stack.use(signals.on(signal, () => reload(signal)));
      for (const signal of config.reopenLogs) stack.use(signals.on(signal, () => session.features?.reopen()));
      for (const [signal, handler] of Object.entries(config.on)) {
        stack.use(signals.on(signal as SignalName, guarded(session, signal, handler)));
      }
    }
    return stack.move();
  } catch (error) {
    stack.dispose();
    throw error;
  }
}

/** First request: stop gracefully. Second: hurry. Third: end now. */
function stopHandler(session: OwningSession, host: Host): (signal: SignalName) => void {
  let requests = 0;
  let lastMs = -Infinity;
  return (signal) => {
    const nowMs = host.clock.nowMs();
    if (nowMs - lastMs < SAME_REQUEST_MS) return;
    lastMs = nowMs;
    requests++;
    if (requests >= 3) {
      session.features?.flush();
      host.ownProcess.exit(EXIT_CODES.failed);
    }
    session.signalled(signal);
  };
}

function guarded(session: OwningSession, signal: string, handler: () => unknown): () => void {
  return () =>
    void Promise.try(handler).catch((error) => {
      session.log.error("a signal handler failed", { signal, reason: messageOf(error), err: error });
    });
}

/** Said before the process is ended because something that nobody owns any more keeps it alive. */
function overstayed(name: string, graceMs: number, heldBy: readonly string[]): string {
  const holders = heldBy.length === 0 ? "something that the runtime does not name" : heldBy.join(", ");
  return `${name} has stopped, but ${holders} kept this process alive for another ${formatDuration(graceMs)}: it ends now. ` +
    "Clear timers and close sockets and servers in the subsystem that makes them (context.use), or give run() another exitGrace.\n";
}
