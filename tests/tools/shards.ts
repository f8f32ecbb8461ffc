import { readdirSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { RuntimeName } from "./runtimes.ts";

/** Files that one process of a runner is given. */
export interface Shard {
  /** Whose runner. */
  runtime: RuntimeName;
  /** The files, from the repository's root. */
  files: readonly string[];
}

/** Files and runners that {@linkcode shardsOf} divides. */
export interface ShardOptions {
  /** Files with their sizes. */
  files: readonly TestFile[];
  /** The runners. */
  runtimes: readonly RuntimeName[];
  /** Whether a runtime gets all of them at once, as little of each is run. @default {false} */
  isTogether?: boolean;
}

/** A file of tests. */
export interface TestFile {
  /** From the repository's root. */
  path: string;
  /** Its bytes, which say roughly how long it takes. */
  size: number;
}

/** Tests of whole programs: they wait for them more than they compute. */
export const END_TO_END = "tests/e2e/";

/** The files of tests in some files and folders below a root. */
export function testFiles(root: string, paths: readonly string[]): TestFile[] {
  const found = new Map<string, TestFile>();
  const add = (path: string, isNamed: boolean) => {
    const stat = statSync(`${root}/${path}`);
    if (stat.isDirectory()) { for (const name of readdirSync(`${root}/${path}`).sort()) add(`${path}/${name}`, false); }
    else if (isNamed || basename(path).endsWith("_test.ts")) found.set(path, { path, size: stat.size });
  };
  for (const path of paths) add(path.replace(/^\.\//, "").replace(/\/+$/, ""), true);
  return [...found.values()];
}

/**
 * Divides files among processes: each end-to-end file has its own, so that they wait side by side; all the rest of a runtime, whose modules
 * would be loaded again and again, has one.
 *
 * - What is likely to take longest comes first, so that nobody waits for one long file at the end.
 */
export function shardsOf({ files, runtimes, isTogether = false }: ShardOptions): Shard[] {
  const isAlone = ({ path }: TestFile) => !isTogether && path.startsWith(END_TO_END);
  const alone = files.filter(isAlone).sort((a, b) => b.size - a.size);
  const groups = [files.filter((file) => !isAlone(file)), ...alone.map((file) => [file])];
  return groups.filter((group) => group.length > 0)
    .flatMap((group) => runtimes.map((runtime) => ({ runtime, files: group.map(({ path }) => path) })));
}
