import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "../harness.ts";
import { ROOT, VERSIONS } from "../tools/runtimes.ts";

const read = (path: string): string => readFileSync(`${ROOT}/${path}`, "utf8");
const deno = JSON.parse(read("deno.json"));
const bun = JSON.parse(read("package.json"));
const TASKS = ["start", "test", "ok", "bench", "compile", "fmt", "lint", "check"];

/** Names of the files below a folder, the folder included. */
function filesBelow(folder: string): string[] {
  return readdirSync(`${ROOT}/${folder}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath.replaceAll("\\", "/")}/${entry.name}`.slice(ROOT.length + 1));
}

for (const field of ["name", "version", "license", "exports"]) {
  test(`package files: ${field} is the same for both runtimes`, () => assert.deepEqual(bun[field], deno[field]));
}

test("package files: every export is a file", () => {
  for (const path of Object.values<string>(deno.exports)) assert.ok(existsSync(`${ROOT}/${path}`), `${path} is missing`);
});

test("package files: dependencies are listed once, with exact versions, and Deno is none of them", () => {
  assert.equal(deno.imports, undefined, "package.json is the only list");
  const all = { ...bun.dependencies, ...bun.devDependencies };
  for (const [name, version] of Object.entries<string>(all)) assert.match(version, /^\d+\.\d+\.\d+$/, `${name} is not exact`);
  assert.equal(all.deno, undefined, "Deno's task shell would start the package instead of itself");
  assert.equal(all.bun, VERSIONS.bun);
});

test("package files: both runtimes have the same tasks", () => {
  for (const name of TASKS) {
    assert.ok(deno.tasks[name], `deno task ${name} is missing`);
    assert.ok(bun.scripts[name], `bun run ${name} is missing`);
  }
  assert.deepEqual(Object.keys(bun.scripts).sort(), Object.keys(deno.tasks).sort());
});

test("package files: bun run finds a Bun that runs, also where Deno has installed the packages", () => {
  assert.ok(Object.values<string>(bun.scripts).every((script) => script.startsWith("bun ")));
  // Until the package's script has put the program there, `bun run` finds a text that complains.
  assert.deepEqual(deno.allowScripts, ["npm:bun"]);
});

test("documents: every task and every file that they name is there", () => {
  for (const document of ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]) {
    const text = read(document);
    for (const [, name] of text.matchAll(/\b(?:deno(?:@[\d.]+)? task|bun(?:@[\d.]+)? run) ([a-z:]+)/g)) {
      assert.ok(deno.tasks[name], `${document} names the task ${name}`);
    }
    for (const [, path] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.ok(existsSync(`${ROOT}/${path}`), `${document} links to ${path}`);
    }
    for (const [, name, version] of text.matchAll(/\b(deno|bun)@([\d.]+\d)/g)) {
      assert.equal(version, VERSIONS[name as keyof typeof VERSIONS], `${document} names another version of ${name}`);
    }
  }
});

test("src: no file lies in it directly", () => {
  const files = readdirSync(`${ROOT}/src`, { withFileTypes: true }).filter((entry) => !entry.isDirectory());
  assert.deepEqual(files.map((entry) => entry.name), []);
});

test("tests: whatever registers a test has a name that both runners look for", () => {
  const missed = filesBelow("tests").filter((path) => path.endsWith(".ts") && !path.endsWith("_test.ts") && /^test\(/m.test(read(path)));
  assert.deepEqual(missed, []);
});

test("tests: the harness, which asks for leak checks, is the only way to register one", () => {
  const others = filesBelow("tests").filter((path) =>
    path.endsWith(".ts") && path !== "tests/harness.ts" && /\bDeno\.test\(|from "(?:node|bun):test"/.test(read(path))
  );
  assert.deepEqual(others, []);
});

test("sources: no file names a path of somebody's machine", () => {
  const files = [
    "mod.ts",
    "cli.ts",
    ...["src", "tests", "examples", "bench"].flatMap((folder) => existsSync(`${ROOT}/${folder}`) ? filesBelow(folder) : []),
  ];
  const machine = new RegExp(["/opt/" + "rt", "/work/" + "main", "/root/" + "\\."].join("|"));
  assert.deepEqual(files.filter((path) => existsSync(`${ROOT}/${path}`) && machine.test(read(path))), []);
});
