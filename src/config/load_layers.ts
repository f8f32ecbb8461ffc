import { HIDDEN } from "../schema/facts.ts";
import { ConfigError, type ConfigIssue } from "../core/values/errors.ts";
import { type TextMistake, withUnixLineEnds } from "../core/values/text_file.ts";
import { adviceFor } from "./advice.ts";
import { environmentLayer, type EnvironmentSource } from "./environment.ts";
import { explainKey, type Explanation } from "./explain.ts";
import { hasPath, type Layer, placeOf, writtenPath } from "./layer.ts";
import type { Position } from "./position.ts";
import { MAX_NESTING } from "../core/values/nesting.ts";
import { PathMap } from "./path_map.ts";
import { type Finding, isHostile, prepareTree } from "./prepare.ts";
import { showValue } from "../schema/show_value.ts";
import { childOf, factsAt, type Node, nodeAt } from "../schema/node.ts";
import type { Problem } from "../schema/problem.ts";
import type { ConfigSchema, LayerProblem } from "./config_schema.ts";
import { readToml } from "./toml_text.ts";
import {
  formatPath,
  isSame,
  isTable,
  merge,
  parsePath,
  type Path,
  removeAt,
  setAt,
  type Tree,
  type Value,
  valueAt,
} from "../schema/tree.ts";

/** A file as it was read. */
export interface SourceFile {
  /** Its name as the user wrote it. */
  name: string;
  /** Its text; empty where it has none. */
  text: string;
  /** Why it has none. */
  mistake?: TextMistake;
}

/** Where a configuration comes from. */
export interface Sources {
  /** `key=value` texts of `--set`; later ones win. */
  set?: readonly string[];
  /** The environment. */
  environment?: EnvironmentSource;
  /** TOML or JSON files, strongest first. */
  files?: readonly SourceFile[];
  /** Values set in code. */
  builder?: Tree;
  /** Variables for `${VAR}` in files. */
  variables?: Readonly<Record<string, string | undefined>>;
}

/** A loaded configuration: one tree out of all sources. */
export interface Loaded {
  /** The merged and checked values, with the defaults of the fixed tables. */
  tree: Tree;
  /** Corrections made, and values left aside. */
  warnings: string[];
  /** Says where the value of a key comes from. Rejects with a ConfigError when there is no such key. */
  explain(key: string): Promise<Explanation>;
  /** The tree with every secret replaced, for people. */
  shown(): Tree;
  /** The issues of problems that were found after the loading, each with its place. */
  issuesOf(problems: readonly Problem[]): Promise<ConfigIssue[]>;
}

/** A mistake with the place where it is shown. */
type Located = ConfigIssue & { rank: number; position?: Position };

/**
 * Reads all sources, checks them against a schema, and merges them: `--set` > environment > files > code > defaults.
 *
 * @throws {ConfigError} with every mistake found, each with its place.
 */
export async function load(schema: ConfigSchema, sources: Sources): Promise<Loaded> {
  const read = await readSources(schema, sources);
  const { layers, warnings, issues } = read;
  const tree = withDefaults(schema.places, layers.reduceRight<Tree>((below, layer) => merge(below, layer.tree), {}));
  const settled = schema.settle?.(tree, layers);
  for (const problem of settled?.problems ?? []) {
    const at = formatPath(problem.path);
    // A value that was left out because it is wrong itself is not reported a second time.
    const about = problem.about === undefined ? undefined : formatPath(problem.about);
    if (read.doubtful.some((path) => isAtOrBelow(at, path) || path === about || (problem.isMissing && isAtOrBelow(path, at)))) continue;
    issues.push(await locate(problem, layers, schema));
  }
  warnings.push(...settled?.warnings ?? []);
  for (const { path, value } of settled?.follow ?? []) setAt(tree, path, value);
  if (issues.length > 0) throw configError(issues);
  return {
    tree,
    warnings,
    explain: (key) => explainKey(schema, { tree, layers, follow: settled?.follow ?? [] }, key),
    shown: () => withoutSecrets(schema.places, tree),
    issuesOf: async (problems) => inOrder(await Promise.all(problems.map((problem) => locate(problem, layers, schema)))),
  };
}

interface Read {
  layers: Layer[];
  issues: Located[];
  warnings: string[];
  /** Paths whose values were left out, or were probably meant by an unknown key. */
  doubtful: string[];
}

