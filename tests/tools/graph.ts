/** `graph [--write]`: draws which folder of src imports which, from the module graph; `--write` puts the picture into ARCHITECTURE.md. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { findRuntime, ROOT } from "./runtimes.ts";

const ENTRIES = ["mod.ts", "cli.ts", "src/cli/mod.ts", "src/testing/mod.ts"];
/** The place of the picture in ARCHITECTURE.md. */
const PLACE = /(?<=<!-- graph: .*-->\n\n```text\n)[^`]*(?=```)/;

interface Module {
  specifier: string;
  dependencies?: { specifier: string; code?: { specifier?: string }; type?: { specifier?: string } }[];
}

/** The picture: one line for each layer, those that import most above. */
export function drawGraph(deno: string): string {
  const edges = new Map<string, Set<string>>();
  const packages = new Map<string, Set<string>>();
  for (const module of ENTRIES.flatMap((entry) => modulesBelow(deno, entry))) {
    const from = layerOf(module.specifier);
    if (from === undefined) continue;
    if (!edges.has(from)) edges.set(from, new Set()), packages.set(from, new Set());
    for (const { specifier, code, type } of module.dependencies ?? []) {
      const to = layerOf(code?.specifier ?? type?.specifier ?? "");
      if (to !== undefined && to !== from) edges.get(from)!.add(to);
      if (to === undefined) packages.get(from)!.add(packageOf(specifier));
    }
  }
  // The longest way down to a layer that imports none says how high it stands.
  const heightOf = (name: string): number => 1 + Math.max(-1, ...[...edges.get(name) ?? []].map(heightOf));
  const names = [...edges.keys()].sort((a, b) => heightOf(b) - heightOf(a) || a.localeCompare(b));
  const width = Math.max(...names.map((name) => name.length));
  return names.map((name) => {
    const below = [...edges.get(name)!].sort((a, b) => heightOf(b) - heightOf(a) || a.localeCompare(b));
    const bare = [...packages.get(name)!].sort();
    const parts = [below.length > 0 ? `-> ${below.join(", ")}` : "", bare.length > 0 ? `[${bare.join(", ")}]` : ""];
    return `${name.padEnd(width)} ${parts.filter((part) => part !== "").join("  ")}`.trimEnd();
  }).join("\n") + "\n";
}

/** The picture as ARCHITECTURE.md shows it. */
export function shownGraph(): string {
  return PLACE.exec(readFileSync(`${ROOT}/ARCHITECTURE.md`, "utf8"))?.[0] ?? "";
}

function modulesBelow(deno: string, entry: string): Module[] {
  const { status, stdout, stderr } = spawnSync(deno, ["info", "--json", entry], { cwd: ROOT, encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`Cannot draw the graph as "deno info" must read ${entry}: ${stderr}`);
  return (JSON.parse(stdout) as { modules: Module[] }).modules;
}

/** The folder below src in which a module lies. */
function layerOf(specifier: string): string | undefined {
  const base = `${pathToFileURL(ROOT).href}/src/`;
  return specifier.startsWith(base) ? specifier.slice(base.length).split("/")[0] : undefined;
}

/** A package without its sub-path; all of a runtime's own modules are one. */
function packageOf(specifier: string): string {
  if (/^(node|bun):/.test(specifier) || specifier === "bun") return `${specifier.split(":")[0]}:*`;
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

if (import.meta.main) {
  const deno = findRuntime("deno");
  if (deno === undefined) throw new Error("Cannot draw the graph as Deno must be there: it reads the modules");
  const picture = drawGraph(deno.path);
  console.log(picture);
  if (process.argv.includes("--write")) {
    const path = `${ROOT}/ARCHITECTURE.md`;
    writeFileSync(path, readFileSync(path, "utf8").replace(PLACE, () => picture));
  }
}
