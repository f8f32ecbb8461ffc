import { EXIT_CODES } from "../core/exit_codes.ts";
import { loadConfig, type LoadedConfig } from "../daemon/load.ts";
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
  const loaded = await loadConfig({ files, env, cwd: baseFor(path, host) }, {
    ...path === undefined ? {} : { path },
    ...options.set === undefined ? {} : { set: options.set },
  });
  for (const warning of loaded.warnings) output.note(`warning: ${warning}`);
  return loaded;
}
