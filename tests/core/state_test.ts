import assert from "node:assert/strict";
import { nextState, type State, type StateInput, STATES, TRANSITIONS } from "../../src/core/state.ts";
import { test } from "../harness.ts";

const INPUTS = Object.keys(TRANSITIONS.stopped) as StateInput[];
const cells = STATES.flatMap((state) => INPUTS.map((input) => ({ state, input, cell: TRANSITIONS[state][input] })));

test("TRANSITIONS answers every state and input: a state, null, or a sentence that says why it can't happen", () => {
  assert.deepEqual(Object.keys(TRANSITIONS).sort(), [...STATES].sort());
  for (const state of STATES) assert.deepEqual(Object.keys(TRANSITIONS[state]).sort(), [...INPUTS].sort());
  for (const { state, input, cell } of cells) {
    if (cell === null) continue;
    if (typeof cell === "string") assert.ok(STATES.includes(cell), `${state} × ${input}`);
    else assert.match(cell.never, /^[a-z].{20,}[a-z]$/, `${state} × ${input}`);
  }
});

test("nextState follows the table, and throws the sentence where a cell can't happen", () => {
  for (const { state, input, cell } of cells) {
    if (cell === null) assert.equal(nextState(state, input), state);
    else if (typeof cell === "string") assert.equal(nextState(state, input), cell);
    else {assert.throws(() => nextState(state, input), {
        message: `Cannot apply "${input}" to a subsystem that is ${state} as ${cell.never}`,
      });}
  }
});

test("TRANSITIONS: every state can be reached from stopped, and stopped from every state", () => {
  const reachable = (from: State): Set<State> => {
    const seen = new Set([from]);
    for (const state of seen) {
      for (const { cell } of cells.filter((each) => each.state === state)) if (typeof cell === "string") seen.add(cell);
    }
    return seen;
  };
  assert.deepEqual([...reachable("stopped")].sort(), [...STATES].sort());
  for (const state of STATES) assert.ok(reachable(state).has("stopped"), state);
});

test("TRANSITIONS: a run begins only where none is, and a run that lives can always be told to stop", () => {
  const withRun: State[] = ["starting", "running", "stopping"];
  for (const { state, input, cell } of cells) {
    if (cell === "starting") assert.ok(input === "start" && !withRun.includes(state), `${state} × ${input}`);
    if (input === "stop" && withRun.includes(state)) assert.equal(nextState(state, input), "stopping");
    if (input === "stop" && !withRun.includes(state)) assert.ok(!withRun.includes(nextState(state, input)), state);
    if (input === "want") assert.ok(cell === null || cell === "waiting", state);
  }
});
