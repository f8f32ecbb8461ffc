/**
 * One daemon under crashes, reloads and clients that come and go, for five minutes or `--minutes N`: what grows?
 *
 * Samples memory, descriptors, threads and CPU time from /proc, and takes pictures of the heap after a minute, in the middle and at the end.
 * A picture costs memory itself, which the allocator may keep: compare samples between two pictures. Prints a verdict for each figure and
 * exits with 1 when one is missed and `--check` is given. `--command "deno run -A cli.ts"` drives something else than dist/daemonkit;
 * `--out FOLDER` keeps samples and pictures.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  appendFileSync,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    minutes: { type: "string", default: "5" },
    crashes: { type: "string", default: "1.7" },
    reloads: { type: "string", default: "0.5" },
    services: { type: "string", default: "12" },
    every: { type: "string", default: "15" },
    command: { type: "string", default: fileURLToPath(new URL("../../dist/daemonkit", import.meta.url)) },
    out: { type: "string" },
    check: { type: "boolean", default: false },
  },
});
const services = Number(values.services);
const command = values.command.split(" ");
const folder = mkdtempSync(join(tmpdir(), "dk-soak-"));
const out = values.out ?? folder;
mkdirSync(out, { recursive: true });
const env = {
  PATH: process.env.PATH ?? "",
  HOME: process.env.HOME ?? "",
  DENO_DIR: process.env.DENO_DIR ?? join(process.env.HOME ?? "", ".cache/deno"),
  XDG_RUNTIME_DIR: join(folder, "run"),
  XDG_STATE_HOME: join(folder, "state"),
  NO_COLOR: "1",
};
mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 });
mkdirSync(env.XDG_STATE_HOME);
const config = join(folder, "daemon.toml");
const socket = join(folder, "soak.sock");
let version = 0;

function writeConfig(): void {
  version++;
  let text = `name = "soak"\n[listen.side]\naddress = "unix:${socket}"\nallow = ["health", "metrics", "control"]\n`;
  for (let index = 0; index < services; index++) {
    const isTalker = index % 3 === 0;
    text += `[service.s${index}]\nrun = ${
      isTalker ? `"while :; do echo line from s${index} of some length $((i=i+1)); sleep 0.3; done"` : `["sleep", "100000"]`
    }\n`;
    if (index % 4 === 1) text += `after = ["s${index - 1}"]\n`;
    // A reload replaces one service and adds or removes another.
    if (index === version % services) text += `env = { VERSION = "${version}" }\n`;
    text += `[service.s${index}.restart]\npolicy = "always"\ndelay = "20ms"\nmax_delay = "20ms"\nmax_restarts = inf\n`;
  }
  if (version % 2 === 0) text += `[service.extra]\nrun = ["sleep", "100000"]\n`;
  writeFileSync(`${config}.new`, text);
  renameSync(`${config}.new`, config);
}

function ask(method: string, path: string, toFile?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: socket, method, path, headers: { "content-type": "application/json" } }, (response) => {
      if (toFile !== undefined) {
        response.pipe(createWriteStream(toFile)).on("finish", () => resolve("")).on("error", reject);
        return;
      }
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => text += piece).on("end", () => resolve(text)).on("error", reject);
    });
    asked.on("error", reject);
    asked.setTimeout(120_000, () => asked.destroy(new Error(`no answer to ${path}`)));
    asked.end(method === "POST" ? "{}" : undefined);
  });
}

const counts = { crashes: 0, reloads: 0, followers: 0, statuses: 0, errors: 0 };
let isOver = false;
const note = (error: unknown) => {
  counts.errors++;
  appendFileSync(join(out, "errors.txt"), `${new Date().toISOString()} ${error}\n`);
};

function follow(): ChildProcess {
  counts.followers++;
  const child = spawn(command[0], [...command.slice(1), "logs", "-f", "-c", config], { env, stdio: ["ignore", "pipe", "ignore"] });
  child.stdout!.resume();
  return child;
}

async function every(perSecond: number, body: () => void | Promise<void>): Promise<void> {
  while (!isOver) {
    const startMs = performance.now();
    try {
      await body();
    } catch (error) {
      note(error);
    }
    await pause(Math.max(1, 1_000 / perSecond * (0.5 + Math.random()) - (performance.now() - startMs)));
  }
}

writeConfig();
const daemon = spawn(command[0], [...command.slice(1), "run", config], { env, stdio: ["ignore", "ignore", "pipe"] });
let daemonCode: number | null | undefined;
daemon.on("exit", (code, signal) => {
  daemonCode = code;
  if (!isOver) note(`the daemon ended: ${code} ${signal}`);
  isOver = true;
});
let lastText = "";
daemon.stderr!.setEncoding("utf8").on("data", (text: string) => {
  lastText = (lastText + text).slice(-20_000);
  appendFileSync(join(out, "daemon.log"), text);
});
process.on("SIGTERM", () => void (isOver = true));
process.on("SIGINT", () => void (isOver = true));

const kb = (text: string, name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? NaN);
const startedMs = performance.now();
const header = [
  "minutes",
  "rss_kb",
  "pss_kb",
  "anon_kb",
  "private_dirty_kb",
  "fds",
  "threads",
  "cpu_s",
  "crashes",
  "reloads",
  "followers",
  "errors",
];
const rows: number[][] = [];
function sample(): void {
  const proc = `/proc/${daemon.pid}`;
  const rollup = readFileSync(`${proc}/smaps_rollup`, "utf8");
  const status = readFileSync(`${proc}/status`, "utf8");
  const stat = readFileSync(`${proc}/stat`, "utf8").split(") ")[1].split(" ");
  const row = [
    Number(((performance.now() - startedMs) / 60_000).toFixed(2)),
    kb(rollup, "Rss"),
    kb(rollup, "Pss"),
    kb(rollup, "Anonymous"),
    kb(rollup, "Private_Dirty"),
    readdirSync(`${proc}/fd`).length,
    kb(status, "Threads"),
    (Number(stat[11]) + Number(stat[12])) / 100,
    counts.crashes,
    counts.reloads,
    counts.followers,
    counts.errors,
  ];
  rows.push(row);
  appendFileSync(join(out, "samples.tsv"), `${row.join("\t")}\n`);
}

/** The second half against itself: what fills up at first, rings and compiled code, has done so by then. */
function judge(): void {
  const half = rows.filter(([minutes]) => minutes > rows.at(-1)![0] / 2);
  const mean = (list: number[][], column: string) =>
    list.reduce((sum, row) => sum + row[header.indexOf(column)], 0) / Math.max(1, list.length);
  const quarters = [half.slice(0, Math.ceil(half.length / 2)), half.slice(Math.floor(half.length / 2))];
  const verdicts = [
    ...["rss_kb", "anon_kb", "fds", "threads"].map((column) => {
      const [before, after] = quarters.map((rows) => mean(rows, column));
      return { name: column, isMet: after <= before * 1.1, text: `${before.toFixed(0)} -> ${after.toFixed(0)}` };
    }),
    { name: "errors", isMet: counts.errors === 0, text: String(counts.errors) },
  ];
  for (const { name, isMet, text } of verdicts) console.log(`${name.padEnd(10)} ${text.padStart(20)}  ${isMet ? "flat" : "GROWS"}`);
  if (values.check && verdicts.some(({ isMet }) => !isMet)) process.exitCode = 1;
}

