import type { Position } from "./position.ts";
import type { PathMap } from "./path_map.ts";
import { formatPath, type Path, type Tree, valueAt } from "../schema/tree.ts";

/** One source of a configuration, read and brought into the canonical shape. */
export interface Layer {
  /** Kind of the source. */
  readonly kind: "set" | "environment" | "file" | "builder";
  /** Its name: a file as the user named it, `--set`, `environment`, `Config.builder()`. */
  readonly name: string;
  /** Its values, without what was wrong. */
  readonly tree: Tree;
  /** Where a canonical path stands in the source under another one: a unit form, a shorthand. */
  readonly written: PathMap<Path>;
  /** Text of the source at a path, before its variables were replaced. */
  readonly unexpanded: PathMap<string>;
  /** Names of variables, by path, for the environment. */
  readonly variables?: ReadonlyMap<string, string>;
  /** Text, for files: positions are taken from it when somebody asks. */
  readonly text?: string;
}

/** Whether a layer says anything at a path. */
export function hasPath(layer: Layer, path: Path): boolean {
  return valueAt(layer.tree, path) !== undefined;
}

/** The path under which the source itself holds a canonical path. */
export function writtenPath(layer: Layer, path: Path): Path {
  for (let length = path.length; length > 0; length--) {
    const written = layer.written.get(path.slice(0, length));
    if (written !== undefined) return [...written, ...path.slice(length)];
  }
  return path;
}

/** Names the place of a path in a layer: `daemon.toml:3:1`, `environment DAEMON_NAME`, `--set`. */
export async function placeOf(layer: Layer, path: Path, part: "key" | "value" = "value"): Promise<{ source: string; position?: Position }> {
  if (layer.kind === "environment") {
    const name = layer.variables?.get(formatPath(writtenPath(layer, path)));
    return { source: name === undefined ? layer.name : `${layer.name} ${name}` };
  }
  if (layer.text === undefined) return { source: layer.name };
  const { positionsOf } = await import("./positions.ts");
  const positions = positionsOf(layer.name, layer.text);
  const written = writtenPath(layer, path);
  for (let length = written.length; length > 0; length--) {
    const found = positions.get(formatPath(written.slice(0, length)));
    // A path that is not in the file itself is shown at the table that it belongs to.
    const position = found && (length === written.length ? found[part] : found.key);
    if (position !== undefined) return { source: `${layer.name}:${position.line}:${position.column}`, position };
  }
  return { source: `${layer.name}:1:1`, position: { line: 1, column: 1 } };
}
