import type { Problem } from "../schema/problem.ts";
import type { Host } from "../core/ports/host.ts";
import { ConfigError, isDaemonError, messageOf } from "../core/values/errors.ts";
import { folderOf, resolvePath } from "../core/values/paths.ts";
import type { ListenerSpec } from "../control/spec.ts";
import { addressText } from "../core/wire/address.ts";
import { readToken } from "../control/token.ts";
import { daemonFolders, type FoldersHost, stateFolderLack } from "../instance/folders.ts";
import { pidFileLack } from "../instance/pid_file.ts";
import { folderLack, type Lack, logFileLack, looked, unmakeable } from "../service/mod.ts";
import type { LoadedConfig } from "./load_config.ts";

/** The parts of a host on which is looked up what a daemon needs. */
export type DaemonNeedHost = FoldersHost & Pick<Host, "http">;

/**
 * Looks up what the daemon itself, beside its services, needs of the machine for its next start: its folders, its PID file, its log, its
 * listeners. What it makes itself is no lack.
 *
 * Keys in force that only a restart of the daemon would change are left alone: nothing is to be refused for them.
 */
export async function daemonNeeds(
  loaded: LoadedConfig,
  host: DaemonNeedHost,
  { isInForce }: { isInForce: boolean },
): Promise<Problem[]> {
  const { config, listeners, path } = loaded;
  const { files } = host;
  const problems: Problem[] = [];
  const find = (path: Problem["path"], look: () => Lack | undefined) => {
    const lack = looked(look);
    if (lack !== undefined) problems.push({ path, message: lack.message, ...(lack.hint === undefined ? {} : { hint: lack.hint }) });
  };
  const { name, workDir, stateDir, pidFile } = isInForce ? waitingIn(loaded) : config;
  if (workDir !== undefined) find(["work_dir"], () => folderLack(workDir, files));
  if (stateDir !== undefined) find(["state_dir"], () => stateFolderLack(stateDir, host));
  if (pidFile !== undefined) find(["pid_file"], () => pidFileLack(pidFile, host, { configPath: path }));
  // Its path is known only here: it depends on the user and the environment.
  if (name !== undefined) {
    try {
      await daemonFolders({ name, configPath: path, ...(config.stateDir === undefined ? {} : { stateDir: config.stateDir }) }, host);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push({ path: ["name"], message: error.message });
    }
  }
  const { file } = config.logging;
  if (file !== undefined) find(["logging", "file"], () => logFileLack(file, files));
  for (const spec of listeners) problems.push(...await listenerNeeds(spec, host));
  return problems;
}

/** Values of this file that wait for a restart of the daemon. */
function waitingIn(
  { heldBack, baseDir, path }: LoadedConfig,
): { name: string | undefined; workDir: string | undefined; stateDir: string | undefined; pidFile: string | undefined } {
  const given = (key: string) => {
    const value = heldBack.find(({ path }) => path.length === 1 && path[0] === key)?.value;
    return typeof value === "string" ? value : undefined;
  };
  const [name, workDir, stateDir, pidFile] = ["name", "work_dir", "state_dir", "pid_file"].map(given);
  const base = workDir === undefined ? baseDir : resolvePath(folderOf(path!), workDir);
  const resolved = (path: string | undefined) => path === undefined ? undefined : resolvePath(base, path);
  return { name, workDir: workDir && base, stateDir: resolved(stateDir), pidFile: resolved(pidFile) };
}

async function listenerNeeds({ name, address, group, tokenFile }: ListenerSpec, host: DaemonNeedHost): Promise<Problem[]> {
  const problems: Problem[] = [];
  const find = (key: string, lack: Lack | undefined) => {
    if (lack === undefined) return;
    problems.push({ path: ["listen", name, key], message: lack.message, ...(lack.hint === undefined ? {} : { hint: lack.hint }) });
  };
  if (address !== undefined && "unix" in address) find("address", looked(() => socketLack(address.unix, host)));
  else if (address !== undefined) find("address", await addressLack(address, host));
  if (group !== undefined) find("group", groupLack(group, host));
  if (tokenFile !== undefined) find("token_file", await tokenLack(tokenFile, host));
  return problems;
}

/** Its folder is made; only a socket may stand in its place. */
function socketLack(path: string, { files }: Pick<Host, "files">): Lack | undefined {
  const kind = files.info(path, { isLinkItself: true })?.kind;
  if (kind === undefined || kind === "socket") return unmakeable(folderOf(path), files);
  const what = kind === "directory" ? "a folder" : kind === "other" ? "a link" : kind === "file" ? "a file" : `a ${kind}`;
  return { message: `expected nothing or a socket, got ${what} at ${JSON.stringify(path)}`, hint: "remove it, or name another path" };
}

async function addressLack(address: { hostname: string; port: number }, { http }: Pick<Host, "http">): Promise<Lack | undefined> {
  try {
    await http.checkAddress(address);
    return undefined;
  } catch (error) {
    if (!isDaemonError(error)) throw error;
    const reason = messageOf(error).replace(/^Cannot listen on .*? as /, "");
    const message = `expected an address to listen on, got ${JSON.stringify(addressText(address))}: ${reason}`;
    if (error.code === "IO_DENIED") return { message, hint: "choose a port above 1023, or give the daemon CAP_NET_BIND_SERVICE" };
    const own = address.hostname.includes(":") ? "[::1]" : "127.0.0.1";
    return { message, hint: `write address = "${own}:${address.port}", or another address of this machine` };
  }
}

function groupLack(group: string | number, { processes }: Pick<Host, "processes">): Lack | undefined {
  try {
    const gid = processes.group(group);
    if (processes.mayGive(gid)) return undefined;
    return {
      message: `expected a group that the daemon is in, got ${JSON.stringify(group)}: user ${processes.uid} may give files to no other`,
      hint: "add that user to the group and log in anew, or name another group",
    };
  } catch (error) {
    if (!isDaemonError(error)) throw error;
    return { message: `expected a group of this machine: ${messageOf(error)}`, hint: "name a group of this machine" };
  }
}

/** A pipe gives its data once, and the daemon needs it. */
async function tokenLack(path: string, { files }: Pick<Host, "files">): Promise<Lack | undefined> {
  const kind = looked(() => {
    const { kind } = files.info(path) ?? {};
    return kind === "pipe" || kind === "device" ? { message: kind } : undefined;
  })?.message;
  if (kind === "pipe") return undefined;
  if (kind === "device") return { message: `${path} must hold one token: it is a device`, hint: "name a file" };
  const read = await readToken(path, files);
  return "problem" in read ? { message: read.problem, ...(read.hint === undefined ? {} : { hint: read.hint }) } : undefined;
}
