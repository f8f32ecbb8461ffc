/** Labels of a series: names and values. */
export type MetricLabels = Readonly<Record<string, string | number | boolean>>;

/** Something that is counted and never falls. */
export interface Counter {
  /** Adds to it. What is no number, or is below 0, is dropped and counted as rejected. */
  increment(by?: number): void;
  /** The series with these labels, whose names are those that the counter was declared with. */
  labels(labels: MetricLabels): Counter;
}

/** A value that rises and falls. */
export interface Gauge {
  /** Sets it. What is no number is dropped and counted as rejected. */
  set(value: number): void;
  /** Adds to it, or takes from it when `by` is below 0. */
  add(by: number): void;
  /** The series with these labels, whose names are those that the gauge was declared with. */
  labels(labels: MetricLabels): Gauge;
}

/** Values counted by size. */
export interface Histogram {
  /** Counts a value. What is no number, or is below 0, is dropped and counted as rejected. */
  record(value: number): void;
  /** The series with these labels, whose names are those that the histogram was declared with. */
  labels(labels: MetricLabels): Histogram;
}

/** A running measurement of time. */
export interface Timer extends Disposable {
  /** Records the time since the start, the first time it is called, and returns it in milliseconds. */
  stop(): number;
}

/** Declaration of a counter or a gauge. */
export interface MetricOptions {
  /** Its meaning, in a sentence. @default {its name} */
  help?: string;
  /** Names of its labels, the same for every series. @default {[]} */
  labels?: readonly string[];
}

/** Declaration of a histogram. */
export interface HistogramOptions extends MetricOptions {
  /** Upper bounds of its buckets, rising, without the last one for all that is larger. @default {by the unit in its name} */
  buckets?: readonly number[];
}

/** Where a part of a program puts its measurements. */
export interface Meter {
  /** Declares a counter, or returns the one of this name; it is exported with `_total` at its end. */
  counter(name: string, options?: MetricOptions): Counter;
  /** Declares a gauge, or returns the one of this name. */
  gauge(name: string, options?: MetricOptions): Gauge;
  /** Declares a histogram, or returns the one of this name. */
  histogram(name: string, options?: HistogramOptions): Histogram;
  /** Adds to a counter by its name. */
  incrementCounter(name: string, by?: number, labels?: MetricLabels): void;
  /** Sets a gauge by its name. */
  setGauge(name: string, value: number, labels?: MetricLabels): void;
  /** Counts a value in a histogram by its name, in the unit that the name says. */
  recordHistogram(name: string, value: number, labels?: MetricLabels): void;
  /** Counts a time in milliseconds in a histogram: as milliseconds when its name ends in `_ms`, otherwise as seconds. */
  recordDuration(name: string, durationMs: number, labels?: MetricLabels): void;
  /** Starts to measure a time for {@linkcode recordDuration}. */
  startTimer(name: string, labels?: MetricLabels): Timer;
}
