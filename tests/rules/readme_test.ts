import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { COMMANDS } from "../../src/cli/commands.ts";
import { EXIT_CODES } from "../../src/core/values/exit_codes.ts";
import { test } from "../harness.ts";
import { ROOT } from "../tools/runtimes.ts";

const README = readFileSync(`${ROOT}/README.md`, "utf8");

test("README lists the commands that there are", () => {
  const block = README.slice(README.indexOf("## Commands"));
  const listed = [...block.matchAll(/^daemonkit (\S+)( show\|explain)?/gm)].flatMap(([, names, sub]) =>
    sub ? [`${names} show`, `${names} explain`] : names.split("|")
  );
  assert.deepEqual(listed.sort(), COMMANDS.map((command) => command.name).sort());
});

test("README lists the exit codes that there are", () => {
  const listed = [...README.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code));
  assert.deepEqual(listed, Object.values<number>(EXIT_CODES).sort((a, b) => a - b));
});

test("README shows the files of examples as they are", () => {
  const shown = [...README.matchAll(/```toml\n([^`]*)```/g)].map(([, text]) => text);
  assert.deepEqual(shown, ["quick-start", "readiness"].map((name) => readFileSync(`${ROOT}/examples/${name}/daemon.toml`, "utf8")));
});
