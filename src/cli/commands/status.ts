import type { StatusAnswer } from "../../control/mod.ts";
import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import type { CommandBody } from "../command.ts";
import { connect } from "../connect.ts";
import { CommandFailure } from "../failure.ts";
import { renderStatus } from "../render.ts";

/** Shows the daemon and its units. */
export const status: CommandBody = async (context, names, options) => {
  const { output, host } = context;
  const client = await connect(context, options);
  const answer = await output.waitFor("waiting for the daemon", client.status(names));
  const isNothing = names.length > 0 && answer.units.length === 0;
  const render = (answer: StatusAnswer) =>
    renderStatus(answer, {
      paint: output.paint,
      program: context.program,
      nowMs: host.clock.wallMs(),
      ...(output.width ? { width: output.width } : {}),
    });
  if (options.watch && !isNothing) {
    const { watchStatus } = await import("../watch_status.ts");
    return await watchStatus(context, client, { first: answer, names, json: options.json ?? false, render });
  }
  if (options.json) output.printJson(answer);
  else if (!isNothing) output.print(render(answer));
  if (isNothing) throw new CommandFailure(EXIT_CODES.nothingMatched, `Cannot show anything as no unit matches ${names.join(" ")}`);
  return EXIT_CODES.ok;
};
