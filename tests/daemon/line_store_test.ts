import assert from "node:assert/strict";
import { LineStore } from "../../src/daemon/line_store.ts";
import { test } from "../harness.ts";

test("LineStore.last gives the newest lines over all units, wanted ones only, and none for a limit of 0", () => {
  const store = new LineStore();
  for (const [name, text] of [["a", "1"], ["b", "2"], ["a", "3"], ["b", "4"]]) {
    store.publish({ time: "", name, stream: "stdout", text });
  }
  const last = (limit: number, names: string[] = [], isWanted?: (line: { text: string }) => boolean) =>
    store.last(names, limit, isWanted).map(({ text }) => text);
  assert.deepEqual(last(3), ["2", "3", "4"]);
  assert.deepEqual(last(Infinity, ["a", "nobody"]), ["1", "3"]);
  assert.deepEqual(last(1, [], ({ text }) => text < "3"), ["2"]);
  assert.deepEqual([last(0), last(0, [], () => true)], [[], []]);
});

test("LineStore.counts counts what was printed by unit and stream, also what was dropped since", () => {
  const lines = new LineStore();
  const print = (name: string, stream: "stdout" | "stderr") => lines.publish({ name, stream, time: "", text: "" });
  for (let count = 0; count < 1_500; count++) print("a", "stdout");
  print("a", "stderr");
  print("b", "stderr");
  assert.deepEqual(lines.counts(), [{ name: "a", stdout: 1_500, stderr: 1, dropped: 0 }, { name: "b", stdout: 0, stderr: 1, dropped: 0 }]);
});
