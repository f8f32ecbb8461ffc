/** Cost of a measurement, and of an export of 2,000 series; run by either runtime. `--check` exits with 1 when a target is missed. */
import process from "node:process";
import { MetricsCollector } from "../mod.ts";
import { formatNs, measure } from "./sampler.ts";

const metrics = new MetricsCollector();
const counter = metrics.counter("requests");
const gauge = metrics.gauge("depth");
const histogram = metrics.histogram("took_seconds");
const labelled = metrics.counter("responses", { labels: ["method", "code"] });
const labels = { method: "GET", code: "200" };
const large = new MetricsCollector();
const series = large.counter("hits", { help: "Hits by path.", labels: ["path"] });
for (let index = 0; index < 2_000; index++) series.labels({ path: `/path/${index}` }).increment(index);

const rows: [name: string, targetNs: number, run: () => unknown][] = [
  ["counter, by handle", 5, () => counter.increment()],
  ["gauge, by handle", 5, () => gauge.set(3)],
  ["histogram of 14 buckets, by handle", 30, () => histogram.record(0.02)],
  ["counter, by name", 20, () => metrics.incrementCounter("requests")],
  ["histogram, by name", 40, () => metrics.recordHistogram("took_seconds", 0.02)],
  ["counter with two labels", 120, () => labelled.labels(labels).increment()],
  ["export of 2,000 series", 2e6, () => large.renderPrometheus()],
];

let isMissed = false;
for (const [name, targetNs, run] of rows) {
  const { medianNs, p95Ns } = await measure(name, run, false, 500);
  if (medianNs > targetNs) isMissed = true;
  const verdict = medianNs > targetNs ? "MISSED" : "met";
  console.log(
    [name.padEnd(36), formatNs(medianNs).padStart(10), formatNs(p95Ns).padStart(10), `≤ ${formatNs(targetNs)}`.padStart(12), verdict].join(
      " ",
    ),
  );
}
if (isMissed && process.argv.includes("--check")) process.exitCode = 1;
