import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "../property.ts";
import { createProcessTable, parseStat } from "../../src/platform/process_table.ts";
import { test } from "../harness.ts";
import { until } from "../until.ts";

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

test("a look at the process table finds who starts another one and ends, again and again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dk-chain-"));
  const [script, count] = [join(folder, "chain"), join(folder, "count")];
  // Each link counts itself, and lives for milliseconds; the last one is that which finds the file gone.
  writeFileSync(
    script,
    `[ -e ${script} ] || exit 0\necho >>${count}\ni=0; while [ $i -lt 3000 ]; do i=$((i + 1)); done\n/bin/sh ${script} &\n`,
  );
  writeFileSync(count, "");
  const chain = spawn("/bin/sh", [script], { env: { CHAIN: folder }, stdio: "ignore", detached: true });
  const links = () => readFileSync(count, "utf8").length;
  try {
    await until(() => links() > 10);
    const table = createProcessTable();
    const missed = { census: 0, members: 0, groups: 0 };
    for (let look = 0; look < 40; look++) {
      if (!table.census(["CHAIN"]).some(({ env }) => env.CHAIN === folder)) missed.census++;
      if (table.members(chain.pid!).length === 0) missed.members++;
      if (!table.groups().has(chain.pid!)) missed.groups++;
    }
    // One who is faster than any look may get away once; it was nearly always.
    assert.ok(Object.values(missed).every((times) => times < 20), JSON.stringify(missed));
  } finally {
    rmSync(folder, { recursive: true });
    await until(() => createProcessTable().members(chain.pid!).length === 0);
  }
});
