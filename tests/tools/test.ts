/**
 * `test [--only=deno|bun] [--filter=TEXT] [--verbose] [PATH ...]`: builds the executable if need be and runs the tests on both runtimes at
 * once, or says why one could not be had. Prints failures as they come, and now and then how far it is; the last line is the sum.
 *
 * - What the runners print is in `dist/test-deno.log` and `dist/test-bun.log`; with `--verbose` it is printed as well.
 * - A test that hangs is named and fails the run, and so does one that leaves a process or a temporary file behind.
 */
import { spawn, spawnSync } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { createInterface } from "node:readline";
import { compile, EXECUTABLE, isStale } from "./compile.ts";
import { kill, leftoversOf, processesOfFolder } from "./leftovers.ts";
import { ensurePackages, findRuntime, ROOT, type Runtime, type RuntimeName } from "./runtimes.ts";
import { add, sentence, type Tally, TestOutput } from "./test_output.ts";

/** What is run, and how it is told. */
export interface TestOptions {
  /** One runtime alone. @default {undefined} */
  only?: RuntimeName;
  /** Files or folders, all by default. */
  paths?: readonly string[];
  /** Only tests with this text in their names. @default {undefined} */
  filter?: string;
  /** Whether all is printed that the runners print. @default {false} */
  isVerbose?: boolean;
}

/** A runner that has finished no test for so long has hung. */
const STALL_MS = 3 * 60_000;
/** CI takes one that is silent for dead. */
const PROGRESS_MS = 30_000;
/** Where the tests note their begins and ends, for the question which one hangs. */
const NOTES = "notes";

/** Runs the tests on every runtime that is there, or on one of them; returns the sum. */
export async function runTests({ only, paths = [], filter, isVerbose = false }: TestOptions = {}): Promise<Tally> {
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
  if (deno !== undefined) spawnSync(deno.path, ["install", "--quiet", "--frozen"], { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });

  const runs = runtimes.map((runtime) => new Run(runtime, isVerbose));
  const progress = setInterval(() => console.log(runs.map((run) => run.progress).join("; ")), PROGRESS_MS);
  const where = paths.length === 0 ? ["./tests/"] : paths.map((path) => /^[./]/.test(path) ? path : `./${path}`);
  await Promise.all(runs.map((run) => run.run(argsOf(run.runtime.name, filter), where)));
  clearInterval(progress);
  for (const { runtime, output } of runs) console.log(`${runtime.name} ${runtime.version}: ${sentence(output.tally)}`);
  const failures = runs.flatMap(({ runtime, output }) => output.failures.map((failure) => `  ${runtime.name.padEnd(4)} ${failure}`));
  if (failures.length > 0) console.log(["failed, with more in dist/test-*.log:", ...failures].join("\n"));
  return runs.map(({ output }) => output.tally).reduce(add, { passed: 0, failed: 0, skipped: 0 });
}

function argsOf(name: RuntimeName, filter: string | undefined): string[] {
  if (name === "deno") return ["test", "-A", "--no-check", ...filter === undefined ? [] : [`--filter=${filter}`]];
  const pattern = filter?.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return ["test", "--timeout=120000", ...pattern === undefined ? [] : ["--pass-with-no-tests", "-t", pattern]];
}

/** The executable for the end-to-end tests; without Bun there is none, and those tests say that they were skipped. */
function buildExecutable(): void {
  if (!isStale(EXECUTABLE)) return;
  const bun = findRuntime("bun");
  if (bun === undefined) return console.log("dist/daemonkit: not built, as Bun is not to be had; tests that drive it are skipped");
  if (compile(bun, EXECUTABLE) !== 0) throw new Error("Cannot run tests as dist/daemonkit must build: see the messages above");
}

/** One runner at work. */
class Run {
  readonly runtime: Runtime;
  readonly output: TestOutput = new TestOutput();
  readonly #isVerbose: boolean;
  /** All temporary files of the run, and by it all processes. */
  readonly #folder = mkdtempSync(`${tmpdir()}/dk`);

  constructor(runtime: Runtime, isVerbose: boolean) {
    this.runtime = runtime;
    this.#isVerbose = isVerbose;
  }

