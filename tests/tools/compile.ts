/**
 * `compile [--target=NAME] [--outfile=PATH]`: builds the executable with the runtime that runs this file.
 *
 * - Bun builds `dist/daemonkit`, Deno builds `dist/daemonkit-deno`.
 * - A target is passed on in the words of the runtime: `bun-linux-arm64`, `bun-windows-x64`, `aarch64-apple-darwin`, ...
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import process from "node:process";
import { CURRENT, ensurePackages, findRuntime, ROOT, type Runtime } from "./runtimes.ts";

/** The executable that Bun builds, which the end-to-end tests drive. */
export const EXECUTABLE: string = `${ROOT}/dist/daemonkit`;

/**
 * The executable starts any program, watches any process and listens where its file says, hence the permissions. Without the other two flags
 * all of node_modules would be packed, 200 MB of Bun included.
 */
const DENO_FLAGS = [
  ...["read", "write", "env", "net", "run", "sys", "ffi"].map((name) => `--allow-${name}`),
  "--node-modules-dir=none",
  "--exclude-unused-npm",
];

/** Full `--minify` makes wrong code together with `--splitting`; the executable reads no .env or bunfig of the folder it happens to run in. */
const BUN_FLAGS = [
  "--compile",
  "--format=esm",
  "--minify-whitespace",
  "--minify-syntax",
  "--bytecode",
  "--sourcemap",
  "--splitting",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--compile-autoload-package-json",
];

/** The command line that builds the executable with a runtime. */
export function compileCommand(runtime: Runtime, outfile: string, extra: readonly string[] = []): string[] {
  if (runtime.name === "bun") return [runtime.path, "build", ...BUN_FLAGS, ...extra, "cli.ts", "--outfile", outfile];
  return [runtime.path, "compile", "--no-check", ...DENO_FLAGS, ...extra, "--output", outfile, "cli.ts"];
}

/** Builds the executable; returns the exit code of the build. It appears whole or not at all, without the source maps that lie beside it. */
export function compile(runtime: Runtime, outfile: string, extra: readonly string[] = []): number {
  mkdirSync(dirname(outfile), { recursive: true });
  const folder = mkdtempSync(`${dirname(outfile)}/.build-`);
  try {
    const [command, ...args] = compileCommand(runtime, `${folder}/${basename(outfile)}`, extra);
    const { status } = spawnSync(command, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
    // For Windows the name gets a suffix.
    const built = readdirSync(folder).find((name) => name === basename(outfile) || name === `${basename(outfile)}.exe`);
    if (status !== 0 || built === undefined) return status || 1;
    renameSync(`${folder}/${built}`, `${dirname(outfile)}/${built}`);
    return 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Whether the executable is missing or older than a file that goes into it. */
export function isStale(outfile: string): boolean {
  if (!existsSync(outfile)) return true;
  const builtMs = statSync(outfile).mtimeMs;
  const sources = readdirSync(`${ROOT}/src`, { recursive: true, encoding: "utf8" }).map((name) => `src/${name}`);
  return [...sources, "cli.ts", "package.json"].some((name) => statSync(`${ROOT}/${name}`).mtimeMs > builtMs);
}

if (import.meta.main) {
  ensurePackages();
  const runtime = findRuntime(CURRENT)!;
  const args = process.argv.slice(2);
  const wanted = args.find((arg) => arg.startsWith("--outfile="))?.slice("--outfile=".length);
  const outfile = wanted ?? (CURRENT === "bun" ? EXECUTABLE : `${EXECUTABLE}-deno`);
  process.exitCode = compile(runtime, outfile, args.filter((arg) => !arg.startsWith("--outfile=")));
}
