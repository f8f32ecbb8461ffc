/**
 * `test [--quick] [--only=deno|bun] [--filter=TEXT] [--verbose] [PATH ...]`: builds the executable if need be and runs the tests on both
 * runtimes at once, or says why one could not be had. Prints failures as they come, and now and then how far it is; the last line is the sum.
 *
 * - `--quick` leaves out the end-to-end tests: that is for the minute before the next change, and no gate.
 * - What the runners print is in `dist/test-deno.log` and `dist/test-bun.log`; with `--verbose` it is printed as well.
 * - A test that hangs is named and fails the run, and so does a file that leaves a process or a temporary file behind.
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, type WriteStream } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import process from "node:process";
import { createInterface } from "node:readline";
import { compile, EXECUTABLE, isStale } from "./compile.ts";
import { kill, leftoversOf, processesOfFolder } from "./leftovers.ts";
import { ensurePackages, findRuntime, ROOT, type Runtime, type RuntimeName } from "./runtimes.ts";
import { END_TO_END, type Shard, shardsOf, testFiles } from "./shards.ts";
import { add, sentence, type Tally, TestOutput } from "./test_output.ts";

/** The tests to run, and how they are told. */
export interface TestOptions {
  /** One runtime alone. @default {undefined} */
  only?: RuntimeName;
  /** Files or folders, all by default. */
  paths?: readonly string[];
  /** Whether the end-to-end tests are left out. @default {false} */
  isQuick?: boolean;
  /** Only tests with this text in their names. @default {undefined} */
  filter?: string;
  /** Whether all is printed that the runners print. @default {false} */
  isVerbose?: boolean;
}

/** A runner that has finished no test for so long has hung. */
const STALL_MS = 3 * 60_000;
/** CI takes one that is silent for dead. */
const PROGRESS_MS = 30_000;
/** File in which the tests note their begins and ends, for the question which one hangs. */
const NOTES = "notes";
/** Processes of runners for each core: end-to-end tests wait for half of their time. */
const LANES_PER_CORE = 2;

