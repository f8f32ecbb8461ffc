import { type Clock, systemClock } from "../core/ports/clock.ts";
import type { Counter, Gauge, Histogram, HistogramOptions, Meter, MetricLabels, MetricOptions, Timer } from "../core/ports/meter.ts";
import { checkFunction, checkKeys, checkText, checkTexts } from "../core/values/options.ts";
import { Exposition, labelText, metricsFormat } from "../core/wire/exposition.ts";
import type { MeasurementIntake, MetricDelta, MetricKind, MetricsDelta, RejectionReason } from "../core/wire/metrics_delta.ts";
import { type HistogramSeries, type MetricRejection, NumberSeries, SeriesSet } from "./series.ts";

/** Options of {@linkcode MetricsCollector}. */
export interface MetricsCollectorOptions {
  /** Most series of one metric; what is recorded under further labels goes to one series whose labels all say `overflow`. @default {2_000} */
  maxSeries?: number;
  /** Clock for timers and for the time of a snapshot. @default {systemClock} */
  clock?: Clock;
  /** Names that somebody else exports beside this collector, or the beginnings of such names with `*` at the end. @default {[]} */
  reserved?: readonly string[];
  /** Told of a measurement that was dropped. It must not throw. @default nobody is told, they are only counted */
  onRejected?: (rejection: MetricRejection) => void;
}

/** One histogram of a snapshot. */
export interface HistogramSnapshot {
  /** How many values were recorded. */
  count: number;
  /** Their sum. */
  sum: number;
  /** Upper bound of each bucket, and how many values are not above it. */
  buckets: [bound: number, count: number][];
}

/** All series at one time, by their names as an export shows them, such as `requests_total{method="GET"}`. */
export interface MetricsSnapshot {
  /** Milliseconds since the Unix epoch. */
  timeMs: number;
  /** Milliseconds since the collector was made. */
  uptimeMs: number;
  /** Counters. */
  counters: Record<string, number>;
  /** Gauges. */
  gauges: Record<string, number>;
  /** Histograms. */
  histograms: Record<string, HistogramSnapshot>;
}

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;
const SECONDS = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const MILLISECONDS = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
const BYTES = [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];
/** Ends of the names that each kind takes for its family and its series. */
const SUFFIXES: Readonly<Record<MetricKind, readonly string[]>> = {
  counter: ["", "_total"],
  gauge: [""],
  histogram: ["", "_bucket", "_sum", "_count"],
};
const REJECTED = "daemonkit_metrics_rejected";

/**
 * Counters, gauges and histograms of a program, with their export for Prometheus.
 *
 * - A handle from `counter`, `gauge` or `histogram` is the fast way; `incrementCounter`, `setGauge` and `recordHistogram` find the metric
 *   by its name, and declare it at their first call.
 * - A wrong declaration throws: a name that Prometheus does not know, other labels or another kind under a name that is taken. A wrong
 *   measurement is dropped and counted in `daemonkit_metrics_rejected_total`, as measuring must not end the work that is measured.
 * - Counters and histograms never fall, but for `reset`.
 * - Metrics are exported in the order of their declaration, series in the order of their first measurement.
 *
 * @example Requests by method, and how long they took
 * ```ts
 * import { MetricsCollector } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const metrics = new MetricsCollector();
 * const requests = metrics.counter("http_requests", { help: "Requests by method.", labels: ["method"] });
 * requests.labels({ method: "GET" }).increment();
 * metrics.recordDuration("http_request_seconds", 12);
 * assert.match(metrics.renderPrometheus(), /http_requests_total\{method="GET"\} 1\n/);
 * assert.equal(metrics.getMetrics().histograms.http_request_seconds.sum, 0.012);
 * ```
 */
export class MetricsCollector implements Meter, MeasurementIntake {
  /** Metrics by every name under which they are asked for. */
  readonly #byName = new Map<string, SeriesSet>();
  readonly #metrics: SeriesSet[] = [];
  /** Owner of each name of a family or a series. */
  readonly #owners = new Map<string, string>();
  readonly #rejections = new Map<string, [metric: string, reason: RejectionReason, count: number, told: number]>();
  readonly #prefixes: readonly string[];
  readonly #clock: Clock;
  readonly #madeMs: number;
  readonly #maxSeries: number;
  readonly #onRejected: ((rejection: MetricRejection) => void) | undefined;

