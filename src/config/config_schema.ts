import type { Node } from "../schema/node.ts";
import type { Path, Tree, Value } from "../schema/tree.ts";
import type { Layer } from "./layer.ts";

/** A mistake that a rule over several keys found; the loader adds file, line and column. */
export interface Problem {
  /** Where it is in the merged tree. */
  path: Path;
  /** The expected and the found value. */
  message: string;
  /** Advice: how to mend it. */
  hint?: string;
  /** Something is missing below the path; not reported when something there is wrong already. @default {false} */
  isMissing?: boolean;
  /** Path that lacks something; not reported when something there is wrong already. @default {undefined} */
  about?: Path;
  /** The layer that holds the mistake, where it is not the one that won. */
  layer?: Layer;
}

/** Result of the rules over several keys of a tree. */
export interface Settlement {
  /** Mistakes. */
  problems: Problem[];
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
