import { Config, configOfSources } from "./config.ts";
import type { KeptFiles } from "./kept_config.ts";
import { givenTree } from "./placed_leaves.ts";
import { type LoadedSources, type LoadHost, loadKeptSources, loadSources, type SourceOptions } from "./load_sources.ts";

/** Options of {@linkcode loadConfig}. */
export interface LoadOptions extends Omit<SourceOptions, "given"> {
  /** Settings made in code; everything else wins over them. @default {Config.default()} */
  base?: Config;
}

/** A configuration with what a runner needs beside the settings. */
export interface LoadedConfig extends Omit<LoadedSources, "again"> {
  /** The settings, with absolute paths. */
  readonly config: Config;
  /** As {@linkcode LoadedSources.again}. */
  again(): Promise<LoadedConfig>;
}

/**
 * Loads a configuration: `--set` > environment > `<stem>.local.toml` > `<stem>.toml` > `base` > defaults.
 *
 * @throws as {@linkcode loadSources} does.
 */
export async function loadConfig(host: LoadHost, options: LoadOptions = {}): Promise<LoadedConfig> {
  return withConfig(await loadSources(host, sourceOptions(options)));
}

/**
 * Loads what was kept of the last configuration in force, as the file itself has this problem; to load again looks at the file.
 *
 * @throws as {@linkcode loadKeptSources} does.
 */
export async function loadKept(
  host: LoadHost,
  kept: KeptFiles,
  problem: unknown,
  options: LoadOptions & { path: string },
): Promise<LoadedConfig> {
  return withConfig(await loadKeptSources(host, kept, problem, { ...sourceOptions(options), path: options.path }));
}

function sourceOptions({ base = Config.default(), ...options }: LoadOptions): SourceOptions {
  return { ...options, ...(base === Config.default() ? {} : { given: givenTree(base.toJSON(), base.shutdown.given()) }) };
}

function withConfig(loaded: LoadedSources): LoadedConfig {
  return { ...loaded, config: configOfSources(loaded), again: async () => withConfig(await loaded.again()) };
}
