import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import type { CommandBody } from "../command.ts";
import { connect } from "../connect.ts";
import { ownerOf, renderEvent } from "../render.ts";

/** Shows what happened in the daemon, as far back as it remembers. */
export const events: CommandBody = async (context, _args, options) => {
  const { output } = context;
  const { follow = false, json } = options;
  const client = await connect(context, options);
  let nameWidth = 0;
  await client.pastEvents({ follow }, (event) => {
    if (json) return output.printJsonText(JSON.stringify(event));
    if ("dropped" in event) return output.note(`${event.dropped} events were dropped as they were not read fast enough`);
    nameWidth = Math.max(nameWidth, ownerOf(event).length);
    return output.print(renderEvent(event, { paint: output.paint, nameWidth }));
  });
  return EXIT_CODES.ok;
};
