import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { ConfigError } from "../../src/core/values/errors.ts";
import { environmentNames } from "../../src/config/environment.ts";
import { load, type Sources } from "../../src/config/load_layers.ts";
import type { Tree } from "../../src/schema/tree.ts";
import type { ConfigSchema } from "../../src/config/config_schema.ts";
import { flag, list, milliseconds, number, oneOf, text as textOf } from "../../src/schema/shapes.ts";
import { keyOf, map, table } from "../../src/schema/table.ts";

const live = keyOf("live");
const anyNumber = number("a number", () => true);

/** The options of the tables below, as code would have them. */
interface Options {
  name: string;
  on: boolean;
  count: number;
  list: readonly string[];
  shell: string;
  token: string;
  waitMs: number | string;
  later: number;
  inner: { level: "low" | "high" };
  texts: Readonly<Record<string, string>>;
  unit: Readonly<Record<string, { size: number }>>;
}

const schema: ConfigSchema = {
  places: table<Options>({
    name: live("", textOf(), { default: "none" }),
    on: live("", flag(), { default: false }),
    count: live("", anyNumber),
    list: live("", list(textOf(), { expects: "a list of texts" })),
    shell: live("", textOf(), { verbatim: true }),
    token: live("", textOf({ expects: "at least 8 characters", isGood: ({ length }) => length >= 8 }), { secret: true }),
    waitMs: live("", milliseconds(0), { default: 5 }),
    later: live("", anyNumber, { notYet: true, default: 1 }),
    inner: table<Options["inner"]>(
      { level: live("", oneOf(["low", "high"]), { default: "low" }) },
      { shorthand: "level", aliases: { niveau: "level" }, notYetKeys: ["depth"] },
    ),
    texts: map(textOf(), { expects: "texts" }),
    unit: map(table<Options["unit"][string]>({ size: keyOf("unit")("", anyNumber) }), {
      expects: "tables",
      nameProblem: (name) => name === "bad" ? "must be good" : undefined,
    }),
  }),
};

const readText = (path: string) => path === "/run/token" ? Promise.resolve("from-a-file\n") : assert.fail(path);
const environment = (variables: Record<string, string>) => ({ variables, readText });
const file = (text: string, name = "app.toml") => ({ name, text });

async function mistakes(sources: Sources): Promise<string[]> {
  const error = await load(schema, sources).then(() => assert.fail("must be refused"), (error) => error);
  if (!(error instanceof ConfigError)) throw error;
  return error.issues.map(({ source, path, message, hint }) =>
    [source, path, message].filter(Boolean).join(": ") + (hint ? `; ${hint}` : "")
  );
}

test("load: the strongest source wins, and explain shows the others in order", async () => {
  const sources: Sources = {
    set: ["name=flag"],
    environment: environment({ DAEMON_NAME: "env" }),
    files: [file('name = "local"', "app.local.toml"), file('\nname = "file"')],
    builder: { name: "code" },
  };
  const order = ["set", "environment", "files", "files", "builder"] as const;
  const winners: string[] = [];
  const rest = { ...sources };
  for (const weakest of order) {
    const { tree, explain } = await load(schema, rest);
    const { value, source } = await explain("name");
    assert.equal(value, tree.name);
    winners.push(`${value} ${source}`);
    if (weakest === "files") rest.files = rest.files!.slice(1);
    else delete rest[weakest];
  }
  winners.push((await load(schema, {})).tree.name as string);
  assert.deepEqual(winners, [
    "flag --set",
    "env environment DAEMON_NAME",
    "local app.local.toml:1:8",
    "file app.toml:2:8",
    "code Config.builder()",
    "none",
  ]);
  const { overridden } = await (await load(schema, sources)).explain("name");
  assert.deepEqual(overridden.map(({ value, source }) => `${value} ${source}`), [...winners.slice(1, 5), "none default"]);
});

test("load: tables merge, lists replace", async () => {
  const { tree } = await load(schema, {
    files: [file('list = ["c"]\n[unit.a]\nsize = 2'), file('list = ["a", "b"]\n[unit.a]\nsize = 1\n[unit.b]\nsize = 3', "weak.toml")],
  });
  assert.deepEqual(tree.list, ["c"]);
  assert.deepEqual(tree.unit, { a: { size: 2 }, b: { size: 3 } });
});

