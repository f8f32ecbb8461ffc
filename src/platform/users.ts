import fs from "node:fs";
import process from "node:process";
import { IoError } from "../core/values/errors.ts";
import type { UserInfo } from "../core/ports/processes.ts";

/** Looks a user up in /etc/passwd, then wherever else the system keeps users. */
export function findUser(nameOrUid: string | number): UserInfo {
  const [name, , uid, gid, , home] = findEntry("passwd", nameOrUid) ?? unknown("user", nameOrUid);
  return { uid: Number(uid), gid: Number(gid), name, home };
}

/** Looks a group up in /etc/group, then wherever else the system keeps groups. */
export function findGroup(nameOrGid: string | number): number {
  const [, , gid] = findEntry("group", nameOrGid) ?? unknown("group", nameOrGid);
  return Number(gid);
}

function unknown(kind: string, value: string | number): never {
  throw new IoError(
    "SPAWN_BAD_USER",
    `Cannot find the ${kind} as this system has none of that ${typeof value === "number" ? "number" : "name"}: current value is ${
      JSON.stringify(value)
    }`,
    {
      context: { [kind]: value },
    },
  );
}

/** The fields of an entry: name, password, number and more. A name is never taken for a number nor the reverse. */
function findEntry(database: "passwd" | "group", key: string | number): string[] | undefined {
  const isIt = (fields: string[]) => typeof key === "number" ? fields[2] === String(key) : fields[0] === key;
  return entriesOf(readDatabase(database)).find(isIt) ?? entriesOf(askSystem(database, key)).find(isIt);
}

function entriesOf(text: string): string[][] {
  return text.split("\n").map((line) => line.split(":")).filter((fields) => fields.length >= 4);
}

function readDatabase(database: string): string {
  try {
    return fs.readFileSync(`/etc/${database}`, "utf8");
  } catch {
    return ""; // an image may come without
  }
}

/** getent(1) also knows users of a directory service; where it is missing there are only those of the file. */
function askSystem(database: string, key: string | number): string {
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  return spawnSync("getent", ["--", database, String(key)], { encoding: "utf8", timeout: 5_000 }).stdout ?? "";
}
