import assert from "node:assert/strict";
import { LineStore } from "../../src/record/line_store.ts";
import { test } from "../harness.ts";

test("LineStore.last gives the newest lines over all units, wanted ones only, and none for a limit of 0", () => {
  const store = new LineStore();
  for (const [name, text] of [["a", "1"], ["b", "2"], ["a", "3"], ["b", "4"]]) {
    store.publish({ time: "", name, stream: "stdout", text, count: 1 });
  }
  const last = (limit: number, names: string[] = [], isWanted?: (line: { text: string }) => boolean) =>
    store.last(names, limit, isWanted).map(({ text }) => text);
  assert.deepEqual(last(3), ["2", "3", "4"]);
  assert.deepEqual(last(Infinity, ["a", "nobody"]), ["1", "3"]);
  assert.deepEqual(last(1, [], ({ text }) => text < "3"), ["2"]);
  assert.deepEqual([last(0), last(0, [], () => true)], [[], []]);
});

test("LineStore: lines of one block are numbered one by one, and each follower gets each of them", () => {
  const store = new LineStore();
  const seen: [number, string][] = [];
  const follow = ({ seq, text }: { seq: number; text: string }) => void seen.push([seq, text]);
  {
    using _once = store.follow([], follow);
    using _twice = store.follow(["a"], follow);
    using _other = store.follow(["b"], () => assert.fail("nobody asked for that"));
    store.publish({ time: "", name: "a", stream: "stdout", text: "1\n\n3", count: 3 });
  }
  store.publish({ time: "", name: "b", stream: "stderr", text: "4", count: 1 });
  assert.deepEqual(seen, [[1, "1"], [2, ""], [3, "3"], [1, "1"], [2, ""], [3, "3"]]);
  assert.deepEqual(store.last([], 9).map(({ seq, text }) => [seq, text]), [[1, "1"], [2, ""], [3, "3"], [4, "4"]]);
});

test("LineStore.counts counts the lines of each stream and the drops, of units that are known", () => {
  const store = new LineStore();
  store.know("quiet");
  store.publish({ time: "", name: "a", stream: "stdout", text: "1\n2", count: 2 });
  store.publish({ time: "", name: "a", stream: "stderr", text: "3", count: 1 });
  store.countDropped("a", 2);
  store.countFailure("a");
  assert.deepEqual(store.counts(), [
    { name: "quiet", stdout: 0, stderr: 0, dropped: 0, failures: 0, keptFrom: null },
    { name: "a", stdout: 2, stderr: 1, dropped: 2, failures: 1, keptFrom: null },
  ]);
  const second = (seconds: number) => new Date(seconds * 1_000).toISOString();
  for (let line = 1; line <= 1_003; line++) store.publish({ time: second(line), name: "many", stream: "stdout", text: "x", count: 1 });
  assert.deepEqual(store.counts().at(-1), { name: "many", stdout: 1_003, stderr: 0, dropped: 0, failures: 0, keptFrom: second(4) });
  store.forget("many");
  store.forget("a");
  assert.deepEqual([store.counts().map(({ name }) => name), store.last(["a"], 9)], [["quiet"], []]);
});
