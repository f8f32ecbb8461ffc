import assert from "node:assert/strict";
import fc from "fast-check";
import { EnvFileError, parseEnvFile } from "../../src/service/env_file.ts";
import { test } from "../harness.ts";

const CASES: [string, string, Record<string, string>][] = [
  ["plain values", "A=1\nB = two words \nC=", { A: "1", B: "two words", C: "" }],
  ["export, comments and blank lines say nothing", "# head\n\nexport A=1\n  # indented\n\t\nB=2", { A: "1", B: "2" }],
  ["the last line of a name wins", "A=1\nA=2", { A: "2" }],
  ["a comment needs a space before it", "A=p#ss # comment\nB=#none\nC=x #", { A: "p#ss", B: "", C: "x" }],
  ["signs that other formats trip over", 'A=50% of $HOME; {{x}} a"b ${Y}', { A: '50% of $HOME; {{x}} a"b ${Y}' }],
  ["quotes keep spaces and signs", "A=' a # b '\nB=\" c # d \" # comment\nC=`e'\"f`", { A: " a # b ", B: " c # d ", C: "e'\"f" }],
  ["escapes hold in double quotes only", 'A="a\\nb\\t\\"c\\" \\\\n \\x"\nB=\'a\\nb\'', { A: 'a\nb\t"c" \\n \\x', B: "a\\nb" }],
  [
    "a quoted value goes over several lines",
    "KEY=\"-----BEGIN KEY-----\nabc=\n# not a comment\n-----END KEY-----\"\nB='x\n\ny'\nC=3",
    { KEY: "-----BEGIN KEY-----\nabc=\n# not a comment\n-----END KEY-----", B: "x\n\ny", C: "3" },
  ],
  ["an escaped quote does not end a value", 'A="x\\"\ny"', { A: 'x"\ny' }],
  ["Windows line ends and a byte order mark", '\uFEFFA=1\r\nB="x\r\ny"\r\n', { A: "1", B: "x\ny" }],
  ["names with dots and dashes, and a hostile one", "a.b-c=1\n__proto__=2", { "a.b-c": "1", ["__proto__"]: "2" }],
  ["an empty file", "", {}],
];
for (const [name, text, expected] of CASES) {
  test(`parseEnvFile: ${name}`, () => assert.deepEqual([...parseEnvFile(text)], Object.entries(expected)));
}

const MISTAKES: [string, number, RegExp][] = [
  ["A=1\njust words", 2, /NAME=value/],
  ["1A=x", 1, /NAME=value/],
  ["=x", 1, /NAME=value/],
  ['A=1\nB="open\nstill\n', 2, /B as its value must end with "/],
  ["A='x' y", 1, /closing '/],
  ["A='x\ny'z", 2, /closing '/],
  ["A=a\0b", 1, /NUL/],
];
for (const [text, line, message] of MISTAKES) {
  test(`parseEnvFile: refuses ${JSON.stringify(text)} and names the line`, () => {
    assert.throws(() => parseEnvFile(text), (error) => error instanceof EnvFileError && error.line === line && message.test(error.message));
  });
}

test("parseEnvFile: a secret never shows in the message of a mistake", () => {
  assert.throws(() => parseEnvFile("PASSWORD='hunter2\n"), (error) => error instanceof EnvFileError && !error.message.includes("hunter2"));
});

test("parseEnvFile: any text survives double quotes with its escapes, and single quotes where it has none", () => {
  const value = fc.string({ unit: "grapheme" }).filter((text) => !/[\0\r]/.test(text));
  fc.assert(fc.property(value, value, (first, second) => {
    const escaped = first.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n");
    const single = second.replaceAll("'", "");
    assert.deepEqual([...parseEnvFile(`A="${escaped}"\nB='${single}'`)], [["A", first], ["B", single]]);
  }));
});
