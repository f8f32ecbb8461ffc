/**
 * The two text formats in which Prometheus reads metrics: its own, 0.0.4, and OpenMetrics 1.0.
 *
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/ and https://prometheus.io/docs/specs/om/open_metrics_spec/.
 *
 * @module
 */

/** How metrics are written: Prometheus's own text format, or OpenMetrics. */
export type MetricsFormat = "text" | "openmetrics";

/** Kinds of a family of series. */
export type MetricType = "counter" | "gauge" | "histogram" | "info";

/** The `Content-Type` of each format. */
export const METRICS_TYPES: Readonly<Record<MetricsFormat, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The format that an `Accept` header asks for: the text format unless OpenMetrics is wanted at least as much. */
export function metricsFormat(accept: string | undefined): MetricsFormat {
  const wanted = { openmetrics: 0, text: 0 };
  for (const range of (accept ?? "").split(",")) {
    const [type, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const weight = Number(parameters.find((each) => each.startsWith("q="))?.slice(2) ?? 1);
    if (type === "application/openmetrics-text" && isOurVersion(parameters)) wanted.openmetrics = Math.max(wanted.openmetrics, weight);
    if (type === "text/plain") wanted.text = Math.max(wanted.text, weight);
  }
  return wanted.openmetrics > 0 && wanted.openmetrics >= wanted.text ? "openmetrics" : "text";
}

/** Last line of OpenMetrics. */
const END = "# EOF\n";

/** Writes families of series, one after another. A family without a sample leaves nothing. */
export class Exposition {
  /** Format that is written. */
  readonly format: MetricsFormat;
  readonly #parts: string[] = [];
  #name = "";
  /** Head of the present family, until its first sample. */
  #head = "";

  /** Begins a text. */
  constructor(format: MetricsFormat) {
    this.format = format;
  }

  /** Begins a family. The name of a counter ends in `_total`, that of an info in `_info`. */
  family(name: string, type: MetricType, help: string): void {
    // OpenMetrics names the family, the text format the series.
    const family = this.format === "openmetrics" ? name.replace(/_(?:total|info)$/, "") : name;
    const kind = this.format === "text" && type === "info" ? "gauge" : type;
    this.#name = name;
    this.#head = `# HELP ${family} ${escapeHelp(help, this.format)}\n# TYPE ${family} ${kind}\n`;
  }

  /** Adds a sample; `labels` are as {@linkcode labelText} makes them. */
  sample(labels: string, value: number): void {
    this.#add(this.#name, labels, value);
  }

  /** Adds the samples of one histogram: `counts` are those of each bucket, with one more for what lies above the last bound. */
  histogram(labels: string, bounds: readonly number[], counts: ArrayLike<number>, sum: number): void {
    const bucket = `${this.#name}_bucket`;
    const open = labels === "" ? "{" : `${labels.slice(0, -1)},`;
    let count = 0;
    for (let index = 0; index < bounds.length; index++) {
      count += counts[index];
      this.#add(bucket, `${open}le="${boundText(bounds[index], this.format)}"}`, count);
    }
    count += counts[bounds.length];
    this.#add(bucket, `${open}le="+Inf"}`, count);
    this.#add(`${this.#name}_sum`, labels, sum);
    this.#add(`${this.#name}_count`, labels, count);
  }

  /** Adds the families of another text in the same format. */
  append(text: string): void {
    this.#parts.push(text.endsWith(END) ? text.slice(0, -END.length) : text);
  }

  /** Ends the text and returns it. */
  end(): string {
    if (this.format === "openmetrics") this.#parts.push(END);
    return this.#parts.join("");
  }

  #add(name: string, labels: string, value: number): void {
    if (this.#head !== "") this.#parts.push(this.#head);
    this.#head = "";
    this.#parts.push(name, labels, " ", numberText(value), "\n");
  }
}

/** Labels as a sample shows them: `{a="b",c="d"}`, or nothing where there are none. */
export function labelText(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return "";
  let text = "{";
  for (let index = 0; index < names.length; index++) text += `${index === 0 ? "" : ","}${names[index]}="${escapeLabel(values[index])}"`;
  return `${text}}`;
}

function isOurVersion(parameters: readonly string[]): boolean {
  const version = parameters.find((each) => each.startsWith("version="));
  return version === undefined || version.slice(8).replaceAll('"', "") === "1.0.0";
}

function escapeLabel(text: string): string {
  if (!/[\\"\n]/.test(text)) return text;
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** OpenMetrics escapes quotes in help too. */
function escapeHelp(text: string, format: MetricsFormat): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return format === "openmetrics" ? escaped.replaceAll('"', '\\"') : escaped;
}

/** OpenMetrics writes whole bounds with a fraction, so that a bound has one spelling. */
function boundText(bound: number, format: MetricsFormat): string {
  return format === "openmetrics" && Number.isInteger(bound) && Math.abs(bound) < 1e21 ? `${bound}.0` : numberText(bound);
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
