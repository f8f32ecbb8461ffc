import type { Path } from "./tree.ts";

/** A mistake in a configuration; the loader adds file, line and column. */
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
}

/** A broken rule over several keys, in the spelling of code; {@linkcode asProblem} and {@linkcode asRefusal} tell it at either door. */
export interface Breach {
  /** Names of the options that lead to the key which breaks it. */
  path: Path;
  /** Wording for a right value, to go on after "expected". */
  expected: string;
  /** The same, to go on after "must be", where that has to be another one. */
  must?: string;
  /** The found value. */
  got: string;
  /** Advice on what to write in a file. */
  hint?: string;
  /** Something is missing below the path. */
  isMissing?: boolean;
}
