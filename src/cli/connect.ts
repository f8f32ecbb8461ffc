import { EXIT_CODES } from "../core/values/exit_codes.ts";
import { guardiansOf, pauseOf, pauseText } from "../instance/guardian.ts";
import { Client } from "./client.ts";
import type { CommandContext } from "./command.ts";
import { CommandFailure } from "./failure.ts";
import { findDaemon, instanceOf, isAlive, type TargetOptions } from "./find.ts";

/**
 * Finds the daemon that is meant and makes a client for it; says on stderr which one it is when nobody named it.
 *
 * @throws {CommandFailure} with 3 if it has died and its guardian is about to start it again, unless that is fine.
 */
export async function connect(
  { host, output, program, builder }: CommandContext,
  options: TargetOptions,
  { isDeadFine = false }: { isDeadFine?: boolean } = {},
): Promise<Client> {
  const target = await findDaemon(host, options, builder?.config);
  if (target.isGuess) output.note(`using ${target.label}, the only daemon that runs`);
  const guardian = isDeadFine || isAlive(target, host) ? undefined : guardiansOf(target, host).at(0);
  if (guardian !== undefined) {
    throw new CommandFailure(
      EXIT_CODES.noDaemon,
      `Cannot reach ${target.label} at this moment as ${pauseText(guardian, pauseOf(guardian, host.files))}; let it do so at once with ` +
        `\`${program} up\`, or end it with \`${program} down\``,
    );
  }
  return new Client(host, target, { program, pid: () => instanceOf(target, host)?.pid });
}
