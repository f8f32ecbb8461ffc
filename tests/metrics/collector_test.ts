import assert from "node:assert/strict";
import { MetricsCollector } from "../../src/metrics/collector.ts";
import type { MetricRejection } from "../../src/metrics/series.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { test } from "../harness.ts";
import fc from "../property.ts";

const OPENMETRICS = "application/openmetrics-text; version=1.0.0";

test("MetricsCollector exports what was recorded, in both formats", () => {
  const metrics = new MetricsCollector();
  const requests = metrics.counter("requests", { help: 'Requests\nby "method".', labels: ["method", "code"] });
  requests.labels({ method: "GET", code: 200 }).increment();
  requests.labels({ code: 200, method: "GET" }).increment(2);
  metrics.gauge("queue_depth").set(-3);
  const sizes = metrics.histogram("body_bytes", { buckets: [1, 2.5, 100] });
  for (const size of [0, 1, 2, 100, 101]) sizes.record(size);
  assert.equal(
    metrics.renderPrometheus(),
    `# HELP requests_total Requests\\nby "method".
# TYPE requests_total counter
requests_total{method="GET",code="200"} 3
# HELP queue_depth queue depth
# TYPE queue_depth gauge
queue_depth -3
# HELP body_bytes body bytes
# TYPE body_bytes histogram
body_bytes_bucket{le="1"} 2
body_bytes_bucket{le="2.5"} 3
body_bytes_bucket{le="100"} 4
body_bytes_bucket{le="+Inf"} 5
body_bytes_sum 204
body_bytes_count 5
`,
  );
  assert.equal(
    metrics.renderPrometheus(OPENMETRICS),
    `# HELP requests Requests\\nby \\"method\\".
# TYPE requests counter
requests_total{method="GET",code="200"} 3
# HELP queue_depth queue depth
# TYPE queue_depth gauge
queue_depth -3
# HELP body_bytes body bytes
# TYPE body_bytes histogram
body_bytes_bucket{le="1.0"} 2
body_bytes_bucket{le="2.5"} 3
body_bytes_bucket{le="100.0"} 4
body_bytes_bucket{le="+Inf"} 5
body_bytes_sum 204
body_bytes_count 5
# EOF
`,
  );
});

test("MetricsCollector drops wrong measurements, counts them, and never exports them (library 42)", () => {
  const told: MetricRejection[] = [];
  const metrics = new MetricsCollector({ onRejected: (rejection) => told.push(rejection) });
  const requests = metrics.counter("requests", { labels: ["method"] });
  metrics.incrementCounter("hits");
  const before = metrics.getMetrics();
  for (const bad of [-1, NaN, Infinity, "1" as never, null as never, 1n as never]) metrics.incrementCounter("hits", bad);
  for (const bad of [NaN, "1" as never, undefined as never]) metrics.setGauge("depth", bad);
  for (const bad of [-1, NaN, Infinity, "1" as never]) metrics.recordHistogram("took_seconds", bad);
  requests.increment();
  requests.labels({ verb: "GET" }).increment();
  requests.labels({ method: "GET", code: "200" }).increment();
  requests.labels({ method: {} as never }).increment();
  metrics.incrementCounter("hits", 1, { method: "GET" });
  const { counters, gauges, histograms } = metrics.getMetrics();
  assert.deepEqual(counters, before.counters);
  assert.deepEqual(gauges, { depth: 0 });
  assert.deepEqual(histograms.took_seconds.count, 0);
  assert.equal(told.length, 18);
  assert.deepEqual(told.slice(-5).map(({ message }) => message), [
    "expected texts or numbers for the labels method, got none",
    "expected texts or numbers for the labels method, got verb",
    "expected texts or numbers for the labels method, got method, code",
    "expected texts or numbers for the labels method, got method with an object",
    "expected no labels, got method",
  ]);
  const text = metrics.renderPrometheus();
  assert.match(text, /^daemonkit_metrics_rejected_total\{metric="hits_total",reason="value"\} 6$/m);
  assert.match(text, /^daemonkit_metrics_rejected_total\{metric="requests_total",reason="labels"\} 4$/m);
});

