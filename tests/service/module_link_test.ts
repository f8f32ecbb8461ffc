import assert from "node:assert/strict";
import { encodeFrame, FrameReader } from "../../src/core/wire/frames.ts";
import type { Connection } from "../../src/core/ports/ipc.ts";
import { type LogFields, type Logger, silentLogger } from "../../src/core/ports/log.ts";
import { MODULE_PROTOCOL } from "../../src/core/wire/module_protocol.ts";
import { ModuleHub } from "../../src/service/module_hub.ts";
import { ModuleLink } from "../../src/service/module_link.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

const SOCKET = "/run/ipc.sock";

/** A hub with one link, and everything that the link was told. */
class Rig implements Disposable {
  readonly host = new FakeHost();
  readonly hub = new ModuleHub({ host: this.host, socket: SOCKET });
  readonly said: string[] = [];
  readonly errors: unknown[] = [];
  readonly link: ModuleLink;
  readonly expected: Disposable & { token: string };

  constructor() {
    this.link = new ModuleLink({
      welcome: { unit: "api", run: 2, attempt: 1, stopTimeoutMs: 5_000 },
      clock: this.host.clock,
      log: this.#logger(""),
      onReady: () => void this.said.push("ready"),
      onShutdown: ({ reason }) => void this.said.push(`shutdown ${reason}`),
    });
    this.expected = this.hub.expect(this.link);
  }

  #logger(name: string): Logger {
    const record = (level: string) => (message: string, { err, ...fields }: LogFields = {}) => {
      if (err !== undefined) this.errors.push(err);
      this.said.push(`${level} ${name}${message} ${JSON.stringify(fields)}`);
    };
    return {
      ...silentLogger,
      info: record("info"),
      warn: record("warn"),
      error: record("error"),
      child: (child) => this.#logger(`${name}${child}: `),
    };
  }

  /** Plays a module's process. */
  async call(): Promise<Caller> {
    await this.hub.open();
    return new Caller(await this.host.ipc.connect(SOCKET), () => this.settle());
  }

  /** Lets everything that can happen at this time happen. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await this.host.clock.advance(0);
  }

  [Symbol.dispose](): void {
    this.link[Symbol.dispose]();
    this.hub[Symbol.dispose]();
  }
}

class Caller {
  readonly heard: unknown[] = [];
  isClosed = false;
  readonly #connection: Connection;
  readonly #settle: () => Promise<void>;

  constructor(connection: Connection, settle: () => Promise<void>) {
    this.#connection = connection;
    this.#settle = settle;
    void this.#read();
  }

  async say(value: unknown): Promise<void> {
    await this.bytes(encodeFrame(value));
  }

  async bytes(bytes: Uint8Array): Promise<void> {
    await this.#connection.write(bytes).catch(() => {/* the hub has hung up */});
    await this.#settle();
  }

  hangUp(): void {
    this.#connection[Symbol.dispose]();
  }

  async #read(): Promise<void> {
    const reader = new FrameReader((value) => void this.heard.push(value));
    for (let bytes = await this.#connection.read(); bytes !== undefined; bytes = await this.#connection.read()) reader.push(bytes);
    this.isClosed = true;
  }
}

const hello = (token: string, protocol: number = MODULE_PROTOCOL) => ({ type: "hello", protocol, token });

test("ModuleHub: who shows the token is welcomed, is heard, and can be told to stop", async () => {
  using rig = new Rig();
  const caller = await rig.call();
  assert.equal(await rig.link.ask(), false);
  await caller.say(hello(rig.expected.token));
  assert.deepEqual(caller.heard, [{ type: "welcome", unit: "api", run: 2, attempt: 1, stopTimeoutMs: 5_000 }]);
  await caller.say({ type: "ready" });
  await caller.say({ type: "log", level: "info", logger: "", message: "hello", fields: { n: 1 } });
  const err = { name: "TypeError", code: "E", message: "no", stack: "TypeError: no\n    at x" };
  await caller.say({ type: "log", level: "warn", logger: "db", message: "slow", fields: { err } });
  await caller.say({ type: "dropped", records: 3 });
  await caller.say({ type: "shutdown", reason: "enough" });
  assert.deepEqual(rig.said, [
    "ready",
    'info hello {"n":1}',
    "warn db: slow {}",
    'warn log records of the module were dropped {"records":3}',
    "shutdown enough",
  ]);
  const [error] = rig.errors as (Error & { code: string })[];
  assert.deepEqual([error instanceof Error, error.name, error.code, error.message, error.stack], [true, "TypeError", "E", "no", err.stack]);
  assert.equal(await rig.link.ask(), true);
  await rig.settle();
  assert.equal((caller.heard[1] as { type: string }).type, "stop");
  await caller.say({ type: "error", error: { name: "RangeError", message: "too much" } });
  assert.deepEqual([rig.link.error, caller.isClosed], [{ name: "RangeError", message: "too much" }, true]);
});

