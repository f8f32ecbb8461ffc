import assert from "node:assert/strict";
import { LaunchTurns } from "../../src/platform/launch_turns.ts";
import { test } from "../harness.ts";

/** Turns of a loop that the test turns itself, in which each launch takes its time. */
class Loop {
  readonly launched: string[] = [];
  readonly turns: LaunchTurns;
  #nowMs = 0;
  #due: (() => void)[] = [];

  constructor() {
    this.turns = new LaunchTurns({
      nowMs: () => this.#nowMs,
      schedule: (_delayMs, fn) => {
        this.#due.push(fn);
        return { [Symbol.dispose]() {} };
      },
    });
  }

  launch(name: string, ms: number, options: { isUrgent?: boolean; signal?: AbortSignal } = {}): Promise<string> {
    return this.turns.take(() => {
      this.#nowMs += ms;
      this.launched.push(name);
      return ms === 0 ? Promise.reject(new Error(name)) : Promise.resolve(name);
    }, options);
  }

  /** Lets timers have their turn; returns what was launched in it. */
  async turn(): Promise<string[]> {
    const due = this.#due;
    this.#due = [];
    for (const fn of due) fn();
    await this.settle();
    return this.launched.splice(0);
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await undefined;
  }
}

test("LaunchTurns launches at once as long as a turn of the loop has time, and the others turn by turn, in order", async () => {
  const loop = new Loop();
  const all = ["a", "b", "c", "d", "e", "f"].map((name) => loop.launch(name, 4));
  assert.deepEqual(loop.launched, ["a", "b", "c"]);
  await loop.settle();
  assert.deepEqual(loop.launched.splice(0), ["a", "b", "c"]);
  assert.deepEqual(await loop.turn(), ["d", "e", "f"]);
  assert.deepEqual(await Promise.all(all), ["a", "b", "c", "d", "e", "f"]);
  // One that takes long has a turn of its own.
  const slow = ["g", "h"].map((name) => loop.launch(name, 1_000));
  assert.deepEqual([await loop.turn(), await loop.turn()], [["g"], ["h"]]);
  await Promise.all(slow);
});

test("LaunchTurns: urgent ones come first, who gives up is not launched, and a failure keeps nobody", async () => {
  const loop = new Loop();
  void loop.launch("first", 20);
  const patience = new AbortController();
  const given = loop.launch("given up", 1, { signal: patience.signal });
  const failed = loop.launch("failed", 0);
  const [waiting, urgent] = [loop.launch("waiting", 1), loop.launch("urgent", 1, { isUrgent: true })];
  patience.abort("enough");
  await assert.rejects(given, (reason) => reason === "enough");
  failed.catch(() => {});
  loop.launched.length = 0;
  assert.deepEqual(await loop.turn(), ["urgent", "failed", "waiting"]);
  await assert.rejects(failed, /failed/);
  assert.deepEqual(await Promise.all([waiting, urgent]), ["waiting", "urgent"]);
  await assert.rejects(loop.launch("late", 1, { signal: patience.signal }), (reason) => reason === "enough");
});
