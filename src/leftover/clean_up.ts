import { isDaemonError } from "../core/values/errors.ts";
import type { Host } from "../core/ports/host.ts";
import { type Logger, silentLogger } from "../core/ports/log.ts";
import { fileNameOf, folderOf } from "../core/values/paths.ts";
import type { LogPort } from "../core/wire/unit_output.ts";
import { serviceSubsystems } from "../service/mod.ts";
import { ModuleHub } from "../service/module_hub.ts";
import { Neighbours } from "../service/neighbours.ts";
import { readGroups } from "./group_file.ts";
import { acquireInstance, readInstance } from "../instance/instance.ts";
import { loadConfig } from "../settings/load_config.ts";
import { Recovery } from "./recovery.ts";
import { PROTOCOL, VERSION } from "../instance/version.ts";

/** Longest time that what was left gets to stop by itself: that of its unit decides. */
const LIMIT_MS = 3_600_000;

/** Where a daemon is found. */
export interface CleanUpPlace {
  /** Its lock file. */
  lock: string;
  /** Its control socket. */
  socket: string;
}

/** Result of cleaning up after a daemon. */
export interface CleanUp {
  /** Findings, in sentences. */
  said: string[];
  /** Units of which something could not be ended. */
  unended: string[];
}

/** Whether a daemon died here on this boot and none has looked after what it left. */
export function hasDied({ lock }: CleanUpPlace, { files, processes }: Pick<Host, "files" | "processes">): boolean {
  const record = readInstance(lock, files);
  return record !== undefined && record.bootId === processes.self().bootId && !processes.isAlive(record);
}

/**
 * Ends what a daemon that died has left, as its next start would. Does nothing when somebody has taken its lock meanwhile: a new daemon does
 * it itself.
 *
 * `configPath` names the file that says how its services are stopped, the one of the working folder by default; null stands for none.
 */
export async function endWhatIsLeft({ lock, socket }: CleanUpPlace, host: Host, configPath: string | null | undefined): Promise<CleanUp> {
  const folder = folderOf(lock);
  const groups = `${folder}/groups.json`;
  const id = readGroups(groups, host.files).id ?? fileNameOf(folder);
  const origin = readInstance(lock, host.files)?.origin ?? "";
  const folders = { id, origin, lock, socket, groups };
  const said: string[] = [];
  try {
    using instance = await acquireInstance(folders, host, { version: VERSION, protocol: PROTOCOL });
    const log = sayingLogger((text) => void said.push(text));
    await using recovery = new Recovery({ folders, crashed: instance.crashed, host, log, limitMs: LIMIT_MS });
    const services = configPath === null ? [] : await servicesOf(configPath, host);
    // Nothing is adopted by somebody who does not stay.
    await recovery.settle(services, new Set(services.map(({ name }) => name)));
    host.files.remove(socket);
    return { said, unended: recovery.unended };
  } catch (error) {
    if (!isDaemonError(error) || error.code !== "LOCK_HELD") throw error;
    return { said, unended: [] };
  }
}

/** Nothing is started, so nothing is printed. */
const NOWHERE: LogPort = { open() {}, close() {}, keep() {}, publish() {}, maxLineBytes: () => 0, room: () => undefined };

/** The services of a file, for the way in which each is stopped; none when it can't be read any more. */
async function servicesOf(path: string | undefined, host: Host): Promise<ReturnType<typeof serviceSubsystems>> {
  try {
    using neighbours = new Neighbours(host);
    using modules = new ModuleHub({ host, socket: "" });
    const { files, env, ownProcess } = host;
    const cwd = path?.startsWith("/") ? "/" : ownProcess.cwd();
    const loaded = await loadConfig({ files, env, cwd }, path === undefined ? {} : { path });
    return loaded.services.flatMap((spec) => serviceSubsystems(spec, { host, logs: NOWHERE, daemonId: "", neighbours, modules }));
  } catch (error) {
    if (isDaemonError(error)) return [];
    throw error;
  }
}

/** A logger whose warnings and errors about processes are sentences. */
function sayingLogger(say: (text: string) => void): Logger {
  const line = (text: string, { pids }: Readonly<Record<string, unknown>> = {}) => {
    if (pids !== undefined) say(`${text}: pid ${Array.isArray(pids) ? pids.join(", ") : pids}`);
  };
  return { ...silentLogger, warn: line, error: line };
}
