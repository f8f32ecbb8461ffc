import type { Host } from "../core/ports/host.ts";
import type { LogLevel } from "../core/ports/log.ts";
import type { WaitGoal } from "../core/supervise/operations.ts";
import type { DaemonBuilder } from "../daemon/daemon.ts";
import type { Output } from "./output.ts";

/** Context of a command. */
export interface CommandContext {
  /** The machine. */
  host: Host;
  /** Where it writes. */
  output: Output;
  /** Name of the program, in messages. */
  program: string;
  /** The program's own daemon, where it is one that was built with the library. */
  builder?: DaemonBuilder;
}

/** The options of a command line, of whatever command. */
export interface CommandOptions {
  /** Configuration file. */
  config?: string;
  /** Control socket. */
  socket?: string;
  /** Whether the output is for programs. */
  json?: boolean;
  /** `key=value` texts. */
  set?: string[];
  /** Least important log records that are shown. */
  logLevel?: LogLevel;
  /** Whether all units are meant. */
  all?: boolean;
  /** Whether the status is shown again and again. */
  watch?: boolean;
  /** Whether lines or events that follow are shown. */
  follow?: boolean;
  /** How many of the newest lines are shown. */
  lines?: number;
  /** How far back lines are shown, as a duration. */
  since?: string;
  /** A regular expression that lines must match. */
  grep?: string;
  /** How long is recorded. */
  seconds?: number;
  /** Where a file is written. */
  output?: string;
  /** Goal to wait for. */
  for?: WaitGoal;
  /** How long to wait. */
  timeout?: string;
  /** Whether to say only what would be done. */
  dryRun?: boolean;
  /** Whether the machine is left out of a check. */
  fileOnly?: boolean;
}

/** Carries a command out and returns the exit code. */
export type CommandBody = (context: CommandContext, args: readonly string[], options: CommandOptions) => Promise<number>;

/** A kind of option, by name. */
export type OptionName =
  | "config"
  | "socket"
  | "json"
  | "set"
  | "logLevel"
  | "all"
  | "watch"
  | "follow"
  | "lines"
  | "since"
  | "grep"
  | "seconds"
  | "output"
  | "for"
  | "timeout"
  | "dryRun"
  | "fileOnly";

/** A command as the table has it; its body is loaded when it is called. */
export interface CommandSpec {
  /** Name, below another one's after a space: `config explain`. */
  name: string;
  /** Other names. */
  aliases?: readonly string[];
  /** Arguments, as they stand in the usage line. */
  args?: string;
  /** Its effect, in one line. */
  summary: string;
  /** Further lines of its help. */
  notes?: readonly string[];
  /** Options that it takes. */
  options: readonly OptionName[];
  /** Examples for its help: a command line without the program's name, and what it does. */
  examples: readonly (readonly [string, string])[];
  /** Loads the body. */
  load: () => Promise<CommandBody>;
}
