import assert from "node:assert/strict";
import { describeExit, exitCodeOf } from "../../src/service/exit.ts";
import { test } from "../harness.ts";

test("exitCodeOf: the program's own code, or 128 + n after signal n, known by name or not", () => {
  const cases: [number | null, string | null, number][] = [
    [0, null, 0],
    [255, null, 255],
    [null, "SIGTERM", 143],
    [null, "SIGSEGV", 139],
    [null, "SIGPIPE", 141],
    [null, "SIG34", 162],
    [null, "SIGNOBODYKNOWS", 128],
  ];
  for (const [code, signal, expected] of cases) assert.equal(exitCodeOf({ code, signal }), expected, signal ?? String(code));
});

test("describeExit: says whether it was a code or a signal", () => {
  assert.equal(describeExit({ code: 3, signal: null }), "exited with code 3");
  assert.equal(describeExit({ code: null, signal: "SIGKILL" }), "was ended by SIGKILL");
});
