import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import type { UnitStatus } from "../../src/core/operations.ts";
import { isRunning, type Stage } from "./driver.ts";
import { until } from "../until.ts";

/** A unit as `status --json` shows it; what is known of a service beside it is `details`. */
export type UnitAnswer = Omit<UnitStatus, "details"> & {
  details: {
    pid: number | null;
    lastExit: { code: number | null; signal: string | null } | null;
    lastLines?: string[];
    spawnFailures: number;
    escaped?: number[];
  };
};

/** All units by name. */
export async function unitsOf(stage: Stage): Promise<Record<string, UnitAnswer>> {
  const { code, stdout, stderr } = await stage.cli("status", "--json");
  assert.equal(code, 0, stderr);
  return Object.fromEntries((JSON.parse(stdout).units as UnitAnswer[]).map((unit) => [unit.name, unit]));
}

/** Asks for the units until they are as they should be. */
export async function untilUnits(
  stage: Stage,
  isRight: (units: Record<string, UnitAnswer>) => boolean,
): Promise<Record<string, UnitAnswer>> {
  return await until(() => unitsOf(stage), { isRight });
}

/** Living members of the process group that the program with this number leads. */
export function groupOf(leader: number): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]) === leader && isRunning(pid);
    } catch {
      return false; // it has gone meanwhile
    }
  });
}
