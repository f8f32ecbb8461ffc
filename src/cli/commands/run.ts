import { ConfigError, isDaemonError, messageOf } from "../../core/values/errors.ts";
import { survivorsText } from "../../core/supervise/event.ts";
import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import { Daemon } from "../../daemon/daemon.ts";
import type { ExitReport } from "../../daemon/exit_report.ts";
import { isInBackground } from "../../instance/guardian.ts";
import type { CommandBody, CommandContext, CommandOptions } from "../command.ts";
import { CommandFailure } from "../failure.ts";
import { loadFor, tellUnmetFor } from "../load_for_command.ts";
import { tellWaiting } from "../tell_waiting.ts";

/** Lines of a failed service that are shown to whoever started the daemon in the background. */
const LAST_LINES = 5;

/** Runs a daemon in the foreground until it has ended; its exit code is the daemon's. */
export const run: CommandBody = async (context, args, options) => {
  const report = context.builder === undefined ? await runFile(context, args, options) : await runBuilt(context, args, options);
  if (report.exitCode === EXIT_CODES.ok) return report.exitCode;
  for (const error of report.errors) {
    context.output.note(messageOf(error));
    // In the foreground it was seen as it came.
    if (isInBackground(context.host)) { for (const line of lastLinesOf(error)) context.output.writeError(`  | ${line}\n`); }
  }
  for (const { path, waitedMs } of report.unstopped) {
    context.output.note(`${path} did not stop within ${Math.round(waitedMs)} ms; what it started may live on`);
  }
  if (report.killed.length > 0) context.output.note(`killed, as they did not stop in time: ${report.killed.join(", ")}`);
  if (report.survivors.length > 0) context.output.note(`could not be killed and lives on: ${survivorsText(report.survivors)}`);
  // A path that is too long shows only when the folders are known.
  return report.errors[0] instanceof ConfigError ? EXIT_CODES.config : report.exitCode;
};

/** Last lines of the service whose failure led to an error. */
function lastLinesOf(error: unknown): readonly string[] {
  const lines = isDaemonError(error) ? error.context?.lastLines : undefined;
  if (Array.isArray(lines)) return lines.slice(-LAST_LINES);
  const { cause } = error instanceof Error ? error : {};
  return cause === undefined ? [] : lastLinesOf(cause);
}

async function runFile(context: CommandContext, args: readonly string[], options: CommandOptions): Promise<ExitReport> {
  const loaded = await loadFor(context, args, {
    ...options,
    set: [
      ...options.set ?? [],
      ...options.logLevel === undefined ? [] : [`logging.level=${options.logLevel}`],
      ...options.json ? ["logging.json=true"] : [],
    ],
  });
  await tellUnmetFor(context, loaded);
  return await runDaemon(Daemon.fromConfig(loaded).withHost(context.host).build(), context);
}

async function runDaemon(daemon: Daemon, context: CommandContext): Promise<ExitReport> {
  using _told = tellWaiting(daemon, context);
  // A failed start is in the report, which is told at the end.
  await daemon.start({ ownsProcess: true, isControlled: true, isBackground: isInBackground(context.host) }).catch(() => {});
  return await daemon.wait();
}

async function runBuilt(context: CommandContext, args: readonly string[], options: CommandOptions): Promise<ExitReport> {
  checkBuiltIn(context.program, "run", args, options);
  return await runDaemon(context.builder!.build(), context);
}

/** Refuses options that a daemon with a built-in configuration would ignore. */
export function checkBuiltIn(program: string, verb: "run" | "start", args: readonly string[], options: CommandOptions): void {
  const isGiven: readonly (readonly [string, boolean])[] = [
    ["a FILE", args.length > 0 || options.config !== undefined],
    ["--set", options.set !== undefined],
    ["--log-level", options.logLevel !== undefined],
    ["--json", options.json ?? false],
  ];
  const given = isGiven.find(([, is]) => is)?.[0];
  if (given !== undefined) {
    throw new CommandFailure(EXIT_CODES.usage, `Cannot ${verb} ${program} with ${given} as its configuration is built in`);
  }
}
