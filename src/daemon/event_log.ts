import { formatDuration } from "../core/duration.ts";
import type { DaemonEvent } from "../core/event.ts";
import type { Logger } from "../core/log.ts";

/** Writes an event as the record that an operator wants to read; the fields are the event's own. */
export function logEvent(log: Logger, event: DaemonEvent): void {
  if (event.type === "subsystem.ready") return log.debug(event.ready ? "ready" : "not ready", { unit: event.name, run: event.run });
  if (event.type !== "subsystem.state") {
    const { type, reason } = event;
    return type === "daemon.forced" ? log.warn("forcing the stop", { reason }) : log.info(type.slice("daemon.".length), { reason });
  }
  const { name: unit, run, reason, to, error, attempt, delayMs } = event;
  switch (to) {
    case "restarting":
      return log.warn("failed, will be restarted", { unit, run, reason, attempt, delay: formatDuration(delayMs ?? 0), ...codeOf(error) });
    case "failed":
    case "fatal":
      return log.error(to === "fatal" ? "failed for good" : "failed", { unit, run, reason, ...codeOf(error) });
    case "skipped":
      return log.warn("skipped", { unit, reason });
    case "starting":
    case "stopping":
      return log.debug(to, { unit, run, reason });
    case "waiting":
      return log.debug("waiting", { unit, reason });
    default:
      return log.info(to, { unit, run, reason });
  }
}

function codeOf(error: { code?: string } | undefined): { code?: string } {
  return error?.code === undefined ? {} : { code: error.code };
}
