import { EXIT_CODES } from "../../core/exit_codes.ts";
import type { CommandBody } from "../command.ts";
import { connect } from "../connect.ts";
import { CommandFailure } from "../failure.ts";
import { renderOutcomes } from "../render.ts";

/** Starts units, and what they come after. */
export const start: CommandBody = changeUnits("start", "starting");
/** Stops units, what comes after them first. */
export const stop: CommandBody = changeUnits("stop", "stopping");
/** Stops units and starts them again. */
export const restart: CommandBody = changeUnits("restart", "restarting");

function changeUnits(verb: "start" | "stop" | "restart", doing: string): CommandBody {
  return async (context, names, options) => {
    const { output } = context;
    const patterns = patternsOf(verb, names, options.all ?? false);
    const client = await connect(context, options);
    const answer = await output.waitFor(`${doing} ${patterns.join(" ")}`, client.command(verb, patterns, options.timeout));
    if (options.json) output.printJson(answer);
    if (answer.units.length === 0) {
      throw new CommandFailure(EXIT_CODES.nothingMatched, `Cannot ${verb} anything as no unit matches ${patterns.join(" ")}`);
    }
    if (!options.json) output.print(renderOutcomes(answer.units, { paint: output.paint }));
    if (answer.ok) return EXIT_CODES.ok;
    const isLate = answer.units.every((unit) => unit.ok || unit.outcome === "timed out");
    return isLate ? EXIT_CODES.timeout : EXIT_CODES.failed;
  };
}

function patternsOf(verb: string, names: readonly string[], isAll: boolean): readonly string[] {
  if (isAll && names.length > 0) {
    throw new CommandFailure(
      EXIT_CODES.usage,
      `Cannot ${verb} as --all and names exclude each other: current names are ${names.join(" ")}`,
    );
  }
  if (isAll) return ["*"];
  if (names.length > 0) return names;
  const hint = verb === "stop" ? "; to stop the daemon itself, use `down`" : "";
  throw new CommandFailure(EXIT_CODES.usage, `Cannot ${verb} as a NAME, a pattern or --all must say what${hint}`);
}
