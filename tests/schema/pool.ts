import fc from "../property.ts";

/** Texts and numbers that are right for some key or nearly so, and whatever else there is. */
const SCALARS: readonly unknown[] = [
  ...["", " ", "info", "loud", "zero", "signal", "never", "always", "fatal", "pause", "SIGTERM", "SIGNOPE", "group", "process", "adopt"],
  ...["250ms", "0s", "1.5h", "1s1s", "5", "64KiB", "8B", "0B", "http://127.0.0.1:{port}/", "http://[", "127.0.0.1:80", "[", "(a|b)"],
  ...[
    "db:ready",
    "raw",
    "660",
    "027",
    "any",
    "unit",
    "cgroup",
    "health",
    "submit",
    "api.ts",
    "?.env",
    "?",
    "A=B",
    "PATH",
    "a\0b",
    "unlimited",
  ],
  ...[0, -0, 1, -1, 0.2, 0.99, 1.5, 2, 3, 16, 255, 256, 1_000, 1_001, 4_096, 65_535, 65_536, 1e308, Infinity, -Infinity, NaN],
  ...[Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER + 1, 2n ** 60n, true, false, null, undefined, new Date(0), {}, []],
  ...[{ soft: 1 }, { soft: 2, hard: 1 }, { hard: "unlimited" }],
];

const scalar = fc.oneof(fc.constantFrom(...SCALARS), fc.string({ maxLength: 5 }), fc.integer(), fc.double());

/** Any value, and rather often one that some key takes. */
export const anyValue: fc.Arbitrary<unknown> = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.anything());

/** The fixed values of {@linkcode anyValue}, alone and in a list. */
export const POOL: readonly unknown[] = [...SCALARS, ...SCALARS.map((each) => [each])];
