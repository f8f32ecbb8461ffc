import { type Argument, Command, CommanderError, Option } from "commander";
import { parsePattern } from "../control/pattern.ts";
import { MAX_PROFILE_SECONDS } from "../core/ports/profiler.ts";
import { EXIT_CODES } from "../core/values/exit_codes.ts";
import { LOG_LEVELS } from "../core/ports/log.ts";
import { durationMs } from "../core/values/duration.ts";
import { messageOf } from "../core/values/errors.ts";
import { VERSION } from "../instance/version.ts";
import type { CommandContext, CommandOptions, CommandSpec, OptionName } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { CommandFailure } from "./failure.ts";
import { LATER } from "./later.ts";
import { versionText } from "./version_text.ts";

/** Options that may also stand before the command, and whether a value follows them. */
const LEADING: ReadonlyMap<string, boolean> = new Map([["-c", true], ["--config", true], ["--socket", true], ["--json", false]]);

/** Purpose of a group of commands; `config` is the only one. */
export const GROUP_SUMMARY = "look at the configuration";

/** Parses a command line, loads the command's body and runs it; returns the exit code. */
export async function execute(args: readonly string[], context: CommandContext): Promise<number> {
  let exitCode: number = EXIT_CODES.ok;
  const root = rootCommand(context);
  for (const spec of COMMANDS) {
    addCommand(root, spec, context, async (own, options) => {
      const body = await spec.load();
      exitCode = await body(context, own, options);
    });
  }
  try {
    if (args.length === 0) {
      context.output.writeError(root.helpInformation());
      return EXIT_CODES.usage;
    }
    const ordered = verbFirst(args);
    const verb = ordered[0] === "help" ? ordered[1] : ordered[0];
    if (Object.hasOwn(LATER, verb)) {
      const why = `Cannot carry out \`${verb}\` as daemonkit ${VERSION} does not have it yet: ${LATER[verb]}`;
      throw new CommandFailure(EXIT_CODES.usage, why);
    }
    await root.parseAsync(ordered, { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  }
}

const ROOT_EXAMPLES: CommandSpec["examples"] = [
  ["init", "writes a daemon.toml to begin with"],
  ["run", "runs it"],
  ["status", "shows what runs"],
];

const EXIT_TEXT = `Exit codes:
  0 ok, 1 failed, 2 usage, 3 no daemon, 4 unknown name, 5 daemon does not answer, 6 configuration,
  7 nothing matched, 124 time is over; a daemon that runs in the foreground ends with its own.
  With --json stdout holds JSON or nothing; failures are told on stderr and by these codes.`;

function namesOf(command: Command): string {
  return [command.name(), ...command.aliases()].join("|");
}

function argumentText(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function rootCommand(context: CommandContext): Command {
  const { program } = context;
  const root = new Command(program)
    .description("Runs services from one daemon.toml: starts them in order, keeps them up, stops them gracefully.")
    .version(versionText(context), "-V, --version", "print the version")
    .helpCommand(true)
    .addHelpText("after", `\nExamples:\n${exampleLines(program, ROOT_EXAMPLES)}\n\n${EXIT_TEXT}`)
    // Nearly all take options; saying so on each line says nothing.
    .configureHelp({ subcommandTerm: (command) => [namesOf(command), ...command.registeredArguments.map(argumentText)].join(" ") });
  configure(root, context);
  return root;
}

function addCommand(
  root: Command,
  spec: CommandSpec,
  context: CommandContext,
  act: (args: readonly string[], options: CommandOptions) => Promise<void>,
): void {
  const words = spec.name.split(" ");
  const last = words.pop()!;
  const parent = words.reduce(
    (above, word) => above.commands.find((command) => command.name() === word) ?? addGroup(above, word, context),
    root,
  );
  const command = parent.command(last).summary(spec.summary).description(`${spec.summary[0].toUpperCase()}${spec.summary.slice(1)}.`);
  configure(command, context);
  for (const alias of spec.aliases ?? []) command.alias(alias);
  if (spec.args !== undefined) command.arguments(spec.args);
  for (const name of spec.options) command.addOption(makeOption(name));
  if (spec.notes !== undefined) command.addHelpText("after", `\n${spec.notes.join("\n")}`);
  command.addHelpText("after", `\nExamples:\n${exampleLines(context.program, spec.examples)}`);
  command.action(() => act(command.args, command.opts()));
}

function addGroup(above: Command, name: string, context: CommandContext): Command {
  const group = above.command(name).summary(GROUP_SUMMARY).description("Looks at the configuration.").helpCommand(false);
  configure(group, context);
  const examples = COMMANDS.filter((spec) => spec.name.startsWith(`${name} `)).flatMap((spec) => spec.examples);
  group.addHelpText("after", `\nExamples:\n${exampleLines(context.program, examples)}`);
  return group;
}

/** Sets what commander would take from the process: where it writes, how wide, and that it never exits. */
function configure(command: Command, { program, output }: CommandContext): void {
  command.exitOverride().showSuggestionAfterError().configureOutput({
    writeOut: (text) => void output.print(text),
    writeErr: (text) => output.writeError(text),
    outputError: (text, write) => write(usageError(text, command, program)),
    getOutHelpWidth: () => output.width ?? 100,
    getErrHelpWidth: () => output.width ?? 100,
    getOutHasColors: () => output.hasColor(1),
    getErrHasColors: () => output.hasColor(2),
  });
}

/** Words a usage error on one line, with a suggestion or else with where to look. */
function usageError(text: string, command: Command, program: string): string {
  const message = text.replace(/^error: /, `${program}: `).trim().replace(/\n+/g, " ").replace(/\.$/, "");
  if (message.endsWith("?)")) return `${message}\n`;
  const path = pathOf(command);
  return `${message}: see \`${path === program ? `${program} help` : `${path} --help`}\`\n`;
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** Makes an option for the parser; its flags, choices and description say all that completion needs. */
export function makeOption(name: OptionName): Option {
  switch (name) {
    case "config":
      return new Option("-c, --config <FILE>", "configuration file (default: ./daemon.toml)");
    case "socket":
      return new Option("--socket <PATH>", "control socket of the daemon");
    case "json":
      return new Option("--json", "write JSON for programs");
    case "set":
      return new Option("--set <KEY=VALUE>", "change a key of the configuration; may be repeated").argParser(
        (value: string, before: string[] | undefined) => [...before ?? [], value],
      );
    case "logLevel":
      return new Option("--log-level <LEVEL>", "least important records to show").choices(LOG_LEVELS);
    case "all":
      return new Option("--all", "every unit");
    case "watch":
      return new Option("-w, --watch", "go on until Ctrl+C or the daemon's end; with --json one line for each change");
    case "follow":
      return new Option("-f, --follow", "go on with what is new until Ctrl+C or the daemon's end");
    case "lines":
      return new Option("-n, --lines <N>", "how many of the newest lines (default: 100, with --since all)").argParser((text: string) =>
        parseCount(text, "--lines")
      );
    case "since":
      return new Option("--since <DURATION>", 'only lines that are not older than this, such as "10m"').argParser(
        (text: string) => checked("--since", text, durationMs),
      );
    case "grep":
      return new Option("--grep <RE>", "only lines that this regular expression matches").argParser(
        (text: string) => checked("--grep", text, parsePattern),
      );
    case "seconds":
      return new Option("--seconds <N>", `how long to record, 1 to ${MAX_PROFILE_SECONDS} (default: 10)`).argParser((text: string) =>
        parseSeconds(text)
      );
    case "output":
      return new Option("-o, --output <FILE>", "where to write (default: a name with the time in the current folder)");
    case "for":
      return new Option("--for <GOAL>", "what to wait for").choices(["ready", "started", "stopped"]).default("ready");
    case "dryRun":
      return new Option("--dry-run", "only say what would change");
    case "fileOnly":
      return new Option("--file-only", "check the file alone: what it names may be on another machine");
    case "timeout":
      return new Option("--timeout <DURATION>", 'wait at most this long, such as "30s"; then exit with 124').argParser(
        (text: string) => checked("--timeout", text, durationMs),
      );
  }
}

function parseCount(text: string, option: string): number {
  if (!/^\d{1,9}$/.test(text)) {
    throw new CommandFailure(EXIT_CODES.usage, `Cannot read ${option} as it must be a whole number: current value is ${text}`);
  }
  return Number(text);
}

function parseSeconds(text: string): number {
  const seconds = parseCount(text, "--seconds");
  if (seconds >= 1 && seconds <= MAX_PROFILE_SECONDS) return seconds;
  throw new CommandFailure(
    EXIT_CODES.usage,
    `Cannot read --seconds as it must be from 1 to ${MAX_PROFILE_SECONDS}: current value is ${text}`,
  );
}

/** The text as it stands, once it could be read. */
function checked(option: string, text: string, read: (text: string) => unknown): string {
  try {
    read(text);
    return text;
  } catch (error) {
    throw new CommandFailure(EXIT_CODES.usage, `${option}: ${messageOf(error)}`);
  }
}

/** Moves options that stand before the command behind it, where the command says whether it takes them. */
function verbFirst(args: readonly string[]): string[] {
  let index = 0;
  while (index < args.length) {
    // With its value in the same word it is `--config=FILE`, `--socket=PATH` or `-cFILE`.
    const hasValue = /^(?:--(?:config|socket)=|-c.)/.test(args[index]);
    const takesValue = LEADING.get(args[index]);
    if (!hasValue && takesValue === undefined) break;
    index += takesValue ? 2 : 1;
  }
  const verb = args.slice(index, index + 1);
  const words = verb[0] === "config" ? args.slice(index, index + 2) : verb;
  return [...words, ...args.slice(0, index), ...args.slice(index + words.length)];
}

function exampleLines(program: string, examples: CommandSpec["examples"]): string {
  return examples.map(([line, what]) => `  ${program} ${line}\n      ${what}`).join("\n");
}
