import { EXIT_CODES } from "../../core/exit_codes.ts";
import { PROTOCOL, VERSION } from "../../daemon/version.ts";
import type { CommandBody } from "../command.ts";

/** Prints the version. */
export const version: CommandBody = ({ host, output, program }, _args, { json }) => {
  if (json) output.printJson({ v: 1, version: VERSION, protocol: PROTOCOL, runtime: host.runtime });
  else {output.print(
      program === "daemonkit" ? `daemonkit ${VERSION} (${host.runtime})` : `${program}, daemonkit ${VERSION} (${host.runtime})`,
    );}
  return Promise.resolve(EXIT_CODES.ok);
};
