import { ConfigError, formatIssue, isDaemonError, messageOf } from "../core/values/errors.ts";
import { EXIT_CODES } from "../core/values/exit_codes.ts";
import type { Host } from "../core/ports/host.ts";
import { MODULE_WORD } from "../core/wire/module_protocol.ts";
import type { DaemonBuilder } from "../daemon/daemon.ts";
import type { CommandContext } from "./command.ts";
import { exitCodeForError } from "./failure.ts";
import { Output } from "./output.ts";
import { absolutePath } from "./paths.ts";

/** Options of {@linkcode main}. */
export interface MainOptions {
  /** The machine. */
  host: Host;
  /** Name of the program, in help and messages. @default {"daemonkit"} */
  program?: string;
  /** The program's own daemon: `run` runs it instead of a file. */
  builder?: DaemonBuilder;
  /** The library, for modules that import it by its name. */
  library?: () => Promise<Readonly<Record<string, unknown>>>;
}

/** Carries out one command line, lets what it prints be read within limits, and returns the exit code; nothing is thrown. */
export async function main(args: readonly string[], options: MainOptions): Promise<number> {
  const exitCode = await carryOut(args, options);
  await options.host.terminal.flush();
  return exitCode;
}

async function carryOut(args: readonly string[], options: MainOptions): Promise<number> {
  const { host, builder, program = "daemonkit", library } = options;
  const context: CommandContext = { host, output: new Output(host, program), program, ...(builder === undefined ? {} : { builder }) };
  try {
    // The parser costs milliseconds that a question for the version need not pay.
    if (args.length === 1 && ["version", "--version", "-V"].includes(args[0])) {
      return await (await import("./commands/version.ts")).version(context, [], {});
    }
    if (args[0] === MODULE_WORD) {
      const { runModule } = await import("../daemon/module_process.ts");
      return await runModule({ host, path: args[1], ...(library === undefined ? {} : { library }) });
    }
    // Nor need a daemon keep the parser's megabytes in memory for as long as it lives.
    if (args[0] === "run" && args.length <= 2 && !args[1]?.startsWith("-")) {
      return await (await import("./commands/run.ts")).run(context, args.slice(1), {});
    }
    if (args[0] === "__complete") return await (await import("./complete.ts")).complete(context, args.slice(1), {});
    return await (await import("./parse.ts")).execute(args, context);
  } catch (error) {
    const exitCode = exitCodeForError(error);
    if (error instanceof ConfigError && error.issues.length > 0) await tellIssues(error, context);
    else context.output.note(messageOf(error));
    if (isDaemonError(error) && error.code === "CONFIG_NOT_FOUND") context.output.note(`\`${program} init\` writes one to begin with`);
    if (exitCode === EXIT_CODES.internal && error instanceof Error) {
      context.output.writeError(`this is a fault of ${program}, please report it:\n${error.stack}\n`);
    }
    return exitCode;
  }
}

/** Every mistake of a configuration, its place first; a person at a terminal sees the lines of the file too. */
async function tellIssues({ message, issues }: ConfigError, { host, output }: CommandContext): Promise<void> {
  output.note(message.split("\n")[0]);
  if (!host.terminal.isTerminal(2)) return output.writeError(`${issues.map(formatIssue).join("\n")}\n`);
  const { renderIssues } = await import("./render_issues.ts");
  const read = (path: string) => {
    try {
      const absolute = absolutePath(path, host);
      // A pipe has given what it had, and would be waited for.
      return host.files.info(absolute)?.kind === "file" ? host.files.readText(absolute) : undefined;
    } catch (error) {
      if (isDaemonError(error)) return undefined;
      throw error;
    }
  };
  output.writeError(`\n${renderIssues(issues, { paint: output.paintError, read, width: host.terminal.columns() })}\n\n`);
}
