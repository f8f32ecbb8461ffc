import type { CommandBody } from "../command.ts";
import { connect } from "../connect.ts";
import { renderChanges, renderOutcomes } from "../render.ts";
import { outcomesExitCode } from "./units.ts";

/** Lets the daemon apply its changed configuration file, or say what that would do. */
export const reload: CommandBody = async (context, _args, options) => {
  const { output } = context;
  const { dryRun = false, timeout, json } = options;
  const client = await connect(context, options);
  const answer = await output.waitFor("reloading", client.reload({ dryRun, ...(timeout === undefined ? {} : { timeout }) }));
  if (json) output.printJson(answer);
  else {
    output.print(renderChanges(answer, { paint: output.paint }));
    if (answer.units.length > 0) output.print(`\n${renderOutcomes(answer.units, { paint: output.paint })}`);
  }
  return outcomesExitCode(answer.units);
};
