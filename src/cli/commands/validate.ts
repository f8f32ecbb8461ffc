import { ConfigError } from "../../core/errors.ts";
import { EXIT_CODES } from "../../core/exit_codes.ts";
import type { CommandBody } from "../command.ts";
import { loadFor } from "../load.ts";

/** Checks a configuration file and lists every mistake. */
export const validate: CommandBody = async (context, args, options) => {
  const { host, output } = context;
  try {
    const { path, services, warnings } = await loadFor(context, args, options);
    const missing = services.flatMap(({ name, module }) =>
      module === undefined || host.files.info(module)?.kind === "file" ? [] : [{ name, module }]
    );
    if (missing.length > 0) {
      throw new ConfigError("CONFIG_INVALID", `Cannot use ${path} as files are missing`, {
        issues: missing.map(({ name, module }) => ({
          source: String(path),
          path: `service.${name}.module`,
          message: `expected a file, got nothing at ${JSON.stringify(module)}`,
        })),
      });
    }
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
