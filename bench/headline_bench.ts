/**
 * The six headline metrics and their honest twins, on the runtime that runs this file.
 *
 * Options: `--check` exits with 1 when a target is missed in 3 of 3 rounds; `--compare [FILE]` shows the change against earlier results;
 * `--verbose` prints every sample.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { measureCold } from "./cold.ts";
import { measureMemory } from "./memory.ts";
import { formatNs, measure, type Measurement } from "./sampler.ts";
import { HEADLINES, type Scenario, TWINS } from "./scenarios.ts";

const { values: { check, verbose, compare } } = parseArgs({
  args: withCompareFile(process.argv.slice(2)),
  options: { check: { type: "boolean", default: false }, verbose: { type: "boolean", default: false }, compare: { type: "string" } },
});
const runtime = "Deno" in globalThis ? "deno" : "bun";
const folder = new URL("./results/", import.meta.url);
const resultFile = new URL("headline.json", folder);
const ROUNDS = 3;

interface Results {
  machine: string;
  date: string;
  runtimes: Record<string, Record<string, Measurement>>;
}

const earlier = compare === undefined ? undefined : readResults(compare === "" ? resultFile : compare)?.runtimes[runtime];
console.log(`${runtime} ${process.versions[runtime] ?? ""} on ${cpus()[0].model}, ${cpus().length} cores\n`);
const measurements: Record<string, Measurement> = {};
const missed: string[] = [];
for (const [title, scenarios] of [["Headlines", HEADLINES], ["Twins", TWINS]] as const) {
  console.log(row([title, "median", "min – max", "p95", "seed", "target", "verdict", ...(earlier ? ["change"] : [])]));
  for (const scenario of scenarios) {
    const { measurement, isMet } = await judge(scenario);
    measurements[scenario.name] = measurement;
    if (!isMet) missed.push(scenario.name);
    const { medianNs, minNs, maxNs, p95Ns, samplesNs } = measurement;
    const before = earlier?.[scenario.name]?.medianNs;
    console.log(row([
      scenario.name,
      formatNs(medianNs),
      `${formatNs(minNs)} – ${formatNs(maxNs)}`,
      formatNs(p95Ns),
      scenario.seedNs === undefined ? "–" : formatNs(scenario.seedNs),
      `≤ ${formatNs(scenario.targetNs)}`,
      isMet ? "met" : "MISSED",
      ...(earlier ? [before === undefined ? "new" : `${((medianNs / before - 1) * 100).toFixed(1)} %`] : []),
    ]));
    if (verbose) console.log(`  ${samplesNs.map((ns) => ns.toFixed(1)).join(" ")}`);
  }
  console.log("");
}

console.log(row(["Memory, live after a collection", "each", "target", "verdict"]));
for (const { name, bytes, targetBytes } of await measureMemory()) {
  const isMet = bytes <= targetBytes;
  if (!isMet) missed.push(name);
  console.log(row([name, `${Math.round(bytes)} B`, `≤ ${targetBytes} B`, isMet ? "met" : "MISSED"]));
}
console.log("");
for (const { name, ns } of await measureCold()) console.log(row([name, formatNs(ns)]));

writeResults();
if (missed.length > 0) console.log(`\nmissed: ${missed.join(", ")}`);
if (check && missed.length > 0) process.exitCode = 1;

/** A target counts as missed only when three rounds in a row miss it. */
async function judge(scenario: Scenario): Promise<{ measurement: Measurement; isMet: boolean }> {
  await scenario.prove();
  let best: Measurement | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const measurement = await measure(scenario.name, scenario.run, scenario.isAsync);
    if (best === undefined || measurement.medianNs < best.medianNs) best = measurement;
    if (measurement.medianNs <= scenario.targetNs) return { measurement, isMet: true };
  }
  return { measurement: best!, isMet: false };
}

/** `--compare` may stand alone: then it means the results of the last run. */
function withCompareFile(args: string[]): string[] {
  return args.map((arg, index) => arg === "--compare" && (args[index + 1] ?? "--").startsWith("--") ? "--compare=" : arg);
}

function row(cells: string[]): string {
  return cells.map((cell, index) => index === 0 ? cell.padEnd(36) : cell.padStart(index === 2 ? 22 : 12)).join(" ");
}

function readResults(file: string | URL): Results | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

function writeResults(): void {
  const { runtimes = {} } = readResults(resultFile) ?? {};
  mkdirSync(folder, { recursive: true });
  const results: Results = {
    machine: `${cpus()[0].model}, ${cpus().length} cores`,
    date: new Date().toISOString().slice(0, 10),
    runtimes: { ...runtimes, [runtime]: measurements },
  };
  writeFileSync(resultFile, `${JSON.stringify(results)}\n`);
}
