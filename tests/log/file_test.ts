import assert from "node:assert/strict";
import fc from "../property.ts";
import { IoError } from "../../src/core/values/errors.ts";
import type { LogLevel, LogRecord } from "../../src/core/ports/log.ts";
import { fileSink, type FileSinkOptions } from "../../src/log/mod.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { test } from "../harness.ts";
import { FakeFiles } from "./fake_files.ts";

const record = (message: string, level: LogLevel = "info"): LogRecord => ({
  timeMs: Date.UTC(2026, 0, 1),
  level,
  message,
  logger: "t",
  fields: {},
});

function setUp(options: Partial<FileSinkOptions> = {}, files: FakeFiles = new FakeFiles("/log")) {
  const clock = new FakeClock();
  const drops: number[] = [];
  const sink = fileSink({ files, clock, path: "/log/a.log", onDrop: (dropped) => drops.push(dropped), ...options });
  const messages = (path = "/log/a.log") => files.lines(path).map((line) => line.replace(/^\S+ \S+ +\S+ /, ""));
  return { files, clock, drops, sink, messages };
}

test("fileSink: limits that can't be are refused", () => {
  for (const bad of [0, -1, 1.5, NaN]) assert.throws(() => setUp({ maxFileSize: bad }), RangeError);
  for (const bad of [-1, 1.5, NaN]) assert.throws(() => setUp({ maxFiles: bad }), RangeError);
});

test("fileSink: a file that can't be opened is an error at once", () => {
  const files = new FakeFiles();
  files.openAppend = () => {
    throw new IoError("IO_DENIED", "Cannot open");
  };
  assert.throws(() => setUp({}, files), (error) => error instanceof IoError && error.code === "IO_DENIED");
});

test("fileSink: flushes after a quarter of a second, with an error, by size and at the end", async () => {
  const { sink, clock, messages, files } = setUp();
  sink.write(record("first"));
  assert.deepEqual(messages(), []);
  await clock.advance(250);
  assert.deepEqual(messages(), ["first"]);
  sink.write(record("second"));
  sink.write(record("third", "error"));
  assert.deepEqual([messages().length, clock.pendingTimers], [3, 0]);
  sink.write(record("x".repeat(70_000)));
  assert.deepEqual([messages().length, clock.pendingTimers], [4, 0]);
  sink.write(record("last"));
  sink[Symbol.dispose]();
  sink[Symbol.dispose]();
  assert.deepEqual([messages().at(-1), clock.pendingTimers, files.open, sink.dropped], ["last", 0, 0, 0]);
  sink.write(record("too late"));
  assert.equal(sink.dropped, 1);
});

test("fileSink: never writes a terminal sequence", () => {
  for (const json of [false, true]) {
    const { sink, files } = setUp({ json });
    sink.write({ ...record("\u001b[31mred\u001b[0m\u009b1m"), fields: { "\u001b[1m": "\u001b[2J" } });
    sink[Symbol.dispose]();
    // JSON needs no escape for the second one, and no terminal reads JSON.
    const controls = json ? ["\u001b"] : ["\u001b", "\u009b"];
    for (const control of controls) assert.ok(!files.readText("/log/a.log").includes(control));
  }
});

test("fileSink: rotates by size, the newest is path.1, and the oldest goes", () => {
  const { sink, files, messages } = setUp({ maxFileSize: 100, maxFiles: 2 });
  for (let number = 1; number <= 9; number++) sink.write(record(`record ${number}`));
  sink[Symbol.dispose]();
  assert.deepEqual(files.list("/log"), ["a.log", "a.log.1", "a.log.2"]);
  assert.deepEqual(messages("/log/a.log.2"), ["record 5", "record 6"].slice(0, messages("/log/a.log.2").length));
  const kept = ["/log/a.log.2", "/log/a.log.1", "/log/a.log"].flatMap((path) => messages(path));
  assert.deepEqual(kept, Array.from({ length: kept.length }, (_, index) => `record ${9 - kept.length + 1 + index}`));
  for (const path of ["/log/a.log", "/log/a.log.1", "/log/a.log.2"]) assert.ok(files.info(path)!.size <= 100, path);
});

