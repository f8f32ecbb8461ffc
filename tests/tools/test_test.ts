import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { add, readTally, sentence } from "./test.ts";

const OUTPUTS: [name: string, output: string, tally: [passed: number, failed: number, skipped: number]][] = [
  ["Deno, all well", "ok | 12 passed | 0 failed (1s)\n", [12, 0, 0]],
  ["Deno, with steps and ignored ones", "ok | 3 passed (2 steps) | 0 failed | 4 ignored (20ms)\n", [3, 0, 4]],
  ["Deno, with failures", "FAILED | 3 passed | 2 failed (1 step) (20ms)\n", [3, 2, 0]],
  ["Bun, all well", "\n 12 pass\n 0 fail\nRan 12 tests across 1 file. [52.00ms]\n", [12, 0, 0]],
  ["Bun, with all else", "\n 12 pass\n 2 skip\n 1 todo\n 3 fail\n 1 error\n", [12, 4, 3]],
  ["Deno, ended in the middle", "a ... ok (1ms)\nb ... FAILED (2ms)\nc ... ignored (0ms)\nd ...", [1, 1, 1]],
  ["Bun, ended in the middle", "(pass) a [1.00ms]\n(pass) b [1.00ms]\n(fail) c [1.00ms]\n(skip) d\n", [2, 1, 1]],
  ["a runner that died", "Segmentation fault\n", [0, 0, 0]],
];
for (const [name, output, [passed, failed, skipped]] of OUTPUTS) {
  test(`readTally reads ${name}`, () => assert.deepEqual(readTally(output), { passed, failed, skipped }));
}

test("sentence sums up what add added", () => {
  const sum = add({ passed: 1, failed: 2, skipped: 0 }, { passed: 3, failed: 4, skipped: 5 });
  assert.equal(sentence(sum), "4 passed, 6 failed, 5 skipped");
  assert.equal(sentence({ passed: 1, failed: 0, skipped: 0 }), "1 passed, 0 failed");
});
