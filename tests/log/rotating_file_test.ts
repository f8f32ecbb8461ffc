import assert from "node:assert/strict";
import fc from "../property.ts";
import { IoError } from "../../src/core/values/errors.ts";
import { RotatingFile, type RotatingFileOptions } from "../../src/log/mod.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { test } from "../harness.ts";
import { FakeFiles } from "./fake_files.ts";

function setUp(options: Partial<RotatingFileOptions> = {}, files: FakeFiles = new FakeFiles("/log")) {
  const clock = new FakeClock();
  const stuck: unknown[] = [];
  const drops: number[] = [];
  const settings = { path: "/log/a", maxSize: 10, keep: 3 };
  const file = new RotatingFile({
    files,
    clock,
    ...settings,
    noteDropped: (dropped) => `${dropped} missing\n`,
    onDrop: (dropped) => void drops.push(dropped),
    onStuck: (error) => void stuck.push(error),
    ...options,
  });
  const texts = () => Object.fromEntries(files.list("/log").map((name) => [name, files.readText(`/log/${name}`)]));
  return { files, clock, file, settings, stuck, drops, texts };
}

test("RotatingFile: limits that can't be are refused, at the beginning and later", () => {
  const bad: Partial<RotatingFileOptions>[] = [{ maxSize: 0 }, { maxSize: 1.5 }, { keep: -1 }, { maxSize: 10, maxTotal: 9 }];
  const { file, settings } = setUp();
  for (const options of bad) {
    assert.throws(() => setUp(options), RangeError);
    assert.throws(() => file.configure({ ...settings, ...options }), RangeError);
  }
});

// Acceptance runner 40: 100,000 lines and the end: every line is stored, in order.
test("RotatingFile: lines that come together are cut between lines only, and every file but that of a longer line has its size", () => {
  const blocks = fc.array(fc.array(fc.string({ minLength: 0, maxLength: 30, unit: "binary" }), { minLength: 1, maxLength: 8 }), {
    maxLength: 20,
  });
  fc.assert(fc.property(blocks, fc.integer({ min: 1, max: 90 }), fc.boolean(), (given, maxSize, isAtOnce) => {
    const { file, files } = setUp({ maxSize, keep: 1_000 });
    const lines = given.map((texts) => texts.map((text) => text.replaceAll("\n", "")));
    for (const block of lines) file[isAtOnce ? "writeNow" : "write"](block.map((line) => `${line}\n`).join(""), block.length);
    file[Symbol.dispose]();
    const names = files.list("/log").sort((one, other) => Number(other.slice(2) || 0) - Number(one.slice(2) || 0));
    const expected = lines.flat().map((line) => `${line}\n`).join("");
    assert.equal(
      names.map((name) => files.readText(`/log/${name}`)).join(""),
      new TextDecoder().decode(new TextEncoder().encode(expected)),
    );
    for (const name of names) assert.ok(files.info(`/log/${name}`)!.size <= maxSize || files.lines(`/log/${name}`).length === 1);
    assert.equal(file.dropped, 0);
  }));
});

test("RotatingFile: maxTotal holds for the file and its older ones together, whatever keep says", () => {
  const { file, texts } = setUp({ keep: 100, maxTotal: 25 });
  for (let number = 0; number < 9; number++) file.writeNow(`line ${number}\n`, 1);
  assert.deepEqual(texts(), { "a": "line 8\n", "a.1": "line 7\n", "a.2": "line 6\n" });
  file[Symbol.dispose]();
});

test("RotatingFile: older files beyond the count go when the count is lowered, while it runs and before the next one opens", () => {
  const { file, files, settings, texts } = setUp();
  for (let number = 0; number < 9; number++) file.writeNow(`line ${number}\n`, 1);
  assert.deepEqual(Object.keys(texts()), ["a", "a.1", "a.2", "a.3"]);
  files.writeText("/log/a.txt", "somebody else's");
  file.configure({ ...settings, keep: 2 });
  assert.deepEqual(Object.keys(texts()), ["a", "a.1", "a.2", "a.txt"]);
  file[Symbol.dispose]();
  const next = setUp({ keep: 0 }, files);
  next.file.open();
  assert.deepEqual(Object.keys(texts()), ["a", "a.txt"]);
  next.file[Symbol.dispose]();
});

test("RotatingFile: an older file that can't be removed is told of once a minute, and keeps nothing from being written", async () => {
  const { file, files, clock, stuck, texts } = setUp({ keep: 1 });
  files.writeText("/log/a.2", "somebody else's\n");
  files.remove = (path) => {
    throw new IoError("IO_DENIED", `Cannot remove ${path}`);
  };
  file.open();
  for (const line of ["one\n", "two\n", "six\n"]) {
    file.writeNow(line, 1);
    file.reopen();
  }
  assert.deepEqual([stuck.length, texts()], [1, { "a": "one\ntwo\nsix\n", "a.2": "somebody else's\n" }]);
  await clock.advance(60_000);
  file.writeNow("ten\n", 1);
  assert.deepEqual([stuck.length, files.readText("/log/a")], [2, "ten\n"]);
  file[Symbol.dispose]();
  assert.deepEqual([files.open, clock.pendingTimers, file.dropped], [0, 0, 0]);
});

