import { EXIT_CODES } from "../../core/exit_codes.ts";
import type { LogLine } from "../../core/operations.ts";
import type { CommandBody } from "../command.ts";
import { connect } from "../connect.ts";
import { CommandFailure } from "../failure.ts";
import { renderLine } from "../render.ts";

/** Shows what units printed. */
export const logs: CommandBody = async (context, names, options) => {
  const { output } = context;
  const { lines, follow = false, since, grep, json } = options;
  const client = await connect(context, options);
  let nameWidth = 0;
  const matched = await client.logs(names, { lines, follow, since, grep }, (line) => {
    if (json) return output.print(line);
    const record = JSON.parse(line) as LogLine | { dropped: number };
    if ("dropped" in record) return output.note(`${record.dropped} lines were dropped as they were not read fast enough`);
    nameWidth = Math.max(nameWidth, record.name.length);
    return output.print(renderLine(record, { paint: output.paint, nameWidth }));
  });
  if (names.length > 0 && matched === 0) {
    throw new CommandFailure(EXIT_CODES.nothingMatched, `Cannot show anything as no unit matches ${names.join(" ")}`);
  }
  return EXIT_CODES.ok;
};
