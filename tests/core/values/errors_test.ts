import assert from "node:assert/strict";
import { LaggedError } from "../../../src/core/messages/bus.ts";
import * as errors from "../../../src/core/values/errors.ts";
import { spawn } from "node:child_process";
import { inspect } from "node:util";
import { ERROR_CODES, type ErrorCode } from "../../../src/core/values/error_codes.ts";
import {
  ConfigError,
  DaemonError,
  errorChain,
  formatIssue,
  IoError,
  isDaemonError,
  messageOf,
  ProfilingError,
  ShutdownError,
  SubsystemError,
  TimeoutError,
} from "../../../src/core/values/errors.ts";
import { test } from "../../harness.ts";

const one = (): DaemonError =>
  DaemonError.wrap(new TypeError("bad port", { cause: "typed by hand" }), "CONFIG_INVALID", "Cannot listen", { port: 0 });

const thrower = (): never => {
  throw new Error("hostile");
};
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const circle: { self?: unknown } = {};
circle.self = circle;

/** Values that break whoever looks at them carelessly. */
const HOSTILE: unknown[] = [
  undefined,
  null,
  0,
  "",
  "text",
  Symbol("s"),
  10n,
  () => {},
  Object.create(null),
  Object.freeze({ frozen: true }),
  circle,
  [1n],
  revoked(),
  { toJSON: thrower },
  Object.defineProperty({}, "code", { get: thrower }),
  Object.defineProperty({}, "cause", { get: thrower }),
  Object.defineProperty(new Error("x"), "message", { get: thrower }),
  Object.defineProperty(new Error("x"), "name", { get: thrower }),
  Object.defineProperty(new Error("x"), "stack", { get: thrower }),
  Object.assign(new Error("x"), { name: Symbol("name"), code: 7 }),
];

test("DaemonError is an Error with a code, a number, a category, a severity and a text", () => {
  const error = one();
  assert.ok(error instanceof DaemonError && error instanceof Error);
  assert.equal(String(error), "DaemonError: Cannot listen");
  const { code, number, category, severity, retryable, message, context } = error;
  assert.deepEqual({ code, number, category, severity, retryable, message, context }, {
    code: "CONFIG_INVALID",
    number: 1000,
    category: "config",
    severity: "error",
    retryable: false,
    message: "Cannot listen",
    context: { port: 0 },
  });
  assert.deepEqual([new DaemonError("TIMEOUT", "x").cause, new DaemonError("TIMEOUT", "x").context], [undefined, undefined]);
});

test("DaemonError subclasses carry their own names, and are all DaemonErrors", () => {
  const errors = [
    new ConfigError("CONFIG_INVALID", "x"),
    new IoError("IO_FAILED", "x"),
    new SubsystemError("SUBSYSTEM_FAILED", "web", "x"),
    new ShutdownError("SHUTDOWN_IN_PROGRESS", "x"),
    new TimeoutError("TIMEOUT", "x"),
    new ProfilingError("PROFILING_FAILED", "x"),
  ];
  assert.deepEqual(errors.map(({ name }) => name), [
    "ConfigError",
    "IoError",
    "SubsystemError",
    "ShutdownError",
    "TimeoutError",
    "ProfilingError",
  ]);
  for (const error of errors) assert.ok(isDaemonError(error) && error instanceof Error);
  assert.equal((errors[2] as SubsystemError).subsystem, "web");
});

test("ERROR_CODES: every number stands once, in the thousand of its kind", () => {
  const rows = Object.entries(ERROR_CODES);
  assert.equal(new Set(rows.map(([, { number }]) => number)).size, rows.length);
  for (const [code, { number, category }] of rows) {
    const thousands: Record<string, number> = {
      config: 1,
      signal: 2,
      shutdown: 3,
      subsystem: 4,
      io: 5,
      runtime: 6,
      lock: 6,
      profiling: 7,
      ipc: 8,
    };
    assert.equal(Math.floor(number / 1_000), thousands[category], code);
    assert.equal(new DaemonError(code as ErrorCode, "x").number, number);
  }
});

test("DaemonError.chain follows the causes, cuts a circle, and stops at 16 causes", () => {
  assert.deepEqual(one().chain(), [
    { name: "DaemonError", code: "CONFIG_INVALID", message: "Cannot listen" },
    { name: "TypeError", message: "bad port" },
    { name: "Error", message: "typed by hand" },
  ]);
  const [inner, middle] = [new Error("inner"), new Error("middle")];
  inner.cause = middle;
  middle.cause = inner;
  assert.deepEqual(DaemonError.wrap(inner, "IO_FAILED", "outer").chain().map(({ message }) => message), ["outer", "inner", "middle"]);
  const self = new Error("self");
  const around = DaemonError.wrap(self, "IO_FAILED", "around");
  self.cause = around;
  assert.equal(around.chain().length, 2);
  let deep: unknown = "root";
  for (let level = 0; level < 100; level++) deep = DaemonError.wrap(deep, "IO_FAILED", `level ${level}`);
  assert.equal((deep as DaemonError).chain().length, 17);
});

test("DaemonError.toJSON is plain data with the causes", () => {
  assert.deepEqual(JSON.parse(JSON.stringify(one())), {
    name: "DaemonError",
    code: "CONFIG_INVALID",
    number: 1000,
    category: "config",
    severity: "error",
    retryable: false,
    message: "Cannot listen",
    context: { port: 0 },
    chain: [{ name: "TypeError", message: "bad port" }, { name: "Error", message: "typed by hand" }],
  });
  assert.ok(!("context" in new DaemonError("TIMEOUT", "x").toJSON()));
});

