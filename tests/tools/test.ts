/**
 * `test [--only=deno|bun] [PATH ...]`: builds the executable if need be and runs the tests on both runtimes at once, or says why one could
 * not be had. The last line is the sum.
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { compile, EXECUTABLE, isStale } from "./compile.ts";
import { ensurePackages, findRuntime, ROOT, type Runtime, type RuntimeName } from "./runtimes.ts";

/** What a run of tests came to. */
export interface Tally {
  /** Tests that passed. */
  passed: number;
  /** Tests that failed, and at least 1 when the runner itself did. */
  failed: number;
  /** Tests that were left out. */
  skipped: number;
}

/** A runner that has finished no test for so long has hung. */
const STALL_MS = 3 * 60_000;

/** Runs the tests on every runtime that is there, or on one of them; prints what they print and returns the sum. */
export async function runTests(only: RuntimeName | undefined, paths: readonly string[]): Promise<Tally> {
  ensurePackages();
  const names = (["deno", "bun"] as const).filter((name) => only === undefined || only === name);
  const runtimes: Runtime[] = [];
  for (const name of names) {
    const runtime = findRuntime(name);
    if (runtime === undefined) console.log(`${name}: not run, as it is neither here nor to be had from the registry`);
    else runtimes.push(runtime);
  }
  buildExecutable();
  // Deno lays node_modules out its own way at first use; a runner beside it would see packages come and go.
  const deno = runtimes.find((runtime) => runtime.name === "deno");
  if (deno !== undefined) await run(deno, ["install", "--quiet", "--frozen"]);

  const tallies = await Promise.all(runtimes.map(async (runtime) => {
    const args = runtime.name === "deno" ? ["test", "-A", "--no-check"] : ["test", "--timeout", "60000"];
    const { code, output } = await run(runtime, [...args, ...(paths.length === 0 ? ["tests/"] : paths)]);
    const tally = readTally(output);
    if (code !== 0 && tally.failed === 0) tally.failed = 1;
    console.log(`${runtime.name} ${runtime.version}: ${sentence(tally)}`);
    return tally;
  }));
  return tallies.reduce(add, { passed: 0, failed: 0, skipped: 0 });
}

/** The executable for the end-to-end tests; without Bun there is none, and those tests say that they were skipped. */
function buildExecutable(): void {
  if (!isStale(EXECUTABLE)) return;
  const bun = findRuntime("bun");
  if (bun === undefined) return console.log("dist/daemonkit: not built, as Bun is not to be had; tests that drive it are skipped");
  if (compile(bun, EXECUTABLE) !== 0) throw new Error("Cannot run tests as dist/daemonkit must build: see the messages above");
}

/** Runs a runtime to its end, printing each line under its name. */
function run(runtime: Runtime, args: string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const child = spawn(runtime.path, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
  const stalled = () => {
    console.log(`${runtime.name}: ended, as for ${STALL_MS / 60_000} minutes no test was finished; the last line says where it hangs`);
    child.kill("SIGKILL");
  };
  let limit = setTimeout(stalled, STALL_MS);
  const stop = () => child.kill("SIGTERM");
  process.on("SIGTERM", stop);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        output += `${line}\n`;
        console.log(`${runtime.name.padEnd(4)} | ${line}`);
        // Deno says again and again that it waits, which is no progress.
        if (line.includes("has been running for over")) continue;
        clearTimeout(limit);
        limit = setTimeout(stalled, STALL_MS);
      }
    });
    stream.on("end", () => void (output += `${rest}\n`));
  }
  return new Promise((resolve) => {
    child.on("close", (code) => {
      clearTimeout(limit);
      process.off("SIGTERM", stop);
      resolve({ code: code ?? 1, output });
    });
  });
}

/** Reads the closing lines of either runner; of one that did not come that far, the lines of its tests. */
export function readTally(output: string): Tally {
  const deno = [...output.matchAll(/^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?: \(\d+ steps?\))?(?: \| (\d+) ignored)?/gm)].at(-1);
  if (deno !== undefined) return { passed: Number(deno[1]), failed: Number(deno[2]), skipped: Number(deno[3] ?? 0) };
  const bun = (word: string) => [...output.matchAll(new RegExp(`^ *(\\d+) ${word}$`, "gm"))].at(-1)?.[1];
  if (bun("pass") !== undefined) {
    const count = (...words: string[]) => words.reduce((sum, word) => sum + Number(bun(word) ?? 0), 0);
    return { passed: count("pass"), failed: count("fail", "errors?"), skipped: count("skip", "todo") };
  }
  const lines = (pattern: RegExp) => [...output.matchAll(pattern)].length;
  return {
    passed: lines(/ \.\.\. ok \(|^\(pass\) /gm),
    failed: lines(/ \.\.\. FAILED \(|^\(fail\) /gm),
    skipped: lines(/ \.\.\. ignored \(|^\((?:skip|todo)\) /gm),
  };
}

/** Adds two sums. */
export function add(one: Tally, other: Tally): Tally {
  return { passed: one.passed + other.passed, failed: one.failed + other.failed, skipped: one.skipped + other.skipped };
}

/** A sum in the words of the last line. */
export function sentence({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

if (import.meta.main) {
  const args = process.argv.slice(2);
  const only = args.find((arg) => arg.startsWith("--only="))?.slice("--only=".length);
  if (only !== undefined && only !== "deno" && only !== "bun") {
    throw new RangeError(`Cannot run tests as "--only" must be deno or bun: current value is ${only}`);
  }
  const sum = await runTests(only, args.filter((arg) => !arg.startsWith("--only=")));
  if (sum.passed + sum.failed === 0) sum.failed = 1;
  console.log(sentence(sum));
  process.exitCode = sum.failed > 0 ? 1 : 0;
}
