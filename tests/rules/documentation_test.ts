import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "../harness.ts";
import { ROOT } from "../tools/runtimes.ts";

interface Declaration {
  kind: string;
  jsDoc?: { doc?: string; tags?: { kind: string; doc?: string }[] };
  def?: { extends?: string };
}

const ENTRIES: readonly (readonly [entry: string, name: string])[] = [
  ["mod.ts", "@daemonkit/daemonkit"],
  ["src/cli/mod.ts", "@daemonkit/daemonkit/cli"],
  ["src/testing/mod.ts", "@daemonkit/daemonkit/testing"],
];

/** Names that any program has some of its own of. */
const GENERAL: ReadonlySet<string> = new Set(
  ("Entry Event EventListener Handle Handler InstanceType Item Job Key Listener Message Name Node Option Options Path Record Result Settings " +
    "Spec State Status Strategy Task Tree Unit Value").split(" "),
);

/** The exports of an entry point with their documentation, as `deno doc` sees them. */
function exportsOf(entry: string): [name: string, declaration: Declaration][] {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["doc", "--json", entry], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  assert.equal(status, 0, stderr);
  const { nodes } = JSON.parse(stdout) as { nodes: Record<string, { symbols: { name: string; declarations: Declaration[] }[] }> };
  return Object.values(nodes).flatMap(({ symbols }) =>
    symbols.flatMap(({ name, declarations }) => declarations.map((declaration) => [name, declaration] as [string, Declaration]))
  );
}

function examplesOf(declaration: Declaration): string[] {
  return (declaration.jsDoc?.tags ?? []).filter((tag) => tag.kind === "example").map((tag) => tag.doc ?? "");
}

if ("Deno" in globalThis) {
  test("mod.ts: no public name is as general as those that a program has itself", () => {
    assert.deepEqual(exportsOf("mod.ts").map(([name]) => name).filter((name) => GENERAL.has(name)), []);
  });

  test("mod.ts: each class has an example of its own", () => {
    const classes = exportsOf("mod.ts").filter(([, { kind }]) => kind === "class");
    assert.ok(classes.length > 20);
    assert.deepEqual(classes.filter(([, declaration]) => examplesOf(declaration).length === 0).map(([name]) => name), []);
  });

  for (const [entry, specifier] of ENTRIES) {
    test(`documentation of ${entry}: each class and function shows a use of itself or links to what does`, () => {
      const needs = exportsOf(entry).filter(([, { kind, def }]) =>
        kind === "class" && def?.extends !== "DaemonError" || kind === "function"
      );
      // One example serves all overloads.
      const isShown = (declaration: Declaration) => examplesOf(declaration).length > 0 || declaration.jsDoc?.doc?.includes("{@linkcode ");
      const shown = new Set(needs.filter(([, declaration]) => isShown(declaration)).map(([name]) => name));
      const without = needs.filter(([name]) => !shown.has(name));
      assert.deepEqual(without.map(([name]) => name), []);
    });

    test(`documentation of ${entry}: each example has a title, imports the package by its name, and asserts`, () => {
      const weak = exportsOf(entry).flatMap(([name, declaration]) =>
        examplesOf(declaration).filter((example) =>
          !/^[^`\s]/.test(example) || !example.includes(`from "@daemonkit/daemonkit`) || !/\bassert\b/.test(example)
        ).map((example) => `${name}: ${example.split("\n")[0]}`)
      );
      assert.deepEqual(weak, [], `an example is titled, imports from "${specifier}" and asserts with node:assert/strict`);
    });
  }
} else {
  test("documentation: its examples are looked at under `deno test` only, as Deno reads them", () => {});
}
