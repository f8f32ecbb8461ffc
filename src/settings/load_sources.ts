import type { Explanation } from "../config/explain.ts";
import { load, type SourceFile, type Sources } from "../config/load_layers.ts";
import { folderOf, resolvePath } from "../core/values/paths.ts";
import type { FeatureTable } from "../schema/feature_table.ts";
import { childOf, factsAt, type JsonSchema, type Node } from "../schema/node.ts";
import { type Change, diff, removeAt, setAt, type Tree, type Value, valueAt } from "../schema/tree.ts";
import { ConfigError, type ConfigIssue, IoError } from "../core/values/errors.ts";
import { textOfBytes } from "../core/values/text_file.ts";
import type { ListenerSpec } from "../control/spec.ts";
import type { Env } from "../core/ports/env.ts";
import type { Files } from "../core/ports/files.ts";
import type { ServiceSpec } from "../service/spec.ts";
import { type KeptFiles, keptView, recording } from "./kept_config.ts";
import type { LeafPath } from "./leaves.ts";
import { PLACED_LEAVES } from "./placed_leaves.ts";
import { DAEMON_PLACES, daemonConfigSchema, type GivenDeadlines, type ReadTables } from "./keys.ts";

/** Largest configuration file: ten thousand services fit in. */
const MAX_CONFIG_BYTES = 4_194_304;

/** The parts of a host that loading needs. */
export interface LoadHost {
  /** Reads the files. */
  files: Pick<Files, "read" | "info">;
  /** Overrides, and variables for `${VAR}`. */
  env: Env;
  /** Working folder. */
  cwd: string;
}

/** Options of {@linkcode loadSources}. */
export interface SourceOptions {
  /** The file, seen from the working folder. @default {"daemon.toml", or "daemon.json" when only that is there} */
  path?: string;
  /** Whether a missing file is the same as an empty one. @default {false} */
  optional?: boolean;
  /** `key=value` texts, as given to `--set`; they win over everything. @default {[]} */
  set?: readonly string[];
  /** Settings made in code, as far as they were given, in the spelling of the file; everything else wins over them. @default {none} */
  given?: Tree;
  /** Prefix of names in the environment. @default {"DAEMON_"} */
  envPrefix?: string;
  /** Tables of further features. @default {[]} */
  tables?: readonly FeatureTable[];
}

/** A change that waits for a restart of the daemon, with the value that was read. */
export type HeldBack = Change & { readonly value: Value };

/** Checked settings: what their `Config` is made of. */
export interface SettingValues {
  /** Each setting that has a value, by its path; paths of files are absolute where a folder is known. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The deadlines of the shutdown. */
  readonly deadlines: GivenDeadlines;
}

/** A configuration that was read, checked whole. */
export interface LoadedSources {
  /** The settings. */
  readonly settings: SettingValues;
  /** The longest `stop.timeout` that a service of the file sets, in milliseconds; 0 where none does. */
  readonly longestStopMs: number;
  /** The services, complete and checked. */
  readonly services: readonly ServiceSpec[];
  /** The settings of its features, by the name of the feature. */
  readonly features: Readonly<Record<string, unknown>>;
  /** Where it listens, the control socket first. */
  readonly listeners: readonly ListenerSpec[];
  /** The file, absolute; null when there is none. */
  readonly path: string | null;
  /** Every file that was read, absolute, the main one first. */
  readonly files: readonly string[];
  /** Folder that relative paths were resolved from. */
  readonly baseDir: string;
  /** Corrections made and values left aside, in sentences. */
  readonly warnings: readonly string[];
  /** Every place that it may have a key at. */
  readonly places: Node;
  /** The merged and checked values in the spelling of the file: what a reload compares. May hold secrets. */
  readonly tree: Tree;
  /** The entries of features with what they take from the defaults, by the name of the feature and their own, in the spelling of the file. */
  readonly entries: ReadTables["entries"];
  /** Files that it was read from. */
  readonly kept: KeptFiles;
  /** Why this is what was kept of the last one in force and not what is in the file; undefined otherwise. */
  readonly problem?: unknown;
  /** Names and texts of the files that were read, as one text. */
  readonly fingerprint: string;
  /** The same for the files as they are now; undefined while the main one is missing or empty. */
  look(): Promise<string | undefined>;
  /** Changes that wait for a restart of the daemon, where this configuration was loaded in place of an earlier one. */
  readonly heldBack: readonly HeldBack[];
  /**
   * Loads the same sources again, to take the place of this configuration. Keys that only a restart of the daemon can apply keep their value,
   * relative paths their folder. A missing or empty file is refused, so that a file that is just being written stops nothing.
   */
  again(): Promise<LoadedSources>;
  /** The issues of problems that were found after the loading, each with its place. */
  issuesOf(problems: readonly { path: readonly (string | number)[]; message: string; hint?: string }[]): Promise<ConfigIssue[]>;
  /** The tree for people: every secret replaced. */
  shown(): Tree;
  /** Where the value of a key comes from. Rejects with a {@linkcode ConfigError} when there is no such key. */
  explain(key: string): Promise<Explanation>;
}

