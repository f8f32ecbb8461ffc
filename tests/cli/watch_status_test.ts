import assert from "node:assert/strict";
import { main } from "../../src/cli/main.ts";
import { Screen } from "../../src/cli/screen.ts";
import { controlHandler } from "../../src/control/mod.ts";
import type { SignalName } from "../../src/core/values/signal_name.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import { FakeClock, FakeTerminal } from "../../src/testing/mod.ts";
import { FakeOperations, fakeUnit } from "../control/fake_operations.ts";
import { test } from "../harness.ts";
import { FakeMachine } from "./fake_host.ts";
import { until } from "../until.ts";

const SOCKET = "/run/demo/admin.sock";

/** A client that watches a daemon of one unit. */
class Watch {
  readonly clock = new FakeClock();
  readonly machine = new FakeMachine(this.clock);
  readonly operations = new FakeOperations([fakeUnit("api"), fakeUnit("db")]);
  readonly handler = controlHandler({ operations: this.operations, version: "0.1.0", protocol: 1, log: silentLogger });
  exitCode: Promise<number> = Promise.resolve(-1);

  constructor() {
    this.machine.daemon("/run/demo", this.handler);
  }

  /** Begins, and goes on until the first status is shown. */
  async start(...args: string[]): Promise<void> {
    this.exitCode = main(["status", "--watch", "--socket", SOCKET, ...args], { host: this.machine.host });
    await this.until(() => this.operations.eventReaders.size > 0 && this.machine.out !== "");
  }

  /** Lets real things happen until something is so; the clock stands still. */
  async until(isSo: () => boolean): Promise<void> {
    await until(isSo, { context: () => this.machine.out + this.machine.err });
  }

  /** Goes on in time, then until something is so. */
  async after(ms: number, isSo: () => boolean): Promise<void> {
    await this.clock.advance(ms);
    await this.until(isSo);
  }

  change(name: string, state: "running" | "failed"): void {
    this.operations.units.find((unit) => unit.name === name)!.state = state;
    const head = { v: 1, seq: 1, time: "2026-01-01T00:00:00.000Z", type: "unit.state" } as const;
    this.operations.happen({ ...head, name, run: 1, from: "running", to: state, reason: "test" });
  }

  /** The daemon ends, as it does after SIGTERM. */
  end(): void {
    this.handler.streams.end();
    this.machine.sockets.set(SOCKET, "stale");
    this.machine.alive.clear();
  }
}

test("status --watch prints a new table when something has changed, and none when only time has passed", async () => {
  const watch = new Watch();
  await watch.start();
  const tables = () => watch.machine.out.split("NAME").length - 1;
  for (let second = 0; second < 3; second++) await watch.clock.advance(1_000);
  assert.equal(tables(), 1);
  watch.change("api", "failed");
  await watch.after(100, () => tables() === 2);
  assert.match(watch.machine.out, /api {3}failed/);
  watch.end();
  await watch.clock.advance(1_000);
  assert.equal(await watch.exitCode, 0);
  assert.equal(watch.machine.err, "daemonkit: demo (pid 77) has ended\n");
  assert.equal(watch.clock.pendingTimers, 0);
  assert.equal(watch.machine.signals.count(), 0);
});

test("status --watch --json writes one JSON text a line for each change, of the units that are named", async () => {
  const watch = new Watch();
  await watch.start("--json", "api");
  const lines = () => watch.machine.out.split("\n").slice(0, -1);
  watch.change("api", "failed");
  await watch.after(100, () => lines().length === 2);
  watch.change("db", "failed");
  await watch.clock.advance(1_000);
  watch.end();
  await watch.clock.advance(1_000);
  assert.equal(await watch.exitCode, 0);
  const answers = lines().map((line) => JSON.parse(line));
  assert.deepEqual(
    answers.map(({ v, units }) => [v, units.map(({ name, state }: { name: string; state: string }) => `${name} ${state}`)]),
    [
      [1, ["api running"]],
      [1, ["api failed"]],
    ],
  );
});

