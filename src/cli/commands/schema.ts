import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import { configJsonSchema } from "../../settings/load_sources.ts";
import type { CommandBody } from "../command.ts";

/** Prints the JSON Schema of daemon.toml. */
export const schema: CommandBody = async ({ output }) => {
  output.printJson(await configJsonSchema());
  return EXIT_CODES.ok;
};