  /**
   * Creates a collector without metrics.
   *
   * @throws {TypeError | RangeError} if an option is wrong.
   */
  constructor(options: MetricsCollectorOptions = {}) {
    const action = "create MetricsCollector";
    checkKeys(action, options, ["maxSeries", "clock", "reserved", "onRejected"]);
    const { maxSeries = 2_000, clock = systemClock, reserved = [], onRejected } = options;
    if (!(Number.isSafeInteger(maxSeries) && maxSeries > 0)) {
      throw new RangeError(`Cannot ${action} as "maxSeries" must be an integer above 0: current value is ${String(maxSeries)}`);
    }
    checkTexts(action, "reserved", reserved);
    if (onRejected !== undefined) checkFunction(action, "onRejected", onRejected);
    this.#clock = clock;
    this.#madeMs = clock.nowMs();
    this.#maxSeries = maxSeries;
    this.#onRejected = onRejected;
    this.#prefixes = reserved.filter((name) => name.endsWith("*")).map((name) => name.slice(0, -1));
    for (const name of [...reserved, `${REJECTED}_total`]) this.#owners.set(name, "the daemon");
  }

  /** Declares a counter, or returns the one of this name; it is exported with `_total` at its end. Throws a TypeError for a wrong declaration. */
  counter(name: string, options: MetricOptions = {}): Counter {
    return this.#declared(name, "counter", options).find(undefined) as NumberSeries;
  }

  /** Declares a gauge, or returns the one of this name. Throws a TypeError for a wrong declaration. */
  gauge(name: string, options: MetricOptions = {}): Gauge {
    return this.#declared(name, "gauge", options).find(undefined) as NumberSeries;
  }

  /** Declares a histogram, or returns the one of this name; its buckets fit seconds, or milliseconds or bytes where the name ends in `_ms` or `_bytes`. */
  histogram(name: string, options: HistogramOptions = {}): Histogram {
    return this.#declared(name, "histogram", options).find(undefined) as HistogramSeries;
  }

