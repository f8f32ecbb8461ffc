import { ConfigError, formatIssue, isDaemonError } from "../core/values/errors.ts";
import { EXIT_CODES } from "../core/values/exit_codes.ts";
import { backgroundState } from "../instance/guardian.ts";
import { loadConfig, type LoadedConfig, loadKept } from "../settings/load_config.ts";
import { checkNeeds, refuseUnmet } from "../settings/needs.ts";
import type { CommandContext, CommandOptions } from "./command.ts";
import { CommandFailure } from "./failure.ts";
import { baseFor } from "./paths.ts";

/** The file that a command line names, as FILE or by `-c`. */
export function fileOf(args: readonly string[], { config }: Pick<CommandOptions, "config">): string | undefined {
  if (args.length === 0 || config === undefined) return args[0] ?? config;
  const why = `FILE and -c exclude each other: current values are ${args[0]} and ${config}`;
  throw new CommandFailure(EXIT_CODES.usage, `Cannot choose a file as ${why}`);
}

/** Loads the configuration that a command line means: FILE, else `-c`, else `./daemon.toml`; warnings go to stderr. */
export async function loadFor({ host, output }: CommandContext, args: readonly string[], options: CommandOptions): Promise<LoadedConfig> {
  const { files, env } = host;
  const path = fileOf(args, options);
  const load = { files, env, cwd: baseFor(path, host) };
  const chosen = options.set === undefined ? {} : { set: options.set };
  const state = backgroundState(host);
  const loaded = await loadConfig(load, { ...path === undefined ? {} : { path }, ...chosen }).then((found) => {
    if (state !== undefined) refuseNothing(found);
    return found;
  }).catch(async (error) => {
    if (state === undefined || path === undefined || !isDaemonError(error)) throw error;
    // The guardian starts a daemon that has died: that somebody is just at work on the file is no reason to leave its services alone.
    const { readKept } = await import("../settings/kept_config.ts");
    const kept = readKept(state, path, files);
    if (kept === undefined) throw error;
    return await loadKept(load, kept, error, { path, ...chosen });
  });
  for (const warning of loaded.warnings) output.note(`warning: ${warning}`);
  return loaded;
}

/** A daemon that is to stay in the background and has nothing to do is a file that is not written yet, or was lost. */
export function refuseNothing({ path, kept: { texts } }: LoadedConfig): void {
  const isEmpty = (text: string) => /^\s*(?:\{\s*\}\s*)?$/.test(text.replace(/^\uFEFF/, "").replace(/^[ \t]*#.*$/gm, ""));
  if (![...texts.values()].every(isEmpty)) return;
  throw new ConfigError("CONFIG_INVALID", "Cannot start a daemon in the background as its file is empty:", {
    issues: [{
      source: `${path}:1:1`,
      path: "",
      message: "expected keys or tables, got an empty file",
      hint: "to run without services, write at least the name",
    }],
  });
}

/** Refuses a configuration that names what this machine does not have, and says what is worth knowing. */
export async function refuseUnmetFor({ host, output }: CommandContext, loaded: LoadedConfig): Promise<readonly string[]> {
  const findings = await checkNeeds(loaded, host);
  await refuseUnmet(loaded, findings);
  const warnings = [...findings.warnings, ...findings.inherited];
  for (const warning of warnings) output.note(`warning: ${warning}`);
  return warnings;
}

/** Says what the configuration names and this machine does not have; whoever starts at boot is not to be kept from all else by one of many. */
export async function tellUnmetFor({ host, output }: CommandContext, loaded: LoadedConfig): Promise<void> {
  const { problems, warnings } = await checkNeeds(loaded, host);
  for (const issue of await loaded.issuesOf(problems)) output.note(`warning: ${formatIssue(issue)}`);
  for (const warning of warnings) output.note(`warning: ${warning}`);
}
