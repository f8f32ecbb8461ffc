import { ConfigError } from "../../core/values/errors.ts";
import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import type { CommandBody } from "../command.ts";
import { loadFor, refuseUnmetFor } from "../load_for_command.ts";

/** Checks a configuration file and what it names on this machine, and lists every mistake. */
export const validate: CommandBody = async (context, args, options) => {
  const { output } = context;
  try {
    const loaded = await loadFor(context, args, options);
    const { path, services } = loaded;
    const warnings = [...loaded.warnings, ...options.fileOnly ? [] : await refuseUnmetFor(context, loaded)];
    const names = services.map((service) => service.name);
    if (options.json) output.printJson({ v: 1, valid: true, path, services: names, warnings });
    else output.print(`${path} is ${output.paint("valid", "green")}: ${names.length === 1 ? "1 service" : `${names.length} services`}`);
    return EXIT_CODES.ok;
  } catch (error) {
    if (!options.json || !(error instanceof ConfigError)) throw error;
    output.printJson({ v: 1, valid: false, code: error.code, message: error.message.split("\n")[0], issues: error.issues });
    return EXIT_CODES.config;
  }
};