test("load: texts of the environment and of --set are read by the type of their key", async () => {
  const { tree } = await load(schema, {
    set: ["unit.a.size=7", "inner=high", 'list=["x=y"]'],
    environment: environment({
      DAEMON_ON: "true",
      DAEMON_COUNT: "16",
      DAEMON_NAME: "16",
      DAEMON_WAIT: "2s",
      DAEMON_TOKEN_FILE: "/run/token",
    }),
  });
  assert.deepEqual([tree.on, tree.count, tree.name, tree.wait_ms, tree.token, tree.list], [true, 16, "16", 2_000, "from-a-file", ["x=y"]]);
  assert.deepEqual([tree.unit, tree.inner], [{ a: { size: 7 } }, { level: "high" }]);
});

test("load: a variable in a file is replaced, read by type, and never replaced in a verbatim key", async () => {
  const variables = { N: "3", S: "three" };
  const { tree } = await load(schema, {
    variables,
    files: [file('count = "${N}"\nname = "${S} $${N}"\nshell = "echo ${HOME}"\nlist = ["${S}", "x"]')],
  });
  assert.deepEqual([tree.count, tree.name, tree.shell, tree.list], [3, "three ${N}", "echo ${HOME}", ["three", "x"]]);
});

test("load: an undefined variable is an error that names it, a broken one shows the grammar", async () => {
  assert.deepEqual(await mistakes({ variables: {}, files: [file('name = "${NOPE}"\nlist = ["a", "${b c}"]')] }), [
    "app.toml:1:8: name: expected the environment variable NOPE to be set, got nothing; set it, or write ${NOPE:-default}",
    'app.toml:2:14: list[1]: expected ${NAME} or ${NAME:-default}, got "${b c}"; write $${ for a literal ${',
  ]);
});

test("load: every mistake of every source at once, each with its place and what to do", async () => {
  const text = [
    'nam = "x"',
    "on = 1",
    'count = "3"',
    'list = "a"',
    "wait = 30",
    'wait_ms = "30s"',
    "later = 2",
    'inner = "hihg"',
    "[unit.bad]",
    "[unit.a]",
    'name = "x"',
    "siez = 1",
  ].join("\n");
  const json = '{\n  "inner": { "niveau": "low",\n "depth": 1 },\n "name": 5\n}';
  assert.deepEqual(
    await mistakes({
      set: ["nothing", "list[0]=x", "__proto__.x=1"],
      environment: environment({ DAEMON_COUNT: "many" }),
      files: [file(text), file(json, "app.json")],
    }),
    [
      '--set: expected KEY=VALUE, got "nothing"; write --set logging.level=debug',
      '--set: expected KEY=VALUE, got "list[0]=x"; write --set logging.level=debug',
      '--set: expected KEY=VALUE, got "__proto__.x=1"; write --set logging.level=debug',
      'environment DAEMON_COUNT: count: expected a number, got "many"',
      'app.toml:1:1: nam: expected a known key, got "nam"; did you mean name?',
      "app.toml:2:6: on: expected true or false, got 1",
      'app.toml:3:9: count: expected a number, got "3"; write it without quotes: 3',
      'app.toml:4:8: list: expected a list of texts, got "a"; write ["a"]',
      "app.toml:5:1: wait: expected either wait or wait_ms, got both; remove one of them",
      'app.toml:6:11: wait_ms: expected an integer of milliseconds >= 0, got "30s"; write wait = "30s"',
      "app.toml:7:9: later: expected 1, the only value so far, got 2; remove it: its feature has not landed yet",
      'app.toml:8:9: inner: expected one of low, high, got "hihg"; did you mean "high"?',
      "app.toml:9:7: unit.bad: the name must be good",
      'app.toml:11:1: unit.a.name: expected a known key, got "name"; move it above the first table',
      'app.toml:12:1: unit.a.siez: expected a known key, got "siez"; did you mean size?',
      'app.json:2:14: inner.niveau: expected a known key, got "niveau"; use level',
      'app.json:3:2: inner.depth: expected a key that has landed, got "depth"; remove it: its feature has not landed yet',
      'app.json:4:10: name: expected a text, got 5; write it in quotes: "5"',
    ],
  );
});

