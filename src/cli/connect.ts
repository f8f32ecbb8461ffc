import { Client } from "./client.ts";
import type { CommandContext } from "./command.ts";
import { findDaemon, isAlive, type TargetOptions } from "./find.ts";

/** Finds the daemon that is meant and makes a client for it; says on stderr which one it is when nobody named it. */
export async function connect({ host, output, program, builder }: CommandContext, options: TargetOptions): Promise<Client> {
  const target = await findDaemon(host, options, builder?.config);
  if (target.isGuess) output.note(`using ${target.label}, the only daemon that runs`);
  return new Client(host, target, { program, isAlive: () => isAlive(target, host) });
}
