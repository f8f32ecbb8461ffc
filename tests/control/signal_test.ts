import assert from "node:assert/strict";
import { parseSignal } from "../../src/control/signal.ts";
import { SIGNAL_NUMBERS, type SignalName } from "../../src/core/values/signal_name.ts";
import { test } from "../harness.ts";

test("parseSignal reads each signal by its name, its short name in any case, and its number", () => {
  for (const [name, number] of Object.entries(SIGNAL_NUMBERS) as [SignalName, number][]) {
    for (const text of [name, name.slice(3), name.toLowerCase(), name.slice(3).toLowerCase(), String(number)]) {
      assert.equal(parseSignal(text), name, text);
    }
  }
});

test("parseSignal refuses what is none, and names the nearest or all", () => {
  assert.throws(() => parseSignal("HUPP"), /current value is "HUPP"; did you mean HUP\?/);
  assert.throws(() => parseSignal("SIGTREM"), /current value is "SIGTREM"; did you mean TERM\?/);
  for (const text of ["", "0", "99", "-9", "1.0", "happiness"]) assert.throws(() => parseSignal(text), /those are HUP, INT, /, text);
});