test("load: a bare number where a unit is needed shows the unit form", async () => {
  assert.deepEqual(await mistakes({ files: [file("wait = 30")] }), [
    'app.toml:1:8: wait: expected a duration such as "250ms", "1.5s" or "1h30m", got 30; write "30s" for seconds, or wait_ms = 30',
  ]);
});

test("load: a mistake in the grammar has line and column, in TOML and JSON", async () => {
  assert.match((await mistakes({ files: [file('name = "x"\n  on = = 1')] }))[0], /^app\.toml:2:8: expected TOML: /);
  assert.deepEqual(await mistakes({ files: [file('{\n  "name": x\n}', "app.json")] }), ["app.json:2:11: expected a value"]);
  assert.deepEqual(await mistakes({ files: [file("[1]", "app.json")] }), ["app.json:1:1: expected an object, got a list"]);
  const error = await load(schema, { files: [file("=")] }).catch((error) => error);
  assert.equal(error.code, "CONFIG_SYNTAX");
});

test("load: mistakes are reported even where the parser of the positions gives up", async () => {
  assert.deepEqual(await mistakes({ files: [file("count = 2021-02-30")] }), [
    "app.toml:1:1: count: expected a number, got the date 2021-03-02",
  ]);
});

test("load: empty files are fine, and so is a byte order mark", async () => {
  const { tree } = await load(schema, { files: [file(""), file(" \n", "empty.json"), file('\ufeffname = "bom"', "bom.toml")] });
  assert.equal(tree.name, "bom");
});

test("load: lines of Windows and of old Macs are lines: what is written over several of them has LF", async () => {
  for (const end of ["\r\n", "\r"]) {
    const text = ["# a comment", 'shell = """', "one", 'two"""', 'list = [\'a\', """b', 'c"""]', "unit.a.size = 1", ""].join(end);
    const { tree, explain } = await load(schema, { files: [file(text)] });
    assert.deepEqual([tree.shell, tree.list], ["one\ntwo", ["a", "b\nc"]]);
    assert.equal((await explain("unit.a.size")).source, "app.toml:7:15");
  }
  assert.deepEqual(await mistakes({ files: [file('\ufeffname = "x"\r\non = 1\r\n')] }), [
    "app.toml:2:6: on: expected true or false, got 1",
  ]);
  assert.deepEqual(await mistakes({ files: [file('name = "x"\non = true\rcount = 1')] }), [
    "app.toml:2:10: expected lines that end with LF or CR LF, got a CR alone; remove it, or end the line there",
  ]);
  const json = await load(schema, { files: [file('{"name":\r\n"x",\r\n"shell": "a\\r\\nb"}', "app.json")] });
  assert.deepEqual([json.tree.name, json.tree.shell], ["x", "a\r\nb"]);
});

test("load: a key that JSON has twice is a mistake with both places, beside the others", async () => {
  const text = '{"name": "a",\n "unit": {"a": {"size": 1}, "a": {"size": "x"}},\n "name": "b", "on": 1}';
  const hint = "remove one of the two, or write what they hold in one place";
  assert.deepEqual(await mistakes({ files: [file(text, "app.json")] }), [
    `app.json:2:29: unit.a: expected each key once, got "a" again (first at 2:11); ${hint}`,
    'app.json:2:43: unit.a.size: expected a number, got "x"',
    `app.json:3:2: name: expected each key once, got "name" again (first at 1:2); ${hint}`,
    "app.json:3:21: on: expected true or false, got 1",
  ]);
});

