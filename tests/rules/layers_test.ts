import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { layers } from "./layers.ts";

/** A checkout whose own path looks like one of its layers: rules must count from the root, not from the first `src/`. */
const ROOT = "/home/me/src/platform/daemonkit";

type Row = [file: string, code: string, reported: boolean];

const CASES: Row[] = [
  // Direction: own folder and lower layers only.
  ["src/core/values/a.ts", `import { b } from "./b.ts";`, false],
  ["src/core/values/a.ts", `import { b } from "../../service/b.ts";`, true],
  ["src/core/values/a.ts", `import { b } from "../../platform/b.ts";`, true],
  ["src/core/values/a.ts", `import type { B } from "../../daemon/b.ts";`, true],
  ["src/core/values/a.ts", `export { b } from "../../service/b.ts";`, true],
  ["src/core/values/a.ts", `export * from "../../service/b.ts";`, true],
  ["src/core/values/a.ts", `const b = await import("../../service/b.ts");`, true],
  ["src/core/values/a.ts", `type B = typeof import("../../service/b.ts");`, true],
  ["src/core/values/a.ts", `type B = import("../../service/b.ts").B;`, true],
  ["src/core/values/a.ts", `import { b } from "../values/deep/b.ts";`, false],
  ["src/core/values/a.ts", `import { b } from "../../service/b.ts";`, true],

  // The rooms of core: arrows point down, and what lies beside them is above them.
  ["src/core/ports/a.ts", `import { b } from "../values/b.ts";`, false],
  ["src/core/values/a.ts", `import type { B } from "../ports/b.ts";`, true],
  ["src/core/messages/a.ts", `import { b } from "../wire/b.ts";`, true],
  ["src/core/wire/a.ts", `import { b } from "../supervise/b.ts";`, true],
  ["src/core/supervise/a.ts", `import { b } from "../messages/b.ts"; import { c } from "../wire/c.ts";`, false],
  ["src/core/a.ts", `import { b } from "./supervise/b.ts";`, false],
  ["src/core/supervise/a.ts", `import { b } from "../b.ts";`, true],
  ["src/platform/a.ts", `import type { Host } from "../core/ports/host.ts";`, false],
  ["src/platform/a.ts", `import { a } from "../service/a.ts";`, true],
  ["src/testing/a.ts", `import { a } from "../core/values/a.ts";`, false],
  ["src/testing/a.ts", `import { a } from "../platform/a.ts";`, true],
  ["src/service/a.ts", `import { a } from "../core/values/a.ts";`, false],
  ["src/daemon/a.ts", `import { a } from "../service/a.ts"; import { p } from "../platform/mod.ts";`, false],
  ["src/daemon/a.ts", `import { a } from "../cli/a.ts";`, true],
  ["src/daemon/a.ts", `import { a } from "../testing/a.ts";`, true],
  ["src/cli/a.ts", `import { a } from "../daemon/a.ts"; import { p } from "../platform/mod.ts";`, false],
  ["src/cli/a.ts", `import { a } from "../testing/a.ts";`, true],

  // The life of a daemon is above what it is made of.
  ["src/settings/a.ts", `import { a } from "../service/a.ts"; import { b } from "../instance/b.ts";`, false],
  ["src/settings/a.ts", `import { a } from "../daemon/a.ts";`, true],
  ["src/instance/a.ts", `import { a } from "../settings/a.ts";`, true],
  ["src/leftover/a.ts", `import { a } from "../instance/a.ts"; import { b } from "../settings/b.ts";`, false],
  ["src/record/a.ts", `import { a } from "../instance/a.ts";`, true],
  [
    "src/daemon/a.ts",
    `import { a } from "../settings/a.ts"; import { b } from "../leftover/b.ts"; import { c } from "../record/c.ts";`,
    false,
  ],

  // The declarations of keys are below the features, and know none of them.
  ["src/service/keys.ts", `import { table } from "../schema/table.ts";`, false],
  ["src/schema/a.ts", `import { a } from "../core/values/a.ts";`, false],
  ["src/schema/a.ts", `import { a } from "../service/a.ts";`, true],
  ["src/core/values/a.ts", `import { a } from "../../schema/a.ts";`, true],
  ["src/platform/a.ts", `import { a } from "../schema/a.ts";`, true],

  // Features know neither one another, nor the platform, nor the fakes.
  ["src/service/a.ts", `import { a } from "../config/a.ts";`, true],
  ["src/service/a.ts", `import { a } from "../platform/mod.ts";`, true],
  ["src/service/a.ts", `import { a } from "../testing/mod.ts";`, true],
  ["src/service/a.ts", `import { a } from "../daemon/a.ts";`, true],

  // Only folders that are layers, and no file in src itself.
  ["src/a.ts", `export const a = 1;`, true],
  ["src/misc/a.ts", `export const a = 1;`, true],
  ["src/daemon/a.ts", `import { a } from "../misc/a.ts";`, true],
  ["src/daemon/a.ts", `import { a } from "../a.ts";`, true],

  // Inside, nothing comes from outside of src, by path or by our own name.
  ["src/service/a.ts", `import { a } from "../../mod.ts";`, true],
  ["src/service/a.ts", `import { a } from "@daemonkit/daemonkit";`, true],
  ["src/service/a.ts", `import { a } from "@daemonkit/daemonkit/testing";`, true],
  ["src/service/a.ts", `import { a } from "../harness.ts";`, true],
  ["src/service/a.ts", `import { a } from "https://example.com/a.ts";`, true],
  ["src/service/a.ts", `import { a } from "/a.ts";`, true],

  // The runtime's modules, with and without prefix.
  ["src/platform/a.ts", `import { a } from "node:fs"; import { b } from "bun:ffi"; import { c } from "bun";`, false],
  ["src/platform/a.ts", `import { a } from "fs";`, true],
  ["src/core/values/a.ts", `import { a } from "node:fs";`, true],
  ["src/core/values/a.ts", `import { a } from "fs";`, true],
  ["src/core/values/a.ts", `import { a } from "fs/promises";`, true],
  ["src/core/values/a.ts", `import type { Stats } from "node:fs";`, true],
  ["src/core/values/a.ts", `let f: typeof import("node:fs");`, true],
  ["src/core/values/a.ts", `const f = await import("node:fs");`, true],
  ["src/core/values/a.ts", `import f = require("node:fs");`, true],
  ["src/core/values/a.ts", `const f = require("node:fs");`, true],
  ["src/cli/a.ts", `import { a } from "node:fs";`, true],
  ["src/service/a.ts", `import { a } from "bun:sqlite";`, true],
  ["src/core/values/a.ts", `/// <reference types="node" />\nexport const a = 1;`, true],

  // A computed name could be anything.
  ["src/daemon/a.ts", `const a = await import(name);`, true],
  ["src/daemon/a.ts", "const a = await import(`../cli/${name}.ts`);", true],
  ["src/platform/a.ts", `const a = await import(name);`, false],

  // Packages: each layer its own, the core none.
  ["src/core/values/a.ts", `import * as v from "valibot";`, true],
  ["src/config/a.ts", `import { parse } from "smol-toml";`, false],
  ["src/config/a.ts", `const { parseTOML } = await import("toml-eslint-parser");`, false],
  ["src/config/a.ts", `import { Hono } from "hono";`, true],
  ["src/service/keys.ts", `import { Hono } from "hono";`, true],
  ["src/service/a.ts", `import { parse } from "smol-toml";`, true],
  ["src/service/keys.ts", `import { parse } from "smol-toml";`, true],
  ["src/control/a.ts", `import { Hono } from "hono"; import { bearerAuth } from "hono/bearer-auth";`, false],
  ["src/control/a.ts", `import { Hono } from "hono-other";`, true],
  ["src/cli/a.ts", `import { Command } from "commander";`, false],
  ["src/daemon/a.ts", `import { Command } from "commander";`, true],
  ["src/platform/a.ts", `import { Command } from "commander";`, true],
  ["src/service/a.ts", `import * as v from "npm:valibot";`, true],
  ["src/platform/a.ts", `import * as v from "jsr:@std/cli";`, true],

  // Runtime globals, however they are reached.
  ["src/core/values/a.ts", `Deno.exit();`, true],
  ["src/core/values/a.ts", `const d = Deno;`, true],
  ["src/core/values/a.ts", `process.exit();`, true],
  ["src/core/values/a.ts", `const b = Buffer.from("");`, true],
  ["src/core/values/a.ts", `f(Buffer);`, true],
  ["src/core/values/a.ts", `let t: NodeJS.Timeout;`, true],
  ["src/core/values/a.ts", `let c: Deno.Command;`, true],
  ["src/core/values/a.ts", `if (typeof Bun === "undefined") f();`, true],
  ["src/core/values/a.ts", `if ("Deno" in globalThis) f();`, true],
  ["src/core/values/a.ts", `(globalThis as any)["Deno"].exit();`, true],
  ["src/core/values/a.ts", `const { process } = globalThis as any;`, true],
  ["src/core/values/a.ts", `const { process } = globalThis;`, true],
  ["src/core/values/a.ts", `const g = globalThis; g.process.exit();`, true],
  ["src/core/values/a.ts", `self.close(); window.close();`, true],
  ["src/core/values/a.ts", `eval("Deno");`, true],
  ["src/core/values/a.ts", `const d = new Function("return Deno")();`, true],
  ["src/service/a.ts", `Bun.spawn([]);`, true],
  ["src/cli/a.ts", `process.stdout.write("");`, true],
  ["src/platform/a.ts", `Deno.exit(); process.exit(); if (typeof Bun === "undefined") f(globalThis);`, false],

  // The same words as keys, members and parameters are nobody's globals.
  ["src/core/values/a.ts", `host.process.exit(0); const id = host.processes.self();`, false],
  ["src/core/values/a.ts", `interface H { process: P; self(): number; readonly console?: string }`, false],
  ["src/core/values/a.ts", `const h = { process: p, self() { return 1; } };`, false],
  ["src/core/values/a.ts", `class A { self = 1; process(): void {} }`, false],
  ["src/core/values/a.ts", `type F = (process: P, self: S) => void; const { process: owner } = host;`, false],
  ["src/core/values/a.ts", `const ok = x instanceof Function; let f: Function;`, false],

  // A local of such a name is no global, within its scope.
  ["src/core/values/a.ts", `const { files, process } = host; process.cwd();`, false],
  ["src/core/values/a.ts", `function f(process: P, { self } = a, ...[window]: W) { process.exit(); self.a(); window.b(); }`, false],
  ["src/core/values/a.ts", `const f = ({ process = other }) => process.exit();`, false],
  ["src/core/values/a.ts", `class A { constructor(private process: P) { process.exit(); } }`, false],
  ["src/core/values/a.ts", `import type { process } from "./b.ts"; process.exit();`, false],
  ["src/core/values/a.ts", `for (const self of all) self.f(); try { f(); } catch (process) { g(process); }`, false],
  ["src/core/values/a.ts", `function f(process: P) { process.exit(); } process.exit();`, true],
  ["src/core/values/a.ts", `{ const { process } = host; } process.exit();`, true],
  ["src/core/values/a.ts", `const { process = globalThis.process } = host;`, true],

  // Time, chance and printing come in by the door.
  ["src/core/values/a.ts", `const t = Date.now();`, true],
  ["src/core/values/a.ts", `const t = new Date();`, true],
  ["src/core/values/a.ts", `const t = Date();`, true],
  ["src/core/values/a.ts", `const { now } = Date;`, true],
  ["src/core/values/a.ts", `const t = Date["now"]();`, true],
  ["src/core/values/a.ts", `const t = performance.now();`, true],
  ["src/core/values/a.ts", `const t = Temporal.Now.instant();`, true],
  ["src/core/values/a.ts", `setTimeout(f, 1);`, true],
  ["src/core/values/a.ts", `const later = setTimeout;`, true],
  ["src/core/values/a.ts", `setInterval(f, 1);`, true],
  ["src/core/values/a.ts", `const s = AbortSignal.timeout(1);`, true],
  ["src/core/values/a.ts", `const r = Math.random();`, true],
  ["src/core/values/a.ts", `const { random } = Math;`, true],
  ["src/core/values/a.ts", `const r = crypto.randomUUID();`, true],
  ["src/core/values/a.ts", `console.log("");`, true],
  ["src/service/a.ts", `setTimeout(f, 1);`, true],
  ["src/log/a.ts", `console.log("");`, true],
  ["src/daemon/a.ts", `const t = Date.now();`, true],
  ["src/daemon/a.ts", `const r = Math.random();`, true],
  ["src/daemon/a.ts", `const { random } = Math;`, true],
  ["src/daemon/a.ts", `this.random = host?.random ?? Math.random;`, false],
  ["src/service/a.ts", `this.random = host?.random ?? Math.random;`, true],
  ["src/core/values/a.ts", `const t = new Date(ms).toISOString(); const u = Date.UTC(2026, 1); const m = Math.max(1, 2);`, false],
  ["src/core/values/a.ts", `if (x instanceof Date) f(); let d: Date; const s = AbortSignal.any([]); queueMicrotask(f);`, false],
  ["src/core/values/a.ts", `const h = await crypto.subtle.digest("SHA-256", bytes);`, false],
  ["src/core/ports/clock.ts", `const t = Date.now(); setTimeout(f, performance.now());`, false],
  ["src/core/deep/clock.ts", `const t = Date.now();`, true],
  ["src/platform/a.ts", `const t = Date.now(); console.log(Math.random()); setTimeout(f, 1);`, false],
  ["src/cli/a.ts", `console.log("");`, false],
  ["src/cli/a.ts", `const t = Date.now();`, true],

  // The library only re-exports.
  ["mod.ts", `export { a } from "./src/core/a.ts"; export type { B } from "./src/daemon/b.ts"; export * from "./src/log/mod.ts";`, false],
  ["mod.ts", `export { runCli } from "./src/cli/mod.ts";`, true],
  ["mod.ts", `export * from "./src/platform/mod.ts";`, true],
  ["mod.ts", `export { parse } from "smol-toml";`, true],
  ["mod.ts", `import { a } from "./src/core/a.ts";`, true],
  ["mod.ts", `export const a = 1;`, true],
  ["src/core/mod.ts", `export const a = 1;`, false],

  // Everything else in the repository is no layer.
  ["cli.ts", `import { a } from "node:fs"; Deno.exit();`, false],
  ["tests/core/src/core/a.ts", `import { a } from "node:fs";`, false],
  ["examples/simple.ts", `console.log(Date.now());`, false],
];

if ("Deno" in globalThis) {
  for (const [file, code, reported] of CASES) {
    test(`layers ${reported ? "reports" : "passes"} ${file}: ${code}`, () => {
      const diagnostics = Deno.lint.runPlugin(layers(ROOT), `${ROOT}/${file}`, code);
      assert.equal(diagnostics.length > 0, reported, diagnostics.map((found) => found.message).join("; ") || "nothing was reported");
    });
  }
  test("layers counts a file outside of the checkout as none of its business", () => {
    assert.deepEqual(Deno.lint.runPlugin(layers(ROOT), "/home/me/src/core/a.ts", `Deno.exit();`), []);
  });
} else {
  test("layers: its table runs under `deno test` only, as Bun has no lint plugins", () => {});
}
