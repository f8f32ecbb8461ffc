import { DaemonBuilder } from "../daemon/daemon.ts";
import { getHost } from "../platform/mod.ts";
import { main } from "./main.ts";

/** Options of {@linkcode runCli}. */
export interface RunCliOptions {
  /** Name of the program in help and messages. @default {"daemonkit"} */
  program?: string;
}

/**
 * Carries out a command line as the executable does, and returns the exit code: `run`, `status`, `stop`, `logs` and the others.
 *
 * - With a builder, `run` runs that daemon instead of a file, so that a program of your own gets the same commands.
 * - Without `args` it takes those of the process.
 * - It prints, and does not exit: whoever calls it does.
 *
 * @example A question for the version
 * ```ts
 * import { runCli } from "@daemonkit/daemonkit/cli";
 * import assert from "node:assert/strict";
 *
 * assert.equal(await runCli(["version"]), 0);
 * ```
 */
export function runCli(args?: readonly string[], options?: RunCliOptions): Promise<number>;
/** Carries out a command line for a daemon of your own. */
export function runCli(builder: DaemonBuilder, args?: readonly string[], options?: RunCliOptions): Promise<number>;
export async function runCli(
  first?: DaemonBuilder | readonly string[],
  second?: readonly string[] | RunCliOptions,
  third?: RunCliOptions,
): Promise<number> {
  const host = await getHost();
  if (first instanceof DaemonBuilder) {
    const { program } = third ?? {};
    return await main(second as readonly string[] ?? host.ownProcess.args, {
      host,
      builder: first,
      ...(program === undefined ? {} : { program }),
    });
  }
  const { program } = second as RunCliOptions ?? {};
  return await main(first ?? host.ownProcess.args, { host, ...(program === undefined ? {} : { program }) });
}
