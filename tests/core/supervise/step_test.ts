import assert from "node:assert/strict";
import { STATES } from "../../../src/core/supervise/state.ts";
import {
  afterEnd,
  hasRunIn,
  IDLE,
  type Phase,
  type PhaseName,
  step,
  type StepInput,
  STEPS,
  type StopWhy,
} from "../../../src/core/supervise/step.ts";
import { test } from "../../harness.ts";

const NAMES = Object.keys(STEPS) as PhaseName[];
const INPUTS = Object.keys(STEPS.idle) as StepInput[];
const cells = NAMES.flatMap((name) => INPUTS.map((input) => ({ name, input, cell: STEPS[name][input] })));
const phase = (name: PhaseName, why?: StopWhy): Phase => ({ name, state: "running", why, askedMs: undefined });

test("STEPS answers every phase and input: a phase, null, or a sentence that says why it can't happen", () => {
  for (const name of NAMES) assert.deepEqual(Object.keys(STEPS[name]).sort(), [...INPUTS].sort());
  for (const { name, input, cell } of cells) {
    if (cell === null) continue;
    if (typeof cell === "string") assert.ok(NAMES.includes(cell), `${name} × ${input}`);
    else assert.match(cell.never, /^[a-z].{20,}[a-z]$/, `${name} × ${input}`);
  }
});

test("step follows the table, and throws the sentence where a cell can't happen", () => {
  for (const { name, input, cell } of cells) {
    if (cell === null) assert.equal(step(phase(name), input).name, name);
    else if (typeof cell === "string") assert.equal(step(phase(name), input).name, cell);
    else assert.throws(() => step(phase(name), input), { message: `Cannot apply "${input}" to a unit that is ${name} as ${cell.never}` });
  }
});

test("STEPS: a run begins only where none is, a run that lives can always be asked to stop, and every phase is reached", () => {
  const reached = new Set<PhaseName>(["idle"]);
  for (const from of reached) for (const { name, cell } of cells) if (name === from && typeof cell === "string") reached.add(cell);
  assert.deepEqual([...reached].sort(), [...NAMES].sort());
  for (const { name, input, cell } of cells) {
    if (input === "start" && typeof cell === "string") assert.ok(!hasRunIn(phase(name)), name);
    if (input === "ask" && hasRunIn(phase(name))) assert.ok(["queued", "stopping", "overdue"].includes(String(cell)), name);
    if (input === "ask" && !hasRunIn(phase(name)) && typeof cell === "string") assert.equal(cell, "idle");
  }
});

test("step: what everybody sees of a phase is a state, and a run that waits for its turn is seen as it was", () => {
  const running = step(step(step(IDLE, "want"), "start"), "ready");
  const queued = step(running, "ask", { why: "with" });
  assert.deepEqual([queued.state, queued.why], ["running", "with"]);
  assert.equal(step(queued, "spare").name, "running");
  const stopping = step(queued, "tell", { nowMs: 7 });
  assert.deepEqual([stopping.state, stopping.why, stopping.askedMs], ["stopping", "with", 7]);
  assert.deepEqual(["stopping", "fatal"], [false, true].map((isParked) => step(stopping, "late", { isParked }).state));
  const other = step(stopping, "ask", { why: "restart", nowMs: 9 });
  assert.deepEqual([other.why, other.askedMs], ["restart", 7]);
  for (const state of [running, queued, stopping].map(({ state }) => state)) assert.ok(STATES.includes(state));
});

test("afterEnd: who is not wanted stays down, who stopped with another waits for it, and only an end of its own is judged", () => {
  const rows: [Phase, string][] = [
    [phase("running"), "judge"],
    [phase("starting"), "judge"],
    [phase("closing", "end"), "judge"],
    [phase("stopping", "late"), "judge"],
    [phase("overdue", "end"), "judge"],
    [phase("stopping", "with"), "held"],
    [phase("queued", "with"), "held"],
    [phase("stopping", "restart"), "again"],
    [phase("stopping", "group"), "again"],
    [phase("queued", "change"), "again"],
    [phase("stopping", "down"), "again"],
  ];
  for (const [from, wanted] of rows) {
    assert.equal(afterEnd(from, true), wanted, `${from.name} ${from.why}`);
    assert.equal(afterEnd(from, false), "down");
  }
});