test("MetricsCollector refuses wrong declarations", () => {
  const metrics = new MetricsCollector({ reserved: ["daemonkit_up"] });
  metrics.counter("requests", { labels: ["method"] });
  metrics.histogram("took_seconds", { buckets: [1, 2] });
  const rows: [() => unknown, RegExp][] = [
    [() => metrics.counter("1st"), /Cannot declare counter "1st" as its name must be letters/],
    [() => metrics.counter("a-b"), /its name must be letters/],
    [() => metrics.counter(7 as never), /"name" must be a text: current value is 7/],
    [() => metrics.gauge("x", { labels: ["__name"] }), /names of its labels.*"__name"/],
    [() => metrics.gauge("x", { labels: ["a", "a"] }), /names of its labels must differ/],
    [() => metrics.histogram("x", { labels: ["le"] }), /not be "le"/],
    [() => metrics.histogram("x", { buckets: [] }), /"buckets" must be a list of rising finite numbers/],
    [() => metrics.histogram("x", { buckets: [2, 1] }), /"buckets" must be/],
    [() => metrics.histogram("x", { buckets: [1, Infinity] }), /"buckets" must be/],
    [() => metrics.gauge("x", { buckets: [1] } as never), /"buckets" is no option/],
    [() => metrics.gauge("requests"), /counter "requests" has the name "requests"/],
    [() => metrics.gauge("requests_total"), /counter "requests" has the name "requests_total"/],
    [() => metrics.counter("took_seconds_count"), /histogram "took_seconds" has the name "took_seconds_count"/],
    [() => metrics.setGauge("took_seconds", 1), /histogram "took_seconds" has the name/],
    [() => metrics.gauge("daemonkit_up"), /the daemon has the name "daemonkit_up"/],
    [() => metrics.counter("requests", { labels: ["verb"] }), /"labels" must be as it was declared, \["method"\]/],
    [() => metrics.histogram("took_seconds", { buckets: [1] }), /"buckets" must be as it was declared, \[1,2\]/],
    [() => metrics.startTimer("requests"), /counter "requests" has the name/],
    [() => new MetricsCollector({ maxSeries: 0 }), /"maxSeries" must be an integer above 0/],
    [() => new MetricsCollector({ max: 1 } as never), /"max" is no option/],
  ];
  for (const [declare, message] of rows) assert.throws(declare, message);
  metrics.counter("requests_total", { labels: ["method"] }).labels({ method: "GET" }).increment();
  assert.deepEqual(metrics.getMetrics().counters, { 'requests_total{method="GET"}': 1 });
});

test("MetricsCollector puts further label values into one series at the cap", () => {
  const metrics = new MetricsCollector({ maxSeries: 2 });
  const hits = metrics.counter("hits", { labels: ["path", "code"] });
  for (let index = 0; index < 10; index++) hits.labels({ path: `/${index}`, code: 200 }).increment();
  hits.labels({ path: "/0", code: 200 }).increment();
  assert.deepEqual(metrics.getMetrics().counters, {
    'hits_total{path="/0",code="200"}': 2,
    'hits_total{path="/1",code="200"}': 1,
    'hits_total{path="overflow",code="overflow"}': 8,
  });
});

test("MetricsCollector records durations in the unit of the name, and a timer once", async () => {
  const clock = new FakeClock();
  const metrics = new MetricsCollector({ clock });
  metrics.recordDuration("took_ms", 12);
  metrics.recordDuration("took_seconds", 12);
  metrics.recordDuration("took", 12);
  {
    using timer = metrics.startTimer("work_seconds");
    await clock.advance(250);
    assert.equal(timer.stop(), 250);
    await clock.advance(250);
    assert.equal(timer.stop(), 250);
  }
  const { histograms, uptimeMs } = metrics.getMetrics();
  assert.deepEqual(Object.entries(histograms).map(([name, { count, sum }]) => [name, count, sum]), [
    ["took_ms", 1, 12],
    ["took_seconds", 1, 0.012],
    ["took", 1, 0.012],
    ["work_seconds", 1, 0.25],
  ]);
  assert.equal(uptimeMs, 500);
});

/** A measurement: the number of a path, and a value that may be wrong. */
const measurement = fc.tuple(fc.integer({ min: 0, max: 7 }), fc.double({ min: -1, max: 12 }));

