import { afterProblems, parseAfter } from "../core/supervise/after.ts";
import { byteSize } from "../core/values/bytes.ts";
import { durationMs } from "../core/values/duration.ts";
import { messageOf } from "../core/values/errors.ts";
import { fileMode } from "../core/values/file_mode.ts";
import { SIGNAL_NUMBERS, type SignalName } from "../core/values/signal_name.ts";
import { LINE_FORMATS } from "../core/wire/line_block.ts";
import { nameKey, nameProblem } from "../core/values/names.ts";
import type { MapNode, Of, TableNode } from "../schema/node.ts";
import { custom, duration, either, flag, integer, isWell, type Leaf, list, number, oneOf, path, size, text } from "../schema/shapes.ts";
import { keyOf, map, table, type TableOf } from "../schema/table.ts";
import type { RestartOptions, RestartWhen } from "../core/supervise/restart.ts";
import { VARIABLE_NAME } from "./env_file.ts";
import type { Placeholders } from "./environment.ts";
import { sameFiles } from "./log.ts";
import { rlimit, RLIMIT_UNITS, rlimitExpectation, type RlimitName, type RlimitOption } from "../core/values/rlimits.ts";
import {
  isEnvFile,
  listed,
  MIN_LINE_BYTES,
  MOST_INSTANCES,
  PROBE_KINDS,
  type ProbeOptions,
  type ServiceLogOptions,
  type ServiceOptions,
  serviceSpec,
  UMASK,
} from "./options.ts";
import { checkTarget } from "./probe.ts";
import { KILL_MODES } from "../core/values/kill_mode.ts";
import type { ProbeTarget, ServiceSpec } from "./spec.ts";

/** The options of a service without their short forms. */
interface ServiceForm extends Omit<ServiceOptions, "ready" | "restart"> {
  readonly ready?: ProbeOptions;
  readonly restart?: RestartForm;
}

type RestartForm = RestartOptions & { readonly policy?: RestartWhen };

/** `[service.NAME]` as it stands in the tree of a configuration, checked but without defaults. */
export type ServiceTable = TableOf<ServiceForm>;

/** A mistake that shows only when several keys are looked at together. */
export interface ServiceProblem {
  /** Where it is, from the root of the configuration. */
  path: (string | number)[];
  /** The expected and the found value. */
  message: string;
  /** Advice: how to mend it. */
  hint?: string;
  /** Something is missing below the path. */
  isMissing?: boolean;
  /** Path that lacks something. */
  about?: (string | number)[];
}

const unit = keyOf("unit");
const live = keyOf("live");

const AFTER = "names such as db, db:started, db:ready or db:exited-ok";
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
  expects: UMASK,
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

