import { formatDuration } from "../core/values/duration.ts";
import type { DaemonEvent } from "../core/supervise/event.ts";
import type { Logger } from "../core/ports/log.ts";

/** Writes an event as the record that an operator wants to read; the fields are the event's own. */
export function logEvent(daemonLog: Logger, event: DaemonEvent): void {
  if (event.type === "config.reload") {
    const { outcome, version, reason } = event;
    // The reader of a refused configuration logs all its mistakes.
    return outcome === "refused" ? undefined : daemonLog.info(`configuration ${outcome}`, { version, reason });
  }
  if (event.type !== "unit.state" && event.type !== "unit.ready") {
    const { type, reason } = event;
    if (event.killed !== undefined) return daemonLog.warn("stopped", { reason, killed: event.killed.join(", ") });
    if (type === "daemon.started") return daemonLog.warn("started", { reason });
    if (type === "daemon.restored") return daemonLog.warn("made its files anew", { reason });
    return type === "daemon.forced"
      ? daemonLog.warn("forcing the stop", { reason })
      : daemonLog.info(type.slice("daemon.".length), { reason });
  }
  const log = daemonLog.child(event.name);
  if (event.type === "unit.ready") return log.debug(event.ready ? "ready" : "not ready", { run: event.run });
  const { run, reason, to, error, attempt, delayMs } = event;
  switch (to) {
    case "restarting":
      if (error?.code === "SPAWN_NO_RESOURCES") {
        // Said once, however often it is tried.
        const write = attempt === 1 ? log.warn : log.debug;
        return write.call(log, "waits until there is room to start it", { run, reason, attempt, ...codeOf(error) });
      }
      return log.warn("failed, will be restarted", { run, reason, attempt, delay: formatDuration(delayMs ?? 0), ...codeOf(error) });
    case "failed":
    case "fatal":
      return log.error(to === "fatal" ? "failed for good" : "failed", { run, reason, ...codeOf(error) });
    case "skipped":
      return log.warn("skipped", { reason });
    case "starting":
    case "stopping":
      return log.debug(to, { run, reason });
    case "waiting":
      return log.debug("waiting", { reason });
    case "running":
      return log.info(to, { run });
    case "stopped":
      // It failed before it could be told, or because it was told.
      if (error !== undefined) return log.warn("stopped with an error", { run, reason, error: error.message, ...codeOf(error) });
      return log.info(to, { run, reason });
    default:
      return log.info(to, { run, reason });
  }
}

function codeOf(error: { code?: string } | undefined): { code?: string } {
  return error?.code === undefined ? {} : { code: error.code };
}
