import assert from "node:assert/strict";
import process from "node:process";
import { test } from "../harness.ts";
import { drawGraph, shownGraph } from "../tools/graph.ts";

if ("Deno" in globalThis) {
  test("ARCHITECTURE.md shows the module graph as it is", () => {
    assert.equal(shownGraph(), drawGraph(process.execPath), "run: deno run -A tests/tools/graph.ts --write");
  });
} else {
  test("ARCHITECTURE.md: its picture is compared under `deno test` only, as Deno reads the graph", () => {});
}
