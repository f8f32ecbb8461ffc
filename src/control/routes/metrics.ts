import { route } from "../../core/wire/route.ts";
import { shape } from "../../core/wire/shape.ts";

const TEXT = shape.text("Series, a line each.");

/** Routes for who measures. */
export const METRIC_ROUTES = {
  metrics: route({
    method: "GET",
    path: "/metrics",
    group: "metrics",
    access: "metrics",
    summary: "Gives series to Prometheus.",
    answers: [{
      status: 200,
      about: "Prometheus's text format, or OpenMetrics for who accepts it.",
      content: { "text/plain": TEXT, "application/openmetrics-text": TEXT },
    }],
    problems: { 404: ["IPC_PROTOCOL"] },
    isForAll: true,
    example: { path: "/metrics", answer: 'daemonkit_unit_ready{unit="api"} 1' },
  }),
};
