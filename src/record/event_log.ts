import { formatDuration } from "../core/values/duration.ts";
import { type DaemonEvent, survivorsText, type UnitStateEvent } from "../core/supervise/event.ts";
import type { Logger } from "../core/ports/log.ts";
import type { State } from "../core/supervise/state.ts";

/** Writes an event as the record that an operator wants to read; the fields are the event's own. */
export function logEvent(daemonLog: Logger, event: DaemonEvent): void {
  if (event.type === "config.reload") {
    const { outcome, version, reason } = event;
    // The reader of a refused configuration logs all its mistakes.
    return outcome === "refused" ? undefined : daemonLog.info(`configuration ${outcome}`, { version, reason });
  }
  if (event.type !== "unit.state" && event.type !== "unit.ready") {
    const { type, reason } = event;
    if (event.killed !== undefined || event.survivors !== undefined) {
      const { killed, survivors } = event;
      return daemonLog.warn("stopped", {
        reason,
        ...killed === undefined ? {} : { killed: killed.join(", ") },
        ...survivors === undefined ? {} : { survivors: survivorsText(survivors) },
      });
    }
    if (type === "daemon.started") return daemonLog.warn("started", { reason });
    if (type === "daemon.restored") return daemonLog.warn("made its files anew", { reason });
    return type === "daemon.forced"
      ? daemonLog.warn("forcing the stop", { reason })
      : daemonLog.info(type.slice("daemon.".length), { reason });
  }
  const log = daemonLog.child(event.name);
  if (event.type === "unit.ready") return log.debug(event.ready ? "ready" : "not ready", { run: event.run });
  OF_STATE[event.to](log, event);
}

/** How each state is told, from the event by which a unit came into it. */
const OF_STATE: Readonly<Record<State, (log: Logger, event: UnitStateEvent) => void>> = {
  waiting: (log, { reason }) => log.debug("waiting", { reason }),
  starting: (log, { run, reason }) => log.debug("starting", { run, reason }),
  running: (log, { run }) => log.info("running", { run }),
  stopping: (log, { run, reason }) => log.debug("stopping", { run, reason }),
  stopped: (log, { run, reason, error }) => {
    if (error === undefined) return log.info("stopped", { run, reason });
    // It failed before it could be told, or because it was told.
    log.warn("stopped with an error", { run, reason, error: error.message, ...codeOf(error) });
  },
  restarting: (log, { run, reason, error, attempt, delayMs }) => {
    if (error?.code !== "SPAWN_NO_RESOURCES") {
      return log.warn("failed, will be restarted", { run, reason, attempt, delay: formatDuration(delayMs ?? 0), ...codeOf(error) });
    }
    // Said once, however often it is tried.
    const write = attempt === 1 ? log.warn : log.debug;
    write.call(log, "waits until there is room to start it", { run, reason, attempt, ...codeOf(error) });
  },
  completed: (log, { run, reason }) => log.info("completed", { run, reason }),
  skipped: (log, { reason }) => log.warn("skipped", { reason }),
  failed: (log, { run, reason, error }) => log.error("failed", { run, reason, ...codeOf(error) }),
  fatal: (log, { run, reason, error }) => log.error("failed for good", { run, reason, ...codeOf(error) }),
};

function codeOf(error: { code?: string } | undefined): { code?: string } {
  return error?.code === undefined ? {} : { code: error.code };
}
