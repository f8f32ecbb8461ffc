import assert from "node:assert/strict";
import { lineView } from "../../src/cli/line_view.ts";
import type { LogLine } from "../../src/core/wire/line_block.ts";
import { test } from "../harness.ts";

/** A line of this moment of the 2nd of January, where the test runs. */
const at = (day: number, name: string, text: string, stream: LogLine["stream"] = "stdout"): LogLine => ({
  seq: 1,
  time: new Date(2026, 0, day, 12, 34, 56, 7).toISOString(),
  name,
  stream,
  text,
});
const nowMs = new Date(2026, 0, 2, 13).getTime();

test("lineView keeps the text of a unit as it is where there is no terminal", () => {
  const show = lineView();
  assert.deepEqual([at(1, "api", "\u001b[31mred\r"), at(2, "worker", "x", "stderr"), at(2, "api", "y")].map(show), [
    "api | \u001b[31mred\r",
    "worker | x",
    "api    | y",
  ]);
});

test("lineView at a terminal: time of day, names aligned from the first line on, stderr marked, a date where the day changes", () => {
  const show = lineView({ isTerminal: true, names: ["api", "worker"], nowMs });
  assert.deepEqual([at(1, "api", "one"), at(1, "api", "two"), at(2, "worker", "three", "stderr")].map(show), [
    "--- 2026-01-01 ---\n12:34:56.007 api    | one",
    "12:34:56.007 api    | two",
    "--- 2026-01-02 ---\n12:34:56.007 worker ! three",
  ]);
  assert.equal(lineView({ isTerminal: true, nowMs })(at(2, "api", "today")), "12:34:56.007 api | today");
});

test("lineView at a terminal: what would move the cursor is taken out, and colours are closed, or taken out as well", () => {
  const text = "10%\r\u001b[2K50%\r\u001b]0;title\u0007\u001b[1;32m100%\u0007\u001b[H";
  const show = (color: boolean) => lineView({ isTerminal: true, color, names: ["api"], nowMs })(at(2, "api", text));
  assert.equal(show(false), "12:34:56.007 api | 100%");
  assert.equal(
    show(true),
    "\u001b[2m12:34:56.007\u001b[0m \u001b[36mapi\u001b[0m \u001b[36m|\u001b[0m \u001b[1;32m100%\u001b[0m",
  );
});

test("lineView at a terminal: each name has a colour of its own, and stderr a red mark", () => {
  const show = lineView({ isTerminal: true, color: true, names: ["api", "db"], nowMs });
  const colors = [at(2, "db", "x"), at(2, "api", "x", "stderr"), at(2, "new", "x")].map((line) => show(line).match(/\[3\dm/g)!.join(" "));
  assert.deepEqual(colors, ["[33m [33m", "[36m [31m", "[32m [32m"]);
});
