import fs from "node:fs";
import { IoError } from "../core/values/errors.ts";
import type { SpawnOptions } from "../core/ports/processes.ts";
import type { LibcCalls } from "./libc_calls.ts";

/**
 * Calls `launch` so that the program is in all groups of its user. The runtimes can start a program as another user, but in no group beside
 * the one that they are given; so this thread is that user for the moment of the launch.
 *
 * Where the C library can't be called, a user who is in other groups is refused: without his groups he is somebody else.
 */
export function launchAs<T>(
  { argv, uid, gid, user }: SpawnOptions,
  launch: (uid?: number, gid?: number) => T,
  calls: () => LibcCalls | string,
): T {
  if (user === undefined || uid === undefined || gid === undefined) return launch(uid, gid);
  const loaded = calls();
  if (typeof loaded === "string") {
    const others = groupsInFile(user);
    if (others.length === 0) return launch(uid, gid);
    throw new IoError(
      "SPAWN_DENIED",
      `Cannot start ${argv[0]} in the groups of its user as ${loaded}: current value of the user is ${user}, in ${others.join(", ")}`,
      { context: { argv, user } },
    );
  }
  const groups = loaded.groupsOf(user, gid);
  if (groups.every((group) => group === gid)) return launch(uid, gid);
  const launched = loaded.withCredentials({ uid, gid, groups }, () => launch());
  if (launched !== undefined) return launched.value;
  throw new IoError(
    "SPAWN_BAD_USER",
    `Cannot start ${argv[0]} as this process may not become uid ${uid}, gid ${gid} with groups ${groups}`,
    {
      context: { argv, uid, gid, groups },
    },
  );
}

/** Names of the groups that list a user. */
function groupsInFile(user: string): string[] {
  try {
    const entries = fs.readFileSync("/etc/group", "utf8").split("\n").map((line) => line.split(":"));
    return entries.filter(([, , , members = ""]) => members.split(",").includes(user)).map(([name]) => name);
  } catch {
    return []; // an image may come without
  }
}
