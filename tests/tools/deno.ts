/** `deno.ts ARGS`: runs Deno, wherever it is to be had, for the tasks of which only Deno has the tool. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { ensurePackages, findRuntime, ROOT } from "./runtimes.ts";

ensurePackages();
const deno = findRuntime("deno");
if (deno === undefined) throw new Error("Cannot run this task as Deno must be there: it is neither here nor to be had from the registry");
process.exitCode = spawnSync(deno.path, process.argv.slice(2), { cwd: ROOT, stdio: "inherit" }).status ?? 1;
