import assert from "node:assert/strict";
import { IoError } from "../../src/core/values/errors.ts";
import type { ChildProcess, Processes, ProcessIdentity, RunProcess } from "../../src/core/ports/processes.ts";
import type { ExitStatus } from "../../src/core/values/exit_status.ts";
import type { SignalName } from "../../src/core/values/signal_name.ts";
import { Neighbours } from "../../src/service/neighbours.ts";
import { type AskToStop, ProcessGroup } from "../../src/service/process_group.ts";
import type { KillMode } from "../../src/core/values/kill_mode.ts";
import { FakeClock, FakeSockets } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

const LEADER = 100;

const memberOf = (pid: number): RunProcess => ({
  identity: { pid, startTicks: 1, bootId: "" },
  name: "sleep",
  group: LEADER,
  session: LEADER,
});

/** A group whose members live until a signal takes them, and what was sent to whom. */
class Rig {
  readonly clock = new FakeClock();
  readonly sent: string[] = [];
  readonly troubles: string[] = [];
  readonly looks: number[] = [];
  readonly group: ProcessGroup;
  members: number[] = [LEADER, 101, 102];
  /** Called for each signal; takes members away. */
  onSignal: (signal: SignalName) => void = () => {};
  #exit: (status: ExitStatus) => void = () => {};

