import { EXIT_CODES } from "../core/exit_codes.ts";
import { loadConfig, type LoadedConfig } from "../daemon/load.ts";
import type { CommandContext, CommandOptions } from "./command.ts";
import { CommandFailure } from "./failure.ts";

/** Loads the configuration that a command line means: FILE, else `-c`, else `./daemon.toml`; warnings go to stderr. */
export async function loadFor({ host, output }: CommandContext, args: readonly string[], options: CommandOptions): Promise<LoadedConfig> {
  const { files, env, process } = host;
  if (args.length > 0 && options.config !== undefined) {
    throw new CommandFailure(
      EXIT_CODES.usage,
      `Cannot choose a file as FILE and -c exclude each other: current values are ${args[0]} and ${options.config}`,
    );
  }
  const path = args[0] ?? options.config;
  const loaded = await loadConfig({ files, env, cwd: process.cwd() }, {
    ...path === undefined ? {} : { path },
    ...options.set === undefined ? {} : { set: options.set },
  });
  for (const warning of loaded.warnings) output.note(`warning: ${warning}`);
  return loaded;
}