async function readSources(schema: ConfigSchema, sources: Sources): Promise<Read> {
  const read: Read = { layers: [], issues: [], warnings: [], doubtful: [] };
  if (sources.set !== undefined) {
    await addLayer(read, schema, { kind: "set", name: "--set" }, setTree(sources.set, read), { areTexts: true });
  }
  if (sources.environment !== undefined) {
    const { tree, variables, warnings } = await environmentLayer(schema.places, sources.environment);
    read.warnings.push(...warnings);
    await addLayer(read, schema, { kind: "environment", name: "environment", variables }, tree, { areTexts: true });
  }
  for (const file of sources.files ?? []) {
    const { text, tree, issues } = await parseFile(file);
    for (const issue of issues) read.issues.push({ ...issue, rank: read.layers.length });
    await addLayer(read, schema, { kind: "file", name: file.name, text }, tree, { variables: sources.variables });
  }
  if (sources.builder !== undefined) {
    read.layers.push({
      kind: "builder",
      name: "Config.builder()",
      tree: sources.builder,
      written: new PathMap(),
      unexpanded: new PathMap(),
    });
  }
  return read;
}

async function addLayer(
  read: Read,
  schema: ConfigSchema,
  source: Omit<Layer, "tree" | "written" | "unexpanded">,
  raw: Tree,
  options: { areTexts?: boolean; variables?: Readonly<Record<string, string | undefined>> },
): Promise<void> {
  const { tree, wrong, written, unexpanded, findings } = prepareTree(schema.places, raw, options);
  const layer: Layer = { ...source, tree, written, unexpanded };
  const rank = read.layers.push(layer) - 1;
  for (const path of wrong) {
    read.doubtful.push(formatPath(path));
    read.issues.push(await locate({ ...problemAt(path, valueAt(tree, path), schema.places), layer }, read.layers, schema));
  }
  for (const path of wrong) removeAt(tree, path);
  for (const finding of findings) {
    read.doubtful.push(formatPath(finding.path), ...(finding.meant === undefined ? [] : [formatPath(finding.meant)]));
    // The source holds the value under this very path, so nothing is translated.
    const { source: place, position } = await placeOf({ ...layer, written: new PathMap() }, finding.path, finding.part);
    read.issues.push({ ...issueOf(finding, place), rank, position });
  }
}

function issueOf({ path, message, hint, code = "CONFIG_INVALID" }: Omit<Finding, "part">, source: string): ConfigIssue {
  return { source, path: formatPath(path), message, ...(hint === undefined ? {} : { hint }), code };
}

/** Turns `key=value` texts into a tree of texts. */
function setTree(texts: readonly string[], read: Read): Tree {
  const tree: Tree = {};
  for (const text of texts) {
    const equals = text.indexOf("=");
    const path = equals === -1 ? undefined : parsePath(text.slice(0, equals).trim());
    if (path === undefined || path.length > MAX_NESTING || path.some((key) => typeof key === "number" || isHostile(key))) {
      const message = `expected KEY=VALUE, got ${showValue(text)}`;
      read.issues.push({ source: "--set", path: "", message, hint: "write --set logging.level=debug", code: "CONFIG_INVALID", rank: 0 });
    } else setAt(tree, path, text.slice(equals + 1));
  }
  return tree;
}

/** Parses a file; one that can't be read yields only its mistakes. */
async function parseFile(
  { name, text: raw, mistake }: SourceFile,
): Promise<{ text: string; tree: Tree; issues: Omit<Located, "rank">[] }> {
  const issueAt = ({ line, column }: Position, { message, hint, path = [] }: { message: string; hint?: string; path?: Path }) => ({
    ...issueOf({ path, message, ...(hint === undefined ? {} : { hint }), code: "CONFIG_SYNTAX" }, `${name}:${line}:${column}`),
    position: { line, column },
  });
  const read = mistake === undefined ? withUnixLineEnds(raw) : { mistake };
  if ("mistake" in read) return { text: raw, tree: {}, issues: [issueAt(read.mistake, read.mistake)] };
  const { text } = read;
  if (!name.endsWith(".json")) {
    const toml = readToml(text);
    return "tree" in toml
      ? { text, tree: toml.tree, issues: [] }
      : { text, tree: {}, issues: [issueAt(toml.mistake.position, toml.mistake)] };
  }
  if (text.trim() === "") return { text, tree: {}, issues: [] };
  const { readJson } = await import("./json_text.ts");
  const { repeated, mistake: wrong } = readJson(text);
  const issues = repeated.map(({ path, position, first }) =>
    issueAt(position, {
      path,
      message: `expected each key once, got ${JSON.stringify(path[path.length - 1])} again (first at ${first.line}:${first.column})`,
      hint: "remove one of the two, or write what they hold in one place",
    })
  );
  if (wrong !== undefined) return { text, tree: {}, issues: [...issues, issueAt(wrong.position, wrong)] };
  const tree: Value = JSON.parse(text);
  if (isTable(tree)) return { text, tree, issues };
  return { text, tree: {}, issues: [issueAt({ line: 1, column: 1 }, { message: `expected an object, got ${showValue(tree)}` })] };
}

