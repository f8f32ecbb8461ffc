/**
 * `ok [--static]`: everything that must hold before a change lands. Runs all steps, also after one has failed, and lists those that did.
 * With `--static` it leaves out the tests, which `test` runs as well.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { packs } from "./compile.ts";
import { builds } from "./package.ts";
import { ensurePackages, findRuntime, ROOT } from "./runtimes.ts";
import { runTests } from "./test.ts";
import { sentence, type Tally } from "./test_output.ts";

const EXPORTS = ["mod.ts", "src/cli/mod.ts", "src/testing/mod.ts"];

/** Checks of the sources by Deno's own tools. */
const STATIC: readonly (readonly [name: string, args: readonly string[]])[] = [
  ["format", ["fmt", "--check"]],
  ["lint, with the layers", ["lint"]],
  ["types", ["check", "."]],
  ["types of the core, with web names only", ["check", "--config", "tests/rules/core.json", "src/core/"]],
  ["documentation of the exports", ["doc", "--lint", ...EXPORTS]],
  ["examples in documentation", ["test", "-A", "--doc", "mod.ts", "src/", "README.md"]],
  ["publish, dry", ["publish", "--dry-run", "--allow-dirty", "--quiet"]],
];

interface Outcome {
  name: string;
  seconds: number;
  ok: boolean;
}

ensurePackages();
const outcomes: Outcome[] = [];
const deno = findRuntime("deno");
if (deno === undefined) console.log("static checks: not run, as Deno is neither here nor to be had from the registry");
else {
  for (const [name, args] of STATIC) await step(name, () => succeeds(deno.path, args));
  await step("deno compile packs", () => packs(deno));
  await step("package for npm", () => builds(deno, findRuntime("bun")));
}
let tally: Tally | undefined;
if (!process.argv.includes("--static")) {
  const startMs = performance.now();
  tally = await runTests();
  outcomes.push({ name: "tests", seconds: (performance.now() - startMs) / 1_000, ok: tally.failed === 0 && tally.passed > 0 });
}

console.log("");
for (const { name, seconds, ok } of outcomes) console.log(`${ok ? "ok    " : "FAILED"} ${seconds.toFixed(1).padStart(6)} s  ${name}`);
if (tally !== undefined) console.log(sentence(tally));
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1;

async function step(name: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  console.log(`--- ${name}`);
  const startMs = performance.now();
  const ok = await holds();
  outcomes.push({ name, seconds: (performance.now() - startMs) / 1_000, ok });
}

function succeeds(command: string, args: readonly string[]): boolean {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
  return status === 0;
}
