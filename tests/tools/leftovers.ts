import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import { setTimeout } from "node:timers/promises";

/** A process that belongs to a folder. */
export interface Leftover {
  /** Its number. */
  pid: number;
  /** Its command line. */
  command: string;
}

/** Living processes that work in a folder, or whose environment names it: each run of tests has a folder of its own. */
export function processesOfFolder(folder: string): Leftover[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).flatMap((name) => {
    const read = (file: string) => readFileSync(`/proc/${name}/${file}`, "utf8");
    try {
      const stat = read("stat");
      if (stat[stat.lastIndexOf(")") + 2] === "Z") return [];
      const isThere = readlinkSync(`/proc/${name}/cwd`).startsWith(`${folder}/`) || read("environ").includes(`=${folder}`);
      return isThere ? [{ pid: Number(name), command: read("cmdline").replaceAll("\0", " ").trim().slice(0, 200) }] : [];
    } catch {
      return []; // gone meanwhile, or somebody else's
    }
  });
}

/** Kills a process; one that is gone is fine. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}

/** Processes and files that are left after a run of tests. The processes are killed; those that are about to go get some time. */
export async function leftoversOf(folder: string, expected: readonly string[], patienceMs = 5_000): Promise<string[]> {
  const files = () => readdirSync(folder).filter((name) => !expected.includes(name));
  const endMs = performance.now() + patienceMs;
  while (processesOfFolder(folder).length + files().length > 0 && performance.now() < endMs) await setTimeout(100);
  const processes = processesOfFolder(folder);
  for (const { pid } of processes) kill(pid);
  return [...processes.map(({ pid, command }) => `process ${pid}: ${command}`), ...files().map((name) => `${folder}/${name}`)];
}
