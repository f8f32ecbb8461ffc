/**
 * `package [--check]`: builds what npm users get, `dist/npm` with JavaScript, types and source maps, and `dist/daemonkit-VERSION.tgz` of it.
 *
 * With `--check` it is then installed by name into projects that know nothing of ours, under Bun, under Deno and under the types of Node:
 * strict `tsc` must pass, README's first program must run and stop, and the command must answer.
 */
import { spawn, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { ensurePackages, findRuntime, ROOT, type Runtime } from "./runtimes.ts";

/** The folder that is published. */
const FOLDER = `${ROOT}/dist/npm`;

/** Starts the command under the runtime that is there; npm calls it by a link. */
const COMMAND = `#!/bin/sh
folder=$(dirname "$(readlink -f "$0")")
if command -v bun >/dev/null; then exec bun "$folder/cli.js" "$@"; fi
if command -v deno >/dev/null; then exec deno run -A --no-config "$folder/cli.js" "$@"; fi
echo 'daemonkit: Cannot start as "bun" or "deno" must be on PATH: neither is' >&2
exit 1
`;

/** Longest time that the first program may take until it has said that it runs, and until it has stopped. */
const LIMIT_MS = 60_000;

/** Builds the package and tries it; says why where something does not hold. */
export async function builds(deno: Runtime, bun: Runtime | undefined): Promise<boolean> {
  try {
    build(deno);
    await check(deno, bun);
    return true;
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
    return false;
  }
}

/** Builds the package; throws where a step fails. */
function build(deno: Runtime): void {
  const staging = mkdtempSync(`${tmpdir()}/daemonkit-package-`);
  try {
    // Types are made for what is exported and for all that its types name; of the rest Deno says, module by module, that it makes none.
    must(run(deno.path, ["pack", "--allow-dirty", "--quiet", "--output", `${staging}/package.tgz`], ROOT));
    must(run("tar", ["xzf", "package.tgz"], staging));
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(dirname(FOLDER), { recursive: true });
    must(run("mv", [`${staging}/package`, FOLDER], staging));
  } finally {
    rmSync(staging, { recursive: true });
  }
  rmSync(`${FOLDER}/cli.ts`);
  writeFileSync(`${FOLDER}/cli.js`, readFileSync(`${ROOT}/cli.ts`, "utf8").replaceAll('.ts"', '.js"'));
  writeFileSync(`${FOLDER}/daemonkit.sh`, COMMAND);
  chmodSync(`${FOLDER}/daemonkit.sh`, 0o755);
  const { name, version, description } = JSON.parse(readFileSync(`${ROOT}/package.json`, "utf8"));
  const made = JSON.parse(readFileSync(`${FOLDER}/package.json`, "utf8"));
  const { main, types, exports, dependencies, type, license } = made;
  const whole = { name, version, description, license, type, bin: { daemonkit: "./daemonkit.sh" }, main, types, exports, dependencies };
  writeFileSync(`${FOLDER}/package.json`, `${JSON.stringify(whole, null, 2)}\n`);
  const archive = `${ROOT}/dist/daemonkit-${version}.tgz`;
  must(run("tar", ["czf", archive, "--transform=s,^npm,package,", "--owner=0", "--group=0", "npm"], dirname(FOLDER)));
  console.log(`built ${FOLDER.slice(ROOT.length + 1)} and ${archive.slice(ROOT.length + 1)}`);
}

/** Installs the package into an empty project and uses it there; throws where something does not hold. */
async function check(deno: Runtime, bun: Runtime | undefined): Promise<void> {
  const project = mkdtempSync(`${tmpdir()}/daemonkit-project-`);
  try {
    const readme = readFileSync(`${ROOT}/README.md`, "utf8");
    const program = /```ts\n([\s\S]*?)```/.exec(readme)![1];
    writeFileSync(`${project}/package.json`, '{ "name": "project", "private": true, "type": "module" }\n');
    writeFileSync(`${project}/first.ts`, program);
    writeFileSync(
      `${project}/entries.ts`,
      [
        'import * as library from "@daemonkit/daemonkit";',
        'import { runCli } from "@daemonkit/daemonkit/cli";',
        'import { FakeClock } from "@daemonkit/daemonkit/testing";',
        "export const clock: FakeClock = new FakeClock();",
        "export const names: string[] = [...Object.keys(library), runCli.name];",
        "",
      ].join("\n"),
    );
    install(project);
    for (const module of ["nodenext", "preserve"]) {
      const options = {
        strict: true,
        module,
        target: "esnext",
        lib: ["esnext", "dom"],
        types: ["node"],
        noEmit: true,
        skipLibCheck: false,
      };
      writeFileSync(`${project}/tsconfig.json`, JSON.stringify({ compilerOptions: options, files: ["first.ts", "entries.ts"] }));
      must(
        run(
          deno.path,
          ["run", "-A", "--no-config", "--unstable-detect-cjs", `${ROOT}/node_modules/typescript/lib/tsc.js`, "-p", "."],
          project,
        ),
      );
      console.log(`strict tsc passes with module ${module}`);
    }
    must(run(deno.path, ["check", "--no-config", "--node-modules-dir=manual", "first.ts", "entries.ts"], project));
    console.log("deno check passes");
    const runtimes: [Runtime, string[]][] = [[deno, ["run", "-A", "--no-config", "--node-modules-dir=manual", "first.ts"]]];
    if (bun !== undefined) runtimes.push([bun, ["first.ts"]]);
    for (const [{ name, path }, args] of runtimes) {
      await runs(path, args, project);
      console.log(`README's first program runs and stops under ${name}`);
    }
    const env = { ...process.env, PATH: `${dirname((bun ?? deno).path)}:${process.env.PATH}` };
    const { stdout } = must(run(`${project}/node_modules/.bin/daemonkit`, ["version"], project, env));
    console.log(`the command says ${stdout.trim()}`);
  } finally {
    rmSync(project, { recursive: true });
  }
}

/** Lays the package and those that it needs out as npm does, from what is there, so that no registry is asked. */
function install(project: string): void {
  const modules = `${project}/node_modules`;
  mkdirSync(`${modules}/.bin`, { recursive: true });
  mkdirSync(`${modules}/@daemonkit`);
  must(run("cp", ["-R", FOLDER, `${modules}/@daemonkit/daemonkit`], project));
  symlinkSync("../@daemonkit/daemonkit/daemonkit.sh", `${modules}/.bin/daemonkit`);
  const { dependencies } = JSON.parse(readFileSync(`${FOLDER}/package.json`, "utf8"));
  for (const name of [...Object.keys(dependencies), "@types/node"]) {
    mkdirSync(dirname(`${modules}/${name}`), { recursive: true });
    symlinkSync(realpathSync(`${ROOT}/node_modules/${name}`), `${modules}/${name}`);
  }
}

/** Runs a program until it says that it is ready, tells it to stop, and waits for a clean end. */
async function runs(command: string, args: readonly string[], cwd: string): Promise<void> {
  const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"], timeout: LIMIT_MS, killSignal: "SIGKILL" });
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      lines.push(line);
      // Deno's child.kill would make the exit code null, whatever the child answers.
      if (/ ready /.test(line)) process.kill(child.pid!, "SIGTERM");
    });
  }
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`Cannot run README's first program as it must end with 0: it ended with ${code}\n${lines.join("\n")}`);
}

function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = process.env): SpawnSyncReturns<string> {
  return spawnSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function must(done: SpawnSyncReturns<string>): SpawnSyncReturns<string> {
  const { status, stdout, stderr, error } = done;
  if (status !== 0) throw new Error(`Cannot go on as a command must end with 0: it ended with ${error ?? status}\n${stdout}${stderr}`);
  return done;
}

if (import.meta.main) {
  ensurePackages();
  const deno = findRuntime("deno");
  if (deno === undefined) throw new Error("Cannot build the package as Deno must be here or to be had from the registry: it is neither");
  build(deno);
  if (process.argv.includes("--check")) await check(deno, findRuntime("bun"));
}
