import assert from "node:assert/strict";
import { STATES } from "../../src/core/supervise/state.ts";
import { test } from "../harness.ts";
import { ROOT } from "../tools/runtimes.ts";
import { sourcesOf } from "./circles.ts";

const WORD = `"(?:${STATES.join("|")})"`;
const OPERAND = String.raw`[\w.#?!]+(?:\(\))?`;
/** A comparison with the word for a state, a case of one, and a list of nothing but such words. */
const COMPARED = new RegExp(
  String.raw`(${OPERAND}) [!=]==? ${WORD}|${WORD} [!=]==? (${OPERAND})|\b(case) ${WORD}:|(\[)${WORD}(?:, ${WORD})*,?\s*\]`,
  "g",
);
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

/** Comparisons by literals, as file and what is compared there; `case` of a switch, `[` of a list. */
function comparisonsIn(sources: ReadonlyMap<string, string>): string[] {
  const found = [...sources].flatMap(([path, text]) =>
    [...text.replace(COMMENT, "").matchAll(COMPARED)].map(([, left, right, word, list]) => `${path}: ${left ?? right ?? word ?? list}`)
  );
  return [...new Set(found)].sort();
}

/** Comparisons of something else that has a word in common with the states, each with its reason. */
const OTHERS: Readonly<Record<string, string>> = {
  "src/cli/commands/down.ts: how": "the words of an answer",
  "src/cli/commands/up.ts: status.state": "the state of a daemon, not of a unit",
  "src/cli/render.ts: status.state": "the state of a daemon, not of a unit",
  "src/control/health.ts: state": "the state of a daemon, not of a unit",
  "src/control/routes/daemon.ts: [": "the states of a daemon, not of a unit",
  "src/core/supervise/answer_shapes.ts: [": "the states of a daemon, not of a unit",
  "src/core/supervise/nested_supervisor.ts: how.kind": "how a supervisor ended",
  "src/core/supervise/step.ts: case": "the table of phases itself",
  "src/core/supervise/step.ts: name": "the table of phases itself",
  "src/core/supervise/supervisor.ts: case": "phases of a unit, which are more exact than its state",
  "src/core/supervise/supervisor.ts: name": "phases of a unit, which are more exact than its state",
  "src/core/supervise/supervisor.ts: phase.name": "phases of a unit, which are more exact than its state",
  "src/core/supervise/supervisor.ts: from.phase.name": "phases of a unit, which are more exact than its state",
  "src/core/supervise/supervisor.ts: at.phase.name": "phases of a unit, which are more exact than its state",
  "src/core/supervise/supervisor.ts: unit.phase.name": "phases of a unit, which are more exact than its state",
  "src/core/supervise/supervisor.ts: this.#phase": "the life of a supervisor",
  "src/core/supervise/unit.ts: name": "phases of a unit, which are more exact than its state",
  "src/daemon/operations.ts: session.phase": "the life of a daemon",
  "src/daemon/reload_requests.ts: session.phase": "the life of a daemon",
  "src/daemon/session.ts: this.#phase": "the life of a daemon",
  "src/record/until_there.ts: goal": "the goal of a wait",
  "src/service/process_group.ts: this.#stage": "the life of a process group",
};

const CASES: [code: string, found: string[]][] = [
  [`if (unit.state === "running") go();`, ["a.ts: unit.state"]],
  [`if ("failed" !== state) go();`, ["a.ts: state"]],
  [`switch (state) { case "skipped": go(); }`, ["a.ts: case"]],
  [`const UP = ["starting", "running"];`, ["a.ts: ["]],
  [`const GOALS = ["ready", "started", "stopped"];`, []],
  [`log.info("running");`, []],
  [`if (isRunningState(state)) go();`, []],
  [`const STYLES: Record<State, Style> = { running: "green" };`, []],
  [`/** whether state === "running" */`, []],
];

for (const [code, found] of CASES) {
  test(`states: ${code}`, () => assert.deepEqual(comparisonsIn(new Map([["a.ts", code]])), found));
}

test("states are compared by the facts of their table alone, so that a new one has to say all of them", () => {
  assert.deepEqual(comparisonsIn(sourcesOf(ROOT)), Object.keys(OTHERS).sort());
});
