/**
 * How the supervisor grows: each row for 1,000, 10,000 and 50,000 units, or as many as the arguments say, in a process of its own; how long
 * it took, for each unit too, and the longest time for which nothing else of the program had its turn, the best of `--rounds`. Below each
 * row stands what it cost to measure it.
 *
 * Some rows are one synchronous call for each unit, by the contract of what they call: `build`, `add`, subscriptions. Their longest time is all
 * of it, and must only grow with the number of units.
 *
 * `--limit SECONDS` ends a row that does not end by itself; `--only TEXT` takes the rows that have it in their name; `--module FILE` measures
 * the `mod.ts` of another checkout, whose results are kept under `--label`.
 */
import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type { Context, Daemon, DaemonBuilder } from "../mod.ts";

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "1" },
    limit: { type: "string", default: "20" },
    only: { type: "string", default: "" },
    module: { type: "string", default: fileURLToPath(new URL("../mod.ts", import.meta.url)) },
    label: { type: "string", default: "now" },
    row: { type: "string" },
  },
});
const sizes = positionals.length === 0 ? [1_000, 10_000, 50_000] : positionals.map(Number);
const runtime = "Deno" in globalThis ? "deno" : "bun";

interface Figure {
  ms: number;
  longestMs: number;
  /** The same of the time for which the thread had a processor: what others on the machine do is not in it. */
  cpuMs: number;
  longestCpuMs: number;
}

const schedule = openSync("/proc/thread-self/schedstat", "r");
const text = new Uint8Array(64);

/** Not process.threadCpuUsage(), which counts in ticks of 10 ms. */
function cpuMs(): number {
  return parseInt(new TextDecoder().decode(text.subarray(0, readSync(schedule, text, 0, text.length, 0)))) / 1e6;
}

const { Daemon: DaemonOf, RestartPolicy } = await import(pathToFileURL(values.module).href) as typeof import("../mod.ts");

const work = (context: Context) => context.cancelled();
const manual = (context: Context) => {
  context.ready();
  return context.cancelled();
};
const name = (index: number) => `u${index}`;

/** Milliseconds of a piece of work, and the longest of them without a turn for anybody else. */
async function timed(fn: () => unknown): Promise<Figure> {
  const [beganMs, beganCpuMs] = [performance.now(), cpuMs()];
  let [lastMs, lastCpuMs] = [beganMs, beganCpuMs];
  let [longestMs, longestCpuMs] = [0, 0];
  const look = () => {
    const [nowMs, nowCpuMs] = [performance.now(), cpuMs()];
    longestMs = Math.max(longestMs, nowMs - lastMs);
    longestCpuMs = Math.max(longestCpuMs, nowCpuMs - lastCpuMs);
    [lastMs, lastCpuMs] = [nowMs, nowCpuMs];
  };
  const timer = setInterval(look, 0);
  await fn();
  look();
  clearInterval(timer);
  return { ms: lastMs - beganMs, longestMs, cpuMs: lastCpuMs - beganCpuMs, longestCpuMs };
}

function built(size: number, add: (builder: DaemonBuilder, index: number) => void): Daemon {
  const builder = DaemonOf.builder().withoutSignals();
  for (let index = 0; index < size; index++) add(builder, index);
  return builder.build();
}

async function ended(daemon: Daemon): Promise<void> {
  daemon.shutdown();
  await daemon.wait();
}

type Row = (size: number, tell: (what: string, figure: Figure) => void) => Promise<void>;

/** The start of a daemon and its stop. */
const startStop = (add: (builder: DaemonBuilder, index: number, size: number) => void): Row => async (size, tell) => {
  const daemon = built(size, (builder, index) => add(builder, index, size));
  tell("start", await timed(() => daemon.start()));
  tell("stop", await timed(() => ended(daemon)));
};

const first = { after: [] };

/** Adds a unit to a daemon that runs; the name of that has changed once. */
function add(daemon: Daemon, index: number): void {
  const { add, register } = daemon as unknown as Partial<Record<"add" | "register", (subsystem: object) => unknown>>;
  (add ?? register)!.call(daemon, { name: name(index), run: work });
}

