import assert from "node:assert/strict";
import { rlimit, RLIMIT_UNITS, type RlimitName, type RlimitOption } from "../../../src/core/values/rlimits.ts";
import { test } from "../../harness.ts";

test("rlimit: one value is both the soft and the hard limit, names set one each, sizes are for what counts bytes", () => {
  const rows: [RlimitName, RlimitOption, unknown][] = [
    ["nofile", 1_024, { soft: 1_024, hard: 1_024 }],
    ["nofile", "unlimited", { soft: Infinity, hard: Infinity }],
    ["as", "1GiB", { soft: 2 ** 30, hard: 2 ** 30 }],
    ["core", 0, { soft: 0, hard: 0 }],
    ["stack", { soft: "8MiB" }, { soft: 2 ** 23 }],
    ["nproc", { hard: 10 }, { hard: 10 }],
    ["nproc", { soft: 5, hard: "unlimited" }, { soft: 5, hard: Infinity }],
    ["memlock", { soft: Infinity, hard: Infinity }, { soft: Infinity, hard: Infinity }],
  ];
  for (const [name, option, expected] of rows) assert.deepEqual(rlimit(name, option), expected);
});

test("rlimit: what is no limit is refused by name and value", () => {
  const rows: [RlimitName, RlimitOption][] = [
    ["nofile", -1],
    ["nofile", 1.5],
    ["nofile", "64KiB"],
    ["nofile", "64"],
    ["cpu", "10s"],
    ["as", "64"],
    ["as", -1],
    ["as", "none"],
    ["core", {}],
    ["core", { soft: "2KiB", hard: "1KiB" }],
    ["nproc", { soft: "unlimited", hard: 10 }],
  ];
  for (const [name, option] of rows) {
    const isNamed = (error: unknown) => error instanceof RangeError && error.message.startsWith(`Cannot limit ${name} as it must be `);
    assert.throws(() => rlimit(name, option), isNamed, `${name} ${JSON.stringify(option)}`);
  }
});

test("RLIMIT_UNITS: every limit has its unit", () => {
  assert.deepEqual(Object.keys(RLIMIT_UNITS).length, 9);
});
