import { VERSION } from "../instance/version.ts";
import type { CommandContext } from "./command.ts";

/** Output of `version`: the program, daemonkit's version, and the runtime below. */
export function versionText({ host, program }: CommandContext): string {
  const own = `daemonkit ${VERSION} (${host.runtime})`;
  return program === "daemonkit" ? own : `${program}, ${own}`;
}