test("RotatingFile: where maxTotal decides, a large count costs nothing", () => {
  const files = new FakeFiles("/log");
  const info = files.info.bind(files);
  let looks = 0;
  files.info = (path) => (looks++, info(path));
  const { file, texts } = setUp({ keep: 10_000, maxTotal: 30 }, files);
  for (let number = 0; number < 9; number++) file.writeNow(`line ${number}\n`, 1);
  file[Symbol.dispose]();
  assert.deepEqual(Object.keys(texts()), ["a", "a.1", "a.2"]);
  assert.ok(looks < 200, `${looks}`);
});

test("RotatingFile.configure: limits count from the next write on, a new path from the next line on", () => {
  const { file, files, settings, texts } = setUp();
  file.write("one\n", 1);
  file.configure({ ...settings, path: "/log/b", maxSize: 4, maxTotal: undefined });
  file.write("two\nsix\n", 2);
  file.close();
  assert.deepEqual(texts(), { "a": "one\n", "b": "six\n", "b.1": "two\n" });
  assert.equal(files.open, 0);
  file.writeNow("ten\n", 1);
  assert.equal(texts()["b.1"], "six\n");
  file[Symbol.dispose]();
});

// Acceptance runner 42: a log file that was removed or renamed outside is made anew; USR2 reopens.
test("RotatingFile: a file that another one replaced is left alone, even when both have the same size", () => {
  const { file, files, texts } = setUp({ maxSize: 100 });
  file.writeNow("one\n", 1);
  files.rename("/log/a", "/log/moved");
  files.writeText("/log/a", "new\n");
  file.writeNow("two\n", 1);
  assert.deepEqual(texts(), { a: "new\ntwo\n", moved: "one\n" });
  file[Symbol.dispose]();
});

test("RotatingFile: one that was cut outside counts from its new size", () => {
  const { file, files, texts } = setUp();
  file.writeNow("12345678\n", 1);
  files.inodes.get("/log/a")!.bytes.length = 0;
  file.writeNow("abcdefgh\n", 1);
  assert.deepEqual(texts(), { a: "abcdefgh\n" });
  file[Symbol.dispose]();
});

test("RotatingFile: what is no regular file is never rotated", () => {
  const { file, files, stuck, texts } = setUp();
  const { info } = files;
  files.info = (path) => path === "/log/a" ? { ...info.call(files, path)!, kind: "pipe" } : info.call(files, path);
  for (let number = 0; number < 3; number++) file.writeNow(`line ${number}\n`, 1);
  assert.deepEqual(texts(), { a: "line 0\nline 1\nline 2\n" });
  assert.equal(stuck.length, 0);
  file[Symbol.dispose]();
});

test("RotatingFile: a folder that others can lead elsewhere by now is not rotated in, and told of", () => {
  const { file, files, stuck, texts } = setUp();
  file.writeNow("line 0\n", 1);
  files.untrusted = "everybody may write to the folder /log";
  for (let number = 1; number < 3; number++) file.writeNow(`line ${number}\n`, 1);
  assert.deepEqual(texts(), { a: "line 0\nline 1\nline 2\n" });
  assert.match(String(stuck[0]), /everybody may write to the folder \/log/);
  file[Symbol.dispose]();
});

test("RotatingFile: a disk that fills in the middle of a burst loses only what is beyond the limit, in one gap that the file tells of", async () => {
  const { file, files, clock, drops } = setUp({ maxSize: 1_000_000 });
  const sent: string[] = [];
  const send = (count: number) => {
    const lines = Array.from({ length: count }, (_, index) => `line ${sent.length + index} ${"x".repeat(90)}`);
    sent.push(...lines);
    file.write(lines.map((line) => `${line}\n`).join(""), count);
  };
  files.freeBytes = 100_000;
  for (let round = 0; round < 10; round++) send(700);
  const { dropped } = file;
  assert.ok(dropped > 0 && drops.every((count) => count === 700));
  files.freeBytes = Infinity;
  await clock.advance(1_000);
  send(700);
  file[Symbol.dispose]();
  const lines = files.lines("/log/a");
  const gap = lines.indexOf(`${dropped} missing`);
  assert.deepEqual(lines, [...sent.slice(0, gap), `${dropped} missing`, ...sent.slice(gap + dropped)]);
});
