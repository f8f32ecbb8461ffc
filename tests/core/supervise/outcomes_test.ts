import assert from "node:assert/strict";
import {
  type OutcomeFacts,
  outcomeOfRemoval,
  outcomeOfRestart,
  outcomeOfStart,
  outcomeOfStop,
} from "../../../src/core/supervise/outcomes.ts";
import { test } from "../../harness.ts";

const facts = (given: Partial<OutcomeFacts>): OutcomeFacts => ({
  path: "a",
  state: "running",
  reason: "because",
  hasRun: true,
  isOverdue: false,
  wasLate: false,
  stopFailure: undefined,
  words: {},
  isRemoved: false,
  run: 2,
  ...given,
});

test("outcomes of commands: what was done, or why not", () => {
  const rows: [{ outcome: string; ok: boolean; reason: string }, string, boolean, string][] = [
    [outcomeOfStart(facts({})), "started", true, ""],
    [outcomeOfStart(facts({}), true), "already running", true, ""],
    [outcomeOfStart(facts({ state: "completed", hasRun: false })), "completed", true, ""],
    [outcomeOfStart(facts({ state: "restarting", hasRun: false })), "failed", false, "because"],
    [outcomeOfStart(facts({ state: "restarting", hasRun: false, wasLate: true })), "timed out", false, "because"],
    [outcomeOfRestart(facts({}), 1), "restarted", true, ""],
    [outcomeOfRestart(facts({}), 2), "failed", false, "another command came between"],
    [outcomeOfRestart(facts({ state: "completed", hasRun: false }), 1), "completed", true, ""],
    [outcomeOfStop(facts({ state: "stopped", hasRun: false }), false), "stopped", true, ""],
    [outcomeOfStop(facts({ state: "stopped", hasRun: false }), true), "already stopped", true, ""],
    [
      outcomeOfStop(facts({ state: "stopped", hasRun: false, words: { left: "process 7 can't be killed" } }), true),
      "failed",
      false,
      "it was stopped before, but process 7 can't be killed",
    ],
    [outcomeOfStop(facts({ state: "stopped", hasRun: false }), false, "stopped with db"), "stopped", true, "stopped with db"],
    [outcomeOfStop(facts({ state: "stopping", isOverdue: true }), false), "timed out", false, "because"],
    [outcomeOfStop(facts({}), false), "failed", false, "another command started it again"],
    [outcomeOfRemoval(facts({ isRemoved: true, hasRun: false })), "removed", true, ""],
    [outcomeOfRemoval(facts({ isRemoved: true })), "timed out", false, "because"],
    [outcomeOfRemoval(facts({})), "failed", false, "it was added again meanwhile"],
  ];
  for (const [{ outcome, ok, reason }, ...wanted] of rows) assert.deepEqual([outcome, ok, reason], wanted);
});
