/** Kinds of metrics. */
export type MetricKind = "counter" | "gauge" | "histogram";

/** Why a measurement was dropped: its value is no number that the metric can take, or its labels are not those of the metric. */
export type RejectionReason = "value" | "labels";

/** Measurements since the last delta, as plain data for another thread or process. */
export interface MetricsDelta {
  /** The metrics in which something was recorded. */
  metrics: MetricDelta[];
  /** Measurements that were dropped: name of the metric, reason, and how many. */
  rejected: [metric: string, reason: RejectionReason, count: number][];
}

/** Measurements of one metric since the last delta. */
export interface MetricDelta {
  /** Its name, without the `_total` of a counter. */
  name: string;
  /** Its kind. */
  kind: MetricKind;
  /** Its meaning. */
  help: string;
  /** Names of its labels. */
  labels: readonly string[];
  /** Upper bounds of the buckets of a histogram. */
  bounds: readonly number[];
  /** Values of the labels of a series, and its numbers: the rise of a counter, the value of a gauge, the rise of each bucket and of the sum. */
  series: [values: readonly string[], numbers: readonly number[]][];
}

/** Takes the measurements of other processes. */
export interface MeasurementIntake {
  /** Adds what a process has recorded since its last delta; `source` tells it from all others. */
  merge(delta: MetricsDelta, source: string): void;
  /** A process has ended: its counts stay, its gauges go. */
  forget(source: string): void;
}
