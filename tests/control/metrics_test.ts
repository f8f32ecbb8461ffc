import assert from "node:assert/strict";
import { controlHandler } from "../../src/control/mod.ts";
import { type Metric, METRICS, type MetricsSource, writeMetrics } from "../../src/control/metrics.ts";
import { Exposition, type MetricsFormat, metricsFormat } from "../../src/core/wire/exposition.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import { systemClock } from "../../src/core/ports/clock.ts";
import { programMetrics } from "../../src/daemon/program_metrics.ts";
import { STATES } from "../../src/core/supervise/state.ts";
import { test } from "../harness.ts";
import { FakeOperations, fakeUnit } from "./fake_operations.ts";

/** A family as a scrape shows it. */
interface Family {
  type: string;
  help: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

/** Reads a scrape as its format says, and refuses whatever it does not know. */
function parse(text: string, isOpenMetrics: boolean): Map<string, Family> {
  const families = new Map<string, Family>();
  const lines = text.split("\n");
  assert.equal(lines.pop(), "");
  if (isOpenMetrics) assert.equal(lines.pop(), "# EOF");
  let current = "";
  for (const line of lines) {
    const head = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    if (head !== null) {
      const [, what, name, rest] = head;
      if (what === "HELP") {
        assert.ok(!families.has(name), `${name} comes twice`);
        families.set(current = name, { type: "", help: rest, samples: [] });
      } else {
        assert.equal(name, current);
        families.get(name)!.type = rest;
      }
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    assert.ok(sample, `no sample: ${line}`);
    const [, name, pairs = "", value] = sample;
    const labels: Record<string, string> = {};
    let rest = pairs;
    while (rest !== "") {
      const pair = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/.exec(rest);
      assert.ok(pair, `no label: ${rest}`);
      labels[pair[1]] = pair[2].replace(/\\(["\\n])/g, (_all, escaped) => escaped === "n" ? "\n" : escaped);
      rest = rest.slice(pair[0].length);
    }
    const family = families.get(current)!;
    const suffix = isOpenMetrics ? { counter: "_total", info: "_info" }[family.type] ?? "" : "";
    assert.equal(name, current + suffix);
    assert.ok(!Number.isNaN(Number(value)), line);
    family.samples.push({ name, labels, value: Number(value) });
  }
  return families;
}

function rendered(source: MetricsSource, format: MetricsFormat, catalogue: readonly Metric[]): string {
  const exposition = new Exposition(format);
  writeMetrics(source, exposition, catalogue);
  return exposition.end();
}

function daemon() {
  const operations = new FakeOperations([
    fakeUnit("db", { ready: true, restarts: 2, run: 3, details: { lastExit: { code: null, signal: "SIGSEGV" }, spawnFailures: 1 } }),
    fakeUnit("api@0", {
      state: "restarting",
      ready: null,
      startedAt: null,
      details: { lastExit: { code: 3, signal: null }, spawnFailures: 0 },
    }),
    fakeUnit("off", { state: "stopped", desired: "down", startedAt: null, details: { lastExit: null } }),
  ]);
  let isEnabled = true;
  const handler = controlHandler({ operations, version: "9.9.9", protocol: 1, log: silentLogger, isMetricsEnabled: () => isEnabled });
  const scrape = async (accept?: string) => {
    const response = await handler(new Request("http://localhost/metrics", { headers: accept === undefined ? {} : { accept } }));
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
  };
  return { operations, scrape, disable: () => void (isEnabled = false) };
}

test("METRICS is what a live scrape shows: every family, with its type, help and labels, in both formats", async () => {
  const { scrape } = daemon();
  for (const isOpenMetrics of [false, true]) {
    const { text, type } = await scrape(isOpenMetrics ? "application/openmetrics-text;version=1.0.0" : undefined);
    assert.equal(
      type,
      isOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8",
    );
    const families = parse(text, isOpenMetrics);
    const familyOf = ({ name }: Metric) => isOpenMetrics ? name.replace(/_(total|info)$/, "") : name;
    assert.deepEqual([...families.keys()], METRICS.map(familyOf));
    for (const metric of METRICS) {
      const { type, help, samples } = families.get(familyOf(metric))!;
      assert.deepEqual([type, help], [metric.type === "info" && !isOpenMetrics ? "gauge" : metric.type, metric.help]);
      for (const { labels } of samples) assert.deepEqual(Object.keys(labels), metric.labels, metric.name);
      assert.equal(new Set(samples.map(({ labels }) => JSON.stringify(labels))).size, samples.length, `${metric.name} has a series twice`);
      if (metric.type === "counter") assert.match(metric.name, /_total$/);
      assert.match(metric.help, /^[A-Z1].*\.$/);
    }
  }
});

test("metrics tell what is: states, readiness, exit codes, lines, the process", async () => {
  const { scrape } = daemon();
  const families = parse((await scrape()).text, false);
  const of = (name: string) =>
    Object.fromEntries(families.get(name)!.samples.map(({ labels, value }) => [Object.values(labels).join(" "), value]));
  const states = of("daemonkit_unit_state");
  assert.equal(Object.keys(states).length, 3 * STATES.length);
  assert.deepEqual(Object.keys(states).filter((key) => states[key] === 1), ["db running", "api@0 restarting", "off stopped"]);
  assert.deepEqual(of("daemonkit_unit_ready"), { "db": 1, "api@0": 0, "off": 0 });
  assert.deepEqual(of("daemonkit_unit_readiness"), { db: 1 });
  assert.deepEqual(of("daemonkit_unit_desired"), { "db": 1, "api@0": 1, "off": 0 });
  assert.deepEqual(of("daemonkit_unit_restarts_total"), of("service_restarts_total"));
  assert.equal(of("service_restarts_total").db, 2);
  assert.deepEqual(of("daemonkit_unit_last_exit_code"), { "db": 139, "api@0": 3 });
  assert.deepEqual(of("daemonkit_unit_spawn_failures_total"), { "db": 1, "api@0": 0 });
  assert.deepEqual(of("daemonkit_unit_start_time_seconds"), { db: Date.parse("2026-01-01T00:00:00.000Z") / 1_000 });
  assert.equal(of("daemonkit_unit_lines_total")["off stderr"], 1);
  assert.deepEqual([of("process_open_fds"), of("process_cpu_seconds_total")], [{ "": 9 }, { "": 0.25 }]);
  assert.deepEqual(families.get("daemonkit_info")!.samples[0].labels, { name: "demo", version: "0.1.0", runtime: "fake 1.0" });
});

test("writeMetrics escapes labels and help, and leaves out a family that has no series", () => {
  const nasty = 'a\\b"c\nd';
  const catalogue: Metric[] = [
    { name: "x_total", type: "counter", help: 'Back\\slash and "quotes".', labels: ["l"], read: (_source, add) => add(1, nasty) },
    { name: "none", type: "gauge", help: "Nothing.", labels: [], read: () => {} },
    { name: "odd", type: "gauge", help: "Odd.", labels: [], read: (_source, add) => add(Infinity) },
  ];
  const source = { status: new FakeOperations([]).status(), measures: new FakeOperations([]).measures(), lines: [] };
  const text = rendered(source, "text", catalogue);
  assert.equal(
    text,
    '# HELP x_total Back\\\\slash and "quotes".\n# TYPE x_total counter\nx_total{l="a\\\\b\\"c\\nd"} 1\n' +
      "# HELP odd Odd.\n# TYPE odd gauge\nodd +Inf\n",
  );
  assert.equal(parse(text.replace("+Inf", "1"), false).get("x_total")!.samples[0].labels.l, nasty);
  assert.match(rendered(source, "openmetrics", catalogue), /^# HELP x Back\\\\slash and \\"quotes\\"\.\n# TYPE x counter\nx_total\{/);
});

test("metricsFormat takes OpenMetrics only where it is wanted at least as much", () => {
  const rows: [string | undefined, string][] = [
    [undefined, "text"],
    ["*/*", "text"],
    ["text/plain", "text"],
    ["application/openmetrics-text", "openmetrics"],
    [
      "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
      "openmetrics",
    ],
    ["text/plain;q=0.9, application/openmetrics-text; version=1.0.0; q=0.1", "text"],
    ["application/openmetrics-text;version=0.0.1", "text"],
    ["application/openmetrics-text;q=0", "text"],
    ["nonsense;;q=,", "text"],
  ];
  for (const [accept, expected] of rows) assert.equal(metricsFormat(accept), expected, String(accept));
});

test("/metrics is not there when metrics are off", async () => {
  const { scrape, disable } = daemon();
  assert.equal((await scrape()).status, 200);
  disable();
  const { status, text } = await scrape();
  assert.equal(status, 404);
  assert.match(JSON.parse(text).hint, /enable_metrics/);
});

test("METRICS: a program can't take the name of any of them", () => {
  const program = programMetrics(systemClock, () => silentLogger);
  for (const { name } of METRICS) assert.throws(() => program.gauge(name), /the daemon has the name/, name);
});
