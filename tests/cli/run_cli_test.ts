import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runCli } from "../../src/cli/mod.ts";
import { test } from "../harness.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

interface Answer {
  code: number | null;
  stdout: string;
  stderr: string;
}

const own = (...args: string[]): Promise<Answer> => program("own_cli.ts", args);

/** Runs a program with folders of its own: its daemon takes a lock there. */
async function program(name: string, args: readonly string[], env: Record<string, string> = {}): Promise<Answer> {
  const folder = mkdtempSync(join(tmpdir(), "dk-"));
  const runtime = "Deno" in globalThis ? ["run", "-A", "--no-check", fixture(name)] : [fixture(name)];
  const child = spawn(process.execPath, [...runtime, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, XDG_RUNTIME_DIR: join(folder, "run"), XDG_STATE_HOME: join(folder, "state"), ...env },
  });
  const text = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (piece: string) => void (text[stream] += piece));
  }
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  rmSync(folder, { recursive: true });
  return { code, ...text };
}

test("runCli run runs the daemon of a program of your own, and returns its code", async () => {
  const { code, stdout, stderr } = await own("run");
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "the task runs\n");
});

test("runCli gives the program its own name in messages, and refuses a FILE", async () => {
  const { code, stderr } = await own("run", "daemon.toml");
  assert.equal(code, 2);
  assert.equal(stderr, "own: Cannot run own with a FILE as its configuration is built in\n");
  assert.match((await own("--help")).stdout, /^Usage: own /);
  assert.match((await own("version")).stdout, /^own, daemonkit \d/);
});

test("runCli run refuses what only a configuration file could take, rather than ignore it", async () => {
  for (const [args, what] of [[["--set", "name=x"], "--set"], [["--log-level", "debug"], "--log-level"], [["--json"], "--json"]] as const) {
    const { code, stdout, stderr } = await own("run", ...args);
    assert.deepEqual([code, stdout], [2, ""], what);
    assert.equal(stderr, `own: Cannot run own with ${what} as its configuration is built in\n`);
  }
});

test("runCli returns the exit code and throws nothing", async () => {
  const cases: [string[], number][] = [[["version", "--json"], 0], [["validate", "/no/such/file.toml"], 6]];
  for (const [args, code] of cases) assert.equal(await runCli(args), code);
});

test("runCli runs the modules of a program of your own in further processes of the same program", async () => {
  const { code, stdout, stderr } = await program("own_module.ts", ["run"], { MODULE: fixture("module.ts") });
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "app | module app, run 1\n");
});

test("A program that hands no arguments to runCli does not start its daemon again inside its module", async () => {
  const { code, stderr, stdout } = await program("own_module.ts", [], { MODULE: fixture("module.ts"), BARE: "1" });
  assert.equal(code, 1);
  assert.match(stdout, /app \| Cannot start a daemon as this process is to run a module: hand the program's arguments to runCli/);
  assert.match(stderr, /app exited with code 1/);
});
