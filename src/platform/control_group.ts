import fs from "node:fs";
import process from "node:process";
import { IoError, messageOf } from "../core/values/errors.ts";
import type { ControlGroup, ProcessIdentity } from "../core/ports/processes.ts";
import { ioError } from "./io_error.ts";
import { parseStat, readProc } from "./process_table.ts";

/** Makes a control group of version 2, or goes on with one of that name: see `controlGroup` of the processes. */
export function openControlGroup(name: string, identity: (pid: number, startTicks: number) => ProcessIdentity): ControlGroup {
  const path = `${ownFolder()}/${name.replaceAll(/[^\w.@-]/g, "-")}`;
  try {
    fs.mkdirSync(path, { recursive: true });
    fs.accessSync(`${path}/cgroup.kill`, fs.constants.W_OK);
    fs.accessSync(`${path}/cgroup.procs`, fs.constants.W_OK);
  } catch (error) {
    throw unsupported(`${path}: ${messageOf(error)}`, error);
  }
  const write = (file: string, text: string) => {
    try {
      fs.writeFileSync(`${path}/${file}`, text);
    } catch (error) {
      throw ioError(error, `write ${text} to ${file} of a control group`, { path });
    }
  };
  return {
    add: (pid) => write("cgroup.procs", String(pid)),
    kill: () => write("cgroup.kill", "1"),
    members() {
      const pids = fs.readFileSync(`${path}/cgroup.procs`, "utf8").split("\n").filter(Boolean).map(Number);
      return pids.flatMap((pid) => {
        const text = readProc(`${pid}/stat`);
        const stat = text === undefined ? undefined : parseStat(text);
        if (!stat?.isAlive) return [];
        return [{ identity: identity(pid, stat.startTicks), group: stat.pgid, session: stat.session, name: stat.name }];
      });
    },
    [Symbol.dispose]() {
      try {
        fs.rmdirSync(path);
      } catch { /* somebody is still in it, who is named elsewhere */ }
    },
  };
}

/** The folder of this process's own control group. */
function ownFolder(): string {
  const mount = /^\S+ \S+ \S+ (\S+) (\S+) .* - cgroup2 /m.exec(readOrNothing("/proc/self/mountinfo"));
  const [, own] = /^0::(.*)$/m.exec(readOrNothing("/proc/self/cgroup")) ?? [];
  if (process.platform !== "linux" || mount === null || own === undefined) throw unsupported("none is mounted here");
  const [, root, folder] = mount;
  const below = root === "/" ? own : own.startsWith(root) ? own.slice(root.length) : "";
  return `${folder}${below === "/" ? "" : below}`;
}

function readOrNothing(path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function unsupported(reason: string, cause?: unknown): IoError {
  return new IoError(
    "UNSUPPORTED",
    `Cannot make a control group as version 2 must be mounted and writable for kill_mode = "cgroup" (kill_mode = "all" needs none): ${reason}`,
    { cause },
  );
}