/**
 * Loads a configuration: `--set` > environment > `<stem>.local.toml` > `<stem>.toml` > `given` > defaults.
 *
 * @throws {ConfigError} `CONFIG_NOT_FOUND` if the file is missing and not optional, `CONFIG_UNREADABLE` if it can't be read, else with every
 * mistake found.
 * @throws {IoError} `IO_NO_RESOURCES` without a file left to open.
 */
export async function loadSources(host: LoadHost, options: SourceOptions = {}): Promise<LoadedSources> {
  return await loadFiles(host, options, undefined);
}

/**
 * Loads what was kept of the last configuration in force, as the file itself has this problem; to load again looks at the file.
 *
 * @throws {ConfigError} as {@linkcode loadSources} does.
 */
export async function loadKeptSources(
  host: LoadHost,
  kept: KeptFiles,
  problem: unknown,
  options: SourceOptions & { path: string },
): Promise<LoadedSources> {
  const loaded = await loadFiles({ ...host, files: keptView(kept, host.files) }, options, undefined);
  return rereadable({ ...loaded, problem }, options.path, host, options);
}

async function loadFiles(host: LoadHost, options: SourceOptions, before: LoadedSources | undefined): Promise<LoadedSources> {
  const { optional = false, set = [], given, envPrefix, tables } = options;
  const { env, cwd } = host;
  const files = recording(host.files);
  const name = options.path ??
    (!isFile(files, resolvePath(cwd, "daemon.toml")) && isFile(files, resolvePath(cwd, "daemon.json")) ? "daemon.json" : "daemon.toml");
  const path = resolvePath(cwd, name);
  const isThere = isFile(files, path);
  if (!isThere && (!optional || (before !== undefined && before.path !== null))) {
    // Bytes of a name that are no UTF-8 arrive as this character.
    const advice = path.includes("\ufffd") ? "a name that is no UTF-8 can't be named here: rename it" : "create it, or name another one";
    throw new ConfigError("CONFIG_NOT_FOUND", `Cannot load the configuration as there is no file ${path}: ${advice}`, {
      context: { path },
    });
  }

  const texts = await readFiles(name, { files, cwd });
  if (before !== undefined) refuseEmpty(texts, name);
  const variables = env.all();
  const loaded = await loadTexts(folderOf(path), given, before, {
    set,
    environment: { variables, prefix: envPrefix, readText: readerIn(folderOf(path), files) },
    files: texts,
    variables,
  }, tables);
  const facts = {
    ...loaded,
    path: isThere ? path : null,
    files: texts.map((each) => resolvePath(cwd, each.name)).reverse(),
    fingerprint: JSON.stringify(texts),
    kept: files.kept,
  };
  return rereadable(facts, name, host, options);
}

// A configuration must not keep its predecessor alive, nor that one its own, back to the first. A closure that is made inside
// an async function keeps all of its arguments alive on Bun, so these are made here.

/** Adds what looks at the same files again, and what loads them. */
function rereadable(facts: Omit<LoadedSources, "look" | "again">, name: string, host: LoadHost, options: SourceOptions): LoadedSources {
  const made: LoadedSources = {
    ...facts,
    look: async () => {
      const now = await readFiles(name, host);
      return now.some((each) => each.name === name && !isEmpty(each)) ? JSON.stringify(now) : undefined;
    },
    again: () => loadFiles(host, options, made),
  };
  return made;
}