test("load: what is nested too deeply is a mistake with its place, in every way to nest", async () => {
  const [far, most] = [50_000, "expected at most 64 tables and lists within one another, got more"];
  const rows: [string, string, string][] = [
    ["app.json", "[".repeat(far), `app.json:1:65: ${most}`],
    ["app.json", `{"list": ${"[".repeat(far)}${"]".repeat(far)}}`, `app.json:1:73: ${most}`],
    ["app.json", '{"a":'.repeat(far), `app.json:1:321: ${most}`],
    ["app.toml", `list = ${"[".repeat(far)}${"]".repeat(far)}`, `app.toml:1:72: ${most}`],
    ["app.toml", `name = "x"\n[${"a.".repeat(far)}a]`, `app.toml:2:129: ${most}`],
  ];
  for (const [name, text, expected] of rows) assert.deepEqual(await mistakes({ files: [file(text, name)] }), [expected]);
  const deep = `${"[".repeat(far)}${"]".repeat(far)}`;
  assert.match((await mistakes({ set: [`list=${deep}`] }))[0], /^--set: list: expected a list of texts, got "\[\[/);
  assert.match((await mistakes({ environment: environment({ DAEMON_LIST: deep }) }))[0], /DAEMON_LIST: list: expected a list of texts/);
  assert.match((await mistakes({ set: [`${"a.".repeat(far)}a=1`] }))[0], /^--set: expected KEY=VALUE/);
});

test("load: a mistake in the grammar of TOML says what to do", async () => {
  const rows: [string, string][] = [
    ["name = x", "1:8: expected TOML: invalid value; write it in quotes"],
    ["name = sleep 1 # why", "1:8: expected TOML: invalid value; write it in quotes"],
    ["on = True", "1:6: expected TOML: invalid value; write true"],
    ["on = yes", "1:6: expected TOML: invalid value; write true"],
    ["wait = 5s", "1:9: expected TOML: illegal character in numeric literal; write it in quotes"],
    ['name = "a\\d"', "1:11: expected TOML: unrecognised escape sequence; write \\\\ for a backslash, or the whole text in single quotes"],
    [
      'name = "a\nb',
      '1:10: expected TOML: a text in simple quotes must end on its line; close it, or write """ at both ends of a text of several lines',
    ],
    [
      "unit:\n  a: 1",
      "1:5: expected TOML: illegal character in key; this looks like YAML; write [service.NAME] above the keys of a service, and each as KEY = VALUE",
    ],
    [
      'name = "a"\nname = "b"',
      "2:1: expected TOML: trying to redefine an already defined table or value, here and further up; remove one of the two, or write what they hold in one place",
    ],
  ];
  for (const [text, expected] of rows) assert.deepEqual(await mistakes({ files: [file(text)] }), [`app.toml:${expected}`]);
});

test("load: only what has not landed is CONFIG_NOT_YET", async () => {
  const codeOf = (text: string) => load(schema, { files: [file(text)] }).then(() => "none", (error) => error.code);
  assert.equal(await codeOf("later = 2"), "CONFIG_NOT_YET");
  assert.equal(await codeOf("later = 1"), "none");
  assert.equal(await codeOf("later = 2\nnam = 1"), "CONFIG_INVALID");
});

test("load: a table whose name reaches the prototype is refused, and pollutes nothing", async () => {
  const text = '[unit.__proto__]\nsize = 1\n["__proto__"]\nx = 1';
  const found = await mistakes({ files: [file(text), file('{"__proto__": {"polluted": 1}}', "app.json")] });
  assert.equal(found.length, 3);
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test("load: names that every object has are names like others, and of a value any", async () => {
  const names = ["constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "length", "then"];
  const text = [...names.map((name) => `[unit.${name}]\nsize = 1`), "[texts]", ...[...names, "__proto__"].map((name) => `${name} = "x"`)];
  for (const files of [[file(text.join("\n"))], [file("[texts]\na = 'y'"), file(text.join("\n"), "weak.toml")]]) {
    const { tree, shown } = await load(schema, { files });
    assert.deepEqual(Object.keys(tree.unit as Tree), names);
    assert.deepEqual(
      Object.entries(tree.texts as Tree).filter(([name]) => name !== "a"),
      [...names, "__proto__"].map((name) => [name, "x"]),
    );
    assert.deepEqual(Object.keys(shown().texts as Tree).length, Object.keys(tree.texts as Tree).length);
  }
});

test("load: a wrong value below a name that every object has is a mistake like others", async () => {
  for (const name of ["constructor", "prototype", "valueOf"]) {
    const found = await mistakes({ files: [file(`[unit.${name}]\nsize = false\n[texts]\n${name} = 1`)] });
    assert.equal(found.length, 2, found.join("\n"));
  }
});

test("load: a list of tables has its place, and the table to write", async () => {
  assert.deepEqual(await mistakes({ files: [file('name = "x"\n\n[[unit]]\nname = "web"\nsize = 1\n[[unit]]\nname = "api"')] }), [
    'app.toml:3:3: unit: expected tables, got a list; write [unit.web] for each, without a key "name"',
  ]);
  assert.deepEqual(await mistakes({ files: [file("x.y = 1\n[[unit.a.b]]\n[unit.a.b.c]\nd = 1")] }), [
    'app.toml:1:1: x: expected a known key, got "x"; known keys are count, inner, later, list, name, on, shell, texts, token, unit, wait, wait_ms',
    'app.toml:2:10: unit.a.b: expected a known key, got "b"; known keys are size',
  ]);
});

test("load: a secret is in no message, no dump and no explanation", async () => {
  const secret = "hunter2";
  const sources: Sources[] = [
    { files: [file(`token = "${secret}"`)] },
    { files: [file(`token = "\${${secret} x}"`)], variables: {} },
    { files: [file('token = "${PW}"')], variables: { PW: secret } },
    { environment: environment({ DAEMON_TOKEN: secret }) },
    { set: [`token=${secret}`] },
  ];
  for (const source of sources) {
    const error: ConfigError = await load(schema, source).then(() => assert.fail("must be refused"), (error) => error);
    assert.doesNotMatch(`${error} ${error.stack} ${JSON.stringify(error)} ${JSON.stringify(error.issues)}`, /hunter2/);
  }
  const { explain, shown } = await load(schema, { files: [file('token = "hunter2-long"')] });
  assert.doesNotMatch(JSON.stringify([shown(), await explain("token")]), /hunter2/);
});

test("load: a wrong value that came from a variable is shown as the file writes it", async () => {
  assert.deepEqual(await mistakes({ files: [file('count = "${PW}"')], variables: { PW: "hunter2" } }), [
    'app.toml:1:9: count: expected a number, got the value of "${PW}"',
  ]);
});

test("load: variables with the prefix that belong to no key are a warning with the nearest name", async () => {
  const { warnings } = await load(schema, {
    environment: environment({ DAEMON_NAEM: "x", DAEMONKIT_UNIT: "y", OTHER: "z", DAEMON_UNIT_A_SIZE: "1" }),
  });
  assert.deepEqual(warnings, [
    "environment DAEMON_NAEM: no key has this name; did you mean DAEMON_NAME?",
    "environment DAEMON_UNIT_A_SIZE: no key has this name",
  ]);
  const { tree } = await load(schema, { environment: { ...environment({ APP_NAME: "x" }), prefix: "APP_" } });
  assert.equal(tree.name, "x");
});

test("environmentNames: _FILE twins exist for secret keys only", () => {
  const names = environmentNames(schema.places).map(({ name }) => name);
  assert.ok(names.includes("DAEMON_TOKEN_FILE"));
  assert.deepEqual(names.filter((name) => name.endsWith("_FILE")), ["DAEMON_TOKEN_FILE"]);
});

test("explain: unit forms and shorthands lead to their key and their place", async () => {
  const { explain } = await load(schema, { files: [file('wait = "2s"\ninner = "high"')] });
  assert.deepEqual(await explain("wait"), {
    key: "wait_ms",
    value: 2_000,
    source: "app.toml:1:8",
    overridden: [{ value: 5, source: "default" }],
  });
  assert.equal((await explain("inner.level")).source, "app.toml:2:9");
});

test("explain: what is no key is refused with the nearest one", async () => {
  const { explain } = await load(schema, { files: [file("[unit.a]\nsize = 1")] });
  assert.equal((await explain("unit.a.size")).value, 1);
  await assert.rejects(explain("nmae"), /did you mean name\?/);
  await assert.rejects(explain("unit.bbb.size"), /no such key; unit has a$/);
  await assert.rejects(explain("unti"), /did you mean unit\?/);
  await assert.rejects(explain("unit.a.sise"), /did you mean unit\.a\.size\?/);
  await assert.rejects(explain("zzzzzz.a"), /no such key; those at the top are name, /);
  await assert.rejects(explain("inner"), /is a table: name one of its keys, level/);
  await assert.rejects(explain("unit.a"), /is a table: name one of its keys, size/);
});
