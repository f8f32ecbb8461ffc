import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "../harness.ts";
import { ROOT } from "../tools/runtimes.ts";
import { wireTypes } from "../tools/wire_types.ts";

test("types of what crosses a process are those of their shapes; `deno run -A tests/tools/wire_types.ts --write` makes them anew", () => {
  for (const [path, text] of Object.entries(wireTypes())) assert.equal(readFileSync(`${ROOT}/${path}`, "utf8"), text, path);
});