function readerIn(folder: string, files: LoadHost["files"]): (file: string) => Promise<string> {
  return async (file) => {
    const path = resolvePath(folder, file);
    const read = textOfBytes((await files.read(path)).bytes);
    if ("text" in read) return read.text;
    const { line, column, ...issue } = read.mistake;
    throw new ConfigError("CONFIG_SYNTAX", `Cannot read ${path} as it is no text:`, {
      issues: [{ ...issue, source: `${path}:${line}:${column}`, path: "" }],
    });
  };
}

/** Says from where relative paths of a tree count; without a folder, and where nothing is fixed, they stay as they are. */
function baseDirFinder(folder: string | undefined, fixed: string | undefined): (tree: Tree) => string {
  return (tree) => {
    if (fixed !== undefined) return fixed;
    const workDir = typeof tree.work_dir === "string" ? tree.work_dir : undefined;
    if (folder === undefined) return workDir ?? ".";
    return workDir === undefined ? folder : resolvePath(folder, workDir);
  };
}

/** The overlay and the main file, as far as they are there, strongest first, under the names that the user gave them. */
async function readFiles(name: string, { files, cwd }: Pick<LoadHost, "files" | "cwd">): Promise<SourceFile[]> {
  const stem = name.replace(/\.(?:toml|json)$/, "");
  const overlays = [`${stem}.local.toml`, `${stem}.local.json`].filter((overlay) => overlay !== name);
  const there = [...overlays, name].filter((each) => isFile(files, resolvePath(cwd, each)));
  return await Promise.all(there.map(async (each): Promise<SourceFile> => {
    const bytes = await bytesOf(resolvePath(cwd, each), files);
    const read = textOfBytes(bytes);
    return "text" in read ? { name: each, text: read.text } : { name: each, text: "", mistake: read.mistake };
  }));
}

/** The bytes of a file that is there. */
async function bytesOf(path: string, files: LoadHost["files"]): Promise<Uint8Array> {
  if (files.info(path)?.kind === "directory") {
    throw new ConfigError(
      "CONFIG_UNREADABLE",
      `Cannot load the configuration as ${path} is a folder: name a file, as ${path}/daemon.toml`,
      {
        context: { path },
      },
    );
  }
  try {
    return (await files.read(path, { maxBytes: MAX_CONFIG_BYTES })).bytes;
  } catch (error) {
    throw unreadable(error, path);
  }
}

/** The failure to read a configuration file; without a file left to open there is nothing wrong with this one. */
function unreadable(error: unknown, path: string): unknown {
  if (!(error instanceof IoError) || error.code === "IO_NO_RESOURCES") return error;
  const code = error.code === "IO_NOT_FOUND" ? "CONFIG_NOT_FOUND" : "CONFIG_UNREADABLE";
  return new ConfigError(code, `Cannot load the configuration: ${error.message}`, { cause: error, context: { path } });
}

function isEmpty({ text, mistake }: SourceFile): boolean {
  return mistake === undefined && text.trim() === "";
}

/** An empty file is one that is just being written, or that somebody has lost: it never means that everything is to be stopped. */
function refuseEmpty(texts: readonly SourceFile[], name: string): void {
  if (!texts.some((each) => each.name === name && isEmpty(each))) return;
  throw new ConfigError("CONFIG_NOT_FOUND", "Cannot load the configuration again as its file is empty:", {
    issues: [{
      source: `${name}:1:1`,
      path: "",
      message: "expected keys or tables, got an empty file",
      hint: "to run without services, write at least the name",
      code: "CONFIG_NOT_FOUND",
    }],
  });
}

/** Options of {@linkcode parseSource}, and of `Config.parse`. */
export interface ConfigParseOptions {
  /** Name of the text in messages; one that ends in `.json` is read as JSON. @default {"daemon.toml"} */
  source?: string;
  /** Variables for `${VAR}`. @default {{}} */
  env?: Readonly<Record<string, string>>;
}

/** Reads settings from one text. */
export async function parseSource(text: string, options: ConfigParseOptions = {}): Promise<LoadedTexts> {
  const { source = "daemon.toml", env = {} } = options;
  return await loadTexts(undefined, undefined, undefined, { files: [{ name: source, text }], variables: env });
}