try {
  for (let look = 0;; look++) {
    if (await ask("GET", "/readyz").then(() => true, () => false)) break;
    if (look > 600 || daemonCode !== undefined) throw new Error(`Cannot begin as the daemon does not answer:\n${lastText}`);
    await pause(50);
  }
  writeFileSync(join(out, "samples.tsv"), `${header.join("\t")}\n`);
  console.log(`daemon ${daemon.pid}, folder ${folder}, out ${out}`);
  const limitMs = Number(values.minutes) * 60_000;
  let victims: number[] = [];
  const pictures = async (name: string) => {
    appendFileSync(join(out, "pictures.txt"), `${name} at ${((performance.now() - startedMs) / 60_000).toFixed(1)} min\n`);
    writeFileSync(join(out, `${name}.metrics`), await ask("GET", "/metrics"));
    writeFileSync(join(out, `${name}.smaps`), readFileSync(`/proc/${daemon.pid}/smaps`));
    await ask("POST", "/v1/profile/heap", join(out, `${name}.heapsnapshot`));
    writeFileSync(join(out, `${name}.after.smaps`), readFileSync(`/proc/${daemon.pid}/smaps`));
  };
  const work = [
    every(Number(values.crashes), async () => {
      if (victims.length === 0) {
        counts.statuses++;
        const { units } = JSON.parse(await ask("GET", "/v1/status"));
        victims = units.map((unit: { details?: { pid?: number } }) => unit.details?.pid).filter((pid: unknown) => pid !== undefined);
        victims.sort(() => Math.random() - 0.5).splice(3);
      }
      const pid = victims.pop();
      if (pid === undefined) return;
      try {
        // Only a child of our daemon: the number may be another's by now.
        if (readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ")[1] !== `${daemon.pid}`) return;
        process.kill(pid, "SIGKILL");
        counts.crashes++;
      } catch { /* gone meanwhile */ }
    }),
    every(Number(values.reloads), async () => {
      writeConfig();
      const answer = await ask("POST", "/v1/reload");
      counts.reloads++;
      if (/"status":[45]/.test(answer)) note(answer.slice(0, 300));
    }),
    // A follower in a process of its own stays for 20 s, three streams of ours for 3 s.
    every(1 / 20, async () => {
      const child = follow();
      await pause(Math.min(20_000, limitMs / 4));
      child.kill("SIGTERM");
    }),
    every(1 / 4, async () => {
      const asked = request({ socketPath: socket, path: "/v1/logs?follow=1" }, (response) => response.resume().on("error", () => {}));
      asked.on("error", () => {});
      asked.end();
      counts.followers++;
      await pause(3_000);
      asked.destroy();
    }),
    every(1 / Number(values.every), sample),
  ];
  const untilMs = async (ms: number) => {
    while (!isOver && performance.now() - startedMs < ms) await pause(200);
  };
  await untilMs(Math.min(60_000, limitMs / 10));
  await pictures("first");
  await untilMs(limitMs / 2);
  if (!isOver) await pictures("middle");
  await untilMs(limitMs);
  sample();
  if (daemonCode === undefined) await pictures("last");
  isOver = true;
  await Promise.all(work);
  for (const row of [header, ...rows.filter((_, index) => index % Math.ceil(rows.length / 20) === 0)]) {
    console.log(row.map((cell) => String(cell).padStart(9)).join(" "));
  }
  console.log(JSON.stringify(counts));
  judge();
} finally {
  isOver = true;
  // Not child.kill(): Deno's hides the exit code of a program that handled the signal.
  if (daemonCode === undefined) process.kill(daemon.pid!, "SIGTERM");
  for (let look = 0; look < 200 && daemonCode === undefined; look++) await pause(100);
  if (daemonCode === undefined) {
    console.log("the daemon had to be killed");
    daemon.kill("SIGKILL");
  }
  console.log(`exit code ${daemonCode}`);
  if (daemonCode !== 0) {
    console.log(lastText.split("\n").filter((line) => !/ INFO | WARN /.test(line)).join("\n"));
    process.exitCode = 1;
  }
  rmSync(folder, { recursive: true, force: true });
}
