import assert from "node:assert/strict";
import fc from "../property.ts";
import { DaemonLog, type DaemonLogSettings } from "../../src/log/daemon_log.ts";
import { Config, type ConfigBuilder } from "../../src/settings/config.ts";
import { LineStore } from "../../src/record/line_store.ts";
import { UnitLogs } from "../../src/log/unit_logs.ts";
import { type LineEdges, LineSplitter } from "../../src/core/wire/lines.ts";
import { type LogFields, silentLogger } from "../../src/core/ports/log.ts";
import { unitLogs } from "../../src/service/log.ts";
import { serviceSpec } from "../../src/service/make_spec.ts";
import type { ServiceLogOptions } from "../../src/service/options.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

const spec = (name: string, log: ServiceLogOptions = {}, instances = 1) => serviceSpec(name, { run: "x", log, instances }, "/base");

function setUp(specs: ReturnType<typeof spec>[], folder?: string) {
  const host = new FakeHost();
  const { files, clock } = host;
  const warnings: [string, LogFields | undefined][] = [];
  const lines = new LineStore();
  const stopping = new Set<string>();
  const logs = new UnitLogs({
    files,
    clock,
    lines,
    log: { ...silentLogger, warn: (message, fields) => void warnings.push([message, fields]) },
    show: () => {},
    isStopping: (unit) => stopping.has(unit),
    resolve: (path) => path,
    folder,
  }, specs.flatMap(unitLogs));
  const print = (name: string, ...texts: string[]) => {
    logs.keep(name, new TextEncoder().encode(`${texts.join("\n")}\n`), texts.length);
    logs.publish({ time: "T", name, stream: "stdout", text: texts.join("\n"), count: texts.length });
  };
  return { host, files, clock, lines, logs, print, warnings, stopping };
}

test("UnitLogs: a unit has the file that it names, else one in the folder, else none", () => {
  const { files, logs, print } = setUp([spec("api", { file: "own/{instance}.log" }, 2), spec("db")], "/state/logs");
  for (const name of ["api@0", "api@1", "db"]) print(name, name);
  logs[Symbol.dispose]();
  const texts = ["/base/own/0.log", "/base/own/1.log", "/state/logs/db.log"].map((path) => files.readText(path));
  assert.deepEqual(texts, ["T stdout api@0\n", "T stdout api@1\n", "T stdout db\n"]);
  const none = setUp([spec("db")]);
  none.print("db", "x");
  none.logs[Symbol.dispose]();
  assert.deepEqual([none.files.list("/"), none.clock.pendingTimers], [["tmp"], 0]);
});

test("UnitLogs.apply: settings change for units that run, in both directions, and nothing that was printed is lost", () => {
  const { files, logs, print } = setUp([spec("api", { file: "a.log" })]);
  assert.equal(logs.maxLineBytes("api"), 65_536);
  print("api", "one");
  logs.apply(unitLogs(spec("api", { file: "b.log", format: "raw", maxLine: 100, maxSize: 4, keep: 1 })));
  assert.equal(logs.maxLineBytes("api"), 100);
  print("api", "two", "six", "ten");
  logs.apply(unitLogs(spec("api")));
  print("api", "nowhere");
  logs.apply(unitLogs(spec("api", { file: "b.log", format: "raw" })));
  print("api", "end");
  logs[Symbol.dispose]();
  assert.deepEqual(["a.log", "b.log.1", "b.log"].map((name) => files.readText(`/base/${name}`)), ["T stdout one\n", "six\n", "ten\nend\n"]);
});

test("UnitLogs: a line that comes in pieces is a line for each piece in a file that is not raw", () => {
  const { files, logs } = setUp([spec("db", { file: "d.log" })]);
  const print = (text: string, edges: LineEdges = {}) =>
    logs.publish({ time: "T", name: "db", stream: "stdout", text, count: text.split("\n").length, ...edges });
  print("Password: ", { open: true });
  print("wrong", { continues: true, open: true });
  print(", bye\nagain", { continues: true });
  // Its end alone came meanwhile.
  print("Password: ", { open: true });
  print("welcome");
  logs[Symbol.dispose]();
  const pieces = ["Password: ", "wrong", ", bye", "again", "Password: ", "welcome"];
  assert.equal(files.readText("/base/d.log"), pieces.map((piece) => `T stdout ${piece}\n`).join(""));
});

