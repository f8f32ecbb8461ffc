import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "../harness.ts";
import { drawGraph, shownGraph } from "../tools/graph.ts";
import { ROOT } from "../tools/runtimes.ts";

if ("Deno" in globalThis) {
  test("ARCHITECTURE.md shows the module graph as it is", () => {
    assert.equal(shownGraph(), drawGraph(process.execPath), "run: deno run -A tests/tools/graph.ts --write");
  });
} else {
  test("ARCHITECTURE.md: its picture is compared under `deno test` only, as Deno reads the graph", () => {});
}

test("ARCHITECTURE.md names functions that are in the files that it names", () => {
  const text = readFileSync(`${ROOT}/ARCHITECTURE.md`, "utf8").replace(/\n +/g, " ");
  const steps = [...text.matchAll(/\]\((src\/[\w/]+\.ts)\) `(#?\w+)`/g)];
  assert.ok(steps.length > 25);
  for (const [, path, name] of steps) {
    const source = readFileSync(`${ROOT}/${path}`, "utf8");
    const isDeclared = new RegExp(`^(?:  (?:async )?|export (?:async )?function |(?:async )?function )${name}\\(`, "m").test(source);
    assert.ok(isDeclared, `${path} has no ${name}`);
  }
});
