import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { expandVariables } from "../../src/config/expand.ts";

const variables = { HOME: "/home/x", EMPTY: "", MULTI: "a\nb" };

test("expandVariables replaces variables and takes the default for what is unset or empty", () => {
  const rows: [string, string][] = [
    ["${HOME}/log", "/home/x/log"],
    ["${HOME}${HOME}", "/home/x/home/x"],
    ["[${EMPTY}]", "[]"],
    ["${EMPTY:-b}", "b"],
    ["${NOPE:-a:-b}", "a:-b"],
    ["${NOPE:-}", ""],
    ["${MULTI}", "a\nb"],
  ];
  for (const [text, expected] of rows) {
    const { text: expanded, isExpanded, problems } = expandVariables(text, variables);
    assert.equal(expanded, expected);
    assert.ok(isExpanded);
    assert.deepEqual(problems, []);
  }
});

test("expandVariables leaves everything else verbatim", () => {
  for (const text of ["a;b", "# c", "100%", "$HOME", "$", "{{ x }}", 'say "x"', "$(id)", "{port}", "a$b{c}", "\\d+$"]) {
    assert.deepEqual(expandVariables(text, variables), { text, isExpanded: false, problems: [] });
  }
  assert.equal(expandVariables("$${HOME}", variables).text, "${HOME}");
  assert.equal(expandVariables("$${HOME} ${HOME}", variables).text, "${HOME} /home/x");
});

test("expandVariables names what is not set and what is no variable", () => {
  assert.deepEqual(expandVariables("${A}-${B}", variables).problems, [{ name: "A", kind: "undefined" }, { name: "B", kind: "undefined" }]);
  for (const text of ["${}", "${a b}", "${1}", "${HOME", "${HOME-x}"]) {
    assert.deepEqual(expandVariables(text, variables).problems, [{ name: text, kind: "malformed" }], text);
  }
  assert.deepEqual(expandVariables("${constructor}", variables).problems, [{ name: "constructor", kind: "undefined" }]);
});
