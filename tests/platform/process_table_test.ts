import assert from "node:assert/strict";
import fc from "../property.ts";
import { parseStat } from "../../src/platform/process_table.ts";
import { test } from "../harness.ts";

/** A line of /proc/PID/stat; field 3 is the state, 4 the parent, 5 the group, 20 the threads, 22 the start. */
function line(name: string, state: string, threads: number): string {
  return `42 (${name}) ${state} 1 77 77 0 -1 4194304 53 0 0 0 0 0 0 0 20 0 ${threads} 0 282490 2703360 284 0\n`;
}

test("parseStat: whatever the name of the program holds, the fields after it are found", () => {
  fc.assert(fc.property(fc.string(), (name) => {
    assert.deepEqual(parseStat(line(name, "S", 1)), { name, parent: 1, pgid: 77, session: 77, startTicks: 282_490, isAlive: true });
  }));
});

test("parseStat: zombies and the dead are not alive, a program whose first thread has ended is", () => {
  for (const state of ["R", "S", "D", "T", "t", "I"]) assert.ok(parseStat(line("a", state, 1)).isAlive, state);
  for (const state of ["Z", "X", "x"]) assert.ok(!parseStat(line("a", state, 1)).isAlive, state);
  assert.ok(parseStat(line("a", "Z", 2)).isAlive);
});