test("MetricsCollector: counters, counts, sums and buckets never fall between two scrapes (library 41)", () => {
  fc.assert(fc.property(fc.array(measurement), (measurements) => {
    const metrics = new MetricsCollector({ maxSeries: 5 });
    let before = metrics.getMetrics();
    for (const [path, value] of measurements) {
      metrics.incrementCounter("hits", value, { path });
      metrics.recordHistogram("took_seconds", value, { path });
      const now = metrics.getMetrics();
      for (const [name, count] of Object.entries(before.counters)) assert.ok(now.counters[name] >= count);
      for (const [name, { count, sum, buckets }] of Object.entries(before.histograms)) {
        const next = now.histograms[name];
        assert.ok(next.count >= count && next.sum >= sum);
        buckets.forEach(([, each], index) => assert.ok(next.buckets[index][1] >= each));
      }
      before = now;
    }
  }));
});

test("MetricsCollector.merge loses and doubles nothing of other collectors, whenever the deltas are taken", () => {
  const step = fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 }), fc.integer({ min: -2, max: 20 }), fc.boolean());
  fc.assert(fc.property(fc.array(step), (steps) => {
    const workers = [new MetricsCollector(), new MetricsCollector(), new MetricsCollector()];
    const all = new MetricsCollector();
    const expected = new MetricsCollector();
    for (const [index, path, value, isTaken] of steps) {
      for (const each of [workers[index], expected]) {
        each.incrementCounter("hits", value, { path });
        each.recordHistogram("took_ms", value);
      }
      if (isTaken) all.merge(structuredClone(workers[index].takeDelta()), `${index}`);
    }
    workers.forEach((worker, index) => all.merge(JSON.parse(JSON.stringify(worker.takeDelta())), `${index}`));
    for (const worker of workers) assert.deepEqual(worker.takeDelta(), { metrics: [], rejected: [] });
    // A series that was only refused is no news.
    const lines = (collector: MetricsCollector) =>
      collector.renderPrometheus().split("\n").filter((line) => !/^#|_(total|bucket|sum|count)\S* 0$/.test(line)).sort();
    assert.deepEqual(lines(all), lines(expected));
  }));
});

test("MetricsCollector.merge adds the rest when one metric is declared differently", () => {
  const worker = new MetricsCollector();
  worker.incrementCounter("a");
  worker.incrementCounter("b", 1, { x: 1 });
  worker.setGauge("c", 5);
  const all = new MetricsCollector();
  all.counter("b");
  assert.throws(() => all.merge(worker.takeDelta(), "worker"), /Cannot declare counter "b" as "labels" must be as it was declared/);
  assert.deepEqual(all.getMetrics().counters, { a_total: 1, b_total: 0 });
  assert.deepEqual(all.getMetrics().gauges, { c: 5 });
});

test("MetricsCollector.merge: a gauge is the sum of what all have set, and a process that ends takes its part with it", () => {
  const all = new MetricsCollector();
  all.setGauge("depth", 1);
  const [first, second] = [new MetricsCollector(), new MetricsCollector()];
  const gather = () => {
    all.merge(first.takeDelta(), "first");
    all.merge(second.takeDelta(), "second");
    return all.getMetrics();
  };
  first.setGauge("depth", 5);
  second.setGauge("depth", 7);
  second.incrementCounter("hits");
  assert.equal(gather().gauges.depth, 13);
  first.setGauge("depth", 2);
  assert.equal(gather().gauges.depth, 10);
  all.forget("second");
  assert.deepEqual(gather().gauges, { depth: 3 });
  assert.match(all.renderPrometheus(), /^depth 3$/m);
  assert.deepEqual(gather().counters, { hits_total: 1 });
});

test("MetricsCollector refuses names that begin as those of somebody else", () => {
  const metrics = new MetricsCollector({ reserved: ["daemonkit_*"] });
  assert.throws(() => metrics.counter("daemonkit_mine"), /the daemon has the name "daemonkit_mine": choose another one/);
  metrics.counter("mine_daemonkit_");
});

test("MetricsCollector.reset sets every series to 0, and handles stay good", () => {
  const metrics = new MetricsCollector();
  const hits = metrics.counter("hits");
  const took = metrics.histogram("took_ms");
  hits.increment(3);
  took.record(3);
  metrics.reset();
  hits.increment();
  took.record(1);
  const { counters, histograms } = metrics.getMetrics();
  assert.deepEqual(counters, { hits_total: 1 });
  assert.deepEqual([histograms.took_ms.count, histograms.took_ms.sum], [1, 1]);
});