test("fileSink: with no old files to keep, a full file begins anew", () => {
  const { sink, files, messages } = setUp({ maxFileSize: 100, maxFiles: 0 });
  for (let number = 1; number <= 9; number++) sink.write(record(`record ${number}`, "error"));
  assert.deepEqual(files.list("/log"), ["a.log"]);
  assert.equal(messages().at(-1), "record 9");
  sink[Symbol.dispose]();
});

test("fileSink: rotation loses and doubles nothing, whatever the sizes", () => {
  const lengths = fc.array(fc.record({ length: fc.integer({ min: 0, max: 200 }), level: fc.constantFrom<LogLevel>("info", "error") }), {
    maxLength: 30,
  });
  fc.assert(fc.property(lengths, fc.integer({ min: 1, max: 400 }), (lengths, maxFileSize) => {
    const { sink, files, messages } = setUp({ maxFileSize, maxFiles: 40 });
    const sent = lengths.map(({ length, level }, index) => record(`${index} ${"x".repeat(length)}`, level));
    for (const each of sent) sink.write(each);
    sink[Symbol.dispose]();
    const paths = files.list("/log").sort((one, other) => Number(other.split(".")[2] ?? 0) - Number(one.split(".")[2] ?? 0));
    assert.deepEqual(paths.flatMap((path) => messages(`/log/${path}`)), sent.map(({ message }) => message));
    for (const path of paths) assert.ok(files.info(`/log/${path}`)!.size <= maxFileSize || files.lines(`/log/${path}`).length === 1);
  }));
});

test("fileSink: a rotation that fails loses nothing and is mentioned once a minute", async () => {
  const { sink, files, clock, messages } = setUp({ maxFileSize: 100 });
  files.canRename = false;
  for (let number = 1; number <= 5; number++) sink.write(record(`record ${number}`, "error"));
  const mentions = () => messages().filter((line) => line.startsWith("log file can't be rotated")).length;
  assert.equal(messages().filter((line) => line.startsWith("record")).length, 5);
  assert.equal(mentions(), 1);
  await clock.advance(60_000);
  sink.write(record("record 6", "error"));
  assert.equal(mentions(), 2);
  files.canRename = true;
  await clock.advance(60_000);
  sink.write(record("record 7", "error"));
  assert.deepEqual(messages(), ["record 7"]);
  sink[Symbol.dispose]();
});

// Acceptance runner 43: disk full: services run on, drops are counted, one warning a minute, recovery.
test("fileSink: a full disk drops and counts, warns once a minute, and recovers (runner 43)", async () => {
  const { sink, files, clock, drops, messages } = setUp();
  files.freeBytes = 0;
  sink.write(record("held", "error"));
  const block = "x".repeat(60_000);
  for (let number = 0; number < 100; number++) sink.write(record(block));
  assert.equal(files.writes, 1, "only the timer tries again");
  const { dropped } = sink;
  assert.ok(dropped > 90 && dropped < 100, `${dropped}`);
  sink.write(record("small, but after what was dropped"));
  assert.equal(sink.dropped, dropped + 1, "there is one gap");
  assert.deepEqual(drops, [1]);
  await clock.advance(59_999);
  assert.deepEqual(drops, [1]);
  await clock.advance(1);
  assert.deepEqual(drops, [1, dropped]);
  sink.write(record(block));
  assert.deepEqual(drops, [1, dropped], "the next minute has begun");

  files.freeBytes = Infinity;
  await clock.advance(1_000);
  assert.equal(messages()[0], "held");
  assert.equal(messages().length, 1 + (100 - dropped) + 1);
  assert.equal(messages().at(-1), `log records were dropped dropped=${dropped + 2}`);
  sink.write(record("on we go", "error"));
  assert.equal(messages().at(-1), "on we go");
  sink[Symbol.dispose]();
  assert.deepEqual([drops, files.open, clock.pendingTimers], [[1, dropped, 1], 0, 0]);
});

test("fileSink: what can't be written at the end is dropped and told", () => {
  const { sink, files, clock, drops } = setUp();
  files.freeBytes = 0;
  for (let number = 0; number < 3; number++) sink.write(record(`record ${number}`));
  sink[Symbol.dispose]();
  assert.deepEqual([drops, sink.dropped, files.open, clock.pendingTimers], [[3], 3, 0, 0]);
});

