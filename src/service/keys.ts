import { type RestartOptions, RestartPolicy, type RestartWhen } from "../core/supervise/restart.ts";
import { fileMode } from "../core/values/file_mode.ts";
import { KILL_MODES } from "../core/values/kill_mode.ts";
import { rlimit, RLIMIT_UNITS, rlimitExpectation, type RlimitName, type RlimitOption } from "../core/values/rlimits.ts";
import { SIGNAL_NUMBERS, type SignalName } from "../core/values/signal_name.ts";
import { LINE_FORMATS } from "../core/wire/line_block.ts";
import type { Of, TableNode } from "../schema/node.ts";
import { custom, duration, either, flag, integer, isWell, type Leaf, list, number, oneOf, path, size, text } from "../schema/shapes.ts";
import { keyOf, map, table, type TableOf } from "../schema/table.ts";
import { VARIABLE_NAME } from "./env_file.ts";
import type { ProbeOptions, ServiceLogOptions, ServiceOptions } from "./options.ts";
import { isTarget } from "./probe.ts";

/** The options of a service without their short forms. */
export interface ServiceForm extends Omit<ServiceOptions, "ready" | "restart"> {
  readonly ready?: ProbeOptions;
  readonly restart?: RestartForm;
}

/** The options of a restart policy, with when it restarts. */
export type RestartForm = RestartOptions & { readonly policy?: RestartWhen };

/** `[service.NAME]` as it stands in the tree of a configuration, checked but without defaults. */
export type ServiceTable = TableOf<ServiceForm>;

const unit = keyOf("unit");
const live = keyOf("live");

/** Most copies of one service. */
const MOST_INSTANCES = 1_000;
/** Smallest limit of a line in bytes. */
const MIN_LINE_BYTES = 16;
/** Wording for the items of `after`. */
export const AFTER = "names such as db, db:started, db:ready or db:exited-ok";
const COMMAND: Leaf<string | readonly string[]> = either(
  text({ isGood: (line) => line.trim() !== "" }),
  custom<readonly string[]>({
    bases: ["array"],
    expects: "a list of texts that is not empty",
    isGood: (argv) => Array.isArray(argv) && argv.length > 0 && argv[0] !== "" && argv.every((word) => typeof word === "string"),
    item: text(),
    json: { type: "array", items: { type: "string" }, minItems: 1 },
  }),
  { expects: "a text for sh -c or a list of texts that is not empty" },
);
/** The user or the group that a program runs as. */
const account = (what: string): Leaf<string | number> =>
  either(text({ notEmpty: true }), integer(0), { expects: `the name or number of a ${what}` });
const mask: Leaf<string | number> = custom({
  bases: ["string", "number"],
  expects: 'a mask such as "027" or 0o027',
  isGood: (mask) => !Number.isNaN(fileMode(mask as string)),
  json: { anyOf: [{ type: "string" }, { type: "integer" }] },
});

/** Wording for a name of variables of the daemon. */
const INHERITED_NAME = 'name of a variable, with "*" for any characters';
const LIMIT = { anyOf: [{ type: "number", minimum: 0 }, { type: "string" }] };

function isLimit(name: RlimitName, option: unknown): boolean {
  return isWell(() => rlimit(name, option as RlimitOption) !== undefined);
}

/** Words of other tools for a policy. */
const POLICIES = {
  true: "always",
  yes: "always",
  "unless-stopped": "always",
  false: "never",
  no: "never",
  none: "never",
  "on-abnormal": "on-failure",
} as const;
/** Signals by number and by their names without SIG. */
const SIGNALS = Object.fromEntries(
  (Object.entries(SIGNAL_NUMBERS) as [SignalName, number][]).flatMap((
    [name, number],
  ) => [[String(number), name], [name.slice(3).toLowerCase(), name]]),
);

