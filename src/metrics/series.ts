import type { Counter, Gauge, Histogram, MetricLabels } from "../core/ports/meter.ts";
import { type Exposition, labelText } from "../core/wire/exposition.ts";
import type { MetricKind, RejectionReason } from "../core/wire/metrics_delta.ts";

/** A measurement that was dropped. */
export interface MetricRejection {
  /** Name of the metric. */
  metric: string;
  /** The part of the measurement that is wrong. */
  reason: RejectionReason;
  /** The expected and the found value, in a sentence. */
  message: string;
}

/** A complete and checked declaration. */
export interface MetricDeclaration {
  /** Its name, without the `_total` of a counter. */
  readonly name: string;
  /** Its kind. */
  readonly kind: MetricKind;
  /** Its meaning. */
  readonly help: string;
  /** Names of its labels. */
  readonly labels: readonly string[];
  /** Upper bounds of the buckets of a histogram. */
  readonly bounds: readonly number[];
}

/** Rules for the series of all metrics of a collector. */
export interface SeriesRules {
  /** Most series of one metric. */
  readonly maxSeries: number;
  /** Takes note of a measurement that was dropped. */
  readonly reject: (rejection: MetricRejection) => void;
}

/** Value of every label of the series for what came after the last series that a metric may have. */
const OVERFLOW = "overflow";

/** Series by the value of their first label, then by that of the second, and so on. */
type Branches = Map<string, Branches | Series>;

/** A metric: its declaration and its series. */
export class SeriesSet {
  readonly declaration: MetricDeclaration;
  /** The series without labels; undefined where the metric has labels. */
  readonly only: Series | undefined;
  readonly #branches: Branches = new Map();
  readonly #series: Series[] = [];
  readonly #rules: SeriesRules;

  constructor(declaration: MetricDeclaration, rules: SeriesRules) {
    this.declaration = declaration;
    this.#rules = rules;
    this.only = declaration.labels.length === 0 ? this.#make([]) : undefined;
  }

  /** Name of its family: that of a counter ends in `_total`. */
  get family(): string {
    const { kind, name } = this.declaration;
    return kind === "counter" ? `${name}_total` : name;
  }

  /** Its series, in the order in which they were made. */
  get series(): readonly Series[] {
    return this.#series;
  }

  /** The series with these labels; where they are not those of the metric, one that drops every measurement. */
  find(labels: MetricLabels | undefined): Series | Refusal {
    if (labels === undefined) return this.only ?? new Refusal(this, {});
    const names = this.declaration.labels;
    let count = 0;
    for (const _name in labels) count++;
    if (count !== names.length) return new Refusal(this, labels);
    if (count === 0) return this.only!;
    let place: Branches | Series | undefined = this.#branches;
    for (let index = 0; index < count; index++) {
      const value: unknown = labels[names[index]];
      if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return new Refusal(this, labels);
      place = (place as Branches | undefined)?.get(typeof value === "string" ? value : String(value));
    }
    return place as Series | undefined ?? this.at(names.map((name) => String(labels[name])));
  }

  /** The series with these values of its labels, made if it is new and there is room. */
  at(values: readonly string[]): Series {
    if (this.only !== undefined) return this.only;
    const found = this.#get(values);
    if (found !== undefined) return found;
    if (this.#series.length < this.#rules.maxSeries) return this.#make(values);
    const overflow = values.map(() => OVERFLOW);
    return this.#get(overflow) ?? this.#make(overflow);
  }

  /** Takes note of a value that it can't take. */
  refuseValue(value: unknown): void {
    const expected = this.declaration.kind === "gauge" ? "a number" : "a finite number that is not below 0";
    this.#rules.reject({ metric: this.family, reason: "value", message: `expected ${expected}, got ${String(value)}` });
  }

  /** Takes note of labels that are not its own. */
  refuseLabels(labels: MetricLabels): void {
    const names = this.declaration.labels;
    const expected = names.length === 0 ? "no labels" : `texts or numbers for the labels ${names.join(", ")}`;
    const found = Object.keys(labels).map((name) => typeof labels[name] === "object" ? `${name} with an object` : name);
    this.#rules.reject({
      metric: this.family,
      reason: "labels",
      message: `expected ${expected}, got ${found.length === 0 ? "none" : found.join(", ")}`,
    });
  }

  /** Writes its family. */
  write(exposition: Exposition): void {
    const { kind, help } = this.declaration;
    exposition.family(this.family, kind, help);
    for (const series of this.#series) series.write(exposition);
  }

  #get(values: readonly string[]): Series | undefined {
    let place: Branches | Series | undefined = this.#branches;
    for (const value of values) place = (place as Branches | undefined)?.get(value);
    return place as Series | undefined;
  }

  #make(values: readonly string[]): Series {
    const series = this.declaration.kind === "histogram" ? new HistogramSeries(this, values) : new NumberSeries(this, values);
    this.#series.push(series);
    let branches = this.#branches;
    values.forEach((value, index) => {
      if (index === values.length - 1) return void branches.set(value, series);
      const next = branches.get(value) as Branches | undefined ?? new Map();
      branches.set(value, next);
      branches = next;
    });
    return series;
  }
}

