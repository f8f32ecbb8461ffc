import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "../harness.ts";
import { digestOf, isStale } from "./compile.ts";

const FLAGS = ["--minify"];
const INPUTS = ["cli.ts", "mod.ts", "package.json", "deno.json", "bun.lock", "deno.lock", "src/core/a.ts", "src/a.json"];

/** A small repository with an executable that was built of it. */
function repository(): Disposable & { root: string; outfile: string; write(path: string, text: string): void; isStale(): boolean } {
  const root = mkdtempSync(join(tmpdir(), "dk-stale-"));
  const write = (path: string, text: string) => writeFileSync(join(root, path), text);
  for (const folder of ["src/core", "tests", "dist", "node_modules", "examples", "bench"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  for (const path of INPUTS) write(path, "1");
  const outfile = join(root, "dist", "daemonkit");
  write("dist/daemonkit", "built");
  write("dist/daemonkit.digest", digestOf(root, FLAGS));
  const dispose = () => rmSync(root, { recursive: true });
  return { root, outfile, write, isStale: () => isStale(outfile, root, FLAGS), [Symbol.dispose]: dispose };
}

test("isStale: whatever goes into the executable makes it stale when it changes, whatever the times of the files", () => {
  for (const path of INPUTS) {
    using repo = repository();
    assert.equal(repo.isStale(), false);
    repo.write(path, "2");
    assert.equal(repo.isStale(), true, path);
    repo.write(path, "1");
    assert.equal(repo.isStale(), false, path);
  }
});

test("isStale: files that are new, gone or renamed, and other flags, make it stale", () => {
  using repo = repository();
  for (const path of ["src/core/b.ts", "bunfig.toml", "tsconfig.json"]) {
    repo.write(path, "");
    assert.equal(repo.isStale(), true, path);
    rmSync(join(repo.root, path));
    assert.equal(repo.isStale(), false, path);
  }
  assert.equal(isStale(repo.outfile, repo.root, [...FLAGS, "--bytecode"]), true);
  renameSync(join(repo.root, "src/core/a.ts"), join(repo.root, "src/core/b.ts"));
  assert.equal(repo.isStale(), true);
});

test("isStale: an executable that is missing, or of which nothing is known, is stale; tests and documents leave it alone", () => {
  using repo = repository();
  for (const path of ["tests/a_test.ts", "README.md", ".gitignore", "node_modules/x", "examples/x", "bench/x"]) repo.write(path, "");
  assert.equal(repo.isStale(), false);
  rmSync(`${repo.outfile}.digest`);
  assert.equal(repo.isStale(), true);
  repo.write("dist/daemonkit.digest", digestOf(repo.root, FLAGS));
  rmSync(repo.outfile);
  assert.equal(repo.isStale(), true);
});