/** Advises on an https URL: a probe speaks no TLS, as it would have to be told which certificate is right. */
function adviseOnUrl(url: string): string | undefined {
  const [, user, host, port = "443"] = /^https:\/\/([^/]*@)?(\[[^\]]*\]|[^/:?#]+)(?::([^/?#]+))?/i.exec(url) ?? [];
  const address = `${host}:${port}`;
  if (host === undefined || user !== undefined || !isTarget({ kind: "tcp", address })) return undefined;
  const command = `curl -fsS '${url.replaceAll("'", "%27")}'`;
  return `probes speak no TLS: write ready.tcp = ${JSON.stringify(address)} to see that it listens, or ready.exec = ${
    JSON.stringify(command)
  } to ask it`;
}

/** Keys of the table `ready` of a service. */
export const READY: Of<ProbeOptions, TableNode> = table<ProbeOptions>({
  http: unit(
    "Ready when this URL answers with 200 to 399.",
    text({
      expects: 'an http:// URL without name and password such as "http://127.0.0.1:{port}/healthz"',
      isGood: (url) => isTarget({ kind: "http", url }),
      advise: adviseOnUrl,
    }),
    { example: "http://127.0.0.1:{port}/healthz" },
  ),
  tcp: unit(
    "Ready when a connection to this address is accepted; a number is a port of 127.0.0.1.",
    either(
      text({ isGood: (address) => isTarget({ kind: "tcp", address }) }),
      integer(1, 65_535),
      { expects: 'an address such as "127.0.0.1:{port}"' },
    ),
    { example: "127.0.0.1:{port}" },
  ),
  exec: unit("Ready when this command ends with 0.", COMMAND, { example: "redis-cli ping" }),
  log: unit(
    "Ready when a line that the program prints matches.",
    text({ notEmpty: true, expects: "a regular expression", isGood: (pattern) => isTarget({ kind: "log", pattern }) }),
    { example: "listening on .*" },
  ),
  alive: unit("Ready when the program has lived for so long.", duration({ positive: true }), { example: "2s" }),
  owner: unit("Who may answer a probe on this machine: a listener of the unit itself, or anybody.", oneOf(["unit", "any"]), {
    default: "unit",
  }),
  every: unit("How long to wait between two probes.", duration({ positive: true }), { default: "500ms" }),
  timeout: unit("A start that is not ready by then has failed.", duration({ positive: true }), { default: "30s" }),
}, {
  expects: 'a table, or a URL as in ready = "http://127.0.0.1:{port}/healthz"',
  shorthand: "http",
  aliases: { url: "http", interval: "every" },
});

/** Keys of the table `restart` of a service. */
export const RESTART: Of<RestartForm, TableNode> = table<RestartForm>({
  policy: live("Whether a run that has ended is followed by another one.", oneOf(["never", "on-failure", "always"], { meant: POLICIES }), {
    default: "on-failure",
  }),
  delay: live("How long the first restart waits.", duration(), { default: "100ms" }),
  factor: live(
    "By how much each wait in a row is longer than the one before.",
    number("a number >= 1", (factor) => factor >= 1 && Number.isFinite(factor), { minimum: 1 }),
    { default: 2 },
  ),
  maxDelay: live("The longest wait.", duration(), { default: "30s" }),
  jitter: live(
    "The share by which a wait is made longer or shorter at random, so that not all restart at once.",
    number("a number >= 0 and < 1", (share) => share >= 0 && share < 1, { minimum: 0, exclusiveMaximum: 1 }),
    { default: 0.2 },
  ),
  maxRestarts: live(
    "How many restarts are granted: in a row, or with within in that time.",
    number("an integer >= 0, or inf", (count) => count >= 0 && (count === Infinity || Number.isInteger(count)), { minimum: 0 }),
    { default: 10 },
  ),
  within: live("The sliding window that max_restarts counts in.", duration({ positive: true }), { example: "1m" }),
  resetAfter: live("A run of this length ends the row of restarts.", duration(), { default: "60s" }),
  onExhausted: live(
    "The effect beyond max_restarts: the service fails for good, waits until there is room, or stops the daemon.",
    oneOf(["fatal", "pause", "escalate"]),
    { default: "fatal" },
  ),
}, {
  expects: 'a table, or a policy as in restart = "always"',
  shorthand: "policy",
  isMade: (value) => value instanceof RestartPolicy,
});

/** Keys of the table `stop` of a service. */
export const STOP: Of<NonNullable<ServiceOptions["stop"]>, TableNode> = table<NonNullable<ServiceOptions["stop"]>>({
  run: live("A command that stops the service, in place of the signal.", COMMAND, { verbatim: true, example: ["nginx", "-s", "quit"] }),
  signal: live(
    "The signal that asks the service to stop.",
    oneOf(Object.keys(SIGNAL_NUMBERS) as SignalName[], { expects: 'the name of a signal such as "SIGTERM"', meant: SIGNALS }),
    { default: "SIGTERM" },
  ),
  timeout: live("A service that has not stopped by then is killed.", duration(), { default: "5s" }),
  killMode: live(
    "The processes that are killed: all that the service has started, its process group, the process alone, or its control group.",
    oneOf(KILL_MODES),
    { default: "all" },
  ),
}, { aliases: { command: "run", exec: "run", kill_signal: "signal" } });

/** Keys of the table `log` of a service. */
export const LOG: Of<ServiceLogOptions, TableNode> = table<ServiceLogOptions>({
  file: live(
    "The file that the lines of the service go to, by default one in the state folder where the daemon runs in the background.",
    path(),
    { example: "logs/api.log" },
  ),
  maxSize: live("A larger file is put aside and begun anew.", size(), { default: "20MB" }),
  keep: live("How many older files are kept.", integer(0), { default: 5 }),
  maxTotal: live("The oldest files are removed while all together are larger.", size(), { example: "100MB" }),
  format: live("How a line is written: with time and stream, as it is, or as JSON.", oneOf(LINE_FORMATS), { default: "text" }),
  maxLine: live("A longer line is cut into several.", size({ least: MIN_LINE_BYTES }), { default: "64KiB" }),
}, { aliases: { path: "file", max_files: "keep", max_file_size: "max_size" } });

const RLIMIT_KEYS = Object.fromEntries(
  (Object.keys(RLIMIT_UNITS) as RlimitName[]).map((name) => [
    name,
    unit(
      `The limit RLIMIT_${name.toUpperCase()} of the program.`,
      custom<RlimitOption>({
        bases: ["number", "string", "table"],
        expects: `${rlimitExpectation(name)}; or { soft, hard } of these`,
        isGood: (option) => isLimit(name, option),
        json: { anyOf: [LIMIT, { type: "object", properties: { soft: LIMIT, hard: LIMIT }, additionalProperties: false }] },
      }),
      { example: RLIMIT_UNITS[name] === "bytes" ? "64MiB" : 1_024 },
    ),
  ]),
) as Record<RlimitName, Leaf<RlimitOption>>;

/** Keys of a service: the table `[service.NAME]`, also `[defaults.service]`, and the options of `withService`. */
export const SERVICE: Of<ServiceForm, TableNode> = table<ServiceForm>({
  run: unit("The program to run: a list is the program with its arguments, a text is run by /bin/sh -c.", COMMAND, {
    verbatim: true,
    example: ["node", "server.js"],
  }),
  module: unit(
    "A TypeScript file to run in place of a program; its default export is a function or a subsystem.",
    path("the path of a TypeScript file"),
    { example: "api.ts" },
  ),
  after: live(
    "Other units that come first: this one starts, again after a crash too, only while they are so, and stops before them.",
    list(text({ notEmpty: true, expects: AFTER })),
    { default: [], example: ["db:ready"] },
  ),
  port: unit(
    "The port of the first instance; PORT is this plus the number of the instance, and {port} stands for it.",
    integer(1, 65_535, { expects: "a port from 1 to 65535" }),
    { example: 3_000 },
  ),
  env: map(unit("A variable of the service.", text({ isGood: (value) => !value.includes("\0"), secret: true }), { example: "info" }), {
    expects: "a table of texts",
    nameProblem: (name) =>
      VARIABLE_NAME.test(name)
        ? undefined
        : `must be letters, digits, "_", "." or "-" and start with a letter or "_": current value is ${JSON.stringify(name)}`,
  }),
  envFile: unit(
    'Files of variables, the later ones win; one behind "?" may be missing.',
    list(text({ expects: 'a path, after "?" if it may be missing', isGood: (file) => file !== "" && file !== "?" }), {
      expects: "a list of paths",
    }),
    { default: [], kind: "path", example: ["?.env"] },
  ),
  inheritEnv: unit(
    "Variables of the daemon that the service gets: all by default, with user only PATH, LANG, LC_*, TZ and TERM.",
    list(text({ expects: INHERITED_NAME, isGood: (name) => /^[^=\0]+$/.test(name) }), { expects: `a list of ${INHERITED_NAME}s` }),
    { example: ["PATH", "APP_*"] },
  ),
  cwd: unit("The folder that the program starts in.", path(), { example: "app" }),
  ready: READY,
  restart: RESTART,
  stop: STOP,
  instances: unit("How many copies run; the nth is called NAME@n.", integer(1, MOST_INSTANCES), { default: 1 }),
  leftover: live(
    "A process that a killed daemon left is ended before the start, or taken over where the command is the same.",
    oneOf(["stop", "adopt"]),
    { default: "stop" },
  ),
  essential: live("When this service fails for good, the daemon stops with its exit code.", flag(), { default: false }),
  successExitCodes: live(
    "Exit codes that are no failure.",
    list(integer(0, 255, { expects: "an exit code from 0 to 255" }), { expects: "a list of exit codes from 0 to 255" }),
    { default: [0] },
  ),
  user: unit("The user that the program runs as, with all groups of that user; only root can set it.", account("user"), {
    example: "www-data",
  }),
  group: unit("The main group that the program runs with.", account("group"), { example: "www-data" }),
  umask: unit("The mask of the permissions of new files.", mask, { example: "027" }),
  nice: unit("The niceness of the program: from -20, first served, to 19.", integer(-20, 19), { default: 0 }),
  rlimits: table<NonNullable<ServiceOptions["rlimits"]>>(RLIMIT_KEYS, { isOfNames: true }),
  oomScoreAdj: unit("How soon the kernel ends the program when memory runs out; Linux only.", integer(-1_000, 1_000), { example: 500 }),
  log: LOG,
}, {
  notYetKeys: ["live", "watch", "notify", "limits"],
  aliases: {
    command: "run",
    cmd: "run",
    exec: "run",
    script: "run",
    entry: "module",
    depends_on: "after",
    environment: "env",
    directory: "cwd",
    working_dir: "cwd",
    work_dir: "cwd",
    autorestart: "restart",
    ulimits: "rlimits",
    numprocs: "instances",
    replicas: "instances",
  },
});
