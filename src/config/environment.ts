import { nearest } from "../core/values/names.ts";
import { fixedLeaves, type Node } from "../schema/node.ts";
import { formatPath, type Path, setAt, type Tree } from "../schema/tree.ts";

/** The environment as a source. */
export interface EnvironmentSource {
  /** Its variables. */
  variables: Readonly<Record<string, string>>;
  /** Prefix of the names. @default {"DAEMON_"} */
  prefix?: string;
  /** Reads the file that the `_FILE` twin of a secret key names. */
  readText: (path: string) => Promise<string>;
}

/** The variable of each key of the fixed tables: prefix and path in capitals, joined by `_`; twins end in `_FILE`. */
export function environmentNames(root: Node, prefix = "DAEMON_"): { name: string; path: Path; isFile: boolean }[] {
  return fixedLeaves(root).flatMap(({ path, leaf }) => {
    const name = prefix + path.join("_").toUpperCase();
    return [{ name, path, isFile: false }, ...(leaf.facts.secret ? [{ name: `${name}_FILE`, path, isFile: true }] : [])];
  });
}

/** Reads the keys that the environment sets, as texts. A variable with the prefix that belongs to no key is a warning. */
export async function environmentLayer(
  root: Node,
  source: EnvironmentSource,
): Promise<{ tree: Tree; variables: Map<string, string>; warnings: string[] }> {
  const { variables: all, prefix = "DAEMON_", readText } = source;
  const byName = new Map(environmentNames(root, prefix).map((entry) => [entry.name, entry]));
  const tree: Tree = {};
  const variables = new Map<string, string>();
  const warnings: string[] = [];
  for (const name of Object.keys(all).filter((name) => name.startsWith(prefix)).sort()) {
    const entry = byName.get(name);
    if (entry === undefined) {
      const near = nearest(name, byName.keys());
      warnings.push(`environment ${name}: no key has this name${near === undefined ? "" : `; did you mean ${near}?`}`);
      continue;
    }
    if (entry.isFile && all[name.slice(0, -"_FILE".length)] !== undefined) {
      warnings.push(`environment ${name}: not read, as ${name.slice(0, -"_FILE".length)} is set too`);
      continue;
    }
    setAt(tree, entry.path, entry.isFile ? (await readText(all[name])).replace(/\r?\n$/, "") : all[name]);
    variables.set(formatPath(entry.path), name);
  }
  return { tree, variables, warnings };
}
