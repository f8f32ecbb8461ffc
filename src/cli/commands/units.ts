import type { OutcomesAnswer } from "../../control/mod.ts";
import { parseSignal } from "../../control/signal.ts";
import { messageOf } from "../../core/values/errors.ts";
import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import type { SignalName } from "../../core/values/signal_name.ts";
import type { UnitOutcome } from "../../core/supervise/operations.ts";
import type { CommandBody, CommandContext, CommandOptions } from "../command.ts";
import { connect } from "../connect.ts";
import { CommandFailure } from "../failure.ts";
import { renderOutcomes } from "../render.ts";

/** Starts units, and what they come after. */
export const start: CommandBody = changeUnits("start", "starting");
/** Stops units, what comes after them first. */
export const stop: CommandBody = changeUnits("stop", "stopping");
/** Stops units and starts them again. */
export const restart: CommandBody = changeUnits("restart", "restarting");

/** Sends a signal to the process groups of services. */
export const signal: CommandBody = async (context, [text, ...names], options) => {
  const name = signalOf(text);
  const patterns = patternsOf("signal", names, options.all ?? false);
  const client = await connect(context, options);
  return showOutcomes("signal", patterns, await client.signal(name, patterns), context, options);
};

function signalOf(text: string): SignalName {
  try {
    return parseSignal(text);
  } catch (error) {
    throw new CommandFailure(EXIT_CODES.usage, messageOf(error));
  }
}

/** Waits until units are ready, started or stopped; not longer than the daemon lets one wait who names no timeout. */
export const wait: CommandBody = async (context, names, options) => {
  const { output } = context;
  const { for: goal = "ready", timeout } = options;
  const client = await connect(context, options);
  const answer = await output.waitFor(`waiting for ${names.join(" ")}`, client.wait(names, goal, timeout));
  return showOutcomes("wait for", names, answer, context, options);
};

function changeUnits(verb: "start" | "stop" | "restart", doing: string): CommandBody {
  return async (context, names, options) => {
    const { output } = context;
    const patterns = patternsOf(verb, names, options.all ?? false);
    const client = await connect(context, options);
    const answer = await output.waitFor(`${doing} ${patterns.join(" ")}`, client.command(verb, patterns, options.timeout));
    return showOutcomes(verb, patterns, answer, context, options);
  };
}

/** Prints what became of each unit, and returns the exit code for it. */
function showOutcomes(
  verb: string,
  patterns: readonly string[],
  answer: OutcomesAnswer,
  { output }: CommandContext,
  { json }: CommandOptions,
): number {
  if (json) output.printJson(answer);
  if (answer.units.length === 0) {
    throw new CommandFailure(EXIT_CODES.nothingMatched, `Cannot ${verb} anything as no unit matches ${patterns.join(" ")}`);
  }
  if (!json) output.print(renderOutcomes(answer.units, { paint: output.paint }));
  return outcomesExitCode(answer.units);
}

/** The exit code for what became of units: 0, 124 where only their time ran out, else 1. */
export function outcomesExitCode(units: readonly UnitOutcome[]): number {
  const missed = units.filter(({ ok }) => !ok);
  if (missed.length === 0) return EXIT_CODES.ok;
  return missed.every(({ outcome }) => outcome === "timed out") ? EXIT_CODES.timeout : EXIT_CODES.failed;
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
  throw new CommandFailure(EXIT_CODES.usage, `Cannot ${verb} as no unit is named: give a NAME, a pattern or --all${hint}`);
}