/** The mistake of a value that its key does not take. */
function problemAt(path: Path, value: Value, places: Node): Problem {
  const { expects = "another value", secret } = factsAt(places, path);
  const node = nodeAt(places, path);
  const hint = node?.type === "leaf"
    ? adviceFor(secret ? { ...node, facts: { ...node.facts, secret } } : node, String(path.at(-1)), value)
    : undefined;
  return { path, message: `expected ${expects}, got ${secret ? HIDDEN : showValue(value)}`, hint };
}

/** Finds the place of a problem in the layer that won. */
async function locate(problem: LayerProblem, layers: readonly Layer[], { inheritedFrom }: ConfigSchema): Promise<Located> {
  const inherited = problem.layer === undefined && !layers.some((layer) => hasPath(layer, problem.path)) && inheritedFrom?.(problem.path);
  const path = inherited && layers.some((layer) => hasPath(layer, inherited)) ? inherited : problem.path;
  let rank = problem.layer === undefined ? -1 : layers.indexOf(problem.layer);
  for (let length = path.length; rank === -1 && length > 0; length--) {
    rank = layers.findIndex((layer) => hasPath(layer, path.slice(0, length)));
  }
  if (rank === -1) return { ...issueOf(problem, "defaults"), rank: layers.length };
  const layer = layers[rank];
  const written = writtenPath(layer, path);
  const { source, position } = await placeOf(layer, path, "value");
  const raw = layer.unexpanded.get(written);
  // The value of a variable may be a secret: the text of the file is shown in its place.
  const message = raw === undefined ? problem.message : problem.message.replace(/, got .*$/s, `, got the value of ${showValue(raw)}`);
  return { ...issueOf({ ...problem, path: written, message }, source), rank, position };
}

/** The error of a configuration with these mistakes, in the order of the sources and of the lines in each. */
function configError(issues: Located[]): ConfigError {
  const sorted = inOrder(issues);
  const codes = new Set(sorted.map(({ code }) => code));
  const code = codes.size === 1 ? sorted[0].code! : "CONFIG_INVALID";
  const count = sorted.length === 1 ? "a mistake" : `${sorted.length} mistakes`;
  return new ConfigError(code, `Cannot load the configuration as it has ${count}:`, { issues: sorted });
}

function inOrder(issues: readonly Located[]): ConfigIssue[] {
  const sorted = [...issues].sort((a, b) =>
    a.rank - b.rank || (a.position?.line ?? 0) - (b.position?.line ?? 0) || (a.position?.column ?? 0) - (b.position?.column ?? 0)
  );
  const all = sorted.map(({ rank: _rank, position: _position, ...issue }) => issue);
  // A mistake in [defaults.service] is reported once, however many services inherit it.
  return all.filter((issue, index) => !(index > 0 && isSame(all[index - 1], issue)));
}

function isAtOrBelow(path: string, above: string): boolean {
  return path === above || path.startsWith(`${above}.`) || path.startsWith(`${above}[`);
}

/** A copy of the tree in which the keys of fixed tables have their defaults. */
function withDefaults(node: Node, tree: Tree): Tree {
  const filled: Tree = { ...tree };
  if (node.type !== "table" || node.facts.isTemplate) return filled;
  for (const [key, child] of Object.entries(node.entries)) {
    if (child.type === "table") {
      if (!child.facts.isTemplate) filled[key] = withDefaults(child, isTable(filled[key]) ? filled[key] : {});
    } else if (child.type !== "map" && filled[key] === undefined && child.facts.default !== undefined) filled[key] = child.facts.default;
  }
  return filled;
}

function withoutSecrets(node: Node | undefined, tree: Tree): Tree {
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => {
      const child = node && childOf(node, key);
      if (isTable(value)) return [key, withoutSecrets(child, value)];
      return [key, child?.type === "leaf" && child.facts.secret ? HIDDEN : value];
    }),
  );
}
