import type { Clock } from "../core/ports/clock.ts";
import type { Logger } from "../core/ports/log.ts";
import { MetricsCollector } from "../metrics/collector.ts";

/** Names of the daemon's own series, which a program can't have. */
const RESERVED = ["daemonkit_*", "process_*", "service_restarts_total", "events_published_total", "bus_lagged_total"];

/** The measurements of a program. The first one that is dropped of each metric is told in the log; all are counted. */
export function programMetrics(clock: Clock, log: () => Logger): MetricsCollector {
  const told = new Set<string>();
  return new MetricsCollector({
    clock,
    reserved: RESERVED,
    onRejected: ({ metric, reason, message }) => {
      const key = `${metric} ${reason}`;
      if (told.has(key)) return;
      told.add(key);
      log().warn("a measurement was dropped, and further ones like it will be without a word", { metric, reason: message });
    },
  });
}