  constructor(
    public killMode: KillMode = "group",
    stopCommand?: AskToStop,
    kin?: (rig: Rig) => readonly RunProcess[],
  ) {
    const mode = () => this.killMode;
    const exited = new Promise<ExitStatus>((resolve) => this.#exit = resolve);
    const send = (to: string, signal: SignalName): boolean => {
      this.sent.push(`${signal} ${to} @${this.clock.nowMs() - 1_000}`);
      this.onSignal(signal);
      return true;
    };
    const processes = {
      signal: (pid: number, signal: SignalName) => send(pid === LEADER ? "leader" : String(pid), signal),
      signalGroup: (_pgid: number, signal: SignalName) => send("group", signal),
      isAlive: ({ pid }: ProcessIdentity) => pid !== LEADER || this.members.includes(LEADER),
      livingGroups: (pgids: number[]) => {
        this.looks.push(this.clock.nowMs() - 1_000);
        return new Set(this.members.length > 0 ? pgids : []);
      },
    } as unknown as Processes;
    const child = { identity: { pid: LEADER, startTicks: 1, bootId: "" }, exited } as ChildProcess;
    const onTrouble = (message: string) => void this.troubles.push(message);
    this.group = new ProcessGroup(child, {
      processes,
      neighbours: new Neighbours({ processes, clock: this.clock, sockets: new FakeSockets() }),
      clock: this.clock,
      ...(stopCommand === undefined ? {} : { stopCommand }),
      ...(kin === undefined ? {} : { kin: () => Promise.resolve(kin(this)) }),
      stopSignal: "SIGTERM",
      stopTimeoutMs: 1_000,
      get killMode() {
        return mode();
      },
      onTrouble,
    });
  }

  leave(...pids: number[]): void {
    this.leaveUnheard(...pids);
    if (pids.includes(LEADER)) this.hear();
  }

  /** The same, but the leader's end is not heard of yet. */
  leaveUnheard(...pids: number[]): void {
    this.members = this.members.filter((pid) => !pids.includes(pid));
  }

  hear(): void {
    this.#exit({ code: 0, signal: null });
  }
}

test("ProcessGroup: an end by itself with an empty group needs no signal and no timer", async () => {
  const rig = new Rig();
  const ended = rig.group.ended();
  rig.leave(LEADER, 101, 102);
  assert.deepEqual(await ended, { code: 0, signal: null });
  assert.deepEqual([rig.sent, rig.clock.pendingTimers], [[], 0]);
});

test("ProcessGroup: stop asks once, kill follows once at the timeout, whatever is called again", async () => {
  const rig = new Rig();
  const ended = rig.group.ended();
  rig.onSignal = (signal) => signal === "SIGKILL" && rig.leave(...rig.members);
  rig.group.stop();
  rig.group.stop();
  await rig.clock.advance(999);
  assert.deepEqual(rig.sent, ["SIGTERM group @0", "SIGCONT group @0"]);
  await rig.clock.advance(1);
  await ended;
  rig.group.stop();
  rig.group.kill();
  assert.deepEqual(rig.sent.slice(2), ["SIGKILL group @1000"]);
  assert.deepEqual(rig.troubles, ["did not stop in time and is killed"]);
  assert.equal(rig.clock.pendingTimers, 0);
});

test("ProcessGroup: kill does not wait, and a later stop changes nothing", async () => {
  const rig = new Rig();
  const ended = rig.group.ended();
  rig.onSignal = () => rig.leave(...rig.members);
  rig.group.kill();
  rig.group.stop();
  await ended;
  assert.deepEqual(rig.sent, ["SIGKILL group @0"]);
  assert.equal(rig.clock.pendingTimers, 0);
});

test("ProcessGroup: a stop that works leaves no timer", async () => {
  const rig = new Rig();
  const ended = rig.group.ended();
  rig.onSignal = () => rig.leave(...rig.members);
  rig.group.stop();
  await ended;
  assert.equal(rig.clock.pendingTimers, 0);
});

test("ProcessGroup: members that outlive the leader are asked, then killed until the last is gone", async () => {
  const rig = new Rig();
  let kills = 0;
  rig.onSignal = (signal) => signal === "SIGKILL" && ++kills === 2 && rig.leave(101, 102);
  let isOver = false;
  const ended = rig.group.ended().then(() => isOver = true);
  rig.leave(LEADER);
  await rig.clock.advance(999);
  assert.deepEqual(rig.sent, ["SIGTERM group @0", "SIGCONT group @0"]);
  assert.equal(isOver, false);
  await rig.clock.advance(100);
  await ended;
  assert.equal(rig.sent[2], "SIGKILL group @1000");
  assert.equal(rig.sent.length, 4);
  assert.equal(rig.clock.pendingTimers, 0);
});

test("ProcessGroup: who has left the group is killed before anybody gives up on him, however long the group took to be empty", async () => {
  const escapee: RunProcess = { identity: { pid: 200, startTicks: 1, bootId: "" }, session: 200, group: 200, name: "escapee" };
  let isLeft = true;
  const rig = new Rig("all", undefined, () => isLeft ? [escapee] : []);
  const ended = rig.group.ended();
  rig.group.kill();
  // A busy machine lets the killed wait before they go.
  await rig.clock.advance(5_000);
  rig.onSignal = (signal) => void (signal === "SIGKILL" && (isLeft = false));
  rig.leave(...rig.members);
  await rig.clock.advance(100);
  await ended;
  assert.deepEqual([rig.sent.filter((sent) => sent.startsWith("SIGKILL")).length, rig.group.survivors], [2, []]);
});

test("ProcessGroup: who has gone in time is not killed when that is heard of late; who was left behind is, once he is found", async () => {
  for (const left of [[], [101]]) {
    const rig = new Rig();
    const ended = rig.group.ended();
    rig.onSignal = (signal) => signal === "SIGKILL" && rig.leave(...rig.members);
    rig.group.stop();
    rig.leaveUnheard(...rig.members.filter((pid) => !left.includes(pid)));
    await rig.clock.advance(3_000);
    assert.deepEqual(rig.sent, ["SIGTERM group @0", "SIGCONT group @0"]);
    rig.hear();
    await rig.clock.advance(5);
    assert.deepEqual(await ended, { code: 0, signal: null });
    assert.deepEqual(rig.sent.slice(2, 3), left.length === 0 ? [] : ["SIGKILL group @3000"]);
    assert.deepEqual(rig.troubles, left.length === 0 ? [] : ["did not stop in time and is killed"]);
    assert.equal(rig.clock.pendingTimers, 0);
  }
});

test("ProcessGroup: the group is looked at more and more seldom", async () => {
  const rig = new Rig();
  const ended = rig.group.ended();
  rig.leave(LEADER);
  await rig.clock.advance(190);
  assert.deepEqual(rig.looks, [0, 5, 15, 35, 75, 125, 175]);
  rig.leave(101, 102);
  await rig.clock.advance(50);
  await ended;
});

test("ProcessGroup: in process mode only the leader is told, and its helpers are not waited for", async () => {
  const rig = new Rig("process");
  const ended = rig.group.ended();
  rig.onSignal = (signal) => signal === "SIGKILL" && rig.leave(LEADER);
  rig.group.stop();
  await rig.clock.advance(1_000);
  await ended;
  assert.deepEqual(rig.sent, ["SIGTERM leader @0", "SIGCONT leader @0", "SIGKILL leader @1000"]);
  assert.deepEqual(rig.members, [101, 102]);
});

test("ProcessGroup: helpers that are to live on from now on are not waited for any more", async () => {
  const rig = new Rig();
  let isOver = false;
  void rig.group.ended().then(() => isOver = true);
  rig.group.stop();
  rig.leave(LEADER);
  await rig.clock.advance(5);
  rig.killMode = "process";
  await rig.clock.advance(10_000);
  assert.deepEqual([isOver, rig.sent, rig.members], [true, ["SIGTERM group @0", "SIGCONT group @0"], [101, 102]]);
  assert.equal(rig.clock.pendingTimers, 0);
});

test("ProcessGroup: no number is signalled that may belong to somebody else by now", () => {
  const rig = new Rig("process");
  rig.members = [];
  rig.group.stop();
  rig.group.kill();
  assert.deepEqual([rig.sent, rig.clock.pendingTimers], [[], 0]);
});

test("ProcessGroup: a refused signal is reported, and the end is still awaited", async () => {
  const rig = new Rig();
  const ended = rig.group.ended();
  rig.onSignal = () => {
    throw new IoError("IO_DENIED", "Cannot signal");
  };
  rig.group.stop();
  assert.deepEqual(rig.troubles, ["could not be sent SIGTERM", "could not be sent SIGCONT"]);
  rig.leave(LEADER, 101, 102);
  await ended;
  assert.equal(rig.clock.pendingTimers, 0);
});

/** A stop command in the hands of a test. */
class Asking implements AskToStop {
  readonly calls: string[] = [];
  readonly answer = Promise.withResolvers<boolean>();

