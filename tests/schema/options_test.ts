import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { asProblem, asRefusal, checkOptions, optionsOf } from "../../src/schema/options.ts";
import { duration, flag, integer, list, oneOf, text } from "../../src/schema/shapes.ts";
import { defaultIn, keyOf, map, table } from "../../src/schema/table.ts";

class Made {}
interface Inner {
  readonly howLoud?: "low" | "high";
  readonly waitFor?: number | string;
}
interface Options {
  readonly isOn?: boolean;
  readonly counts?: readonly number[];
  readonly passWord?: string;
  readonly inner?: Inner;
  readonly names?: Readonly<Record<string, string>>;
  readonly limits?: { readonly files?: number };
}

const live = keyOf("live");
const OPTIONS = table<Options>({
  isOn: live("", flag(), { default: false }),
  counts: live("", list(integer(0, 9))),
  passWord: live("", text({ expects: "a word", notEmpty: true, secret: true })),
  inner: table<Inner>({
    howLoud: live("", oneOf(["low", "high"], { meant: { quiet: "low" } })),
    waitFor: live("", duration(), { default: "5s" }),
  }, { shorthand: "how_loud", isMade: (value) => value instanceof Made }),
  names: map(live("", text()), { expects: "texts", nameProblem: (name) => name === "bad" ? "must be good" : undefined }),
  limits: table<NonNullable<Options["limits"]>>({ files: live("", integer(0)) }, { isOfNames: true }),
});

test("checkOptions takes what the declaration takes, and in code also what only code can give", () => {
  for (
    const options of [
      {},
      { isOn: undefined, counts: [], passWord: "x" },
      { inner: "low" },
      { inner: { howLoud: "high", waitFor: 5 } },
      { inner: { waitFor: "5s" } },
      { inner: new Made() },
      { names: { any: "thing" }, limits: { files: 1 } },
    ]
  ) checkOptions("try it", options, OPTIONS);
});

test("checkOptions says what can't be done, where, what must be there and what is, but no secret", () => {
  const rows: [options: unknown, name: string, message: string][] = [
    [5, "TypeError", "its options must be an object: current value is 5"],
    [{ isOm: true }, "TypeError", '"isOm" is no option: did you mean "isOn"?'],
    [{ is_on: true }, "TypeError", '"is_on" is no option: did you mean "isOn"?'],
    [{ isOn: "true" }, "TypeError", '"isOn" must be true or false: current value is "true"'],
    [{ isOn: null }, "TypeError", '"isOn" must be true or false: current value is null'],
    [{ counts: [1, 10] }, "RangeError", '"counts" must be a list of an integer from 0 to 9: current value has 10'],
    [{ counts: 1 }, "TypeError", '"counts" must be a list of an integer from 0 to 9: current value is 1'],
    [{ passWord: "" }, "RangeError", '"passWord" must be a word: its value is not shown'],
    [{ passWord: 12_345 }, "TypeError", '"passWord" must be a word: its value is not shown'],
    [{ inner: 5 }, "TypeError", '"inner" must be an object: current value is 5'],
    [{ inner: "loud" }, "RangeError", '"inner.howLoud" must be one of low, high: current value is "loud"'],
    [{ inner: { howLoud: "quiet" } }, "RangeError", '"inner.howLoud" must be one of low, high: current value is "quiet"'],
    [{ inner: { howLod: "low" } }, "TypeError", '"inner.howLod" is no option: did you mean "inner.howLoud"?'],
    [
      { inner: { waitFor: -1 } },
      "RangeError",
      '"inner.waitFor" must be a duration such as "250ms", "1.5s" or "1h30m", or a number of milliseconds: current value is -1',
    ],
    [{ names: [] }, "TypeError", '"names" must be an object: current value is a list'],
    [{ names: { bad: "x" } }, "RangeError", 'a name in "names" must be good'],
    [{ names: { a: 1 } }, "TypeError", '"names.a" must be a text: current value is 1'],
    [{ limits: { flies: 1 } }, "RangeError", '"limits" must be a table of files: current value has "flies"'],
  ];
  for (const [options, name, message] of rows) {
    assert.throws(() => checkOptions("try it", options, OPTIONS), { name, message: `Cannot try it as ${message}` });
  }
});

test("optionsOf gives a checked table the names of code, but leaves names that a user has chosen", () => {
  const from = {
    is_on: true,
    counts: [1],
    inner: { how_loud: "low", wait_for: "1s" },
    names: { is_on: "x", wait_ms: "y" },
    limits: { files: 1 },
  };
  const to = {
    isOn: true,
    counts: [1],
    inner: { howLoud: "low", waitFor: "1s" },
    names: { is_on: "x", wait_ms: "y" },
    limits: { files: 1 },
  };
  assert.deepEqual(optionsOf(from, OPTIONS), to);
  checkOptions("try it", to, OPTIONS);
});

test("a broken rule is told at either door in the spelling of that door", () => {
  const breach = { path: ["inner", "waitFor"], expected: "less than 5s", got: "6s", hint: "write 4s" };
  assert.deepEqual(asProblem(["unit", "a"], breach), {
    path: ["unit", "a", "inner", "wait_for"],
    message: "expected less than 5s, got 6s",
    hint: "write 4s",
  });
  assert.equal(asRefusal("try it", breach).message, 'Cannot try it as "inner.waitFor" must be less than 5s: current value is 6s');
  assert.match(asRefusal("try it", { ...breach, must: "shorter" }).message, /must be shorter: current value is 6s$/);
});

test("defaultIn reads the one default, and refuses an option without one", () => {
  assert.equal(defaultIn(OPTIONS, "isOn"), false);
  assert.throws(() => defaultIn(OPTIONS, "counts"), RangeError);
});