/** Says where a setting that was given in code comes from. */
export async function explainGiven(given: Tree, key: string): Promise<Explanation> {
  const { explain } = await loadTexts(undefined, given, undefined, {});
  return await explain(key);
}

/** The JSON Schema of the configuration file. */
export async function configJsonSchema(): Promise<JsonSchema> {
  const { jsonSchemaOf } = await import("../schema/json_schema.ts");
  return jsonSchemaOf(DAEMON_PLACES);
}

/** Sources without what is known of their files. */
export type LoadedTexts = Omit<LoadedSources, "path" | "files" | "fingerprint" | "kept" | "look" | "again">;

/** Loads from texts; without a folder, relative paths stay as they are. */
async function loadTexts(
  folder: string | undefined,
  given: Tree | undefined,
  before: LoadedSources | undefined,
  sources: Omit<Sources, "builder">,
  tables: readonly FeatureTable[] = [],
): Promise<LoadedTexts> {
  const baseDirOf = baseDirFinder(folder, before?.baseDir);
  const { schema, featuresOf, deadlines } = daemonConfigSchema(baseDirOf, tables);
  const { tree: read, warnings, explain, shown, issuesOf } = await load(schema, { ...sources, builder: given });
  const { tree, heldBack } = before === undefined ? { tree: read, heldBack: [] } : withHeldBack(before.tree, read, schema.places);
  const baseDir = baseDirOf(tree);
  const values = valuesOf(
    tree,
    (path, key) => folder === undefined ? path : key === "work_dir" ? baseDir : resolvePath(baseDir, path),
  );
  // The seed's environment sets it, so it has to load; what it is for has not landed, so it has to be said.
  const threads = values["performance.worker_threads"];
  if (threads !== undefined && threads !== 0) {
    warnings.push(`performance.worker_threads = ${threads} has no effect on services: only programs that read it use it so far`);
  }
  const { settings, entries } = featuresOf(tree);
  return {
    settings: { values, deadlines: deadlines() },
    longestStopMs: deadlines().longestStopMs,
    services: settings.service as readonly ServiceSpec[],
    listeners: settings.listen as readonly ListenerSpec[],
    features: settings,
    entries,
    places: schema.places,
    baseDir,
    warnings,
    tree,
    heldBack,
    explain,
    shown,
    issuesOf,
  };
}

/** The settings of a configuration: its tree without tables of named entries, and without those that show only in such entries. */
export function settingsOf(tree: Tree, places: Node): Tree {
  return Object.fromEntries(
    Object.entries(tree).filter(([key]) => {
      const node = childOf(places, key);
      return node?.type !== "map" && !(node?.type === "table" && node.facts.isTemplate);
    }),
  );
}

/** The tree with the old value of every key that only a restart of the daemon applies. */
function withHeldBack(before: Tree, read: Tree, places: Node): { tree: Tree; heldBack: HeldBack[] } {
  const heldBack = diff(settingsOf(before, places), settingsOf(read, places))
    .filter(({ path }) => factsAt(places, path).reload === "daemon")
    .map((change) => ({ ...change, value: valueAt(read, change.path) }));
  if (heldBack.length === 0) return { tree: read, heldBack };
  const tree = structuredClone(read);
  for (const { path } of heldBack) {
    const value = valueAt(before, path);
    if (value === undefined) removeAt(tree, path);
    else setAt(tree, path, value);
  }
  return { tree, heldBack };
}

function valuesOf(tree: Tree, resolve: (path: string, key: LeafPath) => string): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { path, table, key, leaf, isPath } of PLACED_LEAVES) {
    const value = table === "" ? tree[key] : (tree[table] as Tree | undefined)?.[key];
    if (value !== undefined) values[path] = isPath ? resolve(value as string, path) : leaf.read?.(value as never) ?? value;
  }
  return values;
}

function isFile(files: LoadHost["files"], path: string): boolean {
  try {
    return files.info(path) !== undefined;
  } catch (error) {
    // A circle of links, or a folder that is closed to this user.
    throw unreadable(error, path);
  }
}