  ask(leader: number): Promise<boolean> {
    this.calls.push(`ask ${leader}`);
    return this.answer.promise;
  }

  kill(): void {
    this.calls.push("kill");
    this.answer.resolve(false);
  }
}

test("ProcessGroup: a stop command asks in place of the signal, once", async () => {
  const asking = new Asking();
  const rig = new Rig("group", asking);
  const ended = rig.group.ended();
  rig.group.stop();
  rig.group.stop();
  rig.leave(LEADER, 101, 102);
  asking.answer.resolve(true);
  await ended;
  assert.deepEqual([asking.calls, rig.sent, rig.clock.pendingTimers], [[`ask ${LEADER}`], [], 0]);
});

test("ProcessGroup: what the leader leaves behind gets the signal, after a stop command and without one", async () => {
  const asking = new Asking();
  const rig = new Rig("group", asking);
  rig.onSignal = (signal) => signal === "SIGTERM" && rig.leave(101, 102);
  const ended = rig.group.ended();
  rig.group.stop();
  asking.answer.resolve(true);
  rig.leave(LEADER);
  await rig.clock.advance(5);
  await ended;
  assert.deepEqual(rig.sent, ["SIGTERM group @0", "SIGCONT group @0"]);
});

test("ProcessGroup: the signal follows when the stop command fails or the daemon loses patience, and once", async () => {
  for (const hurries of [false, true]) {
    const asking = new Asking();
    const rig = new Rig("group", asking);
    const ended = rig.group.ended();
    rig.group.stop();
    await rig.clock.advance(100);
    if (hurries) rig.group.hurry();
    asking.answer.resolve(false);
    await rig.clock.advance(100);
    assert.deepEqual(rig.sent, [`SIGTERM group @100`, `SIGCONT group @100`]);
    rig.leave(LEADER, 101, 102);
    await ended;
  }
});

test("ProcessGroup: at the timeout the group and its stop command are killed, and the end waits for both", async () => {
  const asking = new Asking();
  const rig = new Rig("group", asking);
  rig.onSignal = (signal) => signal === "SIGKILL" && rig.leave(...rig.members);
  const ended = rig.group.ended();
  rig.group.stop();
  await rig.clock.advance(1_000);
  await ended;
  assert.deepEqual([asking.calls, rig.sent], [[`ask ${LEADER}`, "kill"], ["SIGKILL group @1000"]]);
});

test("ProcessGroup: a stop command that outlives the group is killed on order, and the group's number is left alone", async () => {
  const asking = new Asking();
  const rig = new Rig("group", asking);
  const ended = rig.group.ended();
  rig.group.stop();
  rig.leave(LEADER, 101, 102);
  await rig.clock.advance(10);
  rig.group.kill();
  await ended;
  assert.deepEqual([asking.calls, rig.sent], [[`ask ${LEADER}`, "kill"], []]);
});

test("ProcessGroup: who refuses SIGKILL, as he became another user, is a survivor after a time, and is told of once", async () => {
  const rig = new Rig("group", undefined, ({ members }) => members.map(memberOf));
  const ended = rig.group.ended();
  rig.onSignal = (signal) => {
    if (signal === "SIGTERM") rig.leave(LEADER, 101);
    if (signal === "SIGKILL") throw new IoError("IO_DENIED", "Cannot send SIGKILL as the system does not permit it");
  };
  rig.group.stop();
  await rig.clock.advance(2_000);
  await ended;
  assert.deepEqual(rig.group.survivors.map(({ identity }) => identity.pid), [102]);
  assert.deepEqual(rig.troubles, ["could not be sent SIGKILL", "did not stop in time and is killed"]);
  assert.equal(rig.clock.pendingTimers, 0);
});
