import type { Option } from "commander";
import { EXIT_CODES } from "../core/values/exit_codes.ts";
import { SIGNAL_NUMBERS } from "../core/values/signal_name.ts";
import { LEAVES } from "../settings/leaves.ts";
import { Client } from "./client.ts";
import type { CommandBody, CommandContext, CommandSpec } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { FILES } from "./commands/completion.ts";
import { findDaemon, type TargetOptions } from "./find.ts";
import { GROUP_SUMMARY, makeOption } from "./parse.ts";

/** Longest wait for a daemon after Tab. */
const PATIENCE_MS = 500;

/** A possible completion, with its meaning where that helps. */
type Candidate = readonly [value: string, meaning?: string];

/**
 * Prints what may stand in place of the last word, one candidate a line, after a tab what it means. The scripts of `completion` ask it for
 * each Tab, so it is fast, and silent when anything is wrong.
 */
export const complete: CommandBody = async (context, words) => {
  const current = words.at(-1) ?? "";
  const candidates = await candidatesFor(words.slice(0, -1), current, context).catch(() => []);
  const lines = candidates.filter(([value]) => value.startsWith(current) || value === FILES)
    .map(([value, meaning]) => meaning === undefined ? value : `${value}\t${meaning}`);
  if (lines.length > 0) context.output.print(lines.join("\n"));
  return EXIT_CODES.ok;
};

async function candidatesFor(before: readonly string[], current: string, context: CommandContext): Promise<Candidate[]> {
  const line = read(before);
  if (line.open !== undefined) return valuesOf(line.open);
  const assigned = /^(--[a-z-]+)=/.exec(current);
  if (assigned !== null) {
    const option = line.options.find(({ long }) => long === assigned[1]);
    return option === undefined ? [] : valuesOf(option).filter(([value]) => value !== FILES).map(([value]) => [`${assigned[1]}=${value}`]);
  }
  if (current.startsWith("-")) return [...line.options, HELP].map(({ long, description }) => [long!, description]);
  if (line.spec === undefined) return nextWords(line.path);
  const given = line.positional;
  const places = placesOf(line.spec);
  const place = places[given.length] ?? (places.at(-1)?.isMany ? places.at(-1) : undefined);
  if (place === undefined) return [];
  return (await fill(place.name, line.target, context)).filter(([value]) => !given.includes(value));
}

/** Result of reading the words before the current one. */
interface Line {
  /** The words of the command so far. */
  path: string[];
  /** The command, once it is known. */
  spec?: CommandSpec;
  /** The options that it takes, or that may stand before it. */
  options: Option[];
  /** The option whose value comes next. */
  open?: Option;
  /** Its arguments so far. */
  positional: string[];
  /** Which daemon is meant. */
  target: TargetOptions;
}

/** Options that may stand before the command. */
const LEADING = ["config", "socket", "json"] as const;
const HELP = { long: "--help", description: "display help for command" } as Option;

function read(before: readonly string[]): Line {
  const line: Line = { path: [], options: LEADING.map(makeOption), positional: [], target: {} };
  for (const word of before) {
    if (line.open !== undefined) {
      note(line, line.open, word);
      line.open = undefined;
    } else if (word.startsWith("-")) {
      const [name, value] = word.split(/=(.*)/s);
      const option = line.options.find(({ short, long }) => short === name || long === name);
      if (option?.required && value === undefined) line.open = option;
      else if (option !== undefined && value !== undefined) note(line, option, value);
    } else if (line.spec === undefined) {
      line.path.push(word);
      line.spec = COMMANDS.find(({ name, aliases = [] }) => [name, ...aliases].includes(line.path.join(" ")));
      if (line.spec !== undefined) line.options = line.spec.options.map(makeOption);
    } else line.positional.push(word);
  }
  return line;
}

function note(line: Line, option: Option, value: string): void {
  const name = option.attributeName();
  if (name === "config" || name === "socket") line.target[name] = value;
}

function valuesOf(option: Option): Candidate[] {
  if (option.argChoices !== undefined) return option.argChoices.map((value) => [value]);
  return /<(FILE|PATH)>/.test(option.flags) ? [[FILES]] : [];
}

/** The words that may come next in the names of commands. */
function nextWords(path: readonly string[]): Candidate[] {
  const found = new Map<string, string>();
  for (const { name, summary } of COMMANDS) {
    const words = name.split(" ");
    if (!path.every((word, index) => word === words[index])) continue;
    const isWhole = words.length === path.length + 1;
    if (!found.has(words[path.length])) found.set(words[path.length], isWhole ? summary : GROUP_SUMMARY);
  }
  return [...found];
}

/** The arguments of a command, taken from its usage line. */
function placesOf({ args = "" }: CommandSpec): { name: string; isMany: boolean }[] {
  return [...args.matchAll(/[<[]([^>\].]+)(\.\.\.)?[>\]]/g)].map(([, name, dots]) => ({ name, isMany: dots !== undefined }));
}

/** Lists the values for an argument of this name; `a|b` names its values itself. */
async function fill(name: string, target: TargetOptions, context: CommandContext): Promise<Candidate[]> {
  if (name.includes("|")) return name.split("|").map((value) => [value]);
  switch (name) {
    case "FILE":
      return [[FILES]];
    case "SIG":
      return Object.keys(SIGNAL_NUMBERS).map((signal) => [signal.slice("SIG".length)]);
    case "KEY":
      return Object.keys(LEAVES).map((key) => [key]);
    case "NAME":
      return await units(target, context);
    default:
      return [];
  }
}

async function units(target: TargetOptions, { host, builder }: CommandContext): Promise<Candidate[]> {
  const client = new Client(host, await findDaemon(host, target, builder?.config), { answerMs: PATIENCE_MS });
  return (await client.status()).units.map(({ name, state }) => [name, state]);
}