test("UnitLogs: a raw file and its older ones hold the bytes that were printed, and who looks at the lines sees text", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 30 }).map((bytes) => bytes.map((byte) => byte < 40 ? 10 : byte < 60 ? 13 : byte)), {
        maxLength: 30,
      }),
      async (chunks) => {
        const { files, logs, lines } = setUp([spec("api", { file: "a.log", format: "raw", maxLine: 16, maxSize: 20, keep: 1_000 })]);
        const splitter = new LineSplitter(
          16,
          (text, count, edges) => logs.publish({ time: "T", name: "api", stream: "stdout", text, count, ...edges }),
          (bytes, count) => logs.keep("api", bytes, count),
        );
        for (const chunk of chunks) {
          const reused = chunk.slice();
          splitter.push(reused);
          reused.fill(0);
          if (chunk.length % 3 === 0) splitter.flush();
        }
        splitter.end();
        logs[Symbol.dispose]();
        const all = files.info("/base") === undefined ? [] : files.list("/base").map((name) => Number(name.slice("a.log.".length)));
        const kept: number[] = [];
        for (const number of all.sort((one, other) => other - one)) {
          kept.push(...(await files.read(number === 0 ? "/base/a.log" : `/base/a.log.${number}`)).bytes);
        }
        assert.deepEqual(kept, chunks.flatMap((chunk) => [...chunk]));
        assert.ok(lines.last([], Infinity).every(({ text }) => text.isWellFormed()));
      },
    ),
    { numRuns: 300 },
  );
});

test("UnitLogs.apply: the file of a removed unit is written and closed, its last lines are added, and then it is forgotten", () => {
  const { files, logs, print, lines, clock } = setUp([spec("api", { file: "a.log", format: "raw" }), spec("db")]);
  print("api", "one");
  logs.apply(unitLogs(spec("db")));
  assert.equal(files.readText("/base/a.log"), "one\n");
  print("api", "stopping");
  assert.deepEqual([files.readText("/base/a.log"), clock.pendingTimers], ["one\nstopping\n", 0]);
  logs.apply(unitLogs(spec("db")));
  assert.deepEqual(lines.counts().map(({ name }) => name), ["db"]);
  logs[Symbol.dispose]();
});

test("UnitLogs.apply: a removed unit that still stops is not forgotten, however often the configuration changes", () => {
  const { files, logs, print, lines, stopping } = setUp([spec("api", { file: "a.log", format: "raw" }), spec("db")]);
  stopping.add("api");
  for (const line of ["one", "two", "three"]) {
    print("api", line);
    logs.apply(unitLogs(spec("db")));
  }
  print("api", "last");
  stopping.clear();
  logs.apply(unitLogs(spec("db")));
  assert.equal(files.readText("/base/a.log"), "one\ntwo\nthree\nlast\n");
  assert.deepEqual(lines.counts().map(({ name }) => name), ["db"]);
  logs[Symbol.dispose]();
});

test("UnitLogs.open: a file that can't be opened fails the start, a full disk does not", () => {
  const { files, logs } = setUp([spec("api", { file: "a.log" })]);
  files.makeDir("/base/a.log");
  assert.throws(() => logs.open("api"), { code: "IO_FAILED" });
  logs.apply(unitLogs(spec("api", { file: "b.log" })));
  files.failWrites("IO_NO_RESOURCES");
  logs.open("api");
  files.failWrites("IO_DENIED");
  assert.throws(() => logs.open("api"), { code: "IO_DENIED" });
  logs[Symbol.dispose]();
});

