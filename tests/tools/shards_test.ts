import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "../harness.ts";
import { shardsOf, testFiles } from "./shards.ts";

const FILES = [
  { path: "tests/core/a_test.ts", size: 9 },
  { path: "tests/e2e/short_test.ts", size: 1 },
  { path: "tests/e2e/long_test.ts", size: 2 },
  { path: "tests/log/b_test.ts", size: 9 },
];

test("shardsOf gives each end-to-end file a process, the longest first, and all the rest of a runtime one, which begins before them", () => {
  const told = shardsOf({ files: FILES, runtimes: ["deno", "bun"] }).map(({ runtime, files }) => `${runtime} ${files.join(" ")}`);
  assert.deepEqual(told, [
    "deno tests/core/a_test.ts tests/log/b_test.ts",
    "bun tests/core/a_test.ts tests/log/b_test.ts",
    "deno tests/e2e/long_test.ts",
    "bun tests/e2e/long_test.ts",
    "deno tests/e2e/short_test.ts",
    "bun tests/e2e/short_test.ts",
  ]);
  const [together, ...more] = shardsOf({ files: FILES, runtimes: ["bun"], isTogether: true });
  assert.deepEqual([together.files, more], [FILES.map(({ path }) => path), []]);
  assert.deepEqual(shardsOf({ files: [], runtimes: ["deno"] }), []);
});

test("testFiles finds each file of tests once, in folders of any depth, and a file that is named whatever its name", () => {
  const root = mkdtempSync(join(tmpdir(), "dk-shards-"));
  try {
    mkdirSync(join(root, "tests", "core"), { recursive: true });
    for (const name of ["until.ts", "b_test.ts", "core/a_test.ts", "core/a.ts"]) writeFileSync(join(root, "tests", name), "12");
    const a = { path: "tests/core/a_test.ts", size: 2 };
    const b = { path: "tests/b_test.ts", size: 2 };
    assert.deepEqual(testFiles(root, ["./tests/", "tests/core"]), [b, a]);
    assert.deepEqual(testFiles(root, ["tests/core/a.ts"]).map(({ path }) => path), ["tests/core/a.ts"]);
    assert.throws(() => testFiles(root, ["tests/none"]), /tests\/none/);
  } finally {
    rmSync(root, { recursive: true });
  }
});
