import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import { PROTOCOL, VERSION } from "../../instance/version.ts";
import type { CommandBody } from "../command.ts";
import { versionText } from "../version_text.ts";

/** Prints the version. */
export const version: CommandBody = (context, _args, { json }) => {
  const { output, host } = context;
  if (json) output.printJson({ v: 1, version: VERSION, protocol: PROTOCOL, runtime: host.runtime });
  else output.print(versionText(context));
  return Promise.resolve(EXIT_CODES.ok);
};
