import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { add, sentence, TestOutput } from "./test_output.ts";

const DENO = `running 2 tests from ./tests/a_test.ts
a: well ... ok (1ms)
a: left out ... ignored (0ms)
running 3 tests from ./tests/b_test.ts
b: loud ...
------- output -------
hello
----- output end -----
b: loud ... ok (1ms)
b: slow ...'b: slow' has been running for over (1m0s)
b: slow ... ok (1m3s)
b: bad (source) ... FAILED (2ms)

 ERRORS 

b: bad (source) => ./tests/harness.ts:7:24
error: AssertionError: no

 FAILURES 

b: bad (source) => ./tests/harness.ts:7:24

FAILED | 3 passed | 1 failed | 1 ignored (1s)`;

const BUN = `bun test v1.4.5

tests/a_test.ts:
chatter
(pass) a: well [1.00ms]
(skip) a: left out

tests/b_test.ts:
error: no
      at b_test.ts:3
(fail) b: bad (source) [2.00ms]
  ^ this test timed out
(todo) b: later

# Unhandled error between tests
-------------------------------
error: stray
-------------------------------

(pass) b: loud [1.00ms]

1 tests failed:
(fail) b: bad (source) [2.00ms]

 2 pass
 1 fail`;

function read(text: string): { output: TestOutput; shown: string[] } {
  const output = new TestOutput();
  return { output, shown: text.split("\n").flatMap((line) => output.take(line)) };
}

test("TestOutput shows of Deno's output the failures and their reports", () => {
  const { output, shown } = read(DENO);
  assert.deepEqual(output.tally, { passed: 3, failed: 1, skipped: 1 });
  assert.deepEqual(output.failures, ["tests/b_test.ts: b: bad (source)"]);
  assert.deepEqual(shown.filter((line) => line !== ""), [
    "b: bad (source) ... FAILED (2ms)",
    "b: bad (source) => ./tests/harness.ts:7:24",
    "error: AssertionError: no",
  ]);
  assert.deepEqual(output.end(false), []);
});

test("TestOutput shows of Bun's output the failures, each once, with what was printed before them", () => {
  const { output, shown } = read(BUN);
  assert.deepEqual(output.tally, { passed: 2, failed: 1, skipped: 2 });
  assert.deepEqual(output.failures, ["tests/b_test.ts: b: bad (source)"]);
  assert.deepEqual(shown.filter((line) => line !== ""), [
    "error: no",
    "      at b_test.ts:3",
    "(fail) b: bad (source) [2.00ms]",
    "# Unhandled error between tests",
    "-------------------------------",
    "error: stray",
    "-------------------------------",
  ]);
});

test("TestOutput: a runner that ends badly without a failed test counts as one, and its last words are shown", () => {
  const { output, shown } = read("running 1 test from ./tests/a_test.ts\na ... ok (1ms)\nSegmentation fault");
  assert.deepEqual([shown, output.end(false)], [[], ["Segmentation fault"]]);
  assert.deepEqual([output.tally, output.failures], [{ passed: 1, failed: 1, skipped: 0 }, ["the runner itself"]]);
  assert.deepEqual(read("a ... ok (1ms)\nbye").output.end(true), []);
});

test("sentence sums up what add added", () => {
  const sum = add({ passed: 1, failed: 2, skipped: 0 }, { passed: 3, failed: 4, skipped: 5 });
  assert.equal(sentence(sum), "4 passed, 6 failed, 5 skipped");
  assert.equal(sentence({ passed: 1, failed: 0, skipped: 0 }), "1 passed, 0 failed");
});
