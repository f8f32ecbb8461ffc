/** Finds Deno and Bun on this machine, whichever of them runs this file. Uses `node:` modules only, as it runs before packages are there. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** A runtime that was found and has said its version. */
export interface Runtime {
  /** Which one. */
  name: RuntimeName;
  /** Its real executable, never a script that starts it. */
  path: string;
  /** Such as `2.9.6`. */
  version: string;
}

/** The two runtimes that everything here runs on. */
export type RuntimeName = "deno" | "bun";

/** The versions that the project is developed with; taken from the registry where a machine has none. */
export const VERSIONS: Readonly<Record<RuntimeName, string>> = { deno: "2.9.6", bun: "1.4.5" };

/** The repository's root folder, without a slash at its end. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/** The runtime that runs this file. */
export const CURRENT: RuntimeName = process.versions.bun === undefined ? "deno" : "bun";

/** Installs the packages of package.json where they are missing; Deno does so by itself, Bun does not. */
export function ensurePackages(): void {
  if (existsSync(`${ROOT}/node_modules`)) return;
  console.log("installing packages ...");
  const frozen = CURRENT === "bun" ? "--frozen-lockfile" : "--frozen";
  const { status } = spawnSync(process.execPath, ["install", frozen], { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error(`Cannot install packages as "${CURRENT} install" must succeed: current value is exit code ${status}`);
}

/**
 * Looks for a runtime: the current one, then `node_modules`, then PATH, then the registry by npx or bunx. Undefined when it is nowhere.
 *
 * - `node_modules/.bin/bun` is no candidate: after an install without scripts it is a text file that only says so.
 * - The registry is asked last and its answer is kept in the client's own cache.
 */
export function findRuntime(name: RuntimeName): Runtime | undefined {
  if (name === CURRENT) return ask(name, process.execPath);
  for (const path of name === "bun" ? bunInPackages() : []) {
    const found = ask(name, path);
    if (found !== undefined) return found;
  }
  return ask(name, name) ?? fromRegistry(name);
}

/** The files inside the packages for this system that may be Bun: as Bun itself lays them out, and as Deno does. */
function bunInPackages(): string[] {
  const modules = `${ROOT}/node_modules`;
  const system = `bun-${process.platform}-${process.arch === "arm64" ? "aarch64" : process.arch}`;
  const stores = [
    modules,
    ...listed(`${modules}/.deno`).filter((name) => name.startsWith("@oven+")).map((name) => `${modules}/.deno/${name}/node_modules`),
  ];
  const inPackages = stores.flatMap((store) =>
    listed(`${store}/@oven`).filter((name) => name.startsWith(system)).map((name) => `${store}/@oven/${name}/bin/bun`)
  );
  return [...inPackages, `${modules}/bun/bin/bun.exe`].filter((path) => existsSync(path));
}

function listed(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

function fromRegistry(name: RuntimeName): Runtime | undefined {
  const wanted = `${name}@${VERSIONS[name]}`;
  const clients: [string, string[]][] = [
    ["npx", ["-y", wanted]],
    ...(CURRENT === "bun" ? [[process.execPath, ["x", "--bun", wanted]] as [string, string[]]] : []),
  ];
  for (const [client, args] of clients) {
    const found = ask(name, client, args);
    if (found !== undefined) return found;
  }
}

/** Asks a candidate for its real path and version, which also shows that it runs here. */
function ask(name: RuntimeName, command: string, args: string[] = []): Runtime | undefined {
  const script = name === "deno" ? "console.log(Deno.execPath(), Deno.version.deno)" : "console.log(process.execPath, Bun.version)";
  const evaluate = name === "deno" ? ["eval", "--no-config", "--no-lock", script] : ["-e", script];
  const { status, stdout } = spawnSync(command, [...args, ...evaluate], {
    encoding: "utf8",
    timeout: 120_000,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const said = /^(.+) (\d+\.\d+\.\d+\S*)\s*$/.exec(stdout?.trim().split("\n").at(-1) ?? "");
  return status === 0 && said !== null ? { name, path: said[1], version: said[2] } : undefined;
}
