import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

const RUNS = 5;

/** Measures the first call of each headline in a fresh process, as the median of 5: nothing is compiled or cached yet. */
export function measureCold(): { name: string; ns: number }[] {
  const file = fileURLToPath(new URL("./cold_process.ts", import.meta.url));
  const command = "Deno" in globalThis ? [process.execPath, "run", "-A", "--no-check", file] : [process.execPath, file];
  const runs = Array.from({ length: RUNS }, () => {
    const { stdout, status, stderr } = spawnSync(command[0], command.slice(1), { encoding: "utf8" });
    if (status !== 0) throw new Error(`Cannot measure a cold process as it exited with ${status}: ${stderr}`);
    return JSON.parse(stdout) as Record<string, number>;
  });
  return Object.keys(runs[0]).map((name) => ({
    name: `cold: ${name}`,
    ns: runs.map((run) => run[name]).sort((a, b) => a - b)[Math.floor(RUNS / 2)],
  }));
}
