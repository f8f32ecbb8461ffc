/**
 * `dev [CONFIG] [ARG ...]`: runs the sources against a configuration, `examples/quick-start/daemon.toml` unless told otherwise, and runs them
 * anew whenever one of them is saved. The configuration itself reloads by `hot_reload`.
 *
 * The daemon is stopped as an operator stops it, so that each save also tries the shutdown; Ctrl+C ends both.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import process from "node:process";
import { CURRENT, ensurePackages, ROOT } from "./runtimes.ts";

/** An editor writes several files at once, or one in several steps. */
const QUIET_MS = 150;
const SOURCES = ["src", "mod.ts", "cli.ts"];

ensurePackages();
const [config = `${ROOT}/examples/quick-start/daemon.toml`, ...rest] = process.argv.slice(2);
const flags = CURRENT === "deno" ? ["run", "-A", "--no-check"] : [];
const args = [...flags, `${ROOT}/cli.ts`, "run", config, ...rest];

let child: ChildProcess | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let isEnding = false;

function start(): void {
  const started = child = spawn(process.execPath, args, { stdio: "inherit" });
  child.once("exit", (code) => {
    if (started !== child || isEnding) return;
    console.error(`dev: the daemon has ended with ${code}; save a source to run it anew`);
    child = undefined;
  });
}

async function stop(): Promise<void> {
  const stopped = child;
  child = undefined;
  if (stopped === undefined || stopped.exitCode !== null || stopped.signalCode !== null) return;
  stopped.kill("SIGTERM");
  await once(stopped, "exit");
}

async function restart(name: string): Promise<void> {
  console.error(`dev: ${name} was saved`);
  await stop();
  if (!isEnding) start();
}

let restarting = Promise.resolve();
for (const source of SOURCES) {
  watch(`${ROOT}/${source}`, { recursive: true }, (_, name) => {
    clearTimeout(timer);
    timer = setTimeout(() => restarting = restarting.then(() => restart(name ?? source)), QUIET_MS);
  });
}
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, async () => {
    isEnding = true;
    await stop();
    process.exit(0);
  });
}
start();
