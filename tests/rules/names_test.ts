import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { ROOT } from "../tools/runtimes.ts";
import { sourcesOf } from "./circles.ts";

const EXPORTED = /^export (?:abstract )?(?:async )?(?:function\*?|class|interface|type|const|let|enum) (\w+)/gm;

/** Names that several files export, each with those files. */
function sharedNames(sources: ReadonlyMap<string, string>): [name: string, files: string[]][] {
  const files = new Map<string, Set<string>>();
  for (const [path, text] of sources) {
    for (const [, name] of text.matchAll(EXPORTED)) files.set(name, (files.get(name) ?? new Set()).add(path));
  }
  return [...files].filter(([, paths]) => paths.size > 1).map(([name, paths]) => [name, [...paths].sort()]);
}

const CASES: [what: string, sources: Record<string, string>, names: string[]][] = [
  ["two files export one name", { "a.ts": "export const limit = 1;", "b.ts": "export function limit() {}" }, ["limit"]],
  ["a type and a value of one name", { "a.ts": "export interface Limit {}", "b.ts": "export class Limit {}" }, ["Limit"]],
  ["overloads in one file", { "a.ts": "export function limit(): void;\nexport function limit(x?: 1) {}" }, []],
  ["a name that is only handed on", { "a.ts": "export const limit = 1;", "b.ts": `export { limit } from "./a.ts";` }, []],
  ["names that stay in their files", { "a.ts": "const limit = 1;", "b.ts": "const limit = 2;" }, []],
];

for (const [what, sources, names] of CASES) {
  test(`names: ${what}`, () => assert.deepEqual(sharedNames(new Map(Object.entries(sources))).map(([name]) => name), names));
}

test("no two files of src export one name, so that each name means one thing", () => {
  assert.deepEqual(sharedNames(sourcesOf(ROOT)), []);
});
