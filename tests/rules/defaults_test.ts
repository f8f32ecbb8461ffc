import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { TableNode } from "../../src/schema/node.ts";
import { LOG, READY, RESTART, SERVICE, STOP } from "../../src/service/keys.ts";
import { LEAVES } from "../../src/settings/leaves.ts";
import { test } from "../harness.ts";
import { ROOT } from "../tools/runtimes.ts";

/** A documented default, with the text of the code behind its comment. */
function documented(file: string): { text: string; after: string }[] {
  const source = readFileSync(`${ROOT}/src/${file}`, "utf8");
  return [...source.matchAll(/@default \{(.*)\}\s*\*\/\n(?=([^\n]*\n[^\n]*))/g)].map(([, text, after]) => ({ text, after }));
}

/** The documented default of an option; one that is no value is a sentence. */
function valueOf(text: string): unknown {
  try {
    return JSON.parse(text.replace(/(?<=\d)_(?=\d)/g, ""));
  } catch {
    return undefined;
  }
}

test("the defaults that the options of a service document are those that its keys declare", () => {
  const files: [file: string, tables: TableNode[]][] = [
    ["service/options.ts", [SERVICE, READY, STOP, LOG]],
    ["core/supervise/restart.ts", [RESTART]],
  ];
  const found = new Set<string>();
  for (const [file, tables] of files) {
    for (const { text, after } of documented(file)) {
      const option = /^\s*(?:readonly )?(\w+)\?:/.exec(after)?.[1] ?? "";
      const standards = tables.filter(({ defaults }) => Object.hasOwn(defaults, option)).map(({ defaults }) => defaults[option]);
      // Two tables may have an option of one name: the comment is that of either.
      const value = valueOf(text);
      if (standards.length === 0) continue;
      assert.ok(standards.some((standard) => JSON.stringify(standard) === JSON.stringify(value)), `${option} of ${file}: ${text}`);
      found.add(option);
    }
  }
  const declared = [SERVICE, READY, STOP, LOG, RESTART].flatMap(({ defaults }) => Object.keys(defaults));
  assert.deepEqual(declared.filter((option) => !found.has(option)), ["policy"]);
});

test("the defaults that Config.builder() documents are those that the settings declare", () => {
  const found = new Set<string>();
  for (const { text, after } of documented("settings/config.ts")) {
    const path = /#set\("([a-z_.]+)"/.exec(after)?.[1] as keyof typeof LEAVES | undefined;
    if (path === undefined) continue;
    const { facts, inCode, read } = LEAVES[path];
    const value = valueOf(text);
    const isDuration = inCode !== undefined && typeof value === "string" && inCode.accepts(value);
    const kept = isDuration ? read!(value as never) : value;
    if (facts.default !== undefined) assert.equal(kept, facts.default, path);
    found.add(path);
  }
  assert.ok(found.size > 20, String(found.size));
});