test("ModuleHub: no token, a wrong one, a used one, garbage and silence are hung up on, and the others are not disturbed", async () => {
  using rig = new Rig();
  const first = await rig.call();
  await first.say(hello(rig.expected.token));
  const bad = [
    (caller: Caller) => caller.say(hello("guessed")),
    (caller: Caller) => caller.say(hello(rig.expected.token)),
    (caller: Caller) => caller.say({ type: "ready" }),
    (caller: Caller) => caller.say(null),
    (caller: Caller) => caller.bytes(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")),
    (caller: Caller) => caller.bytes(new Uint8Array([0, 0, 0, 2, 34, 35])),
    () => rig.host.clock.advance(10_000),
  ];
  for (const [index, doBadly] of bad.entries()) {
    const caller = await rig.call();
    await doBadly(caller);
    await rig.settle();
    assert.deepEqual([caller.isClosed, caller.heard], [true, []], String(index));
  }
  await first.say({ type: "ready" });
  assert.equal(rig.said.at(-1), "ready");
});

test("ModuleHub: a module of another version fails by name, and messages that nobody knows are ignored", async () => {
  using rig = new Rig();
  const caller = await rig.call();
  await caller.say(hello(rig.expected.token, 99));
  assert.deepEqual([rig.link.error?.code, caller.isClosed], ["IPC_PROTOCOL", true]);
  using other = new Rig();
  const known = await other.call();
  await known.say(hello(other.expected.token));
  for (const message of [{ type: "later" }, { type: "log", level: "loud", message: "x" }, 3, null]) await known.say(message);
  assert.deepEqual([other.said, known.isClosed], [[], false]);
});

test("ModuleLink: a module that says nothing for five seconds is told of once, until it answers again", async () => {
  using rig = new Rig();
  const caller = await rig.call();
  await caller.say(hello(rig.expected.token));
  await rig.host.clock.advance(3_000);
  await caller.say({ type: "heartbeat" });
  await rig.host.clock.advance(4_000);
  assert.deepEqual([rig.said, rig.link.silence], [[], undefined]);
  await rig.host.clock.advance(4_000);
  assert.deepEqual([rig.said.length, rig.link.silence], [1, "8s"]);
  assert.match(rig.said[0], /does not answer, its event loop is blocked/);
  await caller.say({ type: "heartbeat" });
  assert.deepEqual([rig.said[1], rig.link.silence], ["info the module answers again {}", undefined]);
  caller.hangUp();
  await rig.settle();
  assert.equal(rig.host.clock.pendingTimers, 0);
});

test("ModuleLink: a channel that breaks is told of, and the signal is left to stop the process", async () => {
  using rig = new Rig();
  const caller = await rig.call();
  await caller.say(hello(rig.expected.token));
  await caller.bytes(new Uint8Array([255, 255, 255, 255]));
  assert.match(rig.said[0], /the channel to the module broke .*at most/);
  assert.equal(await rig.link.ask(), false);
});

test("ModuleHub: a socket that can't be opened is tried again by the next module", async () => {
  const host = new FakeHost();
  let fails = true;
  const listen = host.ipc.listen.bind(host.ipc);
  host.ipc.listen = (path, onConnection) => fails ? Promise.reject(new Error("no room")) : listen(path, onConnection);
  using hub = new ModuleHub({ host, socket: SOCKET });
  await assert.rejects(hub.open(), /no room/);
  fails = false;
  await hub.open();
  assert.ok(host.ipc.isListening(SOCKET));
});
