import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "../harness.ts";
import { keys, referencePages } from "../tools/reference.ts";
import { ROOT } from "../tools/runtimes.ts";

test("docs/reference says what the program does; `deno run -A tests/tools/reference.ts --write` makes it anew", () => {
  for (const [name, text] of Object.entries(referencePages())) {
    assert.equal(readFileSync(`${ROOT}/docs/reference/${name}`, "utf8"), text, name);
  }
});

test("every key of the configuration says what it does, in one sentence", () => {
  for (const { path, leaf: { facts: { about } } } of keys()) {
    if (path.endsWith(".env.NAME")) continue;
    assert.match(about ?? "", /^[A-Z].*\.$/, path);
  }
});