const ROWS: Record<string, Row> = {
  "no edges": startStop((builder, index) => builder.withTask(name(index), work)),
  "manual readiness": startStop((builder, index) => builder.withTask(name(index), manual, { readiness: "manual" })),
  "a chain": startStop((builder, index) => builder.withTask(name(index), work, index === 0 ? first : { after: [name(index - 1)] })),
  "all after one": startStop((builder, index) => builder.withTask(name(index), work, index === 0 ? first : { after: [name(0)] })),
  "4 tiers, each after 10 below": startStop((builder, index, size) => {
    const tier = Math.floor(index / (size / 4));
    const below = (tier - 1) * Math.floor(size / 4);
    const after = tier === 0 ? [] : Array.from({ length: 10 }, (_, edge) => name(below + (index + edge) % Math.floor(size / 4)));
    builder.withTask(name(index), work, { after });
  }),
  "one that stops last": startStop((builder, index) => builder.withTask(name(index), work, { stopLast: index === 0 })),
  "all crash, with a listener": async (size, tell) => {
    const crashing = Promise.withResolvers<void>();
    const crash = async (context: Context) => {
      if (context.run === 1) {
        await crashing.promise;
        throw new Error("boom");
      }
      await context.cancelled();
    };
    const restart = RestartPolicy.onFailure({ delay: 1 });
    const daemon = built(size, (builder, index) => builder.withTask(name(index), crash, { restart }));
    let running = 0;
    const again = Promise.withResolvers<void>();
    await daemon.start();
    using _listening = daemon.bus.on("event", (event) => {
      if (event.type === "unit.state" && event.to === "running" && ++running === size) again.resolve();
    });
    tell("until all are back", await timed(() => (crashing.resolve(), again.promise)));
    await ended(daemon);
  },
  "as many plain promises fail": async (size, tell) => {
    const crashing = Promise.withResolvers<void>();
    const crash = async () => {
      await crashing.promise;
      throw new Error("boom");
    };
    const all = Array.from({ length: size }, () => crash().catch(() => {}));
    tell("without a supervisor", await timed(() => (crashing.resolve(), Promise.all(all))));
  },
  "a group, oneForAll": async (size, tell) => {
    const crashing = Promise.withResolvers<void>();
    const again = Promise.withResolvers<void>();
    const restart = RestartPolicy.onFailure({ delay: 1 });
    const daemon = DaemonOf.builder().withoutSignals().withSupervisor("g", { strategy: "oneForAll" }, (children) => {
      children.withTask("first", async (context) => {
        await (context.run === 1 ? crashing.promise : context.cancelled());
        if (context.run === 1) throw new Error("boom");
      }, { restart });
      for (let index = 2; index < size; index++) children.withTask(name(index), work);
      children.withTask("last", (context) => (context.run > 1 && again.resolve(), context.cancelled()));
    }).build();
    tell("start", await timed(() => daemon.start()));
    tell("until all are back after one has crashed", await timed(() => (crashing.resolve(), again.promise)));
    tell("stop", await timed(() => ended(daemon)));
  },
  "builder": async (size, tell) => {
    tell("build", await timed(() => built(size, (builder, index) => builder.withTask(name(index), work))));
  },
  "subscriptions to the bus": async (size, tell) => {
    const daemon = await built(1, (builder) => builder.withTask("first", work)).start();
    const subscriptions: Disposable[] = [];
    tell(
      "made",
      await timed(() => {
        for (let index = 0; index < size; index++) subscriptions.push(daemon.bus.on("event", () => {}));
      }),
    );
    tell(
      "undone",
      await timed(() => {
        for (const subscription of subscriptions) subscription[Symbol.dispose]();
      }),
    );
    await ended(daemon);
  },
  "while it runs": async (size, tell) => {
    const daemon = await built(1, (builder) => builder.withTask("first", work)).start();
    const { operations } = daemon;
    tell(
      "add",
      await timed(() => {
        for (let index = 0; index < size; index++) add(daemon, index);
      }),
    );
    // The added ones have started by then.
    await operations.wait([name(size - 1)], "ready", {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    tell("one command", await timed(() => operations.stop([name(size >> 1)], {})));
    tell("a status", await timed(() => operations.status()));
    await ended(daemon);
  },
};

/** The time for each unit, for a person. */
function perUnit(ms: number, size: number): string {
  return `${(ms / size * 1e3).toFixed(2)} µs`;
}

/** Measures one row in a process of its own; what had not ended by then is missing. */
function measured(row: string, size: number): Promise<Map<string, Figure>> {
  const script = fileURLToPath(import.meta.url);
  const args = runtime === "deno" ? ["run", "-A", "--no-check", script] : [script];
  args.push("--row", row, "--module", values.module, String(size));
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), Number(values.limit) * 1_000);
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => text += piece);
  return new Promise((resolve) =>
    child.on("close", () => {
      clearTimeout(timer);
      resolve(new Map(text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line))));
    })
  );
}

