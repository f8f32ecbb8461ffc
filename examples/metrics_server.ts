/**
 * A web server with routes for work, health and Prometheus, on port 8080 or on the one that is given: `metrics_server.ts 9000`. It stops by
 * Ctrl+C, after the requests under way.
 */
import process from "node:process";
import { Hono } from "hono";
import { Daemon } from "@daemonkit/daemonkit";

const port = Number(process.argv[2] ?? 8_080);

const app = new Hono();
app.get("/", (c) => {
  daemon.metrics.incrementCounter("visits", 1, { page: "home" });
  return c.text("hello\n");
});
app.get("/healthz", (c) => c.text("ok\n"));
app.get("/readyz", (c) => {
  const missing = daemon.subsystems().filter(({ ready }) => ready === false).map(({ name }) => name);
  return missing.length === 0 ? c.text("ready\n") : c.text(`not ready: ${missing.join(", ")}\n`, 503);
});
app.get("/metrics", (c) => c.text(daemon.metrics.renderPrometheus(c.req.header("accept"))));

const daemon = Daemon.builder()
  .withHttp("web", { address: port, fetch: app.fetch as (request: Request) => Response | Promise<Response> })
  // Work beside the server, whose measure it tells.
  .withTask("queue", (context) => context.every("1s", () => context.metrics.setGauge("queue_depth", Math.floor(context.run * 3))))
  .build();

const report = await daemon.run();
console.log(`stopped as ${report.reason}, exit code ${report.exitCode}`);