  /** Adds to a counter by its name. */
  incrementCounter(name: string, by: number = 1, labels?: MetricLabels): void {
    (this.#named(name, "counter", labels).find(labels) as NumberSeries).increment(by);
  }

  /** Sets a gauge by its name. */
  setGauge(name: string, value: number, labels?: MetricLabels): void {
    (this.#named(name, "gauge", labels).find(labels) as NumberSeries).set(value);
  }

  /** Counts a value in a histogram by its name, in the unit that the name says. */
  recordHistogram(name: string, value: number, labels?: MetricLabels): void {
    (this.#named(name, "histogram", labels).find(labels) as HistogramSeries).record(value);
  }

  /** Counts a time in milliseconds in a histogram: as milliseconds when its name ends in `_ms`, otherwise as seconds. */
  recordDuration(name: string, durationMs: number, labels?: MetricLabels): void {
    const isMs = typeof name === "string" && name.endsWith("_ms");
    this.recordHistogram(name, typeof durationMs === "number" && !isMs ? durationMs / 1_000 : durationMs, labels);
  }

  /** Starts to measure a time for `recordDuration`; it is recorded once, when the timer is stopped or disposed. */
  startTimer(name: string, labels?: MetricLabels): Timer {
    // A wrong name throws here, where it stands, and not at the end of the work.
    this.#named(name, "histogram", labels);
    const startMs = this.#clock.nowMs();
    let tookMs: number | undefined;
    const stop = () => {
      if (tookMs === undefined) this.recordDuration(name, tookMs = this.#clock.nowMs() - startMs, labels);
      return tookMs;
    };
    return { stop, [Symbol.dispose]: () => void stop() };
  }

  /** Returns all series as plain data. */
  getMetrics(): MetricsSnapshot {
    const snapshot: MetricsSnapshot = {
      timeMs: this.#clock.wallMs(),
      uptimeMs: this.#clock.nowMs() - this.#madeMs,
      counters: {},
      gauges: {},
      histograms: {},
    };
    for (const metric of this.#metrics) {
      const { kind, bounds } = metric.declaration;
      for (const series of metric.series) {
        const name = metric.family + series.labelText;
        if (series instanceof NumberSeries) {
          snapshot[kind === "gauge" ? "gauges" : "counters"][name] = series.total;
        } else {
          let count = 0;
          const buckets = bounds.map((bound, index): [number, number] => [bound, count += series.counts[index]]);
          snapshot.histograms[name] = { count: count + series.counts[bounds.length], sum: series.sum, buckets };
        }
      }
    }
    return snapshot;
  }

  /** Returns all series as Prometheus reads them: in OpenMetrics 1.0 where the `Accept` header asks for that, else in the text format 0.0.4. */
  renderPrometheus(accept?: string): string {
    const exposition = new Exposition(metricsFormat(accept));
    for (const metric of this.#metrics) metric.write(exposition);
    exposition.family(`${REJECTED}_total`, "counter", "Measurements that were dropped, as their value or their labels were wrong.");
    for (const [metric, reason, count] of this.#rejections.values()) {
      exposition.sample(labelText(["metric", "reason"], [metric, reason]), count);
    }
    return exposition.end();
  }

  /** Sets every series to 0, which a scrape takes for a restart. Handles stay good. */
  reset(): void {
    for (const metric of this.#metrics) for (const series of metric.series) series.reset();
    this.#rejections.clear();
  }

  /** Returns what was recorded since the last call, for {@linkcode merge} of a collector elsewhere. */
  takeDelta(): MetricsDelta {
    const metrics: MetricDelta[] = [];
    for (const metric of this.#metrics) {
      const series: MetricDelta["series"] = [];
      for (const each of metric.series) {
        const numbers = each.takeDelta();
        if (numbers !== undefined) series.push([each.values, numbers]);
      }
      if (series.length > 0) metrics.push({ ...metric.declaration, series });
    }
    const rejected: MetricsDelta["rejected"] = [];
    for (const entry of this.#rejections.values()) {
      const [metric, reason, count, told] = entry;
      if (count > told) rejected.push([metric, reason, count - told]);
      entry[3] = count;
    }
    return { metrics, rejected };
  }

  /**
   * Adds what a collector of another thread or process has recorded; a gauge is the sum of what all of them have set. `source` tells its
   * collector from all others.
   *
   * @throws {TypeError} if a metric is declared differently here; the others are added.
   */
  merge(delta: MetricsDelta, source: string): void {
    const errors: unknown[] = [];
    for (const { name, kind, help, labels, bounds, series } of delta.metrics) {
      try {
        const metric = this.#declared(name, kind, { help, labels, ...(kind === "histogram" ? { buckets: bounds } : {}) });
        for (const [values, numbers] of series) metric.at(values).merge(numbers, source);
      } catch (error) {
        errors.push(error);
      }
    }
    for (const [metric, reason, count] of delta.rejected) this.#countRejection(metric, reason, count);
    if (errors.length > 0) throw errors[0];
  }

  /** Forgets what a collector elsewhere has set gauges to, as it has ended. Its counts stay. */
  forget(source: string): void {
    for (const { series } of this.#metrics) for (const each of series) if (each instanceof NumberSeries) each.forget(source);
  }

  /** The metric of a name, declared by its first measurement. */
  #named(name: string, kind: MetricKind, labels: MetricLabels | undefined): SeriesSet {
    const metric = this.#byName.get(name);
    if (metric !== undefined && metric.declaration.kind === kind) return metric;
    return this.#declared(name, kind, labels === undefined ? {} : { labels: Object.keys(labels) });
  }

  #declared(name: string, kind: MetricKind, options: HistogramOptions): SeriesSet {
    const action = `declare ${kind} ${typeof name === "string" ? JSON.stringify(name) : ""}`.trimEnd();
    checkText(action, "name", name);
    checkKeys(action, options, kind === "histogram" ? ["help", "labels", "buckets"] : ["help", "labels"]);
    const { help, labels, buckets } = options;
    const known = this.#byName.get(name);
    if (known?.declaration.kind === kind) {
      const { declaration } = known;
      if (labels !== undefined) mustBeSame(action, "labels", labels, declaration.labels);
      if (buckets !== undefined) mustBeSame(action, "buckets", buckets, declaration.bounds);
      return known;
    }
    const own = kind === "counter" ? name.replace(/_total$/, "") : name;
    const same = kind === "counter" ? this.#byName.get(own) : undefined;
    if (same?.declaration.kind === "counter") {
      this.#byName.set(name, same);
      return this.#declared(name, kind, options);
    }
    if (help !== undefined) checkText(action, "help", help);
    if (labels !== undefined) checkTexts(action, "labels", labels);
    checkNames(action, own, kind, labels ?? []);
    const series = SUFFIXES[kind].map((suffix) => own + suffix);
    for (const each of series) {
      const owner = this.#owners.get(each) ?? (this.#prefixes.some((prefix) => each.startsWith(prefix)) ? "the daemon" : undefined);
      if (owner !== undefined) throw new TypeError(`Cannot ${action} as ${owner} has the name "${each}": choose another one`);
    }
    const metric = new SeriesSet({
      name: own,
      kind,
      help: help ?? own.replaceAll("_", " "),
      labels: [...labels ?? []],
      bounds: kind === "histogram" ? boundsOf(action, own, buckets) : [],
    }, { maxSeries: this.#maxSeries, reject: this.#reject });
    for (const each of series) this.#owners.set(each, `${kind} "${own}"`);
    this.#byName.set(own, metric);
    this.#byName.set(name, metric);
    this.#metrics.push(metric);
    return metric;
  }

  readonly #reject = (rejection: MetricRejection): void => {
    this.#countRejection(rejection.metric, rejection.reason, 1);
    this.#onRejected?.(rejection);
  };

  #countRejection(metric: string, reason: RejectionReason, count: number): void {
    const key = `${metric} ${reason}`;
    const entry = this.#rejections.get(key);
    if (entry === undefined) this.#rejections.set(key, [metric, reason, count, 0]);
    else entry[2] += count;
  }
}

function checkNames(action: string, name: string, kind: MetricKind, labels: readonly string[]): void {
  if (!METRIC_NAME.test(name)) {
    throw new TypeError(`Cannot ${action} as its name must be letters, digits, "_" or ":" and not start with a digit`);
  }
  const bad = labels.find((label, index) =>
    !LABEL_NAME.test(label) || label === "le" && kind === "histogram" || labels.indexOf(label) !== index
  );
  if (bad !== undefined) {
    throw new TypeError(
      `Cannot ${action} as the names of its labels must differ, be letters, digits or "_", start with a letter or one "_", and not be "le" ` +
        `in a histogram: current value is ${JSON.stringify(bad)}`,
    );
  }
}

function boundsOf(action: string, name: string, buckets: readonly number[] | undefined): readonly number[] {
  if (buckets === undefined) return name.endsWith("_ms") ? MILLISECONDS : name.endsWith("_bytes") ? BYTES : SECONDS;
  const isRising = Array.isArray(buckets) && buckets.length > 0 &&
    buckets.every((bound, index) => Number.isFinite(bound) && (index === 0 || bound > buckets[index - 1]));
  if (!isRising) {
    throw new RangeError(
      `Cannot ${action} as "buckets" must be a list of rising finite numbers: current value is ${JSON.stringify(buckets)}`,
    );
  }
  return [...buckets];
}

function mustBeSame(action: string, key: string, given: unknown, declared: readonly unknown[]): void {
  if (Array.isArray(given) && given.length === declared.length && given.every((each, index) => each === declared[index])) return;
  throw new TypeError(
    `Cannot ${action} as "${key}" must be as it was declared, ${JSON.stringify(declared)}: current value is ${JSON.stringify(given)}`,
  );
}
