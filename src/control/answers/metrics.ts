import { Exposition, METRICS_TYPES, metricsFormat } from "../../core/wire/exposition.ts";
import { serveAll, type ServedRoute } from "../../core/wire/route.ts";
import { type Metric, METRICS, writeMetrics } from "../metrics.ts";
import { METRIC_ROUTES } from "../routes/metrics.ts";
import type { AnswerPorts } from "./ports.ts";

type Add = Parameters<Metric["read"]>[1];

/** Answers what is measured. */
export function metricAnswers({ operations, features, programMetrics }: AnswerPorts): ServedRoute[] {
  return serveAll(METRIC_ROUTES, {
    metrics: ({ request }) => {
      const accept = request.headers.get("accept") ?? undefined;
      const exposition = new Exposition(metricsFormat(accept));
      const source = { status: operations.status(), measures: operations.measures(), lines: operations.lineCounts() };
      const own = [...features()].flatMap((feature) => feature.metrics?.() ?? []);
      writeMetrics(source, exposition, [
        ...METRICS,
        ...own.map(({ read, ...metric }) => ({ ...metric, read: (_: unknown, add: Add) => read(add) })),
      ]);
      exposition.append(programMetrics(accept));
      const headers = { "content-type": METRICS_TYPES[exposition.format], "cache-control": "no-store" };
      return new Response(exposition.end(), { headers });
    },
  });
}
