import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import type { CommandBody } from "../command.ts";
import { loadFor } from "../load_for_command.ts";

/** Shows the configuration as it is after all sources were merged; secrets stay hidden. */
export const show: CommandBody = async (context, _args, options) => {
  const loaded = await loadFor(context, [], options);
  if (options.json) context.output.printJson({ v: 1, path: loaded.path, config: loaded.shown() });
  else context.output.print(flatLines(loaded.shown()).join("\n"));
  return EXIT_CODES.ok;
};

/** Says where the value of a key comes from. */
export const explain: CommandBody = async (context, args, options) => {
  const { output } = context;
  const loaded = await loadFor(context, [], options);
  const explanation = await loaded.explain(args[0]);
  if (options.json) {
    output.printJson({ v: 1, ...explanation });
    return EXIT_CODES.ok;
  }
  const { key, value, source, overridden, note } = explanation;
  output.print(`${output.paint(key, "bold")} = ${valueText(value)}\n  from ${source}${note === undefined ? "" : `\n  ${note}`}`);
  for (const other of overridden) output.print(output.paint(`  overrides ${valueText(other.value)} from ${other.source}`, "dim"));
  return EXIT_CODES.ok;
};

/** Every key with its value, each a line of TOML. */
function flatLines(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${path} = ${valueText(value)}`];
  return Object.entries(value).flatMap(([key, child]) => {
    const name = /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
    return flatLines(child, path === "" ? name : `${path}.${name}`);
  });
}

function valueText(value: unknown): string {
  return value === undefined ? "(not set)" : JSON.stringify(value);
}
