import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as library from "../../mod.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { METRICS } from "../../src/control/metrics.ts";
import { ERROR_CODES } from "../../src/core/values/error_codes.ts";
import { test } from "../harness.ts";
import { ROOT } from "../tools/runtimes.ts";
import { PRETENDED, PROC_DAEMON, RON_KERNEL, SCHEDULED_JOBS, type SeedRow } from "./map.ts";

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const pages = { keys: read("docs/reference/keys.md"), library: read("mod.ts") };
const tasks = JSON.parse(read("deno.json")).tasks;
/** Texts of all files that register tests. */
const testTexts = (readdirSync(join(ROOT, "tests"), { recursive: true }) as string[])
  .filter((path) => /_test\.ts$|conformance/.test(path) && path.endsWith(".ts") && !path.startsWith("seed"))
  .map((path) => read(join("tests", path)));

/** Whether a name of ours exists, by its kind. */
const EXISTS: Readonly<Record<string, (name: string) => boolean>> = {
  export: (name) => {
    const [first, member] = name.split(".");
    const value = (library as Record<string, unknown>)[first];
    if (value === undefined || member === undefined) return value !== undefined;
    return member in Object(value) || member in Object((value as { prototype?: object }).prototype);
  },
  type: (name) => new RegExp(`\\btype (?:\\{[^}]*\\b)?${name}\\b|\\b${name},|\\b${name} \\}`).test(pages.library),
  key: (path) => {
    const at = path.lastIndexOf(".");
    const title = at < 0 ? "At the top" : `\`[${path.slice(0, at).replace(/^service\b/, "service.NAME")}]\``;
    const section = pages.keys.split(/^## /m).find((each) => each.startsWith(`${title}\n`)) ?? "";
    return section.includes(`| \`${path.slice(at + 1)}\` |`);
  },
  // A table is one word, whatever comes behind it is its key.
  variable: (name) => {
    const path = name.replace(/^DAEMON_/, "").toLowerCase();
    return EXISTS.key(path) || EXISTS.key(path.replace("_", "."));
  },
  command: (name) => COMMANDS.some((command) => command.name === name),
  task: (name) => Object.hasOwn(tasks, name),
  metric: (name) => METRICS.some((metric) => metric.name === name),
  error: (name) => Object.hasOwn(ERROR_CODES, name),
  file: (path) => existsSync(join(ROOT, path)),
  test: (text) => testTexts.some((each) => each.includes(text)),
};

for (
  const [title, rows] of Object.entries({
    "proc-daemon": PROC_DAEMON,
    "scheduled jobs": SCHEDULED_JOBS,
    "ron-kernel": RON_KERNEL,
    pretended: PRETENDED,
  })
) {
  test(`seed map of ${title}: every name of ours exists`, () => {
    const missing = rows.flatMap((row: SeedRow) => "ours" in row ? row.ours : []).filter((name) => {
      const kind = name.slice(0, name.indexOf(":"));
      assert.ok(Object.hasOwn(EXISTS, kind), `${name} is of no kind that is known`);
      return !EXISTS[kind](name.slice(kind.length + 1));
    });
    assert.deepEqual(missing, []);
  });

  test(`seed map of ${title}: each thing has one row, with ours, an issue, or a reason`, () => {
    const names = rows.map(({ seed }) => seed);
    assert.deepEqual(names.filter((name, index) => names.indexOf(name) !== index), []);
    for (const row of rows) assert.equal(["ours", "issue", "reason"].filter((key) => key in row).length, 1, row.seed);
    for (const row of rows) if ("issue" in row) assert.ok(row.issue >= 10 && row.issue <= 13, row.seed);
  });
}
