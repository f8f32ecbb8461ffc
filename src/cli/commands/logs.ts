import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import type { LogLine } from "../../core/wire/line_block.ts";
import type { Dropped } from "../../core/wire/log_line.ts";
import type { CommandBody } from "../command.ts";
import { connect } from "../connect.ts";
import { CommandFailure } from "../failure.ts";
import { lineView } from "../line_view.ts";

/** Shows what units printed. */
export const logs: CommandBody = async (context, names, options) => {
  const { output, host } = context;
  const { lines, follow = false, since, grep, json } = options;
  const client = await connect(context, options);
  const isTerminal = output.width !== undefined && !json;
  // A person gets aligned names from the first line on, in the colours that they have in `run`.
  const units = isTerminal ? (await client.status(names)).units : [];
  const show = lineView({
    isTerminal,
    color: output.hasColor(1),
    names: units.map(({ name }) => name),
    nowMs: host.clock.wallMs(),
  });
  const onLine = (record: LogLine | Dropped) => {
    if (json) return output.printJsonText(JSON.stringify(record));
    if ("dropped" in record) return output.note(`${record.dropped} lines were dropped as they were not read fast enough`);
    return output.printLines(show(record));
  };
  const onCut = (keptFrom: string) => output.note(`not all lines from before ${keptFrom} are in memory any more; log files may have them`);
  const matched = await client.logs(names, { lines, follow, since, grep }, onLine, onCut);
  if (names.length > 0 && matched === 0) {
    throw new CommandFailure(EXIT_CODES.nothingMatched, `Cannot show anything as no unit matches ${names.join(" ")}`);
  }
  return EXIT_CODES.ok;
};
