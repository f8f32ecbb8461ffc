import assert from "node:assert/strict";
import fc from "../property.ts";
import { DaemonError } from "../../src/core/values/errors.ts";
import type { LogRecord } from "../../src/core/ports/log.ts";
import { formatJson, formatText } from "../../src/log/mod.ts";
import { test } from "../harness.ts";

const record = (given: Partial<LogRecord> = {}): LogRecord => ({
  timeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  level: "info",
  message: "started",
  logger: "app/api",
  fields: {},
  ...given,
});
// deno-lint-ignore no-explicit-any
const parsed = (given: Partial<LogRecord>): any => JSON.parse(formatJson(record(given)));

test("formatJson: one line with the head first", () => {
  assert.equal(
    formatJson(record({ fields: { run: 3, port: 80 } })),
    '{"time":"2026-01-02T03:04:05.006Z","level":"info","msg":"started","logger":"app/api","run":3,"port":80}\n',
  );
});

test("formatJson: reserved names win, a field of that name gets an underscore", () => {
  const { time, level, msg, logger, ...rest } = parsed({
    fields: { time: 1, level: "loud", msg: "other", logger: null, time_: "taken", service: "api", stream: 7, run: "a", other: true },
  });
  assert.deepEqual([time, level, msg, logger], ["2026-01-02T03:04:05.006Z", "info", "started", "app/api"]);
  assert.deepEqual(rest, {
    time__: 1,
    time_: "taken",
    level_: "loud",
    msg_: "other",
    logger_: null,
    service: "api",
    stream_: 7,
    run: "a",
    other: true,
  });
});

test("formatJson: an error under err is name, code, message, chain, and the stack where there is one", () => {
  const cause = new TypeError("port is NaN");
  const { err } = parsed({ fields: { err: DaemonError.wrap(cause, "CONFIG_INVALID", "Cannot listen") } });
  assert.match(err.stack, /Cannot listen[^]*\n\s+at /);
  delete err.stack;
  assert.deepEqual(err, {
    name: "DaemonError",
    code: "CONFIG_INVALID",
    message: "Cannot listen",
    chain: [{ name: "TypeError", message: "port is NaN" }],
  });
  assert.deepEqual(parsed({ fields: { err: new DaemonError("TIMEOUT", "Too late") } }).err, {
    name: "DaemonError",
    code: "TIMEOUT",
    message: "Too late",
    chain: [],
  });
  assert.deepEqual(parsed({ fields: { err: "a text" } }).err, { name: "Error", message: "a text", chain: [] });
  const circle = new Error("one", { cause: new Error("two") });
  (circle.cause as Error).cause = circle;
  assert.deepEqual(parsed({ fields: { err: circle } }).err.chain, [{ name: "Error", message: "two" }]);
  assert.equal(parsed({ fields: { seen: { at: new RangeError("inside") } } }).seen.at.message, "inside");
});

test("formatJson, formatText: nothing that is logged makes them throw or write more than its own lines", () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const hostile = [
    circle,
    10n,
    { deep: 10n },
    Symbol("s"),
    () => {},
    NaN,
    new Date(NaN),
    undefined,
    null,
    Object.freeze({}),
    new Proxy({}, {
      get() {
        throw new Error("no");
      },
      ownKeys() {
        throw new Error("no");
      },
    }),
    {
      toJSON() {
        throw new Error("no");
      },
    },
    { __proto__: null, a: 1 },
    "x".repeat(100_000),
  ];
  for (const value of hostile) {
    for (const name of ["value", "err", "run", "__proto__"]) {
      const fields = Object.fromEntries([[name, value]]);
      assert.equal(formatJson(record({ fields })).split("\n").length, 2);
      JSON.parse(formatJson(record({ fields })));
      formatText(record({ fields }));
    }
  }
  const getter = {
    get broken(): never {
      throw new Error("no");
    },
  };
  assert.equal(parsed({ fields: getter }).broken, "cannot be read: no");
});

test("formatJson: any text survives", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(fc.property(text, text, text, (message, name, value) => {
    fc.pre(!["time", "level", "msg", "logger", "stream", "service", "run", "err"].includes(name));
    const line = formatJson(record({ message, fields: Object.fromEntries([[name, value]]) }));
    assert.equal(line.indexOf("\n"), line.length - 1);
    const back = JSON.parse(line);
    assert.deepEqual([back.msg, Object.getOwnPropertyDescriptor(back, name)?.value], [message, value]);
  }));
});

test("formatText: time, level, logger, message, fields", () => {
  assert.equal(
    formatText(
      record({ level: "warn", fields: { unit: "api", note: "two words", quote: 'a"b', empty: "", n: 1, list: [1, "a"], none: undefined } }),
    ),
    '2026-01-02T03:04:05.006Z WARN  app/api started unit=api note="two words" quote="a\\"b" empty="" n=1 list=[1,"a"]\n',
  );
});

test("formatText: an error says what caused it and where, indented below", () => {
  const error = DaemonError.wrap(new TypeError("port is NaN\nreally"), "CONFIG_INVALID", "Cannot listen\non a port");
  const lines = formatText(record({ level: "error", message: "failed\nfor good", fields: { err: error } })).split("\n");
  assert.deepEqual(lines.slice(0, 5), [
    '2026-01-02T03:04:05.006Z ERROR app/api failed err="DaemonError: Cannot listen [CONFIG_INVALID]"',
    "    for good",
    "    on a port",
    "    caused by TypeError: port is NaN",
    "    really",
  ]);
  assert.match(lines[5], /^ {4}at /);
});

test("formatText: no text forges a record or reaches the terminal", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "\n", "\r", "\u001b[2J", "\u009b", "\u0000", "\u2028", "\t", " ") });
  fc.assert(fc.property(text, text, text, (message, name, value) => {
    const lines = formatText(record({ message, logger: value, fields: { [name]: value, err: new DaemonError("TIMEOUT", value) } })).split(
      "\n",
    );
    assert.equal(lines.pop(), "");
    assert.ok(lines[0].startsWith("2026-01-02T03:04:05.006Z INFO  "));
    for (const line of lines.slice(1)) assert.ok(line.startsWith("    "), JSON.stringify(line));
    for (const line of lines) assert.doesNotMatch(line, /[\p{Zl}\p{Zp}]|(?!\t)\p{Cc}/u);
  }));
});

test("formatText: colours only when told", () => {
  assert.ok(!formatText(record({ fields: { a: 1 } })).includes("\u001b"));
  assert.ok(formatText(record({ level: "error", fields: { a: 1 } }), { color: true }).includes("\u001b[31mERROR\u001b[0m"));
});