/** Runs the tests on every runtime that is there, or on one of them; returns the sum. */
export async function runTests(options: TestOptions = {}): Promise<Tally> {
  const { only, paths = ["tests"], isQuick = false, filter, isVerbose = false } = options;
  ensurePackages();
  const names = (["deno", "bun"] as const).filter((name) => only === undefined || only === name);
  const runtimes: Runtime[] = [];
  for (const name of names) {
    const runtime = findRuntime(name);
    if (runtime === undefined) console.log(`${name}: not run, as it is neither here nor to be had from the registry`);
    else runtimes.push(runtime);
  }
  if (!isQuick) buildExecutable();
  // Deno lays node_modules out its own way at first use; a runner beside it would see packages come and go.
  const deno = runtimes.find((runtime) => runtime.name === "deno");
  if (deno !== undefined) spawnSync(deno.path, ["install", "--quiet", "--frozen"], { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });

  mkdirSync(`${ROOT}/dist`, { recursive: true });
  const runs = new Map(runtimes.map((runtime) => [runtime.name, new Run(runtime, argsOf(runtime.name, filter), isVerbose)]));
  const progress = setInterval(() => console.log([...runs.values()].map((run) => run.progress).join("; ")), PROGRESS_MS);
  const files = testFiles(ROOT, paths).filter(({ path }) => !isQuick || !path.startsWith(END_TO_END));
  // Of one test in many files all would be started to find that it is not there.
  const shards = shardsOf({ files, runtimes: [...runs.keys()], isTogether: filter !== undefined });
  let isStopped = false;
  const stop = () => {
    isStopped = true;
    for (const run of runs.values()) run.stop();
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
  const lane = async () => {
    for (let shard = shards.shift(); shard !== undefined && !isStopped; shard = shards.shift()) await runs.get(shard.runtime)!.run(shard);
  };
  await Promise.all(Array.from({ length: LANES_PER_CORE * availableParallelism() }, lane));
  process.off("SIGTERM", stop).off("SIGINT", stop);
  clearInterval(progress);
  for (const run of runs.values()) {
    if (isStopped) run.fail("stopped by a signal");
    await run.close();
    console.log(`${run.runtime.name} ${run.runtime.version}: ${sentence(run.tally)}`);
  }
  const failures = [...runs.values()].flatMap(({ runtime, failures }) =>
    failures.map((failure) => `  ${runtime.name.padEnd(4)} ${failure}`)
  );
  if (failures.length > 0) console.log(["failed, with more in dist/test-*.log:", ...failures].join("\n"));
  return [...runs.values()].map(({ tally }) => tally).reduce(add, { passed: 0, failed: 0, skipped: 0 });
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

/** A runtime at work, in several processes. */
class Run {
  readonly runtime: Runtime;
  /** Failures outside of tests. */
  readonly #others: string[] = [];
  readonly #args: readonly string[];
  readonly #isVerbose: boolean;
  readonly #processes: ShardProcess[] = [];
  readonly #log: WriteStream;

  constructor(runtime: Runtime, args: readonly string[], isVerbose: boolean) {
    this.runtime = runtime;
    this.#args = args;
    this.#isVerbose = isVerbose;
    this.#log = createWriteStream(`${ROOT}/dist/test-${runtime.name}.log`);
  }

  get tally(): Tally {
    const tallies = this.#processes.map(({ output }) => output.tally);
    return tallies.reduce(add, { passed: 0, failed: this.#others.length, skipped: 0 });
  }

  get failures(): string[] {
    return [...this.#processes.flatMap(({ output }) => output.failures), ...this.#others];
  }

  get progress(): string {
    const now = this.#processes.flatMap((process) => process.underWay());
    return `${this.runtime.name}: ${sentence(this.tally)}${now.length === 0 ? "" : `, now ${now.join(" and ")}`}`;
  }

  async run({ files }: Shard): Promise<void> {
    const shard = new ShardProcess(this.runtime, (lines) => this.#show(lines), this.#isVerbose);
    this.#processes.push(shard);
    const lines = await shard.run([...this.#args, ...files.map((path) => `./${path}`)]);
    this.#log.write(`${lines.join("\n")}\n`);
    const from = files.length === 1 ? ` by ${files[0]}` : "";
    for (const left of await shard.leftovers()) this.fail(`left behind${from}: ${left}`);
  }

  fail(reason: string): void {
    this.#others.push(reason);
  }

  stop(): void {
    for (const shard of this.#processes) shard.stop();
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#log.end(resolve));
  }

  #show(lines: readonly string[]): void {
    for (const line of lines) console.log(`${this.runtime.name.padEnd(4)} | ${line}`);
  }
}

/** One process of a runner. */
class ShardProcess {
  readonly output: TestOutput = new TestOutput();
  readonly #runtime: Runtime;
  readonly #show: (lines: readonly string[]) => void;
  readonly #isVerbose: boolean;
  /** All its temporary files, and by it all processes that it has started. */
  readonly #folder = mkdtempSync(`${tmpdir()}/dk`);
  #child: ReturnType<typeof spawn> | undefined;

  constructor(runtime: Runtime, show: (lines: readonly string[]) => void, isVerbose: boolean) {
    this.#runtime = runtime;
    this.#show = show;
    this.#isVerbose = isVerbose;
    // Programs that become another user have their files in it, and nobody else need see what they are called.
    chmodSync(this.#folder, 0o711);
  }

  stop(): void {
    this.#child?.kill("SIGTERM");
  }

  /** Runs it to its end; returns all that it has printed. */
  async run(args: readonly string[]): Promise<readonly string[]> {
    // Variables that configure a daemon of the person who runs the tests are no business of the tests.
    const own = Object.entries(process.env).filter(([name]) => !/^DAEMON_|^DAEMONKIT_(?!BINARY$)/.test(name));
    const env = {
      ...Object.fromEntries(own),
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      TMPDIR: this.#folder,
      TEST_NOTES: `${this.#folder}/${NOTES}`,
    };
    const child = this.#child = spawn(this.#runtime.path, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    let isStalled = false;
    const stalled = () => {
      isStalled = true;
      const what = this.underWay();
      this.#show([...this.output.tail, `ended, as for ${STALL_MS / 60_000} minutes no test has finished; under way: ${what.join(", ")}`]);
      this.output.tally.failed++;
      this.output.failures.push(...what.map((name) => `has hung: ${name}`));
      child.kill("SIGKILL");
      // They hold its pipes.
      for (const { pid } of processesOfFolder(this.#folder)) kill(pid);
    };
    let limit = setTimeout(stalled, STALL_MS);
    const lines: string[] = [];
    const take = (line: string) => {
      lines.push(line);
      const before = sentence(this.output.tally);
      const shown = this.output.take(line);
      this.#show(this.#isVerbose ? [line] : shown);
      if (sentence(this.output.tally) === before) return;
      clearTimeout(limit);
      limit = setTimeout(stalled, STALL_MS);
    };
    for (const input of [child.stdout!, child.stderr!]) createInterface({ input }).on("line", take);
    const code = await ended;
    clearTimeout(limit);
    this.#child = undefined;
    this.#show(this.output.end(code === 0 && !isStalled));
    return lines;
  }

  /** Lists the processes and files that it has left behind, after its end, and removes them. */
  async leftovers(): Promise<readonly string[]> {
    const left = await leftoversOf(this.#folder, [NOTES]);
    rmSync(this.#folder, { recursive: true, force: true });
    return left;
  }

  /** Names of tests that have begun and not ended. */
  underWay(): string[] {
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
  const unknown = args.find((arg) => arg.startsWith("-") && arg !== "--verbose" && arg !== "--quick" && !/^--(?:only|filter)=/.test(arg));
  if (unknown !== undefined) {
    throw new RangeError(`Cannot run tests as an option must be --quick, --only=, --filter= or --verbose: current value is ${unknown}`);
  }
  const only = value("only");
  if (only !== undefined && only !== "deno" && only !== "bun") {
    throw new RangeError(`Cannot run tests as "--only" must be deno or bun: current value is ${only}`);
  }
  const paths = args.filter((arg) => !arg.startsWith("-"));
  return {
    only,
    filter: value("filter"),
    isQuick: args.includes("--quick"),
    isVerbose: args.includes("--verbose"),
    paths: paths.length === 0 ? undefined : paths,
  };
}

if (import.meta.main) {
  const sum = await runTests(optionsOf(process.argv.slice(2)));
  if (sum.passed + sum.failed === 0) sum.failed = 1;
  console.log(sentence(sum));
  process.exitCode = sum.failed > 0 ? 1 : 0;
}
