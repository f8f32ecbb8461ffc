/** Finds circles of files: whoever is in one can't be understood, tested or moved without all the others. Its table of cases is `circles_test.ts`. */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";

/** All ways to name a file: imports and exports, also of types and for side effects, and `import()` as an expression and as a type. */
const NAMED = /(?:\bfrom|\bimport)\s*\(?\s*["'](\.[^"']*)["']/g;
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

/** The files below a root, by path, with their texts. */
export function sourcesOf(root: string, folder: string = "src"): Map<string, string> {
  const paths = readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  return new Map(paths.map((path) => [`${folder}/${path.replaceAll("\\", "/")}`, readFileSync(`${root}/${folder}/${path}`, "utf8")]));
}

/** Groups of files of which each leads to all others of its group, sorted. By a list of its own in place of recursion, after Tarjan (1972). */
export function circlesOf(sources: ReadonlyMap<string, string>): string[][] {
  const next = new Map([...sources].map(([path, text]) => [path, importsOf(path, text).filter((other) => sources.has(other))]));
  const circles: string[][] = [];
  const numbers = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const enter = (path: string, steps: { path: string; rest: string[] }[]) => {
    numbers.set(path, numbers.size);
    lowest.set(path, numbers.get(path)!);
    open.push(path);
    isOpen.add(path);
    steps.push({ path, rest: [...next.get(path)!] });
  };
  const lower = (path: string, number: number) => lowest.set(path, Math.min(lowest.get(path)!, number));
  for (const root of sources.keys()) {
    const steps: { path: string; rest: string[] }[] = [];
    if (!numbers.has(root)) enter(root, steps);
    for (let step = steps.at(-1); step !== undefined; step = steps.at(-1)) {
      const { path } = step;
      const other = step.rest.shift();
      if (other !== undefined) {
        if (!numbers.has(other)) enter(other, steps);
        else if (isOpen.has(other)) lower(path, numbers.get(other)!);
        continue;
      }
      steps.pop();
      if (steps.length > 0) lower(steps.at(-1)!.path, lowest.get(path)!);
      if (lowest.get(path) !== numbers.get(path)) continue;
      const group = open.splice(open.indexOf(path));
      for (const each of group) isOpen.delete(each);
      if (group.length > 1 || next.get(path)!.includes(path)) circles.push(group.sort());
    }
  }
  return circles.sort();
}

function importsOf(path: string, text: string): string[] {
  return [...text.replace(COMMENT, "").matchAll(NAMED)].map(([, specifier]) => posix.join(posix.dirname(path), specifier));
}
