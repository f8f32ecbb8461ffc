import { EXIT_CODES } from "../../core/exit_codes.ts";
import { configJsonSchema } from "../../daemon/load.ts";
import type { CommandBody } from "../command.ts";

/** Prints the JSON Schema of daemon.toml. */
export const schema: CommandBody = async ({ output }) => {
  output.printJson(await configJsonSchema());
  return EXIT_CODES.ok;
};