// Acceptance runner 42: a log file that was removed or renamed outside is made anew; USR2 reopens.
test("fileSink: a file that was removed or moved away is made anew at the next write (runner 42)", () => {
  const { sink, files, messages } = setUp();
  sink.write(record("one", "error"));
  files.rename("/log/a.log", "/log/moved");
  sink.write(record("two", "error"));
  files.remove("/log/a.log");
  sink.write(record("three", "error"));
  assert.deepEqual([messages("/log/moved"), messages()], [["one"], ["three"]]);
  sink[Symbol.dispose]();
  assert.equal(files.open, 0);
});

// Acceptance runner 48: a missing folder of a log is made.
test("fileSink: a missing folder is made, at the start and later (runner 48)", () => {
  const { sink, files, messages } = setUp({}, new FakeFiles());
  files.folders.clear();
  files.inodes.clear();
  sink.write(record("still there", "error"));
  assert.deepEqual(messages(), ["still there"]);
  sink[Symbol.dispose]();
});

test("FileSink.reopen: goes on with the file that has the path now, and loses nothing that waits", () => {
  const { sink, files, messages } = setUp();
  sink.write(record("one"));
  sink.flush();
  files.rename("/log/a.log", "/log/old");
  files.writeText("/log/a.log", "new\n".padStart(files.info("/log/old")!.size, "x"));
  sink.write(record("two"));
  sink.reopen();
  sink.write(record("three", "error"));
  assert.deepEqual(messages("/log/old"), ["one"]);
  assert.deepEqual(messages().slice(1), ["two", "three"]);
  sink[Symbol.dispose]();
  sink.reopen();
  assert.equal(files.open, 0);
});

test("FileSink.configure: path, format and limits change while it is in use, and what waits goes to the old file", () => {
  const { sink, files, messages } = setUp();
  sink.write(record("one"));
  sink.configure({ path: "/log/b.log", json: true, maxFileSize: 150, maxFiles: 1 });
  assert.deepEqual(messages(), ["one"]);
  for (const text of ["two", "three", "four"]) sink.write(record(text, "error"));
  const texts = (path: string) => files.lines(path).map((line) => JSON.parse(line).msg);
  assert.deepEqual([files.list("/log"), texts("/log/b.log.1"), texts("/log/b.log")], [["a.log", "b.log", "b.log.1"], ["three"], ["four"]]);
  sink[Symbol.dispose]();
  assert.equal(files.open, 0);
});

test("FileSink.configure: a file that can't be opened is an error, and the one before it stays in use", () => {
  const { sink, files, messages, clock } = setUp();
  const openAppend = files.openAppend.bind(files);
  files.openAppend = (path) => {
    if (path === "/log/b.log") throw new IoError("IO_DENIED", "Cannot open");
    return openAppend(path);
  };
  sink.write(record("one"));
  assert.throws(() => sink.configure({ path: "/log/b.log", json: true, maxFileSize: 1 }), { code: "IO_DENIED" });
  for (const text of ["two", "three"]) sink.write(record(text, "error"));
  assert.deepEqual([messages(), files.list("/log")], [["one", "two", "three"], ["a.log"]]);
  sink[Symbol.dispose]();
  assert.deepEqual([sink.dropped, files.open, clock.pendingTimers], [0, 0, 0]);
});

test("fileSink: a rotation that fails at the end is told in the file, and counts as no loss", () => {
  const { sink, files, messages, drops } = setUp({ maxFileSize: 100 });
  sink.write(record("one"));
  sink.flush();
  files.canRename = false;
  for (const text of ["two", "three"]) sink.write(record(text));
  sink[Symbol.dispose]();
  assert.deepEqual(messages().filter((line) => /^(one|two|three)$/.test(line)), ["one", "two", "three"]);
  assert.equal(messages().filter((line) => line.startsWith("log file can't be rotated")).length, 1);
  assert.deepEqual([drops, sink.dropped, files.open], [[], 0, 0]);
});

test("fileSink: what comes after the end is dropped and told, and leaves no timer", () => {
  const { sink, clock, drops } = setUp();
  sink[Symbol.dispose]();
  for (const text of ["one", "two"]) sink.write(record(text));
  assert.deepEqual([drops, clock.pendingTimers], [[1, 1], 0]);
});
