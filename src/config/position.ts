/** Where something stands in a text; both count from 1. */
export interface Position {
  /** Line. */
  line: number;
  /** Column. */
  column: number;
}

/** Positions of the keys of a file, by {@linkcode formatPath} of their paths. */
export type Positions = ReadonlyMap<string, { key: Position; value: Position }>;
