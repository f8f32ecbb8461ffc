/**
 * `compile [--target=NAME] [--outfile=PATH]`: builds the executable, `dist/daemonkit` with Bun and, when Deno runs this file,
 * `dist/daemonkit-deno` with Deno.
 *
 * - Where Deno's base executable can't be fetched, packing is still checked, and the lack is said and is no failure.
 * - A target is named in its runtime's words and is built by that runtime only: `bun-linux-arm64`, `bun-windows-x64`,
 *   `aarch64-unknown-linux-gnu`, ...
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname } from "node:path";
import process from "node:process";
import { CURRENT, ensurePackages, findRuntime, ROOT, type Runtime, type RuntimeName } from "./runtimes.ts";

/** The executable that Bun builds, which the end-to-end tests drive. */
export const EXECUTABLE: string = `${ROOT}/dist/daemonkit`;

/**
 * The executable starts any program, watches any process and listens where its file says; Deno shows /proc only to programs with all
 * permissions. Without the other two flags all of node_modules would be packed, 200 MB of Bun included.
 */
const DENO_FLAGS = [
  "--allow-all",
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
  // A daemon is idle: code that is compiled later costs it nothing, and 4 MB are saved.
  "--compile-jit-policy=4",
];

const FLAGS: Readonly<Record<RuntimeName, readonly string[]>> = { bun: BUN_FLAGS, deno: DENO_FLAGS };

/** The command line that builds the executable with a runtime. */
export function compileCommand(runtime: Runtime, outfile: string, extra: readonly string[] = []): string[] {
  if (runtime.name === "bun") return [runtime.path, "build", ...BUN_FLAGS, ...extra, "cli.ts", "--outfile", outfile];
  return [runtime.path, "compile", "--no-check", ...DENO_FLAGS, ...extra, "--output", outfile, "cli.ts"];
}

/** Folders of the repository that go into no executable; all the rest counts as if it did, so that nothing is forgotten. */
const ASIDE = new Set(["bench", "dist", "examples", "node_modules", "tests"]);

/**
 * Stands for everything that an executable is made of: flags, sources, lists of packages.
 *
 * - A new file or folder at the root counts by itself; what begins with a dot or ends with `.md` does not.
 */
export function digestOf(root: string, flags: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(flags));
  const add = (path: string) => {
    if (!statSync(`${root}/${path}`).isDirectory()) hash.update(JSON.stringify(path)).update(readFileSync(`${root}/${path}`));
    else for (const name of readdirSync(`${root}/${path}`).sort()) add(`${path}/${name}`);
  };
  for (const name of readdirSync(root).sort()) {
    if (!ASIDE.has(name) && !name.startsWith(".") && !name.endsWith(".md")) add(name);
  }
  return hash.digest("hex");
}

/** The file beside an executable that says what it was made of. */
const digestFile = (outfile: string) => `${outfile}.digest`;

/** Builds the executable; returns the exit code of the build. It appears whole or not at all, without the source maps that lie beside it. */
export function compile(runtime: Runtime, outfile: string, extra: readonly string[] = []): number {
  mkdirSync(dirname(outfile), { recursive: true });
  const folder = mkdtempSync(`${dirname(outfile)}/.build-`);
  try {
    const [command, ...args] = compileCommand(runtime, `${folder}/${basename(outfile)}`, extra);
    // Before the build: what is changed while it is under way makes it stale.
    const digest = digestOf(ROOT, [...FLAGS[runtime.name], ...extra]);
    const { status } = spawnSync(command, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
    // For Windows the name gets a suffix.
    const built = readdirSync(folder).find((name) => name === basename(outfile) || name === `${basename(outfile)}.exe`);
    if (status !== 0 || built === undefined) return status || 1;
    rmSync(digestFile(outfile), { force: true });
    renameSync(`${folder}/${built}`, `${dirname(outfile)}/${built}`);
    writeFileSync(digestFile(outfile), digest);
    return 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Whether the executable that Bun builds is missing, or was built of anything else than what there is now. */
export function isStale(outfile: string, root: string = ROOT, flags: readonly string[] = BUN_FLAGS): boolean {
  if (!existsSync(outfile) || !existsSync(digestFile(outfile))) return true;
  return readFileSync(digestFile(outfile), "utf8") !== digestOf(root, flags);
}

/**
 * Whether Deno can pack the executable. Its own base comes from a server of its makers, so here Deno's executable stands in for it: the file
 * shows that every module is found and is not meant to be run.
 */
export function packs(deno: Runtime): boolean {
  const folder = mkdtempSync(`${tmpdir()}/daemonkit-pack-`);
  try {
    const [command, ...args] = compileCommand(deno, `${folder}/daemonkit-deno`);
    const env = { ...process.env, DENORT_BIN: deno.path };
    return spawnSync(command, args, { cwd: ROOT, env, stdio: ["ignore", "inherit", "inherit"] }).status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Builds for this system or for a target; returns the exit code. */
function main(args: readonly string[]): number {
  const option = (name: string) => args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  const target = option("target");
  const extra = args.filter((arg) => !arg.startsWith("--outfile="));
  const isForBun = target === undefined || target.startsWith("bun-");
  const isForDeno = target === undefined ? CURRENT === "deno" : !isForBun;

  if (isForBun) {
    const bun = findRuntime("bun");
    if (bun === undefined) console.log("dist/daemonkit: not built, as Bun is neither here nor to be had from the registry");
    const code = bun === undefined ? 1 : compile(bun, option("outfile") ?? EXECUTABLE, extra);
    if (code !== 0) return code;
  }
  if (isForDeno) {
    const deno = findRuntime("deno");
    if (deno === undefined) {
      console.log("dist/daemonkit-deno: not built, as Deno is neither here nor to be had from the registry");
      return 1;
    }
    const outfile = isForBun ? undefined : option("outfile");
    if (compile(deno, outfile ?? `${EXECUTABLE}-deno`, extra) !== 0) {
      if (!packs(deno)) return 1;
      console.log("dist/daemonkit-deno: not built, as Deno's base executable could not be fetched; all that goes into it is found");
      return target === undefined ? 0 : 1;
    }
  }
  return 0;
}

if (import.meta.main) {
  ensurePackages();
  process.exitCode = main(process.argv.slice(2));
}