test("status --watch on a terminal draws each second and at once after events, but not more often than each 100 ms", async () => {
  const watch = new Watch();
  watch.machine.terminalColumns = 80;
  await watch.start();
  const pictures = () => watch.machine.out.split("\x1b[H").length - 1;
  await watch.after(1_000, () => pictures() === 2);
  for (let burst = 0; burst < 20; burst++) watch.change("api", burst % 2 === 0 ? "failed" : "running");
  await watch.clock.advance(99);
  assert.equal(pictures(), 2);
  await watch.after(1, () => pictures() === 3);
  await watch.clock.advance(500);
  assert.equal(pictures(), 3);
  watch.machine.signals.emit("SIGWINCH");
  await watch.until(() => pictures() === 4);
  watch.end();
  await watch.clock.advance(1_000);
  assert.equal(await watch.exitCode, 0);
});

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] satisfies [SignalName, number][]) {
  test(`status --watch gives the terminal back at ${signal}, leaves the last picture and ends with ${code}`, async () => {
    const watch = new Watch();
    watch.machine.terminalColumns = 80;
    await watch.start();
    assert.ok(watch.machine.out.startsWith("\x1b[?1049h"));
    assert.ok(watch.machine.signals.emit(signal));
    await watch.clock.advance(100);
    assert.equal(await watch.exitCode, code);
    const [, left, ...more] = watch.machine.out.split("\x1b[?1049l");
    assert.match(left, /^\S*demo.*\n\n.*NAME[^]*api.*\n.*db.*\n$/);
    assert.deepEqual(more, []);
    assert.equal(watch.machine.err, "");
    assert.equal(watch.machine.signals.count(), 0);
    assert.equal(watch.clock.pendingTimers, 0);
  });
}

test("status --watch ends with 0 when nobody reads any more", async () => {
  const watch = new Watch();
  await watch.start("--json");
  watch.machine.isClosed = true;
  watch.change("api", "failed");
  await watch.clock.advance(100);
  assert.equal(await watch.exitCode, 0);
  assert.equal(watch.operations.eventReaders.size, 0);
});

test("status --watch refuses what status refuses", async () => {
  const watch = new Watch();
  assert.equal(await main(["status", "-w", "nope*", "--socket", SOCKET], { host: watch.machine.host }), 7);
  assert.equal(await main(["status", "-w", "nope", "--socket", SOCKET], { host: watch.machine.host }), 4);
  watch.end();
  assert.equal(await main(["status", "-w", "--socket", SOCKET], { host: watch.machine.host }), 3);
  assert.equal(watch.machine.out, "");
});

test("Screen says how many lines it has no room for, and is entered again after it was left", () => {
  const terminal = new FakeTerminal();
  terminal.height = 3;
  using screen = new Screen(terminal);
  screen.draw("1\n2\n3\n4\n5");
  assert.ok(terminal.stdout.endsWith("\x1b[H1\x1b[K\n2\x1b[K\n… 3 more lines\x1b[K\x1b[J"), JSON.stringify(terminal.stdout));
  screen.leave();
  screen.leave();
  screen.draw("1");
  assert.equal(terminal.stdout.split("\x1b[?1049h").length - 1, 2);
  assert.equal(terminal.stdout.split("\x1b[?1049l").length - 1, 1);
});

test("Screen leaves pictures out while the terminal takes nothing, and waits for none", async () => {
  const terminal = new FakeTerminal();
  const stalled = terminal.stall();
  const screen = new Screen(terminal);
  for (const text of ["one", "two", "three"]) assert.equal(screen.draw(text), true);
  screen.leave();
  assert.equal(terminal.stdout, "");
  stalled[Symbol.dispose]();
  await terminal.flush();
  assert.match(terminal.stdout, /one/);
  assert.doesNotMatch(terminal.stdout, /two|three/);
  assert.ok(terminal.stdout.endsWith("\x1b[?1049l"));
});
