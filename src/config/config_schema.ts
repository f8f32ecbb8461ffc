import type { Node } from "../schema/node.ts";
import type { Problem } from "../schema/problem.ts";
import type { Path, Tree, Value } from "../schema/tree.ts";
import type { Layer } from "./layer.ts";

/** A mistake that may be in a source which did not win. */
export interface LayerProblem extends Problem {
  /** The layer that holds the mistake, where it is not the one that won. */
  layer?: Layer;
}

/** Result of the rules over several keys of a tree. */
export interface Settlement {
  /** Mistakes. */
  problems: LayerProblem[];
  /** Corrections that the user should know. */
  warnings?: string[];
  /** Values that follow from others, by path, with the reason for `explain`. */
  follow?: { path: Path; value: Value; note: string }[];
}

/** A configuration as the generic loader sees it. */
export interface ConfigSchema {
  /** Table of the root. */
  places: Node;
  /** The path that an absent key takes its value from, such as `defaults.service.*` for `service.NAME.*`. */
  inheritedFrom?: (path: Path) => Path | undefined;
  /** Rules over several keys; gets the merged tree, without values that were wrong by themselves, and the layers, strongest first. */
  settle?: (tree: Tree, layers: readonly Layer[]) => Settlement;
}
