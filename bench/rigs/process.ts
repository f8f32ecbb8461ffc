/**
 * The daemon as a process: the compiled executable over ten sleeping services, and over many with `--services N`.
 *
 * Measures start, resident memory, the time from a crash to the next run, and the wall time of client commands. Prints each figure with
 * our target; exits with 1 when one is missed and `--check` is given. Build the executable first: `deno task compile`.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    services: { type: "string", default: "10" },
    kills: { type: "string", default: "12" },
    binary: { type: "string", default: fileURLToPath(new URL("../../dist/daemonkit", import.meta.url)) },
    check: { type: "boolean", default: false },
  },
});
const services = Number(values.services);
const kills = Number(values.kills);
if (!existsSync(values.binary)) {
  throw new Error(`Cannot measure as the executable is missing: build ${values.binary} with "deno task compile"`);
}

const folder = mkdtempSync(join(tmpdir(), "daemonkit-rig-"));
const environment = { PATH: process.env.PATH ?? "", XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder, NO_COLOR: "1" };
const config = join(folder, "daemon.toml");
writeFileSync(
  config,
  `name = "rig"\n${
    Array.from({ length: services }, (_, index) =>
      `[service.s${index}]\nrun = ["sleep", "1000"]\n[service.s${index}.restart]\ndelay = "0ms"\nmax_restarts = 1000\n`)
      .join("")
  }`,
);

interface Unit {
  name: string;
  state: string;
  run: number;
  details: { pid?: number };
}

const missed: string[] = [];
function figure(name: string, value: number, unit: string, target: number | undefined): void {
  const isMet = target === undefined || value <= target;
  if (!isMet) missed.push(name);
  console.log(
    `${name.padEnd(44)} ${`${value.toFixed(1)} ${unit}`.padStart(12)}   ${
      target === undefined ? "" : `≤ ${target} ${unit}  ${isMet ? "met" : "MISSED"}`
    }`,
  );
}

const median = (list: number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const client = (...args: string[]) =>
  execFileSync(values.binary, [...args, "-c", config], { env: environment, encoding: "utf8", maxBuffer: 2 ** 26 });
const units = (): Unit[] => JSON.parse(client("status", "--json")).units;
const wall = (args: string[], runs = 15): number =>
  median(Array.from({ length: runs }, () => {
    const startMs = performance.now();
    spawnSync(values.binary, args, { env: environment });
    return performance.now() - startMs;
  }));

const startMs = performance.now();
const daemon = spawn(values.binary, ["run", config], { env: environment, stdio: ["ignore", "ignore", "pipe"] });
const exited = new Promise<number | null>((resolve) => daemon.on("exit", resolve));
try {
  await new Promise<void>((resolve, reject) => {
    let text = "";
    daemon.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.includes("every unit has started")) resolve();
    });
    daemon.on("exit", (code) => reject(new Error(`Cannot measure as the daemon exited with ${code}: ${text}`)));
  });
  figure(`boot to ${services} started`, performance.now() - startMs, "ms", services === 10 ? 60 : services === 1_000 ? 4_000 : undefined);
  await new Promise((resolve) => setTimeout(resolve, 500));
  figure(
    "resident memory",
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))![1]) / 1_024,
    "MB",
    services === 10 ? 38 : 120,
  );

  const crashesMs: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    const { pid, name } = ((unit) => ({ pid: unit.details.pid!, name: unit.name }))(units()[kill % services]);
    crashesMs.push(await crash(daemon.pid!, pid, name));
  }
  figure("crash to the next process, p50", median(crashesMs), "ms", 2);
  figure("crash to the next process, p95", [...crashesMs].sort((a, b) => a - b)[Math.floor(crashesMs.length * 0.95)], "ms", 5);
  figure("status, wall", wall(["status", "-c", config]), "ms", services === 10 ? 20 : undefined);
  figure("version, wall", wall(["version"]), "ms", 20);
  figure("validate, wall", wall(["validate", config]), "ms", services === 10 ? 40 : undefined);
  const stopMs = performance.now();
  process.kill(daemon.pid!, "SIGTERM");
  const code = await exited;
  figure(`stop of ${services}`, performance.now() - stopMs, "ms", services === 1_000 ? 3_000 : undefined);
  if (code !== 0) throw new Error(`Cannot trust the figures as the daemon exited with ${code}`);
} finally {
  daemon.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
if (values.check && missed.length > 0) {
  console.log(`missed: ${missed.join(", ")}`);
  process.exitCode = 1;
}

/**
 * Kills a child and looks for its successor among the daemon's children, without a pause: the figure is ours plus one look. Not every kernel
 * lists the children of a process, so it is looked for among the processes that were not there before.
 */
function crash(daemonPid: number, pid: number, name: string): number {
  const all = () => readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  const seen = new Set(all());
  const killedMs = performance.now();
  process.kill(pid, "SIGKILL");
  while (performance.now() - killedMs < 5_000) {
    for (const entry of all()) {
      if (seen.has(entry)) continue;
      seen.add(entry);
      if (parentOf(entry) === daemonPid) return performance.now() - killedMs;
    }
  }
  throw new Error(`Cannot measure as ${name} was not restarted within 5 s`);
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return undefined; // ended meanwhile
  }
}