test("DaemonError.toError is a native error with the same name, message, cause and code", () => {
  const error = one();
  const native = error.toError() as Error & { code: string };
  assert.ok(!(native instanceof DaemonError));
  assert.deepEqual([native.name, native.message, native.cause, native.code], [
    "DaemonError",
    "Cannot listen",
    error.cause,
    "CONFIG_INVALID",
  ]);
  assert.match(native.stack!, /errors_test/);
  assert.ok(!("cause" in new DaemonError("TIMEOUT", "x").toError()));
});

test("DaemonError.stack shows the native stack of the cause, and its own after captureStack", () => {
  const error = one();
  assert.match(
    error.stack,
    /^DaemonError: Cannot listen\nCaused by: TypeError: bad port\n +at .*errors_test.*\n(.*\n)*Caused by: Error: typed by hand$/,
  );
  assert.equal(new DaemonError("TIMEOUT", "no cause").stack, "DaemonError: no cause");
  assert.equal(error.captureStack(), error);
  assert.match(error.stack, /^DaemonError: Cannot listen\n +at .*errors_test.*\n(.*\n)*Caused by: TypeError: bad port\n +at .*errors_test/);
});

test("DaemonError is shown with code, causes and context by whatever inspects it", () => {
  const runtime = globalThis as { Deno?: { inspect(value: unknown): string }; Bun?: { inspect(value: unknown): string } };
  for (const show of [inspect, (runtime.Deno ?? runtime.Bun)!.inspect]) {
    const text = show(one());
    assert.match(text, /^DaemonError: Cannot listen\n/);
    assert.match(text, /Caused by: TypeError: bad port\n/);
    assert.match(text, /\[CONFIG_INVALID\] \{"port":0\}$/);
    assert.match(show({ nested: one() }), /nested: DaemonError: Cannot listen/);
  }
});

test("DaemonError around anything can be shown, sent and taken apart", () => {
  for (const hostile of HOSTILE) {
    const error = DaemonError.wrap(hostile, "IO_FAILED", "Cannot go on", { hostile });
    assert.ok(error.stack.startsWith("DaemonError: Cannot go on"));
    assert.ok(inspect(error).includes("IO_FAILED"));
    assert.equal(error.chain()[0].message, "Cannot go on");
    assert.equal(error.toError().message, "Cannot go on");
    assert.equal(isDaemonError(hostile), false);
    assert.ok(errorChain(hostile).every(({ name, message }) => typeof name === "string" && typeof message === "string"));
    JSON.stringify(error.chain());
  }
});

test("messageOf says something about whatever is thrown, at most 8 KiB of it", () => {
  for (const hostile of HOSTILE) assert.ok(messageOf(hostile).length <= 8_192);
  const rows: [unknown, string][] = [
    [undefined, "undefined was thrown"],
    [null, "null was thrown"],
    ["text", "text"],
    [0, "0"],
    [false, "false"],
    [new Error("disk full"), "disk full"],
    [new RangeError(), "RangeError"],
    [{ code: 7 }, '{"code":7}'],
    [new DaemonError("TIMEOUT", "too late"), "too late"],
    [circle, "a value that cannot be shown was thrown"],
  ];
  for (const [thrown, text] of rows) assert.equal(messageOf(thrown), text);
  const long = messageOf(new Error("x".repeat(10_000_000)));
  assert.equal(long.length, 8_192);
  assert.ok(long.endsWith("…"));
});

test("ConfigError lists every issue in its message", () => {
  const issues = [
    { source: "daemon.toml:3:1", path: "service.api.port", message: "must be a number", hint: "write 8080" },
    { source: "environment DAEMON_NAME", path: "", message: "must not be empty" },
  ];
  const error = new ConfigError("CONFIG_INVALID", "Cannot use daemon.toml", { issues });
  assert.deepEqual(error.message.split("\n"), [
    "Cannot use daemon.toml",
    "  daemon.toml:3:1: service.api.port: must be a number; write 8080",
    "  environment DAEMON_NAME: must not be empty",
  ]);
  assert.equal(formatIssue(issues[1]), "environment DAEMON_NAME: must not be empty");
  // Nobody's terminal is flooded by a key or a value as long as its file.
  for (const long of ["x".repeat(1_000_000), "x ".repeat(500_000)]) {
    assert.ok(formatIssue({ source: "daemon.toml:1:1", path: long, message: `expected a name, got ${long}` }).length < 4_100);
  }
  assert.deepEqual(new ConfigError("CONFIG_INVALID", "plain").issues, []);
});

test("DaemonError that nobody catches ends the process with code 1 and can be read", async () => {
  const module = new URL("../../../src/core/values/errors.ts", import.meta.url).href;
  const source = `import { DaemonError } from ${JSON.stringify(module)}; throw new DaemonError("IO_FAILED", "Cannot reach the disk");`;
  const args = "Deno" in globalThis ? ["eval", "--ext=ts", source] : ["-e", source];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => text += chunk);
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 1);
  assert.match(text, /Cannot reach the disk/);
});

test("name: each class of ours says its own, whatever a bundler makes of it, and one of somebody else that which it was given", () => {
  const classes = Object.entries({ ...errors, LaggedError }).filter(([, value]) => Object.hasOwn(value, "className"));
  assert.deepEqual(classes.map(([name, value]) => [name, (value as typeof DaemonError).className]), classes.map(([name]) => [name, name]));
  assert.equal(classes.length, 8);
  class Own extends IoError {}
  assert.deepEqual([new Own("IO_FAILED", "x").name, new IoError("IO_FAILED", "x").name], ["Own", "IoError"]);
});
