import assert from "node:assert/strict";
import { expand } from "../../src/service/environment.ts";
import { test } from "../harness.ts";

test("expand: port and instance wherever they stand, every other brace as it is", () => {
  const text = "{port}-{instance}-{port} {{port}} {Port} ${port} {other}";
  assert.equal(expand(text, { port: 80, instance: 2 }), "80-2-80 {{port}} {Port} ${port} {other}");
  assert.equal(expand(text, { port: undefined, instance: 0 }), "{port}-0-{port} {{port}} {Port} ${port} {other}");
});