const READY = table<ProbeOptions>({
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

const RESTART = table<RestartForm>({
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
}, { expects: 'a table, or a policy as in restart = "always"', shorthand: "policy" });

const STOP = table<NonNullable<ServiceOptions["stop"]>>({
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

const LOG = table<ServiceLogOptions>({
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
    list(text({ expects: 'a path, after "?" if it may be missing', isGood: isEnvFile }), { expects: "a list of paths" }),
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
  rlimits: table<NonNullable<ServiceOptions["rlimits"]>>(RLIMIT_KEYS),
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

/** The tables `[service.*]`, by name. */
export const SERVICES: MapNode = map(SERVICE, { expects: "tables [service.NAME]", nameProblem });

/**
 * Makes the specs of all services out of a checked tree: `[defaults.service]` below `[service.NAME]`, paths from `baseDir`.
 *
 * A service with a problem is left out of the specs. `tables` are those of all services, with what they take from the defaults;
 * `takenFiles` are paths that no log may have, each with its writer.
 */
export function serviceSpecs(
  services: Readonly<Record<string, ServiceTable>>,
  defaults: ServiceTable,
  baseDir: string,
  takenFiles: Readonly<Record<string, string>> = {},
): { specs: ServiceSpec[]; tables: Record<string, ServiceTable>; problems: ServiceProblem[] } {
  const problems: ServiceProblem[] = [];
  const specs: ServiceSpec[] = [];
  const hasDefaults = Object.keys(defaults).length > 0;
  const tables = Object.entries(services).map(([name, own]) => ({ name, table: hasDefaults ? withDefaults(own, defaults) : own }));
  problems.push(...sameNames(Object.keys(services)));
  for (const { name, table } of tables) {
    const own = problemsOf(name, table);
    problems.push(...own);
    if (own.length > 0) continue;
    try {
      specs.push(serviceSpec(name, optionsOf(table), baseDir));
    } catch (error) {
      problems.push({ path: ["service", name], message: messageOf(error) });
    }
  }
  problems.push(...logFileProblems(specs, takenFiles));
  const edges = tables.map(({ name, table }) => ({ name, after: table.after ?? [], restart: table.restart?.policy }));
  for (const { name, index, message, hint, unknown } of afterProblems(edges)) {
    problems.push({
      path: ["service", name, "after", index],
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(unknown === undefined ? {} : { about: ["service", unknown] }),
    });
  }
  return { specs, tables: Object.fromEntries(tables.map(({ name, table }) => [name, table])), problems };
}

/** Whether the probe itself will take a target, once `{port}` and `{instance}` are numbers. */
function isTarget(target: ProbeTarget, placeholders: Placeholders = { port: 1, instance: 1 }): boolean {
  return isWell(() => {
    checkTarget(target, placeholders);
    return true;
  });
}

/** `[defaults.service]` below the table of one service: tables merge, `run` and lists replace. */
function withDefaults(own: ServiceTable, defaults: ServiceTable): ServiceTable {
  const merged: ServiceTable = { ...defaults, ...own };
  if (own.run !== undefined && own.module === undefined) delete merged.module;
  if (own.module !== undefined && own.run === undefined) delete merged.run;
  for (const name of ["env", "ready", "restart", "stop", "rlimits", "log"] as const) {
    if (own[name] !== undefined && defaults[name] !== undefined) Object.assign(merged, { [name]: { ...defaults[name], ...own[name] } });
  }
  return merged;
}

function sameNames(names: readonly string[]): ServiceProblem[] {
  const seen = new Map<string, string>();
  const problems: ServiceProblem[] = [];
  for (const name of names) {
    const first = seen.get(nameKey(name));
    if (first === undefined) seen.set(nameKey(name), name);
    else {problems.push({
        path: ["service", name],
        message: `expected a name that differs from ${JSON.stringify(first)} by more than case, got ${JSON.stringify(name)}`,
      });}
  }
  return problems;
}

/** Two who write one file would rotate it under each other's feet. */
function logFileProblems(specs: readonly ServiceSpec[], taken: Readonly<Record<string, string>>): ServiceProblem[] {
  return sameFiles(specs, taken).map(({ service, unit, other, file }) => ({
    path: ["service", service, "log", "file"],
    message: `expected a file of its own for ${unit}, got ${file}, which ${other} writes`,
    hint: unit.includes("@") && other.startsWith(`${service}@`) ? "write {instance} in its name" : "name another one",
  }));
}

function problemsOf(name: string, table: ServiceTable): ServiceProblem[] {
  const problems: ServiceProblem[] = [];
  const { run, module, ready, port, instances = 1, after = [], log = {} } = table;
  const find = (path: (string | number)[], message: string, hint?: string) =>
    void problems.push({ path: ["service", name, ...path], message, hint });
  if (run === undefined && module === undefined) find(["run"], "expected run, got nothing", 'write run = ["program", "argument"]');
  if (run !== undefined && module !== undefined) find(["module"], "expected either run or module, got both", "remove one of them");
  if (module !== undefined && table.leftover === "adopt") {
    find(["leftover"], 'expected run beside "adopt", got module', "a module ends with the daemon that it reports to");
  }
  for (const account of ["user", "group"] as const) {
    if (module !== undefined && table[account] !== undefined) {
      find([account], `expected run beside ${account}, got module`, "a module runs as the daemon does");
    }
  }
  if (port !== undefined && port + instances - 1 > 65_535) {
    find(["port"], `expected a port of at most ${65_536 - instances} for ${instances} instances, got ${port}`);
  }
  after.forEach((entry, index) => {
    if (!isWell(() => parseAfter(entry).name !== "")) find(["after", index], `expected ${AFTER}, got ${JSON.stringify(entry)}`);
  });
  if (log.file?.includes("{port}") && port === undefined) {
    find(["port"], "expected a port for log.file, which has {port}, got nothing", "write port = 3000");
  }
  const { max_size: maxSize = "20MB", max_total: maxTotal } = log;
  if (maxTotal !== undefined && byteSize(maxTotal) < byteSize(maxSize)) {
    find(
      ["log", "max_total"],
      `expected at least log.max_size (${maxSize}), got ${maxTotal}`,
      "lower log.max_size, or raise log.max_total",
    );
  }
  if (ready === undefined) return problems;
  const targets = PROBE_KINDS.filter((target) => ready[target] !== undefined);
  if (targets.length !== 1) {
    const message = `expected exactly one of ${listed(PROBE_KINDS)}, got ${targets.length === 0 ? "none" : targets.join(" and ")}`;
    problems.push({ path: ["service", name, "ready"], message, isMissing: targets.length === 0 });
  }
  if (ready.owner !== undefined && ready.http === undefined && ready.tcp === undefined) {
    find(["ready", "owner"], "expected http or tcp beside owner, got neither", "remove it: only who listens on a port has an owner");
  }
  const { alive, timeout = "30s" } = ready;
  if (alive !== undefined && durationMs(alive) >= durationMs(timeout)) {
    find(["ready", "alive"], `expected less than ready.timeout (${timeout}), got ${alive}`, `write a ready.timeout of more than ${alive}`);
  }
  for (const target of ["http", "tcp"] as const) {
    const value = ready[target];
    if (value === undefined) continue;
    const text = typeof value === "number" ? `127.0.0.1:${value}` : value;
    if (text.includes("{port}") && port === undefined) {
      find(["port"], `expected a port for ready.${target}, which has {port}, got nothing`, "write port = 3000");
    }
    if (instances > 1 && !text.includes("{port}") && !text.includes("{instance}")) {
      find(
        ["ready", target],
        `expected {port} for ${instances} instances, got one fixed port in ${JSON.stringify(text)}`,
        port === undefined ? "write {port} in its place, and port = 3000 for the first instance" : "write {port} in its place",
      );
    }
    // Numbers that are written one behind the other can leave the range of ports.
    const last = { port: port === undefined ? undefined : port + instances - 1, instance: instances - 1 };
    const spec: ProbeTarget = target === "http" ? { kind: "http", url: text } : { kind: "tcp", address: text };
    if (problems.length === 0 && !isTarget(spec, last)) {
      find(["ready", target], `expected an address for each of ${instances} instances, got ${JSON.stringify(text)}`);
    }
  }
  return problems;
}

function optionsOf(table: ServiceTable): ServiceOptions {
  const {
    run,
    module,
    ready,
    restart,
    stop,
    log,
    env_file: envFile,
    inherit_env: inheritEnv,
    success_exit_codes: successExitCodes,
    after,
    port,
    env,
    cwd,
    instances,
    leftover,
    essential,
    user,
    group,
    umask,
    nice,
    rlimits,
    oom_score_adj: oomScoreAdj,
  } = table;
  return {
    run,
    module,
    after,
    port,
    env,
    envFile,
    inheritEnv,
    cwd,
    instances,
    ready: ready as ProbeOptions | undefined,
    restart: restart === undefined ? undefined : restartOptions(restart),
    stop: stop === undefined ? undefined : { run: stop.run, signal: stop.signal, timeout: stop.timeout, killMode: stop.kill_mode },
    leftover,
    essential,
    successExitCodes,
    user,
    group,
    umask,
    nice,
    rlimits,
    oomScoreAdj,
    log: log === undefined ? undefined : logOptions(log),
  };
}

function logOptions(table: NonNullable<ServiceTable["log"]>): ServiceOptions["log"] {
  const { file, max_size: maxSize, keep, max_total: maxTotal, format, max_line: maxLine } = table;
  return { file, maxSize, keep, maxTotal, format, maxLine };
}

function restartOptions(table: NonNullable<ServiceTable["restart"]>): ServiceOptions["restart"] {
  // A policy alone is the common case, and shares one object with all others.
  if (table.policy !== undefined && Object.keys(table).length === 1) return table.policy;
  const {
    policy,
    delay,
    factor,
    max_delay: maxDelay,
    jitter,
    max_restarts: maxRestarts,
    within,
    reset_after: resetAfter,
    on_exhausted: onExhausted,
  } = table;
  return { policy, delay, factor, maxDelay, jitter, maxRestarts, within, resetAfter, onExhausted };
}
