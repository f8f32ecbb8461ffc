/** A size: an integer number of bytes, or a text such as `"64KiB"`, `"20MB"`, `"1GB"`. */
export type ByteSize = number | string;

const UNIT_BYTES: Record<string, number> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const TEXT = /^(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/;
const EXPECTED = 'an integer number of bytes, or a text such as "64KiB", "20MB" or "1GB"';

/**
 * Turns a {@linkcode ByteSize} into bytes; `KB` is 1,000 and `KiB` is 1,024.
 *
 * @throws {TypeError} if the value is neither a number nor a text.
 * @throws {RangeError} if the text is no size, or the result is negative or not an integer.
 *
 * @example Decimal and binary units differ
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(["64KiB", "20MB", 512].map(byteSize), [65_536, 20_000_000, 512]);
 * assert.throws(() => byteSize("20"), RangeError);
 * ```
 */
export function byteSize(value: ByteSize): number {
  if (typeof value !== "number" && typeof value !== "string") {
    throw new TypeError(`Cannot read a size as it must be ${EXPECTED}: current value is of type ${typeof value}`);
  }
  const match = typeof value === "string" ? TEXT.exec(value.trim()) : null;
  const bytes = match ? Number(match[1]) * UNIT_BYTES[match[2]] : typeof value === "number" ? value : NaN;
  if (!(Number.isSafeInteger(bytes) && bytes >= 0)) {
    throw new RangeError(`Cannot read a size as it must be ${EXPECTED}: current value is ${JSON.stringify(value)}`);
  }
  return bytes;
}

/**
 * Writes bytes for a person in binary units with one decimal (`"512B"`, `"1.5KiB"`, `"20MiB"`).
 *
 * @example From bytes to GiB
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual([512, 1_536, 20 * 2 ** 20].map(formatBytes), ["512B", "1.5KiB", "20MiB"]);
 * ```
 */
export function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1_024) return `${Math.floor(value * 10) / 10}${unit}`;
    value /= 1_024;
  }
  return `${Math.floor(value * 10) / 10}TiB`;
}