  get progress(): string {
    const now = this.#underWay().at(-1);
    return `${this.runtime.name}: ${sentence(this.output.tally)}${now === undefined ? "" : `, now ${now}`}`;
  }

  async run(args: readonly string[], paths: readonly string[]): Promise<void> {
    const isWell = await this.#untilEnd([...args, ...paths]);
    this.#show(this.output.end(isWell));
    for (const left of await leftoversOf(this.#folder, [NOTES])) {
      this.output.tally.failed++;
      this.output.failures.push(`left behind: ${left}`);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #untilEnd(args: readonly string[]): Promise<boolean> {
    mkdirSync(`${ROOT}/dist`, { recursive: true });
    const log = createWriteStream(`${ROOT}/dist/test-${this.runtime.name}.log`);
    // What configures a daemon of whoever runs the tests is none of theirs.
    const own = Object.entries(process.env).filter(([name]) => !/^DAEMON_|^DAEMONKIT_(?!BINARY$)/.test(name));
    const env = {
      ...Object.fromEntries(own),
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      TMPDIR: this.#folder,
      TEST_NOTES: `${this.#folder}/${NOTES}`,
    };
    const child = spawn(this.runtime.path, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    const stop = () => child.kill("SIGTERM");
    process.on("SIGTERM", stop);
    let isStalled = false;
    const stalled = () => {
      isStalled = true;
      const what = this.#underWay();
      this.#show([...this.output.tail, `ended, as for ${STALL_MS / 60_000} minutes no test has finished; under way: ${what.join(", ")}`]);
      this.output.tally.failed++;
      this.output.failures.push(...what.map((name) => `has hung: ${name}`));
      child.kill("SIGKILL");
      // They hold its pipes.
      for (const { pid } of processesOfFolder(this.#folder)) kill(pid);
    };
    let limit = setTimeout(stalled, STALL_MS);
    const take = (line: string) => {
      log.write(`${line}\n`);
      const before = sentence(this.output.tally);
      const shown = this.output.take(line);
      this.#show(this.#isVerbose ? [line] : shown);
      if (sentence(this.output.tally) === before) return;
      clearTimeout(limit);
      limit = setTimeout(stalled, STALL_MS);
    };
    for (const input of [child.stdout, child.stderr]) createInterface({ input }).on("line", take);
    const code = await ended;
    clearTimeout(limit);
    process.off("SIGTERM", stop);
    await new Promise<void>((resolve) => log.end(resolve));
    return code === 0 && !isStalled;
  }

  #show(lines: readonly string[]): void {
    for (const line of lines) console.log(`${this.runtime.name.padEnd(4)} | ${line}`);
  }

  /** Names of tests that have begun and not ended. */
  #underWay(): string[] {
    const path = `${this.#folder}/${NOTES}`;
    const names = new Set<string>();
    for (const note of existsSync(path) ? readFileSync(path, "utf8").split("\n") : []) {
      if (note[0] === "+") names.add(note.slice(1));
      else names.delete(note.slice(1));
    }
    return [...names];
  }
}

/** Reads the command line. */
function optionsOf(args: readonly string[]): TestOptions {
  const value = (name: string) => args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  const unknown = args.find((arg) => arg.startsWith("-") && arg !== "--verbose" && !/^--(?:only|filter)=/.test(arg));
  if (unknown !== undefined) {
    throw new RangeError(`Cannot run tests as an option must be --only=, --filter= or --verbose: current value is ${unknown}`);
  }
  const only = value("only");
  if (only !== undefined && only !== "deno" && only !== "bun") {
    throw new RangeError(`Cannot run tests as "--only" must be deno or bun: current value is ${only}`);
  }
  return { only, filter: value("filter"), isVerbose: args.includes("--verbose"), paths: args.filter((arg) => !arg.startsWith("-")) };
}

if (import.meta.main) {
  const sum = await runTests(optionsOf(process.argv.slice(2)));
  if (sum.passed + sum.failed === 0) sum.failed = 1;
  console.log(sentence(sum));
  process.exitCode = sum.failed > 0 ? 1 : 0;
}
