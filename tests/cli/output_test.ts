import assert from "node:assert/strict";
import { Output } from "../../src/cli/output.ts";
import { FakeClock } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { FakeMachine } from "./fake_host.ts";

const CLEAR = "\r\u001b[K";

/** A person at a terminal who waits for something. */
function fixture(columns = 80) {
  const clock = new FakeClock();
  const machine = new FakeMachine(clock);
  machine.terminalColumns = columns;
  const output = new Output(machine.host, "daemonkit");
  const work = Promise.withResolvers<void>();
  const wait = (what: string) => output.waitFor(what, work.promise);
  return { clock, machine, output, work, wait };
}

test("Output.waitFor takes its line away when Ctrl+C comes, and lets the process die of it", async () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const { clock, machine, work, wait } = fixture();
    const written = (): string => machine.err;
    const waiting = wait("stopping db");
    assert.equal(machine.signals.count(), 0, "before there is a line, nothing has to be taken away");
    await clock.advance(300);
    assert.equal(written(), `${CLEAR}- stopping db … 0s`);
    machine.signals.emit(signal);
    assert.equal(written(), `${CLEAR}- stopping db … 0s${CLEAR}`);
    assert.deepEqual(machine.killed, [`${signal} 100`]);
    assert.deepEqual([machine.signals.count(), clock.pendingTimers], [0, 0]);
    work.resolve();
    await waiting;
    assert.equal(written(), `${CLEAR}- stopping db … 0s${CLEAR}`, "and not a second time");
  }
});

test("Output.waitFor listens for no signal once it is over", async () => {
  const { clock, machine, work, wait } = fixture();
  const waiting = wait("stopping db");
  await clock.advance(300);
  assert.equal(machine.signals.count(), 3);
  work.reject(new Error("broken"));
  await assert.rejects(waiting, /broken/);
  assert.deepEqual([machine.signals.count(), clock.pendingTimers], [0, 0]);
});

test("Output.note stands in the place of the line that says what is waited for, which comes back below", async () => {
  const { clock, machine, output, work, wait } = fixture();
  const waiting = wait("starting shop");
  await clock.advance(300);
  output.note("it has died");
  await clock.advance(100);
  assert.equal(machine.err, `${CLEAR}- starting shop … 0s${CLEAR}daemonkit: it has died\n${CLEAR}\\ starting shop … 0s`);
  work.resolve();
  await waiting;
});

test("Output.waitFor keeps its line narrower than the terminal, as a wrapped one could not be taken away", async () => {
  const { clock, machine, work, wait } = fixture(20);
  const waiting = wait("stopping one two three four");
  await clock.advance(300);
  assert.equal(machine.err, `${CLEAR}- stopping one … 0s`);
  work.resolve();
  await waiting;
});

test("Output: whatever a text quotes, on a terminal or not, does no more than show", () => {
  const { machine, output } = fixture();
  const text = "x failed: \u001b]0;title\u0007\u001b[2J\u001b[31mno disk\u001b[0m\u001b\u0001[8m\u202e\r\u009bJ\u009b\u2028";
  const shown = "x failed: no disk\\u001b\\u0001[8m\\u202e\\u000d\\u009b\\u2028\n";
  for (const columns of [80, undefined]) {
    Object.assign(machine, { err: "", out: "", terminalColumns: columns });
    output.note(text);
    assert.equal(machine.err, `daemonkit: ${shown}`);
    if (columns === undefined) output.print(text);
    assert.equal(machine.out, columns === undefined ? shown : "");
  }
});

test("Output.print and writeError let our own styles through, and end them with the line", () => {
  const { machine, output } = fixture();
  const text = `${output.paint("ready", "green")} \u001b[8mhidden\u001b[31m\nnext\u001b[2K`;
  const shown = "\u001b[32mready\u001b[0m hidden\u001b[31m\u001b[0m\nnext";
  output.print(text);
  output.writeError(text);
  assert.deepEqual([machine.out, machine.err], [`${shown}\n`, shown]);
});

test("Output.printJson escapes what a terminal would heed, and means the same", () => {
  const { machine, output } = fixture();
  const data = { text: "a\u001b[2Jb\u009b2J\u007f" };
  output.printJson(data);
  output.printJsonText(JSON.stringify(data));
  assert.doesNotMatch(machine.out, /[^\n\x20-\x7e]/);
  const [pretty, line] = machine.out.split("}\n");
  assert.deepEqual([JSON.parse(`${pretty}}`), JSON.parse(`${line}}`)], [data, data]);
});