/** One series of a counter or a gauge. */
export class NumberSeries implements Counter, Gauge {
  readonly #metric: SeriesSet;
  /** Values of its labels. */
  readonly values: readonly string[];
  /** Its labels as an export shows them. */
  readonly labelText: string;
  /** Value that this process has given it. */
  value = 0;
  /** Values of a gauge that other processes have set. */
  #parts: Map<string, number> | undefined;
  /** Value of a counter at the last delta. */
  #toldValue = 0;
  /** Whether a gauge was set since the last delta. */
  #isSet = false;

  constructor(metric: SeriesSet, values: readonly string[]) {
    this.#metric = metric;
    this.values = values;
    this.labelText = labelText(metric.declaration.labels, values);
  }

  increment(by: number = 1): void {
    if (typeof by === "number" && by >= 0 && by < Infinity) this.value += by;
    else this.#metric.refuseValue(by);
  }

  set(value: number): void {
    if (typeof value !== "number" || Number.isNaN(value)) return this.#metric.refuseValue(value);
    this.value = value;
    this.#isSet = true;
  }

  add(by: number): void {
    this.set(typeof by === "number" ? this.value + by : by);
  }

  /** Its value with those of other processes. */
  get total(): number {
    let total = this.value;
    for (const part of this.#parts?.values() ?? []) total += part;
    return total;
  }

  labels(labels: MetricLabels): Counter & Gauge {
    return this.#metric.find(labels) as NumberSeries | Refusal;
  }

  reset(): void {
    this.value = 0;
    this.#toldValue = 0;
    this.#isSet = false;
    this.#parts = undefined;
  }

  takeDelta(): readonly number[] | undefined {
    if (this.#metric.declaration.kind === "gauge") {
      if (!this.#isSet) return undefined;
      this.#isSet = false;
      return [this.value];
    }
    const rise = this.value - this.#toldValue;
    this.#toldValue = this.value;
    return rise === 0 ? undefined : [rise];
  }

  merge([number]: readonly number[], source: string): void {
    if (this.#metric.declaration.kind === "gauge") (this.#parts ??= new Map()).set(source, number);
    else this.increment(number);
  }

  /** Forgets the value that another process has set. */
  forget(source: string): void {
    this.#parts?.delete(source);
  }

  write(exposition: Exposition): void {
    exposition.sample(this.labelText, this.total);
  }
}

/** One series of a histogram. */
export class HistogramSeries implements Histogram {
  readonly #metric: SeriesSet;
  readonly #bounds: readonly number[];
  /** Values of its labels. */
  readonly values: readonly string[];
  /** Its labels as an export shows them. */
  readonly labelText: string;
  /** How many values are in each bucket, and above the last bound. */
  readonly counts: Float64Array;
  /** Sum of all values. */
  sum = 0;
  /** Counts, and behind them the sum, at the last delta. */
  #told: Float64Array | undefined;

  constructor(metric: SeriesSet, values: readonly string[]) {
    this.#metric = metric;
    this.#bounds = metric.declaration.bounds;
    this.values = values;
    this.labelText = labelText(metric.declaration.labels, values);
    this.counts = new Float64Array(this.#bounds.length + 1);
  }

  record(value: number): void {
    if (!(typeof value === "number" && value >= 0 && value < Infinity)) return this.#metric.refuseValue(value);
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && value > bounds[index]) index++;
    this.counts[index]++;
    this.sum += value;
  }

  labels(labels: MetricLabels): Histogram {
    return this.#metric.find(labels) as HistogramSeries | Refusal;
  }

  reset(): void {
    this.counts.fill(0);
    this.sum = 0;
    this.#told = undefined;
  }

  takeDelta(): readonly number[] | undefined {
    const now = Float64Array.of(...this.counts, this.sum);
    const rise = Array.from(now, (each, index) => each - (this.#told?.[index] ?? 0));
    this.#told = now;
    return rise.slice(0, -1).every((each) => each === 0) ? undefined : rise;
  }

  merge(numbers: readonly number[]): void {
    for (let index = 0; index < this.counts.length; index++) this.counts[index] += numbers[index];
    this.sum += numbers[this.counts.length];
  }

  write(exposition: Exposition): void {
    exposition.histogram(this.labelText, this.#bounds, this.counts, this.sum);
  }
}

/** One series of a metric. */
export type Series = NumberSeries | HistogramSeries;

/** Stands for a series that can't be, as its labels are wrong: every measurement is dropped and counted as rejected. */
export class Refusal implements Counter, Gauge, Histogram {
  readonly #metric: SeriesSet;
  readonly #labels: MetricLabels;

  constructor(metric: SeriesSet, labels: MetricLabels) {
    this.#metric = metric;
    this.#labels = labels;
  }

  increment(): void {
    this.#metric.refuseLabels(this.#labels);
  }

  set(): void {
    this.#metric.refuseLabels(this.#labels);
  }

  add(): void {
    this.#metric.refuseLabels(this.#labels);
  }

  record(): void {
    this.#metric.refuseLabels(this.#labels);
  }

  /** The handle of a metric with labels is used for those of each series. */
  labels(labels: MetricLabels): Counter & Gauge & Histogram {
    return this.#metric.find(labels) as NumberSeries & HistogramSeries;
  }
}
