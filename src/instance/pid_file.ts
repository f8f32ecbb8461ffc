import { DaemonError, IoError } from "../core/values/errors.ts";
import type { Files } from "../core/ports/files.ts";
import type { Host } from "../core/ports/host.ts";
import type { ProcessIdentity } from "../core/ports/processes.ts";
import { folderOf } from "../core/values/paths.ts";
import { type Lack, unmakeable } from "../service/mod.ts";
import { heldInstances } from "./instance.ts";
import { isSameOrigin } from "./origin.ts";

type PidFileHost = Pick<Host, "files" | "processes">;

/**
 * Writes the process number to a file, a readable copy of who runs; disposing the result removes the file if it is still ours.
 *
 * - A file of a dead process is replaced, also when its number was given to a process that began after the file was written.
 * - A file that holds something else than a process number is somebody else's and stays.
 *
 * @throws {DaemonError} with code `LOCK_HELD` if the file is that of a living process, `IO_EXISTS` if it is no PID file, `IO_DENIED` if others
 * could lead root elsewhere by it, `RUNTIME_STATE` if another daemon of this process has it.
 */
export function pidFile(path: string, owner: string, host: PidFileHost & Pick<Host, "ownProcess">): Disposable {
  const claim = host.ownProcess.claim(owner, `the PID file ${path}`);
  try {
    const file = writePidFile(path, host);
    return {
      [Symbol.dispose]() {
        file[Symbol.dispose]();
        claim[Symbol.dispose]();
      },
    };
  } catch (error) {
    claim[Symbol.dispose]();
    throw error;
  }
}

/** Why the daemon of a configuration file could not write a PID file, found without writing it. */
export function pidFileLack(path: string, host: PidFileHost, { configPath }: { configPath: string | null }): Lack | undefined {
  const { files, processes } = host;
  const text = JSON.stringify(path);
  const why = files.whyUntrusted(path);
  const hint = "name another file";
  if (why !== undefined) return { message: `expected a file to which others can't lead root, got ${text}: ${why}`, hint };
  const found = readPid(path, files);
  if (found === null) return { message: `expected nothing or a file with a process number, got something else at ${text}`, hint };
  const isOwn = () =>
    heldInstances(processes).some(({ record: { pid, origin } }) => pid === found && isSameOrigin(origin, configPath ?? "", files));
  if (found !== undefined && isOther(found, path, host) && !isOwn()) {
    return {
      message: `expected a file whose process has ended, got ${text} of process ${found}`,
      hint: "stop that process, or name another file",
    };
  }
  return unmakeable(folderOf(path), files);
}

function writePidFile(path: string, host: PidFileHost): Disposable {
  const { files, processes } = host;
  const own = processes.self().pid;
  const why = files.whyUntrusted(path);
  if (why !== undefined) {
    throw new DaemonError("IO_DENIED", `Cannot write the PID file ${path} as root writes nowhere that others could lead it to: ${why}`);
  }
  const found = readPid(path, files);
  if (found === null) {
    throw new DaemonError(
      "IO_EXISTS",
      `Cannot write the PID file ${path} as the file there must hold a process number: it is not ours to replace`,
    );
  }
  if (found !== undefined && isOther(found, path, host)) {
    throw new DaemonError(
      "LOCK_HELD",
      `Cannot write the PID file ${path} as process ${found}, which it names, must have ended: stop it, or set another pid_file`,
      { context: { path, pid: found } },
    );
  }
  files.makeDir(folderOf(path), { mode: 0o755 });
  files.writeText(path, `${own}\n`, { mode: 0o644 });
  return {
    [Symbol.dispose]() {
      if (readPid(path, files) === own) files.remove(path);
    },
  };
}

/** Whether the process that a PID file names is alive and not this one. */
function isOther(pid: number, path: string, { files, processes }: PidFileHost): boolean {
  if (pid === processes.self().pid) return false;
  const identity = processes.identify(pid);
  return identity !== undefined && !beganAfter(identity, path, files);
}

/** The number in a PID file: undefined when there is no file or an empty one, null when it holds something else. */
function readPid(path: string, files: Files): number | undefined | null {
  const info = files.info(path);
  if (info === undefined) return undefined;
  if (info.kind !== "file") return null;
  const text = files.readText(path).trim();
  if (text === "") return undefined;
  return /^\d{1,10}$/.test(text) ? Number(text) : null;
}

/** Whether a process began after a file was written, so that the number in the file is a recycled one. Says no where the system does not tell. */
function beganAfter({ startTicks }: ProcessIdentity, path: string, files: Files): boolean {
  const TICKS_PER_SECOND = 100;
  const SLACK_MS = 2_000;
  const writtenMs = files.info(path)?.mtimeMs;
  if (startTicks === 0 || writtenMs === undefined) return false;
  try {
    const bootSeconds = Number(/^btime (\d+)$/m.exec(files.readText("/proc/stat"))?.[1]);
    return (bootSeconds + startTicks / TICKS_PER_SECOND) * 1_000 > writtenMs + SLACK_MS;
  } catch (error) {
    if (error instanceof IoError) return false;
    throw error;
  }
}