// Acceptance runner 43: disk full: services run on, drops are counted, one warning a minute, recovery.
test("UnitLogs: while the disk is full drops are counted by unit, and one warning a minute tells of all of them (runner 43)", async () => {
  const { files, clock, logs, print, lines, warnings } = setUp(
    ["a", "b"].map((name) => spec(name, { file: `${name}.log`, format: "raw" })),
  );
  files.failWrites("IO_NO_RESOURCES");
  const text = "x".repeat(200_000);
  for (const name of ["a", "b"]) for (let round = 0; round < 3; round++) print(name, text, "y");
  assert.deepEqual(lines.counts().map(({ name, stdout, dropped }) => [name, stdout, dropped]), [["a", 6, 4], ["b", 6, 4]]);
  const isFailure = (message: string) => message.startsWith("log files can't be written");
  // The first write that fails is told of at once, before anything is lost.
  assert.deepEqual(warnings.map(([message, fields]) => [isFailure(message), fields?.units]), [[true, "a"], [false, "a"]]);
  assert.deepEqual(lines.counts().map(({ failures }) => failures), [1, 1]);
  assert.match(logs.notice!, /^the log files of a, b can't be written, 8 lines were dropped: /);
  await clock.advance(60_000);
  assert.deepEqual(warnings.filter(([message]) => isFailure(message)).map(([, fields]) => [fields?.failures, fields?.units]), [
    [1, "a"],
    [1, "b"],
  ]);
  const told = warnings.filter(([message]) => !isFailure(message)).map(([message, fields]) => [message, fields?.dropped, fields?.units]);
  assert.deepEqual(told, [["lines of units were dropped", 2, "a"], ["lines of units were dropped", 6, "a b"]]);
  files.healWrites();
  await clock.advance(1_000);
  assert.equal(logs.notice, undefined);
  print("a", "on we go");
  logs[Symbol.dispose]();
  const [first, second, remark, last] = files.readText("/base/a.log").trimEnd().split("\n");
  assert.deepEqual([first, second, last], [text, "y", "on we go"]);
  assert.match(remark, /^daemonkit: 4 lines were dropped here/);
  assert.deepEqual([warnings.length, clock.pendingTimers], [4, 0]);
});

test("DaemonLog.apply: level, format and file change while it is in use", async () => {
  const host = new FakeHost();
  const { files, terminal, clock } = host;
  const make = (change: (builder: ConfigBuilder) => unknown): DaemonLogSettings => {
    const builder = Config.builder();
    change(builder);
    return builder.build().logging;
  };
  const options = {
    name: "daemon",
    host,
    clock,
    sink: undefined,
    hasConsole: true,
    resolve: (path: string) => `/log/${path}`,
    file: undefined,
    names: [],
  };
  const log = new DaemonLog(options, make((config) => config.logLevel("warn")));
  const child = log.log.child("x");
  child.info("hidden");
  log.apply(make((config) => config.logLevel("info").jsonLogging(true).logFile("a.log")));
  child.info("first");
  log.apply(make((config) => config.logFile("b.log")));
  child.info("second");
  log.apply(make(() => {}));
  child.info("third");
  const broken = make((config) => config.logFile("folder"));
  files.makeDir("/log/folder");
  log.apply(broken);
  await log[Symbol.asyncDispose]();
  const messages = terminal.stderr.trimEnd().split("\n").map((line) => /first|second|third|can't be used|hidden/.exec(line)?.[0]);
  assert.deepEqual(messages.slice(0, 4), ["first", "second", "third", "can't be used"]);
  assert.equal(JSON.parse(files.readText("/log/a.log")).msg, "first");
  assert.match(files.readText("/log/b.log"), /^\S+Z INFO {2}daemon\/x second\n$/);
});

test("DaemonLog.apply goes on with the file in use when the new one can't be opened", async () => {
  const { files, terminal, env, clock } = new FakeHost();
  const make = (file: string) => Config.builder().logFile(file).build().logging;
  const resolve = (path: string) => `/log/${path}`;
  const log = new DaemonLog(
    { name: "daemon", host: { terminal, files, env }, clock, sink: undefined, hasConsole: false, resolve, file: undefined, names: [] },
    make("a.log"),
  );
  files.makeDir("/log/folder");
  for (const file of ["folder", "folder", "b.log"]) {
    log.apply(make(file));
    log.log.info(`after ${file}`);
  }
  await log[Symbol.asyncDispose]();
  const messages = (file: string) => files.readText(file).trimEnd().split("\n").map((line) => /can't be used|after \S+/.exec(line)?.[0]);
  assert.deepEqual(messages("/log/a.log"), ["can't be used", "after folder", "can't be used", "after folder"]);
  assert.deepEqual(messages("/log/b.log"), ["after b.log"]);
});

test("DaemonLog: the first write of its file that fails is told of on the console", async () => {
  const host = new FakeHost();
  const { files, terminal, clock } = host;
  const settings = Config.builder().logFile("/log/a.log").build().logging;
  const options = {
    name: "daemon",
    host,
    clock,
    sink: undefined,
    hasConsole: true,
    resolve: (path: string) => path,
    file: undefined,
    names: [],
  };
  await using log = new DaemonLog(options, settings);
  files.failWrites("IO_NO_RESOURCES");
  for (let number = 0; number < 3; number++) log.log.error("lost");
  assert.equal(terminal.stderr.match(/^daemonkit: the daemon's log file can't be written: /gm)?.length, 1);
  assert.match(log.notice!, /^the log file of the daemon can't be written: /);
  files.healWrites();
  log.flush();
  assert.equal(log.notice, undefined);
});

test("DaemonLog: its end waits a second for who reads the console, and no longer; the file says that it was in vain", async () => {
  const host = new FakeHost();
  const { files, terminal, clock } = host;
  const settings = Config.builder().logFile("a.log").build().logging;
  const resolve = (path: string) => `/log/${path}`;
  const log = new DaemonLog(
    { name: "daemon", host, clock, sink: undefined, hasConsole: true, resolve, file: undefined, names: [] },
    settings,
  );
  using _stalled = terminal.stall();
  log.log.info("up");
  const ended = log[Symbol.asyncDispose]();
  await clock.advance(1_000);
  await ended;
  assert.equal(terminal.stderr, "");
  assert.match(files.readText("/log/a.log"), / up\n.*WARN {2}daemon the console was not read to its end\n$/);
});