const file = new URL("./results/supervisor_scale.json", import.meta.url);

function readResults(): Record<string, Record<string, Record<string, Record<string, Figure | string>>>> {
  try {
    return JSON.parse(readFileSync(file, "utf8")).runtimes;
  } catch {
    return {};
  }
}

/** After each row, as whoever is in a hurry ends it before the last one. */
function writeResults(runtimes: ReturnType<typeof readResults>): void {
  mkdirSync(new URL("./results/", import.meta.url), { recursive: true });
  const machine = `${cpus()[0].model}, ${cpus().length} cores`;
  writeFileSync(file, `${JSON.stringify({ machine, date: new Date().toISOString().slice(0, 10), runtimes })}\n`);
}

if (values.row !== undefined) {
  const lines: string[] = [];
  await ROWS[values.row](sizes[0], (what, figure) => void lines.push(JSON.stringify([what, figure])));
  process.stdout.write(`${lines.join("\n")}\n`);
} else {
  const line = (cells: string[]) => console.log(`${cells[0].padEnd(48)} ${cells.slice(1).map((cell) => cell.padStart(12)).join(" ")}`);
  line([`${runtime}, ${values.label}`, "units", "took", "for each", "longest", "cpu", "longest cpu"]);
  const runtimes = readResults();
  const beganMs = performance.now();
  for (const row of Object.keys(ROWS).filter((row) => row.includes(values.only))) {
    const rowBeganMs = performance.now();
    for (const size of sizes) {
      const best = new Map<string, Figure>();
      for (let round = 0; round < Number(values.rounds); round++) {
        const figures = await measured(row, size);
        for (const [what, figure] of figures) {
          const known = best.get(what) ?? figure;
          for (const key of ["ms", "longestMs", "cpuMs", "longestCpuMs"] as const) known[key] = Math.min(known[key], figure[key]);
          best.set(what, known);
        }
        // A row that does not end once is not tried again.
        if (figures.size === 0) break;
      }
      if (best.size === 0) line([row, String(size), `over ${values.limit} s`, "–"]);
      for (const [what, { ms, longestMs, cpuMs, longestCpuMs }] of best) {
        const [took, ...others] = [ms, longestMs, cpuMs, longestCpuMs].map((each) => `${each.toFixed(1)} ms`);
        line([`${row}: ${what}`, String(size), took, perUnit(ms, size), ...others]);
      }
      const kept = best.size === 0 ? [["", `over ${values.limit} s`] as const] : [...best];
      for (const [what, figure] of kept) {
        (((runtimes[runtime] ??= {})[values.label] ??= {})[what === "" ? row : `${row}: ${what}`] ??= {})[size] = figure;
      }
      writeResults(runtimes);
    }
    console.log(`  measured in ${((performance.now() - rowBeganMs) / 1e3).toFixed(1)} s`);
  }
  console.log(`all in ${((performance.now() - beganMs) / 1e3).toFixed(1)} s`);
}
