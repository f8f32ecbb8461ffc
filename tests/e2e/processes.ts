import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { isRunning, type Stage } from "./driver.ts";

/** Living processes of a stage, by folder, whose command line matches. */
export function processesOf(stage: Stage, pattern: RegExp): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      return pid !== process.pid && readlinkSync(`/proc/${pid}/cwd`).startsWith(stage.folder) && pattern.test(command) && isRunning(pid);
    } catch {
      return false; // gone meanwhile, or somebody else's
    }
  });
}

/** The folder in which the only daemon of a stage has its lock and socket. */
export function runFolderOf(stage: Stage): string {
  const root = join(stage.env.XDG_RUNTIME_DIR, "daemonkit");
  return join(root, readdirSync(root)[0]);
}

/** The log of a daemon in the background. */
export function daemonLogOf(stage: Stage): string {
  const root = join(stage.env.XDG_STATE_HOME, "daemonkit");
  return readFileSync(join(root, readdirSync(root)[0], "daemon.log"), "utf8");
}
