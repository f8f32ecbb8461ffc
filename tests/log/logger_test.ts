import assert from "node:assert/strict";
import { LOG_LEVELS, type LogLevel, type LogRecord } from "../../src/core/ports/log.ts";
import { createLogger } from "../../src/log/mod.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { test } from "../harness.ts";

function setUp(level: LogLevel = "info", fields?: Record<string, unknown>) {
  const records: LogRecord[] = [];
  const clock = new FakeClock();
  const log = createLogger({ level, name: "app", clock, sinks: [(record) => void records.push(record)], fields });
  return { log, records, clock };
}

test("createLogger: an unknown level is refused, at the start and later", () => {
  assert.throws(() => setUp("loud" as LogLevel), RangeError);
  const { log } = setUp();
  assert.throws(() => log.level = "verbose" as LogLevel, RangeError);
  assert.equal(log.level, "info");
});

test("createLogger: records what its level allows, and a live level reaches the children", () => {
  for (const level of LOG_LEVELS) {
    const { log, records } = setUp("error");
    const child = log.child("api");
    log.level = level;
    for (const each of LOG_LEVELS) child[each](each);
    const allowed = LOG_LEVELS.slice(LOG_LEVELS.indexOf(level));
    assert.deepEqual(records.map((record) => record.message), allowed);
    assert.deepEqual(records.map((record) => record.level), allowed);
    assert.deepEqual(LOG_LEVELS.filter((each) => child.isEnabled(each)), allowed);
  }
});

test("createLogger: names and fields of children add up, the call's own win", () => {
  const { log, records, clock } = setUp("info", { host: "h", run: 1 });
  log.child("db", { run: 2 }).child("pool").info("hello", { size: 3 });
  log.info("bare");
  assert.deepEqual(records, [
    { timeMs: clock.wallMs(), level: "info", message: "hello", logger: "app/db/pool", fields: { host: "h", run: 2, size: 3 } },
    { timeMs: clock.wallMs(), level: "info", message: "bare", logger: "app", fields: { host: "h", run: 1 } },
  ]);
});

test("createLogger: a sink that throws hurts neither the others nor the caller", () => {
  const messages: string[] = [];
  const broken = () => {
    throw new Error("no");
  };
  const log = createLogger({
    level: "info",
    name: "app",
    clock: new FakeClock(),
    sinks: [broken, ({ message }) => void messages.push(message)],
  });
  log.info("one");
  log.child("x").warn("two");
  assert.deepEqual([messages, log.sinkFailures], [["one", "two"], 2]);
});

test("createLogger: without a sink it is enabled for nothing", () => {
  const log = createLogger({ level: "trace", name: "app", clock: new FakeClock(), sinks: [] });
  assert.ok(!log.isEnabled("error"));
});
