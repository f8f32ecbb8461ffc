import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { ROOT } from "../tools/runtimes.ts";
import { circlesOf, sourcesOf } from "./circles.ts";

type Row = [what: string, sources: Record<string, string>, circles: string[][]];

const BACK = `import { a } from "./a.ts";`;

const CASES: Row[] = [
  ["two files, one of which knows the other", { "src/a.ts": "", "src/b.ts": BACK }, []],
  ["two that know each other", { "src/a.ts": `import { b } from "./b.ts";`, "src/b.ts": BACK }, [["src/a.ts", "src/b.ts"]]],
  ["by a type alone", { "src/a.ts": `import type { B } from "./b.ts";`, "src/b.ts": BACK }, [["src/a.ts", "src/b.ts"]]],
  ["by a type in an expression", { "src/a.ts": `let b: typeof import("./b.ts");`, "src/b.ts": BACK }, [["src/a.ts", "src/b.ts"]]],
  ["by what is imported later", { "src/a.ts": `const b = await import("./b.ts");`, "src/b.ts": BACK }, [["src/a.ts", "src/b.ts"]]],
  ["by what is only handed on", { "src/a.ts": `export { b } from "./b.ts";`, "src/b.ts": BACK }, [["src/a.ts", "src/b.ts"]]],
  ["by everything that is handed on", { "src/a.ts": `export * from "./b.ts";`, "src/b.ts": BACK }, [["src/a.ts", "src/b.ts"]]],
  ["by an import for its effect", { "src/a.ts": `import "./b.ts";`, "src/b.ts": BACK }, [["src/a.ts", "src/b.ts"]]],
  ["over several lines", { "src/a.ts": `import {\n  b,\n} from\n  "./b.ts";`, "src/b.ts": BACK }, [["src/a.ts", "src/b.ts"]]],
  ["across folders", { "src/a.ts": `import { b } from "./x/b.ts";`, "src/x/b.ts": `import { a } from "../a.ts";` }, [[
    "src/a.ts",
    "src/x/b.ts",
  ]]],
  ["a file that imports itself", { "src/a.ts": BACK }, [["src/a.ts"]]],
  ["three in a row and back", {
    "src/a.ts": `import "./b.ts";`,
    "src/b.ts": `import "./c.ts";`,
    "src/c.ts": BACK,
    "src/d.ts": BACK,
  }, [["src/a.ts", "src/b.ts", "src/c.ts"]]],
  ["two circles that meet in one file are one", {
    "src/a.ts": `import "./b.ts"; import "./c.ts";`,
    "src/b.ts": BACK,
    "src/c.ts": BACK,
  }, [["src/a.ts", "src/b.ts", "src/c.ts"]]],
  ["two ways to one file are no circle", { "src/a.ts": "", "src/b.ts": BACK, "src/c.ts": `import "./b.ts"; import "./a.ts";` }, []],
  ["imports in comments don't count", { "src/a.ts": `/** import "./b.ts" */\n// import "./b.ts"`, "src/b.ts": BACK }, []],
  ["packages and missing files don't count", { "src/a.ts": `import "hono"; import "./missing.ts";` }, []],
];

for (const [what, sources, circles] of CASES) {
  test(`circles: ${what}`, () => assert.deepEqual(circlesOf(new Map(Object.entries(sources))), circles));
}

test("circles: a chain of 20,000 files does not overflow the stack", () => {
  const chain = new Map(Array.from({ length: 20_000 }, (_, index) => [`src/f${index}.ts`, `import "./f${index + 1}.ts";`]));
  assert.deepEqual(circlesOf(chain), []);
});

test("no file of src is in a circle, type imports included", () => {
  assert.deepEqual(circlesOf(sourcesOf(ROOT)), []);
});
