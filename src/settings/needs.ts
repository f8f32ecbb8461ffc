import { parseAfter } from "../core/supervise/after.ts";
import type { Problem } from "../schema/problem.ts";
import { ConfigError, formatIssue } from "../core/values/errors.ts";
import { nameKey } from "../core/values/names.ts";
import { handsOnAll, isShellName, type NeedHost, unmetNeeds } from "../service/mod.ts";
import type { ServiceSpec } from "../service/spec.ts";
import { type DaemonNeedHost, daemonNeeds } from "./daemon_needs.ts";
import type { LoadedConfig } from "./load_config.ts";

/** The parts of a host on which a configuration is looked up. */
export type CheckHost = NeedHost & DaemonNeedHost;

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
 * Looks up what the configuration names: env files and what they hold, modules, programs, folders, log files, users, and what the daemon
 * itself needs. Nothing is started. Where it takes the place of one that `isInForce`, keys that wait for a restart count as they will be.
 *
 * A lack of a service that waits for the end of another one (`exited-ok`) is a warning: that one may be about to make it.
 */
export async function checkNeeds(
  loaded: LoadedConfig,
  host: CheckHost,
  { isInForce = false }: { isInForce?: boolean } = {},
): Promise<Findings> {
  const { services, config: { workDir }, issuesOf } = loaded;
  const problems = await daemonNeeds(loaded, host, { isInForce });
  const isLost = problems.some(({ path: [key] }) => key === "work_dir");
  const later: Problem[] = [];
  const fromShell: { name: string; dropped: string[] }[] = [];
  const patient = comeAfterAnEnd(services);
  for (const spec of services) {
    const { needs, shellDrops } = await unmetNeeds(spec, host);
    for (const { path, ...need } of needs) {
      // Of a working folder that all have, one word is enough.
      if (isLost && path[0] === "cwd" && spec.cwd === workDir) continue;
      (need.isMissing && patient.has(nameKey(spec.name)) ? later : problems).push({ ...need, path: ["service", spec.name, ...path] });
    }
    if (shellDrops.length > 0) fromShell.push({ name: spec.name, dropped: shellDrops });
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
