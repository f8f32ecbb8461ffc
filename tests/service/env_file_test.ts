import assert from "node:assert/strict";
import fc from "../property.ts";
import { EnvFileError, parseEnvFile, readEnv } from "../../src/service/env_file.ts";
import { test } from "../harness.ts";

const CASES: [string, string, Record<string, string>][] = [
  ["plain values", "A=1\nB = two words \nC=", { A: "1", B: "two words", C: "" }],
  ["export, comments and blank lines say nothing", "# head\n\nexport A=1\n  # indented\n\t\nB=2", { A: "1", B: "2" }],
  ["the last line of a name wins", "A=1\nA=2", { A: "2" }],
  ["a comment needs a blank before it, and a value before that", "A=p#ss # comment\nB=#none\nC=x #\nD=a\t#b", {
    A: "p#ss",
    B: "#none",
    C: "x",
    D: "a",
  }],
  ["a secret that begins with # is kept, whatever stands around =", "A=#s3cret!\nB = #ff0000\nexport C=#1 # no\nD=##\nE= #x", {
    A: "#s3cret!",
    B: "#ff0000",
    C: "#1",
    D: "##",
    E: "#x",
  }],
  ["an empty value may have a comment, behind blanks", "A=   # nothing here\nB= #\nC=\t# x\nD=# x", { A: "", B: "", C: "", D: "# x" }],
  ["quotes keep a # at the beginning", "A='#a'\nB=\"#b\" # c\nC=`#c`", { A: "#a", B: "#b", C: "#c" }],
  ["lines of old Macs", "A=1\rB='x\ry'\r", { A: "1", B: "x\ny" }],
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
  ["A=1\nB=x\ry", 2, /CR alone/],
  ["A B=1", 1, /NAME=value/],
  ["BASH_FUNC_x%%=1", 1, /NAME=value/],
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

test("readEnv names the place of what is no UTF-8", () => {
  const rows: [string, string][] = [
    ["A=1\nB=caf\xe9", "2:6 expected UTF-8, got the byte 0xE9, which is é in Latin-1"],
    ["\xff\xfeA\0", "1:1 expected UTF-8, got UTF-16"],
    ["A=1\nB", "2:1 Cannot read the line as it must be NAME=value, a comment or blank"],
  ];
  for (const [content, expected] of rows) {
    const read = readEnv(Uint8Array.from(content, (char) => char.charCodeAt(0)));
    assert.equal("mistake" in read && `${read.mistake.line}:${read.mistake.column} ${read.mistake.message}`, expected);
  }
});

test("readEnv of any bytes gives variables or a place, and never throws", () => {
  const lines = fc.string({ unit: fc.constantFrom("A", "=", "#", " ", "'", '"', "`", "\\", "\n", "\r", "\t", "é", "\0", ".") });
  for (const bytes of [fc.uint8Array(), lines.map((text) => new TextEncoder().encode(text))]) {
    fc.assert(fc.property(bytes, (each) => {
      const read = readEnv(each);
      assert.ok("variables" in read || read.mistake.line >= 1);
    }));
  }
});
