import type { Node, TableNode } from "./node.ts";
import type { Problem } from "./problem.ts";
import type { Tree } from "./tree.ts";

/** The part of a configuration file that a feature declares: the table of its name, and how its settings follow from that. */
export interface FeatureTable {
  /** Name of the table and of the feature. */
  readonly name: string;
  /** Its keys. */
  readonly node: Node;
  /** Keys that every entry may take from `[defaults.NAME]`. */
  readonly template?: TableNode;
  /** Words that others use for its name. */
  readonly aliases?: readonly string[];
  /** Makes the settings of the feature; without it they are the table as it stands. */
  readonly read?: (given: GivenTable) => ReadTable;
}

/** A checked part of a file, before the settings of its feature are made. */
export interface GivenTable {
  /** The content of its table. */
  readonly table: Tree;
  /** The content of its table below `[defaults]`. */
  readonly defaults: Tree;
  /** Folder that relative paths count from. */
  readonly baseDir: string;
  /** Files that no unit may write, each with its writer. */
  readonly takenFiles: Readonly<Record<string, string>>;
}

/** The settings of a feature as a file gives them. */
export interface ReadTable {
  /** Complete and checked. */
  readonly settings: unknown;
  /** Mistakes that show only when several keys are looked at together. */
  readonly problems: readonly Problem[];
  /** Its entries with what they take from the defaults, in the spelling of the file. @default {as they stand} */
  readonly entries?: Readonly<Record<string, Tree>>;
  /** Names of units that say how long they have to stop: the shutdown leaves them that time. @default {[]} */
  readonly stops?: readonly { readonly name: string; readonly stopMs: number }[];
}
