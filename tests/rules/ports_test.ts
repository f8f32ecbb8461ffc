import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "../harness.ts";
import { ROOT } from "../tools/runtimes.ts";

/** The fields of {@linkcode Host} that are ports, with the file of each. */
function portsOfHost(): [field: string, file: string][] {
  const text = readFileSync(`${ROOT}/src/core/ports/host.ts`, "utf8");
  const fileOf = new Map([...text.matchAll(/import type { (\w+) } from "\.\/(\w+)\.ts";/g)].map(([, type, file]) => [type, file]));
  return [...text.matchAll(/readonly (\w+): (\w+);/g)].flatMap(([, field, type]) => fileOf.has(type) ? [[field, fileOf.get(type)!]] : []);
}

/** Twins that are elsewhere, each with its reason. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "src/platform/clock.ts": "the one clock needs nothing of a runtime and lies beside its port",
  "tests/conformance/clock.ts": "tests/core/ports/clock_test.ts has the tests of the one clock",
  "tests/conformance/terminal.ts": "a terminal shows in a process of its own alone: tests/platform/process_test.ts",
};

test("every port of the machine is called alike as a field of Host, in core, platform, testing and conformance", () => {
  const ports = portsOfHost();
  assert.ok(ports.length > 10, `${ports.length}`);
  const missing = ports.flatMap(([field, file]) => {
    const platform = [`${file}.ts`, `${file}_bun.ts`].some((name) => existsSync(`${ROOT}/src/platform/${name}`));
    const others = [`src/testing/fake_${file}.ts`, `tests/conformance/${file}.ts`].filter((path) => !existsSync(`${ROOT}/${path}`));
    const isCalledSo = file.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()) === field;
    return [...platform ? [] : [`src/platform/${file}.ts`], ...others, ...isCalledSo ? [] : [`Host.${field} is in ${file}.ts`]];
  });
  assert.deepEqual(missing.sort(), Object.keys(ELSEWHERE).sort());
});

test("no fake and no suite is without its port", () => {
  const files = new Set(["host", ...portsOfHost().map(([, file]) => file)]);
  const fakes = readdirSync(`${ROOT}/src/testing`).flatMap((name) => /^fake_(\w+)\.ts$/.exec(name)?.[1] ?? []);
  const suites = readdirSync(`${ROOT}/tests/conformance`).map((name) => name.replace(/\.ts$/, "")).filter((name) => name !== "temp_dir");
  assert.deepEqual([...fakes, ...suites].filter((name) => !files.has(name)), []);
});
