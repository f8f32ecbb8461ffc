import assert from "node:assert/strict";
import fc from "../../property.ts";
import { type ByteSize, byteSize, formatBytes } from "../../../src/core/values/bytes.ts";
import { test } from "../../harness.ts";

test("byteSize reads numbers, decimal and binary units", () => {
  const rows: [ByteSize, number][] = [
    [0, 0],
    [512, 512],
    ["0B", 0],
    ["10B", 10],
    ["1KB", 1_000],
    ["1KiB", 1_024],
    ["1.5KiB", 1_536],
    ["20MB", 20_000_000],
    ["1MiB", 1_048_576],
    ["1GB", 1e9],
    ["2GiB", 2 ** 31],
    ["1TB", 1e12],
    ["1TiB", 2 ** 40],
    [" 64 KiB ", 65_536],
  ];
  for (const [text, bytes] of rows) assert.equal(byteSize(text), bytes, String(text));
});

test("byteSize refuses everything else, and shows it", () => {
  const texts = ["", " ", "20", "KB", "-1KB", "1kb", "1K", "1 PB", "1.5B", "1.0001KB", "1e3KB", "1,5KB", "1KB1B", "NaN", "9999999TiB"];
  for (const text of texts) {
    assert.throws(() => byteSize(text), (error) => error instanceof RangeError && error.message.includes(JSON.stringify(text)), text);
  }
  for (const number of [-1, 0.5, NaN, Infinity, 2 ** 53]) assert.throws(() => byteSize(number), RangeError, String(number));
  for (const value of [undefined, null, true, {}, [], 10n, Symbol("s")]) {
    assert.throws(() => byteSize(value as unknown as ByteSize), TypeError, String(value));
  }
});

test("formatBytes writes one decimal, rounded down", () => {
  const rows: [number, string][] = [
    [0, "0B"],
    [1_023, "1023B"],
    [1_024, "1KiB"],
    [1_535, "1.4KiB"],
    [1_048_575, "1023.9KiB"],
    [2 ** 20, "1MiB"],
    [2 ** 30, "1GiB"],
    [2 ** 40, "1TiB"],
    [5_000 * 2 ** 40, "5000TiB"],
  ];
  for (const [bytes, text] of rows) assert.equal(formatBytes(bytes), text);
});

test("formatBytes loses less than a tenth of its unit", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (bytes) => {
    const [, amount, unit] = /^([\d.]+)(\w+)$/.exec(formatBytes(bytes))!;
    const unitBytes = byteSize(`1${unit}`);
    const lost = bytes - Number(amount) * unitBytes;
    assert.ok(lost > -1e-3 && lost <= unitBytes / 10 + 1e-3, `${bytes} as ${formatBytes(bytes)}`);
  }));
});
