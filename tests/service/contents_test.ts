import assert from "node:assert/strict";
import { changedContents, contentsOf } from "../../src/service/contents.ts";
import { serviceSpec } from "../../src/service/make_spec.ts";
import { FakeFiles } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

const MODULE = serviceSpec("api", { module: "api.ts", envFile: ["?.env"] }, "/app");

test("contentsOf follows what a module imports by a relative path, in every way to write it, and no circle twice", async () => {
  const files = new FakeFiles();
  files.put(
    "/app/api.ts",
    `import { a } from "./lib/a.ts";\nexport * from './b.js';\nimport "../c.ts";\nconst d = await import("./d.ts");\nimport x from "npm:x";`,
  );
  files.put("/app/lib/a.ts", `import type { Api } from "../api.ts"; import e from "./e"; import gone from "./gone.ts";`);
  for (const path of ["/app/b.js", "/c.ts", "/app/d.ts", "/app/lib/e/index.ts"]) files.put(path, "");
  const contents = await contentsOf(MODULE, files);
  assert.deepEqual([...contents.keys()].sort(), [
    "/app/.env",
    "/app/api.ts",
    "/app/b.js",
    "/app/d.ts",
    "/app/lib/a.ts",
    "/app/lib/e/index.ts",
    "/c.ts",
  ]);
  files.put("/app/lib/e/index.ts", "export default 1;");
  files.put("/app/.env", "A=1");
  assert.deepEqual(changedContents(contents, await contentsOf(MODULE, files)), ["/app/.env", "/app/lib/e/index.ts"]);
});

test("contentsOf reads no pipe, which would be empty then, and holds nothing of what it has read", async () => {
  const files = new FakeFiles();
  files.putOther("/app/pipe", "pipe");
  files.put("/app/secret", "PASSWORD=hunter2");
  const spec = serviceSpec("api", { run: ["x"], envFile: ["pipe", "secret", "none"] }, "/app");
  using _fault = files.failReads("/app/pipe", "TIMEOUT");
  const contents = [...await contentsOf(spec, files)];
  assert.deepEqual(contents.map(([path, digest]) => [path, digest.length === 64 ? "digest" : digest]), [
    ["/app/pipe", "not read"],
    ["/app/secret", "digest"],
    ["/app/none", "missing"],
  ]);
});
