import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import type { UnitStatus } from "../../src/core/supervise/operations.ts";
import { isRunning, type Stage } from "./driver.ts";
import { until } from "../until.ts";

/** A unit as `status --json` shows it; what is known of a service beside it is `details`. */
export type UnitAnswer = Omit<UnitStatus, "details"> & {
  details: {
    pid: number | null;
    lastExit: { code: number | null; signal: string | null } | null;
    lastLines?: string[];
    probe?: string;
    spawnFailures: number;
    escaped?: number[];
  };
};

/** All units by name. */
export async function unitsOf(stage: Stage): Promise<Record<string, UnitAnswer>> {
  const { units } = JSON.parse(await statusOf(stage)) as { units: UnitAnswer[] };
  return Object.fromEntries(units.map((unit) => [unit.name, unit]));
}

/**
 * The answer that `status --json` shows, from its source: a test that asks again and again starts no program each time. With more daemons than one, or none
 * where they usually are, the command finds the one that is meant.
 */
async function statusOf(stage: Stage): Promise<string> {
  const root = join(stage.env.XDG_RUNTIME_DIR ?? "", "daemonkit");
  const sockets = existsSync(root)
    ? readdirSync(root).map((name) => join(root, name, "admin.sock")).filter((path) => existsSync(path))
    : [];
  if (sockets.length === 1) return await answerOf(sockets[0], "/v1/status");
  const { code, stdout, stderr } = await stage.cli("status", "--json");
  assert.equal(code, 0, stderr);
  return stdout;
}

/** The body of what a socket answers. */
async function answerOf(socketPath: string, path: string): Promise<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    request({ socketPath, path, agent: false, headers: { connection: "close" } }, resolve).on("error", reject).end()
  );
  const text = (await response.setEncoding("utf8").toArray()).join("");
  assert.equal(response.statusCode, 200, text);
  return text;
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
