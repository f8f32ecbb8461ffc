import assert from "node:assert/strict";
import fc from "../../property.ts";
import { type Duration, durationMs, formatDuration } from "../../../src/core/values/duration.ts";
import { test } from "../../harness.ts";

test("durationMs reads numbers, units and sums of units", () => {
  const rows: [Duration, number][] = [
    [0, 0],
    [1.5, 1.5],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ["0s", 0],
    ["250ms", 250],
    ["1.5s", 1_500],
    ["2m", 120_000],
    ["1h30m", 5_400_000],
    ["30m1h", 5_400_000],
    ["2d", 172_800_000],
    ["1d1h1m1s1ms", 90_061_001],
    ["40d", 3_456_000_000],
    [" 5s ", 5_000],
  ];
  for (const [text, ms] of rows) assert.equal(durationMs(text), ms, String(text));
});

test("durationMs refuses everything else, and shows it", () => {
  const texts = [
    "",
    " ",
    "30",
    "s",
    "-1s",
    "+1s",
    "1 s",
    "1S",
    "1w",
    "1.s",
    ".5s",
    "1e3s",
    "1s2",
    "1s1s",
    "1m1h1m",
    "NaN",
    "Infinity",
    "1,5s",
    "١s",
  ];
  for (const text of texts) {
    assert.throws(() => durationMs(text), (error) => error instanceof RangeError && error.message.includes(JSON.stringify(text)), text);
  }
  for (const number of [-1, -0.001, NaN, Infinity, -Infinity]) assert.throws(() => durationMs(number), RangeError, String(number));
  for (const value of [undefined, null, true, {}, [], 10n, Symbol("s")]) {
    assert.throws(() => durationMs(value as unknown as Duration), TypeError, String(value));
  }
});

test("durationMs refuses a text that adds up to no finite number", () => {
  assert.throws(() => durationMs(`${"9".repeat(400)}d`), RangeError);
});

test("formatDuration writes at most two units, rounded down", () => {
  const rows: [number, string][] = [
    [0, "0ms"],
    [0.9, "0ms"],
    [999.9, "999ms"],
    [1_000, "1s"],
    [1_050, "1s"],
    [59_999, "59.9s"],
    [60_000, "1m"],
    [3_599_999, "59m59s"],
    [3_600_000, "1h"],
    [86_399_999, "23h59m"],
    [86_400_000, "1d"],
    [400 * 86_400_000 + 3_600_000, "400d1h"],
  ];
  for (const [ms, text] of rows) assert.equal(formatDuration(ms), text);
});

test("formatDuration is read back by durationMs, never more than it was and at most a small unit less", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 10 ** 11 }), (ms) => {
    const read = durationMs(formatDuration(ms));
    const lost = ms - read;
    const unitMs = ms < 1_000 ? 1 : ms < 60_000 ? 100 : ms < 3_600_000 ? 1_000 : ms < 86_400_000 ? 60_000 : 3_600_000;
    assert.ok(lost > -1e-6 && lost < unitMs, `${ms} as ${formatDuration(ms)}`);
    assert.equal(formatDuration(read), formatDuration(ms));
  }));
});
