import { parseAfter } from "../core/supervise/after.ts";
import type { Problem } from "../config/key_table.ts";
import { ConfigError, formatIssue } from "../core/values/errors.ts";
import { nameKey } from "../core/values/names.ts";
import type { Files } from "../core/ports/files.ts";
import { readToken } from "../control/token.ts";
import { handsOnAll, isShellName, logFileProblem, type NeedHost, unmetNeeds } from "../service/mod.ts";
import type { ServiceSpec } from "../service/spec.ts";
import { daemonFolders, type FoldersHost } from "../instance/folders.ts";
import type { LoadedConfig } from "./load_config.ts";

/** The parts of a host on which a configuration is looked up. */
export type CheckHost = NeedHost & FoldersHost;

/** Things that a configuration names and this machine lacks. */
export interface Findings {
  /** Faults that keep a service from starting. */
  problems: Problem[];
  /** Lacks that may be mended in time, or are worth knowing, in sentences. */
  warnings: string[];
  /** The same of what services inherit, which the log of a daemon that starts says by itself. */
  inherited: string[];
}

/**
 * Looks up what the configuration names: env files and what they hold, modules, programs, folders, log files, users, tokens. Nothing is
 * started.
 *
 * A lack of a service that waits for the end of another one (`exited-ok`) is a warning: that one may be about to make it.
 */
export async function checkNeeds({ services, listeners, config, path, issuesOf }: LoadedConfig, host: CheckHost): Promise<Findings> {
  const problems: Problem[] = [];
  const later: Problem[] = [];
  const fromShell: { name: string; dropped: string[] }[] = [];
  const patient = comeAfterAnEnd(services);
  for (const spec of services) {
    const { needs, shellDrops } = await unmetNeeds(spec, host);
    for (const { path, ...need } of needs) {
      (need.isMissing && patient.has(nameKey(spec.name)) ? later : problems).push({ ...need, path: ["service", spec.name, ...path] });
    }
    if (shellDrops.length > 0) fromShell.push({ name: spec.name, dropped: shellDrops });
  }
  // Its path is known only here: it depends on the user and the environment.
  try {
    await daemonFolders(
      { name: config.name, configPath: path, ...(config.stateDir === undefined ? {} : { stateDir: config.stateDir }) },
      host,
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push({ path: ["name"], message: error.message });
  }
  const file = config.logging.file;
  const reason = file === undefined ? undefined : logFileProblem(file, host.files);
  if (reason !== undefined) problems.push({ path: ["logging", "file"], message: reason });
  for (const { name, tokenFile } of listeners) {
    // A pipe gives its data once, and the daemon needs it.
    if (tokenFile === undefined || isPipe(tokenFile, host.files)) continue;
    const read = await readToken(tokenFile, host.files);
    if (!("problem" in read)) continue;
    const { problem, hint } = read;
    problems.push({ path: ["listen", name, "token_file"], message: problem, ...(hint === undefined ? {} : { hint }) });
  }
  const warnings = (await issuesOf(later)).map((issue) => `${formatIssue(issue)}; it may be made by what ends before`);
  const { own, inherited } = shellWarnings(services, fromShell, host);
  return { problems, warnings: [...warnings, ...own], inherited };
}

/** Refuses a configuration with which a service could not start. */
export async function refuseUnmet({ issuesOf }: LoadedConfig, { problems }: Findings): Promise<void> {
  if (problems.length === 0) return;
  const count = problems.length === 1 ? "something" : `${problems.length} things`;
  throw new ConfigError("CONFIG_INVALID", `Cannot use the configuration as ${count} that it names can't be used on this machine:`, {
    issues: await issuesOf(problems),
  });
}

function isPipe(path: string, files: Pick<Files, "info">): boolean {
  const kind = files.info(path)?.kind;
  return kind === "other" || kind === "socket";
}

/** Keys of services that wait for the end of another one, themselves or through what they come after. */
function comeAfterAnEnd(services: readonly ServiceSpec[]): ReadonlySet<string> {
  const found = new Set<string>();
  const dependents = new Map<string, string[]>();
  for (const { name, after } of services) {
    for (const edge of after.map((entry) => parseAfter(entry))) {
      if (edge.condition === "exited-ok") found.add(nameKey(name));
      const others = dependents.get(nameKey(edge.name)) ?? [];
      others.push(nameKey(name));
      dependents.set(nameKey(edge.name), others);
    }
  }
  // A set hands over what is added to it meanwhile too.
  for (const key of found) for (const dependent of dependents.get(key) ?? []) found.add(dependent);
  return found;
}

/** Some shells, dash among them, hand on no variable whose name they would not take themselves. */
function shellWarnings(
  services: readonly ServiceSpec[],
  own: readonly { name: string; dropped: readonly string[] }[],
  { files, env }: CheckHost,
): { own: string[]; inherited: string[] } {
  if (!services.some(({ run }) => typeof run === "string") || handsOnAll(files)) return { own: [], inherited: [] };
  const what = (names: readonly string[]) => `sh hands on no variable of such a name: ${names.join(", ")}; write run as a list`;
  const inherited = Object.keys(env.all()).filter((name) => !isShellName(name));
  return {
    own: own.map(({ name, dropped }) => `service.${name}.run: ${what(dropped)}`),
    inherited: inherited.length === 0 ? [] : [`environment: where run is a text, ${what(inherited)}`],
  };
}
